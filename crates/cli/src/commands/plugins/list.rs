//! `slugline plugins`

use serde::Serialize;
use slugline_plugin_host::Containment;

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::render::table::table;

#[derive(clap::Args)]
pub struct Args {
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct PluginJson {
    name: String,
    version: String,
    summary: String,
    source: String,
    addons: Vec<String>,
    tiers: Vec<String>,
    hooks: Vec<String>,
}

#[derive(Serialize)]
struct ListJson<'a> {
    plugins: &'a [PluginJson],
    /// `null` where it could not be found out.
    containment: Option<Containment>,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let host = context.plugin_host()?;
    let plugins: Vec<PluginJson> = host
        .plugins()
        .into_iter()
        .map(|plugin| PluginJson {
            name: plugin.name.to_string(),
            version: plugin.version.to_string(),
            summary: plugin.summary.to_string(),
            source: plugin.source.to_string(),
            addons: plugin.services.iter().map(ToString::to_string).collect(),
            tiers: plugin.tiers.iter().map(ToString::to_string).collect(),
            hooks: plugin.hooks.iter().map(ToString::to_string).collect(),
        })
        .collect();
    let containment = host.containment();
    if args.json {
        let list = ListJson {
            plugins: &plugins,
            containment: containment.as_ref().ok().copied(),
        };
        context.ui.data(serde_json::to_string_pretty(&list)?);
        return Ok(Status::Done);
    }
    let row = |plugin: &PluginJson| {
        let parts: Vec<_> = plugin
            .addons
            .iter()
            .chain(&plugin.tiers)
            .chain(&plugin.hooks)
            .cloned()
            .collect();
        vec![
            plugin.name.clone(),
            plugin.version.clone(),
            plugin.source.clone(),
            parts.join(", "),
        ]
    };
    let rows: Vec<_> = plugins.iter().map(row).collect();
    context
        .ui
        .lines(table(&["Plugin", "Version", "From", "Provides"], &rows));
    match containment {
        Ok(held) => {
            if let Some(line) = kept_from(held) {
                context.ui.status(line);
            }
            if let Some(line) = not_kept_from(held) {
                context.ui.warning(line);
            }
        }
        Err(why) => context
            .ui
            .warning(format_args!("What holds plugins here is not known: {why}")),
    }
    Ok(Status::Done)
}

/// What a plugin may not do, with what of the kernel prevents it, where it does.
fn parts(held: Containment) -> [(bool, &'static str); 4] {
    [
        (held.system_calls, "starting programs (seccomp)"),
        (held.files, "opening files (Landlock)"),
        (held.network, "TCP (Landlock)"),
        (held.signals, "signalling others (Landlock)"),
    ]
}

fn listed(held: Containment, which: bool) -> Option<String> {
    let parts = parts(held).into_iter();
    let parts: Vec<&str> = parts.filter(|it| it.0 == which).map(|it| it.1).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn kept_from(held: Containment) -> Option<String> {
    listed(held, true).map(|parts| format!("The kernel keeps plugins from {parts}."))
}

fn not_kept_from(held: Containment) -> Option<String> {
    listed(held, false).map(|parts| {
        format!("This kernel cannot keep plugins from {parts}: install only those you trust.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_keeps_plugins_from_is_said_and_what_not() {
        let none = Containment::default();
        assert_eq!(kept_from(none), None);
        let some = Containment {
            system_calls: true,
            files: true,
            ..none
        };
        let kept = "The kernel keeps plugins from starting programs (seccomp), opening files \
                    (Landlock).";
        assert_eq!(kept_from(some).as_deref(), Some(kept));
        let not = "This kernel cannot keep plugins from TCP (Landlock), signalling others \
                   (Landlock): install only those you trust.";
        assert_eq!(not_kept_from(some).as_deref(), Some(not));
        let all = Containment {
            network: true,
            signals: true,
            ..some
        };
        assert_eq!(not_kept_from(all), None);
    }
}
