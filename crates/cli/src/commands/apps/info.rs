//! `slugline apps:info`

use serde::Serialize;
use slugline_core::port::Moment;

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::render::when::rfc3339;
use crate::render::{self, table::labelled};

#[derive(clap::Args)]
pub struct Args {
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct InfoJson {
    name: String,
    owner: String,
    created_at: String,
    branch: Option<String>,
    release: Option<String>,
    tier: Option<String>,
    addons: Vec<String>,
    commit: Option<String>,
    slug_size: Option<u64>,
    git_url: String,
    web_url: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    let moment = context.moment(&ledger, &app)?;
    let info = info(context, &moment)?;
    if args.json {
        context.ui.data(serde_json::to_string_pretty(&info)?);
        return Ok(Status::Done);
    }
    let created = context.when()?.say(moment.app.created_at);
    let branch = info.branch.unwrap_or_else(|| "main or master".to_owned());
    let mut rows = vec![
        ("Branch", branch),
        ("Created", created),
        ("Git URL", info.git_url),
        ("Owner", info.owner),
        ("Web URL", info.web_url),
    ];
    if !info.addons.is_empty() {
        rows.push(("Addons", info.addons.join(", ")));
    }
    rows.extend(info.release.map(|release| ("Release", release)));
    rows.extend(info.slug_size.map(|size| ("Slug Size", render::size(size))));
    rows.sort();
    context.ui.lines(labelled(&info.name, &rows));
    Ok(Status::Done)
}

fn info(context: &Context, moment: &Moment) -> Result<InfoJson, crate::error::CommandError> {
    let app = &moment.app;
    let slug = moment.state.slug.as_ref();
    Ok(InfoJson {
        name: app.name.to_string(),
        owner: app.owner.to_string(),
        created_at: rfc3339(app.created_at),
        branch: app.branch.clone(),
        release: moment
            .current
            .as_ref()
            .map(|release| release.version.to_string()),
        tier: moment.state.tier().map(ToString::to_string),
        addons: moment
            .state
            .addons
            .values()
            .map(|addon| addon.plan.to_string())
            .collect(),
        commit: slug.map(|slug| slug.commit.to_string()),
        slug_size: slug.map(|slug| slug.size),
        git_url: context.git_url(&app.name),
        web_url: context.supervisor().url_of(&app.name),
    })
}
