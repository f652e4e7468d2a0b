//! The sandbox against hostile and clumsy scripts, each through a real VM with small limits.

use super::*;
use crate::limits::Limits;
use crate::process::Deadline;
use crate::service::Services;
use crate::settings::Settings;
use crate::world::World;
use slugline_plugin_api::manifest::{Manifest, Permissions, Plan, Service};
use slugline_plugin_api::message::{HistoryEntry, KeepRequest, ProvisionRequest, ReleaseCheck};
use slugline_plugin_api::protocol::{Answer, Question};
use std::cell::RefCell;
use std::time::Instant;

/// Little memory, and time enough that a busy machine changes nothing.
fn limits() -> Limits {
    Limits {
        check: Duration::from_secs(20),
        call: Duration::from_secs(20),
        memory: 16 << 20,
        ..Limits::default()
    }
}

/// For scripts that never end.
fn hasty() -> Settings {
    let time = Duration::from_millis(150);
    Settings {
        limits: Limits {
            check: time,
            call: time,
            ..limits()
        },
        ..Settings::default()
    }
}

fn manifest() -> Rc<Manifest> {
    let plan = Plan {
        price: "free".into(),
        summary: String::new(),
    };
    let service = Service {
        default: None,
        config: vec!["A".into()],
        summary: None,
        plans: [("free".to_owned(), plan.clone())].into(),
    };
    Rc::new(Manifest {
        name: "test".into(),
        version: "1".into(),
        api: 1,
        summary: "s".into(),
        entry: "init.lua".into(),
        permissions: Permissions::default(),
        addons: [("test".to_owned(), service)].into(),
        hooks: vec![Hook::ReleaseCheck],
        tiers: [("test".to_owned(), plan)].into(),
    })
}

/// The parts that a manifest promises, for scripts that only care about one of them.
const PARTS: &str = "local a = slugline.addon('test') function a.provision() end \
                     slugline.tier('test') ";

fn settings() -> Settings {
    Settings {
        limits: limits(),
        ..Settings::default()
    }
}

/// Performs what a script asks for as Slugline does, without a process between.
struct Here {
    manifest: Rc<Manifest>,
    settings: Settings,
    request: RefCell<Option<Request>>,
}

impl World for Here {
    fn ask(&self, question: Question) -> Result<Answer, String> {
        let request = self.request.borrow();
        let deadline = Deadline::after(self.settings.limits.call);
        let services = match &*request {
            Some(it) => Services::during(&self.manifest, &self.settings, it, &deadline),
            None => Services::while_loading(&self.manifest, &self.settings),
        };
        match services.perform(question) {
            Answer::Refused(what) => Err(what),
            answer => Ok(answer),
        }
    }
}

/// A script that is loaded, and its surroundings.
struct Loaded {
    script: Script,
    here: Rc<Here>,
}

