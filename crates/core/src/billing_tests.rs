//! Billing at the edges of calendars: where months meet, where years end, in leap years and where
//! clocks were held or put back. Instants are given in seconds and thousandths since 1970.

use super::*;

const DAY: i64 = 86_400;

/// 2012-02-01, 2012-03-01 and 2012-04-01 at midnight, UTC; 2012 is a leap year.
const FEBRUARY: i64 = 1_328_054_400;
const MARCH: i64 = FEBRUARY + 29 * DAY;
const APRIL: i64 = MARCH + 31 * DAY;
/// 2012-06-01 and 2012-07-01: 23:59:60 on 30 June was a leap second.
const JUNE: i64 = 1_338_508_800;
const JULY: i64 = 1_341_100_800;
/// 2012-12-01, 2013-01-01 and 2013-02-01.
const DECEMBER: i64 = 1_354_320_000;
const JANUARY: i64 = DECEMBER + 31 * DAY;
const AFTER_JANUARY: i64 = JANUARY + 31 * DAY;

fn at(seconds: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "whole thousandths")]
    let ms = (seconds * 1000.0).round() as i64;
    Timestamp(ms)
}

#[expect(clippy::cast_precision_loss, reason = "these seconds fit")]
fn whole(seconds: i64) -> f64 {
    seconds as f64
}

fn month(label: &str, from: i64, to: i64) -> Month {
    Month {
        label: label.to_owned(),
        from: Timestamp(from * 1000),
        to: Timestamp(to * 1000),
    }
}

fn used(app: &str, plan: &str, cents: u64, from: f64, to: Option<f64>) -> Usage {
    Usage {
        app: AppName::new(app).unwrap(),
        owner: Actor::new("jim@example.com").unwrap(),
        plan: plan.parse().unwrap(),
        price: Price::from_cents(cents),
        from: at(from),
        to: to.map(at),
    }
}

/// Each line as `month app plan seconds cents`.
#[track_caller]
fn check(usage: &[Usage], months: &[Month], now: f64, expected: &[&str]) {
    let found: Vec<String> = lines(usage, months, at(now))
        .iter()
        .map(|line| {
            let Line {
                month,
                app,
                plan,
                seconds,
                cents,
                ..
            } = line;
            format!("{month} {app} {plan} {seconds} {cents}")
        })
        .collect();
    assert_eq!(found, expected);
}

fn spring() -> [Month; 2] {
    [
        month("2012-02", FEBRUARY, MARCH),
        month("2012-03", MARCH, APRIL),
    ]
}

#[test]
fn a_whole_month_costs_the_price_whatever_its_length() {
    let usage = [used("shop", "memcache:100mb", 2000, 0.0, None)];
    check(
        &usage,
        &spring(),
        whole(APRIL + 5),
        &[
            "2012-02 shop memcache:100mb 2505600 2000",
            "2012-03 shop memcache:100mb 2678400 2000",
        ],
    );
    let ordinary = [month("2013-02", AFTER_JANUARY, AFTER_JANUARY + 28 * DAY)];
    let later = whole(AFTER_JANUARY + 40 * DAY);
    check(
        &usage,
        &ordinary,
        later,
        &["2013-02 shop memcache:100mb 2419200 2000"],
    );
}

#[test]
fn a_leap_day_is_a_twenty_ninth_of_its_month() {
    let leap_day = (whole(MARCH - DAY), Some(whole(MARCH)));
    let usage = [used("shop", "memcache:100mb", 2900, leap_day.0, leap_day.1)];
    check(
        &usage,
        &spring(),
        whole(APRIL),
        &["2012-02 shop memcache:100mb 86400 100"],
    );
}

