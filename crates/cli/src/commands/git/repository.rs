//! The bare repository that an app owns. Its hook runs this binary, which deploys before the push
//! is accepted, so that a build that fails rejects it (S29).

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use slugline_core::app::AppName;

use crate::context::Context;
use crate::error::CommandError;
use crate::render::config::shell;

/// Makes the repository, or its hook anew.
///
/// # Errors
/// Where git or the disk fails.
pub fn create(context: &Context, app: &AppName) -> Result<(), CommandError> {
    let repository = context.repository(app);
    let made = Command::new("git")
        .args([
            "init",
            "--quiet",
            "--bare",
            "--initial-branch=main",
            "--template=",
        ])
        .arg(&repository)
        .env_remove("GIT_DIR")
        .output()
        .map_err(|error| CommandError::failed(format!("git cannot be run: {error}")))?;
    if !made.status.success() {
        let why = String::from_utf8_lossy(&made.stderr);
        return Err(CommandError::failed(format!(
            "git init failed: {}",
            why.trim()
        )));
    }
    write_hook(context, app, &repository.join("hooks")).map_err(|error| {
        CommandError::failed(format!(
            "the hook of {} cannot be written: {error}",
            repository.display()
        ))
    })
}

fn write_hook(context: &Context, app: &AppName, hooks: &Path) -> std::io::Result<()> {
    let program = std::env::current_exe()?;
    let home = shell("SLUGLINE_HOME", &context.home.to_string_lossy());
    let program = shell("program", &program.to_string_lossy());
    let script =
        format!("#!/bin/sh\nexport {home}\n{program}\nexec \"$program\" git:receive --app {app}\n");
    std::fs::create_dir_all(hooks)?;
    let hook = hooks.join("pre-receive");
    std::fs::write(&hook, script)?;
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755))
}

/// Removes the repository of an app that is gone.
///
/// # Errors
/// Where the disk fails.
pub fn remove(context: &Context, app: &AppName) -> Result<(), CommandError> {
    let repository = context.repository(app);
    match std::fs::remove_dir_all(&repository) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(CommandError::failed(
            format!("{} cannot be removed: {error}", repository.display()),
        )),
        _ => Ok(()),
    }
}
