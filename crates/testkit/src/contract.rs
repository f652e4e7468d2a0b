//! The contract of the ledger, as cases that every ledger must pass: each takes a fresh one and
//! panics where it does not keep a promise of [`slugline_core::port::Ledger`]. It must not know
//! which ledger it is given.
//!
//! [`ledger_contract!`](crate::ledger_contract) makes one test of each case.

pub mod history;
pub mod losing;
pub mod numbers;
pub mod surroundings;
pub mod unfinished;
pub mod usage;

/// Makes a test of each case of the contract. It is given a function that takes a case,
/// `fn(&dyn Ledger)`, and calls it with a fresh ledger.
#[macro_export]
macro_rules! ledger_contract {
    ($with_fresh:path) => {
        $crate::ledger_contract!(@cases $with_fresh;
            numbers::grow_by_one_without_gaps,
            numbers::each_app_counts_on_its_own,
            numbers::a_pending_release_is_not_current,
            numbers::a_failed_release_is_never_current,
            numbers::only_a_pending_release_is_settled,
            numbers::an_old_release_settled_late_does_not_become_current,
            numbers::the_newest_deploy_outlives_other_releases,
            numbers::the_code_pin_is_set_by_settle_and_by_hand,
            history::is_listed_newest_first_in_pages,
            history::each_release_keeps_the_state_it_was_recorded_with,
            history::each_release_names_the_plugins_that_were_asked,
            history::a_number_without_a_release_says_so,
            history::a_failed_release_has_a_state_and_leaves_none,
            history::values_come_back_byte_for_byte,
            history::equal_digests_are_not_equal_slugs,
            history::a_first_tier_is_in_no_release,
            history::a_first_tier_stays_when_a_release_fails,
            history::a_first_tier_goes_with_the_release_that_removes_it,
            losing::pruned_releases_are_gone_and_the_rest_is_as_it_was,
            losing::current_and_pending_releases_are_not_pruned,
            losing::pinned_releases_are_not_pruned,
            losing::pruned_numbers_never_come_back,
            losing::a_pruned_failure_is_still_what_the_next_release_follows,
            losing::many_gaps_at_once_leave_the_rest_as_it_was,
            losing::slugs_are_in_use_as_long_as_something_refers_to_them,
            losing::what_is_kept_beside_a_release_goes_with_it,
            losing::a_destroyed_app_is_gone_and_its_name_is_free,
            usage::is_of_what_is_current_from_settle_to_settle,
            usage::a_change_of_plan_or_price_begins_anew,
            usage::failed_and_late_releases_write_nothing,
            usage::a_first_tier_is_used_from_its_installation_on,
            usage::outlives_pruning_and_its_app,
            usage::is_asked_for_by_time,
            surroundings::names_of_apps_are_taken_once,
            surroundings::what_needs_an_app_says_that_there_is_none,
            surroundings::a_branch_is_set_and_unset,
            surroundings::settings_are_kept_and_a_host_belongs_to_one_app,
            surroundings::resources_are_kept_until_they_are_removed,
            surroundings::the_outbox_keeps_its_order,
            surroundings::locks_of_one_app_and_of_two_are_apart,
            unfinished::an_effect_moves_with_its_resource,
            unfinished::the_journal_goes_with_the_settlement,
            unfinished::what_is_left_to_do_is_found,
            unfinished::resources_without_an_app_are_found,
            unfinished::an_owners_other_apps_cost_what_they_have_now,
        );
    };
    (@cases $with_fresh:path; $($group:ident::$case:ident,)*) => {
        $(
            #[test]
            fn $case() {
                $with_fresh($crate::contract::$group::$case);
            }
        )*
    };
}
