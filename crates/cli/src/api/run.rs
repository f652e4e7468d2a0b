//! Commands that the API is asked to run once, started as `slugline run` starts them. It must not know how
//! a client comes to what they read and write.

use slugline_core::port::LaunchSpec;
use slugline_runtime::Given;
use slugline_server::backend::{Attach, Begun, Held, Unavailable};

use crate::commands::run::start_once;
use crate::context::Context;

/// Starts one.
///
/// # Errors
/// Where the slug cannot be unpacked, or the daemon does not start it.
pub fn begin(
    context: &Context,
    launch: &LaunchSpec,
    command: &str,
    attach: Attach,
) -> Result<Begun, Unavailable> {
    let begun = start_once(context, launch, |control, spec, _in_use| {
        let given = match attach {
            Attach::Log => {
                let name = control.run_detached(spec, command)?;
                return Ok(Begun { name, held: None });
            }
            Attach::Pipes => Given::Pipes,
            Attach::Terminal(columns, lines) => Given::Terminal(columns, lines),
        };
        let one = control.run_held(spec, command, given)?;
        Ok(Begun {
            name: one.name,
            held: Some(Held {
                input: one.input,
                output: one.output,
                alive: Box::new(one.alive),
            }),
        })
    });
    begun.map_err(|error| Unavailable(error.text))
}
