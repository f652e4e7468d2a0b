//! What a vendor that answered 202 says afterwards: it changes its grant into a token, names the
//! config vars, and says that the resource is there (version 3); or it names the config vars, and is
//! done (version 1). Secrets are compared in constant time. It must not know a socket.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use slugline_plugin_api::message::Secret;
use subtle::ConstantTimeEq;

use super::manifest::Version;

/// A request as the listener read it.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) method: String,
    /// Without what follows a question mark.
    pub(super) path: String,
    /// What stands in `Authorization`.
    pub(super) authorization: String,
    pub(super) body: Vec<u8>,
}

/// What it is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outgoing {
    pub(super) status: u16,
    pub(super) json: Json,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The resource is there.
    Provisioned(BTreeMap<String, Secret>),
    /// The vendor has given up.
    GivenUp,
    /// It named what it may not.
    Wrong(String),
    /// It was not done in time.
    Late,
}

/// What is expected of the vendor.
pub(super) struct Expected {
    pub(super) version: Version,
    /// Where it says it: what comes after the public URL, such as `/addons/UUID`.
    pub(super) path: String,
    /// What comes before it, where the public URL has a path.
    pub(super) prefix: String,
    /// The grant.
    pub(super) code: Secret,
    pub(super) client_secret: Option<Secret>,
    /// What stands in `Authorization` of version 1.
    pub(super) basic: Secret,
    /// What the add-on promises.
    pub(super) promised: Vec<String>,
    /// Makes tokens.
    pub(super) token: fn() -> Option<String>,
}

/// Where a vendor says that it is done.
pub(super) struct Desk {
    expected: Expected,
    until: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    used: bool,
    access: Vec<String>,
    refresh: Option<String>,
    config: BTreeMap<String, Secret>,
    end: Option<End>,
}