#[test]
fn use_across_a_boundary_is_in_both_months_and_no_second_in_two() {
    let (from, to) = (whole(MARCH) - 1.5, whole(MARCH) + 2.25);
    let usage = [used("shop", "memcache:100mb", 2000, from, Some(to))];
    check(
        &usage,
        &spring(),
        whole(APRIL),
        &[
            "2012-02 shop memcache:100mb 2 0",
            "2012-03 shop memcache:100mb 2 0",
        ],
    );
    // What ends with the month is not in the next, and what begins with it not in the one before.
    let usage = [
        used("blog", "memcache:free", 0, whole(MARCH), Some(whole(APRIL))),
        used(
            "shop",
            "memcache:free",
            0,
            whole(FEBRUARY),
            Some(whole(MARCH)),
        ),
    ];
    check(
        &usage,
        &spring(),
        whole(APRIL),
        &[
            "2012-02 shop memcache:free 2505600 0",
            "2012-03 blog memcache:free 2678400 0",
        ],
    );
}

#[test]
fn a_year_ends_like_any_month() {
    let months = [
        month("2012-12", DECEMBER, JANUARY),
        month("2013-01", JANUARY, AFTER_JANUARY),
    ];
    let (from, to) = (whole(JANUARY - DAY), whole(JANUARY + DAY));
    check(
        &[used("shop", "memcache:100mb", 3100, from, Some(to))],
        &months,
        whole(AFTER_JANUARY),
        &[
            "2012-12 shop memcache:100mb 86400 100",
            "2013-01 shop memcache:100mb 86400 100",
        ],
    );
}

#[test]
fn a_leap_second_is_nobodys() {
    // Unix time has no number for it: the minute before July has 60 numbers, as all have.
    let june = [month("2012-06", JUNE, JULY)];
    let last_minute = [used(
        "shop",
        "memcache:100mb",
        2000,
        whole(JULY - 60),
        Some(whole(JULY)),
    )];
    check(
        &last_minute,
        &june,
        whole(JULY),
        &["2012-06 shop memcache:100mb 60 0"],
    );
    let all = [used(
        "shop",
        "memcache:100mb",
        2000,
        whole(JUNE),
        Some(whole(JULY)),
    )];
    check(
        &all,
        &june,
        whole(JULY),
        &["2012-06 shop memcache:100mb 2592000 2000"],
    );
}

#[test]
fn months_of_any_length_are_prorated_over_that_length() {
    // March where clocks are put forward has an hour less; a calendar at the edge may say so.
    let short = [month("2012-03", MARCH, APRIL - 3600)];
    let usage = [used("shop", "memcache:100mb", 2000, 0.0, None)];
    check(
        &usage,
        &short,
        whole(APRIL),
        &["2012-03 shop memcache:100mb 2674800 2000"],
    );
}

#[test]
fn what_goes_on_is_counted_until_now() {
    let open = [used("shop", "memcache:100mb", 3100, whole(MARCH), None)];
    let march = [month("2012-03", MARCH, APRIL)];
    check(
        &open,
        &march,
        whole(MARCH + 3 * DAY),
        &["2012-03 shop memcache:100mb 259200 300"],
    );
    check(
        &open,
        &march,
        whole(MARCH),
        &["2012-03 shop memcache:100mb 0 0"],
    );
    // Nothing has been used of a month to come, nor where the clock has gone back.
    check(
        &open,
        &[month("2012-04", APRIL, APRIL + 30 * DAY)],
        whole(APRIL - 1),
        &[],
    );
    check(
        &open,
        &march,
        whole(MARCH - DAY),
        &["2012-03 shop memcache:100mb 0 0"],
    );
}

#[test]
fn what_came_and_went_within_a_second_is_listed_and_costs_nothing() {
    let start = whole(MARCH + DAY);
    let march = [month("2012-03", MARCH, APRIL)];
    for (from, to, seconds) in [(0.1, 0.9, 0), (0.5, 0.5, 0), (0.9, 1.1, 1)] {
        let brief = [used(
            "shop",
            "memcache:100mb",
            2000,
            start + from,
            Some(start + to),
        )];
        let expected = format!("2012-03 shop memcache:100mb {seconds} 0");
        check(&brief, &march, whole(APRIL), &[&expected]);
    }
    let edge = [used(
        "shop",
        "memcache:100mb",
        2000,
        whole(APRIL),
        Some(whole(APRIL)),
    )];
    check(&edge, &march, whole(APRIL), &[]);
}

