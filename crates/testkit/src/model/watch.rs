//! What becomes of a release that goes bad while it is watched (S39). It must not know what makes one
//! bad.

use super::wish::Wish;
use super::{Answer, Command, Model, Says, rollback};

const ITSELF: &str = "slugline";

fn stays(says: Says) -> Answer {
    Answer::stays(says)
}

impl Model {
    /// What is current goes bad: the newest before it that succeeded and never went bad takes over,
    /// where nobody objects; what took over like this stays.
    pub(super) fn go_bad(&mut self, command: &Command) -> Result<Answer, Answer> {
        let app = self.app(command.app);
        let Some(current) = app.current else {
            return Err(Answer::new("replaced"));
        };
        let answer = self.take_over(command, current);
        if let Some(release) = self.app(command.app).releases.get_mut(&current) {
            release.bad = true;
        }
        answer
    }

    fn take_over(&mut self, command: &Command, current: u64) -> Result<Answer, Answer> {
        let app = self.app(command.app);
        let itself = |it: &super::Release| it.actor == ITSELF && it.change.starts_with("Rollback");
        if app.releases.get(&current).is_some_and(itself) {
            let text = format!("v{current} took over from one that went bad itself");
            return Err(stays(Says::Exactly(text)));
        }
        let good = |version: &u64| app.releases.get(version).is_some_and(|it| !it.bad);
        let Some(target) = app.before(current).find(good) else {
            let text = format!("there is no good release before v{current}");
            return Err(stays(Says::Exactly(text)));
        };
        let pin = app.code_pinned;
        let wish = rollback::rollback(app, Some(target), None, pin);
        let wish: Wish = wish.map_err(|_| stays(Says::Something))?;
        let by_itself = Command {
            actor: ITSELF,
            confirmed: false,
            guess: None,
            ..command.clone()
        };
        let checked = self.check(&by_itself, &wish);
        checked.map_err(|_| stays(Says::Something))?;
        let made = self.change(&by_itself, wish);
        made.map_err(|_| stays(Says::Something))
    }
}
