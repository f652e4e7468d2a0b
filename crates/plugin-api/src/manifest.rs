//! The manifest, `plugin.yaml`: what a plugin is, and what it asks for. It must not know what is
//! legal beyond its form: names and prices are text here, and the host validates them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hook::Hook;
use crate::shape::Shape;

/// A whole `plugin.yaml`. Unknown keys are errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The plugin's name: 1 to 40 lower-case letters, digits, `-` and `_`; unique in one host.
    pub name: String,
    /// The plugin's own version, for people; one line of 1 to 40 characters.
    pub version: String,
    /// The version of the plugin API that it was written for: [`crate::API_VERSION`].
    pub api: u64,
    /// One line for people.
    pub summary: String,
    /// The file beside the manifest that says what the plugin does, such as `init.lua`; or, where it
    /// ends in `.json`, the add-on manifest of a Heroku partner, whose service does it.
    pub entry: String,
    /// What it may do. Nothing is allowed that is not listed.
    #[serde(default)]
    pub permissions: Permissions,
    /// The add-ons that it provides, by service.
    #[serde(default)]
    pub addons: BTreeMap<String, Service>,
    /// The hooks of [`Hook::LISTENED`] that it listens to.
    #[serde(default)]
    pub hooks: Vec<Hook>,
    /// The release tiers that it backs, by the part after `releases:`.
    #[serde(default)]
    pub tiers: BTreeMap<String, Plan>,
}

/// What a plugin may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permissions {
    /// Programs that the server process of a resource may start, by bare name, such as
    /// `memcached`.
    #[serde(default)]
    pub run: Vec<String>,
    /// Whom it may call by HTTP. An entry is a host (`api.example.com`, any port), a host with a
    /// port (`api.example.com:8443`), or `options.NAME`: the host and port of the URL that the
    /// person gave as that option of the add-on.
    #[serde(default)]
    pub http: Vec<String>,
    /// Whether it may send mail through the operator's server.
    #[serde(default)]
    pub smtp: bool,
    /// Whether it may keep values of its own in the ledger.
    #[serde(default)]
    pub store: bool,
    /// Whether each resource has a private folder on this machine.
    #[serde(default)]
    pub folder: bool,
}

/// One service that a plugin provides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The plan that is taken where none is named; one of `plans`.
    #[serde(default)]
    pub default: Option<String>,
    /// The config vars that it may lend, and no others.
    #[serde(default)]
    pub config: Vec<String>,
    /// One line for people; the plugin's own where there is none.
    #[serde(default)]
    pub summary: Option<String>,
    /// Its plans, by the part after the colon; at least one.
    pub plans: BTreeMap<String, Plan>,
}

/// One plan of a service, or one release tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What it costs: `free`, `$20/mo` or `$7.50/mo`.
    pub price: String,
    /// One line for people; may be empty.
    #[serde(default)]
    pub summary: String,
}

const PLAN: Shape = Shape::Fields(&[("price", Shape::Value), ("summary", Shape::Value)]);

const SERVICE: Shape = Shape::Fields(&[
    ("default", Shape::Value),
    ("config", Shape::Value),
    ("summary", Shape::Value),
    ("plans", Shape::Map(&PLAN)),
]);

const PERMISSIONS: Shape = Shape::Fields(&[
    ("run", Shape::Value),
    ("http", Shape::Value),
    ("smtp", Shape::Value),
    ("store", Shape::Value),
    ("folder", Shape::Value),
]);

/// The keys of a [`Manifest`]. A test holds it against the types.
pub const SHAPE: Shape = Shape::Fields(&[
    ("name", Shape::Value),
    ("version", Shape::Value),
    ("api", Shape::Value),
    ("summary", Shape::Value),
    ("entry", Shape::Value),
    ("permissions", PERMISSIONS),
    ("addons", Shape::Map(&SERVICE)),
    ("hooks", Shape::Value),
    ("tiers", Shape::Map(&PLAN)),
]);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn full() -> Manifest {
        let plan = Plan {
            price: "free".into(),
            summary: "s".into(),
        };
        let service = Service {
            default: Some("free".into()),
            config: vec!["A".into()],
            summary: Some("s".into()),
            plans: [("free".to_owned(), plan.clone())].into(),
        };
        Manifest {
            name: "n".into(),
            version: "1".into(),
            api: 1,
            summary: "s".into(),
            entry: "init.lua".into(),
            permissions: Permissions::default(),
            addons: [("n".to_owned(), service)].into(),
            hooks: vec![Hook::BillingCheck],
            tiers: [("t".to_owned(), plan)].into(),
        }
    }

    /// Every key of the value is known to the shape, and the other way round.
    fn agree(value: &Value, shape: Shape, path: &str) {
        let Value::Object(map) = value else { return };
        for (key, inner) in map {
            let behind = shape.behind(key);
            agree(inner, behind.expect(path), &format!("{path}.{key}"));
        }
        for key in shape.keys() {
            assert!(map.contains_key(key), "{path} has no {key}");
        }
    }

    #[test]
    fn the_shape_and_the_types_agree() {
        let value = serde_json::to_value(full()).unwrap();
        agree(&value, SHAPE, "manifest");
        assert_eq!(serde_json::from_value::<Manifest>(value).unwrap(), full());
    }
}
