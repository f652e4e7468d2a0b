//! `slugline backup`: one file that a home can be made from, written while the home is in use.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use slugline_core::port::{Clock as _, Ledger};
use slugline_ledger::{KEY_FILE, KeySource, SqliteLedger};
use slugline_slug::SlugStore;
use slugline_slug::backup::{Backup, Manifest};
use tempfile::{NamedTempFile, TempDir};

use crate::clock::MachineClock;
use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::render::size;
use crate::render::when::rfc3339;

#[derive(clap::Args)]
pub struct Args {
    /// The file to write; `-` is standard output
    file: PathBuf,
    /// Leave the ledger's key out, without which the config vars in the backup cannot be read; and the
    /// certificates, whose keys are as secret
    #[arg(long)]
    without_key: bool,
}

/// Which secrets are in a backup.
#[derive(Clone, Copy)]
struct Secrets {
    /// The ledger's key, where it is kept in the home.
    key: bool,
    /// The certificates, each with its private key.
    certificates: bool,
}

/// What a provider writes into the folder of a resource is smaller; all else there is data.
const SMALL: u64 = 64 << 10;

pub fn run(context: &Context, args: &Args) -> Outcome {
    let to_stdout = args.file.as_os_str() == "-";
    refuse(&args.file, to_stdout)?;
    let ledger = context.ledger()?;
    let source = Source::of(context, &ledger)?;
    let secrets = Secrets {
        key: !args.without_key && matches!(context.env.key(), KeySource::File),
        certificates: !args.without_key,
    };
    let told = if to_stdout {
        let out = BufWriter::new(io::stdout().lock());
        let (mut out, told) = source.write(context, secrets, out)?;
        out.flush().map_err(|error| CommandError::because(&error))?;
        told
    } else {
        source.write_file(context, secrets, &args.file)?
    };
    match to_stdout {
        true => context.ui.status(&told),
        false => context.ui.data(&told),
    }
    source.tell(context, secrets)?;
    Ok(Status::Done)
}

fn refuse(file: &Path, to_stdout: bool) -> Result<(), CommandError> {
    if to_stdout && io::stdout().is_terminal() {
        return Err(CommandError::usage(
            "A backup is not for a terminal: name a file, or pipe it elsewhere.",
        ));
    }
    if !to_stdout && file.exists() {
        return Err(CommandError::failed(format!(
            "{} is there already\nName another file.",
            file.display()
        )));
    }
    Ok(())
}

/// All that a backup is made of. As long as it lives, nothing that it refers to is removed.
struct Source {
    store: SlugStore,
    scratch: TempDir,
    snapshot: SqliteLedger,
}

impl Source {
    /// The repositories first: a push that comes after them is then in neither, or can be made
    /// again.
    fn of(context: &Context, ledger: &SqliteLedger) -> Result<Self, CommandError> {
        let store = SlugStore::open(&context.home)?;
        let because = |error: io::Error| CommandError::because(&error);
        let private = fs::Permissions::from_mode(0o700);
        let scratch = tempfile::Builder::new()
            .permissions(private)
            .tempdir_in(context.home.join("build"))
            .map_err(because)?;
        let bundles = scratch.path().join("repositories");
        fs::create_dir(&bundles).map_err(because)?;
        for app in ledger.apps()? {
            bundle(
                &context.repository(&app.name),
                &bundles.join(format!("{}.bundle", app.name)),
            )?;
        }
        let snapshot = ledger.snapshot(scratch.path())?;
        Ok(Self {
            store,
            scratch,
            snapshot,
        })
    }

