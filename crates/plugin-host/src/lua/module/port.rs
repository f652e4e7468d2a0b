//! `slugline.port`: a free port for the server of a resource, and the same one whenever it is asked
//! again. It must not know what listens there.

use std::net::{Ipv4Addr, TcpListener};
use std::rc::Rc;

use mlua::{Lua, Table};

use super::super::state::{ResourcePort, State};
use super::function;

/// Ports are looked for here.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

pub(super) fn install(lua: &Lua, state: &Rc<State>, slugline: &Table) -> mlua::Result<()> {
    let state = Rc::clone(state);
    let port = function(lua, "port", move |_, id: String| {
        let (resource, reserved) = state.in_call(|call| (call.resource.clone(), call.reserved))?;
        let resource = resource.ok_or("only a provision or a change of plan has a port")?;
        if resource.id != id {
            return Err("pass request.id; a resource has one port".to_owned());
        }
        if let Some(port) = reserved {
            return Ok(port);
        }
        let port = pick(&resource, is_free).ok_or("all ports from 20000 to 29999 are taken")?;
        state.in_call(|call| call.reserved = Some(port))?;
        Ok(port)
    })?;
    slugline.raw_set("port", port)
}

/// The port that the resource has, or the first free one from where its name points.
fn pick(resource: &ResourcePort, is_free: impl Fn(u16) -> bool) -> Option<u16> {
    if resource.present.is_some() {
        return resource.present;
    }
    let start = spread(&resource.id) % u64::from(COUNT);
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
        let resource = |present, taken: &[u16]| ResourcePort {
            id: "0123456789abcdef0123456789abcdef".into(),
            present,
            taken: taken.to_vec(),
        };
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
