//! The limits of the router in time and size. It must not know what happens at a limit.

use std::time::Duration;

/// Limits of the router. [`RouterLimits::default`] is what people run; tests use smaller ones.
#[derive(Clone, Debug)]
pub struct RouterLimits {
    /// How long a web process may take to accept a connection (H19).
    pub connect: Duration,
    /// How long an app may take to begin its answer once it has the whole request (H12).
    pub first_byte: Duration,
    /// How long both sides may be silent within a request (H28), within an answer or on an upgraded
    /// connection (H15), and how long a client may take none of what is sent to it.
    pub between_bytes: Duration,
    /// How long a client may take for the head of a request (408), and for the handshake of TLS.
    pub head: Duration,
    /// How long a connection of a client is kept open without a request.
    pub idle: Duration,
    /// The size in bytes of the head of a request (431).
    pub head_bytes: u32,
    /// How many requests an app may have at once, those that wait for it among them (H11).
    pub requests: usize,
}

impl Default for RouterLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(30),
            between_bytes: Duration::from_secs(55),
            head: Duration::from_secs(30),
            idle: Duration::from_secs(90),
            head_bytes: 64 * 1024,
            requests: 4096,
        }
    }
}
