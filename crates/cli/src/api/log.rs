//! The lines of a log, as the API is given them: read from the files, like those that `slugline logs`
//! shows. It must not know who asked.

use slugline_core::app::AppName;
use slugline_runtime::{Follow, LogFilter};
use slugline_server::backend::{Lines, LogReader, Unavailable};

use crate::commands::logs::show::harmless;
use crate::error::CommandError;
use crate::supervisor::Supervisor;

/// Those of an app that are wanted.
///
/// # Errors
/// Where a file is there and cannot be read.
pub fn open(
    supervisor: &Supervisor,
    app: &AppName,
    wanted: Lines,
) -> Result<Box<dyn LogReader>, Unavailable> {
    let filter = LogFilter {
        sources: wanted.sources,
        process: wanted.process,
    };
    let logs = supervisor.logs();
    let (past, follow) = match wanted.after {
        Some(number) => (Vec::new(), Follow::after(&logs, app, number, filter)),
        None => Follow::begin(&logs, app, wanted.count, filter).map_err(failed)?,
    };
    Ok(Box::new(Reader {
        past,
        follow,
        harmless: wanted.harmless,
    }))
}

fn failed(error: std::io::Error) -> Unavailable {
    Unavailable(CommandError::because(&error).text)
}

struct Reader {
    past: Vec<(u64, String)>,
    follow: Follow,
    harmless: bool,
}

impl LogReader for Reader {
    fn read(&mut self, show: &mut dyn FnMut(u64, &str)) -> Result<bool, Unavailable> {
        let quiet = self.harmless;
        let mut show = |number: u64, line: &str| match quiet {
            true => show(number, &harmless(line)),
            false => show(number, line),
        };
        let past = std::mem::take(&mut self.past);
        if past.is_empty() {
            return self.follow.read(show).map_err(failed);
        }
        for (number, line) in past {
            show(number, &line);
        }
        Ok(true)
    }
}
