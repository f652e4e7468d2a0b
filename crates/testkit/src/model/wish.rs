//! What each verb that makes a release asks for, or why it is refused (S4, S5, S7, S8, S22, S25). It
//! must not know what becomes of it.

use std::collections::BTreeMap;

use super::{Answer, App, Code, Command, Says, Verb, lends, price, service};

/// What is to be.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) change: String,
    pub(super) code: Option<Make>,
    pub(super) own: BTreeMap<String, String>,
    pub(super) addons: BTreeMap<String, (String, Option<u64>)>,
    /// The plans before and after of an add-on that changes.
    pub(super) moves: Option<(Option<String>, Option<String>)>,
    pub(super) code_pinned: bool,
    pub(super) deploy: bool,
    /// How many things the person is warned of.
    pub(super) warnings: usize,
    /// For a rollback: where to, and how many steps that is.
    pub(super) back: Option<(u64, u64)>,
}

/// How there comes to be code.
#[derive(Clone, Debug)]
pub(super) enum Make {
    /// As it is.
    Take(Code),
    /// From this source, with the config vars that there will be.
    Compile(u64),
}

/// Every plan there is; the first of a service is its default, but for tiers.
const PLANS: [&str; 10] = [
    "memcache:free",
    "memcache:100mb",
    "cache:free",
    "db:dev",
    "db:ronin",
    "db:fugu",
    "releases:basic",
    "releases:advanced",
    "releases:none",
    "releases:thirds",
];

fn refused(text: &str) -> Answer {
    Answer::refused([Says::exactly(text)])
}

fn something() -> Answer {
    Answer::refused([Says::Something])
}

/// The plan that is meant.
fn find(text: &str) -> Result<&'static str, Answer> {
    let fits = |plan: &&&str| **plan == text || (service(plan) == text && text != "releases");
    PLANS.iter().find(fits).copied().ok_or_else(something)
}

/// Whether what is added is a tier.
pub(super) fn is_tier(text: &str) -> Result<bool, Answer> {
    find(text).map(|plan| service(plan) == "releases")
}

impl Wish {
    /// All as it is.
    pub(super) fn unchanged(app: &App, change: String) -> Self {
        Self {
            change,
            code: app.state.code.clone().map(Make::Take),
            own: app.state.own(),
            addons: app.state.addons.clone(),
            moves: None,
            code_pinned: app.code_pinned,
            deploy: false,
            warnings: 0,
            back: None,
        }
    }

    pub(super) fn of(app: &App, command: &Command) -> Result<Self, Answer> {
        match &command.verb {
            Verb::Deploy(commit) => deploy(app, *commit),
            Verb::Set(vars) => set(app, vars),
            Verb::Unset(keys) => unset(app, keys),
            Verb::Add(text) => add(app, text, command.id),
            Verb::Remove(text) => remove(app, text),
            Verb::Upgrade(text) => change_plan(app, text, true),
            Verb::Downgrade(text) => change_plan(app, text, false),
            Verb::Rollback { target, half, pin } => {
                super::rollback::rollback(app, target.map(|it| it.of(app.last)), *half, *pin)
            }
            _ => Err(Answer::new("no release")),
        }
    }

    /// The code is compiled anew, and rolled-back code is left for that of the newest deploy, unless
    /// it is pinned (S22).
    fn recompiled(mut self, app: &App) -> Self {
        let Some(runs) = &app.state.code else {
            return self;
        };
        let newest = app.deployed.as_ref().filter(|_| !app.code_pinned);
        let source = newest.map_or(runs.source, |(_, code)| code.source);
        self.code = Some(Make::Compile(source));
        self.warnings += usize::from(source != runs.source);
        self
    }
}

fn deploy(app: &App, commit: u64) -> Result<Wish, Answer> {
    let mut wish = Wish::unchanged(app, format!("Deploy {}", &format!("{commit:040x}")[..7]));
    let same = |code: &Code| code.source == commit;
    if app.state.code.as_ref().is_some_and(same) && !app.rolled_back() {
        return Err(Answer::nothing(Says::Something));
    }
    wish.code = Some(Make::Compile(commit));
    (wish.deploy, wish.code_pinned) = (true, false);
    Ok(wish)
}

