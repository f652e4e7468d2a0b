//! Hostile scripts. What they do is what they are for; nothing else is in them.

use super::Kind::{self, Check, Provision, Script};
use super::{Hostile, LATE};

const fn lua(kind: Kind, does: &'static str, source: &'static str, said: &'static str) -> Hostile {
    Hostile {
        kind,
        does,
        source,
        said,
    }
}

const MEMORY: &str = "wanted more than 64 MB of memory";

pub(crate) const SCRIPTS: &[Hostile] = &[
    lua(Check, "loops for ever", "while true do end", LATE),
    lua(
        Script,
        "loops while it is loaded",
        "while true do end",
        LATE,
    ),
    lua(
        Check,
        "catches the end of its time, and goes on",
        "while true do pcall(function() while true do end end) end",
        LATE,
    ),
    lua(
        Check,
        "catches the end of its time, and is content",
        "pcall(function() while true do end end)",
        LATE,
    ),
    lua(
        Check,
        "loops in an error handler",
        "xpcall(error, function() while true do end end)",
        LATE,
    ),
    lua(
        Check,
        "calls itself through pcall, again and again",
        "local function f() return pcall(f) end while true do f() end",
        LATE,
    ),
    lua(
        Check,
        "loops in a coroutine",
        "coroutine.wrap(function() while true do end end)()",
        LATE,
    ),
    lua(
        Check,
        "makes one looping coroutine after another",
        "while true do local c = coroutine.create(function() while true do end end) \
         coroutine.resume(c) end",
        LATE,
    ),
    lua(
        Check,
        "wakes a coroutine that yields for ever",
        "local c = coroutine.wrap(function() while true do coroutine.yield() end end) \
         while true do c() end",
        LATE,
    ),
    lua(
        Check,
        "matches a pattern that backtracks without end",
        "(('a'):rep(100000)):find('.-.-.-.-.-b')",
        LATE,
    ),
    lua(
        Check,
        "replaces with a pattern that backtracks",
        "while true do string.gsub(('a'):rep(100000), '.-b', '') end",
        LATE,
    ),
    lua(
        Check,
        "searches with a long set, in a loop",
        "while true do local _ = ('z'):rep(16000):find('[' .. ('y'):rep(4000) .. 'z]*b') end",
        LATE,
    ),
    lua(
        Check,
        "sorts with a function that loops",
        "table.sort({ 2, 1 }, function() while true do end end)",
        LATE,
    ),
    lua(
        Check,
        "sorts long texts that differ at their end",
        "local x = ('a'):rep(8e6) local b, c, t = x .. 'b', x .. 'c', {} \
         for i = 1, 300000 do t[i] = if i % 2 == 0 then b else c end table.sort(t)",
        LATE,
    ),
    lua(
        Check,
        "loops in a function given to the library",
        "slugline.filter({ 1 }, function() while true do end end)",
        LATE,
    ),
    lua(
        Check,
        "loops when a field is read",
        "return setmetatable({}, { __index = function() while true do end end }).x",
        LATE,
    ),
    lua(
        Check,
        "raises an error whose text never ends",
        "error(setmetatable({}, { __tostring = function() while true do end end }))",
        LATE,
    ),
    lua(
        Check,
        "logs without end",
        "while true do print('noise') end",
        LATE,
    ),
    lua(
        Check,
        "takes random bytes without end",
        "while true do slugline.secret(1024) end",
        LATE,
    ),
    lua(
        Check,
        "forbids, and catches it, without end",
        "while true do pcall(slugline.deny, 'no') end",
        LATE,
    ),
    lua(
        Check,
        "fills a table without end",
        "local t = {} while true do t[#t + 1] = table.create(1000, 0) end",
        MEMORY,
    ),
    lua(
        Check,
        "doubles a text without end",
        "local s = 'x' while true do s ..= s end",
        MEMORY,
    ),
    lua(
        Check,
        "makes one table of 1 GB",
        "return table.create(6e7, 1)",
        MEMORY,
    ),
    lua(
        Check,
        "makes functions without end",
        "local t = {} while true do table.insert(t, function() return t end) end",
        MEMORY,
    ),
    lua(
        Check,
        "joins a thousand million bytes",
        "return table.concat(table.create(1e5, ('x'):rep(1e4)))",
        MEMORY,
    ),
    lua(
        Script,
        "eats memory while it is loaded",
        "local s = 'x' while true do s ..= s end",
        MEMORY,
    ),
    lua(
        Check,
        "repeats a text a thousand million times",
        "return ('x'):rep(1e9)",
        "init.lua:2: string.rep: the result is longer than",
    ),
    lua(
        Check,
        "searches one long text for another",
        "(('a'):rep(4e6)):find(('a'):rep(2e6) .. 'b', 1, true)",
        "init.lua:2: string.find: the two texts are too long together",
    ),
    lua(
        Check,
        "splits a long text at another",
        "string.split(('a'):rep(4e6), ('a'):rep(2e6) .. 'b')",
        "init.lua:2: string.split: the two texts are too long together",
    ),
    lua(
        Check,
        "formats a number to a hundred million digits",
        "return ('%99999999d'):format(1)",
        "init.lua:2: invalid",
    ),
    lua(
        Check,
        "moves two thousand million fields",
        "table.move({}, 1, 2e9, 2)",
        "init.lua:2: attempt to call a nil value",
    ),
    lua(
        Check,
        "recurses without end",
        "local function f() return 1 + f() end f()",
        "init.lua:2: stack overflow",
    ),
    lua(
        Check,
        "decodes JSON that is nested a hundred thousand deep",
        "slugline.json.decode(('['):rep(1e5))",
        "init.lua:2: slugline.json.decode: recursion limit exceeded",
    ),
    lua(
        Check,
        "encodes a table that contains itself",
        "local t = {} t.t = t slugline.json.encode(t)",
        "init.lua:2: slugline.json.encode: t.t.t.t.t.t.t.t is nested deeper than 64",
    ),
    lua(
        Script,
        "is bytecode",
        "\u{1}\u{2}\u{3}",
        "attempt to load a binary chunk",
    ),
    lua(
        Check,
        "loads code from a text",
        "loadstring('return 1')()",
        "init.lua:2: attempt to call a nil value",
    ),
    lua(
        Check,
        "loads code from a file",
        "require('/etc/passwd')",
        "init.lua:2: attempt to call a nil value",
    ),
    lua(
        Check,
        "opens a file",
        "io.open('@LEDGER@')",
        "init.lua:2: attempt to index nil with 'open'",
    ),
    lua(
        Check,
        "runs a program",
        "os.execute('sh')",
        "init.lua:2: attempt to index nil with 'execute'",
    ),
    lua(
        Check,
        "reaches for another function's globals",
        "getfenv(2).slugline = nil",
        "init.lua:2: attempt to call a nil value",
    ),
    lua(
        Check,
        "reaches for the debugger",
        "debug.traceback()",
        "init.lua:2: attempt to index nil with 'traceback'",
    ),
    lua(
        Check,
        "replaces a function of the library of texts",
        "string.rep = print",
        "init.lua:2: attempt to modify a readonly table",
    ),
    lua(
        Check,
        "replaces it without asking the metatable",
        "rawset(string, 'rep', print)",
        "init.lua:2: attempt to modify a readonly table",
    ),
    lua(
        Check,
        "changes what all texts have in common",
        "getmetatable('').__index = {}",
        "init.lua:2: ",
    ),
    lua(
        Check,
        "replaces slugline.deny",
        "slugline.deny = print",
        "init.lua:2: attempt to modify a readonly table",
    ),
    lua(
        Check,
        "puts a metatable on the globals",
        "setmetatable(string, {})",
        "init.lua:2: ",
    ),
    lua(
        Check,
        "raises an error of a million characters",
        "error(('x'):rep(1e6), 0)",
        "init.lua:2: xxxx",
    ),
    lua(
        Check,
        "raises an error that paints the terminal",
        "error('\\27[31mred\\nsecond line', 0)",
        "init.lua:2:  [31mred",
    ),
    lua(
        Check,
        "yields to the host",
        "coroutine.yield()",
        "init.lua:2: attempt to yield",
    ),
    lua(
        Check,
        "calls a host that it was not granted",
        "slugline.http.request({ url = 'http://127.0.0.1:1' })",
        "init.lua:2: slugline.http is not granted: list hosts under permissions.http in plugin.yaml",
    ),
    lua(
        Check,
        "keeps values without having been granted to",
        "slugline.store.set('a', 'b')",
        "init.lua:2: slugline.store is not granted: set permissions.store in plugin.yaml",
    ),
    lua(
        Check,
        "answers a check with a value",
        "return true",
        "a check forbids with slugline.deny(reason) and returns nothing; it returned a boolean",
    ),
    lua(
        Provision,
        "answers ten thousand million bytes that are one text",
        "local s = ('x'):rep(1e6) local t = {} for i = 1, 10000 do t[i] = s end \
         return { process = t }",
        "process[2] makes it larger than 1048576 bytes",
    ),
    lua(
        Provision,
        "answers a table in which each level holds the next one twice, sixty deep",
        "local t = {} for i = 1, 60 do t = { t, t } end return { config = t }",
        "config[1][1][1][1][1][1][1] makes it larger than 1048576 bytes",
    ),
    lua(
        Provision,
        "answers a table that is nested a hundred deep",
        "local t = 1 for i = 1, 100 do t = { t } end return { config = t }",
        "config[1][1][1][1][1][1][1] is nested deeper than 64",
    ),
    lua(
        Provision,
        "answers a table that contains itself",
        "local t = {} t.config = t return t",
        "config.config.config.config.config.config.config.config is nested deeper than 64",
    ),
    lua(
        Provision,
        "answers a function",
        "return { config = { A = print } }",
        "config.A cannot be a function",
    ),
    lua(
        Provision,
        "answers what is no text",
        "return { config = { A = '\\255' } }",
        "config.A must be UTF-8 text",
    ),
    lua(
        Provision,
        "answers a config var that it did not promise",
        "return { config = { PATH = '/tmp' } }",
        "config.PATH is not listed under addons.hostile.config in plugin.yaml",
    ),
    lua(
        Provision,
        "answers a program that it was not granted",
        "return { process = { 'sh', '-c', 'true' } }",
        "process[1]: sh is not listed under permissions.run in plugin.yaml",
    ),
    lua(
        Provision,
        "answers a port that it made up",
        "return { port = 22 }",
        "port must be the one that slugline.port answered",
    ),
    lua(
        Provision,
        "loops while it makes a resource",
        "while true do request.app ..= 'x' request.app = request.app:sub(1, 5) end",
        LATE,
    ),
];
