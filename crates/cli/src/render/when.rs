//! When something happened, as the history shows it: how long ago within a day, local time from
//! one day on.

use std::cell::OnceCell;

use jiff::tz::TimeZone;
use slugline_core::time::Timestamp;

/// Says when things happened, seen from one instant. The machine's time zone is looked up only
/// when something is old enough to need it.
pub struct When {
    now: Timestamp,
    /// Whether `TZ` names the zone.
    named: bool,
    zone: OnceCell<TimeZone>,
}

impl When {
    /// Seen from this instant, in the zone that `TZ` names, if it is set, or else the machine's.
    pub fn new(now: Timestamp, named: bool) -> Self {
        Self {
            now,
            named,
            zone: OnceCell::new(),
        }
    }

    /// `5 minutes ago`, or `2010-09-12 15:32:17 -0700`.
    pub fn say(&self, at: Timestamp) -> String {
        let seconds = self.now.seconds_since(at);
        let (count, unit) = match seconds {
            0..60 => (seconds, "second"),
            60..3_600 => (seconds / 60, "minute"),
            3_600..86_400 => (seconds / 3_600, "hour"),
            _ => return self.local(at),
        };
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {unit}{plural} ago")
    }

    fn local(&self, at: Timestamp) -> String {
        let instant = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
        let zone = self.zone.get_or_init(|| zone(self.named));
        instant
            .to_zoned(zone.clone())
            .strftime("%Y-%m-%d %H:%M:%S %z")
            .to_string()
    }
}

/// Without `TZ`, straight from the file that names the machine's zone: looking the name up would
/// walk the whole database of zones, which takes longer than all the rest of a command.
fn zone(named: bool) -> TimeZone {
    if !named
        && let Ok(bytes) = std::fs::read("/etc/localtime")
        && let Ok(zone) = TimeZone::tzif("local", &bytes)
    {
        return zone;
    }
    TimeZone::system()
}

/// An instant for programs: RFC 3339 in UTC.
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .unwrap_or_default()
        .to_string()
}

/// How long something has been: `12s`, `3m`, `2h`, `5d`.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_units_until_a_day_has_passed() {
        let now: jiff::Timestamp = "2010-09-13T15:32:17-07:00".parse().unwrap();
        let check = |seconds: i64, text: &str| {
            let now = Timestamp(now.as_millisecond());
            let zone = OnceCell::from(TimeZone::fixed(jiff::tz::offset(-7)));
            let when = When {
                now,
                zone,
                named: false,
            };
            assert_eq!(when.say(Timestamp(now.0 - seconds * 1000)), text);
        };
        check(-5, "0 seconds ago");
        check(0, "0 seconds ago");
        check(1, "1 second ago");
        check(59, "59 seconds ago");
        check(60, "1 minute ago");
        check(3_599, "59 minutes ago");
        check(3_600, "1 hour ago");
        check(86_399, "23 hours ago");
        check(86_400, "2010-09-12 15:32:17 -0700");
    }
}
