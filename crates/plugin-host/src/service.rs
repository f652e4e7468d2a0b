//! What Slugline does for a plugin that asks: logs, finds a port, calls by HTTP, sends mail, keeps
//! values and folders; each only where the manifest was granted it, and within the time of the call. The
//! plugin's process can do none of it by itself. It must not trust a question.

mod folder;
mod http;
mod mail;
mod port;
mod send;
mod store;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use slugline_plugin_api::manifest::Manifest;
use slugline_plugin_api::message::{Reply, Request};
use slugline_plugin_api::protocol::{Answer, Question};

use crate::fault::Fault;
use crate::process::Deadline;
use crate::settings::Settings;
use crate::words::one_line;

pub(crate) use folder::remove as remove_folder;
use http::HostRule;
pub(crate) use http::permits;
use port::ResourcePort;

pub use store::{KEY_MAX, KEYS_MAX, MemoryStore, Store, StoreError, VALUE_MAX};

/// One call may log so many lines; the rest is dropped.
const LINES: usize = 100;

/// What one plugin may ask for in one call, or while it is loaded.
pub(crate) struct Services<'a> {
    manifest: &'a Manifest,
    settings: &'a Settings,
    call: Option<During<'a>>,
    reserved: Cell<Option<u16>>,
    logged: Cell<usize>,
}

/// The call that is under way.
struct During<'a> {
    request: &'a Request,
    deadline: Deadline,
}

impl<'a> Services<'a> {
    /// While the plugin is loaded, it can only log.
    pub(crate) fn while_loading(manifest: &'a Manifest, settings: &'a Settings) -> Self {
        Self {
            manifest,
            settings,
            call: None,
            reserved: Cell::new(None),
            logged: Cell::new(0),
        }
    }

    /// During a call.
    pub(crate) fn during(
        manifest: &'a Manifest,
        settings: &'a Settings,
        request: &'a Request,
        deadline: &Deadline,
    ) -> Self {
        let deadline = *deadline;
        Self {
            call: Some(During { request, deadline }),
            ..Self::while_loading(manifest, settings)
        }
    }

    /// How much time is left.
    pub(crate) fn left(&self) -> Duration {
        let left = |call: &During<'_>| call.deadline.left();
        self.call.as_ref().map_or(Duration::ZERO, left)
    }

    /// Does what is asked, or says why not.
    pub(crate) fn perform(&self, question: Question) -> Answer {
        self.granted(question)
            .unwrap_or_else(|what| Answer::Refused(one_line(&what)))
    }

    fn granted(&self, question: Question) -> Result<Answer, String> {
        if let Question::Log(line) = question {
            self.log(&line);
            return Ok(Answer::Done);
        }
        let request = self.call.as_ref().map(|call| call.request);
        let request = request.ok_or("this works only inside a hook, not while the script loads")?;
        match question {
            Question::Log(_) => Ok(Answer::Done),
            Question::Port(id) => self.port(&id, request).map(Answer::Port),
            Question::Http(outgoing) => {
                let hosts = self.hosts(request)?;
                send::send(&hosts, outgoing, self.left()).map(Answer::Http)
            }
            Question::Mail(mail) => {
                self.need(self.manifest.permissions.smtp, "smtp")?;
                mail::send(self.settings.smtp.as_ref(), &mail, self.left())?;
                Ok(Answer::Done)
            }
            Question::Folder(id) => self
                .folder(&id, request)
                .and_then(folder::path)
                .map(Answer::Folder),
            Question::Read(file) => {
                let folder = self.folder(&file.id, request)?;
                folder::read(&folder, &file.name).map(Answer::Value)
            }
            Question::Write(file) => {
                let folder = self.folder(&file.id, request)?;
                folder::write(&folder, &file.name, &file.text).map(|()| Answer::Done)
            }
            kept => {
                self.need(self.manifest.permissions.store, "store")?;
                store::perform(self.settings.store.as_deref(), &self.manifest.name, kept)
            }
        }
    }

    fn need(&self, granted: bool, permission: &str) -> Result<(), String> {
        if granted {
            return Ok(());
        }
        Err(format!(
            "it is not granted: set permissions.{permission} in plugin.yaml"
        ))
    }

    fn log(&self, line: &str) {
        self.logged.set(self.logged.get().saturating_add(1));
        if self.logged.get() <= LINES {
            (self.settings.log)(&self.manifest.name, &one_line(line));
        }
    }

    fn port(&self, id: &str, request: &Request) -> Result<u16, String> {
        let resource = ResourcePort::of(request);
        let resource = resource.ok_or("only a provision or a change of plan has a port")?;
        if resource.id != id {
            return Err("pass request.id; a resource has one port".to_owned());
        }
        if let Some(port) = self.reserved.get() {
            return Ok(port);
        }
        let port = port::find(&resource).ok_or("all ports from 20000 to 29999 are taken")?;
        self.reserved.set(Some(port));
        Ok(port)
    }

    /// The folder of the resource that the call is about; it is there.
    fn folder(&self, id: &str, request: &Request) -> Result<PathBuf, String> {
        self.need(self.manifest.permissions.folder, "folder")?;
        let resource = ResourcePort::of(request);
        let resource = resource.ok_or("only a provision or a change of plan has a folder")?;
        if resource.id != id {
            return Err("pass request.id; a resource has one folder".to_owned());
        }
        let root = self.settings.folders.as_deref();
        folder::open(root.ok_or("there are no folders here")?, id)
    }

    /// Whom it may call by HTTP in this call.
    fn hosts(&self, request: &Request) -> Result<Vec<HostRule>, String> {
        let granted = &self.manifest.permissions.http;
        if granted.is_empty() {
            return Err(
                "it is not granted: list hosts under permissions.http in plugin.yaml".into(),
            );
        }
        let none = BTreeMap::new();
        let options = options(request).unwrap_or(&none);
        let rules = granted.iter();
        Ok(rules
            .filter_map(|entry| HostRule::of(entry, options))
            .collect())
    }

    /// Puts the reserved port into the reply; the plugin may repeat it, but not make one up.
    pub(crate) fn settle(&self, reply: Reply) -> Result<Reply, Fault> {
        let Reply::Provision(mut provision) = reply else {
            return Ok(reply);
        };
        if provision.port.is_some() && provision.port != self.reserved.get() {
            let what = "port must be the one that slugline.port answered";
            return Err(Fault::Said(what.to_owned()));
        }
        provision.port = self.reserved.get();
        Ok(Reply::Provision(provision))
    }
}

fn options(request: &Request) -> Option<&BTreeMap<String, String>> {
    let addon = match request {
        Request::Provision(it) => return Some(&it.options),
        Request::ChangePlan(it) => return Some(&it.options),
        Request::Deprovision(it) => return Some(&it.options),
        Request::ReleaseCreated(it) => it.addon.as_ref(),
        Request::ReleaseFailed(it) => it.addon.as_ref(),
        Request::AddonChanged(it) => it.addon.as_ref(),
        Request::ReleaseWatch(it) => it.addon.as_ref(),
        _ => None,
    };
    addon.map(|addon| &addon.options)
}
