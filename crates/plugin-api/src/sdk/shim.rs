//! Makes the table of [`crate::abi`] from a [`Plugin`]. The only unsafe code of this crate: here,
//! and nowhere else, bytes come and go by address. It must not let a panic through.

#![expect(
    unsafe_code,
    reason = "a library and its host have nothing in common but addresses"
)]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::abi::{ABI_VERSION, FAILED, Host, REPLIED, Table};
use crate::message::Reply;
use crate::protocol::{Answer, Question};

use super::{Asked, Context, Failure, Plugin, answer};

// SAFETY: nothing changes a table, and its name is a constant.
unsafe impl Sync for Table {}

/// Exports a [`Plugin`](crate::sdk::Plugin) from a library. Once a library.
#[macro_export]
macro_rules! export {
    ($plugin:ty) => {
        /// What Slugline looks for.
        #[unsafe(no_mangle)]
        pub extern "C" fn slugline_plugin() -> *const $crate::abi::Table {
            static TABLE: $crate::abi::Table = $crate::sdk::table::<$plugin>();
            &raw const TABLE
        }
    };
}

/// The table of a plugin; [`crate::export!`] makes use of it.
#[must_use]
pub const fn table<P: Plugin>() -> Table {
    Table {
        abi: ABI_VERSION,
        name: P::NAME.as_ptr(),
        call: call::<P>,
        free,
    }
}

/// [`Table::call`] of a plugin.
unsafe extern "C" fn call<P: Plugin>(
    host: *const Host,
    request: *const u8,
    request_len: usize,
    reply: *mut *mut u8,
    reply_len: *mut usize,
) -> i32 {
    // SAFETY: the caller promises so many bytes there, for the time of the call.
    let request = unsafe { std::slice::from_raw_parts(request, request_len) };
    let answered = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller promises a host there, for the time of the call.
        respond::<P>(request, &|question| unsafe { ask(host, question) })
    }));
    let (status, bytes) = match answered {
        Ok(Ok(bytes)) => (REPLIED, bytes),
        Ok(Err(what)) => (FAILED, what.into_bytes()),
        Err(panic) => (FAILED, panicked(panic.as_ref()).into_bytes()),
    };
    let bytes = bytes.into_boxed_slice();
    // SAFETY: the caller promises two places to write to. `free` takes the box back.
    unsafe {
        *reply_len = bytes.len();
        *reply = Box::into_raw(bytes).cast();
    }
    status
}

/// [`Table::free`] of every plugin.
unsafe extern "C" fn free(reply: *mut u8, reply_len: usize) {
    let reply = std::ptr::slice_from_raw_parts_mut(reply, reply_len);
    // SAFETY: the caller promises that `call` wrote these two, and that they come back once.
    drop(unsafe { Box::from_raw(reply) });
}

fn respond<P: Plugin>(
    request: &[u8],
    ask: &dyn Fn(&Question) -> Result<Answer, String>,
) -> Result<Vec<u8>, String> {
    let asked: Asked = serde_json::from_slice(request).map_err(|error| error.to_string())?;
    let settings = &asked.settings;
    let context = Context { settings, ask };
    let reply = match answer::<P>(&asked.request, &context) {
        Ok(reply) => reply,
        Err(Failure::Denied(reason)) => Reply::Denied(reason),
        Err(Failure::Broken(what)) => return Err(what),
    };
    serde_json::to_vec(&reply).map_err(|error| error.to_string())
}

