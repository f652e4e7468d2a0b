//! How far a command reaches: what somebody at another machine must be permitted to run it (S43), or that it is
//! for one machine alone. It must not know what any command does.

use clap::ArgMatches;
use clap::parser::ValueSource;
use slugline_core::access::Permission;
use slugline_server::commands::Need;

/// Who may run a command from elsewhere.
#[derive(Clone, Copy, Debug)]
pub enum Reach {
    /// It is about the machine that it is typed at, wherever the apps are.
    Here,
    /// It is for the server's machine, at that machine.
    Server,
    /// Whoever has a token; it shows what that is good for.
    Token,
    /// Whoever may make apps.
    Making,
    /// Whoever may do everything at the server's machine.
    Machine,
    /// Whoever may do this with the app.
    App(Permission),
    /// Whoever may see the app, and do this where one of these arguments is given.
    Sets(Permission, &'static [&'static str]),
    /// Whoever may do this with the app that `--app` names; whoever may do everything where it names none.
    Either(Permission),
}

impl Reach {
    /// What is needed for what was typed; `None` where it cannot be run from elsewhere. `named` says whether
    /// `--app` was typed.
    pub fn need(self, matches: &ArgMatches, named: bool) -> Option<Need> {
        let given = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
        Some(match self {
            Self::Here | Self::Server => return None,
            Self::Token => Need::Token,
            Self::Making => Need::Beyond(Permission::Deploy),
            Self::Machine => Need::Machine,
            Self::App(permission) => Need::Of(permission),
            Self::Sets(permission, ids) if ids.iter().any(given) => Need::Of(permission),
            Self::Sets(..) => Need::Of(Permission::Read),
            Self::Either(permission) if named => Need::Of(permission),
            Self::Either(_) => Need::Machine,
        })
    }
}
