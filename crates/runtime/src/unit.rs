//! The executor: one task that owns one process, from its first start through its restarts to its
//! end. It tells the supervisor what happens, and does as it is told. It must not know the other
//! processes, nor what a release or a switch is.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use slugline_isolation::{Enclosure, Isolation, Limits as Use};
use tokio::process::Child;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::command::Recipe;
use crate::health::Boot;
use crate::limits::{Backoff, Limits};
use crate::logs::AppLog;
use crate::logs::pump::{Last, pump};
use crate::process::{Ending, Group, Started, start};
use crate::quota::{Excess, Gauge};
use crate::shut::{enclose, looks_killed, remove};
use crate::written::Writing;

/// Names one unit for the life of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UnitId(pub(crate) u64);

/// What a unit is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnitRequest {
    /// From now on it is started again whenever it dies.
    Adopt,
    /// It is to end, for good.
    Stop,
}

/// What a unit tells. A life is `Starting`, `Up` and `Died`, or any beginning of that; `Ended`
/// comes once, and nothing after it.
#[derive(Debug)]
pub(crate) enum UnitChange {
    Starting {
        pid: u32,
        port: Option<u16>,
    },
    Up,
    /// `again` is the wait before the next start, if there is to be one. All that the process
    /// wrote is in the log by now.
    Died {
        ending: Ending,
        last: Vec<String>,
        again: Duration,
    },
    Ended,
}

/// How far a unit has come; for those that wait for it. Ended is also: its sender is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Progress {
    Begun,
    /// It has been up, or has failed to be, once.
    Tried,
}

/// What a unit waits for before its first start.
pub(crate) enum After {
    /// Another unit's end: it may use the same port.
    End(watch::Receiver<Progress>),
    /// Another unit's first attempt, for a bounded time.
    Attempt(watch::Receiver<Progress>),
}

/// The port of a unit.
pub(crate) enum PortPlan {
    None,
    /// A free one for each start, passed to the process.
    Fresh(Box<dyn Fn() -> Option<u16> + Send + Sync>),
    /// Always this one; the process knows it.
    Fixed(u16),
}

/// All that a unit needs to know of its process.
pub(crate) struct Plan {
    /// What is started, given the port.
    pub(crate) recipe: Box<dyn Fn(Option<u16>) -> Recipe + Send + Sync>,
    /// The command as it may be shown: it holds no secret.
    pub(crate) shown: String,
    pub(crate) port: PortPlan,
    pub(crate) grace: Duration,
    /// Whether it is started again from the beginning, or only once it is adopted.
    pub(crate) adopted: bool,
    pub(crate) after: Vec<After>,
    pub(crate) log: Arc<AppLog>,
    /// The source of its output in the log, such as `app[web.1]`.
    pub(crate) output: String,
    /// The source of what happens to it, such as `slugline[web.1]`.
    pub(crate) events: String,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) isolation: Arc<Isolation>,
    pub(crate) limits: Arc<Limits>,
    /// It runs once, and is never started again.
    pub(crate) once: Option<Once>,
}

/// What there is to a process that runs once.
pub(crate) struct Once {
    /// How long it may run.
    pub(crate) limit: Duration,
    /// Who hears what it writes; it is held up while nobody listens.
    pub(crate) heard: mpsc::Sender<Heard>,
    /// Who reads along.
    pub(crate) writing: Arc<Writing>,
}

/// What is heard of a process that runs once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Lines(Vec<String>),
    /// It has ended well, and every line has been heard.
    Done,
}

/// The ends of the channels that a unit holds.
pub(crate) struct Wires {
    pub(crate) requests: mpsc::UnboundedReceiver<UnitRequest>,
    /// When it counts as up, as it is set now.
    pub(crate) boot: watch::Receiver<Boot>,
    /// What it may use, as it is set now.
    pub(crate) allowed: watch::Receiver<Use>,
    pub(crate) changes: Box<dyn Fn(UnitChange) + Send + Sync>,
    pub(crate) progress: watch::Sender<Progress>,
}

/// How one life went.
enum Life {
    Died(Ending, Vec<String>),
    /// It was told to end, and did.
    Stopped,
}

struct Unit {
    plan: Plan,
    wires: Wires,
    /// The state in words, as the log has it.
    state: &'static str,
}

/// Runs a unit until it is told to stop.
pub(crate) async fn run(plan: Plan, wires: Wires) {
    let mut unit = Unit {
        plan,
        wires,
        state: "starting",
    };
    if unit.wait_for_others().await {
        unit.live().await;
    }
    (unit.wires.changes)(UnitChange::Ended);
}

