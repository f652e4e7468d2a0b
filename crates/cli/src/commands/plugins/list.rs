//! `slugline plugins`

use serde::Serialize;

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
    if args.json {
        context.ui.data(serde_json::to_string_pretty(&plugins)?);
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
    Ok(Status::Done)
}
