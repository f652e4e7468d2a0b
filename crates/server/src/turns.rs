//! Who may change something now. Changes of one app wait for each other, perhaps long; they wait here, and
//! take no thread that others are answered by. It must not know what is changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Changes that are under way at once. There are more threads than that: what only reads is answered
/// however many wait.
const AT_ONCE: usize = 48;
/// Those of one app: one that makes its release, and what does not wait for that, such as a restart.
const OF_APP: usize = 8;

/// Whose turn it is.
pub(crate) struct Turns {
    of_app: usize,
    all: Arc<Semaphore>,
    apps: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _all: Option<OwnedSemaphorePermit>,
    _app: Option<OwnedSemaphorePermit>,
}

impl Default for Turns {
    fn default() -> Self {
        Self::new(AT_ONCE, OF_APP)
    }
}

impl Turns {
    /// For so many at once, of which so many are of one app.
    pub(crate) fn new(at_once: usize, of_app: usize) -> Self {
        Self {
            of_app,
            all: Arc::new(Semaphore::new(at_once)),
            apps: Mutex::default(),
        }
    }

    /// Waits for a turn to change what a client calls so: an app's name or its id, which may be none.
    pub(crate) async fn of_app(&self, app: &str) -> Turn {
        let of_app = self.app(app).acquire_owned().await;
        Turn {
            _app: of_app.ok(),
            ..self.any().await
        }
    }

    /// Waits for a turn to change what is about no one app.
    pub(crate) async fn any(&self) -> Turn {
        let all = Arc::clone(&self.all).acquire_owned().await;
        // Neither is ever closed.
        Turn {
            _all: all.ok(),
            _app: None,
        }
    }

    fn app(&self, app: &str) -> Arc<Semaphore> {
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = apps.get(app).and_then(Weak::upgrade) {
            return known;
        }
        // Those whose last turn is over are forgotten.
        apps.retain(|_, one| one.strong_count() > 0);
        let new = Arc::new(Semaphore::new(self.of_app));
        apps.insert(app.to_owned(), Arc::downgrade(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use tokio::time::timeout;

    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn one_app_leaves_room_for_others_and_all_for_what_reads() {
        let turns = Turns::default();
        let mut held = Vec::new();
        for _ in 0..OF_APP {
            held.push(turns.of_app("shop").await);
        }
        assert!(timeout(SOON, turns.of_app("shop")).await.is_err());
        for app in 0..(AT_ONCE / OF_APP - 1) {
            for _ in 0..OF_APP {
                held.push(turns.of_app(&app.to_string()).await);
            }
        }
        assert!(timeout(SOON, turns.of_app("blog")).await.is_err());
        assert!(timeout(SOON, turns.any()).await.is_err());
        drop(held.remove(0));
        let turn = turns.of_app("shop").await;
        drop((turn, held));
        let _ = turns.of_app("blog").await;
        assert_eq!(turns.apps.lock().unwrap().len(), 1);
    }
}