impl Desk {
    pub(super) fn new(expected: Expected, until: Instant) -> Self {
        Self {
            expected,
            until,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Waits until the vendor is done.
    pub(super) fn wait(&self) -> End {
        let mut state = self.state();
        loop {
            if let Some(end) = &state.end {
                return end.clone();
            }
            let left = self.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // Whoever comes now comes too late.
                state.end = Some(End::Late);
                return End::Late;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// Answers a request.
    pub(super) fn answer(&self, request: &Incoming) -> Outgoing {
        let path = request.path.as_str();
        let path = path.strip_prefix(&self.expected.prefix).unwrap_or(path);
        let own = self.expected.path.as_str();
        let rest = path.strip_prefix(own);
        let three = self.expected.version == Version::Three;
        match (request.method.as_str(), path, rest) {
            ("POST", "/oauth/token", _) if three => self.grant(&request.body),
            ("PATCH", _, Some("/config")) if three => self.with_token(request, Self::put),
            ("POST", _, Some("/actions/provision")) if three => {
                self.with_token(request, Self::provisioned)
            }
            ("POST", _, Some("/actions/deprovision")) if three => {
                self.with_token(request, |desk, _| desk.ends(End::GivenUp))
            }
            ("PUT", _, Some("")) if !three => {
                let given = request.authorization.as_str();
                if same(given, &self.expected.basic.0) {
                    let put = self.put(&request.body);
                    match put.status {
                        200 => self.provisioned(&request.body),
                        _ => put,
                    }
                } else {
                    refusal(401, "the id and the password of the add-on are needed")
                }
            }
            _ => refusal(404, "there is nothing here"),
        }
    }

    fn grant(&self, body: &[u8]) -> Outgoing {
        let form = fields(body);
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        let mut state = self.state();
        let client = self.expected.client_secret.as_ref();
        if client.is_some_and(|secret| !same(field("client_secret"), &secret.0)) {
            return oauth("invalid_client");
        }
        let good = match field("grant_type") {
            "authorization_code" => !state.used && same(field("code"), &self.expected.code.0),
            "refresh_token" => {
                let refresh = state.refresh.as_deref().unwrap_or_default();
                !refresh.is_empty() && same(field("refresh_token"), refresh)
            }
            _ => return oauth("unsupported_grant_type"),
        };
        let left = self.until.saturating_duration_since(Instant::now());
        if !good || left.is_zero() || state.end.is_some() {
            return oauth("invalid_grant");
        }
        let (Some(access), Some(refresh)) = ((self.expected.token)(), (self.expected.token)())
        else {
            return oauth("server_error");
        };
        state.used = true;
        state.access.push(access.clone());
        state.refresh = Some(refresh.clone());
        ok(json!({
            "access_token": access, "refresh_token": refresh,
            "expires_in": left.as_secs(), "token_type": "Bearer",
        }))
    }

    fn with_token(
        &self,
        request: &Incoming,
        then: impl FnOnce(&Self, &[u8]) -> Outgoing,
    ) -> Outgoing {
        let given = request.authorization.strip_prefix("Bearer ");
        let given = given.unwrap_or_default();
        let known = self.state().access.iter().any(|token| same(given, token));
        match known {
            true => then(self, &request.body),
            false => refusal(401, "this token is not valid"),
        }
    }

    /// Takes config vars, all or none: `{"config": [{"name", "value"}]}`, or a map.
    fn put(&self, body: &[u8]) -> Outgoing {
        let json: Json = serde_json::from_slice(body).unwrap_or_default();
        let Some(vars) = vars(&json["config"]) else {
            return refusal(422, "config is a list of name and value, or a map of texts");
        };
        let unpromised = vars
            .keys()
            .find(|key| !self.expected.promised.contains(key));
        if let Some(key) = unpromised {
            let key: String = key.chars().filter(|c| !c.is_control()).take(60).collect();
            let what = format!("config.{key} is not listed in its manifest");
            let _ = self.ends(End::Wrong(what.clone()));
            return refusal(422, &what);
        }
        let mut state = self.state();
        if state.end.is_some() {
            return refusal(409, "this add-on is not being provisioned any more");
        }
        state.config.extend(vars);
        let all = state.config.iter();
        let all: Vec<Json> = all
            .map(|(name, value)| json!({ "name": name, "value": value.0 }))
            .collect();
        ok(Json::Array(all))
    }

    fn provisioned(&self, _: &[u8]) -> Outgoing {
        let config = self.state().config.clone();
        self.ends(End::Provisioned(config))
    }

    /// Ends it, once; the same end again is the same answer.
    fn ends(&self, end: End) -> Outgoing {
        let mut state = self.state();
        match &state.end {
            None => {
                state.end = Some(end);
                self.changed.notify_all();
                ok(json!({}))
            }
            Some(other) if std::mem::discriminant(other) == std::mem::discriminant(&end) => {
                ok(json!({}))
            }
            Some(_) => refusal(409, "this add-on is not being provisioned any more"),
        }
    }

    /// How long is left.
    pub(super) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

fn same(given: &str, expected: &str) -> bool {
    given.as_bytes().ct_eq(expected.as_bytes()).into()
}

fn ok(json: Json) -> Outgoing {
    Outgoing { status: 200, json }
}

fn oauth(error: &str) -> Outgoing {
    let status = if error == "invalid_client" { 401 } else { 400 };
    Outgoing {
        status,
        json: json!({ "error": error }),
    }
}

fn refusal(status: u16, message: &str) -> Outgoing {
    Outgoing {
        status,
        json: json!({ "message": message }),
    }
}

/// The fields of a form, or of a JSON map.
fn fields(body: &[u8]) -> BTreeMap<String, String> {
    if let Ok(map) = serde_json::from_slice(body) {
        return map;
    }
    form_urlencoded::parse(body).into_owned().collect()
}

/// Config vars, in either of their two forms.
pub(super) fn vars(config: &Json) -> Option<BTreeMap<String, Secret>> {
    let pair =
        |name: &str, value: &Json| Some((name.to_owned(), Secret(value.as_str()?.to_owned())));
    match config {
        Json::Array(all) => all
            .iter()
            .map(|it| pair(it["name"].as_str()?, &it["value"]))
            .collect(),
        Json::Object(all) => all.iter().map(|(name, value)| pair(name, value)).collect(),
        _ => None,
    }
}
