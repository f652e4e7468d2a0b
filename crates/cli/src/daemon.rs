//! `slugline serve`: what the daemon of the runtime is given to know, the releases that are current,
//! read from the ledger.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use slugline_core::app::{App, AppName};
use slugline_core::corridor::launch::{is_idle, launch_spec};
use slugline_core::port::{Access as _, Builds as _, Clock, Ledger, LedgerError, Seen};
use slugline_core::release::Version;
use slugline_isolation::{Users, Wanted};
use slugline_ledger::SqliteLedger;
use slugline_runtime::{
    AppSpec, Desired, Limits, Opinion, Phases, ServeError, ServeOptions, Watched,
};
use slugline_server::certificate::InUse;
use slugline_server::{Door, Open};

use crate::api::Api;
use crate::certificate::{Given, Renewal, certificate};
use crate::clock::MachineClock;
use crate::commands::doctor::less;
use crate::context::Context;
use crate::env::{ApiAddress, Env};
use crate::error::CommandError;
use crate::judge::judge;
use crate::opinion::opinion;
use crate::supervisor::{app_spec, trees};
use crate::ui::Ui;
use crate::upkeep::Upkeep;
use crate::webhooks::Postman;

/// Where the router is to listen.
pub struct Doors {
    /// Its address.
    pub bind: IpAddr,
    /// Its port.
    pub port: u16,
    /// Its port for TLS, if there is to be one.
    pub tls_port: Option<u16>,
    /// The address of the HTTP API.
    pub api: ApiAddress,
    /// The operator's certificate for it.
    pub api_certificate: Option<Given>,
}

/// Runs the daemon of this home until it is told to end.
///
/// # Errors
/// Where another runs already, the port is taken, or the home cannot be used.
pub fn serve(
    context: &Context,
    doors: &Doors,
    metrics: Option<SocketAddr>,
    isolation: Wanted,
) -> Result<(), CommandError> {
    context.ledger()?;
    let home = context.home.clone();
    let desired = Arc::new(Current {
        home: home.clone(),
        env: context.env.clone(),
        ui: context.ui,
    });
    let api_url = Arc::new(OnceLock::new());
    let phases = Arc::<Phases>::default();
    let options = ServeOptions {
        home,
        bind: doors.bind,
        port: doors.port,
        tls_port: doors.tls_port,
        metrics,
        api: Arc::clone(&api_url),
        phases: Arc::clone(&phases),
        isolation,
        desired,
        limits: Limits::default(),
    };
    let upkeep = Upkeep::new(context);
    let (api, api_url) = (RefCell::new(None), Arc::clone(&api_url));
    let postman = RefCell::new(None);
    let ready = |ready: &slugline_runtime::Ready| {
        context.ui.status(format_args!(
            "Serving apps at http://APP.localhost:{}",
            ready.port
        ));
        if let Some(port) = ready.tls_port {
            context
                .ui
                .status(format_args!("With TLS: https://HOST:{port}"));
        }
        if let Some(pid) = ready.crashed {
            context.ui.status(format_args!(
                "The daemon before (process {pid}) ended without stopping, and all processes with it: \
                 what is current is started again."
            ));
        }
        let mut renewal = None;
        if let Some((open, url, renewed)) = doors
            .api
            .0
            .and_then(|address| open_api(context, doors, (address, phases)))
        {
            let _ = api_url.set(url);
            api.replace(Some(open));
            renewal = Some(renewed);
        }
        if let Some(words) = less(&ready.shut) {
            context.ui.status(words);
        }
        upkeep.begin(renewal);
        postman.replace(Some(Postman::begin(context)));
    };
    slugline_runtime::serve(options, ready).map_err(|error| match error {
        ServeError::PortInUse(taken) if taken == doors.port => CommandError::because(&error)
            .hint("Choose another: slugline serve --port N, or SLUGLINE_PORT=N"),
        other => CommandError::because(&other),
    })
}

