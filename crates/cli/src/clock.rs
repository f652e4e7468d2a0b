//! The clock of this machine, and its random names. `SLUGLINE_NOW` stops the clock, for tests.

use slugline_core::port::{Clock, Ids};
use slugline_core::resource::ResourceId;
use slugline_core::time::Timestamp;

use crate::env::Env;
use crate::error::CommandError;

/// Tells the time of this machine, or one instant for ever.
pub struct MachineClock(Option<Timestamp>);

impl MachineClock {
    /// Stopped at `SLUGLINE_NOW` (RFC 3339) where that is set.
    pub fn new(env: &Env) -> Result<Self, CommandError> {
        let Some(text) = env.get("SLUGLINE_NOW") else {
            return Ok(Self(None));
        };
        let instant: jiff::Timestamp = text.parse().map_err(|error| {
            CommandError::usage(format!("SLUGLINE_NOW={text} is not a time: {error}"))
        })?;
        Ok(Self(Some(Timestamp(instant.as_millisecond()))))
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        self.0
            .unwrap_or_else(|| Timestamp(jiff::Timestamp::now().as_millisecond()))
    }
}

/// Random names.
pub struct RandomIds;

impl Ids for RandomIds {
    fn resource(&self) -> ResourceId {
        let bytes: [u8; 16] = random();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match ResourceId::new(&hex) {
            Ok(id) => id,
            Err(_) => unreachable!("16 bytes are 32 hexadecimal digits"),
        }
    }
}

/// Random bytes from the kernel.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        unreachable!("Linux answers getrandom once it has booted");
    }
    bytes
}