    fn write_file(
        &self,
        context: &Context,
        secrets: Secrets,
        file: &Path,
    ) -> Result<String, CommandError> {
        let shown = file.display();
        let failed =
            |error: io::Error| CommandError::failed(format!("{shown} cannot be written: {error}"));
        let above = file.parent().filter(|path| !path.as_os_str().is_empty());
        let above = above.unwrap_or(Path::new("."));
        if !above.is_dir() {
            let why = format!("there is no folder {}", above.display());
            return Err(CommandError::failed(why));
        }
        let new = NamedTempFile::with_prefix_in(".slugline-backup-", above).map_err(failed)?;
        let (out, told) = self.write(context, secrets, BufWriter::new(new))?;
        let new = out
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        new.as_file().sync_all().map_err(failed)?;
        let bytes = new.as_file().metadata().map_err(failed)?.len();
        new.persist_noclobber(file)
            .map_err(|error| failed(error.error))?;
        File::open(above)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        Ok(format!("{told} to {shown} ({})", size(bytes)))
    }

    /// Writes all of it, and answers what it was.
    fn write<W: Write>(
        &self,
        context: &Context,
        secrets: Secrets,
        to: W,
    ) -> Result<(W, String), CommandError> {
        let home = &context.home;
        let mut backup = Backup::begin(to)?;
        backup.add("ledger.db", &self.scratch.path().join("ledger.db"))?;
        if secrets.key {
            backup.add(KEY_FILE, &self.scratch.path().join(KEY_FILE))?;
        }
        self.add_slugs(context, &mut backup)?;
        let bundles = self.scratch.path().join("repositories");
        let apps = self.snapshot.apps()?;
        for app in &apps {
            let name = format!("{}.bundle", app.name);
            if bundles.join(&name).is_file() {
                backup.add(&format!("repositories/{name}"), &bundles.join(&name))?;
            }
        }
        if home.join("plugins.lock").is_file() {
            backup.add("plugins.lock", &home.join("plugins.lock"))?;
        }
        add_folder(context, &mut backup, home, "plugins")?;
        for id in self.snapshot.resource_ids()?.into_keys() {
            add_small(&mut backup, home, &format!("resources/{id}"))?;
        }
        if secrets.certificates {
            for (name, path) in certificates(home)? {
                backup.add(&format!("{CERTIFICATES}/{name}"), &path)?;
            }
        }
        let releases = self.snapshot.releases_kept()?;
        let about = Manifest {
            format: slugline_slug::backup::FORMAT,
            slugline: env!("CARGO_PKG_VERSION").to_owned(),
            made_at: rfc3339(MachineClock::new(&context.env)?.now()),
            home: home.display().to_string(),
            key: secrets.key,
            apps: apps.len() as u64,
            releases,
            files: Default::default(),
        };
        let out = backup.finish(about)?;
        Ok((
            out,
            format!("Backed up {}", counted(apps.len() as u64, releases)),
        ))
    }

    fn add_slugs<W: Write>(
        &self,
        context: &Context,
        backup: &mut Backup<W>,
    ) -> Result<(), CommandError> {
        let slugs = self.snapshot.slugs_in_use()?;
        let ids: BTreeSet<_> = slugs.iter().map(|slug| slug.id.clone()).collect();
        let sources: BTreeSet<_> = slugs.into_iter().map(|slug| slug.source).collect();
        let files = ids.iter().map(|id| ("slugs", self.store.slug_path(id)));
        let files = files.chain(
            sources
                .iter()
                .map(|id| ("sources", self.store.source_path(id))),
        );
        let builds = self.store.builds_of(&ids)?;
        for (folder, path) in files.chain(builds.into_iter().map(|path| ("builds", path))) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_file() {
                backup.add(&format!("{folder}/{name}"), &path)?;
            } else {
                context.ui.warning(format_args!(
                    "{folder}/{name} is missing, and so is not in the backup."
                ));
            }
        }
        Ok(())
    }

    /// What the person has to know of it.
    fn tell(&self, context: &Context, secrets: Secrets) -> Result<(), CommandError> {
        context.ui.status(match secrets.key {
            true => {
                "The ledger's key is in it: whoever has the file can read every config var. \
                 --without-key leaves it out."
            }
            false => {
                "The ledger's key is not in it: keep a copy of the key elsewhere. Without it the \
                 config vars are lost."
            }
        });
        if !certificates(&context.home)?.is_empty() {
            context.ui.status(match secrets.certificates {
                true => "The certificates of hosts are in it, with their private keys.",
                false => {
                    "The certificates of hosts are not in it; add them again where it is restored: \
                     slugline certs:add"
                }
            });
        }
        let mut held = Vec::new();
        for app in self.snapshot.apps()? {
            for resource in self.snapshot.resources(&app.name)? {
                held.push(format!("{} of {}", resource.plan, app.name));
            }
        }
        if !held.is_empty() {
            context.ui.warning(format_args!(
                "What add-ons hold is not in it: {}.",
                held.join(", ")
            ));
        }
        Ok(())
    }
}

