//! Plugins that are dynamic libraries: the example in Rust, and some in C, through a real process.

#![cfg(test)]

mod common;

use std::path::Path;

use common::*;
use slugline_core::bill::Bill;
use slugline_core::port::{Keep, Policies, Proposal, Providers, ProvisionRequest};
use slugline_core::resource::Options;
use slugline_plugin_host::{MemoryStore, PluginHost, Settings};

fn manifest(name: &str, more: &str) -> String {
    format!("name: {name}\nversion: 1.0.0\napi: 1\nsummary: A test.\nentry: libtest.so\n{more}\n")
}

/// Installs a plugin in C with this body; what is before it comes first.
fn install_c(home: &Path, name: &str, more: &str, before: &str, body: &str) {
    install(home, name, &manifest(name, more), "");
    let library = home.join("plugins").join(name).join("libtest.so");
    native::compile(&native::in_c(name, before, body), &library);
}

fn host(home: &Path) -> PluginHost {
    let settings = Settings {
        store: Some(std::rc::Rc::new(MemoryStore::default())),
        ..settings()
    };
    load(home, settings).unwrap()
}

/// What is objected to a proposal.
fn objections(host: &PluginHost, proposal: &Proposal<'_>) -> Vec<String> {
    let objections = host.check(proposal).objections.into_iter();
    objections
        .map(|it| format!("{}: {}", it.plugin, it.reason))
        .collect()
}

#[test]
fn the_example_in_rust_caps_what_is_spent() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("plugins/spending-cap");
    std::fs::create_dir_all(&folder).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/spending-cap");
    std::fs::copy(shipped.join("plugin.yaml"), folder.join("plugin.yaml")).unwrap();
    std::fs::copy(native::spending_cap(), folder.join("libspending_cap.so")).unwrap();
    let (app, jim, change) = (app(), jim(), deploy());
    let check = |settings: &str, bill: [u64; 2], owner: [u64; 2], expected: &[&str]| {
        std::fs::write(folder.join("settings.yaml"), settings).unwrap();
        let of = |[before, after]: [u64; 2]| Some(Bill { before, after });
        let proposal = Proposal {
            bill: of(bill),
            owner_bill: of(owner),
            ..proposal(&app, &jim, &change)
        };
        assert_eq!(
            objections(&host(home.path()), &proposal),
            expected,
            "{settings}"
        );
    };
    let example = std::fs::read_to_string(shipped.join("settings.yaml.example")).unwrap();
    check(&example, [0, 5000], [0, 5000], &[]);
    let app_cap = "spending-cap: myapp would cost $50.01 a month; the cap of an app is $50";
    check(&example, [0, 5001], [0, 5001], &[app_cap]);
    let owner_cap = "spending-cap: the apps of jim@example.com would cost $210 a month; \
                     the cap of an owner is $200";
    check(&example, [0, 2000], [19000, 21000], &[owner_cap]);
    check(&example, [9000, 8000], [30000, 29000], &[]);
    check("owner: 10", [0, 999_999], [0, 1000], &[]);
    check("", [0, 999_999], [0, 999_999], &[]);
    let wrong = "spending-cap: the plugin spending-cap failed in billing.check: \
                 settings.yaml: unknown field `ap`, expected `app` or `owner`";
    check("ap: 10", [0, 1], [0, 1], &[wrong]);
}

#[test]
fn a_library_in_c_answers_every_kind_of_hook() {
    let home = tempfile::tempdir().unwrap();
    let more = "hooks: [release.check]\n\
                addons: { test: { config: [A], plans: { free: { price: free } } } }\n\
                tiers: { test: { price: free } }";
    let body = r#"
  if (memmem(request, request_len, "addon.provision", 15))
    reply("{\"reply\":\"provision\",\"value\":{\"config\":{\"A\":\"one\"},\"message\":\"hi\"}}");
  if (memmem(request, request_len, "tier.keep", 9))
    reply("{\"reply\":\"kept\",\"value\":{\"versions\":[2]}}");
  if (memmem(request, request_len, "575bfa8", 7))
    reply("{\"reply\":\"denied\",\"value\":\"not this\"}");
  reply(DONE);"#;
    install_c(home.path(), "test", more, "", body);
    let host = host(home.path());
    let (app, jim, change) = (app(), jim(), deploy());
    let asked = objections(&host, &proposal(&app, &jim, &change));
    assert_eq!(asked, ["test: not this"]);
    let resource = host.provision(&ProvisionRequest {
        app: &app,
        id: &id(),
        plan: &plan("test:free"),
        options: &Options::new(),
        taken_ports: &[],
    });
    let resource = resource.unwrap();
    assert_eq!(resource.config.values().next().unwrap().reveal(), "one");
    assert_eq!(resource.message, "hi");
    let mut history = || vec![entry(3, "succeeded"), entry(2, "succeeded")];
    let kept = host.keep(&plan("releases:test"), &mut history);
    let two = slugline_core::release::Version::new(2);
    assert_eq!(kept, Ok(Keep::Only([two].into())));
}

