//! Webhooks: who is told of what happens to an app, how often it is tried, and when it is given up. It
//! must not know how anything is sent.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::access::{Collaborator, Role, UnknownWord};
use crate::actor::Actor;
use crate::addon::PlanName;
use crate::app::AppName;
use crate::build::{Build, BuildStatus};
use crate::change::Change;
use crate::price::Price;
use crate::release::Version;
use crate::resource::ResourceId;
use crate::settings::{Host, Settings};
use crate::slug::Slug;
use crate::time::Timestamp;

/// So many webhooks one app may have.
pub const MOST: usize = 20;
/// So many of an app's newest events are kept, with what became of them.
pub const KEPT: u32 = 1000;
/// A `sync` webhook is tried for so long, in milliseconds: seven days, about 180 times.
const PATIENCE: i64 = 7 * 24 * 3600 * 1000;

/// A webhook's name: 32 hexadecimal digits, random.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookId(String);

/// Text that names no webhook.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a webhook is named by 32 hexadecimal digits: `slugline webhooks` lists them")]
pub struct InvalidWebhookId;

impl WebhookId {
    /// Checks a name; dashes between the digits are left out.
    ///
    /// # Errors
    /// [`InvalidWebhookId`].
    pub fn new(text: &str) -> Result<Self, InvalidWebhookId> {
        let plain: String = text.chars().filter(|c| *c != '-').collect();
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        match plain.len() == 32 && plain.chars().all(hex) {
            true => Ok(Self(plain)),
            false => Err(InvalidWebhookId),
        }
    }

    /// Its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for WebhookId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Include {
    /// An add-on was added, moved to another plan or removed.
    Addon,
    /// Maintenance was switched.
    App,
    /// A build was asked for, or ended.
    Build,
    /// Somebody may use it, in another role, or no more.
    Collaborator,
    /// It answers under a host, or no more.
    Domain,
    /// Another number of processes is to run.
    Formation,
    /// A release was recorded, or settled.
    Release,
}

impl Include {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Addon,
        Self::App,
        Self::Build,
        Self::Collaborator,
        Self::Domain,
        Self::Formation,
        Self::Release,
    ];

    /// The word that names it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Addon => "api:addon",
            Self::App => "api:app",
            Self::Build => "api:build",
            Self::Collaborator => "api:collaborator",
            Self::Domain => "api:domain",
            Self::Formation => "api:formation",
            Self::Release => "api:release",
        }
    }
}

impl std::str::FromStr for Include {
    type Err = NotTold;

    /// `api:` may be left out.
    fn from_str(text: &str) -> Result<Self, NotTold> {
        if matches!(text, "api:dyno" | "dyno") {
            return Err(NotTold::Processes);
        }
        let mut all = Self::ALL.into_iter();
        let found = all.find(|one| {
            one.word() == text || one.word().strip_prefix("api:").is_some_and(|it| it == text)
        });
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::word).join(", ");
            UnknownWord::new("kind of event", text, known).into()
        })
    }
}

/// Why nobody is told of something.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotTold {
    /// What single processes do is not written down, as what webhooks are told of is.
    #[error(
        "api:dyno is told to no webhook: what each process does is known while it is supervised, and written \
         down nowhere, so that a crash would lose some of it. The app's log has it, and api:formation and \
         api:release tell what is to run"
    )]
    Processes,
    /// There is no such kind.
    #[error(transparent)]
    Unknown(#[from] UnknownWord),
}

/// How much it matters that somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It is tried once.
    Notify,
    /// It is tried until it succeeds, and what comes later waits.
    Sync,
}

impl Level {
    /// The word that names it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Notify => "notify",
            Self::Sync => "sync",
        }
    }
}

impl std::str::FromStr for Level {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "notify" => Ok(Self::Notify),
            "sync" => Ok(Self::Sync),
            _ => Err(UnknownWord::new("level", text, "notify, sync".to_owned())),
        }
    }
}

/// Where events of an app are posted. The URL may hold a password, and is no more shown than the rest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `https://…` or `http://…`.
    pub url: String,
    /// The key of the signature.
    pub secret: String,
    /// What stands in `Authorization`.
    pub authorization: Option<String>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").finish_non_exhaustive()
    }
}

/// A webhook of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its name.
    pub id: WebhookId,
    /// What it is told of; at least one.
    pub include: BTreeSet<Include>,
    /// How much it matters.
    pub level: Level,
    /// Where it is posted.
    pub target: Target,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What was done with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is new.
    Create,
    /// It is another.
    Update,
    /// It is gone.
    Destroy,
}

impl Action {
    /// The word that names it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Destroy => "destroy",
        }
    }

    /// What was done with something that was this before and is that now; `None` where it is the same.
    #[must_use]
    pub fn of<T: PartialEq>(before: Option<&T>, after: Option<&T>) -> Option<Self> {
        match (before, after) {
            (None, Some(_)) => Some(Self::Create),
            (Some(_), None) => Some(Self::Destroy),
            (Some(before), Some(after)) if before != after => Some(Self::Update),
            _ => None,
        }
    }
}

