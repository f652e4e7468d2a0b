//! A daemon of its own for each test, on a thread, with real processes and small limits.

#![expect(dead_code, reason = "each test file uses its part of this")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use slugline_core::app::AppName;
use slugline_core::port::Seen;
use slugline_core::release::Version;
use slugline_core::resource::ResourceId;
use slugline_isolation::Wanted;
use slugline_runtime::{
    AppSpec, AppStatus, Control, Desired, Limits, Opinion, ProcessState, ProcessStatus, ServeError,
    ServeOptions, ServerSpec, Watched, serve,
};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A python that starts at once, and not by way of a version manager.
pub(crate) static PYTHON: LazyLock<String> = LazyLock::new(|| {
    let asked = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output();
    String::from_utf8(asked.expect("the tests need python3").stdout)
        .unwrap()
        .trim()
        .to_owned()
});

/// What is thought of a release, from what was seen of it.
pub(crate) type Think = Box<dyn Fn(&Seen) -> Opinion + Send>;

/// What is current, as a test says.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) current: Mutex<BTreeMap<AppName, AppSpec>>,
    pub(crate) retired: Mutex<Vec<(Version, PathBuf)>>,
    pub(crate) asked: Mutex<u32>,
    pub(crate) watched: Mutex<Vec<Watched>>,
    pub(crate) thinks: Mutex<Option<Think>>,
}

impl Desired for Ledger {
    fn current(&self, app: &AppName) -> Result<Option<AppSpec>, String> {
        *self.asked.lock().unwrap() += 1;
        Ok(self.current.lock().unwrap().get(app).cloned())
    }

    fn all(&self) -> Result<Vec<AppSpec>, String> {
        Ok(self.current.lock().unwrap().values().cloned().collect())
    }

    fn opinion(&self, _app: &AppName, _version: Version, seen: &Seen) -> Opinion {
        let thinks = self.thinks.lock().unwrap_or_else(PoisonError::into_inner);
        thinks
            .as_ref()
            .map(|thinks| thinks(seen))
            .unwrap_or_default()
    }

    fn watched(&self, _app: &AppName, seen: &Watched) -> Vec<String> {
        self.watched.lock().unwrap().push(seen.clone());
        vec![format!("{} was watched", seen.version)]
    }

    fn retired(&self, _app: &AppName, version: Version, dir: &Path) {
        self.retired.lock().unwrap().push((version, dir.to_owned()));
    }
}

pub(crate) struct Daemon {
    pub(crate) home: tempfile::TempDir,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

pub(crate) fn limits() -> Limits {
    Limits {
        backoff_first: Duration::from_millis(50),
        backoff_most: Duration::from_millis(200),
        ..Limits::default()
    }
}

impl Daemon {
    pub(crate) fn start() -> Self {
        Self::with(limits(), &[])
    }

    pub(crate) fn with(limits: Limits, current: &[AppSpec]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let ledger = Arc::new(Ledger::default());
        let specs = current.iter().map(|spec| (spec.app.clone(), spec.clone()));
        ledger.current.lock().unwrap().extend(specs);
        let options = ServeOptions {
            api: std::sync::Arc::default(),
            phases: Arc::default(),
            metrics: None,
            home: home.path().to_owned(),
            bind: [127, 0, 0, 1].into(),
            port: 0,
            tls_port: Some(0),
            isolation: Wanted::Off,
            desired: Arc::clone(&ledger) as Arc<dyn Desired>,
            limits,
        };
        let (tell, told) = mpsc::channel();
        let thread =
            std::thread::spawn(move || serve(options, |ready| tell.send(ready.clone()).unwrap()));
        let ready = told.recv_timeout(PATIENCE).expect("the daemon is ready");
        Self {
            home,
            ledger,
            port: ready.port,
            tls_port: ready.tls_port.unwrap(),
            thread: Some(thread),
        }
    }