/// Puts a question to the host.
///
/// # Safety
/// There must be a host at `host`.
unsafe fn ask(host: *const Host, question: &Question) -> Result<Answer, String> {
    let question = serde_json::to_vec(question).map_err(|error| error.to_string())?;
    let (mut answer, mut answer_len) = (std::ptr::null(), 0);
    // SAFETY: there is a host, as the caller promises; and the places to write to are ours.
    let status = unsafe {
        let ask = (*host).ask;
        ask(
            host,
            question.as_ptr(),
            question.len(),
            &raw mut answer,
            &raw mut answer_len,
        )
    };
    if status != REPLIED || answer.is_null() {
        return Err("Slugline did not understand the question".to_owned());
    }
    // SAFETY: the host promises so many bytes there, until the next question.
    let answer = unsafe { std::slice::from_raw_parts(answer, answer_len) };
    serde_json::from_slice(answer).map_err(|error| error.to_string())
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", said.unwrap_or("without a text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::hook::Hook;
    use crate::message::{ReleaseCheck, ReleaseWatch, Request};
    use crate::sdk::{Opinion, deny};

    #[derive(Default)]
    struct Example;

    impl Plugin for Example {
        const NAME: &'static std::ffi::CStr = c"example";

        fn release_check(
            &self,
            check: &ReleaseCheck,
            context: &Context<'_>,
        ) -> Result<(), Failure> {
            match check.app.as_str() {
                "panics" => panic!("oh {}", check.app),
                "denied" => deny("no"),
                "asks" => deny(context.get("key")?.unwrap_or_default()),
                _ => Ok(()),
            }
        }

        fn release_watch(
            &self,
            watch: &ReleaseWatch,
            _context: &Context<'_>,
        ) -> Result<Opinion, Failure> {
            match watch.failed {
                0 => Ok(Opinion::Good),
                1 => Ok(Opinion::Unsure),
                2 => deny("two failed"),
                _ => panic!("too many"),
            }
        }
    }

    unsafe extern "C" fn answers(
        _host: *const Host,
        _question: *const u8,
        _question_len: usize,
        answer: *mut *const u8,
        answer_len: *mut usize,
    ) -> i32 {
        const ANSWER: &[u8] = br#"{"answer":"value","value":"kept"}"#;
        // SAFETY: the shim passes places of its own.
        unsafe {
            *answer = ANSWER.as_ptr();
            *answer_len = ANSWER.len();
        }
        REPLIED
    }

    fn check(app: &str, expected: (i32, &str)) {
        let request = Request::ReleaseCheck(ReleaseCheck {
            app: app.into(),
            actor: String::new(),
            change: String::new(),
            deploy: true,
            current: 0,
            config_keys: vec![],
            addons: vec![],
        });
        answers_with(request, expected);
    }

    fn answers_with(request: Request, expected: (i32, &str)) {
        let settings = crate::protocol::PluginSettings::default();
        let asked = serde_json::to_vec(&Asked { request, settings }).unwrap();
        let host = Host {
            abi: ABI_VERSION,
            context: std::ptr::null_mut(),
            ask: answers,
        };
        let table = table::<Example>();
        let (mut reply, mut length) = (std::ptr::null_mut(), 0);
        // SAFETY: all that is pointed to lives to the end of this function.
        unsafe {
            let (at, to) = (asked.as_ptr(), &raw mut reply);
            let status = (table.call)(&raw const host, at, asked.len(), to, &raw mut length);
            let text = std::slice::from_raw_parts(reply, length);
            let text = String::from_utf8(text.to_vec()).unwrap();
            (table.free)(reply, length);
            assert_eq!((status, text.as_str()), expected);
        }
    }

    #[test]
    fn a_plugin_answers_through_its_table() {
        check("myapp", (REPLIED, r#"{"reply":"done"}"#));
        check("denied", (REPLIED, r#"{"reply":"denied","value":"no"}"#));
        check("asks", (REPLIED, r#"{"reply":"denied","value":"kept"}"#));
        check("panics", (FAILED, "it panicked: oh panics"));
    }
    #[test]
    fn a_release_is_good_or_bad_or_neither() {
        let watch = |failed, expected| {
            let Request::ReleaseWatch(mut request) = example::request(Hook::ReleaseWatch) else {
                panic!("another example");
            };
            request.failed = failed;
            answers_with(Request::ReleaseWatch(request), expected);
        };
        watch(0, (REPLIED, r#"{"reply":"good"}"#));
        watch(1, (REPLIED, r#"{"reply":"done"}"#));
        let denied = r#"{"reply":"denied","value":"two failed"}"#;
        watch(2, (REPLIED, denied));
        watch(3, (FAILED, "it panicked: too many"));
    }
}
