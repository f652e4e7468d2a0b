//! What passes between Slugline and a dynamic library: one exported function,
//! [`SYMBOL`], that gives a table. `include/slugline.h` says the same for C. It must not know what
//! the bytes mean; they are the messages of [`crate::message`] and [`crate::protocol`] as JSON.

use std::ffi::{c_char, c_void};

/// The version of the tables. It is their first field, and is looked at before any other.
pub const ABI_VERSION: u32 = 1;

/// The name of the function that a library exports.
pub const SYMBOL: &str = "slugline_plugin";

/// The type of the function that a library exports. The table lives as long as the library.
pub type Export = unsafe extern "C" fn() -> *const Table;

/// What a call answers where the reply is a [`crate::message::Reply`].
pub const REPLIED: i32 = 0;
/// What a call answers where the reply is a text that says what failed.
pub const FAILED: i32 = 1;

/// The type of [`Table::call`].
pub type Call = unsafe extern "C" fn(
    host: *const Host,
    request: *const u8,
    request_len: usize,
    reply: *mut *mut u8,
    reply_len: *mut usize,
) -> i32;

/// The type of [`Table::free`].
pub type Free = unsafe extern "C" fn(reply: *mut u8, reply_len: usize);

/// The type of [`Host::ask`].
pub type Ask = unsafe extern "C" fn(
    host: *const Host,
    question: *const u8,
    question_len: usize,
    answer: *mut *const u8,
    answer_len: *mut usize,
) -> i32;

/// What a library gives to Slugline.
#[repr(C)]
#[derive(Debug)]
pub struct Table {
    /// [`ABI_VERSION`].
    pub abi: u32,
    /// The plugin's name, as in its manifest, with a NUL at its end.
    pub name: *const c_char,
    /// Answers a request, an [`crate::sdk::Asked`] as JSON: writes where the reply is and how long
    /// it is, and returns [`REPLIED`] or [`FAILED`]. The request is the caller's, and is gone after
    /// the call; the reply is the library's, until it is given back to `free`.
    pub call: Call,
    /// Takes back a reply.
    pub free: Free,
}

/// What Slugline gives to a library with each call.
#[repr(C)]
#[derive(Debug)]
pub struct Host {
    /// [`ABI_VERSION`].
    pub abi: u32,
    /// Slugline's own.
    pub context: *mut c_void,
    /// Asks for a service, a [`crate::protocol::Question`] as JSON: writes where the answer is, a
    /// [`crate::protocol::Answer`], and how long it is, and returns [`REPLIED`]; or [`FAILED`],
    /// where the question could not be read. The answer is Slugline's, and stays until the next
    /// question or the end of the call. Only the thread that was called may ask.
    pub ask: Ask,
}
