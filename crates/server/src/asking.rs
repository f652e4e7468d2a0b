//! The threads on which plugins are asked by those who only read. They are few, and none of them is another
//! kind of request's: each keeps what it has opened for its next question, the processes of plugins among it.
//! It must not know what is asked.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::backend::{Asking, Backend};
use crate::desk::lost;
use crate::error::ApiError;
use crate::turns::{Turn, Turns};

/// Questions that are answered at once.
const AT_ONCE: usize = 16;
/// Those of one app, whose tier may be slow: that is felt nowhere else.
const OF_APP: usize = 4;
/// So long a thread waits for its next question before it ends, with what it keeps.
const IDLE: Duration = Duration::from_secs(10);

/// Whose turn it is to ask, and where that is done.
pub(crate) struct Threads {
    turns: Turns,
    /// Missing only where the system refused it: then they are asked where all others wait.
    own: Option<Runtime>,
}

impl Default for Threads {
    fn default() -> Self {
        let own = Builder::new_current_thread()
            .max_blocking_threads(AT_ONCE)
            .thread_keep_alive(IDLE)
            .thread_name("api: plugins")
            .build();
        Self {
            turns: Turns::new(AT_ONCE, OF_APP),
            own: own.ok(),
        }
    }
}

impl Drop for Threads {
    /// Waits for nothing: whoever asked is gone.
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            own.shutdown_background();
        }
    }
}

impl Threads {
    /// Asks what is about no one app.
    pub(crate) async fn of_any<T: Send + 'static>(
        &self,
        backend: Arc<dyn Backend>,
        work: impl FnOnce(&dyn Asking) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = self.turns.any().await;
        self.during(turn, backend, work).await
    }

    /// Asks what is about what a client calls so: an app's name or its id.
    pub(crate) async fn of_app<T: Send + 'static>(
        &self,
        backend: Arc<dyn Backend>,
        app: &str,
        work: impl FnOnce(&dyn Asking) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = self.turns.of_app(app).await;
        self.during(turn, backend, work).await
    }

    async fn during<T: Send + 'static>(
        &self,
        turn: Turn,
        backend: Arc<dyn Backend>,
        work: impl FnOnce(&dyn Asking) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let asked = move || {
            let _turn = turn;
            let (mut work, mut answer) = (Some(work), None);
            backend.ask(&mut |opened| {
                answer = work.take().map(|work| work(opened?));
            });
            answer.unwrap_or_else(|| Err(lost()))
        };
        let answered = match &self.own {
            Some(own) => own.spawn_blocking(asked),
            None => tokio::task::spawn_blocking(asked),
        };
        answered.await.unwrap_or_else(|_| Err(lost()))
    }
}
