//! The environment, read once at the start; and the folder that holds everything. Nothing else in
//! the program reads a variable.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use slugline_isolation::Wanted;
use slugline_ledger::KeySource;

use crate::error::CommandError;

/// What no build and no process of an app gets to see.
const SECRETS: [&str; 6] = [
    "SLUGLINE_TOKEN",
    KEY,
    KEY_COMMAND,
    NEW_KEY,
    "SLUGLINE_SMTP_URL",
    "SLUGLINE_SMTP_FROM",
];

const KEY: &str = "SLUGLINE_KEY";
const KEY_COMMAND: &str = "SLUGLINE_KEY_COMMAND";
const NEW_KEY: &str = "SLUGLINE_NEW_KEY";

/// Where a push comes from that came over HTTP: what its hook is told, for the audit.
pub const ORIGIN: &str = "SLUGLINE_ORIGIN";

/// Variables that whoever pushes over HTTP does not take over from the daemon.
const OWN: [&str; 8] = [
    "SLUGLINE_HOST",
    "SLUGLINE_TOKEN",
    "SLUGLINE_CA",
    "SLUGLINE_APP",
    "SLUGLINE_ACTOR",
    "SLUGLINE_HOME",
    NEW_KEY,
    "BROWSER",
];

/// The variables that a person may set, each with what it is for. Help and the reference list them.
pub const VARIABLES: [(&str, &str); 28] = [
    (
        "SLUGLINE_HOME",
        "The folder that holds everything; else slugline in XDG_DATA_HOME, or in ~/.local/share",
    ),
    (
        "SLUGLINE_HOST",
        "The server whose apps are meant, such as https://paas.example.com:8081; this machine where nothing is said",
    ),
    (
        "SLUGLINE_TOKEN",
        "The token for it; else the one that `slugline login` has put into ~/.netrc",
    ),
    (
        "SLUGLINE_CA",
        "A file with certificates that are trusted besides the system's, in PEM, for it",
    ),
    ("SLUGLINE_APP", "The app, where no --app names one"),
    ("SLUGLINE_ACTOR", "Who acts, where no --as says so"),
    (
        "SLUGLINE_PORT",
        "The router's port, 8080 where nothing is said; 0 picks a free one",
    ),
    (
        "SLUGLINE_METRICS",
        "Where the daemon shows figures at /metrics, such as 127.0.0.1:9394; nowhere where nothing is said",
    ),
    (
        "SLUGLINE_TLS_PORT",
        "The router's port for TLS; there is none where nothing is said",
    ),
    (
        "SLUGLINE_BIND",
        "The address that the router listens at, 127.0.0.1 where nothing is said",
    ),
    (
        "SLUGLINE_API",
        "The address and port of the HTTP API, 127.0.0.1:8081 where nothing is said; `off` for none",
    ),
    (
        "SLUGLINE_WEBHOOKS",
        "Where webhooks may post to: public (addresses of the public network alone, where nothing is said) or any",
    ),
    (
        "SLUGLINE_SOURCES",
        "Where builds of the API may fetch source from: public (addresses of the public network alone, where nothing is said) or any",
    ),
    (
        "SLUGLINE_ISOLATION",
        "How much the daemon shuts processes in: auto (as much as can be, where nothing is said), required or off",
    ),
    (
        "SLUGLINE_BOOT_TIMEOUT",
        "The seconds that a new web process has to open its port, 60 where nothing is said",
    ),
    (
        "SLUGLINE_RELEASE_TIMEOUT",
        "The seconds that a release command may take, 3600 where nothing is said",
    ),
    (
        "SLUGLINE_SMTP_URL",
        "The mail server for plugins: smtp://HOST, smtp+starttls://USER:PASSWORD@HOST or smtps://…",
    ),
    ("SLUGLINE_SMTP_FROM", "The sender of their mails"),
    (
        "SLUGLINE_NOW",
        "The time that is taken for now, such as 2026-11-23T11:00:00Z; for tests",
    ),
    (
        KEY,
        "The ledger's key, 64 hexadecimal digits, where it is not kept in the home",
    ),
    (
        KEY_COMMAND,
        "A command that prints the ledger's key, as sh -c runs it",
    ),
    (NEW_KEY, "The key that keys:rotate puts in its place"),
    (
        "XDG_DATA_HOME",
        "Where programs keep data; see SLUGLINE_HOME",
    ),
    (
        "XDG_CONFIG_HOME",
        "Where programs keep what is set; else ~/.config: serve:install writes units there",
    ),
    ("NO_COLOR", "Anything: no colours"),
    ("TZ", "The time zone of the times that are shown"),
    (
        "BROWSER",
        "What `open` runs, xdg-open where nothing is said",
    ),
    (
        "PATH",
        "Where git, and the programs of add-ons and buildpacks, are looked for",
    ),
];

