//! The add-ons that apps have, as the API names them: a uuid, a name of its own, the name it is attached
//! by. Nothing is kept for those names: each is made from what it names. It must not know any route.

use slugline_core::access::Token;
use slugline_core::addon::{Addon, ServiceName};
use slugline_core::app::App;
use slugline_core::port::Outline;
use slugline_core::resource::Resource;
use slugline_core::time::Timestamp;
use uuid::Uuid;

use crate::backend::Reading;
use crate::error::{ApiError, Kind};
use crate::ids;

/// An add-on of an app.
#[derive(Clone, Debug)]
pub(crate) struct Had {
    /// The app.
    pub(crate) app: App,
    /// Its plan, and what that costs.
    pub(crate) addon: Addon,
    /// What its provider made for it; `None` for a tier.
    pub(crate) resource: Option<Resource>,
    /// Since when it is on its plan.
    pub(crate) since: Timestamp,
}

impl Had {
    /// Its service.
    pub(crate) fn service(&self) -> &ServiceName {
        self.addon.plan.service()
    }

    /// That of its resource, by which its provider knows it as well.
    pub(crate) fn id(&self) -> Uuid {
        let of_resource = self.addon.resource.as_ref();
        let of_resource = of_resource.and_then(|id| Uuid::parse_str(id.as_str()).ok());
        of_resource.unwrap_or_else(|| {
            let name = format!("{}:{}", ids::app(&self.app), self.service());
            ids::of("addon", &name)
        })
    }

    /// The service, and the first digits of the id.
    pub(crate) fn name(&self) -> String {
        let id = self.id().simple().to_string();
        format!("{}-{}", self.service(), id.get(..8).unwrap_or_default())
    }

    /// The name that it is attached to its app by.
    pub(crate) fn attached_as(&self) -> String {
        attached_as(self.service())
    }

    /// The id of its attachment.
    pub(crate) fn attachment_id(&self) -> Uuid {
        ids::of("attachment", &self.id().to_string())
    }

    /// Whether these words mean it, in its app: its id, name, service, plan or attachment; `APP::` may
    /// stand before them.
    fn is_meant(&self, words: &str) -> bool {
        let words = match words.split_once("::") {
            Some((app, rest)) if app == self.app.name.as_str() => rest,
            Some(_) => return false,
            None => words,
        };
        words == self.name()
            || words == self.service().as_str()
            || words == self.attached_as()
            || words == self.addon.plan.to_string()
            || is_uuid(words, self.id())
            || is_uuid(words, self.attachment_id())
    }
}

/// The name that an add-on of this service is attached by.
pub(crate) fn attached_as(service: &ServiceName) -> String {
    service.as_str().to_uppercase().replace('-', "_")
}

fn is_uuid(words: &str, id: Uuid) -> bool {
    words.parse::<Uuid>() == Ok(id)
}

/// The add-ons of these apps.
pub(crate) fn of(reading: &dyn Reading, apps: Vec<Outline>) -> Result<Vec<Had>, ApiError> {
    let (ledger, now) = (reading.ledger(), reading.clock().now());
    let usage = ledger.usage(now, Timestamp(now.0.saturating_add(1)))?;
    let mut all = Vec::new();
    for outline in apps {
        let resources = ledger.resources(&outline.app.name)?;
        let of_app = outline.addons.into_values().map(|addon| {
            let since = usage.iter().find(|one| {
                one.app == outline.app.name && one.plan == addon.plan && one.to.is_none()
            });
            let id = addon.resource.as_ref();
            let resource = resources.iter().find(|one| Some(&one.id) == id);
            Had {
                app: outline.app.clone(),
                resource: resource.cloned(),
                since: since.map_or(outline.app.created_at, |one| one.from),
                addon,
            }
        });
        all.extend(of_app);
    }
    Ok(all)
}

/// Those of one app.
pub(crate) fn of_app(reading: &dyn Reading, app: &App) -> Result<Vec<Had>, ApiError> {
    of(reading, vec![reading.ledger().outline(&app.name)?])
}

