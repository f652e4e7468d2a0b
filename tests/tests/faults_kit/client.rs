//! One client of the torture: gives commands by chance, some of which meet a fault, and notes how each
//! ended. It must not know whether that was right.

use std::path::PathBuf;

use super::dice::Dice;
use super::model::Asked;
use super::shim::{self, At, Fault, Process};
use super::world::{self, Ran, World};

/// A command that was given.
pub(crate) struct Given {
    /// Who gave it: a name for each command.
    pub(crate) actor: String,
    pub(crate) app: &'static str,
    pub(crate) asked: Asked,
    pub(crate) end: End,
    pub(crate) ran: Ran,
}

impl std::fmt::Display for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} of {}: {:?}, {:?}\n{}",
            self.actor, self.app, self.asked, self.end, self.ran
        )
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It says that it is done, with the number of the release that it made.
    Done(Option<u64>),
    /// It says that it did nothing.
    Refused,
    /// It was killed.
    Killed,
    /// It says that the disk failed so that nobody knows.
    Unsure,
    /// It panicked.
    Panicked,
    /// Its release was found.
    Followed,
}

impl End {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Done(_) => "ended well, without a release",
            Self::Refused => "ended refused",
            Self::Killed => "ended by a kill, without a release",
            Self::Unsure => "ended unsure, without a release",
            Self::Panicked => "panicked",
            Self::Followed => "ended with a release",
        }
    }
}

/// Gives commands.
pub(crate) struct Client {
    place: usize,
    dice: Dice,
    count: usize,
    /// Since it was last looked at.
    pub(crate) given: Vec<Given>,
}

const KEYS: [&str; 6] = ["A", "B", "C", "D", "E", "F"];
const VAULT: &str = "vault";

impl Client {
    pub(crate) fn new(place: usize, seed: u64) -> Self {
        Self {
            place,
            dice: Dice::new(seed),
            count: 0,
            given: Vec::new(),
        }
    }

    /// Gives one command.
    pub(crate) fn gives(&mut self, world: &World, apps: &[&'static str]) {
        self.count += 1;
        // What runs nothing is faster, and so is changed more often.
        let app = if self.dice.percent(8) {
            apps[2]
        } else {
            *self.dice.one(&apps[..2])
        };
        let (words, asked) = self.asks(app);
        let actor = format!("client-{}-{}@example.com", self.place, self.count);
        let words: Vec<&str> = words
            .iter()
            .map(String::as_str)
            .chain(["--app", app])
            .collect();
        let caller = world.env.by(&actor).at(&self.time());
        let fault = self.fault();
        let command = world::command(&caller, &words);
        let ran = world.ran_as(
            command,
            &format!("{}-", self.place),
            |command, hit: &PathBuf| {
                if let Some((at, fault)) = fault {
                    shim::arm(
                        command,
                        &world.env.home(),
                        Process::Command,
                        (At::Nth(at), fault),
                        hit,
                    );
                }
            },
        );
        let end = end(&ran);
        self.given.push(Given {
            actor,
            app,
            asked,
            end,
            ran,
        });
    }

    /// Hours apart, and now and then days back.
    fn time(&mut self) -> String {
        let back = if self.dice.percent(5) {
            self.dice.below(10)
        } else {
            0
        };
        let hours = 24 * 100 + self.count / 10;
        let hours = hours.saturating_sub(24 * back);
        let (days, hour) = (hours / 24, hours % 24);
        let (year, day) = (2010 + days / 336, days % 336);
        let (month, day, minute) = (1 + day / 28, 1 + day % 28, self.dice.below(60));
        format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z")
    }

    /// Which fault it meets, if any, and at which of its calls.
    fn fault(&mut self) -> Option<(usize, Fault)> {
        let at = 1 + self.dice.below(110);
        let fault = match self.dice.below(100) {
            0..27 => Fault::Kill,
            27..30 => Fault::Torn,
            30..32 => Fault::Full,
            32..34 => Fault::FullFromThereOn,
            34..36 => Fault::ReadOnlyFromThereOn,
            36 => Fault::Broken,
            _ => return None,
        };
        Some((at, fault))
    }

    /// The words of a command, and what it asks for.
    fn asks(&mut self, app: &str) -> (Vec<String>, Asked) {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let key = (*self.dice.one(&KEYS)).to_owned();
        let value = format!("{}-{}", self.place, self.count);
        match self.dice.below(100) {
            0..45 => (
                words(&format!("config:add {key}={value}")),
                Asked::Set(key, value),
            ),
            45..60 => (words(&format!("config:remove {key}")), Asked::Unset(key)),
            60..72 => {
                let (half, code, config) = *self.dice.one(&[
                    ("", true, true),
                    (" --code-only", true, false),
                    (" --config-only", false, true),
                ]);
                (
                    words(&format!("rollback{half}")),
                    Asked::Back { code, config },
                )
            }
            72..78 if app == "web" => {
                let commit = format!("{:0>40}", 1 + self.dice.below(3));
                (
                    words(&format!("deploy code --commit {commit}")),
                    Asked::Deploy(commit),
                )
            }
            72..76 => {
                let plan = format!("{VAULT}:{}", self.dice.one(&["small", "large"]));
                (words(&format!("addons:add {plan}")), Asked::Plan(plan))
            }
            76..78 => {
                let plan = format!("{VAULT}:{}", self.dice.one(&["small", "large"]));
                (words(&format!("addons:upgrade {plan}")), Asked::Plan(plan))
            }
            78..81 => {
                let remove = words(&format!("addons:remove {VAULT} --confirm {app}"));
                (remove, Asked::Remove(VAULT.to_owned()))
            }
            81 => (
                words("releases:prune --confirm ")
                    .into_iter()
                    .filter(|word| !word.is_empty())
                    .chain([app.to_owned()])
                    .collect(),
                Asked::Nothing,
            ),
            82..84 => (words("restart"), Asked::Nothing),
            84..88 => (words("releases"), Asked::Nothing),
            88..92 => (words("config"), Asked::Nothing),
            92..96 => (words("releases:info"), Asked::Nothing),
            96..98 => (words("addons"), Asked::Nothing),
            _ => (words("billing"), Asked::Nothing),
        }
    }
}

fn end(ran: &Ran) -> End {
    if ran.stderr.contains("panicked") {
        return End::Panicked;
    }
    match (ran.status, ran.signal) {
        (Some(0), _) => End::Done(number(ran)),
        (None, _) => End::Killed,
        _ if ran.stderr.contains("not known whether this is recorded") => End::Unsure,
        _ => End::Refused,
    }
}

/// The number of the release that a command says it made.
fn number(ran: &Ran) -> Option<u64> {
    let digits = |text: &str| -> Option<u64> {
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        text[..end].parse().ok()
    };
    let done = ran.stdout.split(" done, v").nth(1).and_then(digits);
    let runs = || {
        let line = ran.stderr.lines().find(|line| line.contains(" now runs"))?;
        digits(line.strip_prefix('v')?)
    };
    done.or_else(runs)
}