/// Variables that are read only to find what a person has not set.
#[cfg(debug_assertions)]
const GIVEN: [&str; 8] = [
    ORIGIN,
    "HOME",
    "USER",
    "LOGNAME",
    "PORT",
    "HOSTNAME",
    "SSH_CONNECTION",
    "TERM",
];

/// The variables that this process was given.
#[derive(Clone)]
pub struct Env(BTreeMap<OsString, OsString>);

impl Env {
    /// This process's own.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// A variable's text; an empty one counts as not set.
    pub fn get(&self, name: &str) -> Option<String> {
        #[cfg(debug_assertions)]
        assert!(
            GIVEN.contains(&name) || VARIABLES.iter().any(|(known, _)| *known == name),
            "{name} is not among the variables that help lists"
        );
        let value = self.0.get(std::ffi::OsStr::new(name))?;
        value
            .to_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }

    /// All variables that are text, but for those that nobody else is to see.
    pub fn all(&self) -> BTreeMap<String, String> {
        let text = |(name, value): (&OsString, &OsString)| {
            let name = name.to_str().filter(|name| !SECRETS.contains(name))?;
            Some((name.to_owned(), value.to_str()?.to_owned()))
        };
        self.0.iter().filter_map(text).collect()
    }

    /// What the hook of a push needs of it: our own settings, and what builds see.
    pub fn of_hook(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        let ours = |name: &str| VARIABLES.iter().any(|(known, _)| *known == name);
        self.0.iter().filter(move |(name, _)| {
            let needed = |name: &str| {
                !OWN.contains(&name) && (ours(name) || slugline_slug::is_for_builds(name))
            };
            name.to_str().is_some_and(needed)
        })
    }

    /// Where the ledger's key is.
    pub fn key(&self) -> KeySource {
        let command = || self.get(KEY_COMMAND).map(KeySource::Command);
        let given = self.get(KEY).map(KeySource::Given);
        given.or_else(command).unwrap_or_default()
    }

    /// The key that is to replace it, if there is one.
    pub fn new_key(&self) -> Option<KeySource> {
        self.get(NEW_KEY).map(KeySource::Given)
    }

    /// Refuses our own variables where they are no text: not to heed one would be to work in the
    /// wrong home, or on the wrong app.
    pub fn check(&self) -> Result<(), CommandError> {
        let ours = |name: &OsString| name.to_string_lossy().starts_with("SLUGLINE_");

        let broken =
            |(name, value): &(&OsString, &OsString)| ours(name) && value.to_str().is_none();
        match self.0.iter().find(broken) {
            Some((name, _)) => Err(CommandError::usage(format!(
                "{} is not UTF-8.",
                name.to_string_lossy()
            ))),
            None => Ok(()),
        }
    }

    /// `XDG_CONFIG_HOME`, or `.config` at home.
    pub fn config_home(&self) -> Option<PathBuf> {
        let default = || self.get("HOME").map(|home| format!("{home}/.config"));
        let found = self.get("XDG_CONFIG_HOME").or_else(default)?;
        std::path::absolute(found).ok()
    }

