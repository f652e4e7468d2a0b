//! The uuids that the API names things by. Nothing is kept for them: each is made from what it names, so
//! that it is the same in every answer, and that of a release says which number it is of.
//! It must not know what clients do with them.

use sha2::{Digest as _, Sha256};
use slugline_core::actor::Actor;
use slugline_core::app::App;
use slugline_core::release::Version;
use uuid::Uuid;

fn named(kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(
        &Uuid::NAMESPACE_URL,
        format!("slugline:{kind}:{name}").as_bytes(),
    )
}

/// An app's: another one where an app of its name is made again.
pub(crate) fn app(app: &App) -> Uuid {
    named("app", &format!("{}:{}", app.name, app.created_at.0))
}

/// A person's.
pub(crate) fn user(actor: &Actor) -> Uuid {
    named("user", actor.as_str())
}

/// That of anything else which has a name of its own among its kind.
pub(crate) fn of(kind: &str, name: &str) -> Uuid {
    named(kind, name)
}

/// A release's: seven bytes from its app, and its number in the rest.
pub(crate) fn release(app: &App, version: Version) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..7].copy_from_slice(&half(app));
    bytes[8..].copy_from_slice(&version.number().to_be_bytes());
    // Versions of uuids take four bits of the seventh byte and two of the ninth: numbers are far
    // smaller than what is left.
    bytes[7] = half(app)[0];
    Uuid::new_v8(bytes)
}

fn half(of: &App) -> [u8; 7] {
    let digest = Sha256::digest(app(of).as_bytes());
    std::array::from_fn(|place| digest[place])
}

/// The number of the release of this app that a uuid names; `None` where it names none of it.
pub(crate) fn version(app: &App, id: Uuid) -> Option<Version> {
    let mut number: [u8; 8] = std::array::from_fn(|place| id.as_bytes()[8 + place]);
    number[0] &= 0x3f;
    let version = Version::new(u64::from_be_bytes(number));
    (version != Version::NONE && release(app, version) == id).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slugline_core::app::AppName;
    use slugline_core::time::Timestamp;

    fn made(name: &str, at: i64) -> App {
        App {
            name: AppName::new(name).unwrap(),
            owner: Actor::new("jim@example.com").unwrap(),
            created_at: Timestamp(at),
            branch: None,
        }
    }

    #[test]
    fn a_release_is_found_by_its_uuid_in_its_app_alone() {
        let (shop, blog, again) = (made("shop", 1), made("blog", 1), made("shop", 2));
        for number in [1, 2, 255, 256, 1_000_000, (1 << 61) + 5] {
            let id = release(&shop, Version::new(number));
            assert_eq!(id.get_version_num(), 8);
            assert_eq!(version(&shop, id), Some(Version::new(number)));
            assert_eq!(version(&blog, id), None);
            assert_eq!(version(&again, id), None);
        }
        assert_eq!(version(&shop, app(&shop)), None);
        assert_eq!(version(&shop, Uuid::nil()), None);
        assert_ne!(app(&shop), app(&again));
    }
}
