//! `addons:add`, `addons:upgrade`, `addons:downgrade` and `addons:remove` (S9, S22, S24, S25).

use super::recompile::recompile;
use super::{Effect, NotPlanned, Operation, Plan, View};
use crate::addon::{Addon, Found, NotInCatalogue, ServiceName};
use crate::change::Change;
use crate::config::Owner;
use crate::refusal::Refusal;
use crate::resource::{Options, ResourceId};
use crate::suggest::nearest;

/// Adds an add-on. A first tier is not planned here: it makes no release (S9).
#[derive(Clone, Debug)]
pub struct Add {
    /// `service` or `service:plan`, as it was typed.
    pub plan: String,
    /// What else was said.
    pub options: Options,
    /// The name that its resource gets, if it needs one.
    pub id: ResourceId,
}

/// Moves an add-on to another plan.
#[derive(Clone, Debug)]
pub struct ChangePlan {
    /// `service:plan`, as it was typed.
    pub plan: String,
    /// Which way it was asked for.
    pub way: Way,
}

/// Which way a plan change was asked for. Between plans of one price either is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `addons:upgrade`
    Up,
    /// `addons:downgrade`
    Down,
    /// Whichever the prices say.
    Either,
}

/// Removes an add-on.
#[derive(Clone, Debug)]
pub struct Remove {
    /// `service` or `service:plan`, as it was typed.
    pub service: String,
}

impl From<NotInCatalogue> for Refusal {
    fn from(error: NotInCatalogue) -> Self {
        let text = error.to_string();
        match error {
            NotInCatalogue::Service {
                meant: Some(meant), ..
            }
            | NotInCatalogue::Plan {
                meant: Some(meant), ..
            } => Self::new(text).hint(format!("Did you mean {meant}?")),
            NotInCatalogue::Service { .. } => {
                Self::new(text).hint("`slugline addons:list` lists those there are.")
            }
            _ => Self::new(text),
        }
    }
}

fn find<'a>(view: &View<'a>, text: &str) -> Result<Found<'a>, NotPlanned> {
    view.catalogue
        .find(text)
        .map_err(|error| Refusal::from(error).into())
}

impl Operation for Add {
    fn plan(&self, view: &View<'_>) -> Result<Plan, NotPlanned> {
        let found = find(view, &self.plan)?;
        let service = found.plan.service().clone();
        if view.moment.state.addons.contains_key(&service) {
            let text =
                format!("{service} add-on already added.\nTo upgrade, use addons:upgrade instead.");
            return Err(Refusal::new(text).into());
        }
        refuse_taken_keys(view, &found)?;
        let change = Change::AddonAdd {
            plan: found.plan.clone(),
            named: found.named,
        };
        let mut plan = Plan::unchanged(change, view.moment);
        let (code, warning) = recompile(view.moment);
        plan.code = code;
        plan.warnings.extend(warning);
        let resource = (!service.is_tier()).then(|| self.id.clone());
        if let Some(id) = resource.clone() {
            let (plan_name, options) = (found.plan.clone(), self.options.clone());
            plan.effects.push(Effect::Provision {
                id,
                plan: plan_name,
                options,
            });
        }
        plan.addons.insert(
            service,
            Addon {
                plan: found.plan,
                price: found.spec.price,
                resource,
            },
        );
        Ok(plan)
    }

    fn describe(&self) -> String {
        format!("Add-on add {}", self.plan)
    }
}

/// A service must not take over a config var that the user, or another add-on, has set.
fn refuse_taken_keys(view: &View<'_>, found: &Found<'_>) -> Result<(), NotPlanned> {
    let now = &view.moment.state.config;
    let taken = |key| match now.get(key).map(|var| &var.owner) {
        None => None,
        Some(Owner::Addon(other)) => Some(Refusal::new(format!(
            "{} would set {key}, which belongs to {other}.",
            found.plan.service()
        ))),
        Some(Owner::User) => Some(
            Refusal::new(format!(
                "{} would set {key}, which you have set.",
                found.plan.service()
            ))
            .hint(format!("slugline config:remove {key}")),
        ),
    };
    let refusals: Vec<_> = found.service.config.iter().filter_map(taken).collect();
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(NotPlanned::Refused(refusals))
    }
}

