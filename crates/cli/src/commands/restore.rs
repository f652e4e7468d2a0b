//! `slugline restore`: a home made from a backup, whole and checked before anything of it appears.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use slugline_core::app::AppName;
use slugline_core::port::Ledger;
use slugline_ledger::{KeySource, SqliteLedger};
use slugline_slug::backup::{Manifest, Unpacked};

use crate::commands::backup::counted;
use crate::commands::{Outcome, git};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::render::config::shell;

#[derive(clap::Args)]
pub struct Args {
    /// The backup; `-` is standard input
    file: PathBuf,
    /// The home to make, instead of SLUGLINE_HOME; it must be empty or not exist
    #[arg(long, value_name = "HOME")]
    into: Option<PathBuf>,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let home = match &args.into {
        Some(into) => plain(into).map_err(|error| CommandError::because(&error))?,
        None => context.home.clone(),
    };
    refuse_used(&home, &args.file)?;
    let shown = args.file.display();
    let broken = |error: &dyn std::error::Error| {
        let error = CommandError::because(error);
        CommandError::failed(format!("{shown} cannot be restored: {}", error.text))
    };
    let file: Box<dyn Read> = match args.file.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(&args.file).map_err(|error| broken(&error))?),
    };
    let unpacked = Unpacked::read(BufReader::new(file), existing(&home));
    let unpacked = unpacked.map_err(|error| broken(&error))?;
    let found = prepare(context, &unpacked, &home)?;
    if let Some(above) = home.parent() {
        let mut folders = DirBuilder::new();
        let made = folders.recursive(true).mode(0o700).create(above);
        made.map_err(|error| CommandError::because(&error))?;
    }
    let manifest = unpacked.keep(&home)?;
    let restored = context.at_home(home);
    for app in &found.apps {
        // The hook names the home and this program: it is written anew in every home.
        if let Err(error) = git::repository::create(&restored, app) {
            context.ui.warning(format_args!(
                "{}\nPushes to {app} are refused until: slugline git:remote --app {app}",
                error.text
            ));
        }
    }
    tell(&restored, args, &manifest, &found);
    Ok(Status::Done)
}

/// A home that holds something is never touched.
fn refuse_used(home: &Path, file: &Path) -> Result<(), CommandError> {
    let shown = home.display();
    match fs::read_dir(home).map(|entries| entries.count()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(CommandError::failed(format!("{shown}: {error}"))),
        Ok(0) => Ok(()),
        Ok(_) => Err(CommandError::failed(format!(
            "{shown} is not empty, and is left as it is.\nRestore into another folder: \
             slugline restore {} --into FOLDER",
            file.display()
        ))),
    }
}

/// An absolute path, without steps `..` in the part of it that is there.
fn plain(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let above = existing(&path);
    let rest = path.strip_prefix(above).unwrap_or(Path::new(""));
    Ok(above.canonicalize()?.join(rest))
}

/// The nearest folder above the home that is there: what is unpacked in it can be renamed.
fn existing(home: &Path) -> &Path {
    let mut above = home.ancestors().skip(1);
    above.find(|path| path.is_dir()).unwrap_or(Path::new("/"))
}

/// What a backup was found to hold.
struct Found {
    apps: Vec<AppName>,
    /// Apps with what was altered of their history.
    altered: Vec<String>,
    /// Slugs of kept releases that are not in it.
    missing: usize,
    /// Add-ons that hold nothing now.
    emptied: Vec<String>,
}

