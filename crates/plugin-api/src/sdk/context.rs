//! What a plugin is given with each call: its settings, and the services of Slugline. It must not
//! know how a question travels.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::protocol::{Answer, HttpAnswer, HttpRequest, Mail, Pair, PluginSettings, Question};

use super::Failure;

/// Puts a question to Slugline.
pub(super) type Asks<'a> = &'a dyn Fn(&Question) -> Result<Answer, String>;

/// What a plugin is given with each call.
pub struct Context<'a> {
    pub(super) settings: &'a PluginSettings,
    pub(super) ask: Asks<'a>,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context")
    }
}

impl Context<'_> {
    /// What the operator has set in `settings.yaml`, as a type of the plugin's own.
    ///
    /// # Errors
    /// [`Failure::Broken`]: it does not fit the type.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let settings = Value::Object(self.settings.0.clone());
        let read = serde_json::from_value(settings);
        read.map_err(|error| Failure::Broken(format!("settings.yaml: {error}")))
    }

    /// Writes a line for the operator; at most 100 in one call.
    pub fn log(&self, line: &str) {
        // A line that is lost is not worth a call.
        let _ = (self.ask)(&Question::Log(line.to_owned()));
    }

    /// A free port, stable for the resource; pass the request's `id`.
    ///
    /// # Errors
    /// [`Failure::Broken`]: only a provision or a change of plan has one.
    pub fn port(&self, id: &str) -> Result<u16, Failure> {
        match self.put(&Question::Port(id.to_owned()))? {
            Answer::Port(port) => Ok(port),
            _ => strange(),
        }
    }

    /// Sends a request, with `permissions.http`.
    ///
    /// # Errors
    /// [`Failure::Broken`]: it is not granted, or there was no answer.
    pub fn http(&self, request: HttpRequest) -> Result<HttpAnswer, Failure> {
        match self.put(&Question::Http(request))? {
            Answer::Http(answer) => Ok(answer),
            _ => strange(),
        }
    }

    /// Sends a mail, with `permissions.smtp`.
    ///
    /// # Errors
    /// [`Failure::Broken`]: it is not granted, or was not sent.
    pub fn mail(&self, mail: Mail) -> Result<(), Failure> {
        self.put(&Question::Mail(mail)).map(|_| ())
    }

    /// A value that was kept, with `permissions.store`.
    ///
    /// # Errors
    /// [`Failure::Broken`]: it is not granted, or cannot be read.
    pub fn get(&self, key: &str) -> Result<Option<String>, Failure> {
        match self.put(&Question::Get(key.to_owned()))? {
            Answer::Value(value) => Ok(value),
            _ => strange(),
        }
    }

    /// Keeps a value, with `permissions.store`.
    ///
    /// # Errors
    /// [`Failure::Broken`]: it is not granted, or is over a limit.
    pub fn set(&self, key: &str, value: &str) -> Result<(), Failure> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.put(&Question::Set(Pair { key, value })).map(|_| ())
    }

    /// Forgets a value, with `permissions.store`; one that is not there is no error.
    ///
    /// # Errors
    /// [`Failure::Broken`]: it is not granted.
    pub fn delete(&self, key: &str) -> Result<(), Failure> {
        self.put(&Question::Delete(key.to_owned())).map(|_| ())
    }

    /// The keys that begin so, sorted, with `permissions.store`.
    ///
    /// # Errors
    /// [`Failure::Broken`]: it is not granted.
    pub fn list(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        match self.put(&Question::List(prefix.to_owned()))? {
            Answer::Keys(keys) => Ok(keys),
            _ => strange(),
        }
    }

    fn put(&self, question: &Question) -> Result<Answer, Failure> {
        match (self.ask)(question).map_err(Failure::Broken)? {
            Answer::Refused(what) => Err(Failure::Broken(what)),
            answer => Ok(answer),
        }
    }
}

fn strange<T>() -> Result<T, Failure> {
    let what = "the answer is not one to this question";
    Err(Failure::Broken(what.to_owned()))
}