fn set(app: &App, vars: &[(&str, String)]) -> Result<Wish, Answer> {
    let now = &app.state.config;
    let vars: BTreeMap<&str, &String> = vars.iter().map(|(key, value)| (*key, value)).collect();
    refuse_lent(app, vars.keys().copied())?;
    let differs = |key: &str, value: &str| now.get(key).is_none_or(|(old, _)| old != value);
    let new: Vec<_> = vars
        .iter()
        .filter(|(key, value)| differs(key, value))
        .collect();
    if new.is_empty() {
        let text = match vars.len() {
            1 => "It has that value already; nothing has been changed.",
            _ => "They have those values already; nothing has been changed.",
        };
        return Err(Answer::nothing(Says::exactly(text)));
    }
    let keys: Vec<&str> = new.iter().map(|(key, _)| **key).collect();
    let mut wish = Wish::unchanged(app, format!("Config add {}", keys.join(", ")));
    for (key, value) in new {
        wish.own.insert((*key).to_owned(), (*value).clone());
    }
    let size: usize = wish
        .own
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if size > 65_000 {
        return Err(something());
    }
    Ok(wish.recompiled(app))
}

fn unset(app: &App, keys: &[&str]) -> Result<Wish, Answer> {
    refuse_lent(app, keys.iter().copied())?;
    let mut set: Vec<&str> = keys.to_vec();
    set.sort_unstable();
    set.dedup();
    let named = set.len();
    set.retain(|key| app.state.config.contains_key(*key));
    if set.is_empty() {
        return Err(Answer::nothing(Says::Something));
    }
    let mut wish = Wish::unchanged(app, format!("Config remove {}", set.join(", ")));
    wish.own.retain(|key, _| !set.contains(&key.as_str()));
    wish.warnings = usize::from(named > set.len());
    Ok(wish.recompiled(app))
}

/// A var of an add-on is not the user's (S8): every one that was named is said.
fn refuse_lent<'a>(app: &App, keys: impl Iterator<Item = &'a str>) -> Result<(), Answer> {
    let owner = |key: &str| app.state.config.get(key)?.1.clone();
    let mut lent: Vec<_> = keys.filter_map(|key| Some((key, owner(key)?))).collect();
    lent.sort_unstable();
    lent.dedup();
    let text = |(key, owner): (&str, String)| {
        Says::exactly(&format!(
            "{key} belongs to {owner}. Remove the add-on to remove it."
        ))
    };
    let says: Vec<Says> = lent.into_iter().map(text).collect();
    if says.is_empty() {
        Ok(())
    } else {
        Err(Answer::refused(says))
    }
}

fn add(app: &App, text: &str, id: u64) -> Result<Wish, Answer> {
    let plan = find(text)?;
    let service = service(plan);
    if app.state.addons.contains_key(service) {
        return Err(refused(&format!(
            "{service} add-on already added.\nTo upgrade, use addons:upgrade instead."
        )));
    }
    // A var belongs to the user or to one add-on (S8).
    if lends(service).is_some_and(|key| app.state.config.contains_key(key)) {
        return Err(something());
    }
    let mut wish = Wish::unchanged(app, format!("Add-on add {text}"));
    let id = (service != "releases").then_some(id);
    wish.addons
        .insert(service.to_owned(), (plan.to_owned(), id));
    wish.moves = Some((None, Some(plan.to_owned())));
    Ok(wish.recompiled(app))
}

fn remove(app: &App, text: &str) -> Result<Wish, Answer> {
    let service = service(text);
    let has = app.state.addons.get(service);
    let fits = |plan: &str| text == service || text == plan;
    let Some((plan, _)) = has.filter(|(plan, _)| fits(plan)) else {
        return Err(something());
    };
    let mut wish = Wish::unchanged(app, format!("Add-on remove {service}"));
    wish.addons.remove(service);
    wish.moves = Some((Some(plan.clone()), None));
    Ok(wish)
}

fn change_plan(app: &App, text: &str, up: bool) -> Result<Wish, Answer> {
    let plan = find(text)?;
    let service = service(plan);
    let Some((old, id)) = app.state.addons.get(service) else {
        return Err(something());
    };
    if old == plan {
        return Err(Answer::nothing(Says::exactly(&format!(
            "It is on {plan} already."
        ))));
    }
    let (was, is) = (price(old), price(plan));
    if (up && is < was) || (!up && is > was) {
        return Err(something());
    }
    let way = if up { "upgrade" } else { "downgrade" };
    let mut wish = Wish::unchanged(app, format!("Add-on {way} {plan}"));
    wish.addons
        .insert(service.to_owned(), (plan.to_owned(), *id));
    wish.moves = Some((Some(old.clone()), Some(plan.to_owned())));
    Ok(wish)
}
