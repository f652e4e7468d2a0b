//! Who acts (S6), and which app is meant: what the command line, the environment and git say.

use std::path::Path;
use std::process::Command;

use slugline_core::actor::Actor;
use slugline_core::app::AppName;

use crate::env::Env;
use crate::error::CommandError;

/// What `git` answers in this folder, without its last newline; `None` where it fails.
pub fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(args)
        .stderr(std::process::Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}

/// The actor, in this order: `--as`, `SLUGLINE_ACTOR`, git's `user.email`, what `fallback` knows,
/// `user@host`.
pub fn actor(
    named: Option<&str>,
    env: &Env,
    fallback: impl FnOnce() -> Option<String>,
) -> Result<Actor, CommandError> {
    let variable = || env.get("SLUGLINE_ACTOR");
    let email = || git(&["config", "user.email"]).filter(|email| !email.is_empty());
    let found = named
        .map(str::to_owned)
        .or_else(variable)
        .or_else(email)
        .or_else(fallback);
    Ok(Actor::new(&found.unwrap_or_else(|| user_at_host(env)))?)
}

fn user_at_host(env: &Env) -> String {
    let user = env
        .get("USER")
        .or_else(|| env.get("LOGNAME"))
        .unwrap_or_else(|| "user".to_owned());
    format!("{user}@{}", kernel_host())
}

/// The name of this machine.
pub fn host(env: &Env) -> String {
    env.get("HOSTNAME").unwrap_or_else(kernel_host)
}

fn kernel_host() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => "localhost".to_owned(),
        host => host.to_owned(),
    }
}

/// The app, in this order: `--app`, `SLUGLINE_APP`, the git remote that points into `repositories`.
pub fn app(
    named: Option<&str>,
    remote: Option<&str>,
    env: &Env,
    repositories: &Path,
) -> Result<AppName, CommandError> {
    app_among(named, remote, env, &|url| app_in(url, repositories))
}

/// The same where `of` knows the app that a git remote's address is of.
pub fn app_among(
    named: Option<&str>,
    remote: Option<&str>,
    env: &Env,
    of: &dyn Fn(&str) -> Option<AppName>,
) -> Result<AppName, CommandError> {
    if let Some(name) = named.map(str::to_owned).or_else(|| env.get("SLUGLINE_APP")) {
        return Ok(AppName::new(&name)?);
    }
    let lines = git(&["config", "--get-regexp", r"^remote\..*\.url$"]).unwrap_or_default();
    let mut found: Vec<(String, AppName)> = lines
        .lines()
        .filter_map(|line| parse_remote(line, of))
        .collect();
    if let Some(wanted) = remote {
        found.retain(|(name, _)| name == wanted);
    }
    let mut apps: Vec<AppName> = found.into_iter().map(|(_, app)| app).collect();
    apps.sort();
    apps.dedup();
    match (apps.pop(), apps.is_empty(), remote) {
        (Some(app), true, _) => Ok(app),
        (None, _, Some(remote)) => Err(CommandError::usage(format!(
            "The git remote {remote} does not point to an app."
        ))),
        (None, _, None) => Err(none()),
        (Some(_), false, _) => Err(CommandError::usage(
            "Several git remotes point to apps.\nSay which: --remote NAME or --app NAME",
        )),
    }
}

/// The error where no app is meant.
pub fn none() -> CommandError {
    CommandError::usage(
        "No app specified.\nRun this command from an app folder, or say which app: --app NAME",
    )
}

/// `remote.NAME.url URL` with a URL `…/APP.git` among the repositories.
fn parse_remote(line: &str, of: &dyn Fn(&str) -> Option<AppName>) -> Option<(String, AppName)> {
    let (key, url) = line.split_once(' ')?;
    let name = key.strip_prefix("remote.")?.strip_suffix(".url")?;
    of(url).map(|app| (name.to_owned(), app))
}

/// The app of the repository that is there, where it is among ours.
fn app_in(url: &str, repositories: &Path) -> Option<AppName> {
    let path = Path::new(url.strip_prefix("file://").unwrap_or(url));
    let app = path.file_name()?.to_str()?.strip_suffix(".git")?;
    let same = path.parent()? == repositories;
    AppName::new(app).ok().filter(|_| same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_names_an_app_only_inside_the_home() {
        let check = |line: &str, expected: Option<(&str, &str)>| {
            let of = |url: &str| app_in(url, Path::new("/h/repositories"));
            let found = parse_remote(line, &of);
            let found = found
                .as_ref()
                .map(|(name, app)| (name.as_str(), app.as_str()));
            assert_eq!(found, expected, "{line}");
        };
        check(
            "remote.slugline.url /h/repositories/myapp.git",
            Some(("slugline", "myapp")),
        );
        check(
            "remote.a.b.url file:///h/repositories/x.git",
            Some(("a.b", "x")),
        );
        check(
            "remote.origin.url https://example.com/repositories/x.git",
            None,
        );
        check("remote.origin.url /h/repositories/Not An App.git", None);
        check("remote.origin.url /elsewhere/x.git", None);
    }
}
