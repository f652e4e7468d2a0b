//! How a change tells what it is doing: its heading once nobody objects, the build's lines, and
//! the end of the line that it began.

use slugline_core::corridor::{Done, Engine, Failure, Progress, Request};
use slugline_core::operation::{Operation, Plan};
use slugline_core::release::Version;
use slugline_core::slug::Slug;

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::render;
use crate::ui::Ui;

/// Tells of one change.
pub struct Narrator<'a> {
    ui: &'a Ui,
    /// Says, from the plan, what begins: whole lines, and the beginning of the last one.
    heading: &'a dyn Fn(&Plan) -> String,
    /// Whether the buildpack's lines and the launch are shown: for deploys.
    build: bool,
    /// Build lines held back, to be shown if the build fails.
    held: Vec<String>,
    open_line: bool,
}

impl<'a> Narrator<'a> {
    /// For a change that is told in one line.
    pub fn new(ui: &'a Ui, heading: &'a dyn Fn(&Plan) -> String) -> Self {
        Self {
            ui,
            heading,
            build: false,
            held: Vec::new(),
            open_line: false,
        }
    }

    /// For what is told by its answer alone.
    pub fn silent(ui: &'a Ui) -> Self {
        Self::new(ui, &|_| String::new())
    }

    /// For a deploy, which shows its build.
    pub fn of_build(ui: &'a Ui) -> Self {
        Self {
            build: true,
            ..Self::silent(ui)
        }
    }

    /// Ends the line that was begun, if one was; an answer of its own is a line anyhow.
    fn ends(&mut self, text: &str) {
        if std::mem::take(&mut self.open_line) || !text.is_empty() {
            self.ui.data(text);
        }
    }

    /// Ends the line that was begun, where the change failed.
    fn fails(&mut self) {
        if std::mem::take(&mut self.open_line) {
            self.ui.data(" failed");
        }
        for line in std::mem::take(&mut self.held) {
            self.ui.status(line);
        }
    }
}

impl Progress for Narrator<'_> {
    fn waiting(&mut self, holder: &str) {
        self.ui.status(format_args!("Waiting for {holder}"));
    }

    fn recovered(&mut self, text: &str) {
        self.ui.status(text);
    }

    fn warning(&mut self, text: &str) {
        self.ui.warning(text);
    }

    fn begins(&mut self, plan: &Plan) {
        let heading = (self.heading)(plan);
        self.open_line = !heading.is_empty();
        self.ui.part(heading);
    }

    fn build_line(&mut self, line: &str) {
        if self.build {
            self.ui.data(line);
        } else {
            self.held.push(line.to_owned());
        }
    }

    fn compiled(&mut self, slug: &Slug) {
        self.held.clear();
        if self.build {
            self.ui.data(format_args!(
                "-----> Compiled slug size is {}",
                render::size(slug.size)
            ));
        }
    }

    fn releasing(&mut self, _version: Version) {
        if self.build {
            self.ui.data("-----> Running release command...");
        } else if self.open_line {
            self.ui.leave_line();
        }
    }

    fn release_line(&mut self, line: &str) {
        if self.build {
            self.ui.data(format_args!("       {line}"));
        } else {
            self.ui.status(format_args!("  {line}"));
        }
    }

    fn launching(&mut self, _version: Version) {
        if self.build {
            self.ui.part("-----> Launching...");
            self.open_line = true;
        }
    }
}

/// Makes a change: tells of it, answers with `answer` (the end of the line that the heading began,
/// or a line of its own), and delivers the outbox afterwards.
///
/// # Errors
/// What the corridor refuses, and what fails in it.
pub fn change(
    context: &Context,
    engine: &Engine<'_>,
    request: &Request<'_>,
    operation: &dyn Operation,
    narrator: &mut Narrator<'_>,
    answer: &dyn Fn(&Done) -> String,
) -> Outcome {
    let outcome = match engine.change(request, operation, narrator) {
        Ok(done) => {
            narrator.ends(&answer(&done));
            for line in done.messages.iter().flat_map(|message| message.lines()) {
                context.ui.data(format_args!("      {line}"));
            }
            Ok(done.crashed.as_ref().map_or(Status::Done, |(reason, log)| {
                crashed(&context.ui, done.release.version, reason, log)
            }))
        }
        Err(Failure::Nothing(text)) => {
            context.nothing(text);
            return Ok(Status::Done);
        }
        Err(failure @ Failure::Unhealthy { .. }) => {
            narrator.fails();
            Err(failure.into())
        }
        // What was refused left nothing to announce.
        Err(failure) => {
            narrator.fails();
            return Err(context.no_app(engine.ledger, failure.into(), request.app));
        }
    };
    context.announce(engine, request.app);
    outcome
}

/// S30: a first release that crashes stays, and is restarted.
fn crashed(ui: &Ui, version: Version, reason: &str, log: &[String]) -> Status {
    ui.warning(format_args!("{version} is current and crashes: {reason}"));
    for line in log {
        ui.warning(format_args!("  {line}"));
    }
    ui.warning("No earlier release runs in its place; it is started again with growing pauses.");
    Status::Crashed
}
