//! `slugline plugins:check`

use serde::Serialize;
use slugline_plugin_host::conformance;

use super::{Folder, broken};
use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::wire;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    folder: Folder,
}

#[derive(Serialize)]
struct Sound {
    ok: bool,
    errors: [(); 0],
    #[serde(flatten)]
    plugin: slugline_plugin_host::PluginInfo,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let settings = wire::plugin_settings(context)?;
    let plugin = match conformance::check(&args.folder.dir, &settings) {
        Ok(plugin) => plugin,
        Err(finding) => return broken(context, &args.folder, &finding),
    };
    if args.folder.json {
        let (ok, errors) = (true, []);
        let sound = Sound { ok, errors, plugin };
        context.ui.data(serde_json::to_string_pretty(&sound)?);
        return Ok(Status::Done);
    }
    let all = [("Add-ons", &plugin.services), ("Tiers", &plugin.tiers)];
    let more = [
        ("Hooks", &plugin.hooks),
        ("Permissions", &plugin.permissions),
    ];
    let lines = all
        .iter()
        .chain(&more)
        .filter(|(_, parts)| !parts.is_empty());
    let lines =
        lines.map(|(label, parts)| format!("{:<12} {}", format!("{label}:"), parts.join(", ")));
    let head = format!("=== {} {}: no errors", plugin.name, plugin.version);
    context.ui.lines(std::iter::once(head).chain(lines));
    Ok(Status::Done)
}
