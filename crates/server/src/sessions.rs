//! What was begun by a request and is fetched later, by whoever knows a secret: kept for a few minutes.
//! It must not know what that is.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

/// How long something is kept that nobody fetches.
pub(crate) const KEPT: Duration = Duration::from_secs(300);
/// So many are kept at most: the one that would go first makes room for a new one.
const MANY: usize = 10_000;
/// The same, of what is large.
const FEW: usize = 32;

/// 64 digits and small letters, of 244 random bits.
pub(crate) fn secret() -> String {
    let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
    format!("{}{}", one.simple(), two.simple())
}

/// What is waited for, by its secret.
pub(crate) struct Sessions<T>(Mutex<HashMap<String, (Instant, T)>>);

impl<T> Default for Sessions<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Sessions<T> {
    /// Keeps something. Answers its secret.
    pub(crate) fn put(&self, it: T) -> String {
        let secret = secret();
        self.keep(secret.clone(), it, Instant::now());
        secret
    }

    /// Keeps something under a secret that was told already, and so few of its kind that they may be large.
    pub(crate) fn put_large(&self, secret: String, it: T) {
        self.keep_among(FEW, (secret, it), Instant::now());
    }

    /// Forgets what nobody has fetched in time.
    pub(crate) fn tidy(&self) {
        let now = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (until, _)| *until > now);
    }

    fn keep(&self, secret: String, it: T, now: Instant) {
        self.keep_among(MANY, (secret, it), now);
    }

    fn keep_among(&self, many: usize, (secret, it): (String, T), now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (until, _)| *until > now);
        if all.len() >= many {
            let first = all.iter().min_by_key(|(_, (until, _))| *until);
            let first = first.map(|(secret, _)| secret.clone());
            first.and_then(|secret| all.remove(&secret));
        }
        all.insert(secret, (now + KEPT, it));
    }

    /// Takes what a secret is of.
    pub(crate) fn take(&self, secret: &str) -> Option<T> {
        self.take_at(secret, Instant::now())
    }

    /// Takes what nobody has fetched.
    pub(crate) fn take_late(&self, secret: &str) -> Option<T> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(secret).map(|(_, it)| it)
    }

    fn take_at(&self, secret: &str, now: Instant) -> Option<T> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, it) = all.remove(secret)?;
        drop(all);
        (until > now).then_some(it)
    }
}

impl<T: Clone> Sessions<T> {
    /// What a secret is of; it is kept as long again.
    pub(crate) fn renew(&self, secret: &str) -> Option<T> {
        let now = Instant::now();
        let it = self.take_at(secret, now)?;
        self.keep(secret.to_owned(), it.clone(), now);
        Some(it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_fetches_is_forgotten() {
        let (sessions, begin) = (Sessions::default(), Instant::now());
        sessions.keep("a".to_owned(), 1, begin);
        assert_eq!(sessions.take_at("b", begin), None);
        assert_eq!(sessions.take_at("a", begin), Some(1));
        assert_eq!(sessions.take_at("a", begin), None);
        sessions.keep("a".to_owned(), 1, begin);
        assert_eq!(sessions.take_at("a", begin + KEPT), None);
        sessions.keep("b".to_owned(), 2, begin);
        sessions.keep("c".to_owned(), 3, begin + KEPT);
        assert_eq!(sessions.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn the_first_makes_room() {
        let (sessions, begin) = (Sessions::default(), Instant::now());
        for number in 0..=MANY {
            let at = begin + Duration::from_millis(number as u64);
            sessions.keep(number.to_string(), number, at);
        }
        assert_eq!(sessions.0.lock().unwrap().len(), MANY);
        assert_eq!(sessions.take_at("0", begin), None);
        assert_eq!(sessions.renew("1"), Some(1));
        assert_eq!(sessions.take_at("1", Instant::now()), Some(1));
        let (one, two) = (sessions.put(1), sessions.put(1));
        assert!(one != two && one.len() == 64);
        let large = Sessions::default();
        for number in 0..=FEW {
            large.put_large(number.to_string(), number);
        }
        large.tidy();
        assert!(large.take("0").is_none() && large.take("1").is_some());
    }
}
