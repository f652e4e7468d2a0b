//! Arming a command with the shim (`shim.c`, which says what the variables mean): the calls that it
//! makes are listed, or it ends at one of them. It must not know what is run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Which process a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    /// The command that is run.
    Command,
    /// The daemon that it starts.
    Serve,
    /// `slugline git:receive`, in the hook of a push.
    Hook,
}

impl Process {
    fn word(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Serve => "serve",
            Self::Hook => "hook",
        }
    }
}

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL before the call.
    Kill,
    /// SIGKILL after it.
    After,
    /// SIGKILL after half of what is written.
    Torn,
    /// The call fails, since the disk is full.
    Full,
    /// It fails, and so does each later one.
    FullFromThereOn,
    /// It fails, since the file system cannot be written to, and so does each later one.
    ReadOnlyFromThereOn,
    /// It fails, since the disk is broken.
    Broken,
}

impl Fault {
    fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::After => "after",
            Self::Torn => "torn",
            Self::Full => "ENOSPC",
            Self::FullFromThereOn => "ENOSPC+",
            Self::ReadOnlyFromThereOn => "EROFS+",
            Self::Broken => "EIO",
        }
    }

    /// Whether it stays as long as the process that met it.
    pub(crate) fn stays(self) -> bool {
        matches!(self, Self::FullFromThereOn | Self::ReadOnlyFromThereOn)
    }

    pub(crate) fn kills(self) -> bool {
        matches!(self, Self::Kill | Self::After | Self::Torn)
    }
}

/// Where.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At<'a> {
    /// At the point of this name.
    Point(&'a str),
    /// At the point of this place, from 1.
    Nth(usize),
}

/// The shim, compiled once in a test process.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults_kit/shim.c");
        let folder = tempfile_folder();
        let library = folder.join("shim.so");
        let mut cc = Command::new("cc");
        cc.args([
            "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o",
        ]);
        let compiled = cc.arg(&library).arg(source).arg("-ldl").status();
        assert!(
            compiled.is_ok_and(|status| status.success()),
            "the shim cannot be compiled: is there a C compiler?"
        );
        library
    })
}

/// A folder in the target folder that each test process has to itself.
fn tempfile_folder() -> PathBuf {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shim-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// Lets a command list its points in a file, one a line.
pub(crate) fn lists(command: &mut Command, home: &Path, process: Process, list: &Path) {
    watches(command, home, process);
    command.env("FAULTS_LIST", list);
}

/// Lets a fault happen to a command; the file `hit` is there once it has.
pub(crate) fn arm(
    command: &mut Command,
    home: &Path,
    process: Process,
    (at, fault): (At<'_>, Fault),
    hit: &Path,
) {
    watches(command, home, process);
    match at {
        At::Point(name) => command.env("FAULTS_AT", name),
        At::Nth(place) => command.env("FAULTS_NTH", place.to_string()),
    };
    command
        .env("FAULTS_DO", fault.word())
        .env("FAULTS_HIT", hit);
}

fn watches(command: &mut Command, home: &Path, process: Process) {
    command.env("LD_PRELOAD", library());
    command.env("FAULTS_HOME", home);
    command.env("FAULTS_PROCESS", process.word());
}
