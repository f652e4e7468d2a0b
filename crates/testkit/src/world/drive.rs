//! Commands of the model, carried out by the engine; and what can then be seen of the world, in the
//! lines of [`picture`](crate::model::picture). It must not know what is right.

use std::fmt::Write;

use slugline_core::config::Owner;
use slugline_core::corridor::watch::Undone;
use slugline_core::corridor::{Done, Failure, Request, Silent};
use slugline_core::event::Event;
use slugline_core::operation::addons::{ChangePlan, Remove, Way};
use slugline_core::operation::rollback::Rollback;
use slugline_core::operation::{Operation, config};
use slugline_core::port::{Kept, LedgerError};
use slugline_core::refusal::Refusal;
use slugline_core::release::{Release, Status, Version};
use slugline_core::resource::ResourceId;
use slugline_core::slug::Slug;
use slugline_core::state::State;
use slugline_core::time::Timestamp;

use super::asks::{add, deploy, set};
use super::policies::told;
use super::{World, request};
use crate::model::command::Heard;
use crate::model::picture::value;
use crate::model::{Command, Guess, Half, Verb};
use crate::values::{actor, key, name, v};

impl World {
    /// Carries out a command, where these are the app's newest number and current release, and
    /// delivers the outbox.
    ///
    /// # Panics
    /// Where the ledger fails while the outbox is delivered.
    pub fn obey(&self, command: &Command, last: u64, current: u64) -> Heard {
        let (heard, delivered) = self.both(command, last, current);
        match delivered {
            Ok(_) | Err(LedgerError::NoApp(_)) => heard,
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`World::obey`], where the ledger may fail while the outbox is delivered.
    pub fn attempt(&self, command: &Command, last: u64, current: u64) -> Heard {
        self.both(command, last, current).0
    }

    fn both(
        &self,
        command: &Command,
        last: u64,
        current: u64,
    ) -> (Heard, Result<Vec<String>, LedgerError>) {
        self.fail_at(command.fails);
        let heard = self.carry_out(command, last, current);
        let heard = heard.unwrap_or_else(|failure| said(&failure));
        let delivered = self.engine().announce(&name(command.app));
        self.fail_at(None);
        (heard, delivered)
    }

    fn carry_out(&self, command: &Command, last: u64, current: u64) -> Result<Heard, Failure> {
        let (app, actor) = (name(command.app), actor(command.actor));
        let guess = |guess| match guess {
            Guess::Right => v(current),
            Guess::Wrong => v(current + 1),
        };
        let request = Request {
            confirmed: command.confirmed,
            if_current: command.guess.map(guess),
            ..request(&app, &actor)
        };
        let engine = self.engine();
        // An app that is not there is missed before anything else is looked at.
        if !matches!(command.verb, Verb::Create) {
            self.ledger.moment(&app)?;
        }
        match &command.verb {
            Verb::Create => engine.create_app(&request).map(|_| heard("done")),
            Verb::Destroy => {
                let left = engine.destroy_app(&request, &mut Silent)?;
                Ok(heard(format!("destroyed but {}", left.len())))
            }
            Verb::Unpin => engine.unpin(&request, &mut Silent).map(|()| heard("done")),
            Verb::Keep(number, pinned) => {
                let version = v(number.of(last));
                engine.pin_release(&request, version, *pinned, &mut Silent)?;
                Ok(heard("done"))
            }
            Verb::Prune => {
                let gone = engine.prune_releases(&request, &mut Silent)?;
                let gone: Vec<u64> = gone.into_iter().map(Version::number).collect();
                Ok(heard(format!("pruned {gone:?}")))
            }
            Verb::Restart => {
                let version = engine.restart(&request, &mut Silent)?;
                Ok(heard(format!("restarted {version}")))
            }
            Verb::GoBad => {
                let undone = engine.undo_bad(&app, v(current), "web.1 crashed", &mut Silent)?;
                Ok(match undone {
                    Undone::TakenOver(done) => made(&done),
                    Undone::Stays(why) => Heard {
                        texts: vec![(why, None)],
                        ..heard("stays")
                    },
                    Undone::Replaced => heard("replaced"),
                })
            }
            Verb::Add(plan) if engine.is_first_tier(&app, plan)? => {
                let tier = add(plan, command.id);
                let tier = engine.install_first_tier(&request, &tier, &mut Silent)?;
                Ok(heard(format!("first tier {}", tier.plan)))
            }
            verb => {
                let operation = operation(verb, command.id, last);
                let done = engine.change(&request, operation.as_ref(), &mut Silent)?;
                Ok(made(&done))
            }
        }
    }

    /// What there is to see of some apps, in the lines of a model's picture.
    ///
    /// # Panics
    /// Where the ledger fails.
    #[must_use]
    pub fn picture(&self, apps: &[&'static str]) -> Vec<String> {
        let mut lines = Vec::new();
        for name in apps {
            self.app_picture(name, &mut lines)
                .expect("the ledger answers");
        }
        let used = self.ledger.usage(Timestamp(i64::MIN), Timestamp(i64::MAX));
        for it in used.expect("the ledger answers") {
            let (app, owner, plan, from) = (&it.app, &it.owner, &it.plan, it.from.0);
            let to = it.to.map(|to| to.0);
            lines.push(format!(
                "{app} of {owner} used {plan} from {from} to {to:?}"
            ));
        }
        let exist = self.resources.borrow();
        lines.extend(
            exist
                .iter()
                .map(|(id, plan)| format!("{plan} {} exists", number(id))),
        );
        lines.push(format!("told: {}", self.told.borrow().join(", ")));
        lines
    }

    fn app_picture(&self, app: &str, lines: &mut Vec<String>) -> Result<(), LedgerError> {
        let of = name(app);
        let mut listed: Vec<_> = self
            .ledger
            .resources(&of)?
            .iter()
            .map(|it| (number(&it.id), it.plan.to_string()))
            .collect();
        listed.sort_unstable();
        lines.extend(
            listed
                .iter()
                .map(|(id, plan)| format!("{app} lists {plan} {id}")),
        );
        let moment = match self.ledger.moment(&of) {
            Err(LedgerError::NoApp(_)) => {
                lines.push(format!("no {app}"));
                return Ok(());
            }
            moment => moment?,
        };
        let (owner, last, pinned) = (&moment.app.owner, moment.last, moment.code_pinned);
        let current = moment
            .current
            .as_ref()
            .map_or(Version::NONE, |it| it.version);
        lines.push(format!(
            "{app} of {owner}: newest {last}, current {current}, code pinned: {pinned}"
        ));
        lines.push(format!("now: {}", state(&moment.state)));
        if let Some(deployed) = &moment.newest_deploy {
            lines.push(format!(
                "deployed: {} {}",
                deployed.version,
                code(&deployed.slug)
            ));
        }
        for it in self.ledger.history(&of, None, usize::MAX)?.iter().rev() {
            let state = state(&self.ledger.state_at(&of, it.version)?);
            let verdict = self.ledger.kept(&of, it.version, Kept::Verdict)?;
            let bad = verdict.map_or("", |_| ", bad");
            lines.push(format!("{}{bad}: {state}", release(it)));
        }
        let running = self.running(&of);
        let running = running.map(|(version, up)| (version.number(), up));
        lines.push(format!("runs: {running:?}"));
        let outbox = self.ledger.outbox(&of)?;
        lines.extend(outbox.iter().map(|it| match &it.event {
            Event::Prune => "to prune".to_owned(),
            Event::Deprovision { resource } => format!("to destroy: {}", number(resource)),
            other => format!("to tell: {}", told(other)),
        }));
        Ok(())
    }
}

/// The operation that a verb which makes a release is.
///
/// # Panics
/// Where it makes none.
#[must_use]
pub fn operation(verb: &Verb, id: u64, last: u64) -> Box<dyn Operation> {
    let plan_change = |plan: &str, way| {
        let plan = plan.to_owned();
        Box::new(ChangePlan { plan, way })
    };
    match verb {
        Verb::Deploy(number) => Box::new(deploy(*number)),
        Verb::Set(vars) => Box::new(set(vars.iter().map(|(key, value)| (&**key, &**value)))),
        Verb::Unset(keys) => Box::new(config::Remove {
            keys: keys.iter().map(|text| key(text)).collect(),
        }),
        Verb::Add(plan) => Box::new(add(plan, id)),
        Verb::Remove(service) => Box::new(Remove {
            service: (*service).to_owned(),
        }),
        Verb::Upgrade(plan) => plan_change(plan, Way::Up),
        Verb::Downgrade(plan) => plan_change(plan, Way::Down),
        Verb::Rollback { target, half, pin } => Box::new(Rollback {
            target: target.map(|number| v(number.of(last))),
            half: half.map(|half| match half {
                Half::Code => slugline_core::change::Half::Code,
                Half::Config => slugline_core::change::Half::Config,
            }),
            pin: *pin,
            skip_release_phase: false,
        }),
        other => panic!("{other:?} makes no release"),
    }
}

fn heard(kind: impl Into<String>) -> Heard {
    Heard {
        kind: kind.into(),
        texts: Vec::new(),
    }
}

fn made(done: &Done) -> Heard {
    let (version, change) = (done.release.version, &done.release.change);
    let warnings = done.plan.warnings.len();
    let crashed = done.crashed.as_ref().map_or("", |_| ", crashed");
    heard(format!("{version} {change}, {warnings} warnings{crashed}"))
}

fn said(failure: &Failure) -> Heard {
    match failure {
        Failure::Refused(all) => {
            let both = |refusal: &Refusal| (refusal.text.clone(), refusal.hint.clone());
            let texts = all.iter().map(both).collect();
            Heard {
                texts,
                ..heard("refused")
            }
        }
        Failure::Nothing(text) => Heard {
            texts: vec![(text.clone(), None)],
            ..heard("nothing")
        },
        Failure::Build(_) => heard("build"),
        Failure::Provider(_) => heard("provider"),
        Failure::Unhealthy {
            version, current, ..
        } => heard(format!("unhealthy {version}, {current} runs")),
        Failure::Ledger(LedgerError::NoApp(_)) => heard("no app"),
        other => heard(format!("unexpected: {other:?}")),
    }
}

/// The number that a resource was named by.
#[must_use]
pub fn number(id: &ResourceId) -> u64 {
    u64::from_str_radix(id.as_str(), 16).expect("an id of ours")
}

fn code(slug: &Slug) -> String {
    let source = u64::from_str_radix(slug.commit.as_str(), 16).expect("a commit of ours");
    let read = slug.default_env.get("BUILD").map_or("", String::as_str);
    format!("{source} built with {}", value(read))
}

fn state(state: &State) -> String {
    let mut line = String::new();
    if let Some(slug) = &state.slug {
        let _ = write!(line, "code {}", code(slug));
    }
    for (key, var) in state.config.iter() {
        let owner = match &var.owner {
            Owner::User => "user",
            Owner::Addon(service) => service.as_str(),
        };
        let _ = write!(line, "; {key}={} of {owner}", value(var.value.reveal()));
    }
    for addon in state.addons.values() {
        let id = addon.resource.as_ref().map_or(0, number);
        let _ = write!(line, "; {} {id}", addon.plan);
    }
    line
}

fn release(it: &Release) -> String {
    let status = match &it.status {
        Status::Failed(why) => why,
        other => other.word(),
    };
    let pinned = if it.pinned { ", pinned" } else { "" };
    let (version, change, actor, at) = (it.version, &it.change, &it.actor, it.created_at.0);
    format!("{version} {change} by {actor} at {at}: {status}{pinned}")
}
