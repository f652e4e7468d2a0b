//! The daemon's side of the control socket: reads requests, asks the supervisor, writes replies.
//! It must not know what the supervisor does with them.

use std::io::Result;
use std::os::unix::fs::PermissionsExt as _;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nix::sys::signal::Signal;
use slugline_core::time::Timestamp;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::protocol::{AppStatus, Hello, PROTOCOL, Refusal, Reply, Request, ShutIn, Status};
use super::socket::Address;
use crate::home::Home;
use crate::launch::Context;
use crate::logs::Logs;
use crate::oneoff::{self, OneOff, Streams, Told, descriptors};
use crate::router::routes::Routes;
use crate::spec::AppSpec;
use crate::supervisor::{Asking, Launching};
use crate::unit::Heard;

/// What every connection needs.
pub(crate) struct Server {
    pub(crate) asking: Asking,
    pub(crate) cx: Arc<Context>,
    pub(crate) logs: Arc<Logs>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) pid: u32,
    pub(crate) port: u16,
    pub(crate) api: Arc<OnceLock<String>>,
    pub(crate) since: Timestamp,
}

struct Connection {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

/// Makes the socket, for its owner only, in place of one that a dead daemon left.
pub(crate) fn listen(home: &Home) -> Result<UnixListener> {
    let fresh = home.socket().with_extension("sock.new");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(Address::of(&fresh)?.path())?;
    // Nobody finds it before it has its name, and its rights by then.
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&fresh, home.socket())?;
    Ok(listener)
}

/// Serves connections for ever.
pub(crate) async fn serve(listener: UnixListener, server: Arc<Server>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let server = Arc::clone(&server);
                // An error is a client that went away.
                tokio::spawn(async move { server.connection(stream).await });
            }
            // Out of descriptors, mostly: some will be free again.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

impl Server {
    async fn connection(&self, stream: UnixStream) -> Result<()> {
        let (reader, writer) = stream.into_split();
        let mut connection = Connection {
            lines: BufReader::new(reader).lines(),
            writer,
        };
        let hello = Hello {
            protocol: PROTOCOL,
            pid: self.pid,
            port: self.port,
        };
        connection.write(&hello).await?;
        while let Some(request) = connection.read().await? {
            let reply = match request {
                None => refused(Refusal::NotUnderstood),
                Some(Request::Launch { spec }) => self.launch(spec, &mut connection).await?,
                Some(Request::Shutdown) => {
                    self.asking.end();
                    // The end of the daemon closes the connection.
                    return std::future::pending().await;
                }
                Some(Request::OneOff { one_off }) => self.one_off(one_off, &mut connection).await?,
                Some(Request::Switch) => refused(Refusal::NoCandidate),
                Some(Request::Signal { .. }) => refused(Refusal::NotUnderstood),
                Some(Request::Status) => self.status().await,
                Some(Request::Metrics) => self.metrics().await,
                Some(Request::Run { spec }) => done(self.asking.run(spec).await),
                Some(Request::Stop { app }) => {
                    self.cx.one_offs.end(&app, None).await;
                    done(self.asking.stop(app).await)
                }
                Some(Request::StopSome { app, which }) => {
                    let one_offs = self.cx.one_offs.end(&app, Some(&which)).await;
                    let stopped = self.asking.stop_some(app, which).await;
                    counted(stopped.map(|count| count + one_offs))
                }
                Some(Request::RestartSome { app, which }) => {
                    counted(self.asking.restart_some(app, which).await)
                }
                Some(Request::Configure { app, settings }) => {
                    done(self.asking.configure(app, settings).await)
                }
            };
            // Whoever reads the log next finds in it what led to the answer.
            self.logs.settled().await;
            connection.write(&reply).await?;
        }
        Ok(())
    }

    /// Launches, and waits for what the client says to it. Whatever else happens to the connection
    /// drops the guard, which abandons the launch.
    async fn launch(&self, spec: AppSpec, connection: &mut Connection) -> Result<Reply> {
        let Launching {
            guard,
            mut heard,
            mut answer,
        } = self.asking.launch(spec);
        let answer = loop {
            tokio::select! {
                Some(heard) = heard.recv() => connection.tell(heard).await?,
                answer = &mut answer => break answer,
                // The client has nothing to say before the answer: it is gone, or confused.
                _ = connection.read() => return Ok(refused(Refusal::NotUnderstood)),
            }
        };
        while let Ok(heard) = heard.try_recv() {
            connection.tell(heard).await?;
        }
        match answer {
            Ok(Ok(())) => connection.write(&Reply::Done).await?,
            Ok(Err(why)) => {
                let (reason, log) = (why.reason, why.log);
                return Ok(match why.release_phase {
                    true => Reply::ReleaseFailed { reason, log },
                    false => Reply::Unhealthy { reason, log },
                });
            }
            Err(_) => return Ok(refused(Refusal::Ending)),
        }
        match connection.read().await? {
            Some(Some(Request::Switch)) => Ok(match guard.switch().await {
                Some(true) => Reply::Done,
                Some(false) => refused(Refusal::NoCandidate),
                None => refused(Refusal::Ending),
            }),
            _ => Ok(refused(Refusal::NotUnderstood)),
        }
    }