impl Operation for ChangePlan {
    fn plan(&self, view: &View<'_>) -> Result<Plan, NotPlanned> {
        let found = find(view, &self.plan)?;
        let service = found.plan.service();
        let Some(addon) = view.moment.state.addons.get(service) else {
            let refusal = Refusal::new(format!("{service} is not added to this app."))
                .hint(format!("To add it: slugline addons:add {}", found.plan));
            return Err(refusal.into());
        };
        if addon.plan == found.plan {
            return Err(NotPlanned::Nothing(format!(
                "It is on {} already.",
                found.plan
            )));
        }
        let (old, new) = (addon.price, found.spec.price);
        let wrong_way = match self.way {
            Way::Up => (new < old).then_some(("less", "downgrade")),
            Way::Down => (new > old).then_some(("more", "upgrade")),
            Way::Either => None,
        };
        if let Some((costs, verb)) = wrong_way {
            let text = format!(
                "{} ({new}) costs {costs} than {} ({old}).",
                found.plan, addon.plan
            );
            let hint = format!("slugline addons:{verb} {}", found.plan);
            return Err(Refusal::new(text).hint(hint).into());
        }
        let down = match self.way {
            Way::Up => false,
            Way::Down => true,
            Way::Either => new < old,
        };
        let to = found.plan.clone();
        let change = match down {
            false => Change::AddonUpgrade { plan: to },
            true => Change::AddonDowngrade { plan: to },
        };
        let mut plan = Plan::unchanged(change, view.moment);
        plan.release_phase = false;
        if let Some(resource) = view.resources.get(service).cloned() {
            plan.effects.push(Effect::ChangePlan {
                resource,
                plan: found.plan.clone(),
            });
        }
        let changed = Addon {
            plan: found.plan.clone(),
            price: new,
            resource: addon.resource.clone(),
        };
        plan.addons.insert(service.clone(), changed);
        Ok(plan)
    }

    fn describe(&self) -> String {
        match self.way {
            Way::Up => format!("Add-on upgrade {}", self.plan),
            Way::Down => format!("Add-on downgrade {}", self.plan),
            Way::Either => format!("Add-on move to {}", self.plan),
        }
    }
}

impl Operation for Remove {
    fn plan(&self, view: &View<'_>) -> Result<Plan, NotPlanned> {
        let addons = &view.moment.state.addons;
        let service = installed(addons, &self.service)?;
        let mut plan = Plan::unchanged(
            Change::AddonRemove {
                service: service.clone(),
            },
            view.moment,
        );
        plan.release_phase = false;
        plan.deprovision = plan
            .addons
            .remove(&service)
            .and_then(|addon| addon.resource);
        Ok(plan)
    }

    fn describe(&self) -> String {
        format!("Add-on remove {}", self.service)
    }
}

