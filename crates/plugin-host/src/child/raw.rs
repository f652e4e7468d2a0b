//! The only unsafe code of this crate: descriptors by number, and a library by address. It must not
//! decide anything.

#![expect(
    unsafe_code,
    reason = "descriptors are numbers here, and a library is addresses"
)]

use std::ffi::{CStr, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use nix::fcntl::{FcntlArg, fcntl};
use slugline_plugin_api::abi::{ABI_VERSION, Export, FAILED, Host, REPLIED, SYMBOL, Table};

/// Descriptors of ours are moved up to here, out of the way.
const UP: i32 = 10;

/// Closes every descriptor above the first three: whoever started Slugline may have left some open.
pub(super) fn close_inherited() {
    #[cfg(target_os = "linux")]
    // SAFETY: it takes numbers. Nothing of this process has opened a descriptor yet.
    let _ = unsafe { nix::libc::syscall(nix::libc::SYS_close_range, 3, nix::libc::c_uint::MAX, 0) };
}

/// A copy of a descriptor at a high number, which no other program inherits.
pub(super) fn move_up(descriptor: &impl AsFd) -> io::Result<OwnedFd> {
    let copy = fcntl(descriptor.as_fd(), FcntlArg::F_DUPFD_CLOEXEC(UP))?;
    // SAFETY: the kernel has just made it, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy.as_raw_fd()) })
}

/// A library that is loaded, and its table. It is never unloaded: threads of it may run.
pub(super) struct Loaded {
    table: &'static Table,
}

impl Loaded {
    /// Loads a library, which runs its constructors, and looks at its table.
    pub(super) fn open(path: &str) -> Result<Self, String> {
        // SAFETY: whatever the library does is contained by this process, which is there for it.
        let opened = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
        let library = opened.map_err(|error| why(&error))?;
        // SAFETY: the library promises that the symbol is this function.
        let export = unsafe { library.get::<Export>(SYMBOL) };
        let export = export.map_err(|_| format!("it does not export {SYMBOL}"))?;
        // SAFETY: as above.
        let table = unsafe { (*export)() };
        std::mem::forget(library);
        if table.is_null() || !table.is_aligned() {
            return Err(format!("{SYMBOL} answered no table"));
        }
        // SAFETY: the library promises a table there; the version is its first field in all of
        // them, and is all that is looked at before it is known.
        let version = unsafe { (&raw const (*table).abi).read() };
        if version != ABI_VERSION {
            return Err(format!(
                "its table is of version {version}, and Slugline's of version {ABI_VERSION}"
            ));
        }
        // SAFETY: the library promises that it lives as long as itself, which is for ever.
        let table = unsafe { &*table };
        Ok(Self { table })
    }

    /// The name in the table.
    pub(super) fn name(&self) -> String {
        if self.table.name.is_null() {
            return String::new();
        }
        // SAFETY: the library promises a text with a NUL at its end.
        let name = unsafe { CStr::from_ptr(self.table.name) };
        name.to_string_lossy().into_owned()
    }

    /// Calls it with a request. `Ok` is what it replied, `Err` what it says has failed; neither is
    /// longer than `most`.
    pub(super) fn call(
        &self,
        request: &[u8],
        most: usize,
        desk: &mut Desk<'_>,
    ) -> Result<Vec<u8>, Vec<u8>> {
        let host = Host {
            abi: ABI_VERSION,
            context: std::ptr::from_mut(desk).cast(),
            ask,
        };
        let (mut reply, mut length) = (std::ptr::null_mut(), 0);
        // SAFETY: the library promises this function there; what is passed lives until it returns.
        let status = unsafe {
            let (at, to) = (request.as_ptr(), &raw mut reply);
            (self.table.call)(&raw const host, at, request.len(), to, &raw mut length)
        };
        if reply.is_null() {
            return Err(b"it answered nothing".to_vec());
        }
        let bytes = if length > most {
            Err(format!("its reply of {length} bytes is over the limit of {most}").into_bytes())
        } else {
            // SAFETY: the library promises so many bytes there. Where it lies, this process dies.
            Ok(unsafe { std::slice::from_raw_parts(reply, length) }.to_vec())
        };
        // SAFETY: these two are what `call` wrote.
        unsafe { (self.table.free)(reply, length) };
        match (bytes?, status) {
            (bytes, REPLIED) => Ok(bytes),
            (bytes, _) => Err(bytes),
        }
    }
}

/// What the dynamic linker says, which is in the source of the error.
fn why(error: &libloading::Error) -> String {
    use std::error::Error as _;
    let source = error.source().map(ToString::to_string);
    source.unwrap_or_else(|| error.to_string())
}

/// Where a library puts its questions: what answers them, and the last answer, which it may read
/// until the next.
pub(super) struct Desk<'a> {
    pub(super) ask: &'a dyn Fn(&[u8]) -> Option<Vec<u8>>,
    pub(super) answer: Vec<u8>,
}

/// [`Host::ask`].
unsafe extern "C" fn ask(
    host: *const Host,
    question: *const u8,
    question_len: usize,
    answer: *mut *const u8,
    answer_len: *mut usize,
) -> i32 {
    // SAFETY: the library passes the host that it was given, whose context is a desk that lives
    // until the call returns; and it asks from the thread that was called, one thing at a time.
    let desk: &mut Desk<'_> = unsafe {
        let context: *mut c_void = (*host).context;
        &mut *context.cast()
    };
    // SAFETY: the library promises so many bytes there.
    let question = unsafe { std::slice::from_raw_parts(question, question_len) };
    let Some(bytes) = (desk.ask)(question) else {
        return FAILED;
    };
    desk.answer = bytes;
    // SAFETY: the library promises two places to write to.
    unsafe {
        *answer = desk.answer.as_ptr();
        *answer_len = desk.answer.len();
    }
    REPLIED
}