impl Loaded {
    fn of(manifest: &Rc<Manifest>, source: &str, settings: &Settings) -> Result<Self, Fault> {
        let here = Rc::new(Here {
            manifest: Rc::clone(manifest),
            settings: settings.clone(),
            request: RefCell::new(None),
        });
        let plugin = Sandboxed {
            manifest,
            limits: &settings.limits,
            settings: serde_json::from_str(r#"{"cap": 5, "deep": {"list": ["a"]}}"#).unwrap(),
            mail: false,
            world: Rc::clone(&here) as Rc<dyn World>,
        };
        let script = Script::load(plugin, source, settings.limits.check)?;
        Ok(Self { script, here })
    }

    fn call(&self, request: &Request) -> Result<Reply, Fault> {
        *self.here.request.borrow_mut() = Some(request.clone());
        let time = self.here.settings.limits.time(request.hook());
        self.script.call(request, time)
    }
}

fn check_request() -> Request {
    Request::ReleaseCheck(ReleaseCheck {
        app: "myapp".into(),
        actor: "jim@example.com".into(),
        change: "Deploy 575bfa8".into(),
        deploy: true,
        current: 3,
        config_keys: vec!["A".into()],
        addons: vec![],
    })
}

fn provision_request() -> Request {
    Request::Provision(ProvisionRequest {
        app: "myapp".into(),
        id: "0123456789abcdef0123456789abcdef".into(),
        service: "test".into(),
        plan: "free".into(),
        options: [("x".to_owned(), "y".to_owned())].into(),
        key: "k".into(),
        port: None,
        taken_ports: vec![],
    })
}

fn keep_request(count: u64) -> Request {
    let entry = |version| HistoryEntry {
        version,
        age_days: count - version,
        change: "Config add A".into(),
        actor: "jim@example.com".into(),
        status: if version % 5 == 0 {
            "failed"
        } else {
            "succeeded"
        }
        .into(),
        deploy: false,
    };
    Request::Keep(KeepRequest {
        tier: "test".into(),
        history: (1..=count).rev().map(entry).collect(),
    })
}

fn run(source: &str, request: &Request) -> Result<Reply, Fault> {
    Loaded::of(&manifest(), source, &settings())?.call(request)
}

/// Runs a check with this body.
fn check_body(body: &str) -> Result<Reply, Fault> {
    check_with(body, &settings())
}

fn check_with(body: &str, settings: &Settings) -> Result<Reply, Fault> {
    let source = format!("{PARTS} slugline.on('release.check', function(check)\n{body}\nend)");
    Loaded::of(&manifest(), &source, settings)?.call(&check_request())
}

/// Runs a provision with this body.
fn provision_body(body: &str) -> Result<Reply, Fault> {
    let all = format!(
        "slugline.tier('test') slugline.on('release.check', print) \
         function slugline.addon('test').provision(request)\n{body}\nend"
    );
    let all = all.replace(
        "function slugline.addon('test').provision",
        "local a = slugline.addon('test') function a.provision",
    );
    run(&all, &provision_request())
}

/// The script ends in time, with one line that begins as expected.
fn contained(body: &str, run: impl Fn(&str) -> Result<Reply, Fault>, expected: &str) {
    let begun = Instant::now();
    let answer = run(body);
    let took = begun.elapsed();
    let fault = answer.expect_err(body).to_string();
    assert!(
        fault.starts_with(expected),
        "{body}\n  got:      {fault}\n  expected: {expected}"
    );
    assert_eq!(fault.lines().count(), 1, "{body}: {fault}");
    assert!(fault.chars().count() < 400, "{body}: {fault}");
    assert!(took < Duration::from_secs(5), "{body} took {took:?}");
}

/// The script ends at its deadline, whatever it makes of the error.
fn ends_late(body: &str, run: impl Fn(&str) -> Result<Reply, Fault>) {
    let time = hasty().limits.check;
    let begun = Instant::now();
    assert_eq!(run(body), Err(Fault::Late(time)), "{body}");
    let took = begun.elapsed();
    assert!(
        took < time + Duration::from_millis(500),
        "{body} took {took:?}"
    );
}

#[test]
fn whatever_runs_for_ever_ends_at_the_deadline() {
    for body in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "pcall(function() while true do end end)",
        "local function f() return pcall(f) end while true do f() end",
        "xpcall(function() while true do end end, function() while true do end end)",
        "coroutine.wrap(function() while true do end end)()",
        "while true do local c = coroutine.create(function() while true do end end) \
         coroutine.resume(c) end",
        "local c = coroutine.wrap(function() while true do coroutine.yield() end end) \
         while true do c() end",
        "local s = ('a'):rep(30000) while true do s:find(('a?'):rep(30) .. ('a'):rep(30)) end",
        "(('a'):rep(100000)):find('.-.-.-.-.-b')",
        "string.gsub(('a'):rep(100000), '.-b', '')",
        "local t = {} for i = 1, 1e5 do t[i] = i end \
         while true do table.sort(t, function(a, b) return a < b end) end",
        "table.sort(table.create(100000, ('a'):rep(1000)), function() while true do end end)",
        "local x = ('a'):rep(1e6) local b, c, t = x .. 'b', x .. 'c', {} \
         for i = 1, 20000 do t[i] = if i % 2 == 0 then b else c end table.sort(t)",
        "slugline.filter({1}, function() while true do end end)",
        "setmetatable({}, {__index = function() while true do end end}).x()",
        "while true do local _ = ('z'):rep(16000):find('[' .. ('y'):rep(4000) .. 'z]*b') end",
        "while true do slugline.secret(1024) end",
        "while true do print('noise') end",
        "while true do pcall(slugline.deny, 'no') end",
    ] {
        ends_late(body, |body| check_with(body, &hasty()));
    }
}

