//! `slugline serve:install`: systemd runs the daemon from now on, after a crash and a reboot too.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use nix::unistd::{Uid, User};
use slugline_ledger::KeySource;

use crate::commands::Outcome;
use crate::commands::serve::units::{SERVICE, SOCKET, Units, folder};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// For the whole system, as root does unless --user is given
    #[arg(long, conflicts_with = "user")]
    system: bool,
    /// For your own login, as everybody else does
    #[arg(long)]
    user: bool,
    /// The router's port; else SLUGLINE_PORT, else 8080
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// The address that the router listens at; else SLUGLINE_BIND, else 127.0.0.1
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<IpAddr>,
    /// The router's port for TLS, with the certificates of `certs:add`; else SLUGLINE_TLS_PORT
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    tls_port: Option<u16>,
    /// Show the units, and do nothing
    #[arg(long)]
    print: bool,
    /// Stop it, and take the units away again
    #[arg(long, conflicts_with = "print")]
    remove: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let system = args.system || (!args.user && Uid::effective().is_root());
    let folder = folder(system, context.env.config_home())?;
    if args.remove {
        return remove(context, &folder, system);
    }
    context.ledger()?;
    let port = match args.port {
        Some(port) => port,
        None => match context.env.port()? {
            0 => {
                return Err(CommandError::failed(
                    "A unit needs a port of its own: --port N",
                ));
            }
            port => port,
        },
    };
    let program = std::env::current_exe().map_err(|error| CommandError::because(&error))?;
    let home = fs::canonicalize(&context.home).map_err(|error| CommandError::because(&error))?;
    let units = Units {
        program: &program,
        home: &home,
        port,
        bind: args.bind.map_or_else(|| context.env.bind(), Ok)?,
        tls_port: match args.tls_port {
            Some(port) => Some(port),
            None => context.env.tls_port()?.filter(|port| *port > 0),
        },
        user: if system { owner(&home)? } else { None },
        system,
    };
    if args.print {
        let (service, socket) = (units.service(), units.socket());
        let text = format!("# {SERVICE}\n{service}\n# {SOCKET}\n{socket}");
        context.ui.data(text.trim_end());
        return Ok(Status::Done);
    }
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| {
                let error =
                    CommandError::failed(format!("{} cannot be written: {error}", path.display()));
                match system && !Uid::effective().is_root() {
                    true => error.hint("Units of the system are root's: use sudo, or --user"),
                    false => error,
                }
            })
    };
    write(SERVICE, units.service())?;
    write(SOCKET, units.socket())?;
    context.ui.data(format_args!(
        "Wrote {SERVICE} and {SOCKET} to {}",
        folder.display()
    ));
    if matches!(context.env.key(), KeySource::File) {
        return begin(context, system);
    }
    // No secret is written into a unit without being asked for, and without it the daemon cannot begin.
    context.ui.warning(NEEDS_KEY);
    context
        .ui
        .status(format_args!("Then:\n{}", shown(&STEPS, system)));
    Ok(Status::Done)
}

/// What is to be done where the ledger's key comes from the environment.
const NEEDS_KEY: &str = "The ledger's key comes from SLUGLINE_KEY here, and is in no unit. Put the line SLUGLINE_KEY=… \
    into a file of mode 0600, and name that file to the service: `systemctl edit slugline.service` \
    (--user for your own), with the lines [Service] and EnvironmentFile=/PATH";

/// What makes systemd run it.
const STEPS: [&[&str]; 2] = [&["daemon-reload"], &["enable", "--now", SOCKET, SERVICE]];

/// The user that owns the home, unless that is root.
fn owner(home: &Path) -> Result<Option<String>, CommandError> {
    let metadata = fs::metadata(home).map_err(|error| CommandError::because(&error))?;
    let owner = Uid::from_raw(metadata.uid());
    if owner.is_root() {
        return Ok(None);
    }
    let name = User::from_uid(owner).ok().flatten().map(|user| user.name);
    Ok(Some(name.unwrap_or_else(|| owner.to_string())))
}

fn begin(context: &Context, system: bool) -> Outcome {
    if !Path::new("/run/systemd/system").exists() {
        context.ui.status(format_args!(
            "systemd does not run here. Where it does:\n{}",
            shown(&STEPS, system)
        ));
        return Ok(Status::Done);
    }
    // Two daemons of one home cannot be.
    if context.supervisor().shut_down()? {
        context
            .ui
            .status("Stopped the daemon that ran in the background.");
    }
    for step in STEPS {
        systemctl(system, step)?;
    }
    context.ui.data("Slugline runs, and will after a reboot");
    if !system {
        context
            .ui
            .status("So that it runs while you are not logged in: loginctl enable-linger");
    }
    Ok(Status::Done)
}

fn remove(context: &Context, folder: &Path, system: bool) -> Outcome {
    if !folder.join(SERVICE).exists() {
        return Err(CommandError::failed(format!(
            "There is no {SERVICE} in {}",
            folder.display()
        )));
    }
    if Path::new("/run/systemd/system").exists() {
        systemctl(system, &["disable", "--now", SOCKET, SERVICE])?;
    }
    for name in [SOCKET, SERVICE] {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(CommandError::because(&error));
            }
            _ => {}
        }
    }
    context.ui.data(format_args!(
        "Removed {SERVICE} and {SOCKET} from {}",
        folder.display()
    ));
    Ok(Status::Done)
}

fn words<'a>(system: bool, step: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["systemctl"];
    words.extend((!system).then_some("--user"));
    words.extend(step);
    words
}

fn shown(steps: &[&[&str]], system: bool) -> String {
    let lines: Vec<_> = steps
        .iter()
        .map(|step| format!("  {}", words(system, step).join(" ")))
        .collect();
    lines.join("\n")
}

fn systemctl(system: bool, step: &[&str]) -> Result<(), CommandError> {
    let words = words(system, step);
    let ran = Command::new(words[0])
        .args(&words[1..])
        .output()
        .map_err(|error| CommandError::because(&error))?;
    if ran.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    let text = format!("`{}` failed\n{}", words.join(" "), said.trim());
    Err(CommandError::failed(text))
}
