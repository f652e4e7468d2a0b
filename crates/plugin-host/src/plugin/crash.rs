//! Kills the process of a plugin in the middle of a call, to see whether the plugin can live with
//! it. Only the conformance suite does that. It must not know what the plugin is asked.

use std::borrow::Cow;

use slugline_plugin_api::message::Request;
use slugline_plugin_api::protocol::{Call, FromPlugin, Problem, Replied, ToPlugin};

use crate::fault::Fault;
use crate::process::Deadline;
use crate::service::Services;
use crate::settings::Settings;

use super::{Plugin, hear, milliseconds, tell};

/// Where a call was when its process was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Killed {
    /// What it asked for was done, but it has never heard so.
    Asking,
    /// Its reply was on the way, but nobody has read it.
    Replying,
}

impl Plugin {
    /// Calls it, and kills its process (SIGKILL) when it asks for something for the time `at`, from
    /// 0; or when it replies, where it asks less often.
    pub(crate) fn kill_during(
        &self,
        request: &Request,
        at: usize,
        deadline: &Deadline,
        settings: &Settings,
    ) -> Result<Killed, Fault> {
        if let Some(partner) = self.partner(settings) {
            // There is no process to kill, but an answer can get lost.
            return partner?.lose(request, deadline).map(|()| Killed::Replying);
        }
        let killed = self.with_running(deadline, settings, |running| {
            let services = Services::during(&self.manifest, settings, request, deadline);
            running.calls += 1;
            let call = ToPlugin::Call(Box::new(Call {
                id: running.calls,
                time_ms: milliseconds(services.left()),
                request: Cow::Borrowed(request),
            }));
            tell(&mut running.process, &call, deadline)?;
            let mut asked = 0;
            loop {
                match hear(&mut running.process, settings, deadline)? {
                    FromPlugin::Ask(question) => {
                        let answer = services.perform(question);
                        if asked == at {
                            return Ok(Killed::Asking);
                        }
                        asked += 1;
                        tell(&mut running.process, &ToPlugin::Answer(answer), deadline)?;
                    }
                    FromPlugin::Reply(Replied { .. }) => return Ok(Killed::Replying),
                    FromPlugin::Failed(Problem::Error(what)) => return Err(Fault::Said(what)),
                    _ => return Err(Fault::Unasked),
                }
            }
        });
        // Dropping it kills it, and waits until it is gone.
        *self.running.borrow_mut() = None;
        killed
    }
}