#[test]
fn a_script_that_never_finishes_loading_ends_at_the_deadline() {
    let load = |body: &str| Loaded::of(&manifest(), body, &hasty())?.call(&check_request());
    ends_late("while true do end", load);
    ends_late("while true do pcall(error) end", load);
}

#[test]
fn whatever_eats_memory_ends_at_the_limit() {
    for body in [
        "local t = {} while true do t[#t + 1] = table.create(1000, 0) end",
        "local s = 'x' while true do s ..= s end",
        "return table.create(6e7, 1)",
        "local t = {} for i = 1, 1e9 do t[i] = tostring(i) .. 'text' end",
        "local t = {} while true do table.insert(t, function() return t end) end",
        "return table.concat(table.create(1e5, ('x'):rep(1e4)))",
    ] {
        assert_eq!(check_body(body), Err(Fault::Memory(16 << 20)), "{body}");
    }
    // Caught, it goes on until one limit or the other ends it.
    let caught =
        "local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(1e6) .. #t end) end";
    let ended = check_with(caught, &hasty());
    assert!(
        matches!(ended, Err(Fault::Late(_) | Fault::Memory(_))),
        "{ended:?}"
    );
}

#[test]
fn long_work_in_the_library_is_refused_before_it_begins() {
    let check = |body: &str, expected: &str| contained(body, check_body, expected);
    check(
        "return ('x'):rep(1e9)",
        "init.lua:2: string.rep: the result is longer than",
    );
    check(
        "(('a'):rep(4e6)):find(('a'):rep(2e6) .. 'b', 1, true)",
        "init.lua:2: string.find: the two texts are too long together",
    );
    check(
        "(('a'):rep(4e6)):find(('a'):rep(2e6) .. 'b')",
        "init.lua:2: string.find: the pattern is longer than",
    );
    check(
        "string.split(('a'):rep(4e6), ('a'):rep(2e6) .. 'b')",
        "init.lua:2: string.split: the two texts are too long together",
    );
    for name in ["match", "gmatch", "gsub"] {
        let body = format!("string.{name}('z', '[' .. ('z'):rep(1e6) .. 'a]*b', '')");
        let expected = format!("init.lua:2: string.{name}: the pattern is longer than");
        check(&body, &expected);
    }
    check(
        "table.move({}, 1, 2e9, 2)",
        "init.lua:2: attempt to call a nil value",
    );
    check("return ('%99999999d'):format(1)", "init.lua:2: invalid");
    let source = format!("{PARTS} --[[{}]]", "x".repeat(300_000));
    let long = run(&source, &check_request()).expect_err("too long");
    assert_eq!(long.to_string(), "the script is longer than 262144 bytes");
}

#[test]
fn deep_recursion_is_an_error() {
    let check = |body: &str, expected: &str| contained(body, check_body, expected);
    check(
        "local function f() return 1 + f() end f()",
        "init.lua:2: stack overflow",
    );
    check(
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k .. 'x'] end \
         return t.a",
        "init.lua:2: ",
    );
    let nested = format!("return {}1{}", "(".repeat(20_000), ")".repeat(20_000));
    contained(&nested, check_body, "init.lua:2: ");
}

#[test]
fn there_is_no_way_out_of_the_sandbox() {
    for name in [
        "require",
        "io",
        "os",
        "loadstring",
        "load",
        "dofile",
        "getfenv",
        "setfenv",
        "newproxy",
        "debug",
        "collectgarbage",
        "gcinfo",
        "package",
        "buffer",
    ] {
        let body = format!("if {name} ~= nil then error('there', 0) end");
        assert_eq!(check_body(&body), Ok(Reply::Done), "{name}");
    }
    let bytecode = "\u{1}\u{2}\u{3}";
    assert!(run(bytecode, &check_request()).is_err());
}

#[test]
fn what_is_shared_cannot_be_changed() {
    for body in [
        "string.rep = print",
        "rawset(string, 'rep', print)",
        "getmetatable('').__index = {}",
        "table.sort = nil",
        "math.floor = print",
        "slugline.deny = print",
        "rawset(slugline, 'deny', print)",
        "slugline.json.encode = print",
        "slugline.settings.cap = 6",
        "slugline.settings.deep.list[1] = 'b'",
        "setmetatable(slugline, {})",
        "setmetatable(string, {})",
    ] {
        contained(body, check_body, "init.lua:2: ");
    }
    // Each script has globals of its own.
    let sets = format!("{PARTS} shared = 1 slugline.on('release.check', function() end)");
    let _one = Loaded::of(&manifest(), &sets, &settings()).unwrap();
    assert_eq!(check_body("assert(shared == nil)"), Ok(Reply::Done));
}

