//! A vendor's add-on manifest, as Heroku's partners write it: the forms of 2012, of the kensa tool
//! and of version 3. What is checked is what kensa checks. Password and salt are secrets: neither is
//! in an error. It must not know `plugin.yaml`.

use serde_json::Value as Json;
use slugline_plugin_api::message::Secret;
use ureq::http::Uri;

use crate::words::complaint;

/// Where the service is when a manifest says only its root, as those of 2012 do.
const BASE_PATH: &str = "/heroku/resources";
/// An id may have so many characters.
const ID_MAX: usize = 100;
const REGIONS: [&str; 7] = ["*", "us", "eu", "frankfurt", "oregon", "tokyo", "virginia"];

/// Which partner API the vendor's service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Three,
}

/// What an add-on manifest says. `Debug` hides its secrets.
#[derive(Clone, Debug)]
pub(super) struct AddonManifest {
    pub(super) id: String,
    pub(super) password: Secret,
    pub(super) version: Version,
    pub(super) config_vars: Vec<String>,
    pub(super) production: Base,
    pub(super) test: Option<Base>,
}

/// Where resources are made: a URL without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base {
    pub(super) url: String,
    /// In lower case.
    pub(super) host: String,
    pub(super) port: u16,
}

/// What is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// From 1; where it is not known, 1.
    pub(super) line: usize,
    pub(super) what: String,
}

type Found<T> = Result<T, (&'static str, String)>;

impl AddonManifest {
    /// Reads and checks one; the first thing that is wrong is told.
    pub(super) fn read(text: &str) -> Result<Self, Wrong> {
        let json: Json = serde_json::from_str(text).map_err(|error| Wrong {
            line: error.line().max(1),
            what: format!("this is no JSON: {}", complaint(&error)),
        })?;
        Self::of(&json).map_err(|(key, what)| Wrong {
            line: line_of(text, key),
            what,
        })
    }

    fn of(json: &Json) -> Found<Self> {
        let id = id(json)?;
        let api = &json["api"];
        if !api.is_object() {
            return wrong("api", "there is no map api in it");
        }
        if json.get("username").or(api.get("username")).is_some() {
            return wrong(
                "username",
                "username is no longer used: the user is the add-on's id",
            );
        }
        let password = api["password"].as_str().filter(|it| !it.is_empty());
        let Some(password) = password else {
            return wrong("password", "api.password is missing, or no text");
        };
        check_lists(api)?;
        let Some(production) = base(api, "production")? else {
            return wrong("api", "api.production is missing");
        };
        Ok(Self {
            version: version(api)?,
            config_vars: config_vars(&id, api)?,
            test: base(api, "test")?,
            password: Secret(password.to_owned()),
            id,
            production,
        })
    }
}

fn wrong<T>(key: &'static str, what: impl Into<String>) -> Found<T> {
    Err((key, what.into()))
}

fn id(json: &Json) -> Found<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match json["id"].as_str() {
        Some(id) if !id.is_empty() && id.len() <= ID_MAX && id.chars().all(legal) => {
            Ok(id.to_owned())
        }
        _ => wrong("id", "id is a text of letters, digits, -, _ and ."),
    }
}

fn version(api: &Json) -> Found<Version> {
    match &api["version"] {
        Json::Null => Ok(Version::One),
        Json::String(text) if text == "1" => Ok(Version::One),
        Json::String(text) if text == "3" => Ok(Version::Three),
        Json::Number(number) if number.as_u64() == Some(1) => Ok(Version::One),
        Json::Number(number) if number.as_u64() == Some(3) => Ok(Version::Three),
        _ => wrong("version", "api.version is 1 or 3"),
    }
}

/// The regions, which those of 2012 have not, and what it requires of the platform.
fn check_lists(api: &Json) -> Found<()> {
    match &api["regions"] {
        Json::Null => {}
        Json::Array(regions) => {
            let known = |it: &Json| it.as_str().is_some_and(|it| REGIONS.contains(&it));
            if !regions.iter().all(known) || !regions.iter().any(|it| it == "us" || it == "*") {
                let what = format!(
                    "api.regions holds us or *, and none but {}",
                    REGIONS.join(" ")
                );
                return wrong("regions", what);
            }
        }
        _ => return wrong("regions", "api.regions is a list"),
    }
    match &api["requires"] {
        Json::Null => Ok(()),
        Json::Array(all) if all.iter().any(|it| it == "syslog_drain") => wrong(
            "requires",
            "it requires syslog_drain, and Slugline sends no logs to add-ons",
        ),
        Json::Array(_) => Ok(()),
        _ => wrong("requires", "api.requires is a list"),
    }
}

