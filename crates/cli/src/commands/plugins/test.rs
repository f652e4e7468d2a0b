//! `slugline plugins:test`

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use serde::Serialize;
use slugline_plugin_host::conformance::{self, Outcome as Found, Verdict};

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
struct Report {
    ok: bool,
    passed: usize,
    failed: usize,
    skipped: usize,
    checks: Vec<Verdict>,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let mut settings = wire::plugin_settings(context)?;
    // What a plugin logs, it logs again each time that it is called.
    let (log, heard) = (settings.log, RefCell::new(BTreeSet::new()));
    settings.log = Rc::new(move |plugin, line| {
        if heard.borrow_mut().insert(line.to_owned()) {
            log(plugin, line);
        }
    });
    let mut checks: Vec<Verdict> = Vec::new();
    let mut say = |verdict: &Verdict| {
        if !args.folder.json {
            context.ui.data(line(verdict));
        }
        checks.push(verdict.clone());
    };
    if let Err(finding) = conformance::run(&args.folder.dir, &settings, &mut say) {
        return broken(context, &args.folder, &finding);
    }
    let count = |is: fn(&Found) -> bool| checks.iter().filter(|it| is(&it.outcome)).count();
    let report = Report {
        ok: !checks
            .iter()
            .any(|it| matches!(it.outcome, Found::Failed(_))),
        passed: count(|found| matches!(found, Found::Passed)),
        failed: count(|found| matches!(found, Found::Failed(_))),
        skipped: count(|found| matches!(found, Found::Skipped(_))),
        checks,
    };
    if args.folder.json {
        context.ui.data(serde_json::to_string_pretty(&report)?);
    } else {
        let Report {
            passed,
            failed,
            skipped,
            ..
        } = report;
        context.ui.data(format_args!(
            "{passed} passed, {failed} failed, {skipped} skipped"
        ));
    }
    Ok(if report.ok {
        Status::Done
    } else {
        Status::Failed
    })
}

fn line(verdict: &Verdict) -> String {
    let check = &verdict.check;
    match &verdict.outcome {
        Found::Passed => format!("ok    {check}"),
        Found::Skipped(why) => format!("skip  {check}: {why}"),
        Found::Failed(why) => format!("FAIL  {check}: {why}"),
    }
}