#[test]
fn an_error_of_any_kind_is_one_line() {
    let check = |body: &str, expected: &str| contained(body, check_body, expected);
    check(
        "local x = nil\nreturn x.y",
        "init.lua:3: attempt to index nil with 'y'",
    );
    check("error('plain')", "init.lua:2: plain");
    check("error('bare', 0)", "init.lua:2: bare");
    check("error('two\\nlines')", "init.lua:2: two");
    check("error({})", "init.lua:2: an error that is a table");
    check("error(nil)", "init.lua:2: nil");
    check("error()", "init.lua:2: nil");
    check("error(print)", "init.lua:2: an error that is a function");
    check(
        "error(coroutine.create(print))",
        "init.lua:2: an error that is a thread",
    );
    check("error(('x'):rep(1e6), 0)", "init.lua:2: xxxx");
    check("error('\\27[31mred', 0)", "init.lua:2:  [31mred");
    check("error('', 0)", "init.lua:2: an error without a text");
    check(
        "error('\\nstack traceback:\\n', 0)",
        "init.lua:2: an error without a text",
    );
    check(
        "error(setmetatable({}, {__tostring = function() error('no') end}))",
        "",
    );
    ends_late(
        "error(setmetatable({}, {__tostring = function() while true do end end}))",
        |body| check_with(body, &hasty()),
    );
}

#[test]
fn the_library_names_itself_and_the_line() {
    let check = |body: &str, expected: &str| contained(body, check_body, expected);
    check("coroutine.yield()", "init.lua:2: attempt to yield");
    check(
        "slugline.on('release.check', print)",
        "init.lua:2: slugline.on: this works only while",
    );
    check(
        "slugline.deny()",
        "init.lua:2: slugline.deny: a nil cannot be used as a string",
    );
    check(
        "slugline.deny(nil)",
        "init.lua:2: slugline.deny: a nil cannot be used as a string",
    );
    check(
        "slugline.http.request({})",
        "init.lua:2: slugline.http is not granted: list hosts",
    );
    check(
        "slugline.smtp.send({})",
        "init.lua:2: slugline.smtp is not granted: set",
    );
    check(
        "slugline.store.get('a')",
        "init.lua:2: slugline.store is not granted: set permissions.store",
    );
    check(
        "slugline.folder('a')",
        "init.lua:2: slugline.folder is not granted: set permissions.folder",
    );
    check(
        "slugline.deny(slugline.hmac_sha256('secret'))",
        "init.lua:2: slugline.hmac_sha256: a nil cannot be used as a string",
    );
    check(
        "slugline.dney('no')",
        "init.lua:2: there is no slugline.dney; did you mean deny?",
    );
    check(
        "return false",
        "a check forbids with slugline.deny(reason) and returns nothing; it",
    );
    check(
        "slugline.port('x')",
        "init.lua:2: slugline.port: only a provision or a change",
    );
    check(
        "slugline.secret(0)",
        "init.lua:2: slugline.secret: a secret has 1 to 1024",
    );
    check(
        "slugline.json.decode('{')",
        "init.lua:2: slugline.json.decode: EOF while parsing",
    );
    check(
        "slugline.json.encode(print)",
        "init.lua:2: slugline.json.encode: the value cannot be",
    );
    contained(
        "local = 1",
        |body| run(body, &check_request()),
        "init.lua:1: ",
    );
}

#[test]
fn a_denial_counts_even_if_it_is_caught() {
    let denied = |reason: &str| Ok(Reply::Denied(reason.to_owned()));
    assert_eq!(check_body("slugline.deny('no')"), denied("no"));
    assert_eq!(check_body("pcall(slugline.deny, 'no')"), denied("no"));
    assert_eq!(
        check_body("pcall(slugline.deny, 'one') slugline.deny('two')"),
        denied("one")
    );
    assert_eq!(
        check_body("slugline.deny('  ')"),
        denied("no reason was given")
    );
    assert_eq!(
        check_body("coroutine.wrap(function() slugline.deny('deep') end)()"),
        denied("deep")
    );
    let request = "if check.app == 'myapp' and check.deploy and check.current == 3 and \
                   check.config_keys[1] == 'A' then slugline.deny('seen') end";
    assert_eq!(check_body(request), denied("seen"));
}

