//! What the daemon is told of a release that is watched: the opinions of the plugins that have one.
//! It must not know what is done about a bad one.

use slugline_core::app::AppName;
use slugline_core::port::{Opinions, Seen};
use slugline_core::release::Version;
use slugline_runtime::Opinion;

use crate::args::Global;
use crate::context::Context;
use crate::env::Env;
use crate::error::CommandError;
use crate::ui::Ui;

/// Asks the plugins what they think of a release. One that fails has no opinion, and the app's log
/// says that it failed.
pub fn opinion(ui: Ui, env: &Env, app: &AppName, version: Version, seen: &Seen) -> Opinion {
    match ask(ui, env, app, version, seen) {
        Ok(opinions) => of_plugins(version, opinions.unwrap_or_default()),
        Err(error) => Opinion {
            said: vec![format!(
                "no plugin is asked about {version}: {}",
                error.text.lines().next().unwrap_or_default()
            )],
            ..Opinion::default()
        },
    }
}

fn ask(
    ui: Ui,
    env: &Env,
    app: &AppName,
    version: Version,
    seen: &Seen,
) -> Result<Option<Opinions>, CommandError> {
    let context = Context::new(ui, env.clone(), Global::default())?;
    let wired = context.wired()?;
    Ok(wired.engine().opinions(app, version, seen)?)
}

fn of_plugins(version: Version, opinions: Opinions) -> Opinion {
    let failed = opinions.failures.iter();
    let failed = failed.map(|error| format!("{error}. That does not make {version} bad."));
    let bad = opinions.bad.iter();
    let bad: Vec<_> = bad
        .map(|it| format!("{}: {}", it.plugin, one_line(&it.reason)))
        .collect();
    Opinion {
        bad: (!bad.is_empty()).then(|| bad.join("; ")),
        content: opinions.good.into_iter().collect(),
        said: failed.collect(),
    }
}

fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(" ")
}