/// What happened, with all that is told of it. It holds no config var.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Happening {
    /// A release was recorded, and is pending; or it was settled.
    Release {
        /// Its number.
        version: Version,
        /// What was asked for.
        change: Change,
        /// Who made it.
        actor: Actor,
        /// When it was recorded.
        at: Timestamp,
        /// How it ended; `None` while it is pending.
        succeeded: Option<bool>,
        /// Its code.
        slug: Option<Slug>,
        /// The plans of its add-ons.
        plans: Vec<PlanName>,
    },
    /// An add-on was added, moved to another plan or removed.
    Addon {
        /// What was done.
        action: Action,
        /// The plan that it is on, or was.
        plan: PlanName,
        /// What that costs.
        price: Price,
        /// What its provider keeps for it.
        resource: Option<ResourceId>,
        /// The plan before, where it was moved.
        was: Option<PlanName>,
    },
    /// A build was asked for, or ended.
    Build(Build),
    /// Maintenance was switched.
    Maintenance {
        /// To what.
        on: bool,
    },
    /// Somebody may use it, in another role, or no more.
    Collaborator {
        /// What was done.
        action: Action,
        /// Who.
        user: Actor,
        /// In which role, now or before.
        role: Role,
        /// Since when.
        since: Timestamp,
    },
    /// It answers under a host, or no more.
    Domain {
        /// What was done.
        action: Action,
        /// The host.
        host: Host,
    },
    /// Another number of processes of a type is to run.
    Formation {
        /// The type.
        kind: String,
        /// How many.
        count: u32,
        /// How many before.
        was: u32,
    },
}

impl Happening {
    /// Its kind.
    #[must_use]
    pub fn include(&self) -> Include {
        match self {
            Self::Release { .. } => Include::Release,
            Self::Addon { .. } => Include::Addon,
            Self::Build(_) => Include::Build,
            Self::Maintenance { .. } => Include::App,
            Self::Collaborator { .. } => Include::Collaborator,
            Self::Domain { .. } => Include::Domain,
            Self::Formation { .. } => Include::Formation,
        }
    }

    /// What was done.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Release { succeeded, .. } => match succeeded {
                None => Action::Create,
                Some(_) => Action::Update,
            },
            Self::Build(build) => match build.status {
                BuildStatus::Pending => Action::Create,
                BuildStatus::Succeeded | BuildStatus::Failed => Action::Update,
            },
            Self::Addon { action, .. }
            | Self::Collaborator { action, .. }
            | Self::Domain { action, .. } => *action,
            Self::Maintenance { .. } | Self::Formation { .. } => Action::Update,
        }
    }

    /// What happened where somebody was this of an app before and is that now.
    #[must_use]
    pub fn of_collaborator(
        before: Option<&Collaborator>,
        after: Option<&Collaborator>,
    ) -> Vec<Self> {
        let role = |one: Option<&Collaborator>| one.map(|one| one.role);
        let action = Action::of(role(before).as_ref(), role(after).as_ref());
        let told = action
            .zip(after.or(before))
            .map(|(action, one)| Self::Collaborator {
                action,
                user: one.user.clone(),
                role: one.role,
                since: one.since,
            });
        told.into_iter().collect()
    }

    /// What happened where these settings became those.
    #[must_use]
    pub fn of_settings(before: &Settings, after: &Settings) -> Vec<Self> {
        let mut all = Vec::new();
        if before.maintenance != after.maintenance {
            all.push(Self::Maintenance {
                on: after.maintenance,
            });
        }
        let domain = |action| {
            move |host: &Host| Self::Domain {
                action,
                host: host.clone(),
            }
        };
        let new = after.domains.difference(&before.domains);
        all.extend(new.map(domain(Action::Create)));
        let gone = before.domains.difference(&after.domains);
        all.extend(gone.map(domain(Action::Destroy)));
        let kinds: BTreeSet<_> = before
            .formation
            .keys()
            .chain(after.formation.keys())
            .collect();
        let scaled = kinds.into_iter().map(|kind| Self::Formation {
            kind: kind.clone(),
            count: after.of_type(kind).count,
            was: before.of_type(kind).count,
        });
        all.extend(
            scaled.filter(|one| matches!(one, Self::Formation { count, was, .. } if count != was)),
        );
        all
    }
}

/// Who did it, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
}

/// Something that happened to an app, which a webhook of it is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Its place among all: those that came later have a greater one.
    pub place: i64,
    /// Who did it, and when.
    pub by: By,
    /// What it was.
    pub what: Happening,
}

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It was never tried.
    Pending,
    /// It was tried, and is tried again.
    Retrying,
    /// It was taken.
    Succeeded,
    /// It is not tried any more.
    Failed,
}

impl Progress {
    /// The word that names it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Retrying => "retrying",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// What a word names.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        let all = [Self::Pending, Self::Retrying, Self::Succeeded, Self::Failed];
        all.into_iter().find(|one| one.word() == word)
    }
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// When.
    pub at: Timestamp,
    /// The status that was answered; `None` where nothing was.
    pub code: Option<u16>,
    /// Why nothing was, in one line that names no address.
    pub error: Option<String>,
}

