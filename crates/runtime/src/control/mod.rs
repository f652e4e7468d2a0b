//! The control socket: how commands speak to the daemon. Lines of JSON, one request at a time.

pub(crate) mod client;
pub(crate) mod protocol;
pub(crate) mod server;
pub(crate) mod socket;
