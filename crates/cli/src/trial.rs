//! A release tier that is tried before it is installed: its script in a plugin folder of its own,
//! which is gone again when the trial is over, unless it is installed. It must not know what a
//! trial is for, nor what a script answers.

use std::path::{Path, PathBuf};

use slugline_core::addon::{PlanName, ServiceName};
use slugline_plugin_host::{Limits, PluginHost, install};

use crate::clock::random;
use crate::context::Context;
use crate::error::CommandError;
use crate::wire;

/// A tier with its host. It may do nothing but answer: its manifest asks for no permission.
pub struct Trial {
    folder: PathBuf,
    plan: PlanName,
    host: PluginHost,
}

impl Trial {
    /// A script's tier, under the name that the script itself gives it.
    ///
    /// # Errors
    /// Where the script cannot be read or names no tier.
    pub fn of_script(context: &Context, path: &str) -> Result<Self, CommandError> {
        let source = read(context, path)?;
        let Some(name) = named_tier(&source) else {
            let text = format!("{path} is no release tier: it has no slugline.tier(\"NAME\").");
            return Err(CommandError::failed(text));
        };
        let name = name.to_owned();
        Self::new(context, &name, &source)
    }

    /// The tier of this name, which the script must give itself.
    ///
    /// # Errors
    /// Where the script cannot be read, or names another tier or none.
    pub fn of_script_named(
        context: &Context,
        name: &str,
        path: &str,
    ) -> Result<Self, CommandError> {
        let source = read(context, path)?;
        match named_tier(&source) {
            Some(own) if own == name => Self::new(context, name, &source),
            Some(own) => Err(CommandError::failed(format!(
                "{path} is the tier {own} and not {name}.\nAdd it under its own name, or change \
                 its line slugline.tier({own:?})."
            ))),
            None => Err(CommandError::failed(format!(
                "{path} is no release tier: it has no slugline.tier({name:?})."
            ))),
        }
    }

    fn new(context: &Context, name: &str, source: &str) -> Result<Self, CommandError> {
        let plan = PlanName::new(ServiceName::tier(), name);
        let plan = plan.map_err(|error| CommandError::because(&error))?;
        let folder = Scratch(scratch(context));
        let plugin = folder.0.join("plugins").join(plugin_name(name));
        let written = std::fs::create_dir_all(&plugin)
            .and_then(|()| std::fs::write(plugin.join("plugin.yaml"), manifest(name, source)))
            .and_then(|()| std::fs::write(plugin.join("init.lua"), source));
        written.map_err(|error| failed("cannot write", &plugin, &error))?;
        // Whoever tries a script approves it.
        approve(&folder.0, name)?;
        let host = wire::plugin_host_of(context, &folder.0)?;
        Ok(Self {
            folder: folder.keep(),
            plan,
            host,
        })
    }

    /// Makes the tier one of the home's plugins, at once and whole.
    ///
    /// # Errors
    /// Where the disk fails, or another is there by now.
    pub fn install(self, context: &Context) -> Result<(), CommandError> {
        let plugin = plugin_name(self.plan.plan());
        let plugins = context.home.join("plugins");
        let place = plugins.join(&plugin);
        if place.exists() {
            let there = std::io::ErrorKind::AlreadyExists.into();
            return Err(failed("cannot write", &place, &there));
        }
        // Approved before it is there: no command may find it unapproved, even where this one is
        // killed in between.
        let (info, digest) = install::installed(&self.folder, &plugin)?;
        install::approve(&context.home, &plugin, &info, &digest)?;
        let placed = std::fs::create_dir_all(&plugins)
            .and_then(|()| std::fs::rename(self.folder.join("plugins").join(&plugin), &place));
        if let Err(error) = placed {
            // Another came first, and keeps its approval; or there is none to have one.
            match install::is_installed(&context.home, &plugin) {
                true => approve(&context.home, self.plan.plan())?,
                false => install::forget(&context.home, &plugin)?,
            }
            return Err(failed("cannot write", &place, &error));
        }
        Ok(())
    }

    /// The tier.
    pub fn plan(&self) -> &PlanName {
        &self.plan
    }