    pub(crate) fn control(&self) -> Control {
        Control::connect(self.home.path())
            .unwrap()
            .expect("a daemon runs")
    }

    /// Launches and switches.
    pub(crate) fn release(&self, spec: &AppSpec) {
        self.control().launch(spec).unwrap().switch().unwrap();
    }

    pub(crate) fn get(&self, app: &AppName, path: &str) -> Answer {
        get(self.port, &format!("{app}.localhost:{}", self.port), path)
    }

    pub(crate) fn status(&self, app: &AppName) -> AppStatus {
        let apps = self.control().status().unwrap().apps;
        apps.into_iter()
            .find(|status| status.app == *app)
            .expect("the app is known")
    }

    /// Waits until a process is as it should be.
    pub(crate) fn wait(
        &self,
        app: &AppName,
        name: &str,
        is: impl Fn(&ProcessStatus) -> bool,
    ) -> ProcessStatus {
        eventually(name, || {
            let status = self.status(app);
            status
                .processes
                .into_iter()
                .find(|it| it.name == name)
                .filter(&is)
        })
    }

    pub(crate) fn log(&self, app: &AppName) -> Vec<String> {
        slugline_runtime::tail(&self.home.path().join("logs"), app, 1000).unwrap()
    }

    /// Waits until the log has a line with this text.
    pub(crate) fn wait_for_log(&self, app: &AppName, text: &str) {
        eventually(text, || {
            self.log(app)
                .iter()
                .any(|line| line.contains(text))
                .then_some(())
        });
    }

    pub(crate) fn shut_down(mut self) {
        self.control().shutdown().unwrap();
        assert!(Control::connect(self.home.path()).unwrap().is_none());
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let (Some(thread), Ok(Some(control))) =
            (self.thread.take(), Control::connect(self.home.path()))
        {
            let _ = control.shutdown();
            let _ = thread.join();
        }
    }
}

/// Asks until there is an answer. It fails after [`PATIENCE`].
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "this never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn get(port: u16, host: &str, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    exchange(port, request.as_bytes())
}

/// Sends a request, and reads until the connection is closed.
pub(crate) fn exchange(port: u16, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0);
    Answer {
        status,
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

pub(crate) fn app(name: &str) -> AppName {
    AppName::new(name).unwrap()
}

/// A folder with the test app in it.
pub(crate) fn slug() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.py"), include_str!("app.py")).unwrap();
    dir
}

/// A release with no processes yet.
pub(crate) fn release(name: &str, version: u64, dir: &Path) -> AppSpec {
    let mut spec = AppSpec::new(app(name), Version::new(version));
    spec.dir = Some(dir.to_owned());
    spec
}

/// A release whose `web` is the test app.
pub(crate) fn web(name: &str, version: u64, dir: &Path) -> AppSpec {
    with_process(
        release(name, version, dir),
        "web",
        &format!("{} app.py", *PYTHON),
    )
}

pub(crate) fn with_process(mut spec: AppSpec, kind: &str, command: &str) -> AppSpec {
    spec.processes.insert(kind.to_owned(), command.to_owned());
    spec
}

/// A server that listens at `port`, and is another one when `flavour` is.
pub(crate) fn server(digit: char, port: u16, flavour: &str) -> ServerSpec {
    let code = "import socket,sys,time\ns=socket.create_server(('127.0.0.1',int(sys.argv[1])))\n\
                print('serving',sys.argv[2],flush=True)\nwhile True: s.accept()";
    ServerSpec {
        resource: ResourceId::new(&digit.to_string().repeat(32)).unwrap(),
        name: "memcache".into(),
        command: vec![
            PYTHON.clone(),
            "-c".into(),
            code.into(),
            port.to_string(),
            flavour.into(),
        ],
        port: Some(port),
    }
}

/// A port that nobody uses, outside the range that the daemon gives to web processes.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

pub(crate) fn is_up(status: &ProcessStatus) -> bool {
    status.state == ProcessState::Up
}

/// Whether a process is there and runs.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
