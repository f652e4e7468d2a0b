//! `--dry-run`: the plan as it is, in one form for every verb. Values of config vars are not shown.

use slugline_core::corridor::{Engine, Failure, Request};
use slugline_core::operation::{Code, Effect, Operation, Plan};
use slugline_core::price::Price;
use slugline_core::slug::Slug;
use slugline_core::state::{Difference, Differs, State};

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

/// Plans and checks, says what would be done, and does nothing.
///
/// # Errors
/// What the change itself would be refused for.
pub fn show(
    context: &Context,
    engine: &Engine<'_>,
    request: &Request<'_>,
    operation: &dyn Operation,
) -> Outcome {
    let planned = match engine.dry_run(request, operation) {
        Ok(planned) => planned,
        Err(Failure::Nothing(text)) => {
            context.ui.data(text);
            return Ok(Status::Done);
        }
        Err(failure) => {
            let error = CommandError::from(failure);
            return Err(context.no_app(engine.ledger, error, request.app));
        }
    };
    let addons = &planned.plan.addons;
    let resources = planned.resources.iter();
    let attached = resources.filter(|(service, _)| addons.contains_key(*service));
    let config = planned
        .plan
        .config_with(attached.map(|(_, resource)| resource))?;
    let next = planned.moment.last.next();
    context.ui.data(format_args!(
        "Would make {next} of {}: {}",
        request.app, planned.plan.change
    ));
    let after = State {
        config,
        ..State::default()
    };
    let lent = promised(engine, &planned.plan);
    let lines = lines(&planned.plan, after, lent);
    context
        .ui
        .lines(lines.into_iter().map(|line| format!("  {line}")));
    for warning in &planned.plan.warnings {
        context.ui.warning(warning);
    }
    context.ui.status("Nothing has been changed.");
    Ok(Status::Done)
}

/// The config vars that a new add-on may lend, as its manifest promises them.
fn promised(engine: &Engine<'_>, plan: &Plan) -> Vec<String> {
    let services = plan.effects.iter().filter_map(|effect| match effect {
        Effect::Provision { plan, .. } => engine.providers.catalogue().0.get(plan.service()),
        Effect::ChangePlan { .. } => None,
    });
    let keys = services.flat_map(|service| &service.config);
    keys.map(|key| format!("config  + {key}")).collect()
}

fn lines(plan: &Plan, after: State, promised: Vec<String>) -> Vec<String> {
    let after = State {
        slug: plan.before.slug.clone(),
        addons: plan.addons.clone(),
        ..after
    };
    let difference = Difference::between(&plan.before, &after);
    let mut lines = code(plan);
    lines.extend(config(&difference));
    lines.extend(promised);
    lines.extend(
        difference
            .added
            .iter()
            .map(|plan| format!("add-on  + {plan}")),
    );
    lines.extend(
        difference
            .removed
            .iter()
            .map(|plan| format!("add-on  - {plan}")),
    );
    lines.extend(plan.effects.iter().map(|effect| match effect {
        Effect::Provision { plan, .. } => format!("do      provision {plan}"),
        Effect::ChangePlan { plan, .. } => format!("do      move the resource to {plan}"),
    }));
    lines.extend(
        plan.deprovision
            .as_ref()
            .map(|_| "do      destroy the resource".to_owned()),
    );
    let bill = plan.bill();
    if bill.delta() != 0 {
        let (before, now) = (
            Price::from_cents(bill.before),
            Price::from_cents(bill.after),
        );
        lines.push(format!("bill    {before} -> {now}"));
    }
    lines
}

/// `config  + KEY`.
fn config(difference: &Difference) -> Vec<String> {
    let line = |(key, how): &(_, Differs)| format!("config  {} {key}", sign(*how));
    difference.config.iter().map(line).collect()
}

/// How a difference is marked.
pub fn sign(how: Differs) -> char {
    match how {
        Differs::Added => '+',
        Differs::Removed => '-',
        Differs::Changed => '~',
    }
}

fn code(plan: &Plan) -> Vec<String> {
    let short = |slug: &Option<Slug>| {
        slug.as_ref()
            .map_or("none".to_owned(), |slug| slug.commit.short().to_owned())
    };
    let before = short(&plan.before.slug);
    match &plan.code {
        Code::Take(slug) if short(slug) != before => {
            vec![format!("code    {before} -> {}", short(slug))]
        }
        Code::Take(_) => Vec::new(),
        Code::Compile { commit, .. } if commit.short() == before => Vec::new(),
        Code::Compile { commit, .. } => vec![format!("code    {before} -> {}", commit.short())],
    }
}
