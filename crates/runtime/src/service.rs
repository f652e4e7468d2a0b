//! The service manager that may have started the daemon (systemd, or one that speaks as it does):
//! sockets that it has opened, being ready, ending, and the sign of life that it may ask for. Where there
//! is none, nothing here does anything. It must not know what the daemon does.

use std::net::TcpListener;
use std::os::fd::{FromRawFd as _, RawFd};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::supervisor::Asking;

/// The name that a socket unit gives to the router's socket.
const HTTP: &str = "http";

/// The router's socket, where the service manager has opened it: the one that is named `http`, or the
/// first where none is named. Requests wait in it while the daemon is started anew. To be asked once.
///
/// # Errors
/// Where it is no socket that listens.
pub(crate) fn router_socket() -> std::io::Result<Option<TcpListener>> {
    let passed: Vec<(RawFd, String)> = match sd_notify::listen_fds_with_names() {
        Ok(passed) => passed.collect(),
        Err(_) => return Ok(None),
    };
    let named = passed.iter().find(|(_, name)| name == HTTP);
    let Some((fd, _)) = named.or(passed.first()) else {
        return Ok(None);
    };
    let listener = taken(*fd);
    // It fails where this is no such socket.
    listener.local_addr()?;
    listener.set_nonblocking(true)?;
    Ok(Some(listener))
}

#[expect(unsafe_code, reason = "a descriptor that was inherited is taken over")]
fn taken(fd: RawFd) -> TcpListener {
    // SAFETY: the service manager has opened it for this process, which nobody else in it knows of:
    // `router_socket` is called once, before any other descriptor of this number can have been opened.
    unsafe { TcpListener::from_raw_fd(fd) }
}

/// Requests and commands are served.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// From here on processes are ended.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells that the daemon lives, as often as is asked for, each time only once the supervisor has
/// answered: one that hangs is ended and started anew.
pub(crate) async fn live(asking: Asking) {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    let pause = (limit / 3).max(Duration::from_millis(1));
    while asking.status().await.is_some() {
        tell(&[NotifyState::Watchdog]);
        tokio::time::sleep(pause).await;
    }
}

fn tell(what: &[NotifyState<'_>]) {
    // It fails where the service manager is gone, which changes nothing for the apps.
    let _ = sd_notify::notify(what);
}
