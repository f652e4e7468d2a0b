//! Config vars: set, shown, removed; any value comes back byte for byte; what would change nothing
//! makes no release.

use insta::assert_snapshot;
use slugline_tests::{QUIET, WEB, deploy, story, with_app};

#[test]
fn vars_are_set_shown_and_removed() {
    let environment = with_app(None);
    let told = story([
        environment.run(["config"]),
        environment.run(["config:add", "RACK_ENV=production", "MY_CONFIG_VAR=42"]),
        environment.run(["config", "set", "URL=http://example.com/?a=b&c=0123456789"]),
        environment.run(["config"]),
        environment.run(["config", "--shell"]),
        environment.run(["config", "--json"]),
        environment.run(["config", "get", "URL"]),
        environment.run(["config:get", "RACK_ENV", "--json"]),
        environment.run(["config:remove", "URL", "RACK_ENV"]),
        environment.run(["config", "unset", "MY_CONFIG_VAR", "RAKE_ENV"]),
        environment.run(["config", "--json"]),
    ]);
    assert_snapshot!(told, @r#"
    $ slugline config

    $ slugline config:add RACK_ENV=production MY_CONFIG_VAR=42
    Adding config vars:
      MY_CONFIG_VAR => 42
      RACK_ENV      => production
    Updating vars and restarting app... done, v1

    $ slugline config set 'URL=http://example.com/?a=b&c=0123456789'
    Adding config vars:
      URL => http://example.c...a=b&c=0123456789
    Updating vars and restarting app... done, v2

    $ slugline config
    MY_CONFIG_VAR => 42
    RACK_ENV      => production
    URL           => http://example.com/?a=b&c=0123456789

    $ slugline config --shell
    MY_CONFIG_VAR='42'
    RACK_ENV='production'
    URL='http://example.com/?a=b&c=0123456789'

    $ slugline config --json
    {
      "MY_CONFIG_VAR": "42",
      "RACK_ENV": "production",
      "URL": "http://example.com/?a=b&c=0123456789"
    }

    $ slugline config get URL
    http://example.com/?a=b&c=0123456789

    $ slugline config:get RACK_ENV --json
    "production"

    $ slugline config:remove URL RACK_ENV
    Removing config vars:
      RACK_ENV
      URL
    Updating vars and restarting app... done, v3

    $ slugline config unset MY_CONFIG_VAR RAKE_ENV
    Removing config vars:
      MY_CONFIG_VAR
    Updating vars and restarting app... done, v4
    2>  !    RAKE_ENV is not set.

    $ slugline config --json
    {}
    "#);
}

#[test]
fn what_would_change_nothing_makes_no_release() {
    let environment = with_app(None);
    let _ = environment.run(["config:add", "A=1", "B=2"]).success();
    let told = story([
        environment.run(["config:add", "A=1"]),
        environment.run(["config:add", "A=1", "B=2"]),
        environment.run(["config:remove", "C"]),
        environment.run(["config:add", "A=1", "B=3"]),
        environment.run(["config:add", "B=4", "--if-current", "v2"]),
    ]);
    assert_snapshot!(told, @r"
    $ slugline config:add A=1
    It has that value already; nothing has been changed.

    $ slugline config:add A=1 B=2
    They have those values already; nothing has been changed.

    $ slugline config:remove C
    C is not set.

    $ slugline config:add A=1 B=3
    Adding config vars:
      A => 1
      B => 3
    Updating vars and restarting app... done, v2

    $ slugline config:add B=4 --if-current v2
    Adding config vars:
      B => 4
    Updating vars and restarting app... done, v3
    ");
}

#[test]
fn what_cannot_be_is_refused() {
    let environment = with_app(None);
    let _ = environment
        .run(["config:add", "RACK_ENV=production"])
        .success();
    let _ = environment.run(["addons:add", "memcache"]).success();
    let large = format!("LARGE={}", "x".repeat(66_000));
    let refused = story([
        environment.run(["config:add", "RACK_ENV"]),
        environment.run(["config:add"]),
        environment.run(["config:add", "2ND=1"]),
        environment.run(["config:remove"]),
        environment.run(["config:get", "RAKE_ENV"]),
        environment.run(["config:get", "OTHER"]),
        environment.run(["config:add", "MEMCACHE_SERVERS=here"]),
        environment.run(["config:remove", "MEMCACHE_SERVERS"]),
        environment.run(["config:add", "A=1", "--if-current", "v1"]),
    ]);
    assert_snapshot!(refused, @r#"
    $ slugline config:add RACK_ENV
    2>  !    Usage: slugline config:add KEY=value [KEY2=value2 ...]
    [exit 2]

    $ slugline config:add
    2>  !    Usage: slugline config:add KEY=value [KEY2=value2 ...]
    [exit 2]

    $ slugline config:add 2ND=1
    2>  !    "2ND" is not a key for a config var: use letters, digits and _, not beginning with a digit
    [exit 1]

    $ slugline config:remove
    2>  !    Usage: slugline config:remove KEY1 [KEY2 ...]
    [exit 2]

    $ slugline config:get RAKE_ENV
    2>  !    RAKE_ENV is not set.
    2>  !    Did you mean RACK_ENV?
    [exit 1]

    $ slugline config:get OTHER
    2>  !    OTHER is not set.
    [exit 1]

    $ slugline config:add MEMCACHE_SERVERS=here
    2>  !    MEMCACHE_SERVERS belongs to memcache. Remove the add-on to remove it.
    [exit 1]

    $ slugline config:remove MEMCACHE_SERVERS
    2>  !    MEMCACHE_SERVERS belongs to memcache. Remove the add-on to remove it.
    [exit 1]

    $ slugline config:add A=1 --if-current v1
    2>  !    v1 is not current any more: myapp runs v2
    [exit 1]
    "#);
    let refused = environment.run(["config:add", &large]).fails(1);
    assert!(!refused.stderr.contains("xxx"), "a value is shown");
    assert!(
        refused.stderr.contains("the limit is 65536"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_dry_run_says_what_would_be_and_does_nothing() {
    let environment = with_app(None);
    deploy(&environment, QUIET, "575bfa8");
    let _ = environment.run(["config:add", "A=secret"]).success();
    let told = story([
        environment.run(["config:add", "A=hidden", "B=hidden", "--dry-run"]),
        environment.run(["config:remove", "A", "--dry-run"]),
        environment.run(["config:add", "A=secret", "--dry-run"]),
        environment.run(["config:get", "A"]),
    ]);
    assert_snapshot!(told, @r"
    $ slugline config:add A=hidden B=hidden --dry-run
    Would make v3 of myapp: Config add A, B
      config  ~ A
      config  + B
    2> Nothing has been changed.

    $ slugline config:remove A --dry-run
    Would make v3 of myapp: Config remove A
      config  - A
    2> Nothing has been changed.

    $ slugline config:add A=secret --dry-run
    It has that value already; nothing has been changed.

    $ slugline config:get A
    secret
    ");
}

const ODD: [&str; 12] = [
    "",
    " ",
    "a=b==c",
    "two\nlines\n",
    "\n\nlast blank ",
    "it's \"quoted\" `here` $HOME ${HOME} \\n \\",
    "日本語 \u{1f680} e\u{301}",
    "tab\tand\rreturn",
    "-n",
    "#no comment; & | < > * ? [ ]",
    "\u{7f}\u{1}\u{1b}[31mred",
    "'",
];

#[test]
fn every_value_comes_back_byte_for_byte() {
    let environment = with_app(Some("releases:basic"));
    let vars = ODD
        .iter()
        .enumerate()
        .map(|(n, value)| format!("ODD_{n}={value}"));
    let words: Vec<_> = ["config:add".to_owned()].into_iter().chain(vars).collect();
    let _ = environment.run(&words).success();

    let shell = environment.run(["config", "--shell"]).success().stdout;
    let of_release = environment
        .run(["releases:info", "v1", "--shell"])
        .success();
    assert_eq!(of_release.stdout, shell);
    let json = environment.run(["config", "--json"]).success().json();
    for (n, value) in ODD.iter().enumerate() {
        let key = format!("ODD_{n}");
        let got = environment.run(["config:get", &key]).success();
        assert_eq!(got.stdout, format!("{value}\n"), "{key}");
        assert_eq!(json[&key], **value, "{key}");
        let script = format!("{shell}\nprintf %s \"${key}\"");
        let read = environment
            .caller()
            .command("sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(read.stdout).unwrap(),
            *value,
            "{key} through sh"
        );
    }
}

#[test]
fn the_processes_have_the_vars() {
    let environment = with_app(None);
    deploy(&environment, WEB, "575bfa8");
    let page = || environment.http_get("myapp", "/");
    assert_eq!(page(), (200, " from v1\n".to_owned()));
    let greeting = "GREETING=Good  morning, 'you' & all\nof you";
    let _ = environment.run(["config:add", greeting]).success();
    let expected = "Good  morning, 'you' & all\nof you from v2\n";
    assert_eq!(page(), (200, expected.to_owned()));
    let _ = environment.run(["config:remove", "GREETING"]).success();
    assert_eq!(page(), (200, " from v3\n".to_owned()));
}
