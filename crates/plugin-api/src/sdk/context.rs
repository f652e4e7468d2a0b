//! What a plugin is given with each call: its settings, and the services of Slugline. It must not
//! know how a question travels.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::protocol::{
    Answer, FileName, FileText, HttpAnswer, HttpRequest, Mail, Pair, PluginSettings, Question,
};

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

    /// The private folder of the resource, with `permissions.folder`; pass the request's `id`. Its
    /// path is absolute. It is removed after the resource was deprovisioned.
    ///
    /// # Errors
    /// [`Failure::Broken`]: it is not granted, this is neither a provision nor a change of plan, or
    /// the disk fails.
    pub fn folder(&self, id: &str) -> Result<String, Failure> {
        match self.put(&Question::Folder(id.to_owned()))? {
            Answer::Folder(path) => Ok(path),
            _ => strange(),
        }
    }

    /// A file in that folder, of at most 64 KB; none where there is no such file.
    ///
    /// # Errors
    /// As [`Context::folder`].
    pub fn read(&self, id: &str, name: &str) -> Result<Option<String>, Failure> {
        let (id, name) = (id.to_owned(), name.to_owned());
        match self.put(&Question::Read(FileName { id, name }))? {
            Answer::Value(text) => Ok(text),
            _ => strange(),
        }
    }

    /// Writes a file of at most 64 KB into that folder, for its owner alone.
    ///
    /// # Errors
    /// As [`Context::folder`].
    pub fn write(&self, id: &str, name: &str, text: &str) -> Result<(), Failure> {
        let (id, name, text) = (id.to_owned(), name.to_owned(), text.to_owned());
        let file = FileText { id, name, text };
        self.put(&Question::Write(file)).map(|_| ())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    /// Each method asks what the page of the protocol shows, and takes the answer that is shown.
    #[test]
    fn a_folder_is_asked_for_as_the_protocol_says() {
        let shown = example::services();
        let answered = |question: &Question| {
            let found = shown.iter().find(|(asked, _)| asked == question);
            found
                .map(|(_, answer)| answer.clone())
                .ok_or_else(|| "it is not shown".to_owned())
        };
        let settings = PluginSettings::default();
        let context = Context {
            settings: &settings,
            ask: &answered,
        };
        let id = "0123456789abcdef0123456789abcdef";
        let folder = context.folder(id).unwrap();
        assert!(folder.ends_with(&format!("resources/{id}")), "{folder}");
        assert!(matches!(context.read(id, "password"), Ok(None)));
        context.write(id, "server.conf", "port 20000\n").unwrap();
        assert!(context.write(id, "server.conf", "").is_err());
        assert!(context.folder("other").is_err());
    }
}