/// Makes what was unpacked fit its new place, and looks it through.
fn prepare(context: &Context, unpacked: &Unpacked, home: &Path) -> Result<Found, CommandError> {
    let manifest = &unpacked.manifest;
    let key = match (manifest.key, context.env.key()) {
        (true, _) => KeySource::File,
        (false, KeySource::File) => {
            return Err(CommandError::failed(
                "The ledger's key is not in this backup. Give it: SLUGLINE_KEY=… slugline restore …",
            ));
        }
        (false, given) => given,
    };
    let ledger = SqliteLedger::open_with(unpacked.path(), key)?;
    let apps: Vec<_> = ledger.apps()?.into_iter().map(|app| app.name).collect();
    ledger.move_home(&manifest.home, &home.to_string_lossy())?;
    let mut found = Found {
        apps: Vec::new(),
        altered: Vec::new(),
        missing: 0,
        emptied: Vec::new(),
    };
    for app in &apps {
        if let Some(altered) = ledger.verify(app)?.altered {
            let what = format!("{app}: {} {}", altered.version, altered.what);
            found.altered.push(what);
        }
        for resource in ledger.resources(app)? {
            found.emptied.push(format!("{} of {app}", resource.plan));
        }
        let bundle = unpacked.path().join(format!("repositories/{app}.bundle"));
        if bundle.is_file() {
            unbundle(&bundle, &bundle.with_extension("git"))?;
            fs::remove_file(&bundle).map_err(|error| CommandError::because(&error))?;
        }
    }
    let slugs = ledger.slugs_in_use()?;
    let slugs: BTreeSet<_> = slugs.into_iter().map(|slug| slug.id).collect();
    let is_whole = |id: &&slugline_core::slug::SlugId| {
        let held = manifest.files.get(&format!("slugs/{id}.slug"));
        held.is_some_and(|held| held.sha256 == id.as_str())
    };
    found.missing = slugs.len() - slugs.iter().filter(is_whole).count();
    found.apps = apps;
    Ok(found)
}

/// A repository with all commits of a bundle, and no hook yet.
fn unbundle(bundle: &Path, repository: &Path) -> Result<(), CommandError> {
    let git = |words: &[&str], paths: [&Path; 2]| {
        let failed = |why: String| CommandError::failed(format!("git failed: {}", why.trim()));
        let mut git = Command::new("git");
        git.args(words).args(paths).env_remove("GIT_DIR");
        let output = git.output().map_err(|error| failed(error.to_string()))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(failed(String::from_utf8_lossy(&output.stderr).into_owned())),
        }
    };
    let init = ["init", "--quiet", "--bare", "--initial-branch=main"];
    git(&init, [Path::new("--template="), repository])?;
    let within = format!("--git-dir={}", repository.display());
    let fetch = [within.as_str(), "fetch", "--quiet", "--update-head-ok"];
    git(&fetch, [bundle, Path::new("+refs/*:refs/*")])
}

fn tell(restored: &Context, args: &Args, manifest: &Manifest, found: &Found) {
    let ui = &restored.ui;
    let home = restored.home.display();
    ui.data(format_args!(
        "Restored {} to {home}",
        counted(manifest.apps, manifest.releases)
    ));
    if found.altered.is_empty() && !found.apps.is_empty() {
        ui.status("Every history is as it was written.");
    }
    for altered in &found.altered {
        ui.warning(format_args!("{altered}. The backup holds it so."));
    }
    if found.missing > 0 {
        ui.warning(format_args!(
            "{} of the slugs were missing when the backup was made: slugline doctor names them.",
            found.missing
        ));
    }
    if !found.emptied.is_empty() {
        ui.warning(format_args!(
            "These add-ons begin empty: {}.",
            found.emptied.join(", ")
        ));
    }
    if manifest.home != home.to_string() && !found.apps.is_empty() {
        ui.status("Point your git remotes to the new home: slugline git:remote --app APP");
    }
    let mut next = match &args.into {
        Some(_) => format!(
            "{} slugline serve",
            shell("SLUGLINE_HOME", &home.to_string())
        ),
        None => "slugline serve".to_owned(),
    };
    if !manifest.key {
        next.push_str(", with the ledger's key in SLUGLINE_KEY or in ");
        next.push_str(
            &restored
                .home
                .join(slugline_ledger::KEY_FILE)
                .to_string_lossy(),
        );
    }
    ui.status(format_args!("Next: {next}"));
}
