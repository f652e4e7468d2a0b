//! Months of the calendar, for bills: in UTC, so that one ledger makes the same bill wherever it is
//! read, and no month has an hour more or less.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use slugline_core::billing::Month;
use slugline_core::time::Timestamp;

use crate::error::CommandError;

/// The month that is written `2026-11`.
///
/// # Errors
/// Where it is written otherwise, or there is no such month.
pub fn month(text: &str) -> Result<Month, CommandError> {
    let wrong = || CommandError::usage(format!("{text:?} is no month: write it as 2026-11"));
    let (year, number) = text.split_once('-').ok_or_else(wrong)?;
    let digits =
        |part: &str, count| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(year, 4) || !digits(number, 2) {
        return Err(wrong());
    }
    let (year, number) = (year.parse().ok(), number.parse().ok());
    let first = year
        .zip(number)
        .and_then(|(year, number)| Date::new(year, number, 1).ok());
    first.and_then(beginning).ok_or_else(wrong)
}

/// The instant that is so long before `now` (`30m`, `12h`, `2d`, `3w`), or at which this date
/// (`2026-11-20`) begins where this machine is, or that is written out (RFC 3339).
///
/// # Errors
/// Where it is none of them.
pub fn since(text: &str, now: Timestamp) -> Result<Timestamp, CommandError> {
    let wrong = || {
        CommandError::usage(format!(
            "{text:?} is no time: write it as 2d, 12h, 30m or 2026-11-20"
        ))
    };
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp(instant.as_millisecond()));
    }
    if let Ok(date) = text.parse::<Date>() {
        let begins = date.to_zoned(TimeZone::system()).map_err(|_| wrong())?;
        return Ok(Timestamp(begins.timestamp().as_millisecond()));
    }
    Ok(Timestamp(
        now.0.saturating_sub(age(text).ok_or_else(wrong)?),
    ))
}

/// The instant that is so long after `now`: `30m`, `12h`, `2d`, `3w`.
///
/// # Errors
/// Where it is none of them.
pub fn later(text: &str, now: Timestamp) -> Result<Timestamp, CommandError> {
    let age = age(text).ok_or_else(|| {
        CommandError::usage(format!(
            "{text:?} is no time: write it as 30m, 12h, 2d or 3w"
        ))
    })?;
    Ok(Timestamp(now.0.saturating_add(age)))
}

/// Milliseconds.
fn age(text: &str) -> Option<i64> {
    let seconds: i64 = match text.chars().next_back()? {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let count: u32 = text[..text.len() - 1].parse().ok()?;
    Some(i64::from(count) * seconds * 1000)
}

/// The months from the one that `first` lies in to the one that `last` lies in.
pub fn months(first: Timestamp, last: Timestamp) -> Vec<Month> {
    let mut months = Vec::new();
    let mut next = date(first).map(Date::first_of_month);
    while let Some(month) = next.and_then(beginning).filter(|month| month.from <= last) {
        months.push(month);
        next = next.and_then(|date| date.checked_add(1.month()).ok());
    }
    months
}

fn date(at: Timestamp) -> Option<Date> {
    let at = jiff::Timestamp::from_millisecond(at.0).ok()?;
    Some(at.to_zoned(TimeZone::UTC).date())
}

/// The month that begins on this day.
fn beginning(first: Date) -> Option<Month> {
    let instant = |date: Date| {
        let midnight = date.to_zoned(TimeZone::UTC).ok()?;
        Some(Timestamp(midnight.timestamp().as_millisecond()))
    };
    Some(Month {
        label: first.strftime("%Y-%m").to_string(),
        from: instant(first)?,
        to: instant(first.checked_add(1.month()).ok()?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_as_long_as_it_is() {
        let check = |text: &str, days: i64| {
            let month = month(text).unwrap();
            assert_eq!((month.to.0 - month.from.0) / 86_400_000, days, "{text}");
            assert_eq!((month.label.as_str(), month.from.0 % 86_400_000), (text, 0));
        };
        check("2010-09", 30);
        check("2012-02", 29);
        check("2100-02", 28);
        check("2012-12", 31);
        // March has an hour less where clocks are put forward, but not in UTC.
        check("2012-03", 31);
        assert_eq!(month("1970-01").unwrap().from, Timestamp(0));
    }

    #[test]
    fn an_age_or_an_instant_is_a_time() {
        let now = Timestamp(10 * 604_800_000);
        let check = |text: &str, expected: i64| {
            assert_eq!(since(text, now).unwrap(), Timestamp(expected), "{text}");
        };
        check("30m", now.0 - 1_800_000);
        check("2d", now.0 - 172_800_000);
        check("10w", 0);
        check("1970-01-01T00:00:01Z", 1000);
        for bad in [
            "",
            "d",
            "2",
            "-2d",
            "2y",
            "yesterday",
            "2026-13-01",
            "\u{e9}",
        ] {
            assert!(since(bad, now).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_month_is_refused() {
        for bad in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "26-11",
            "2026-11-01",
            "-026-11",
            "9999-12",
        ] {
            assert!(month(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn months_follow_each_other_without_a_gap() {
        let (december, march) = (month("2011-12").unwrap(), month("2012-03").unwrap());
        let found = months(Timestamp(december.to.0 - 1), march.from);
        let labels: Vec<_> = found.iter().map(|month| month.label.as_str()).collect();
        assert_eq!(labels, ["2011-12", "2012-01", "2012-02", "2012-03"]);
        assert!(found.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert_eq!(months(march.from, december.from), []);
        assert_eq!(months(Timestamp(i64::MIN), march.from), []);
    }
}
