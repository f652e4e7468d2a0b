//! `slugline addons:info`

use serde::Serialize;
use slugline_core::operation::addons::installed;
use slugline_core::port::Ledger;

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::render::table::labelled;

#[derive(clap::Args)]
pub struct Args {
    /// The add-on
    service: String,
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct InfoJson {
    plan: String,
    price: String,
    config: Vec<String>,
    options: Vec<String>,
    port: Option<u16>,
    resource: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    let moment = context.moment(&ledger, &app)?;
    let service = installed(&moment.state.addons, &args.service)
        .map_err(slugline_core::corridor::Failure::from)?;
    let addon = &moment.state.addons[&service];
    let resources = ledger.resources(&app)?;
    let resource = resources
        .iter()
        .find(|known| addon.resource.as_ref() == Some(&known.id));
    let keys = resource.iter().flat_map(|known| known.config.keys());
    let options = resource.iter().flat_map(|known| known.options.keys());
    let info = InfoJson {
        plan: addon.plan.to_string(),
        price: addon.price.to_string(),
        config: keys.map(ToString::to_string).collect(),
        options: options.cloned().collect(),
        port: resource.and_then(|known| known.port),
        resource: addon.resource.as_ref().map(ToString::to_string),
    };
    if args.json {
        context.ui.data(serde_json::to_string_pretty(&info)?);
        return Ok(Status::Done);
    }
    let mut rows = vec![("Price", info.price)];
    if !info.config.is_empty() {
        rows.push(("Config vars", info.config.join(", ")));
    }
    if !info.options.is_empty() {
        rows.push(("Options", info.options.join(", ")));
    }
    rows.extend(info.port.map(|port| ("Port", port.to_string())));
    rows.extend(info.resource.map(|resource| ("Resource", resource)));
    context.ui.lines(labelled(&info.plan, &rows));
    Ok(Status::Done)
}
