//! How often one may ask: each token so many requests, refilled as time goes by; and each address so many
//! tokens that are none, after which it waits. It must not know what is asked.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use crate::error::{ApiError, Kind};
use crate::v2::login;

/// Requests that a token may make at once.
const POOL: f64 = 4500.0;
/// Requests that it gets back in a second.
const REFILL: f64 = POOL / 3600.0;
/// Tokens that are none which an address may try at once.
const TRIES: f64 = 20.0;
/// Tries that it gets back in a second.
const TRIES_REFILL: f64 = 1.0 / 6.0;
/// What is as if it had never asked is forgotten when there are so many.
const MANY: usize = 10_000;

const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");

/// How many requests a token may make still.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remaining(pub(crate) f64);

/// What is left, of everybody who asked lately.
#[derive(Debug)]
pub(crate) struct Limits {
    tokens: Buckets<[u8; 32]>,
    addresses: Buckets<IpAddr>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tokens: Buckets::new(POOL, REFILL),
            addresses: Buckets::new(TRIES, TRIES_REFILL),
        }
    }
}

#[derive(Debug)]
struct Buckets<K> {
    most: f64,
    refill: f64,
    left: Mutex<HashMap<K, (f64, Instant)>>,
}

impl<K: Eq + Hash> Buckets<K> {
    fn new(most: f64, refill: f64) -> Self {
        Self {
            most,
            refill,
            left: Mutex::default(),
        }
    }

    fn now(&self, (left, since): (f64, Instant), now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(since).as_secs_f64();
        (left + seconds * self.refill).min(self.most)
    }

    /// Takes `taken` away. Answers what is left, or how long to wait until there is something.
    fn take(&self, key: K, taken: f64, now: Instant) -> Result<f64, Duration> {
        let mut all = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MANY && !all.contains_key(&key) {
            all.retain(|_, one| self.now(*one, now) < self.most);
        }
        let one = all.entry(key).or_insert((self.most, now));
        let left = self.now(*one, now);
        if left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - left) / self.refill));
        }
        *one = (left - taken, now);
        Ok(left - taken)
    }
}

/// Lets through what may be asked.
pub(crate) async fn layer(
    State(limits): State<Arc<Limits>>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = address.map(|it| it.0.ip());
    if let Some(address) = address
        && let Err(wait) = limits.addresses.take(address, 0.0, Instant::now())
    {
        return too_many(wait);
    }
    let token = request.headers().get(AUTHORIZATION).cloned();
    let guesses = token.is_some() || request.uri().path() == login::PATH;
    let left = token.as_ref().map(|token| {
        let key = Sha256::digest(token.as_bytes()).into();
        limits.tokens.take(key, 1.0, Instant::now())
    });
    let left = match left {
        Some(Err(wait)) => return too_many(wait),
        Some(Ok(left)) => Some(left),
        None => None,
    };
    if let Some(left) = left {
        request.extensions_mut().insert(Remaining(left));
    }
    let mut response = next.run(request).await;
    // Asking without a token is how git begins; trying one that is none is what is slowed.
    if response.status() == StatusCode::UNAUTHORIZED && guesses {
        let _ = address.map(|address| limits.addresses.take(address, 1.0, Instant::now()));
    }
    if let Some(left) = left {
        let left = format!("{left:.0}");
        let value = HeaderValue::from_str(&left);
        response
            .headers_mut()
            .extend(value.ok().map(|value| (REMAINING, value)));
    }
    response
}

fn too_many(wait: Duration) -> Response {
    let text = "Your account reached the API rate limit\nPlease wait a few minutes before making new requests";
    let mut response = ApiError::new(Kind::RateLimit, text).into_response();
    let seconds = wait.as_secs().saturating_add(1);
    response.headers_mut().insert(RETRY_AFTER, seconds.into());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back_with_time() {
        let buckets = Buckets::new(2.0, 0.5);
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(buckets.take("jim", 1.0, at(0)), Ok(1.0));
        assert_eq!(buckets.take("jim", 1.0, at(0)), Ok(0.0));
        assert_eq!(buckets.take("jim", 1.0, at(0)), Err(Duration::from_secs(2)));
        assert_eq!(buckets.take("ann", 1.0, at(0)), Ok(1.0));
        assert_eq!(buckets.take("jim", 1.0, at(2)), Ok(0.0));
        assert_eq!(buckets.take("jim", 1.0, at(3600)), Ok(1.0));
    }

    #[test]
    fn who_has_all_again_is_forgotten() {
        let buckets = Buckets::new(2.0, 0.5);
        let begin = Instant::now();
        for place in 0..MANY {
            buckets.take(place, 1.0, begin).unwrap();
        }
        buckets
            .take(MANY, 1.0, begin + Duration::from_secs(10))
            .unwrap();
        assert_eq!(buckets.left.lock().unwrap().len(), 1);
    }
}
