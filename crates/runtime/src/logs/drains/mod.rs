//! Log drains: each line of an app's log is sent to servers elsewhere. A thread of their own sends;
//! each drain has a task, and a queue that drops the oldest lines, so that one that hangs keeps neither
//! the app nor another drain waiting. It must not know where lines come from.

pub(crate) mod address;
mod connect;
mod frame;
mod queue;
mod send;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use slugline_core::app::AppName;
use slugline_core::settings::Drain;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use self::address::DrainAddress;
use self::connect::SendError;
use self::frame::frames;
use self::queue::{Lines, Queue};
use self::send::Sender;
use super::AppLog;
use super::line::ABOUT_LOGS;
use crate::limits::Limits;

/// The first and the longest wait before the same is sent again.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// How long what waits may still be sent once a drain is to end.
const LAST: Duration = Duration::from_secs(3);
/// How often a drain that fails is spoken of at most: what is said is drained as well.
const SAID: Duration = Duration::from_secs(60);
/// The most messages in one post.
const TOGETHER: usize = 500;

/// The thread that sends, begun with the first drain.
#[derive(Default)]
pub(super) struct Thread(OnceLock<Option<Handle>>);

/// One drain, as the log sees it.
pub(super) struct Tap {
    drain: Drain,
    queue: Arc<Queue>,
    ended: tokio::sync::watch::Receiver<()>,
}

impl Thread {
    fn handle(&self) -> Option<&Handle> {
        self.0.get_or_init(begin).as_ref()
    }
}

fn begin() -> Option<Handle> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let handle = runtime.handle().clone();
    let thread = std::thread::Builder::new().name("drains".to_owned());
    thread
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .ok()?;
    Some(handle)
}

impl Tap {
    /// Begins to drain; `None` where the address is none, or no thread can be had.
    pub(super) fn open(
        thread: &Thread,
        app: &AppName,
        drain: &Drain,
        limits: &Limits,
        log: std::sync::Weak<AppLog>,
    ) -> Option<Self> {
        let address = DrainAddress::parse(&drain.url).ok()?;
        let queue = Arc::new(Queue::new(limits.drain_bytes));
        let (tell, ended) = tokio::sync::watch::channel(());
        let work = Work {
            app: app.clone(),
            id: drain.id.clone(),
            queue: Arc::clone(&queue),
            sender: Sender::new(address, &drain.id, limits.drain_patience),
            log,
            said: None,
            fails: false,
        };
        let of_task = Arc::clone(&queue);
        thread.handle()?.spawn(async move {
            let until_over = async {
                of_task.closed().await;
                sleep(LAST).await;
            };
            tokio::select! {
                () = work.run() => {}
                () = until_over => {}
            }
            drop(tell);
        });
        Some(Self {
            drain: drain.clone(),
            queue,
            ended,
        })
    }

    pub(super) fn is(&self, drain: &Drain) -> bool {
        self.drain == *drain
    }

    pub(super) fn push(&self, text: &Arc<str>, count: u64) {
        let text = Arc::clone(text);
        self.queue.push(Lines { text, count });
    }

    /// Sends what waits, for a bounded time, and ends.
    pub(super) fn close(self) -> impl Future<Output = ()> + use<> {
        self.queue.close();
        let mut ended = self.ended.clone();
        async move {
            // It fails at once when the task has ended.
            let _ = timeout(LAST * 2, async { while ended.changed().await.is_ok() {} }).await;
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// What the task of a drain works with.
struct Work {
    app: AppName,
    id: String,
    queue: Arc<Queue>,
    sender: Sender,
    log: std::sync::Weak<AppLog>,
    said: Option<Instant>,
    /// Whether the log says that it fails.
    fails: bool,
}

impl Work {
    async fn run(mut self) {
        while let Some(lines) = self.queue.next().await {
            let dialect = self.sender.dialect();
            for frames in frames(&lines, self.app.as_str(), dialect, TOGETHER) {
                self.deliver(&frames).await;
            }
        }
    }

    /// Sends messages until they have arrived, or never will.
    async fn deliver(&mut self, frames: &frame::Frames) {
        let name = self.sender.name();
        let mut wait = WAITS.0;
        loop {
            match self.sender.send(frames, &name).await {
                Ok(()) => {
                    self.works();
                    return;
                }
                Err(error @ SendError::Refused(_)) => {
                    self.queue.lost(frames.count);
                    self.fails(&error);
                    // One that refuses all there is need not be asked as fast as lines come.
                    sleep(WAITS.0).await;
                    return;
                }
                Err(error) => self.fails(&error),
            }
            sleep(wait).await;
            wait = (wait * 2).min(WAITS.1);
        }
    }

    fn fails(&mut self, error: &SendError) {
        let lately = self.said.is_some_and(|said| said.elapsed() < SAID);
        if !lately && !self.fails {
            self.said = Some(Instant::now());
            self.fails = true;
            self.say(&format!("Drain {} fails: {error}", self.id));
        }
    }

    fn works(&mut self) {
        if std::mem::take(&mut self.fails) {
            self.say(&format!("Drain {} works again", self.id));
        }
    }

    fn say(&self, line: &str) {
        if let Some(log) = self.log.upgrade() {
            log.append(ABOUT_LOGS, [line]);
        }
    }
}
