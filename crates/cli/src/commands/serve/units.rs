//! The units that make systemd run the daemon of a home: what is in them, and where they go. It must not
//! write them, nor speak to systemd.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::error::CommandError;

/// The names of both files.
pub const SERVICE: &str = "slugline.service";
/// The router's socket, in which requests wait while the daemon is started anew.
pub const SOCKET: &str = "slugline.socket";

/// What the units are about.
pub struct Units<'a> {
    pub program: &'a Path,
    pub home: &'a Path,
    pub port: u16,
    /// The address of the router.
    pub bind: IpAddr,
    /// Its port for TLS, if it has one.
    pub tls_port: Option<u16>,
    /// The user that the daemon runs as, in a system that runs it for all.
    pub user: Option<String>,
    /// Whether the system runs it, and not the systemd of one user.
    pub system: bool,
}

/// Where systemd looks for units.
///
/// # Errors
/// Where a user has no home folder.
pub fn folder(system: bool, config: Option<PathBuf>) -> Result<PathBuf, CommandError> {
    if system {
        return Ok("/etc/systemd/system".into());
    }
    let config = config.ok_or_else(|| {
        CommandError::failed("Neither XDG_CONFIG_HOME nor HOME says where your units are")
    })?;
    Ok(config.join("systemd/user"))
}

impl Units<'_> {
    /// The file of the service.
    pub fn service(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("User={user}\n"));
        format!(
            "[Unit]\n\
             Description=Slugline, which runs the current release of every app\n\
             After=network.target\n\
             \n\
             [Service]\n\
             Type=notify\n\
             NotifyAccess=main\n\
             ExecStart={program} serve{doors}\n\
             Environment={home}\n\
             {user}{low_port}\
             # A daemon that hangs or dies is started again; its apps come back with their current releases.\n\
             Restart=always\n\
             RestartSec=1\n\
             WatchdogSec=30\n\
             # The daemon ends its processes itself, each in its own time.\n\
             KillMode=mixed\n\
             TimeoutStopSec=90\n\
             # Limits of memory and processors for process types need a part of the tree of their own.\n\
             Delegate=yes\n\
             UMask=0077\n\
             LimitCORE=0\n\
             LimitNOFILE=65536\n\
             \n\
             [Install]\n\
             WantedBy={target}\n",
            program = word(&self.program.to_string_lossy()),
            home = word(&format!("SLUGLINE_HOME={}", self.home.display())),
            doors = self.doors(),
            user = user.unwrap_or_default(),
            low_port = self.low_port(),
            target = if self.system {
                "multi-user.target"
            } else {
                "default.target"
            },
        )
    }

    /// What the daemon is told of doors that are not the socket's.
    fn doors(&self) -> String {
        let tls = |port| format!(" --bind {} --tls-port {port}", self.bind);
        self.tls_port.map_or_else(String::new, tls)
    }

    /// A door that only root may open is opened by the daemon itself.
    fn low_port(&self) -> &'static str {
        match (&self.user, self.tls_port) {
            (Some(_), Some(..1024)) => "AmbientCapabilities=CAP_NET_BIND_SERVICE\n",
            _ => "",
        }
    }

    /// The file of the socket.
    pub fn socket(&self) -> String {
        format!(
            "[Unit]\n\
             Description=The port of Slugline's router\n\
             \n\
             [Socket]\n\
             ListenStream={at}\n\
             FileDescriptorName=http\n\
             \n\
             [Install]\n\
             WantedBy=sockets.target\n",
            at = SocketAddr::new(self.bind, self.port),
        )
    }
}

/// One word of a unit file, whatever it holds.
fn word(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%")
        .replace('$', "$$");
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word_whatever_it_holds() {
        assert_eq!(word("/a b/%h/$x/\"q\"\\"), r#""/a b/%%h/$$x/\"q\"\\""#);
    }

    #[test]
    fn a_user_keeps_units_below_the_config_folder() {
        let folder = |system, config: Option<&str>| folder(system, config.map(PathBuf::from)).ok();
        assert_eq!(folder(true, None), Some("/etc/systemd/system".into()));
        assert_eq!(folder(false, Some("/c")), Some("/c/systemd/user".into()));
        assert_eq!(folder(false, None), None);
    }
}