    async fn status(&self) -> Reply {
        match self.asking.status().await {
            Some(mut apps) => {
                self.add_one_offs(&mut apps);
                let held = self.cx.gauge.held();
                for process in apps.iter_mut().flat_map(|app| &mut app.processes) {
                    process.memory = process.pid.and_then(|pid| held.get(&pid).copied());
                }
                let (pid, since, port) = (self.pid, self.since, self.port);
                Reply::Status {
                    status: Status {
                        shut: Some(ShutIn::of(&self.cx.isolation)),
                        pid,
                        since,
                        port,
                        api: self.api.get().cloned(),
                        apps,
                    },
                }
            }
            None => refused(Refusal::Ending),
        }
    }

    async fn metrics(&self) -> Reply {
        match self.asking.status().await {
            Some(apps) => Reply::Metrics {
                text: self.routes.metrics().text(self.since, &apps),
            },
            None => refused(Refusal::Ending),
        }
    }

    fn add_one_offs(&self, apps: &mut Vec<AppStatus>) {
        for (app, process) in self.cx.one_offs.statuses() {
            let place = apps.binary_search_by(|status| status.app.cmp(&app));
            let place = place.unwrap_or_else(|place| {
                let processes = Vec::new();
                let version = None;
                apps.insert(
                    place,
                    AppStatus {
                        app,
                        version,
                        processes,
                    },
                );
                place
            });
            apps[place].processes.push(process);
        }
    }

    /// Runs a command once, with what the client hands over, until it has ended or the client is
    /// gone.
    async fn one_off(&self, one_off: OneOff, connection: &mut Connection) -> Result<Reply> {
        let attach = one_off.attach;
        let mut given = Vec::new();
        if attach.descriptors() > 0 {
            connection.write(&Reply::Done).await?;
            given = descriptors::receive(connection.lines.get_ref().get_ref().as_ref()).await?;
        }
        let Some(streams) = Streams::new(attach, given) else {
            return Ok(refused(Refusal::NotUnderstood));
        };
        let logged = matches!(streams, Streams::Log);
        let running = match oneoff::begin(&self.cx, one_off, streams).await {
            Ok(Some(running)) => running,
            Ok(None) => return Ok(refused(Refusal::Ending)),
            Err(error) => {
                return Ok(Reply::NotStarted {
                    why: error.to_string(),
                });
            }
        };
        let started = Reply::Started {
            name: running.place.name(),
        };
        if logged {
            tokio::spawn(oneoff::log_to_the_end(running));
            return Ok(started);
        }
        // A client that is gone is noticed by the next reading.
        let _ = connection.write(&started).await;
        let (tell, told) = mpsc::unbounded_channel();
        let mut ending = pin!(oneoff::until_the_end(running, told));
        let mut here = true;
        let status = loop {
            tokio::select! {
                status = &mut ending => break status,
                request = connection.read(), if here => {
                    let signal = match request {
                        Ok(Some(Some(Request::Signal { number }))) => Signal::try_from(number).ok(),
                        _ => None,
                    };
                    here = signal.is_some();
                    // It fails when the process has just ended.
                    let _ = tell.send(signal.map_or(Told::Abandoned, Told::Signal));
                }
            }
        };
        Ok(Reply::Ended { status })
    }
}

fn refused(why: Refusal) -> Reply {
    Reply::Refused { why }
}

fn done(answer: Option<()>) -> Reply {
    answer.map_or(refused(Refusal::Ending), |()| Reply::Done)
}

fn counted(answer: Option<usize>) -> Reply {
    answer.map_or(refused(Refusal::Ending), |count| Reply::Count { count })
}

impl Connection {
    /// The next request; `None` at the end, `Some(None)` for one that is not understood.
    async fn read(&mut self) -> Result<Option<Option<Request>>> {
        let line = self.lines.next_line().await?;
        Ok(line.map(|line| serde_json::from_str(&line).ok()))
    }

    async fn tell(&mut self, heard: Heard) -> Result<()> {
        let Heard::Lines(lines) = heard else {
            return self.write(&Reply::Released).await;
        };
        for line in lines {
            self.write(&Reply::Line { line }).await?;
        }
        Ok(())
    }

    async fn write<T: serde::Serialize>(&mut self, message: &T) -> Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.writer.write_all(&line).await
    }
}
