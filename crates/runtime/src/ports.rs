//! Ports of this machine: a free one for a web process, and waiting until one answers. It must not
//! know what listens.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Ports are taken from here: below those that the kernel gives to outgoing connections, so that
/// no connection of somebody's takes a port between its choice and its use, and none that looks
/// for a process finds itself.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// Where the next search begins; shared, so that two searches at once find two ports.
static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
    let random = RandomState::new().build_hasher().finish();
    AtomicU16::new(u16::try_from(random % u64::from(COUNT)).unwrap_or(0))
});

/// A port on which nobody listens, and that is none of `reserved`; `None` when all are taken.
pub(crate) fn free(reserved: &BTreeSet<u16>) -> Option<u16> {
    (0..COUNT).find_map(|_| {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let usable = !reserved.contains(&port) && TcpListener::bind(address(port)).is_ok();
        usable.then_some(port)
    })
}

/// The address of a process of this machine.
pub(crate) fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Waits until a port accepts a connection: true, or false after `limit`.
pub(crate) async fn answers(port: u16, limit: Duration) -> bool {
    let poll = async {
        let mut pause = Duration::from_millis(1);
        while !accepts(port).await {
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    };
    timeout(limit, poll).await.is_ok()
}

async fn accepts(port: u16) -> bool {
    let connected = TcpStream::connect(address(port)).await;
    // A server's port may lie anywhere: a connection from a port to itself is nobody's answer.
    connected.is_ok_and(|stream| stream.local_addr().ok() != stream.peer_addr().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_is_neither_reserved_nor_taken_nor_given_twice() {
        let first = free(&BTreeSet::new()).unwrap();
        let listener = TcpListener::bind(address(first)).unwrap();
        NEXT.store(first - FIRST, Ordering::Relaxed);
        let reserved = BTreeSet::from([first + 1]);
        let second = free(&reserved).unwrap();
        assert!(second != first && second != first + 1, "{first} {second}");
        drop(listener);
    }

    #[tokio::test]
    async fn a_port_answers_once_somebody_listens() {
        let listener = tokio::net::TcpListener::bind(address(0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(answers(port, Duration::from_secs(5)).await);
        drop(listener);
        assert!(!answers(port, Duration::from_millis(30)).await);
    }
}
