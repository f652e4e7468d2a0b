//! What something writes while it runs, for whoever reads along: release phases, each known by its app and
//! release for as long as it runs. It must not know who reads, nor what is kept afterwards.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slugline_core::app::AppName;
use slugline_core::release::Version;

/// The most that is held of one, in bytes: the end of it.
const MOST: usize = 1024 * 1024;

/// Stands for what was let go before it was read.
const CUT: &str = "(the beginning is left out)\n";

/// Text that grows at its end.
#[derive(Debug, Default)]
pub struct Written(Mutex<Text>);

#[derive(Debug, Default)]
struct Text {
    /// The end of it.
    held: String,
    /// How many bytes came before that.
    before: u64,
    over: bool,
}

impl Written {
    fn text(&self) -> MutexGuard<'_, Text> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line.
    pub fn line(&self, line: &str) {
        let mut text = self.text();
        text.held.extend([line, "\n"]);
        // Not with every line: the rest is moved each time.
        if text.held.len() > 2 * MOST {
            let from = text.held.len() - MOST;
            let end = text.held.as_bytes()[from..]
                .iter()
                .position(|byte| *byte == b'\n');
            let from = end.map_or(text.held.len(), |end| from + end + 1);
            text.held.drain(..from);
            text.before += from as u64;
        }
    }

    /// Nothing is added any more.
    pub fn end(&self) {
        self.text().over = true;
    }

    /// Adds to `to` what was written after the first `from` bytes. Answers how many there are now, and
    /// whether more may come.
    pub fn since(&self, from: u64, to: &mut String) -> (u64, bool) {
        let text = self.text();
        let skip = match from.checked_sub(text.before) {
            Some(skip) => usize::try_from(skip).unwrap_or(usize::MAX),
            None => {
                to.push_str(CUT);
                0
            }
        };
        to.push_str(text.held.get(skip..).unwrap_or_default());
        (text.before + text.held.len() as u64, !text.over)
    }

    /// All that is held of it.
    #[must_use]
    pub fn all(&self) -> String {
        let mut all = String::new();
        self.since(0, &mut all);
        all
    }
}

/// What the release phases that run have written.
#[derive(Debug, Default)]
pub struct Phases(Mutex<BTreeMap<AppName, (Version, Arc<Written>)>>);

impl Phases {
    fn running(&self) -> MutexGuard<'_, BTreeMap<AppName, (Version, Arc<Written>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the release phase of this release has written; `None` where it does not run.
    #[must_use]
    pub fn of(&self, app: &AppName, version: Version) -> Option<Arc<Written>> {
        let running = self.running();
        let (of, written) = running.get(app)?;
        (*of == version).then(|| Arc::clone(written))
    }

    pub(crate) fn begin(self: &Arc<Self>, app: &AppName, version: Version) -> Arc<Writing> {
        let written = Arc::<Written>::default();
        self.running()
            .insert(app.clone(), (version, Arc::clone(&written)));
        Arc::new(Writing {
            phases: Arc::clone(self),
            app: app.clone(),
            written,
        })
    }
}

/// A release phase that runs, until it is dropped.
#[derive(Debug)]
pub(crate) struct Writing {
    phases: Arc<Phases>,
    app: AppName,
    pub(crate) written: Arc<Written>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.written.end();
        let mut running = self.phases.running();
        let own = |(_, written): &(Version, Arc<Written>)| Arc::ptr_eq(written, &self.written);
        if running.get(&self.app).is_some_and(own) {
            running.remove(&self.app);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_along_is_given_every_line_once() {
        let (app, version) = (AppName::new("shop").unwrap(), Version::new(3));
        let phases = Arc::<Phases>::default();
        assert!(phases.of(&app, version).is_none());
        let writing = phases.begin(&app, version);
        let seen = phases.of(&app, version).unwrap();
        assert!(phases.of(&app, Version::new(2)).is_none());
        let mut text = String::new();
        writing.written.line("one");
        let (at, more) = seen.since(0, &mut text);
        assert!(more);
        writing.written.line("two é");
        drop(writing);
        let (at, more) = seen.since(at, &mut text);
        assert_eq!((text.as_str(), more), ("one\ntwo é\n", false));
        assert_eq!(seen.since(at, &mut text).0, at);
        assert_eq!(seen.all(), text);
        assert!(phases.of(&app, version).is_none());
    }

    #[test]
    fn a_phase_that_ends_leaves_the_next_one_alone() {
        let (app, version) = (AppName::new("shop").unwrap(), Version::new(3));
        let phases = Arc::<Phases>::default();
        let old = phases.begin(&app, version);
        let next = phases.begin(&app, Version::new(4));
        drop(old);
        assert!(phases.of(&app, Version::new(4)).is_some());
        drop(next);
        assert!(phases.of(&app, Version::new(4)).is_none());
    }

    #[test]
    fn of_very_much_the_end_is_held() {
        let written = Written::default();
        for number in 0..400_000 {
            written.line(&format!("line {number} é"));
        }
        let all = written.all();
        assert!(all.len() <= 2 * MOST + CUT.len());
        let mut lines = all.lines();
        assert_eq!(lines.next(), CUT.lines().next());
        assert!(lines.next().unwrap().starts_with("line "));
        assert_eq!(lines.next_back(), Some("line 399999 é"));
    }
}
