//! Plugins that are dynamic libraries, through the real binary: each that wants to do harm makes one
//! clear error, the ledger stays as it was, and the next command works. It must not know how they
//! are contained; `crates/plugin-host/tests/hostile` has many more of them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test panics"
)]

mod trouble;

use std::path::Path;
use std::process::Command;

use slugline_testkit::environment::Output;
use trouble::{MARKER, Trouble, does};

const MANIFEST: &str = "name: odd\nversion: 1.0.0\napi: 1\nsummary: Odd.\nentry: libodd.so\n\
                        hooks: [release.check]\n";

/// Installs a plugin in C whose `call` does this.
fn install(t: &Trouble, body: &str) {
    t.install("odd", MANIFEST, "");
    let folder = t.env.home().join("plugins/odd");
    let source = format!(
        r#"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "slugline.h"
static int32_t say(int32_t status, const char *text, uint8_t **reply, size_t *reply_len) {{
  *reply = (uint8_t *)strdup(text);
  *reply_len = strlen(text);
  return status;
}}
static int32_t call(const slugline_host *host, const uint8_t *request, size_t request_len,
                    uint8_t **reply, size_t *reply_len) {{
  {body}
}}
static void release(uint8_t *text, size_t length) {{ free(text); }}
static const slugline_table TABLE = {{SLUGLINE_ABI, "odd", call, release}};
const slugline_table *slugline_plugin(void) {{ return &TABLE; }}
"#
    );
    std::fs::write(folder.join("odd.c"), source).unwrap();
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/plugin-api/include");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o", "libodd.so", "odd.c", "-I"])
        .arg(include)
        .current_dir(folder)
        .output()
        .expect("a C compiler named cc is there");
    let said = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "{said}");
    t.approve("odd");
}

#[test]
fn a_hostile_library_changes_nothing() {
    let t = Trouble::new(&["myapp"], |env| {
        does(&env.run(["addons:add", "releases:advanced"]));
        does(&env.run(["config:add", &format!("SECRET={MARKER}")]));
    });
    let check = |body: &str, why: &str| {
        install(&t, body);
        let why = format!("odd: the plugin odd failed in release.check: {why}");
        t.refuses(&["config:add", "A=2"], 1, &why);
    };
    let failed = "return say(SLUGLINE_FAILED, strerror(errno), reply, reply_len);";
    check("*(volatile int *)0 = 1;", "it died with SIGSEGV");
    check("abort();", "it died with SIGABRT");
    check("exit(0);", "it ended with status 0 before it answered");
    check("for (;;);", "took longer than 1 s");
    let ledger = t.env.home().join("ledger.db");
    let opens = format!("open({:?}, O_RDWR); {failed}", ledger.display().to_string());
    check(&opens, "Function not implemented");
    let kills = format!("kill(getppid(), SIGKILL); {failed}");
    check(&kills, "Function not implemented");
    // A request holds names of config vars, and no value.
    let tells = "char *all = malloc(request_len + 1); memcpy(all, request, request_len);\n\
                 all[request_len] = 0; return say(SLUGLINE_FAILED, all, reply, reply_len);";
    install(&t, tells);
    let output: Output = t.env.run(["config:add", "A=2"]);
    trouble::hides_the_marker(&output);
    assert!(output.stderr.contains("\"SECRET\""), "{output}");
    install(
        &t,
        "return say(SLUGLINE_REPLIED, \"{\\\"reply\\\":\\\"done\\\"}\", reply, reply_len);",
    );
    let output = t.env.run(["config:add", "NEXT=1"]);
    assert!(output.stdout.ends_with(" done, v2\n"), "{output}");
}
