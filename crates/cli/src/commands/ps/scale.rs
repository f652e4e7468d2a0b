//! `slugline ps:scale`

use std::collections::BTreeMap;

use slugline_core::port::Moment;
use slugline_core::scale::{Count, scale, types};
use slugline_core::settings::Settings;

use crate::commands::{Outcome, setting};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// web=2, or web+1 and worker-1; shows how many run where none is named
    #[arg(value_name = "TYPE=N")]
    counts: Vec<String>,
    /// Answer in JSON, for programs
    #[arg(long, conflicts_with = "counts")]
    json: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let counts = args
        .counts
        .iter()
        .map(|word| parse(word))
        .collect::<Option<Vec<_>>>();
    let counts =
        counts.ok_or_else(|| CommandError::usage("Usage: slugline ps:scale web=2 worker+1"))?;
    if counts.is_empty() {
        return show(context, args.json);
    }
    let mut change = |moment: &Moment, settings: &mut Settings| {
        for (kind, count) in &counts {
            scale(moment, settings, (kind, *count))?;
        }
        Ok(())
    };
    let what = format!("Scale {}", args.counts.join(" "));
    let (_, settings, _) = setting::apply(context, &what, &mut change)?;
    for kind in counts
        .iter()
        .map(|(kind, _)| kind)
        .collect::<std::collections::BTreeSet<_>>()
    {
        let count = settings.of_type(kind).count;
        context.ui.data(format_args!(
            "Scaling {kind} processes... done, now running {count}"
        ));
    }
    Ok(Status::Done)
}

fn show(context: &Context, json: bool) -> Outcome {
    let (app, settings) = setting::read(context)?;
    let ledger = context.ledger()?;
    let moment = context.moment(&ledger, &app)?;
    let counts: BTreeMap<_, _> = types(&moment)
        .into_iter()
        .map(|kind| (kind, settings.of_type(kind).count))
        .collect();
    let words: Vec<_> = counts
        .iter()
        .map(|(kind, count)| format!("{kind}={count}"))
        .collect();
    let text = match words.is_empty() {
        true => format!("{app} has no processes"),
        false => words.join(" "),
    };
    setting::show(context, json.then(|| serde_json::json!(counts)), text)
}

fn parse(word: &str) -> Option<(String, Count)> {
    let place = word.find('=').or_else(|| word.rfind(['+', '-']))?;
    let (kind, rest) = word.split_at(place);
    let count = rest.strip_prefix('=').unwrap_or(rest);
    let count = count.parse().ok()?;
    // `web=+1` is neither.
    if rest.starts_with("=+") || rest.starts_with("=-") {
        return None;
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let named = !kind.is_empty() && kind.bytes().all(legal);
    named.then(|| (kind.to_owned(), count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_exact_or_a_difference() {
        let check = |word: &str, expected: Option<(&str, Count)>| {
            let expected = expected.map(|(kind, count)| (kind.to_owned(), count));
            assert_eq!(parse(word), expected, "{word}");
        };
        check("web=2", Some(("web", Count::Exactly(2))));
        check("web+1", Some(("web", Count::More(1))));
        check("my-worker-1", Some(("my-worker", Count::Fewer(1))));
        check("my-worker=0", Some(("my-worker", Count::Exactly(0))));
        for word in [
            "", "web", "=1", "+1", "web=", "web=x", "web=-1", "web=+1", "web++1", "web=1.5",
        ] {
            check(word, None);
        }
    }
}
