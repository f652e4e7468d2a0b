//! `slugline config:add`

use std::collections::BTreeMap;

use slugline_core::config::{ConfigKey, ConfigValue};
use slugline_core::operation::config::Add;

use crate::commands::{Outcome, dry_run};
use crate::context::Context;
use crate::error::CommandError;
use crate::progress::{Narrator, change};
use crate::render::config::{arrows, short};

#[derive(clap::Args)]
pub struct Args {
    /// KEY=value, as often as you like
    #[arg(value_name = "KEY=VALUE")]
    vars: Vec<String>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let vars = parse(&args.vars)?;
    let shown: Vec<_> = vars
        .iter()
        .map(|(key, value)| (key.to_string(), short(value.reveal())))
        .collect();
    let app = context.app()?;
    let wired = context.wired()?;
    let engine = wired.engine();
    let actor = context.actor()?;
    let request = context.request(&app, &actor, None)?;
    let operation = Add { vars };
    if args.dry_run {
        return dry_run::show(context, &engine, &request, &operation);
    }
    let heading = |_: &_| {
        let rows: String = arrows(&shown)
            .iter()
            .map(|row| format!("  {row}\n"))
            .collect();
        format!("Adding config vars:\n{rows}Updating vars and restarting app...")
    };
    let mut narrator = Narrator::new(&context.ui, &heading);
    let end = |done: &slugline_core::corridor::Done| format!(" done, {}", done.release.version);
    change(context, &engine, &request, &operation, &mut narrator, &end)
}

fn parse(words: &[String]) -> Result<BTreeMap<ConfigKey, ConfigValue>, CommandError> {
    let usage = || CommandError::usage("Usage: slugline config:add KEY=value [KEY2=value2 ...]");
    if words.is_empty() {
        return Err(usage());
    }
    let var = |word: &String| {
        let (key, value) = word.split_once('=').ok_or_else(usage)?;
        let key = ConfigKey::new(key)?;
        let value = ConfigValue::new(&key, value)?;
        Ok((key, value))
    };
    words.iter().map(var).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_equals_sign_divides() {
        let vars = parse(&["A=b=c".to_owned(), "B=".to_owned()]).unwrap();
        let read: Vec<_> = vars.iter().map(|(k, v)| (k.as_str(), v.reveal())).collect();
        assert_eq!(read, [("A", "b=c"), ("B", "")]);
        for bad in [&[][..], &["A".to_owned()], &["=x".to_owned()]] {
            assert!(parse(bad).is_err());
        }
    }
}