/// Opens the port of the HTTP API. Apps are served also where that cannot be.
fn open_api(
    context: &Context,
    doors: &Doors,
    (address, phases): (SocketAddr, Arc<Phases>),
) -> Option<(Open, String, Renewal)> {
    let opened = certificate(context, doors.api_certificate.as_ref()).and_then(|certificate| {
        let public = !address.ip().is_loopback();
        if public && context.ledger()?.tokens()?.is_empty() {
            let text = format!("The API does not listen at {address}: nobody has a token yet");
            return Err(CommandError::failed(text).hint("Make one: slugline tokens:create"));
        }
        let cannot = |error: std::io::Error| {
            CommandError::failed(format!("The API cannot listen at {address}: {error}"))
                .hint("Choose another place: slugline serve --api PORT, or SLUGLINE_API=off")
        };
        let listener = TcpListener::bind(address).map_err(cannot)?;
        // Whoever made those that are pending is gone.
        let now = MachineClock::new(&context.env)?.now();
        context.ledger()?.fail_builds(now)?;
        let scheme = if public { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().map_err(cannot)?);
        let in_use = InUse::new(certificate);
        let door = Door {
            listener,
            backend: Arc::new(Api::new(context, url.clone(), phases)),
            certificate: Some(in_use.clone()),
        };
        let open = slugline_server::open(door).map_err(cannot)?;
        let given = doors.api_certificate.clone();
        Ok((open, url, Renewal::new(context, in_use, given)))
    });
    match opened {
        Ok((open, url, renewal)) => {
            context.ui.status(format_args!("The API is at {url}"));
            Some((open, url, renewal))
        }
        Err(error) => {
            context.ui.warning(error.text);
            None
        }
    }
}

/// The ledger, as the daemon asks it. It is opened anew for each question: the daemon asks rarely,
/// from whatever thread.
struct Current {
    home: std::path::PathBuf,
    env: Env,
    ui: Ui,
}

impl Current {
    fn spec(&self, ledger: &SqliteLedger, app: &AppName) -> Result<Option<AppSpec>, String> {
        let said = |error: LedgerError| error.to_string();
        let outline = match ledger.outline(app) {
            Err(LedgerError::NoApp(_)) => return Ok(None),
            other => other.map_err(said)?,
        };
        let resources = ledger.resources(app).map_err(said)?;
        // Of an app that does not run no config var is opened: there may be very many such apps.
        if is_idle(&outline, &resources) {
            return Ok(None);
        }
        let moment = match ledger.moment(app) {
            Err(LedgerError::NoApp(_)) => return Ok(None),
            other => other.map_err(said)?,
        };
        let Some(current) = &moment.current else {
            return Ok(None);
        };
        let settings = ledger.settings(app).map_err(said)?;
        let launch = launch_spec(app, current.version, &moment.state, &resources, settings);
        if launch.is_empty() {
            return Ok(None);
        }
        let spec = app_spec(&self.home, &self.env, &launch);
        let mut spec = spec.map_err(|error| format!("{app}: {error}"))?;
        let now = MachineClock::new(&self.env)
            .map_err(|error| error.text)?
            .now();
        let age = now.seconds_since(current.created_at);
        spec.watch = age < spec.settings.watch_seconds.into();
        Ok(Some(spec))
    }

    /// Takes back the users of apps that are gone, should whoever destroyed one have been stopped in
    /// the middle of it.
    fn forget_users(&self, apps: &[App]) {
        let users = Users::new(&self.home);
        let known = users.all().unwrap_or_default().into_iter();
        let gone = known.filter(|(name, _)| apps.iter().all(|app| app.name.as_str() != name));
        for (name, _) in gone {
            if let Err(error) = users.forget(&name) {
                self.ui.warning(CommandError::because(&error).text);
            }
        }
    }

    fn ledger(&self) -> Result<SqliteLedger, String> {
        SqliteLedger::open_with(&self.home, self.env.key()).map_err(|error| error.to_string())
    }
}

impl Desired for Current {
    fn current(&self, app: &AppName) -> Result<Option<AppSpec>, String> {
        self.spec(&self.ledger()?, app)
    }

    fn all(&self) -> Result<Vec<AppSpec>, String> {
        // No process of an earlier daemon lives on, so no unpacked slug is in use.
        match std::fs::remove_dir_all(trees(&self.home)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(format!("old trees cannot be removed: {error}"));
            }
            _ => {}
        }
        let ledger = self.ledger()?;
        let apps = ledger.apps().map_err(|error| error.to_string())?;
        self.forget_users(&apps);
        let mut all = Vec::new();
        for app in apps {
            match self.spec(&ledger, &app.name) {
                Ok(spec) => all.extend(spec),
                // One app whose slug is damaged does not keep the others from running.
                Err(why) => self.ui.warning(format_args!("{why}\nIt does not run.")),
            }
        }
        Ok(all)
    }

    fn opinion(&self, app: &AppName, version: Version, seen: &Seen) -> Opinion {
        opinion(self.ui, &self.env, app, version, seen)
    }

    fn watched(&self, app: &AppName, seen: &Watched) -> Vec<String> {
        judge(self.ui, &self.env, app, seen)
    }

    fn retired(&self, _app: &AppName, _version: Version, dir: &Path) {
        // A tree that cannot be removed now goes when the daemon is started again.
        let _ = std::fs::remove_dir_all(dir);
    }
}
