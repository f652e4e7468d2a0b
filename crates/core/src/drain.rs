//! Where the lines of an app's log are sent: adding such a place, and taking one away. It must not know where
//! that is said, nor how lines get there.

use crate::app::AppName;
use crate::corridor::Failure;
use crate::refusal::Refusal;
use crate::settings::{Drain, Settings};

/// The most drains of one app: each line is sent to every one.
pub const MOST: usize = 10;

/// The name of a drain, of four random bytes.
#[must_use]
pub fn name(random: [u8; 4]) -> String {
    format!("d{:08x}", u32::from_be_bytes(random))
}

/// Adds a drain, of an address that who sends has checked. One of that address changes nothing.
///
/// # Errors
/// [`Failure::Refused`] where there are [`MOST`] already.
pub fn add(app: &AppName, settings: &mut Settings, drain: &Drain) -> Result<(), Failure> {
    if settings.drains.iter().any(|other| other.url == drain.url) {
        return Ok(());
    }
    if settings.drains.len() >= MOST {
        let refusal = Refusal::new(format!("{app} has {MOST} log drains already"));
        return Err(refusal.hint("Remove one: slugline drains:remove ID").into());
    }
    settings.drains.push(drain.clone());
    Ok(())
}

/// Takes a drain away, named by its name or its whole address.
///
/// # Errors
/// [`Failure::Refused`] where there is none.
pub fn remove(app: &AppName, settings: &mut Settings, wanted: &str) -> Result<(), Failure> {
    let before = settings.drains.len();
    settings
        .drains
        .retain(|drain| drain.id != wanted && drain.url != wanted);
    if settings.drains.len() < before {
        return Ok(());
    }
    let refusal = Refusal::new(format!("{app} has no such log drain"));
    Err(refusal.hint("Those that it has: slugline drains").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_ten_at_most_and_each_once() {
        let app = AppName::new("shop").unwrap();
        let mut settings = Settings::default();
        let drain = |number: u8| Drain {
            id: name([0, 0, 0, number]),
            url: format!("syslog://example.com:{number}"),
        };
        for number in 1..=10 {
            add(&app, &mut settings, &drain(number)).unwrap();
        }
        add(&app, &mut settings, &drain(1)).unwrap();
        assert_eq!(settings.drains.len(), MOST);
        let text = add(&app, &mut settings, &drain(11)).unwrap_err();
        assert!(text.to_string().contains("10 log drains already"), "{text}");
        remove(&app, &mut settings, "d00000003").unwrap();
        remove(&app, &mut settings, "syslog://example.com:4").unwrap();
        assert!(remove(&app, &mut settings, "d00000003").is_err());
        assert_eq!(settings.drains.len(), 8);
    }
}
