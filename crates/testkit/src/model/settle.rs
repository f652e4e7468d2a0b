//! What becomes of a wish that nobody forbids: a release that succeeds, stays crashed or fails (S1,
//! S29, S30), what it costs from then on (S28), and what is done afterwards. It must not know how a
//! wish came about.

use super::wish::{Make, Wish};
use super::{Answer, Code, Command, Model, Release, State, Task, Used, state_of};
use crate::world::Fails;

const CRASH: &str = "web.1 exited with status 1";

impl Model {
    pub(super) fn change(&mut self, command: &Command, wish: Wish) -> Result<Answer, Answer> {
        let fails = |step| command.fails == Some(step);
        let resource = wish.moves.clone().filter(|_| resource_of(&wish).is_some());
        let provisions = matches!(resource, Some((None, Some(_))));
        let replans = matches!(resource, Some((Some(_), Some(_))));
        if (provisions && fails(Fails::Provision)) || (replans && fails(Fails::ChangePlan)) {
            return Err(Answer::new("provider"));
        }
        if matches!(wish.code, Some(Make::Compile(_))) && fails(Fails::Compile) {
            return Err(Answer::new("build"));
        }
        let state = state_after(&wish);
        let now = self.now;
        let app = self.app(command.app);
        app.last += 1;
        let version = app.last;
        let first_code = app.state.code.is_none() && state.code.is_some();
        let crashes = state.runs() && fails(Fails::Launch);
        let fails = crashes && app.up() && !first_code;
        let release = Release {
            change: wish.change.clone(),
            actor: command.actor,
            at: now,
            failed: fails.then_some(CRASH),
            bad: false,
            state: state.clone(),
            pinned: false,
        };
        app.releases.insert(version, release);
        if fails {
            app.outbox.push(Task::Tell(format!("failed v{version}")));
            app.outbox.push(Task::Prune);
            let current = app.current.unwrap_or_default();
            return Err(Answer::new(format!(
                "unhealthy v{version}, v{current} runs"
            )));
        }
        app.running = state.runs().then_some((version, !crashes));
        app.current = Some(version);
        app.code_pinned = wish.code_pinned;
        if wish.deploy {
            app.deployed = state.code.clone().map(|code| (version, code));
        }
        let before = std::mem::replace(&mut app.state, state);
        app.outbox.push(Task::Tell(format!("created v{version}")));
        self.follow(command.app, &wish, &before);
        self.account(command.app);
        let crashed = if crashes { ", crashed" } else { "" };
        Ok(Answer::new(format!(
            "v{version} {}, {} warnings{crashed}",
            wish.change, wish.warnings
        )))
    }

    /// What follows a release that succeeded: resources are as it says, and those that it gave up
    /// are destroyed later (S27).
    fn follow(&mut self, name: &'static str, wish: &Wish, before: &State) {
        let addons = self.app(name).state.addons.clone();
        for (plan, id) in addons.into_values() {
            let Some(id) = id else { continue };
            self.resources.insert(id, (name, plan.clone()));
            self.exist.insert(id, plan);
        }
        let outbox = &mut self.app(name).outbox;
        if let Some((from, to)) = &wish.moves {
            let plan = |plan: &Option<String>| plan.clone().unwrap_or("nothing".to_owned());
            outbox.push(Task::Tell(format!(
                "changed {} to {}",
                plan(from),
                plan(to)
            )));
            if let (Some(from), None) = (from, to) {
                let gone = before.addons.get(super::service(from));
                outbox.extend(gone.and_then(|(_, id)| *id).map(Task::Destroy));
            }
        }
        outbox.push(Task::Prune);
    }

    /// Ends what an app has not any more, and begins what it has not had (S28).
    pub(super) fn account(&mut self, name: &'static str) {
        let now = self.now;
        let app = self.apps.get(name);
        let mut has: Vec<String> = app.map_or(Vec::new(), |app| {
            app.state
                .addons
                .values()
                .map(|(plan, _)| plan.clone())
                .collect()
        });
        let open = self
            .used
            .iter_mut()
            .filter(|it| it.app == name && it.to.is_none());
        for used in open {
            if has.contains(&used.plan) {
                has.retain(|plan| *plan != used.plan);
            } else {
                used.to = Some(now);
            }
        }
        let owner = app.map_or("", |app| app.owner);
        self.used.extend(has.into_iter().map(|plan| Used {
            app: name,
            owner,
            plan,
            from: now,
            to: None,
        }));
    }

    /// Does what is to be done after releases, as far as it can be done. Hooks are told in order: once
    /// one of them fails, the rest waits.
    pub(super) fn deliver(&mut self, name: &'static str, fails: Option<Fails>) {
        let Some(app) = self.apps.get_mut(name) else {
            return;
        };
        let mute = app.state.tier().is_some() && fails == Some(Fails::Keep);
        for task in std::mem::take(&mut app.outbox) {
            let done = match &task {
                Task::Tell(what) if fails != Some(Fails::Announce) => {
                    self.told.push(what.clone());
                    true
                }
                Task::Destroy(id) if fails != Some(Fails::Deprovision) => {
                    self.resources.remove(id);
                    self.exist.remove(id);
                    true
                }
                Task::Prune if !mute => {
                    self.prune(name);
                    true
                }
                _ => false,
            };
            if !done {
                self.app(name).outbox.push(task);
            }
        }
    }
}

/// The resource of the add-on that changes and is there afterwards.
fn resource_of(wish: &Wish) -> Option<u64> {
    let (_, after) = wish.moves.as_ref()?;
    wish.addons.get(super::service(after.as_ref()?))?.1
}

fn state_after(wish: &Wish) -> State {
    let code = match &wish.code {
        None => None,
        Some(Make::Take(code)) => Some(code.clone()),
        Some(Make::Compile(source)) => Some(Code {
            source: *source,
            read: wish.own.get("BUILD").cloned().unwrap_or_default(),
        }),
    };
    state_of(code, &wish.own, &wish.addons)
}