/// Puts a question and fails with the answer.
const ASKS: &str = r#"
static int32_t asked(const slugline_host *host, const char *question, uint8_t **out,
                     size_t *out_len) {
  const uint8_t *answer;
  size_t length;
  if (host->ask(host, (const uint8_t *)question, strlen(question), &answer, &length))
    return failed(out, out_len, "not understood");
  return failed(out, out_len, "%.*s", (int)length, (const char *)answer);
}
"#;

#[test]
fn a_library_asks_for_what_it_was_granted() {
    let home = tempfile::tempdir().unwrap();
    let check = |more: &str, question: &str, expected: &str| {
        let more = format!("hooks: [release.check]\n{more}");
        let question = question.replace('"', "\\\"");
        let body = format!("  return asked(host, \"{question}\", out, out_len);");
        install_c(home.path(), "test", &more, ASKS, &body);
        let (app, jim, change) = (app(), jim(), deploy());
        let asked = objections(&host(home.path()), &proposal(&app, &jim, &change));
        let expected = format!("test: the plugin test failed in release.check: {expected}");
        assert_eq!(asked, [expected], "{question}");
    };
    let store = "permissions: { store: true }";
    let get = r#"{"service":"store.get","question":"a"}"#;
    check(store, get, r#"{"answer":"value","value":null}"#);
    let refused =
        r#"{"answer":"refused","value":"it is not granted: set permissions.store in plugin.yaml"}"#;
    check("", get, refused);
    let port = r#"{"service":"port","question":"0123"}"#;
    let no_port =
        r#"{"answer":"refused","value":"only a provision or a change of plan has a port"}"#;
    check("", port, no_port);
    check("", r#"{"service":"sudo"}"#, "not understood");
    let http =
        r#"{"service":"http.request","question":{"method":"GET","url":"http://127.0.0.1:1"}}"#;
    let hosts = r#"{"answer":"refused","value":"it is not granted: list hosts under permissions.http in plugin.yaml"}"#;
    check("", http, hosts);
    let other = r#"{"answer":"refused","value":"127.0.0.1:1 is not granted under permissions.http in plugin.yaml"}"#;
    check("permissions: { http: [example.com] }", http, other);
}

#[test]
fn a_library_that_is_none_is_said() {
    let home = tempfile::tempdir().unwrap();
    let more = "hooks: [release.check]";
    install(home.path(), "test", &manifest("test", more), "");
    let library = home.path().join("plugins/test/libtest.so");
    let (app, jim, change) = (app(), jim(), deploy());
    let said = || {
        let said = objections(&host(home.path()), &proposal(&app, &jim, &change)).remove(0);
        let begin = "test: the plugin test failed in release.check: ";
        said.strip_prefix(begin).map(str::to_owned).unwrap_or(said)
    };
    let missing = said();
    assert!(
        missing.starts_with("cannot read libtest.so: No such file"),
        "{missing}"
    );
    std::fs::write(&library, "no library").unwrap();
    let text = said();
    let begin = "cannot load libtest.so: ";
    assert!(
        text.starts_with(begin) && text.contains("too short"),
        "{text}"
    );
    native::compile("int other(void) { return 1; }", &library);
    assert_eq!(
        said(),
        "cannot load libtest.so: it does not export slugline_plugin"
    );
    native::compile("const void *slugline_plugin(void) { return 0; }", &library);
    assert_eq!(
        said(),
        "cannot load libtest.so: slugline_plugin answered no table"
    );
    let later = "static const unsigned T[8] = {2}; const void *slugline_plugin(void) { return T; }";
    native::compile(later, &library);
    let version = "cannot load libtest.so: its table is of version 2, and Slugline's of version 1";
    assert_eq!(said(), version);
    native::compile(&native::in_c("other", "", "reply(DONE);"), &library);
    let name = "the library is the plugin \"other\", and plugin.yaml is that of test";
    assert_eq!(said(), name);
}
