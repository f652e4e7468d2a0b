//! The library against clumsy scripts: what it says of a mistake, and what it does when used well.

use super::*;

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
