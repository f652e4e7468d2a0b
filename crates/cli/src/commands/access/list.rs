//! `slugline access`

use serde::Serialize;
use slugline_core::access::Role;
use slugline_core::port::{Access, Ledger};

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
struct PersonJson {
    user: String,
    role: &'static str,
    owner: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    let outline = ledger.outline(&app);
    let outline = outline.map_err(|error| context.no_app(&ledger, error.into(), &app))?;
    let owner = PersonJson {
        user: outline.app.owner.to_string(),
        role: Role::Admin.word(),
        owner: true,
    };
    let others = ledger.collaborators(&app)?;
    let others = others.iter().map(|one| PersonJson {
        user: one.user.to_string(),
        role: one.role.word(),
        owner: false,
    });
    let people: Vec<_> = std::iter::once(owner).chain(others).collect();
    if args.json {
        context.ui.data(serde_json::to_string_pretty(&people)?);
        return Ok(Status::Done);
    }
    let role = |person: &PersonJson| match person.owner {
        true => "owner".to_owned(),
        false => person.role.to_owned(),
    };
    let rows = people
        .iter()
        .map(|person| vec![person.user.clone(), role(person)]);
    context
        .ui
        .lines(table(&["User", "Role"], &rows.collect::<Vec<_>>()));
    Ok(Status::Done)
}