#[test]
fn a_reply_is_bounded_and_names_what_is_wrong() {
    let check = |body: &str, expected: &str| contained(body, provision_body, expected);
    check("local t = {} for i = 1, 60 do t = {t, t} end return t", "");
    check(
        "local t = 1 for i = 1, 100 do t = {t} end return {config = t}",
        "config",
    );
    check(
        "local s = ('x'):rep(1e6) local t = {} for i = 1, 10000 do t[i] = s end return {process = t}",
        "process[2] makes it larger than 1048576 bytes",
    );
    check(
        "local t = {} for i = 1, 3e5 do t[i] = i end return {process = t}",
        "process",
    );
    check("local t = {} t.config = t return t", "config");
    check(
        "return 5",
        "the answer must be a table with config, process, message",
    );
    check(
        "return {config = 5}",
        "config must be a table of names and strings",
    );
    check("return {config = {A = 5}}", "config.A must be a string");
    check(
        "return {config = {A = print}}",
        "config.A cannot be a function",
    );
    check(
        "return {config = {A = '\\255'}}",
        "config.A must be UTF-8 text",
    );
    check(
        "return {config = {[true] = 'x'}}",
        "config has a key that is neither",
    );
    check(
        "return {config = {'x', A = 'x'}}",
        "config mixes a list and names",
    );
    check("return {message = 0/0}", "message must be a finite number");
    check(
        "return {process = {[1] = 'a', [3] = 'b'}}",
        "process is a list with holes",
    );
    check("return {process = {'a', 5}}", "process[2] must be a string");
    check(
        "return {process = {}}",
        "process must be a list of strings, the program first",
    );
    check(
        "return {proces = {}}",
        "proces is no field of the answer; did you mean process?",
    );
    check(
        "return coroutine.create(print)",
        "the value cannot be a thread",
    );
    check(
        "return slugline.port('other')",
        "init.lua:2: slugline.port: pass request.id",
    );
    assert_eq!(
        provision_body(
            "local m = setmetatable({}, {__index = function() while true do end end, \
                        __len = function() while true do end end, \
                        __iter = function() while true do end end}) return m"
        ),
        Ok(Reply::Provision(Default::default()))
    );
    assert_eq!(provision_body(""), Ok(Reply::Provision(Default::default())));
}

#[test]
fn a_tier_answers_releases_or_their_numbers() {
    let keep = |body: &str| {
        let source = format!(
            "local a = slugline.addon('test') function a.provision() end \
             slugline.on('release.check', print) \
             local t = slugline.tier('test') function t.keep(history)\n{body}\nend"
        );
        run(&source, &keep_request(9))
    };
    let kept = |body: &str, versions: &[u64]| match keep(body) {
        Ok(Reply::Kept(kept)) => assert_eq!(kept.versions, versions, "{body}"),
        other => panic!("{body}: {other:?}"),
    };
    kept(
        "return slugline.filter(history, function(r) return r.age_days <= 2 end)",
        &[9, 8, 7],
    );
    kept("return slugline.newest(history, 2)", &[9, 8]);
    kept("return slugline.newest(history, 5)", &[9, 8, 7, 6, 5, 4]);
    kept("return {4, history[1]}", &[4, 9]);
    kept("return {}", &[]);
    contained("return {[40] = true}", keep, "[40] must be a release");
    contained(
        "return {v40 = true}",
        keep,
        "the answer must be a list of releases",
    );
    contained("return nil", keep, "the answer must be a list of releases");
    contained("return {-1}", keep, "[1] must be a release");
    contained("return {{version = 'x'}}", keep, "[1] must be a release");
    contained(
        "slugline.deny('no')",
        keep,
        "init.lua:2: slugline.deny: tier.keep cannot forbid",
    );
}

