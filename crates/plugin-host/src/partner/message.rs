//! The bodies of the two versions of the partner API. It must not know how they are sent.

use serde_json::{Value as Json, json};
use slugline_plugin_api::message::{ChangePlanRequest, ProvisionRequest};

use super::manifest::Version;
use super::record::ID_MAX;

/// The resource as version 3 names it: the same digits as those of our id.
pub(super) fn uuid(id: &str) -> String {
    let part = |from: usize, to: usize| id.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

/// The resource as version 1 names it. The domain is none, so that nobody takes it for Heroku's.
pub(super) fn heroku_id(id: &str) -> String {
    format!("app{id}@slugline.invalid")
}

/// What comes after the public URL in the URL that a vendor calls back.
pub(super) fn callback_path(version: Version, id: &str) -> String {
    match version {
        Version::One => format!("/vendor/apps/app{id}%40slugline.invalid"),
        Version::Three => format!("/addons/{}", uuid(id)),
    }
}

/// What a provision is told beside the request.
pub(super) struct Told<'a> {
    pub(super) callback_url: &'a str,
    pub(super) region: &'a str,
    pub(super) code: &'a str,
    pub(super) expires_at: &'a str,
}

/// The body of a provision. Options are texts, `true` and `false` too.
pub(super) fn provision(version: Version, it: &ProvisionRequest, told: &Told<'_>) -> Json {
    let mut body = json!({
        "plan": it.plan,
        "region": told.region,
        "callback_url": told.callback_url,
        "options": it.options,
        "uuid": uuid(&it.id),
    });
    match version {
        Version::One => body["heroku_id"] = heroku_id(&it.id).into(),
        Version::Three => {
            let short = it.id.get(..8).unwrap_or_default();
            body["name"] = format!("{}-{short}", it.service).into();
            body["oauth_grant"] = json!({
                "type": "authorization_code",
                "code": told.code,
                "expires_at": told.expires_at,
            });
        }
    }
    body
}

/// The body of a change of plan.
pub(super) fn change(version: Version, it: &ChangePlanRequest) -> Json {
    match version {
        Version::One => {
            json!({ "plan": it.plan, "heroku_id": heroku_id(&it.id), "uuid": uuid(&it.id) })
        }
        Version::Three => json!({ "plan": it.plan }),
    }
}

/// The vendor's id in an answer: a text or a whole number that can stand in a URL.
pub(super) fn id(json: &Json) -> Option<String> {
    let id = match &json["id"] {
        Json::String(text) => text.clone(),
        Json::Number(number) if number.is_u64() => number.to_string(),
        _ => return None,
    };
    let fits = !id.is_empty() && id.len() <= ID_MAX && id != "." && id != "..";
    (fits && !id.contains(char::is_control)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_has_one_uuid() {
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(uuid(id), "01234567-89ab-cdef-0123-456789abcdef");
    }

    #[test]
    fn an_id_can_stand_in_a_url() {
        let check = |json: Json, expected: Option<&str>| {
            assert_eq!(super::id(&json).as_deref(), expected, "{json}");
        };
        check(json!({ "id": "a/b" }), Some("a/b"));
        check(json!({ "id": 12 }), Some("12"));
        for bad in [
            json!(null),
            json!(""),
            json!(".."),
            json!(-1),
            json!("a\nb"),
        ] {
            check(json!({ "id": bad }), None);
        }
    }
}
