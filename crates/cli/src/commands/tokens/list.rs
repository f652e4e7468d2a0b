//! `slugline tokens`

use serde::Serialize;
use slugline_core::access::Token;
use slugline_core::port::Clock;
use slugline_core::time::Timestamp;

use crate::clock::MachineClock;
use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::render::table::table;
use crate::render::when::{When, rfc3339};

#[derive(clap::Args)]
pub struct Args {
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct TokenJson<'a> {
    id: &'a str,
    user: &'a str,
    description: &'a str,
    scopes: Vec<&'static str>,
    app: Option<&'a str>,
    created_at: String,
    expires_at: Option<String>,
    used_at: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let only = context.typed_app()?;
    let mut tokens = super::seen(context)?;
    tokens.retain(|token| only.is_none() || token.app == only);
    if args.json {
        let all: Vec<_> = tokens.iter().map(view).collect();
        context.ui.data(serde_json::to_string_pretty(&all)?);
    } else if tokens.is_empty() {
        context
            .ui
            .data("There are no tokens. Make one: slugline tokens:create");
    } else {
        let now = MachineClock::new(&context.env)?.now();
        let when = context.when()?;
        let rows: Vec<_> = tokens.iter().map(|token| row(token, &when, now)).collect();
        let header = ["Id", "User", "For", "App", "Used", "Expires", "Description"];
        context.ui.lines(table(&header, &rows));
    }
    Ok(Status::Done)
}

fn scopes(token: &Token) -> Vec<&'static str> {
    token.scopes.iter().map(|scope| scope.word()).collect()
}

fn row(token: &Token, when: &When, now: Timestamp) -> Vec<String> {
    let said =
        |at: Option<Timestamp>, never: &str| at.map_or_else(|| never.to_owned(), |at| when.say(at));
    vec![
        token.id.as_str().get(..8).unwrap_or_default().to_owned(),
        token.user.to_string(),
        scopes(token).join(","),
        token
            .app
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        said(token.used_at, "never"),
        match token.expired(now) {
            true => "expired".to_owned(),
            false => token.expires_at.map_or_else(|| "never".to_owned(), rfc3339),
        },
        // Clients say it: it writes nothing else on a terminal.
        token.description.replace(char::is_control, " "),
    ]
}

fn view(token: &Token) -> TokenJson<'_> {
    TokenJson {
        id: token.id.as_str(),
        user: token.user.as_str(),
        description: &token.description,
        scopes: scopes(token),
        app: token.app.as_ref().map(|app| app.as_str()),
        created_at: rfc3339(token.created_at),
        expires_at: token.expires_at.map(rfc3339),
        used_at: token.used_at.map(rfc3339),
    }
}