/// The service of an add-on that an app has, by `service` or by the whole `service:plan`.
///
/// # Errors
/// A [`Refusal`], with the nearest that it has.
pub fn installed(addons: &crate::addon::Addons, text: &str) -> Result<ServiceName, Refusal> {
    let name = text.split(':').next().unwrap_or(text);
    let service = ServiceName::new(name).map_err(|error| Refusal::new(error.to_string()))?;
    let fits = |addon: &Addon| !text.contains(':') || addon.plan.to_string() == text;
    if addons.get(&service).is_some_and(fits) {
        return Ok(service);
    }
    let refusal = Refusal::new(format!("{text} is not added to this app."));
    let names = addons
        .values()
        .map(|addon| addon.plan.to_string())
        .collect::<Vec<_>>();
    let services = addons.keys().map(ServiceName::as_str);
    let meant = nearest(text, services.chain(names.iter().map(String::as_str)))
        .or_else(|| addons.get(&service).and(Some(name)));
    Err(match (meant, names.is_empty()) {
        (Some(meant), _) => refusal.hint(format!("Did you mean {meant}?")),
        (None, true) => refusal.hint("It has no add-ons."),
        (None, false) => refusal.hint(format!("It has: {}", names.join(", "))),
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{World, refused, resource_id};
    use super::*;

    fn add(world: &World, plan: &str) -> Result<Plan, NotPlanned> {
        let plan = plan.to_owned();
        world.plan(&Add {
            plan,
            options: Options::new(),
            id: resource_id('f'),
        })
    }

    fn move_to(world: &World, plan: &str, way: Way) -> Result<Plan, NotPlanned> {
        world.plan(&ChangePlan {
            plan: plan.to_owned(),
            way,
        })
    }

    #[test]
    fn adding_provisions_and_recompiles() {
        let plan = add(&World::default().deployed('a'), "memcache").unwrap();
        assert_eq!(plan.change.to_string(), "Add-on add memcache");
        assert!(
            matches!(&plan.effects[..], [Effect::Provision { id, .. }] if *id == resource_id('f'))
        );
        assert!(matches!(plan.code, super::super::Code::Compile { .. }));
        assert_eq!((plan.bill().before, plan.bill().after), (0, 0));
        let paid = add(&World::default(), "memcache:100mb").unwrap();
        assert_eq!(
            (paid.change.to_string().as_str(), paid.bill().delta()),
            ("Add-on add memcache:100mb", 2000)
        );
    }

    #[test]
    fn a_service_is_added_once() {
        let world = World::default().addon("memcache:free", &[]);
        let text = "memcache add-on already added.\nTo upgrade, use addons:upgrade instead.";
        assert_eq!(refused(add(&world, "memcache:100mb")), text);
    }

    #[test]
    fn a_var_that_is_set_is_not_taken_over() {
        let world = World::default().config(&[("MEMCACHE_SERVERS", "mine")]);
        let text = "memcache would set MEMCACHE_SERVERS, which you have set.|\
                    slugline config:remove MEMCACHE_SERVERS";
        assert_eq!(refused(add(&world, "memcache")), text);
    }

    #[test]
    fn plans_change_the_way_that_is_asked_for() {
        let free = World::default().addon("memcache:free", &[("MEMCACHE_SERVERS", "x")]);
        let plan = move_to(&free, "memcache:100mb", Way::Up).unwrap();
        assert_eq!(plan.change.to_string(), "Add-on upgrade memcache:100mb");
        assert_eq!(plan.bill().delta(), 2000);
        assert!(matches!(&plan.effects[..], [Effect::ChangePlan { .. }]));
        let either = move_to(&free, "memcache:100mb", Way::Either).unwrap();
        assert_eq!(either.change.to_string(), "Add-on upgrade memcache:100mb");
        let paid = World::default().addon("memcache:100mb", &[]);
        let either = move_to(&paid, "memcache:free", Way::Either).unwrap();
        assert_eq!(either.change.to_string(), "Add-on downgrade memcache:free");
        let same = move_to(&free, "memcache:free", Way::Up).unwrap_err();
        assert!(matches!(&same, NotPlanned::Nothing(_)));
        assert_eq!(same.to_string(), "It is on memcache:free already.");
        let text = "memcache:100mb ($20/mo) costs more than memcache:free (free).|\
                    slugline addons:upgrade memcache:100mb";
        assert_eq!(refused(move_to(&free, "memcache:100mb", Way::Down)), text);
        let text =
            "memcache is not added to this app.|To add it: slugline addons:add memcache:free";
        assert_eq!(
            refused(move_to(&World::default(), "memcache", Way::Up)),
            text
        );
    }

    #[test]
    fn a_tier_has_no_resource() {
        let world = World::default().addon("releases:basic", &[]);
        let plan = move_to(&world, "releases:advanced", Way::Up).unwrap();
        assert_eq!((plan.effects.len(), plan.addons.len()), (0, 1));
    }

    #[test]
    fn removing_keeps_the_code_and_destroys_later() {
        let world = World::default().deployed('a').deployed('b').running('a');
        let world = world.addon("memcache:free", &[("M", "x")]);
        let remove = |name: &str| {
            world.plan(&Remove {
                service: name.to_owned(),
            })
        };
        let plan = remove("memcache:free").unwrap();
        assert_eq!(plan.change.to_string(), "Add-on remove memcache");
        assert_eq!(
            plan.code,
            super::super::Code::Take(world.moment().state.slug.clone())
        );
        assert!(plan.deprovision.is_some() && plan.addons.is_empty());
        let other = "memcache:100mb is not added to this app.|Did you mean memcache?";
        assert_eq!(refused(remove("memcache:100mb")), other);
        assert_eq!(
            refused(remove("memcahe")),
            "memcahe is not added to this app.|Did you mean memcache?"
        );
        assert_eq!(
            refused(remove("redis")),
            "redis is not added to this app.|It has: memcache:free"
        );
    }
}
