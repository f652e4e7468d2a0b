//! `slugline.port`: a free port for the server of a resource, and the same one whenever it is asked
//! again. It must not know what listens there.

use std::net::{Ipv4Addr, TcpListener};

use slugline_plugin_api::message::Request;

/// Ports are looked for here.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// The resource of a call, as far as its port is concerned.
pub(super) struct ResourcePort<'a> {
    pub(super) id: &'a str,
    present: Option<u16>,
    taken: &'a [u16],
}

impl<'a> ResourcePort<'a> {
    /// That of a request; only some have one.
    pub(super) fn of(request: &'a Request) -> Option<Self> {
        let (id, present, taken) = match request {
            Request::Provision(it) => (&it.id, it.port, &it.taken_ports),
            Request::ChangePlan(it) => (&it.id, it.port, &it.taken_ports),
            _ => return None,
        };
        Some(Self { id, present, taken })
    }
}

/// The port that the resource has, or one that is free for it.
pub(super) fn find(resource: &ResourcePort<'_>) -> Option<u16> {
    pick(resource, is_free)
}

/// The port that the resource has, or the first free one from where its name points.
fn pick(resource: &ResourcePort<'_>, is_free: impl Fn(u16) -> bool) -> Option<u16> {
    if resource.present.is_some() {
        return resource.present;
    }
    let start = spread(resource.id) % u64::from(COUNT);
    let start = u16::try_from(start).unwrap_or(0);
    let candidates = (0..COUNT).map(|step| FIRST + (start + step) % COUNT);
    let mut free = candidates.filter(|port| !resource.taken.contains(port) && is_free(*port));
    free.next()
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// FNV-1a: the same in every version, unlike the standard library's hasher.
fn spread(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_stable_and_moves_on_only_where_it_must() {
        fn resource(present: Option<u16>, taken: &[u16]) -> ResourcePort<'_> {
            ResourcePort {
                id: "0123456789abcdef0123456789abcdef",
                present,
                taken,
            }
        }
        let all = |_| true;
        let first = pick(&resource(None, &[]), all).unwrap();
        assert!((FIRST..FIRST + COUNT).contains(&first));
        assert_eq!(pick(&resource(None, &[]), all), Some(first));
        let after = FIRST + (first - FIRST + 1) % COUNT;
        assert_eq!(pick(&resource(None, &[first]), all), Some(after));
        assert_eq!(
            pick(&resource(None, &[]), |port| port != first),
            Some(after)
        );
        assert_eq!(pick(&resource(Some(4711), &[4711]), |_| false), Some(4711));
        assert_eq!(pick(&resource(None, &[]), |_| false), None);
    }

    #[test]
    fn a_port_that_someone_listens_on_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(listener.local_addr().unwrap().port()));
    }
}
