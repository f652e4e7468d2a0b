//! Plugins that are dynamic libraries, for tests: the one in Rust that ships as an example, and C
//! that is compiled on the spot.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The example, as cargo built it for this test.
pub(crate) fn spending_cap() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let library = test.with_file_name("libspending_cap.so");
    assert!(library.is_file(), "{}", library.display());
    library
}

/// Compiles C into a library.
pub(crate) fn compile(source: &str, library: &Path) {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api/include");
    let file = library.with_extension("c");
    std::fs::write(&file, source).unwrap();
    let output = Command::new("cc")
        .args([
            "-std=gnu11",
            "-O1",
            "-Wall",
            "-Wno-unused",
            "-shared",
            "-fPIC",
            "-pthread",
            "-I",
        ])
        .arg(include)
        .arg("-o")
        .arg(library)
        .arg(&file)
        .output()
        .expect("a C compiler named cc is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{source}\n{said}");
}

/// A plugin in C whose `call` has this body. It has `request`, and answers with `reply("…")`, or
/// with `fail("…", …)`, which takes a format as printf does.
pub(crate) fn in_c(name: &str, before: &str, body: &str) -> String {
    format!(
        r##"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "slugline.h"

static int32_t answer(int32_t status, const char *text, uint8_t **reply, size_t *reply_len) {{
  *reply = (uint8_t *)strdup(text);
  *reply_len = strlen(text);
  return status;
}}
static int32_t failed(uint8_t **reply, size_t *reply_len, const char *format, ...) {{
  char text[1000];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  return answer(SLUGLINE_FAILED, text, reply, reply_len);
}}
#define reply(text) return answer(SLUGLINE_REPLIED, text, out, out_len)
#define fail(...) return failed(out, out_len, __VA_ARGS__)
#define DONE "{{\"reply\":\"done\"}}"

{before}

static int32_t call(const slugline_host *host, const uint8_t *request, size_t request_len,
                    uint8_t **out, size_t *out_len) {{
{body}
}}
static void release(uint8_t *text, size_t length) {{ free(text); }}
static const slugline_table TABLE = {{SLUGLINE_ABI, "{name}", call, release}};
const slugline_table *slugline_plugin(void) {{ return &TABLE; }}
"##
    )
}
