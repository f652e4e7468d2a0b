//! The daemon: takes the lock, opens router and control socket, runs what is desired, and ends it
//! all when it is told to. It must not know what a command line is, nor print.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use slugline_isolation::{Isolation, IsolationError, Wanted};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::certificates::Certificates;
use crate::command::Machine;
use crate::control::protocol::ShutIn;
use crate::control::server::{self, Server};
use crate::desired::Desired;
use crate::home::Home;
use crate::launch::{Context, now};
use crate::leftovers;
use crate::limits::Limits;
use crate::logs::Logs;
use crate::oneoff::OneOffs;
use crate::quota::Gauge;
use crate::router::routes::Routes;
use crate::router::{Door, Router};
use crate::scrape::{self, Page};
use crate::service;
use crate::spec::AppSpec;
use crate::supervisor::{Asking, Event, Supervisor};
use crate::written::Phases;

/// What a daemon is started with.
pub struct ServeOptions {
    /// Slugline's home; it must exist.
    pub home: PathBuf,
    /// The address that the router listens at: 127.0.0.1, but where others are to reach it.
    pub bind: IpAddr,
    /// The router's port there; 0 takes a free one. A socket that the service manager has opened is used
    /// instead.
    pub port: u16,
    /// The port for TLS, if there is to be one; 0 takes a free one.
    pub tls_port: Option<u16>,
    /// Where figures can be read over HTTP, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// The address of the HTTP API, once there is one: told to who asks for the status.
    pub api: Arc<OnceLock<String>>,
    /// What release phases write while they run, for whoever reads along.
    pub phases: Arc<Phases>,
    /// Knows what is to run.
    pub desired: Arc<dyn Desired>,
    /// How much processes are to be shut in.
    pub isolation: Wanted,
    /// [`Limits::default`], but in tests.
    pub limits: Limits,
}

/// What a daemon says once it can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The router's port.
    pub port: u16,
    /// Its port for TLS.
    pub tls_port: Option<u16>,
    /// The process id of the daemon before, where that ended without stopping.
    pub crashed: Option<u32>,
    /// How processes are shut in.
    pub shut: ShutIn,
}

/// Why a daemon does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The home has one already.
    #[error("a daemon runs for {} already{}", home.display(), pid_text(*pid))]
    AlreadyRunning {
        /// The home.
        home: PathBuf,
        /// Its process id, if it has told it yet.
        pid: Option<u32>,
    },
    /// Something else listens at the router's port.
    #[error("port {0} is in use by another program")]
    PortInUse(u16),
    /// Processes cannot be shut in as is required, or not be prepared at all.
    #[error(transparent)]
    Isolation(#[from] IsolationError),
    /// It cannot be told what is to run.
    #[error("cannot tell what is to run: {0}")]
    Desired(String),
    /// A file, socket or port in the home cannot be used.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

fn pid_text(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})"))
        .unwrap_or_default()
}

fn cannot(what: &'static str) -> impl FnOnce(std::io::Error) -> ServeError {
    move |source| ServeError::Io { what, source }
}

