//! What model and engine are both told, and what they answer, comparable. It must not know any rule.

use crate::world::Fails;

/// A command of one person about one app.
#[derive(Clone, Debug)]
pub struct Command {
    /// The app.
    pub app: &'static str,
    /// Who asks.
    pub actor: &'static str,
    /// What is asked.
    pub verb: Verb,
    /// The name of the resource that it may make.
    pub id: u64,
    /// Whether the loss of releases is accepted (S14).
    pub confirmed: bool,
    /// What `--if-current` names, where it is given (S32).
    pub guess: Option<Guess>,
    /// Where the world fails meanwhile.
    pub fails: Option<Fails>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Verb {
    /// `apps:create`
    Create,
    /// `apps:destroy`
    Destroy,
    /// A push of this commit.
    Deploy(u64),
    /// `config:add`
    Set(Vec<(&'static str, String)>),
    /// `config:remove`
    Unset(Vec<&'static str>),
    /// `addons:add`
    Add(&'static str),
    /// `addons:remove`
    Remove(&'static str),
    /// `addons:upgrade`
    Upgrade(&'static str),
    /// `addons:downgrade`
    Downgrade(&'static str),
    /// `rollback`
    Rollback {
        /// The release, if one is named.
        target: Option<Number>,
        /// Only this half.
        half: Option<Half>,
        /// `--pin`
        pin: bool,
    },
    /// `rollback --unpin`
    Unpin,
    /// `releases:pin`, and `releases:unpin` where it is false.
    Keep(Number, bool),
    /// `releases:prune`
    Prune,
    /// `restart`
    Restart,
    /// What is current goes bad while it is watched (S39).
    GoBad,
}

/// Half of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// `--code-only`
    Code,
    /// `--config-only`
    Config,
}

/// A release, counted back from the newest number or beyond it, so that most of them exist.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// So many before the newest.
    Back(u64),
    /// So many after it.
    Beyond(u64),
}

impl Number {
    /// The number, where the newest is this; the first where there are not so many, since nobody can
    /// say v0.
    #[must_use]
    pub fn of(self, last: u64) -> u64 {
        match self {
            Self::Back(by) => last.saturating_sub(by).max(1),
            Self::Beyond(by) => last + by,
        }
    }
}

/// What `--if-current` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// What is current.
    Right,
    /// Another release.
    Wrong,
}

/// What a model says of a text.
#[derive(Clone, Debug)]
pub enum Says {
    /// These words, and a hint or not.
    Exactly(String),
    /// These words with this hint.
    Hinted(String, String),
    /// Words of which the rules do not say which.
    Something,
}

impl Says {
    /// These words, whatever the hint.
    #[must_use]
    pub fn exactly(text: &str) -> Self {
        Self::Exactly(text.to_owned())
    }

    fn fits(&self, (text, hint): &(String, Option<String>)) -> bool {
        match self {
            Self::Exactly(words) => words == text,
            Self::Hinted(words, advice) => words == text && Some(advice) == hint.as_ref(),
            Self::Something => !text.is_empty(),
        }
    }
}

/// What a model answers.
#[derive(Clone, Debug)]
pub struct Answer {
    kind: String,
    says: Vec<Says>,
}

impl Answer {
    /// An answer without words of its own.
    #[must_use]
    pub fn new(kind: impl Into<String>) -> Self {
        let (kind, says) = (kind.into(), Vec::new());
        Self { kind, says }
    }

    /// A refusal with all its reasons.
    #[must_use]
    pub fn refused(says: impl Into<Vec<Says>>) -> Self {
        let (kind, says) = ("refused".to_owned(), says.into());
        Self { kind, says }
    }

    /// A release that went bad stays, for this reason.
    #[must_use]
    pub fn stays(says: Says) -> Self {
        let (kind, says) = ("stays".to_owned(), vec![says]);
        Self { kind, says }
    }

    /// Nothing would be changed (S5).
    #[must_use]
    pub fn nothing(says: Says) -> Self {
        let (kind, says) = ("nothing".to_owned(), vec![says]);
        Self { kind, says }
    }

    /// Whether the engine has answered so.
    #[must_use]
    pub fn fits(&self, heard: &Heard) -> bool {
        let each = || self.says.iter().zip(&heard.texts);
        self.kind == heard.kind
            && self.says.len() == heard.texts.len()
            && each().all(|(says, text)| says.fits(text))
    }
}

/// What an engine answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What kind of answer it is, as a model calls it.
    pub kind: String,
    /// Its texts, each with its hint.
    pub texts: Vec<(String, Option<String>)>,
}