/// The folder of certificates in a home, and in a backup.
const CERTIFICATES: &str = "certs";

/// The files of certificates, by name; not those that are being written.
fn certificates(home: &Path) -> Result<Vec<(String, PathBuf)>, CommandError> {
    let mut all = listed(&home.join(CERTIFICATES))?;
    all.retain(|(name, path)| name.ends_with(".pem") && path.is_file());
    Ok(all)
}

/// `1 app with 2 releases`.
pub fn counted(apps: u64, releases: u64) -> String {
    let many = |count: u64, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    format!("{} with {}", many(apps, "app"), many(releases, "release"))
}

/// All commits of a repository as one file; none where nothing was pushed yet.
fn bundle(repository: &Path, to: &Path) -> Result<(), CommandError> {
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.arg("--git-dir").arg(repository).args(words);
        let failed = |why: String| {
            let shown = repository.display();
            CommandError::failed(format!("git cannot read {shown}: {}", why.trim()))
        };
        let output = git.output().map_err(|error| failed(error.to_string()))?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(failed(String::from_utf8_lossy(&output.stderr).into_owned())),
        }
    };
    if !repository.is_dir() || git(&["for-each-ref", "--count=1"])?.is_empty() {
        return Ok(());
    }
    git(&[
        "bundle",
        "create",
        "--quiet",
        &to.to_string_lossy(),
        "--all",
    ])
    .map(drop)
}

/// Every file below a folder of the home.
fn add_folder<W: Write>(
    context: &Context,
    backup: &mut Backup<W>,
    home: &Path,
    folder: &str,
) -> Result<(), CommandError> {
    for (name, path) in listed(&home.join(folder))? {
        // What an installation that died has left.
        if folder == "plugins" && name.starts_with('.') {
            continue;
        }
        let inside = format!("{folder}/{name}");
        let kind = fs::symlink_metadata(&path).map_err(|error| CommandError::because(&error))?;
        if kind.is_dir() {
            add_folder(context, backup, home, &inside)?;
        } else if kind.is_file() {
            backup.add(&inside, &path)?;
        } else {
            context.ui.warning(format_args!(
                "{inside} is no plain file, and so is not in the backup."
            ));
        }
    }
    Ok(())
}

/// What a provider has written into the folder of a resource, and no data.
fn add_small<W: Write>(
    backup: &mut Backup<W>,
    home: &Path,
    folder: &str,
) -> Result<(), CommandError> {
    for (name, path) in listed(&home.join(folder))? {
        let found = fs::symlink_metadata(&path).map_err(|error| CommandError::because(&error))?;
        if found.is_file() && found.len() <= SMALL && !name.starts_with('.') {
            backup.add(&format!("{folder}/{name}"), &path)?;
        }
    }
    Ok(())
}

/// The names in a folder, sorted, each with its path; none where there is no folder.
fn listed(folder: &Path) -> Result<Vec<(String, PathBuf)>, CommandError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| CommandError::because(&error))?,
    };
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| CommandError::because(&error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        all.push((name, entry.path()));
    }
    all.sort();
    Ok(all)
}