/// Runs the daemon until it is asked to end, by SIGTERM, SIGINT, SIGHUP or a client; then ends
/// every process and returns. `ready` is called once, when requests and commands are served; what
/// is to run has been started by then, but need not be healthy.
///
/// Its processes die with the calling thread, however that ends.
///
/// # Errors
/// [`ServeError`]; nothing runs then.
pub fn serve(options: ServeOptions, ready: impl FnOnce(&Ready)) -> Result<(), ServeError> {
    let home = Home::new(&options.home);
    let (lock, crashed) = take_lock(&home)?;
    if crashed.is_some() {
        // What the one before was tied to has ended with it; what that had started has not.
        leftovers::kill_all(home.path());
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let isolation = Isolation::find(home.path(), options.isolation, &path)?;
    let isolation = Arc::new(isolation);
    let logs = home.logs();
    std::fs::create_dir_all(&logs).map_err(cannot("make the folder of logs"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(cannot("start the daemon's event loop"))?;
    let result = runtime.block_on(run(&home, options, &isolation, crashed, ready));
    leftovers::kill_all(home.path());
    isolation.close();
    if result.is_ok() {
        // What stopped is no crash. Should this fail, the next one says that it was, and no more.
        let _ = lock.set_len(0);
    }
    // A client that waits for the end sees its connection close with the runtime: another daemon
    // must be possible by then.
    drop(lock);
    runtime.shutdown_timeout(Duration::from_secs(10));
    result
}

fn open_logs(home: &Home, limits: &Limits) -> Result<Arc<Logs>, ServeError> {
    let logs = Logs::new(home.logs(), limits);
    Ok(Arc::new(
        logs.map_err(cannot("start the thread that writes logs"))?,
    ))
}

fn context(
    home: &Home,
    logs: Arc<Logs>,
    limits: Limits,
    isolation: &Arc<Isolation>,
    (desired, events, phases): (Arc<dyn Desired>, mpsc::UnboundedSender<Event>, Arc<Phases>),
) -> Arc<Context> {
    let memory_every = limits.memory_every;
    Arc::new(Context {
        machine: Machine::new(|key| std::env::var(key).ok()).of_home(home.path()),
        routes: Arc::new(Routes::new(Arc::clone(&logs))),
        logs,
        limits: Arc::new(limits),
        desired,
        events,
        reserved: Mutex::default(),
        units: AtomicU64::new(0),
        one_offs: OneOffs::default(),
        gauge: Arc::new(Gauge::new(memory_every)),
        isolation: Arc::clone(isolation),
        phases,
    })
}

async fn run(
    home: &Home,
    options: ServeOptions,
    isolation: &Arc<Isolation>,
    crashed: Option<u32>,
    ready: impl FnOnce(&Ready),
) -> Result<(), ServeError> {
    let mut signals = Signals::new().map_err(cannot("listen to signals"))?;
    let ServeOptions {
        bind,
        port,
        tls_port,
        metrics,
        api,
        phases,
        desired,
        limits,
        ..
    } = options;
    let doors = listen(home, bind, port, tls_port).await?;
    let port = doors[0].port;
    let tls_port = doors.get(1).map(|door| door.port);
    let figures = match metrics {
        Some(address) => Some(bound(address).await?),
        None => None,
    };
    let wanted = all(&desired).await?;
    let logs = open_logs(home, &limits)?;
    let (events, receiver) = mpsc::unbounded_channel();
    let asking = Asking::new(events.clone());
    let cx = context(home, logs, limits, isolation, (desired, events, phases));
    let mut supervisor = tokio::spawn(Supervisor::new(Arc::clone(&cx), receiver).run());
    for spec in wanted {
        if let Some(pid) = crashed {
            cx.logs
                .app(&spec.app)
                .append("slugline", [after_crash(pid).as_str()]);
        }
        // It is `None` only when the supervisor has ended.
        let _ = asking.run(spec).await;
    }
    let control = open_control(home, &cx, &asking, (port, api))?;
    let figures = figures.map(|listener| show_figures(listener, &cx, &asking));
    let workers = Router::start(Arc::clone(&cx.routes), &cx.limits.router, cx.limits.hold);
    let workers = workers.map_err(cannot("start the router"))?;
    let serve = |door| tokio::spawn(Router::serve(Arc::clone(&workers), door));
    let doors: Vec<_> = doors.into_iter().map(serve).collect();
    ready(&Ready {
        port,
        tls_port,
        crashed,
        shut: ShutIn::of(isolation),
    });
    service::ready();
    let life = tokio::spawn(service::live(asking.clone()));
    tokio::select! {
        () = signals.any() => {}
        _ = &mut supervisor => {}
    }
    service::stopping();
    life.abort();
    // From here on nobody finds this daemon; those that are connected wait for its end.
    control.abort();
    for door in doors {
        door.abort();
        // Nobody has the workers then but we, who end them.
        let _ = door.await;
    }
    figures.inspect(|page| page.abort());
    let _ = std::fs::remove_file(home.socket());
    asking.end();
    cx.one_offs.end_all().await;
    if !supervisor.is_finished() {
        let _ = supervisor.await;
    }
    cx.logs.close().await;
    Ok(())
}

fn show_figures(listener: TcpListener, cx: &Context, asking: &Asking) -> JoinHandle<()> {
    let page = Page {
        asking: asking.clone(),
        routes: Arc::clone(&cx.routes),
        since: now(),
    };
    tokio::spawn(scrape::serve(listener, page))
}

/// The router's sockets: the one that is always there, and the one for TLS, if there is to be one, with
/// the certificates of the home.
async fn listen(
    home: &Home,
    bind: IpAddr,
    port: u16,
    tls_port: Option<u16>,
) -> Result<Vec<Door>, ServeError> {
    let cannot_open = "open the router's port";
    let passed = service::router_socket().map_err(cannot(cannot_open))?;
    let listener = match passed {
        Some(passed) => TcpListener::from_std(passed).map_err(cannot(cannot_open))?,
        None => bound((bind, port).into()).await?,
    };
    let mut doors = vec![door(listener, None)?];
    if let Some(port) = tls_port {
        let certificates = Arc::new(Certificates::new(home.path()));
        let config = certificates.config().map_err(std::io::Error::other);
        let config = config.map_err(cannot("offer TLS"))?;
        let tls = TlsAcceptor::from(Arc::new(config));
        doors.push(door(bound((bind, port).into()).await?, Some(tls))?);
    }
    Ok(doors)
}

async fn bound(address: SocketAddr) -> Result<TcpListener, ServeError> {
    match TcpListener::bind(address).await {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Err(ServeError::PortInUse(address.port()))
        }
        bound => bound.map_err(cannot("open a port")),
    }
}

fn door(listener: TcpListener, tls: Option<TlsAcceptor>) -> Result<Door, ServeError> {
    let bound = listener
        .local_addr()
        .map_err(cannot("open the router's port"))?;
    let port = bound.port();
    Ok(Door {
        listener,
        port,
        tls,
    })
}

/// Processes are tied to the daemon, so that none outlives its release: hence nothing is left to take
/// over.
fn after_crash(pid: u32) -> String {
    format!(
        "The daemon before (process {pid}) ended without stopping, and all processes with it. They are \
         started again."
    )
}

fn open_control(
    home: &Home,
    cx: &Arc<Context>,
    asking: &Asking,
    (port, api): (u16, Arc<OnceLock<String>>),
) -> Result<JoinHandle<()>, ServeError> {
    let listener = server::listen(home).map_err(cannot("open the control socket"))?;
    let server = Server {
        asking: asking.clone(),
        cx: Arc::clone(cx),
        logs: Arc::clone(&cx.logs),
        routes: Arc::clone(&cx.routes),
        pid: std::process::id(),
        port,
        api,
        since: now(),
    };
    Ok(tokio::spawn(server::serve(listener, Arc::new(server))))
}

async fn all(desired: &Arc<dyn Desired>) -> Result<Vec<AppSpec>, ServeError> {
    let desired = Arc::clone(desired);
    let answer = tokio::task::spawn_blocking(move || desired.all()).await;
    let answer = answer.unwrap_or_else(|_| Err("the one who knows broke".to_owned()));
    answer.map_err(ServeError::Desired)
}

/// Takes the one lock of a home, and writes our process id into it. Answers also the process id of the
/// daemon before, where that has ended and not stopped: a crash, or the end of the machine.
fn take_lock(home: &Home) -> Result<(Flock<File>, Option<u32>), ServeError> {
    let file = open_lock(&home.lock()).map_err(cannot("open the daemon's lock"))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            let before = pid_in(&mut lock);
            let written = lock
                .set_len(0)
                .and_then(|()| lock.rewind())
                .and_then(|()| lock.write_all(pid_line().as_bytes()));
            written.map_err(cannot("write the daemon's lock"))?;
            Ok((lock, before))
        }
        Err((mut file, Errno::EWOULDBLOCK)) => Err(ServeError::AlreadyRunning {
            home: home.path().to_owned(),
            pid: pid_in(&mut file),
        }),
        Err((_, errno)) => Err(cannot("take the daemon's lock")(errno.into())),
    }
}

/// Only for messages: without it, they say less.
fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    read.ok().and_then(|_| text.trim().parse().ok())
}

fn pid_line() -> String {
    format!("{}\n", std::process::id())
}

/// Opens a file to be locked, which is never removed: whoever opened it before would lock another.
pub(crate) fn open_lock(path: &std::path::Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// The signals that end the daemon.
struct Signals([tokio::signal::unix::Signal; 3]);

impl Signals {
    fn new() -> std::io::Result<Self> {
        let [terminate, interrupt, hang_up] = [
            SignalKind::terminate(),
            SignalKind::interrupt(),
            SignalKind::hangup(),
        ];
        Ok(Self([
            signal(terminate)?,
            signal(interrupt)?,
            signal(hang_up)?,
        ]))
    }

    async fn any(&mut self) {
        let [terminate, interrupt, hang_up] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}
