//! The story that the tour tells, step by step, each with the check that proves it.

use super::stage::{APP, Page, Ran, Stage};
use crate::error::CommandError;

type Step = Result<(), CommandError>;

/// Tells it.
///
/// # Errors
/// The first check that does not hold.
pub fn tell(stage: &Stage<'_>) -> Step {
    stage.say("An app is created. It owns a git repository; a push to it deploys.");
    succeeds(stage.slugline(&["apps:create", APP, "--addons", "releases:advanced"])?)?;
    push(stage)?;
    config(stage)?;
    addon(stage)?;
    bad_deploy(stage)?;
    bad_config(stage)?;
    guard(stage)?;
    temporary(stage)?;
    history(stage)?;
    stage.say("That was the whole story: everything you saw was real.");
    Ok(())
}

fn push(stage: &Stage<'_>) -> Step {
    stage.say("The first push: the code is compiled to a slug, released as v1 and started.");
    succeeds(stage.git(&["push", "slugline", "main"])?)?;
    let page = page(stage)?;
    hold(
        stage,
        "the page answers as v1 with the default greeting",
        page.release == "v1" && page.greeting == "Hello",
    )
}

fn config(stage: &Stage<'_>) -> Step {
    stage.say("A config var changes. That is a release, too, and restarts the app without a gap.");
    succeeds(stage.slugline(&["config:add", "GREETING=Good morning"])?)?;
    let page = page(stage)?;
    hold(
        stage,
        "the page says Good morning as v2",
        page.release == "v2" && page.greeting == "Good morning",
    )
}

fn addon(stage: &Stage<'_>) -> Step {
    stage.say(
        "An add-on: a memcached server of the app's own, and a config var that says where it is.",
    );
    succeeds(stage.slugline(&["addons:add", "memcache"])?)?;
    let (first, second) = (page(stage)?, page(stage)?);
    let counts = first.visits == Some(1) && second.visits == Some(2);
    hold(
        stage,
        "the counter in memcached counts 1, 2",
        counts && second.release == "v3",
    )
}

fn bad_deploy(stage: &Stage<'_>) -> Step {
    stage.say("A bad deploy: this code cannot start. The push is refused, and what ran runs on.");
    stage.edit("EDITION = ", "EDITION = undefined ", "Break everything")?;
    refused(stage.git(&["push", "slugline", "main"])?, "v4 failed")?;
    stage.revert()?;
    let page = page(stage)?;
    hold(
        stage,
        "v3 never stopped answering, and still counts",
        page.release == "v3" && page.visits == Some(3),
    )
}

fn bad_config(stage: &Stage<'_>) -> Step {
    stage.say("A bad config var: the app starts, and every page is an error. This is what rollback is for.");
    succeeds(stage.slugline(&["config:add", "WORKERS=many"])?)?;
    hold(
        stage,
        "the page is an error 500",
        stage.page()?.is_err_and(|status| status == 500),
    )?;
    let rollback = succeeds(stage.slugline(&["rollback"])?)?;
    holds_text(stage, &rollback, "Rolled back to v3")?;
    let page = page(stage)?;
    hold(
        stage,
        "the page is back as v6, its counter too",
        page.release == "v6" && page.visits == Some(4),
    )
}

fn guard(stage: &Stage<'_>) -> Step {
    stage.say(
        "v1 had no memcache. A rollback never changes what bills, so going back there is refused.",
    );
    let text = "Cannot rollback to a release that had a different set of addons installed";
    refused(stage.slugline(&["rollback", "v1"])?, text)?;
    let page = page(stage)?;
    hold(stage, "v6 runs on", page.release == "v6")
}

fn temporary(stage: &Stage<'_>) -> Step {
    stage.say("New code, then back to the code before it.");
    stage.edit("first edition", "second edition", "Second edition")?;
    succeeds(stage.git(&["push", "slugline", "main"])?)?;
    let second = page(stage)?;
    hold(
        stage,
        "the second edition answers",
        second.release == "v7" && second.edition == "second edition",
    )?;
    succeeds(stage.slugline(&["rollback"])?)?;
    let first = page(stage)?;
    hold(
        stage,
        "the first edition answers again",
        first.release == "v8" && first.edition == "first edition",
    )?;
    stage.say("Rolled-back code is a temporary fix: the next config change takes the newest deploy up again.");
    let change = succeeds(stage.slugline(&["config:add", "GREETING=Good evening"])?)?;
    holds_text(stage, &change, "back to the newest deploy, v7")?;
    let page = page(stage)?;
    let expected =
        page.release == "v9" && page.edition == "second edition" && page.greeting == "Good evening";
    hold(
        stage,
        "the second edition says Good evening as v9",
        expected,
    )
}

fn history(stage: &Stage<'_>) -> Step {
    stage.say("All of that is in the history.");
    let releases = succeeds(stage.slugline(&["releases"])?)?;
    hold(
        stage,
        "nine releases, one of them failed",
        releases.text.lines().count() == 11,
    )?;
    holds_text(stage, &releases, "(failed)")?;
    succeeds(stage.slugline(&["releases:info", "v9"])?)?;
    succeeds(stage.slugline(&["releases:diff", "v6", "v9"])?)?;
    succeeds(stage.slugline(&["ps"])?)?;
    Ok(())
}

fn page(stage: &Stage<'_>) -> Result<Page, CommandError> {
    let page = stage.page()?;
    page.map_err(|status| {
        CommandError::failed(format!("The page answers {status}; it should be well."))
    })
}

/// A check over what the app answers, said where it holds.
fn hold(stage: &Stage<'_>, what: &str, holds: bool) -> Step {
    if !holds {
        return Err(CommandError::failed(format!("This does not hold: {what}")));
    }
    stage.holds(what);
    Ok(())
}

fn holds_text(stage: &Stage<'_>, ran: &Ran, text: &str) -> Step {
    hold(stage, &format!("it says: {text}"), ran.text.contains(text))
}

fn succeeds(ran: Ran) -> Result<Ran, CommandError> {
    if ran.ok {
        Ok(ran)
    } else {
        Err(CommandError::failed("This should have succeeded."))
    }
}

fn refused(ran: Ran, why: &str) -> Step {
    match (ran.ok, ran.text.contains(why)) {
        (false, true) => Ok(()),
        _ => Err(CommandError::failed(format!(
            "This should have been refused: {why}"
        ))),
    }
}