impl Unit {
    /// One life after the other, until it is to end.
    async fn live(&mut self) {
        let mut backoff = Backoff::default();
        loop {
            let born = Instant::now();
            let (ending, last) = match self.one_life().await {
                Life::Died(ending, last) => (ending, last),
                Life::Stopped => return,
            };
            let again = backoff.after(born.elapsed(), &self.plan.limits);
            self.say(&format!("Process {ending}"));
            let done = self.plan.once.is_some() && ending.is_success();
            let state = if done { "complete" } else { "crashed" };
            self.say(&format!("State changed from {} to {state}", self.state));
            if let Some(once) = &self.plan.once {
                once.writing.written.end();
            }
            if let Some(once) = self.plan.once.as_ref().filter(|_| done) {
                // It fails when nobody listens any more.
                let _ = once.heard.send(Heard::Done).await;
            }
            (self.wires.changes)(UnitChange::Died {
                ending,
                last,
                again,
            });
            self.wires.progress.send_replace(Progress::Tried);
            if self.plan.once.is_some() || !self.pause(again).await {
                return;
            }
        }
    }

    /// Waits before the next start: until it is adopted, and then for `again`. False: it is to end.
    async fn pause(&mut self, again: Duration) -> bool {
        while !self.plan.adopted {
            if self.next_request().await == UnitRequest::Stop {
                return false;
            }
        }
        let deadline = Instant::now() + again;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => return true,
                request = self.next_request() => if request == UnitRequest::Stop {
                    return false;
                },
            }
        }
    }

    async fn wait_for_others(&mut self) -> bool {
        let hold = self.plan.limits.hold;
        let after = std::mem::take(&mut self.plan.after);
        let mut others = tokio::spawn(async move {
            for other in after {
                match other {
                    After::End(mut progress) => while progress.changed().await.is_ok() {},
                    After::Attempt(mut progress) => {
                        let tried = progress.wait_for(|reached| *reached == Progress::Tried);
                        let _ = timeout(hold, tried).await;
                    }
                }
            }
        });
        loop {
            tokio::select! {
                _ = &mut others => return true,
                request = self.next_request() => if request == UnitRequest::Stop {
                    others.abort();
                    return false;
                },
            }
        }
    }

    /// The next request; `Stop` when nobody is left to ask. Keeps note of an adoption.
    async fn next_request(&mut self) -> UnitRequest {
        let request = self
            .wires
            .requests
            .recv()
            .await
            .unwrap_or(UnitRequest::Stop);
        self.plan.adopted |= request == UnitRequest::Adopt;
        request
    }

    async fn one_life(&mut self) -> Life {
        self.state = "starting";
        let port = match &self.plan.port {
            PortPlan::None => None,
            PortPlan::Fixed(port) => Some(*port),
            PortPlan::Fresh(choose) => match choose() {
                Some(port) => Some(port),
                None => return Life::Died(Ending::NoPort, Vec::new()),
            },
        };
        self.say(&format!(
            "Starting process with command `{}`",
            self.plan.shown
        ));
        let recipe = (self.plan.recipe)(port);
        let mut enclosure = match enclose(&self.plan.isolation, &recipe).await {
            Ok(enclosure) => enclosure,
            Err(error) => return Life::Died(Ending::NotStarted(error), Vec::new()),
        };
        let life = match start(&recipe, enclosure.as_mut()) {
            Ok(started) => self.live_once(started, port, enclosure.as_ref()).await,
            Err(error) => Life::Died(Ending::NotStarted(error), Vec::new()),
        };
        remove(enclosure);
        life
    }

    /// From the start of a process to its end.
    async fn live_once(
        &mut self,
        started: Started,
        port: Option<u16>,
        enclosure: Option<&Enclosure>,
    ) -> Life {
        if let Some(enclosure) = enclosure {
            self.allow(enclosure);
        }
        let pid = started.child.id().unwrap_or(0);
        (self.wires.changes)(UnitChange::Starting { pid, port });
        let last = Last::default();
        let output = tokio::spawn(pump(
            started.output,
            Arc::clone(&self.plan.log),
            self.plan.output.clone(),
            self.plan.limits.line_bytes,
            last.clone(),
            self.plan
                .once
                .as_ref()
                .map(|once| (once.heard.clone(), Arc::clone(&once.writing))),
        ));
        let ending = self
            .attend(started.child, started.group, port, enclosure)
            .await;
        // What it left behind goes with it, and lets go of its output.
        started.group.kill();
        // A process that left the group may keep the pipe open; what it writes later is logged too.
        let _ = timeout(self.plan.limits.last_words, output).await;
        let last = last.take();
        match ending {
            Some(ending) => Life::Died(ending, last),
            None => Life::Stopped,
        }
    }

    /// Watches over a process until it has ended; `None` when it was told to.
    async fn attend(
        &mut self,
        mut child: Child,
        group: Group,
        port: Option<u16>,
        enclosure: Option<&Enclosure>,
    ) -> Option<Ending> {
        let boot = self.wires.boot.borrow().clone();
        let mut boot = std::pin::pin!(boot.wait(port));
        let limit = self.plan.once.as_ref().map(|once| once.limit);
        let mut overdue = std::pin::pin!(sleep(limit.unwrap_or_default()));
        let mut up = false;
        let (gauge, allowed) = (Arc::clone(&self.plan.gauge), self.wires.allowed.clone());
        let mut changes = allowed.clone();
        let leader = child.id().unwrap_or_default();
        let mut exceeded = std::pin::pin!(gauge.exceeded(leader, allowed));
        loop {
            tokio::select! {
                // A process that has ended is not up, even if something answers at its port.
                biased;
                status = child.wait() => return Some(match status {
                    Ok(status) => self.ended(status, enclosure),
                    Err(error) => Ending::NotStarted(error),
                }),
                request = self.next_request() => if request == UnitRequest::Stop {
                    self.end(&mut child, group).await;
                    return None;
                },
                Ok(()) = changes.changed() => if let Some(enclosure) = enclosure {
                    self.allow(enclosure);
                },
                excess = &mut exceeded => {
                    self.say_over(excess);
                    if excess.is_vast() {
                        group.kill();
                        let _ = child.wait().await;
                    } else {
                        self.end(&mut child, group).await;
                    }
                    return Some(Ending::OverMemory);
                }
                () = &mut overdue, if limit.is_some() => {
                    self.end(&mut child, group).await;
                    let limit = limit.unwrap_or_default();
                    return Some(Ending::Overdue { limit });
                }
                booted = &mut boot, if !up => {
                    if let Err(ending) = booted {
                        group.kill();
                        let _ = child.wait().await;
                        return Some(ending);
                    }
                    up = true;
                    self.state = "up";
                    self.say("State changed from starting to up");
                    (self.wires.changes)(UnitChange::Up);
                    self.wires.progress.send_replace(Progress::Tried);
                }
            }
        }
    }

    /// Brings what the kernel limits to what is set, and says so where it does not.
    fn allow(&self, enclosure: &Enclosure) {
        let allowed = *self.wires.allowed.borrow();
        let enforced = enclosure.limit(&allowed) && self.plan.isolation.limits()[1];
        if allowed.cpu_percent.is_some() && !enforced {
            self.say(
                "Its limit of CPU is not in force: the daemon may use no cgroup (slugline doctor)",
            );
        }
    }

    /// How a process ended that was not told to.
    fn ended(&self, status: ExitStatus, enclosure: Option<&Enclosure>) -> Ending {
        let starved = enclosure.is_some_and(|it| it.out_of_memory() > 0) && looks_killed(status);
        match self.wires.allowed.borrow().memory {
            Some(quota) if starved => {
                self.say_over(Excess::ended_by_kernel(quota));
                Ending::OverMemory
            }
            _ => Ending::Exited(status),
        }
    }

    fn say_over(&self, excess: Excess) {
        for line in excess.lines() {
            self.say(&line);
        }
    }

    /// SIGTERM, and after the grace SIGKILL, for the process and all its group.
    async fn end(&self, child: &mut Child, group: Group) {
        self.say("Stopping process with SIGTERM");
        group.terminate();
        let ended = async {
            let status = child.wait().await;
            let mut pause = Duration::from_millis(1);
            while group.is_alive() {
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(20));
            }
            status
        };
        let status = match timeout(self.plan.grace, ended).await {
            Ok(status) => status,
            Err(_) => {
                let grace = self.plan.grace.as_secs_f64();
                self.say(&format!(
                    "Process still runs after {grace} s: stopping it with SIGKILL"
                ));
                group.kill();
                child.wait().await
            }
        };
        if let Ok(status) = status {
            self.say(&format!("Process {}", Ending::Exited(status)));
        }
    }

    fn say(&self, line: &str) {
        self.plan.log.append(&self.plan.events, [line]);
    }
}
