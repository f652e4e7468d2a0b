//! Provisions: asks the vendor, and waits for its call where it says that it is not done yet. What
//! the vendor has made and Slugline cannot take is destroyed again. It must not know who waits.

use std::sync::Arc;
use std::time::Instant;

use slugline_plugin_api::message::{Provision, ProvisionRequest, Reply, Secret};

use crate::process::Deadline;
use crate::words::spoken;

use super::desk::{Desk, End, Expected};
use super::exchange::{self, Answer, Ask};
use super::listener::Listener;
use super::record::Known;
use super::{OPTIONS, Partner, Vars, message, words};

/// A listener, and what it heard.
struct Counter {
    desk: Arc<Desk>,
    url: String,
    // Closes the port when the waiting is over.
    _listener: Listener,
}

/// How a provision ended that the vendor had begun.
enum Ended {
    Made(Vars),
    Refused(String),
    Failed(String),
}

impl Partner<'_> {
    pub(super) fn provision(
        &self,
        it: &ProvisionRequest,
        deadline: &Deadline,
    ) -> Result<Reply, String> {
        let size = |(name, value): (&String, &String)| name.len() + value.len();
        if it.options.iter().map(size).sum::<usize>() > OPTIONS {
            let what = format!("options have no more than {OPTIONS} bytes together");
            return Ok(Reply::Denied(what));
        }
        let records = self.records().map_err(|why| why.0)?;
        let known = records.of(&it.id).map_err(|why| why.to_string())?;
        let code = random().ok_or("there is no randomness for a grant")?;
        // It is open before the vendor is asked, which may call before it has answered.
        let counter = self.counter(it, &code)?;
        if known == Known::Nothing {
            records.asked(&it.id).map_err(|why| why.to_string())?;
        }
        let say = |line: &str| self.say(line);
        let body = self.body(it, &counter, &code);
        let ask = Ask {
            method: "POST",
            of: None,
            body: Some(&body),
        };
        let forget = || {
            // Why it failed is what people need to know.
            if known == Known::Nothing {
                let _ = records.forget(&it.id);
            }
        };
        let (status, json) = match self.vendor(&say, false).ask(ask, deadline) {
            Ok(Answer::Done { status, json }) => (status, json),
            Ok(Answer::Refused(why)) => {
                forget();
                return Ok(Reply::Denied(why));
            }
            Ok(Answer::Unknown(status)) => {
                forget();
                return Err(format!("{} answered {status}", self.base.host));
            }
            Err(failed) if failed.perhaps => return Err(self.perhaps(&failed.what, it)),
            Err(failed) => {
                forget();
                return Err(failed.what);
            }
        };
        let Some(id) = message::id(&json) else {
            let what = format!("{} answered without an id", self.base.host);
            return Err(self.perhaps(&what, it));
        };
        if let Known::Made(before) = &known
            && *before != id
        {
            let what = "asked twice for one resource, it made two".to_owned();
            return Err(self.back(&id, what).unwrap_or_else(|what| what));
        }
        records.made(&it.id, &id).map_err(|why| why.to_string())?;
        let message = words(&json);
        match self.ended(status, &json, &counter) {
            Ended::Made(config) => {
                self.tell_missing(&config);
                Ok(Reply::Provision(Provision {
                    config,
                    message,
                    ..Provision::default()
                }))
            }
            Ended::Refused(why) => {
                let why = self.back(&id, why)?;
                records.forget(&it.id).map_err(|why| why.to_string())?;
                Ok(Reply::Denied(why))
            }
            Ended::Failed(what) => {
                let what = self.back(&id, what)?;
                records.forget(&it.id).map_err(|why| why.to_string())?;
                Err(what)
            }
        }
    }

    /// What comes after an answer.
    fn ended(&self, status: u16, json: &serde_json::Value, counter: &Counter) -> Ended {
        let first = match self.config(json) {
            Ok(config) => config,
            Err(what) => return Ended::Failed(what),
        };
        if status != 202 {
            return Ended::Made(first);
        }
        if self.operator.callback_url.is_none() && !self.base.is_local() {
            return Ended::Failed(format!(
                "{} answers later and calls back, and cannot reach this machine: set callback_url in \
                 settings.yaml",
                self.base.host
            ));
        }
        let wait = self.settings.partner.wait.unwrap_or(self.operator.wait);
        self.say(&format!(
            "it is being made; waiting for {} to say that it is there, for {} at most",
            self.base.host,
            spoken(wait)
        ));
        match counter.desk.wait() {
            End::Provisioned(config) => Ended::Made(first.into_iter().chain(config).collect()),
            End::GivenUp => Ended::Refused("the vendor could not make it".to_owned()),
            End::Wrong(what) => Ended::Failed(what),
            End::Late => Ended::Failed(format!(
                "{} has not said within {} that it is there",
                self.base.host,
                spoken(wait)
            )),
        }
    }

    fn counter(&self, it: &ProvisionRequest, code: &str) -> Result<Counter, String> {
        let listen = self.operator.listen;
        let opened = Listener::open(listen);
        let (listener, socket) =
            opened.map_err(|error| format!("cannot listen at {listen}: {error}"))?;
        let version = self.manifest.version;
        let path = message::callback_path(version, &it.id);
        let public = self.operator.callback_url.clone();
        let public = public.unwrap_or_else(|| listener.url());
        let url = format!("{public}{path}");
        let prefix = public.splitn(4, '/').nth(3).unwrap_or_default();
        let prefix = match prefix {
            "" => String::new(),
            prefix => format!("/{prefix}"),
        };
        let wait = self.settings.partner.wait.unwrap_or(self.operator.wait);
        let desk = Arc::new(Desk::new(
            Expected {
                version,
                path,
                prefix,
                code: Secret(code.to_owned()),
                client_secret: self.operator.client_secret.clone(),
                basic: Secret(exchange::basic(&self.manifest, false)),
                promised: self.manifest.config_vars.clone(),
                token: random,
            },
            Instant::now() + wait,
        ));
        listener.serve(socket, Arc::clone(&desk));
        Ok(Counter {
            desk,
            url,
            _listener: listener,
        })
    }

    fn body(&self, it: &ProvisionRequest, counter: &Counter, code: &str) -> serde_json::Value {
        let expires = jiff::Timestamp::now() + counter.desk.left();
        // Whole seconds: that is what vendors have seen.
        let expires = expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let told = message::Told {
            callback_url: &counter.url,
            region: &self.operator.region,
            code,
            expires_at: &expires,
        };
        message::provision(self.manifest.version, it, &told)
    }

    /// Destroys what cannot be taken, and answers what to say. The error is what to say where that
    /// failed as well.
    fn back(&self, id: &str, what: String) -> Result<String, String> {
        let deadline = Deadline::after(self.settings.limits.call);
        match self.destroy(id, &deadline) {
            Ok(()) => Ok(what),
            Err(why) => Err(format!("{what}; and its vendor did not remove it: {why}")),
        }
    }

    /// What to say where nobody knows whether the vendor has made it.
    fn perhaps(&self, what: &str, it: &ProvisionRequest) -> String {
        let uuid = message::uuid(&it.id);
        format!("{what}; if it has made the resource {uuid}, its vendor must remove it")
    }

    fn tell_missing(&self, config: &Vars) {
        let promised = self.manifest.config_vars.iter();
        let missing: Vec<&str> = promised
            .filter(|name| !config.contains_key(*name))
            .map(String::as_str)
            .collect();
        if !missing.is_empty() {
            self.say(&format!(
                "its vendor did not answer with {}",
                missing.join(", ")
            ));
        }
    }
}

/// 256 bits, in 64 digits; none where the kernel gives none.
fn random() -> Option<String> {
    use std::fmt::Write as _;
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok()?;
    let mut text = String::with_capacity(64);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}