#[test]
fn a_script_is_held_to_its_manifest() {
    let check = |source: &str, expected: &str| {
        contained(source, |source| run(source, &check_request()), expected);
    };
    check(
        "",
        "plugin.yaml lists the hook release.check, but the script does not listen to it",
    );
    let on = "slugline.on('release.check', print) ";
    check(
        on,
        "plugin.yaml lists the addon test, but the script has no slugline.addon(\"test\")",
    );
    check(
        &format!("{on} slugline.addon('test')"),
        "the add-on test has no function provision",
    );
    check(
        &format!("{on} slugline.addon('test').provison = print"),
        "the addon test has no place for provison; did you mean provision?",
    );
    check(
        &format!("{on} slugline.addon('test').provision = 1"),
        "provision of the addon test must be a function",
    );
    check(
        &format!("{on} slugline.addon('test').provision = print"),
        "plugin.yaml lists the tier test, but the script has no slugline.tier(\"test\")",
    );
    check(
        "slugline.addon('other')",
        "init.lua:1: slugline.addon: plugin.yaml has no \"other\"",
    );
    check(
        "slugline.on('release.chek', print)",
        "init.lua:1: slugline.on: there is no hook",
    );
    check(
        "slugline.on('billing.check', print)",
        "init.lua:1: slugline.on: billing.check is not listed under hooks in plugin.yaml",
    );
    check(
        &format!("{on}{on}"),
        "init.lua:1: slugline.on: release.check has a function already",
    );
    check(
        "slugline.deny('x')",
        "init.lua:1: slugline.deny: this works only inside a hook",
    );
}

#[test]
fn the_library_does_what_it_says() {
    let ok = |body: &str| assert_eq!(check_body(body), Ok(Reply::Done), "{body}");
    ok("assert(#slugline.secret(40) == 40 and slugline.secret(40) ~= slugline.secret(40))");
    ok("assert(string.match(slugline.secret(200), '^[%w_-]+$'))");
    ok("assert(slugline.time.now() > 1.7e9)");
    ok(
        "local t = slugline.json.decode('{\"a\":[1,2,{\"b\":null}],\"c\":\"ü\",\"d\":[]}')\n\
        assert(t.a[2] == 2 and t.c == 'ü')\n\
        assert(slugline.json.encode(t.a) == '[1,2,{\"b\":null}]')\n\
        assert(slugline.json.encode(t.d) == '[]' and slugline.json.encode({}) == '{}')",
    );
    ok("assert(('a b'):find(' ') == 2 and ('a.b'):find('.', 1, true) == 2)");
    ok("assert(('x=1'):match('(%w)=(%w)') == 'x' and ('aaa'):gsub('a', 'b', 2) == 'bba')");
    ok("assert(('ab'):rep(3) == 'ababab' and (''):rep(1e15) == '' and #('a,b'):split(',') == 2)");
    ok("local t = {3, 1, 2} table.sort(t) assert(t[1] == 1 and t[3] == 3)");
    ok("local n = 0 for word in ('a b c'):gmatch('%a') do n += 1 end assert(n == 3)");
    ok("assert(slugline.settings.cap == 5 and slugline.settings.deep.list[1] == 'a')");
    ok("assert(check.actor == 'jim@example.com')");
}

#[test]
fn a_script_logs_a_bounded_number_of_lines() {
    let lines = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&lines);
    let settings = Settings {
        log: Rc::new(move |plugin, line| sink.borrow_mut().push(format!("{plugin}: {line}"))),
        limits: limits(),
        ..Settings::default()
    };
    let source = format!(
        "{PARTS} slugline.on('release.check', function() \
         slugline.log('a\\nb', 1, true, nil, {{}}) \
         for i = 1, 10000 do print(i) end end)"
    );
    let script = Loaded::of(&manifest(), &source, &settings).unwrap();
    script.call(&check_request()).unwrap();
    assert_eq!(lines.borrow().len(), 100);
    let flood = format!("for i = 1, 10000 do print(i) end {PARTS}");
    assert!(Loaded::of(&manifest(), &flood, &settings).is_err());
    assert_eq!(lines.borrow().len(), 200);
    assert_eq!(lines.borrow()[0], "test: a");
    assert_eq!(lines.borrow()[1], "test: 1");
}

#[test]
fn the_same_script_goes_on_after_an_error_and_counts_across_calls() {
    let source = format!(
        "{PARTS} local n = 0 slugline.on('release.check', function() \
         n += 1 if n == 1 then error('first') end slugline.deny(tostring(n)) end)"
    );
    let script = Loaded::of(&manifest(), &source, &settings()).unwrap();
    assert!(script.call(&check_request()).is_err());
    assert_eq!(
        script.call(&check_request()),
        Ok(Reply::Denied("2".to_owned()))
    );
}
