//! The sandbox against hostile scripts: each ends in time, within its memory, and touches nothing.

use super::*;

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
