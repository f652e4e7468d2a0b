//! What is legal in a manifest beyond its form. It must not know lines and columns; it names places.

use std::path::Path;

use slugline_core::addon::{PlanName, ServiceName, TIER_SERVICE};
use slugline_core::config::ConfigKey;
use slugline_core::price::Price;
use slugline_core::suggest::nearest;
use slugline_plugin_api::hook::Hook;
use slugline_plugin_api::manifest::{Manifest, Plan, Service};

use super::locate::Place;

/// A rule that is broken: where, and what is wrong there.
pub(super) struct Broken {
    pub(super) place: Place,
    pub(super) what: String,
}

fn broken(place: Place, what: impl std::fmt::Display) -> Broken {
    let what = what.to_string();
    Broken { place, what }
}

/// The first rule that the manifest breaks.
pub(super) fn check(manifest: &Manifest) -> Result<(), Broken> {
    check_head(manifest)?;
    check_permissions(manifest)?;
    for (name, service) in &manifest.addons {
        check_service(name, service)?;
    }
    for (name, tier) in &manifest.tiers {
        PlanName::new(ServiceName::tier(), name)
            .map_err(|error| broken(Place::key(["tiers", name]), error))?;
        check_price(tier, Place::value(["tiers", name, "price"]))?;
    }
    check_hooks(manifest)
}

fn check_head(manifest: &Manifest) -> Result<(), Broken> {
    let Manifest { name, entry, .. } = manifest;
    if ServiceName::new(name).is_err() {
        let what = "a name is 1 to 40 lower-case letters, digits, - and _";
        return Err(broken(Place::value(["name"]), what));
    }
    for (key, text, most) in [
        ("version", &manifest.version, 40),
        ("summary", &manifest.summary, 200),
    ] {
        if text.is_empty() || text.chars().count() > most || text.contains(char::is_control) {
            let what = format!("{key} is one line of 1 to {most} characters");
            return Err(broken(Place::value([key]), what));
        }
    }
    let place = || Place::value(["entry"]);
    let path = Path::new(entry);
    if path.file_name().is_none_or(|file| file != path) || entry.starts_with('.') {
        let what = "entry names a file beside the manifest, such as init.lua";
        return Err(broken(place(), what));
    }
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("lua" | "luau" | "so" | "dylib" | "json") => Ok(()),
        _ => {
            let what = "entry is a Lua script, such as init.lua, a library, such as libcache.so, or a \
                        Heroku partner's add-on manifest, such as addon-manifest.json";
            Err(broken(place(), what))
        }
    }
}

fn check_permissions(manifest: &Manifest) -> Result<(), Broken> {
    let permissions = &manifest.permissions;
    for (index, program) in permissions.run.iter().enumerate() {
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        if program.is_empty() || program.starts_with(['.', '-']) || !program.chars().all(legal) {
            let place = Place::value(["permissions", "run"]).item(index);
            return Err(broken(place, "a program is a bare name, such as memcached"));
        }
    }
    for (index, host) in permissions.http.iter().enumerate() {
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
        if host.is_empty() || !host.chars().all(legal) {
            let place = Place::value(["permissions", "http"]).item(index);
            let what = "name a host such as api.example.com or api.example.com:8443, or an option \
                        of the add-on that holds a URL, such as options.url";
            return Err(broken(place, what));
        }
    }
    Ok(())
}

fn check_service(name: &str, service: &Service) -> Result<(), Broken> {
    let of_key = || Place::key(["addons", name]);
    let parsed = ServiceName::new(name).map_err(|error| broken(of_key(), error))?;
    if parsed.is_tier() {
        let what = format!("the plans of {TIER_SERVICE} are release tiers; list them under tiers");
        return Err(broken(of_key(), what));
    }
    if service.plans.is_empty() {
        return Err(broken(
            of_key(),
            format!("{name} has no plans; list at least one"),
        ));
    }
    for (plan, spec) in &service.plans {
        PlanName::new(parsed.clone(), plan)
            .map_err(|error| broken(Place::key(["addons", name, "plans", plan]), error))?;
        check_price(spec, Place::value(["addons", name, "plans", plan, "price"]))?;
    }
    if let Some(default) = &service.default
        && !service.plans.contains_key(default)
    {
        let meant = nearest(default, service.plans.keys().map(String::as_str));
        let hint = meant.map_or_else(String::new, |plan| format!("; did you mean {plan}?"));
        let what = format!("{name} has no plan {default}{hint}");
        return Err(broken(Place::value(["addons", name, "default"]), what));
    }
    for (index, key) in service.config.iter().enumerate() {
        let place = || Place::value(["addons", name, "config"]).item(index);
        ConfigKey::new(key).map_err(|error| broken(place(), error))?;
    }
    Ok(())
}

fn check_price(plan: &Plan, place: Place) -> Result<(), Broken> {
    match plan.price.parse::<Price>() {
        Ok(_) => Ok(()),
        Err(error) => Err(broken(place, error)),
    }
}

fn check_hooks(manifest: &Manifest) -> Result<(), Broken> {
    for (index, hook) in manifest.hooks.iter().enumerate() {
        let place = Place::value(["hooks"]).item(index);
        if !Hook::LISTENED.contains(hook) {
            let what = format!("{hook} is not listed here; it follows from addons and tiers");
            return Err(broken(place, what));
        }
        if manifest.hooks[..index].contains(hook) {
            return Err(broken(place, format!("{hook} is listed twice")));
        }
    }
    Ok(())
}
