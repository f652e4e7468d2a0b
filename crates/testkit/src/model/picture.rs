//! Everything that can be seen of the apps, a line each, so that two worlds can be compared and what
//! differs can be read. It must not know any rule.

use std::fmt::Write;

use super::{Model, State, Task};

/// A value as a line shows it.
pub(crate) fn value(text: &str) -> String {
    match text.len() {
        0..64 => format!("{text:?}"),
        more => format!("{more} bytes"),
    }
}

fn state(state: &State) -> String {
    let mut line = String::new();
    if let Some(code) = &state.code {
        let _ = write!(
            line,
            "code {} built with {}",
            code.source,
            value(&code.read)
        );
    }
    for (key, (text, owner)) in &state.config {
        let owner = owner.as_deref().unwrap_or("user");
        let _ = write!(line, "; {key}={} of {owner}", value(text));
    }
    for (plan, id) in state.addons.values() {
        let _ = write!(line, "; {plan} {}", id.unwrap_or_default());
    }
    line
}

impl Model {
    /// What there is to see of some apps.
    #[must_use]
    pub fn picture(&self, apps: &[&'static str]) -> Vec<String> {
        let mut lines = Vec::new();
        for name in apps {
            self.app_picture(name, &mut lines);
        }
        let mut used: Vec<_> = self.used.iter().collect();
        used.sort_by_key(|it| (it.app, it.from, it.plan.clone()));
        for it in used {
            let (app, owner, plan, from, to) = (it.app, it.owner, &it.plan, it.from, it.to);
            lines.push(format!(
                "{app} of {owner} used {plan} from {from} to {to:?}"
            ));
        }
        let exist = self.exist.iter();
        lines.extend(exist.map(|(id, plan)| format!("{plan} {id} exists")));
        lines.push(format!("told: {}", self.told.join(", ")));
        lines
    }

    fn app_picture(&self, name: &str, lines: &mut Vec<String>) {
        let of_app = self.resources.iter().filter(|(_, (app, _))| *app == name);
        let of_app = of_app.map(|(id, (_, plan))| format!("{name} lists {plan} {id}"));
        lines.extend(of_app);
        let Some(app) = self.apps.get(name) else {
            lines.push(format!("no {name}"));
            return;
        };
        let (last, current) = (app.last, app.current.unwrap_or_default());
        let (owner, pinned) = (app.owner, app.code_pinned);
        lines.push(format!(
            "{name} of {owner}: newest v{last}, current v{current}, code pinned: {pinned}"
        ));
        lines.push(format!("now: {}", state(&app.state)));
        if let Some((version, code)) = &app.deployed {
            let (source, read) = (code.source, value(&code.read));
            lines.push(format!("deployed: v{version} {source} built with {read}"));
        }
        for (version, it) in &app.releases {
            let (change, actor, at) = (&it.change, it.actor, it.at);
            let status = it.failed.unwrap_or("succeeded");
            let pinned = if it.pinned { ", pinned" } else { "" };
            let bad = if it.bad { ", bad" } else { "" };
            lines.push(format!(
                "v{version} {change} by {actor} at {at}: {status}{pinned}{bad}: {}",
                state(&it.state)
            ));
        }
        lines.push(format!("runs: {:?}", app.running));
        lines.extend(app.outbox.iter().map(|task| match task {
            Task::Tell(what) => format!("to tell: {what}"),
            Task::Destroy(id) => format!("to destroy: {id}"),
            Task::Prune => "to prune".to_owned(),
        }));
    }
}
