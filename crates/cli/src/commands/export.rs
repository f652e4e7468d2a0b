//! `slugline export`: an app's whole history as one JSON document.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use slugline_core::app::AppName;
use slugline_core::port::Clock as _;
use slugline_ledger::{Export, ExportError, SqliteLedger};
use tempfile::NamedTempFile;

use crate::clock::MachineClock;
use crate::commands::Outcome;
use crate::commands::backup::counted;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// The file to write; standard output where none is named, or `-`
    file: Option<PathBuf>,
    /// Leave the values of config vars out; what is written then cannot be imported
    #[arg(long)]
    without_values: bool,
    /// Answer in JSON, for programs: there is no other form
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    // JSON is the only form there is: to ask for it changes nothing.
    let Args {
        file,
        without_values,
        json: _,
    } = args;
    let app = context.app()?;
    let ledger = context.ledger()?;
    context.moment(&ledger, &app)?;
    let about = Export {
        slugline: env!("CARGO_PKG_VERSION"),
        at: MachineClock::new(&context.env)?.now(),
        values: !without_values,
    };
    let source = Source { ledger, app, about };
    match file.as_deref().filter(|file| file.as_os_str() != "-") {
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            source.write(&mut out)?;
        }
        Some(file) => {
            let kept = source.write_file(file)?;
            let told = counted(1, kept);
            context
                .ui
                .data(format_args!("Exported {told} to {}", file.display()));
        }
    }
    context.ui.status(match without_values {
        false => {
            "The values of its config vars are in it, those of old releases too: whoever has it can \
             read them. --without-values leaves them out."
        }
        true => "The values of its config vars are not in it: it cannot be imported.",
    });
    Ok(Status::Done)
}

struct Source<'a> {
    ledger: SqliteLedger,
    app: AppName,
    about: Export<'a>,
}

impl Source<'_> {
    fn write(&self, out: &mut dyn Write) -> Result<u64, CommandError> {
        let kept = self.ledger.export(&self.app, self.about, out)?;
        out.flush()
            .map_err(|error| CommandError::from(ExportError::Write(error)))?;
        Ok(kept)
    }

    /// Writes beside the file, which appears whole and for its owner alone.
    fn write_file(&self, file: &Path) -> Result<u64, CommandError> {
        let shown = file.display();
        let failed =
            |error: io::Error| CommandError::failed(format!("{shown} cannot be written: {error}"));
        if file.exists() {
            let why = format!("{shown} is there already\nName another file.");
            return Err(CommandError::failed(why));
        }
        let above = file.parent().filter(|path| !path.as_os_str().is_empty());
        let above = above.unwrap_or(Path::new("."));
        if !above.is_dir() {
            let why = format!("there is no folder {}", above.display());
            return Err(CommandError::failed(why));
        }
        let new = NamedTempFile::with_prefix_in(".slugline-export-", above).map_err(failed)?;
        let mut out = BufWriter::new(new);
        let kept = self.write(&mut out)?;
        let new = out
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        new.as_file().sync_all().map_err(failed)?;
        new.persist_noclobber(file)
            .map_err(|error| failed(error.error))?;
        let folder = File::open(above).and_then(|folder| folder.sync_all());
        folder.map_err(failed)?;
        Ok(kept)
    }
}