/// All that a token may see.
pub(crate) fn visible(reading: &dyn Reading, token: &Token) -> Result<Vec<Had>, ApiError> {
    of(reading, crate::v3::visible(reading, token)?)
}

/// Leaves those of an app and of a service.
pub(crate) fn narrow(all: &mut Vec<Had>, app: Option<&str>, service: Option<&str>) {
    all.retain(|one| {
        let of_app =
            app.is_none_or(|app| one.app.name.as_str() == app || is_uuid(app, ids::app(&one.app)));
        of_app && service.is_none_or(|service| one.service().as_str() == service)
    });
}

/// Those that words mean.
///
/// # Errors
/// 404 where there is none.
pub(crate) fn meant(all: Vec<Had>, words: &str, what: &str) -> Result<Vec<Had>, ApiError> {
    let found: Vec<_> = all.into_iter().filter(|one| one.is_meant(words)).collect();
    match found.is_empty() {
        true => Err(ApiError::no_such(what)),
        false => Ok(found),
    }
}

/// The one that words mean.
///
/// # Errors
/// 404 where there is none, 422 where there are several.
pub(crate) fn one(all: Vec<Had>, words: &str, what: &str) -> Result<Had, ApiError> {
    let mut found = meant(all, words, what)?;
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (last, _) => {
            let names: Vec<_> = found.iter().chain(&last).map(Had::name).collect();
            let names = names.join(", ");
            let text = format!("Ambiguous identifier; multiple matching add-ons found: {names}.");
            Err(ApiError::new(Kind::MultipleMatches, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slugline_core::actor::Actor;
    use slugline_core::app::AppName;
    use slugline_core::price::Price;
    use slugline_core::resource::ResourceId;

    fn had(app: &str, plan: &str, digit: Option<&str>) -> Had {
        let app = App {
            name: AppName::new(app).unwrap(),
            owner: Actor::new("jim@example.com").unwrap(),
            created_at: Timestamp(1),
            branch: None,
        };
        let addon = Addon {
            plan: plan.parse().unwrap(),
            price: Price::FREE,
            resource: digit.map(|digit| ResourceId::new(&digit.repeat(32)).unwrap()),
        };
        let (resource, since) = (None, Timestamp(1));
        Had {
            app,
            addon,
            resource,
            since,
        }
    }

    #[test]
    fn an_addon_goes_by_each_of_its_names_in_its_app() {
        let shop = had("shop", "my-cache:free", Some("a"));
        assert_eq!(shop.name(), "my-cache-aaaaaaaa");
        let id = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa";
        assert_eq!(shop.id().to_string(), id);
        let attachment = shop.attachment_id().to_string();
        for words in [
            id,
            "my-cache-aaaaaaaa",
            "my-cache",
            "my-cache:free",
            "MY_CACHE",
            "shop::MY_CACHE",
            &attachment,
        ] {
            assert!(shop.is_meant(words), "{words}");
        }
        for words in ["", "blog::MY_CACHE", "my", "my-cache:100mb", "::"] {
            assert!(!shop.is_meant(words), "{words}");
        }
    }

    #[test]
    fn what_several_go_by_is_ambiguous() {
        let all = || {
            vec![
                had("shop", "memcache:free", Some("a")),
                had("blog", "memcache:free", Some("b")),
                had("blog", "releases:basic", None),
            ]
        };
        let found = one(all(), "memcache-bbbbbbbb", "add-on").unwrap();
        assert_eq!(found.app.name.as_str(), "blog");
        assert_eq!(meant(all(), "memcache", "add-on").unwrap().len(), 2);
        let error = one(all(), "memcache", "add-on").unwrap_err();
        assert_eq!(error.kind(), Kind::MultipleMatches);
        let text = "Ambiguous identifier; multiple matching add-ons found: \
                    memcache-aaaaaaaa, memcache-bbbbbbbb.";
        assert_eq!(error.message(), text);
        let error = one(all(), "redis", "add-on").unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
        assert_ne!(
            had("shop", "releases:basic", None).id(),
            had("blog", "releases:basic", None).id()
        );
    }
}