fn config_vars(id: &str, api: &Json) -> Found<Vec<String>> {
    let key = "config_vars";
    let Some(listed) = api[key].as_array() else {
        return wrong(key, "api.config_vars is a list of names");
    };
    let prefix = api["config_vars_prefix"].as_str().map(str::to_owned);
    let prefix = prefix.unwrap_or_else(|| id.to_ascii_uppercase().replace('-', "_"));
    let mut names = Vec::with_capacity(listed.len());
    for name in listed {
        let legal = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let name = name.as_str().unwrap_or_default();
        let begins = name.starts_with(|c: char| c.is_ascii_uppercase());
        if !begins || name.len() < 2 || !name.chars().all(legal) {
            return wrong(
                key,
                "api.config_vars: a name has capital letters, digits and _",
            );
        }
        if name
            .strip_prefix(&prefix)
            .is_none_or(|rest| !rest.starts_with('_'))
        {
            let what = format!("api.config_vars: {name} does not begin with {prefix}_");
            return wrong(key, what);
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn base(api: &Json, key: &'static str) -> Found<Option<Base>> {
    let text = match &api[key] {
        Json::Null => return Ok(None),
        Json::String(root) => format!("{}{BASE_PATH}", root.trim_end_matches('/')),
        Json::Object(map) => match map.get("base_url").and_then(Json::as_str) {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => return wrong(key, format!("api.{key}.base_url is missing")),
        },
        _ => return wrong(key, format!("api.{key} is a URL, or a map with base_url")),
    };
    Base::of(&text)
        .map(Some)
        .map_err(|what| (key, format!("api.{key}: {what}")))
}

impl Base {
    pub(super) fn of(text: &str) -> Result<Self, &'static str> {
        let uri: Uri = text.parse().map_err(|_| "this is no URL")?;
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let authority = uri.authority().map_or("", |it| it.as_str());
        if host.is_empty() || authority.contains('@') || uri.query().is_some() {
            return Err("a URL has a host, and neither a user nor a question mark");
        }
        let standard = match uri.scheme_str() {
            Some("https") => 443,
            Some("http") if is_loopback(&host) => 80,
            _ => return Err("a URL begins with https://, or is on this machine"),
        };
        Ok(Self {
            url: text.to_owned(),
            port: uri.port_u16().unwrap_or(standard),
            host,
        })
    }

    pub(super) fn is_local(&self) -> bool {
        is_loopback(&self.host)
    }
}

fn is_loopback(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].contains(&host)
}

/// The first line with this key.
fn line_of(text: &str, key: &str) -> usize {
    let key = format!("\"{key}\"");
    let at = text.lines().position(|line| line.contains(&key));
    at.map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sound() -> Json {
        json!({ "id": "acme-primes", "api": {
            "config_vars": ["ACME_PRIMES_URL"], "password": "s3cret", "sso_salt": "s4lt",
            "production": "https://primes.example.com/",
            "test": { "base_url": "http://localhost:4567/heroku/resources" } } })
    }

    #[test]
    fn all_forms_are_read() {
        let read = AddonManifest::read(&sound().to_string()).unwrap();
        assert_eq!(read.version, Version::One);
        assert_eq!(
            read.production.url,
            "https://primes.example.com/heroku/resources"
        );
        let test = read.test.clone().unwrap();
        assert_eq!((test.host.as_str(), test.port), ("localhost", 4567));
        assert!(!format!("{read:?}").contains("s3cret"));
        let mut three = sound();
        three["api"]["version"] = json!("3");
        three["api"]["regions"] = json!(["us", "eu"]);
        three["api"]["config_vars_prefix"] = json!("ACME");
        three["$base"] = json!(12);
        let read = AddonManifest::read(&three.to_string()).unwrap();
        assert_eq!(read.version, Version::Three);
    }

    #[test]
    fn what_is_wrong_is_told_without_a_secret() {
        let check = |path: &str, value: Json, what: &str| {
            let mut json = sound();
            *json.pointer_mut(path).unwrap() = value;
            let text = serde_json::to_string_pretty(&json).unwrap();
            let told = AddonManifest::read(&text).unwrap_err();
            assert_eq!(told.what, what);
            assert!(!told.what.contains("s3cret"));
        };
        check(
            "/id",
            json!(""),
            "id is a text of letters, digits, -, _ and .",
        );
        check("/api", json!(1), "there is no map api in it");
        check(
            "/api/password",
            json!(""),
            "api.password is missing, or no text",
        );
        check("/api/production", json!(null), "api.production is missing");
        check(
            "/api/production",
            json!("http://primes.example.com"),
            "api.production: a URL begins with https://, or is on this machine",
        );
        check(
            "/api/production",
            json!("https://jim:s3cret@primes.example.com"),
            "api.production: a URL has a host, and neither a user nor a question mark",
        );
        check("/api/test", json!({}), "api.test.base_url is missing");
        check(
            "/api/config_vars",
            json!(["PRIMES_URL"]),
            "api.config_vars: PRIMES_URL does not begin with ACME_PRIMES_",
        );
        check(
            "/api/config_vars",
            json!(["acme"]),
            "api.config_vars: a name has capital letters, digits and _",
        );
        let told = AddonManifest::read("{\n\"id\": \"s3cret\" 1").unwrap_err();
        assert_eq!(told.line, 2);
        assert!(!told.what.contains("s3cret"), "{told:?}");
    }
}