    /// The host that knows the tier.
    pub fn host(&self) -> &PluginHost {
        &self.host
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

/// A folder that is removed again unless it is kept.
struct Scratch(PathBuf);

impl Scratch {
    fn keep(mut self) -> PathBuf {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// What cannot be removed is hidden, and harms nobody.
fn remove(folder: &Path) {
    if !folder.as_os_str().is_empty() {
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// Takes a tier that was installed out of the home's plugins.
///
/// # Errors
/// Where the disk fails.
pub fn uninstall(context: &Context, tier: &str) -> Result<(), CommandError> {
    let place = context.home.join("plugins").join(plugin_name(tier));
    let hidden = Scratch(scratch(context));
    std::fs::rename(&place, &hidden.0).map_err(|error| failed("cannot remove", &place, &error))?;
    Ok(install::forget(&context.home, &plugin_name(tier))?)
}

/// Approves the plugin that holds a tier, as it is there.
fn approve(home: &Path, tier: &str) -> Result<(), CommandError> {
    let plugin = plugin_name(tier);
    let (info, digest) = install::installed(home, &plugin)?;
    Ok(install::approve(home, &plugin, &info, &digest)?)
}

/// A folder in the home that is not there yet.
fn scratch(context: &Context) -> PathBuf {
    let digits: [u8; 4] = random();
    let name = format!(".trial-{:08x}", u32::from_be_bytes(digits));
    context.home.join(name)
}

/// The name of the plugin that holds a tier of a team's own.
pub fn plugin_name(tier: &str) -> String {
    format!("tier-{tier}")
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::failed(format!("{what} {}: {error}", path.display()))
}

/// The script, if it is not longer than a script may be.
fn read(context: &Context, path: &str) -> Result<String, CommandError> {
    let place = &context.path(path);
    let known = std::fs::metadata(place).map_err(|error| failed("cannot read", place, &error))?;
    let limit = Limits::default().source;
    if !known.is_file() || known.len() > u64::try_from(limit).unwrap_or(u64::MAX) {
        let text = format!("{path} is no script: it must be a file of at most {limit} bytes.");
        return Err(CommandError::failed(text));
    }
    std::fs::read_to_string(place).map_err(|error| failed("cannot read", place, &error))
}

/// The tier that a script names first, in its first `slugline.tier("NAME")`. A script that names it
/// otherwise is not found out here, and says what is wrong when it is loaded.
fn named_tier(source: &str) -> Option<&str> {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"));
    let mut calls = code.filter_map(|line| line.split_once("slugline.tier"));
    let (_, call) = calls.next()?;
    let quoted = call.trim_start_matches([' ', '(']);
    let quote = quoted.chars().next().filter(|c| "\"'`".contains(*c))?;
    let (name, _) = quoted[1..].split_once(quote)?;
    Some(name)
}

/// A manifest that asks for nothing. What people read of the tier is the script's first comment.
fn manifest(name: &str, source: &str) -> String {
    let summary = serde_json::Value::from(summary(source));
    format!(
        "name: {}\nversion: 1.0.0\napi: 1\nsummary: {summary}\nentry: init.lua\ntiers:\n  \
         {name:?}: {{ price: free, summary: {summary} }}\n",
        plugin_name(name)
    )
}

fn summary(source: &str) -> String {
    let comments = source
        .lines()
        .map_while(|line| line.trim().strip_prefix("--"));
    let said = comments
        .filter(|line| !line.starts_with('!'))
        .map(|line| line.trim_matches(['-', ' ', '\t', '[', ']']))
        .find(|line| !line.is_empty());
    let said = said.unwrap_or("A release tier of a team's own.");
    let visible = said.chars().filter(|c| !c.is_control());
    visible.take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_names_its_tier() {
        let check = |source: &str, expected: Option<&str>| {
            assert_eq!(named_tier(source), expected, "{source}");
        };
        check("local tier = slugline.tier(\"weekly\")", Some("weekly"));
        check(
            "--!strict\nlocal t = slugline.tier 'weekly'\n",
            Some("weekly"),
        );
        check(
            "-- slugline.tier(\"no\")\nslugline.tier( `yes` )",
            Some("yes"),
        );
        check("slugline.tier(name)", None);
        check("slugline.tier(\"open", None);
        check("return {}", None);
        check("slugline.tier", None);
        check("slugline.tier(é)", None);
    }

    #[test]
    fn a_tier_is_described_by_its_first_comment() {
        let check = |source: &str, expected: &str| assert_eq!(summary(source), expected);
        check(
            "--!strict\n--- Keeps: \"ten\".\n-- More.\n",
            "Keeps: \"ten\".",
        );
        check("--\n--[[ Ten ]]\nlocal x", "Ten");
        check(
            "local x -- not this\n-- nor this",
            "A release tier of a team's own.",
        );
        assert_eq!(
            summary(&format!("-- {}", "é".repeat(300))).chars().count(),
            160
        );
        let written = manifest("ten", "-- Keeps: \"ten\", # 'all' {of} them.");
        let read = slugline_plugin_host::check_manifest(&written, "plugin.yaml").unwrap();
        assert_eq!(read.summary, "Keeps: \"ten\", # 'all' {of} them.");
        assert_eq!(read.name, "tier-ten");
        assert!(read.permissions.run.is_empty() && read.permissions.http.is_empty());
    }
}