    /// `SLUGLINE_HOME`, or the XDG data folder's `slugline`.
    pub fn home(&self) -> Result<PathBuf, CommandError> {
        let absolute = |path: String| std::path::absolute(path).ok();
        let xdg = || {
            self.get("XDG_DATA_HOME")
                .map(|data| format!("{data}/slugline"))
        };
        let default = || {
            self.get("HOME")
                .map(|home| format!("{home}/.local/share/slugline"))
        };
        let found = self.get("SLUGLINE_HOME").or_else(xdg).or_else(default);
        found.and_then(absolute).ok_or_else(|| {
            CommandError::usage("There is nowhere to keep things: set SLUGLINE_HOME to a folder.")
        })
    }

    /// `SLUGLINE_METRICS`.
    pub fn metrics(&self) -> Result<Option<SocketAddr>, CommandError> {
        let Some(text) = self.get("SLUGLINE_METRICS") else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            CommandError::usage(format!(
                "SLUGLINE_METRICS={text} is no address with a port, such as 127.0.0.1:9394"
            ))
        })
    }

    /// `SLUGLINE_API`.
    pub fn api(&self) -> Result<ApiAddress, CommandError> {
        let said = self.get("SLUGLINE_API");
        said.map_or_else(|| Ok(ApiAddress::default()), |text| text.parse())
    }

    /// The port of the router: `SLUGLINE_PORT`, or 8080; 0 picks a free one.
    pub fn port(&self) -> Result<u16, CommandError> {
        Ok(self.port_in("SLUGLINE_PORT")?.unwrap_or(8080))
    }

    /// The port of the router for TLS: `SLUGLINE_TLS_PORT`; none where nothing is said.
    pub fn tls_port(&self) -> Result<Option<u16>, CommandError> {
        self.port_in("SLUGLINE_TLS_PORT")
    }

    /// The address of the router: `SLUGLINE_BIND`, or 127.0.0.1.
    pub fn bind(&self) -> Result<IpAddr, CommandError> {
        let Some(text) = self.get("SLUGLINE_BIND") else {
            return Ok(Ipv4Addr::LOCALHOST.into());
        };
        text.parse().map_err(|_| {
            CommandError::usage(format!(
                "SLUGLINE_BIND={text} is not an address such as 0.0.0.0 or ::1"
            ))
        })
    }

    /// How much processes are to be shut in: `SLUGLINE_ISOLATION`, or as much as can be.
    pub fn isolation(&self) -> Result<Wanted, CommandError> {
        let Some(text) = self.get("SLUGLINE_ISOLATION") else {
            return Ok(Wanted::Auto);
        };
        text.parse().map_err(|why| {
            CommandError::usage(format!(
                "SLUGLINE_ISOLATION={text} is not understood: {why}"
            ))
        })
    }

    fn port_in(&self, name: &str) -> Result<Option<u16>, CommandError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            CommandError::usage(format!("{name}={text} is not a port: use 0 to 65535"))
        })
    }
}

/// Where the API is to listen; nowhere where it is `None`.
#[derive(Clone, Copy, Debug)]
pub struct ApiAddress(pub Option<SocketAddr>);

impl Default for ApiAddress {
    fn default() -> Self {
        Self(Some((Ipv4Addr::LOCALHOST, 8081).into()))
    }
}

impl std::str::FromStr for ApiAddress {
    type Err = CommandError;

    fn from_str(text: &str) -> Result<Self, CommandError> {
        if text == "off" {
            return Ok(Self(None));
        }
        let port = text
            .parse()
            .map(|port: u16| (Ipv4Addr::LOCALHOST, port).into());
        let address = text.parse().or(port).map_err(|_| {
            CommandError::usage(format!(
                "{text:?} is no place for the API: use a port, 127.0.0.1:8081, or off"
            ))
        })?;
        Ok(Self(Some(address)))
    }
}