impl Tried {
    /// Whether it was taken: any 2xx.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.code.is_some_and(|code| (200..300).contains(&code))
    }
}

/// One event on its way to one webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its place among all: those that came later have a greater one.
    pub place: i64,
    /// To which.
    pub webhook: WebhookId,
    /// How much that matters.
    pub level: Level,
    /// What.
    pub event: Happened,
    /// How far it has come.
    pub progress: Progress,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is to be tried, where it is.
    pub due: Timestamp,
    /// How the last try ended.
    pub last: Option<Tried>,
}

/// A delivery that is to be tried now.
#[derive(Clone, Debug)]
pub struct Due {
    /// The app.
    pub app: AppName,
    /// The delivery.
    pub delivery: Delivery,
    /// Where to.
    pub target: Target,
}

/// How far a delivery has come after a try, and when it is tried again: after 1 s, and after twice as
/// long each time, an hour at most; for seven days.
#[must_use]
pub fn after(delivery: &Delivery, tried: &Tried) -> (Progress, Timestamp) {
    let age = tried.at.0.saturating_sub(delivery.event.by.at.0);
    if tried.is_taken() {
        (Progress::Succeeded, tried.at)
    } else if delivery.level == Level::Notify || age >= PATIENCE {
        (Progress::Failed, tried.at)
    } else {
        let seconds = (1_i64 << delivery.attempts.min(12)).min(3600);
        (
            Progress::Retrying,
            Timestamp(tried.at.0.saturating_add(seconds * 1000)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Formation;

    fn delivery(level: Level) -> Delivery {
        Delivery {
            place: 1,
            webhook: WebhookId::new(&"0f".repeat(16)).unwrap(),
            level,
            event: Happened {
                place: 1,
                by: By {
                    actor: Actor::new("jim@example.com").unwrap(),
                    at: Timestamp(0),
                },
                what: Happening::Maintenance { on: true },
            },
            progress: Progress::Pending,
            attempts: 0,
            due: Timestamp(0),
            last: None,
        }
    }

    fn tried(at: i64, code: Option<u16>) -> Tried {
        Tried {
            at: Timestamp(at),
            code,
            error: None,
        }
    }

    #[test]
    fn sync_is_tried_about_180_times_in_seven_days_and_notify_once() {
        let mut one = delivery(Level::Sync);
        let mut now = 0;
        let mut waits = Vec::new();
        loop {
            let (progress, due) = after(&one, &tried(now, Some(500)));
            one.attempts += 1;
            if progress == Progress::Failed {
                break;
            }
            assert_eq!(progress, Progress::Retrying);
            waits.push((due.0 - now) / 1000);
            now = due.0;
        }
        assert_eq!(waits[..4], [1, 2, 4, 8]);
        assert_eq!(waits.last(), Some(&3600));
        assert!((175..185).contains(&one.attempts), "{}", one.attempts);
        let once = delivery(Level::Notify);
        for code in [None, Some(301), Some(500)] {
            assert_eq!(after(&once, &tried(1, code)).0, Progress::Failed);
        }
        for code in [200, 204, 299] {
            assert_eq!(after(&once, &tried(1, Some(code))).0, Progress::Succeeded);
        }
    }

    #[test]
    fn settings_that_differ_are_happenings() {
        let host = |name: &str| Host::new(name).unwrap();
        let before = Settings {
            domains: [host("a.example.com"), host("b.example.com")].into(),
            ..Settings::default()
        };
        let two = Formation {
            count: 2,
            ..Formation::default()
        };
        let after = Settings {
            domains: [host("b.example.com"), host("c.example.com")].into(),
            maintenance: true,
            formation: [("web".to_owned(), two)].into(),
            preboot: false,
            ..Settings::default()
        };
        let all: Vec<_> = Happening::of_settings(&before, &after)
            .iter()
            .map(|one| (one.include().word(), one.action().word()))
            .collect();
        let expected = [
            ("api:app", "update"),
            ("api:domain", "create"),
            ("api:domain", "destroy"),
            ("api:formation", "update"),
        ];
        assert_eq!(all, expected);
        assert_eq!(Happening::of_settings(&after, &after), []);
    }

    #[test]
    fn words_are_read_with_or_without_their_prefix() {
        for one in Include::ALL {
            assert_eq!(one.word().parse(), Ok(one));
            assert_eq!(one.word()[4..].parse(), Ok(one));
        }
        let error = |word: &str| word.parse::<Include>().unwrap_err().to_string();
        assert_eq!(
            error("api:pipeline"),
            "\"api:pipeline\" is not a kind of event: there are api:addon, api:app, api:build, \
             api:collaborator, api:domain, api:formation, api:release"
        );
        for word in ["api:dyno", "dyno"] {
            let why = "api:dyno is told to no webhook: what each process does";
            assert!(error(word).starts_with(why), "{}", error(word));
        }
    }
}
