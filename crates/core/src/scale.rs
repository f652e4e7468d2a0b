//! How many processes of each type are to run: exactly so many, or more or fewer than there are. It must
//! not know where that is said, nor how they are started.

use crate::corridor::Failure;
use crate::port::Moment;
use crate::refusal::Refusal;
use crate::settings::{Formation, Settings};
use crate::suggest::nearest;

/// How many there are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// `2`
    Exactly(u32),
    /// `+1`
    More(u32),
    /// `-1`; no fewer than none.
    Fewer(u32),
}

/// Text that says no number of processes.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no number of processes: write 2, +1 or -1")]
pub struct InvalidCount(String);

impl std::str::FromStr for Count {
    type Err = InvalidCount;

    fn from_str(text: &str) -> Result<Self, InvalidCount> {
        let invalid = || InvalidCount(text.chars().take(20).collect());
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| plain).ok_or_else(invalid)?;
        Ok(match text.as_bytes().first() {
            Some(b'+') => Self::More(number),
            Some(b'-') => Self::Fewer(number),
            _ => Self::Exactly(number),
        })
    }
}

/// The types of processes of an app that are kept running.
#[must_use]
pub fn types(moment: &Moment) -> Vec<&str> {
    let slug = moment.state.slug.iter();
    let types = slug
        .flat_map(|slug| slug.processes.keys())
        .map(String::as_str);
    types.filter(|kind| *kind != "release").collect()
}

/// Refuses a type that the app does not have.
///
/// # Errors
/// [`Failure::Refused`], with those that it has.
pub fn known(kind: &str, moment: &Moment) -> Result<(), Failure> {
    let types = types(moment);
    if types.contains(&kind) {
        return Ok(());
    }
    let refusal = Refusal::new(format!("{} has no process type {kind}", moment.app.name));
    let hint = match nearest(kind, types.iter().copied()) {
        Some(meant) => format!("Did you mean {meant}?"),
        None if types.is_empty() => "Deploy it: git push slugline main".to_owned(),
        None => format!("It has: {}", types.join(", ")),
    };
    Err(refusal.hint(hint).into())
}

/// Sets how many processes of a type are to run.
///
/// # Errors
/// [`Failure::Refused`] where the app has no such type, or those would be too many.
pub fn scale(
    moment: &Moment,
    settings: &mut Settings,
    (kind, count): (&str, Count),
) -> Result<(), Failure> {
    known(kind, moment)?;
    let formation = settings.formation.entry(kind.to_owned()).or_default();
    let count = match count {
        Count::Exactly(count) => count,
        Count::More(more) => formation.count.saturating_add(more),
        Count::Fewer(fewer) => formation.count.saturating_sub(fewer),
    };
    if count > Formation::MAX_COUNT {
        let most = Formation::MAX_COUNT;
        return Err(Refusal::new(format!("{kind}: at most {most} processes of a type run")).into());
    }
    formation.count = count;
    if *formation == Formation::default() {
        settings.formation.remove(kind);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_exact_or_a_difference() {
        for (text, count) in [
            ("2", Count::Exactly(2)),
            ("0", Count::Exactly(0)),
            ("+1", Count::More(1)),
            ("-3", Count::Fewer(3)),
        ] {
            assert_eq!(text.parse(), Ok(count));
        }
        for bad in ["", "+", "++1", "1.5", "x", "1 ", "99999999999"] {
            assert!(bad.parse::<Count>().is_err(), "{bad:?}");
        }
    }
}
