//! After the switch: plugins are asked what they think of a release that is watched. It must not
//! know what follows from that; [`super::watch`] does.

use super::announce::installed;
use super::{Engine, LedgerPast};
use crate::app::AppName;
use crate::event::Subject;
use crate::operation::Past as _;
use crate::port::{LedgerError, Opinions, Seen, Watching};
use crate::release::{Release, Status, Version};
use crate::slug::Commit;

impl Engine<'_> {
    /// What plugins think of a release that is watched; `None` where another one is current by now.
    ///
    /// # Errors
    /// [`LedgerError`]: nobody was asked.
    pub fn opinions(
        &self,
        app: &AppName,
        version: Version,
        seen: &Seen,
    ) -> Result<Option<Opinions>, LedgerError> {
        let outline = self.ledger.outline(app)?;
        let Some(current) = outline.current.as_ref().filter(|it| it.version == version) else {
            return Ok(None);
        };
        let watching = Watching {
            app,
            release: &self.watched_subject(app, current)?,
            seen,
            addons: &installed(&outline, &self.ledger.resources(app)?),
        };
        Ok(Some(self.policies.watch(&watching)))
    }

    fn watched_subject(&self, app: &AppName, release: &Release) -> Result<Subject, LedgerError> {
        let commit = |release: &Release| -> Option<Commit> {
            release.slug.as_ref().map(|slug| slug.commit.clone())
        };
        Ok(Subject {
            version: release.version,
            change: release.change.to_string(),
            actor: release.actor.to_string(),
            at: release.created_at,
            url: self.launcher.url(app),
            commit: commit(release),
            previous_commit: self
                .ran_before(app, release.version)?
                .as_ref()
                .and_then(commit),
            // It is not kept with the release.
            git_log: String::new(),
            deploy: release.change.is_deploy(),
        })
    }

    /// The newest release before this one that succeeded.
    fn ran_before(&self, app: &AppName, version: Version) -> Result<Option<Release>, LedgerError> {
        let past = LedgerPast {
            ledger: self.ledger,
            app,
        };
        let mut before = version;
        loop {
            let page = past.history(Some(before), 50)?;
            let Some(last) = page.last() else {
                return Ok(None);
            };
            before = last.version;
            let mut ran = page.into_iter().filter(|it| it.status == Status::Succeeded);
            if let Some(found) = ran.next() {
                return Ok(Some(found));
            }
        }
    }
}