#[test]
fn a_change_of_plan_loses_no_second_and_counts_none_twice() {
    let moment = whole(MARCH + 10 * DAY) + 0.4;
    let usage = [
        used(
            "shop",
            "memcache:100mb",
            2000,
            whole(FEBRUARY),
            Some(moment),
        ),
        used("shop", "memcache:1gb", 9000, moment, None),
    ];
    let march = [month("2012-03", MARCH, APRIL)];
    check(
        &usage,
        &march,
        whole(APRIL),
        &[
            "2012-03 shop memcache:100mb 864000 645",
            "2012-03 shop memcache:1gb 1814400 6097",
        ],
    );
    let all: u64 = lines(&usage, &march, at(whole(APRIL)))
        .iter()
        .map(|line| line.seconds)
        .sum();
    assert_eq!(all, 31 * 86_400);
}

#[test]
fn one_plan_had_twice_is_one_line_rounded_once() {
    // A quarter of a cent is nothing; twice a quarter is half a cent, which is rounded up.
    let half = whole(15 * DAY + DAY / 2);
    let start = whole(MARCH);
    let usage = [
        used("shop", "memcache:100mb", 1, start, Some(start + half / 2.0)),
        used(
            "shop",
            "memcache:100mb",
            1,
            start + half,
            Some(start + half * 1.5),
        ),
    ];
    let march = [month("2012-03", MARCH, APRIL)];
    check(
        &usage,
        &march,
        whole(APRIL),
        &["2012-03 shop memcache:100mb 1339200 1"],
    );
    check(
        &usage[..1],
        &march,
        whole(APRIL),
        &["2012-03 shop memcache:100mb 669600 0"],
    );
}

#[test]
fn the_same_plan_at_two_prices_is_two_lines() {
    let (from, to) = (whole(MARCH), whole(MARCH + DAY));
    let usage = [
        used("shop", "memcache:100mb", 3100, from, Some(to)),
        used(
            "shop",
            "memcache:100mb",
            6200,
            to,
            Some(whole(MARCH + 2 * DAY)),
        ),
    ];
    check(
        &usage,
        &[month("2012-03", MARCH, APRIL)],
        whole(APRIL),
        &[
            "2012-03 shop memcache:100mb 86400 100",
            "2012-03 shop memcache:100mb 86400 200",
        ],
    );
}

#[test]
fn an_app_that_is_gone_and_one_of_its_name_are_billed_together() {
    let gone = used(
        "shop",
        "memcache:100mb",
        3100,
        whole(MARCH),
        Some(whole(MARCH + DAY)),
    );
    let mut again = used("shop", "memcache:100mb", 3100, whole(MARCH + 2 * DAY), None);
    let march = [month("2012-03", MARCH, APRIL)];
    let both = [gone.clone(), again.clone()];
    check(
        &both,
        &march,
        whole(MARCH + 3 * DAY),
        &["2012-03 shop memcache:100mb 172800 200"],
    );
    again.owner = Actor::new("eve@example.com").unwrap();
    let lines = lines(&[gone, again], &march, at(whole(MARCH + 3 * DAY)));
    let by_owner = totals(&lines, |line| line.owner.as_str());
    assert_eq!(
        by_owner,
        [("eve@example.com", 100), ("jim@example.com", 100)].into()
    );
    assert_eq!(total(&lines), 200);
}

#[test]
fn the_highest_price_for_ever_is_still_counted() {
    let usage = [used("shop", "memcache:gold", Price::MAX_CENTS, 0.0, None)];
    let ages = [month("ages", 0, i64::MAX / 1000)];
    let found = lines(&usage, &ages, Timestamp(i64::MAX));
    assert_eq!(found[0].cents, Price::MAX_CENTS);
}
