//! Our own command line for the apps of another machine: the same commands with the same answers, by what a
//! token permits, with nothing kept where they are typed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use insta::assert_snapshot;
use serde_json::{Value, json};
use slugline_testkit::environment::{Output, PATIENCE, TestEnvironment};
use slugline_tests::{QUIET, deploy, with_app};

/// Somebody at another machine, with a home of their own with nothing in it.
struct Client<'a> {
    environment: &'a TestEnvironment,
    home: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

/// What was answered: standard output, standard error and the exit status.
type Answer = (String, String, i32);

impl<'a> Client<'a> {
    fn new(environment: &'a TestEnvironment, host: String, token: String) -> Self {
        let path = std::env::var("PATH").unwrap();
        Self {
            environment,
            home: tempfile::tempdir().unwrap(),
            variables: vec![
                ("PATH", path),
                ("SLUGLINE_HOST", host),
                ("SLUGLINE_TOKEN", token),
                ("SLUGLINE_APP", "myapp".to_owned()),
                ("NO_COLOR", "1".to_owned()),
                ("TZ", "MST7".to_owned()),
            ],
        }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            self.variables.push((name, value.to_owned()));
        }
        self
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.environment.caller().command("slugline");
        command.env_clear().envs(self.variables.clone());
        command.env("HOME", self.home.path()).args(words);
        command
    }

    fn run(&self, words: &[&str]) -> Answer {
        let output = self.command(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            text(output.stdout),
            text(output.stderr),
            output.status.code().unwrap_or(-1),
        )
    }

    /// What it says, for a snapshot.
    fn shown(&self, words: &[&str]) -> String {
        let (output, errors, status) = self.run(words);
        let errors: String = errors.lines().map(|line| format!("2> {line}\n")).collect();
        let host = &self
            .variables
            .iter()
            .find(|(name, _)| *name == "SLUGLINE_HOST");
        let host = host.map(|(_, host)| host.split_once("://").map_or(host.as_str(), |it| it.1));
        let text = format!(
            "$ slugline {}\n{output}{errors}[exit {status}]\n",
            words.join(" ")
        );
        text.replace(host.unwrap_or("?"), "HOST")
    }

    /// All that is in its home.
    fn kept(&self) -> Vec<String> {
        let all = std::fs::read_dir(self.home.path()).unwrap();
        all.map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

fn local(environment: &TestEnvironment, words: &[&str]) -> Answer {
    let Output {
        stdout,
        stderr,
        status,
        ..
    } = environment.run(words);
    (stdout, stderr, status)
}

#[test]
fn commands_answer_as_they_do_at_the_machine_itself() {
    let environment = with_app(Some("releases:advanced"));
    let _serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    let _ = environment
        .run(["config:add", "A=one two", "B=42"])
        .success();
    let token = environment.token(&["--scope", "machine"]);
    let client = Client::new(&environment, environment.api_url(), token);
    environment.write_file("policy.lua", "slugline.tier(\"mine\")\n");
    let all: &[&[&str]] = &[
        &["apps"],
        &["apps", "--json"],
        &["addons"],
        &["addons:plans", "releases"],
        &["config"],
        &["config", "--shell"],
        &["config:get", "A"],
        &["config:get", "NOPE"],
        &["releases"],
        &["releases", "-n", "2", "--json"],
        &["releases", "info", "v2"],
        &["releases:info", "v99"],
        &["releases:diff", "v1", "v2", "--reveal"],
        &["releases:prune", "--dry-run"],
        &["releases:prune", "--dry-run", "--tier", "./nowhere.lua"],
        &["releases:prune", "--dry-run", "--tier", "./policy.lua"],
        &["releases:verify"],
        &["ps"],
        &["ps:scale"],
        &["ps:limit"],
        &["health"],
        &["domains"],
        &["access"],
        &["audit", "--json", "--outcome", "refused"],
        &["tiers"],
        &["plugins"],
        &["webhooks"],
        &["drains"],
        &["export", "--without-values"],
        &["deploy", "nowhere"],
        &["certs:add", "a.example.com", "no-cert.pem", "no-key.pem"],
        &["import", "no-file"],
        &["plugins:install", "no-folder"],
        &["config:add", "A=one two"],
        &["config:add", "1=2"],
        &["rollback", "v99"],
        &["apps:info", "--app", "myap"],
        &["apps:destroy"],
        &["run", "echo $A; echo oops >&2; exit 42"],
        &["run", "kill -TERM $$"],
        &["logs", "-n", "3"],
        &["releases", "--nonsense"],
        &["relases"],
        &["releases", "--help"],
        &["--version"],
    ];
    for words in all {
        assert_eq!(client.run(words), local(&environment, words), "{words:?}");
    }
    assert_eq!(client.kept(), [""; 0]);
    let left = std::fs::read_dir(environment.home().join("remote")).unwrap();
    assert_eq!(
        left.count(),
        0,
        "what was private to a command goes with it"
    );
}

#[test]
fn what_is_changed_is_changed_there_by_the_tokens_person() {
    let environment = with_app(Some("releases:advanced"));
    let _serving = environment.serve();
    let token = environment.token(&["--user", "ann@example.com", "--scope", "machine"]);
    let client = Client::new(&environment, environment.api_url(), token);
    environment.write_file("source/Procfile", QUIET);
    environment.write_file("source/big", vec![b'x'; 300_000]);
    environment.write_file("source/.slugignore", "ignored\n");
    environment.write_file("source/ignored/file", "not sent");
    let nowhere = environment.work().join("source/ignored/link");
    std::os::unix::fs::symlink("/etc", nowhere).unwrap();
    let commit = slugline_tests::commit("575bfa8");
    let deployed = client.shown(&["deploy", "source", "--commit", &commit]);
    let changed = [
        client.shown(&["config:add", "A=1"]),
        client.shown(&["rollback", "v1"]),
        client.shown(&["releases"]),
        client.shown(&["apps:create", "other", "--no-remote"]),
        client.shown(&["apps:destroy", "--app", "other", "--confirm", "other"]),
    ];
    let port = format!(":{}", environment.router_port());
    let changed = changed.concat().replace(&port, ":PORT");
    assert_snapshot!(deployed + &changed, @r"
    $ slugline deploy source --commit 575bfa8000000000000000000000000000000000
    -----> Procfile app detected
    -----> Nothing to compile
    -----> Discovering process types
     !     No process types: nothing will run. Declare some in a Procfile.
    -----> Compiled slug size is 173B
    -----> Launching... done, v1
           myapp deployed to Slugline
    [exit 0]
    $ slugline config:add A=1
    Adding config vars:
      A => 1
    Updating vars and restarting app... done, v2
    [exit 0]
    $ slugline rollback v1
    Rolled back to v1
    2> v3 now runs, with the code and config of v1. Undo: slugline rollback
    [exit 0]
    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v3    Rollback to v1                  ann@example.com       0 seconds ago            
    v2    Config add A                    ann@example.com       0 seconds ago            
    v1    Deploy 575bfa8                  ann@example.com       0 seconds ago            
    [exit 0]
    $ slugline apps:create other --no-remote
    Creating other... done
    http://other.localhost:PORT | http://HOST/other.git
    [exit 0]
    $ slugline apps:destroy --app other --confirm other
    Destroying other (including all add-ons)... done
    [exit 0]
    ");
    // The same tree is the same source, whichever way it came.
    let words = ["deploy", "source", "--commit", &commit, "--dry-run"];
    assert_eq!(client.run(&words), local(&environment, &words));
    let audit = environment.run(["audit", "--json"]).success().json();
    let place = audit[1]["place"].as_str().unwrap_or_default();
    assert!(place.starts_with("api 127.0.0.1 token "), "{audit:#}");
    assert_eq!(client.kept(), [""; 0]);
}

/// What a viewer tries.
const VIEWER: &[&[&str]] = &[
    &["apps"],
    &["releases:verify"],
    &["releases", "-n", "1"],
    &["releases:info"],
    &["releases:diff", "v1", "v2", "--reveal"],
    &["config:add", "A=2"],
    &["ps:scale", "web=2"],
    &["run", "env"],
    &["apps:info", "--app", "blog"],
    &["apps:create", "mine", "--no-remote"],
];

/// What somebody tries with a token for one app, to see it and its config vars.
const NARROW: &[&[&str]] = &[
    &["apps"],
    &["config"],
    &["config", "--app", "blog"],
    &["config", "--app=blog"],
    &["config", "-ablog"],
    &["--app", "blog", "config"],
    &["config", "--app", "myapp", "--app", "blog"],
    &["rollback"],
    &["apps:create", "mine", "--no-remote"],
    &["audit"],
    &["audit", "--app", "blog"],
];

/// What somebody tries with a token for everything of their apps.
const OWNER: &[&[&str]] = &[
    &["apps"],
    &["status"],
    &["plugins:install", "source"],
    &["backup", "-"],
    &["export", "file.json"],
    &["serve"],
    &["config", "--as", "eve@example.com"],
];

/// What somebody tries with a token for the machine.
const MACHINE: &[&[&str]] = &[
    &["tokens:create", "--scope", "machine"],
    &["backup", "file"],
    &["restore", "file"],
];

impl Client<'_> {
    /// What it says to all of these, for a snapshot.
    fn story(&self, all: &[&[&str]]) -> String {
        let port = format!(":{}", self.environment.router_port());
        let said: String = all.iter().map(|words| self.shown(words)).collect();
        said.replace(&port, ":PORT")
    }
}

/// A machine with two apps, one of which a viewer may see.
fn with_two_apps() -> TestEnvironment {
    let environment = with_app(Some("releases:advanced"));
    let _ = environment.run(["apps:create", "blog"]).success();
    let _ = environment.run(["config:add", "A=s3cret"]).success();
    let viewer = ["access:add", "eve@example.com", "--role", "viewer"];
    let _ = environment.run(viewer).success();
    environment
}

/// Somebody with a token made with these words more.
fn with_token<'a>(environment: &'a TestEnvironment, words: &[&str]) -> Client<'a> {
    Client::new(environment, environment.api_url(), environment.token(words))
}

/// Who was refused what, as the audit has it.
fn refused(environment: &TestEnvironment) -> String {
    let words = ["audit", "--outcome", "refused", "--json"];
    let refused = environment.run(words).success().json();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let line = |one: &Value| format!("{}: {}\n", text(one, "by"), text(one, "what"));
    refused.as_array().unwrap().iter().map(line).collect()
}

#[test]
fn a_viewer_only_looks() {
    let environment = with_two_apps();
    let _serving = environment.serve();
    let eve = with_token(&environment, &["--user", "eve@example.com"]);
    let said = eve.story(VIEWER);
    assert_snapshot!(said, @r"
    $ slugline apps
    myapp
    [exit 0]
    $ slugline releases:verify
    2>  !    This token may not be used for that: it is for admin.
    2>  !    What is about the machine and all its apps needs one for that, which is made at the machine: slugline tokens:create --scope machine
    [exit 1]
    $ slugline releases -n 1
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v1    Config add A                    jim@example.com       0 seconds ago            
    [exit 0]
    $ slugline releases:info
    2>  !    eve@example.com may not see or change the config vars of myapp: their role in it is viewer.
    [exit 1]
    $ slugline releases:diff v1 v2 --reveal
    2>  !    eve@example.com may not see or change the config vars of myapp: their role in it is viewer.
    [exit 1]
    $ slugline config:add A=2
    2>  !    eve@example.com may not see or change the config vars of myapp: their role in it is viewer.
    [exit 1]
    $ slugline ps:scale web=2
    2>  !    eve@example.com may not restart, stop or scale myapp: their role in it is viewer.
    [exit 1]
    $ slugline run env
    2>  !    eve@example.com may not deploy or run commands in myapp: their role in it is viewer.
    [exit 1]
    $ slugline apps:info --app blog
    2>  !    there is no app blog
    2>  !    `slugline apps` lists those there are.
    [exit 1]
    $ slugline apps:create mine --no-remote
    Creating mine... done
    http://mine.localhost:PORT | http://HOST/mine.git
    [exit 0]
    ");
    assert_snapshot!(refused(&environment), @r"
    eve@example.com: releases:verify: This token may not be used for that: it is for admin.
    eve@example.com: releases:info: eve@example.com may not see or change the config vars of myapp: their role in it is viewer.
    eve@example.com: releases:diff: eve@example.com may not see or change the config vars of myapp: their role in it is viewer.
    eve@example.com: config:add: eve@example.com may not see or change the config vars of myapp: their role in it is viewer.
    eve@example.com: ps:scale: eve@example.com may not restart, stop or scale myapp: their role in it is viewer.
    eve@example.com: run: eve@example.com may not deploy or run commands in myapp: their role in it is viewer.
    ");
}

#[test]
fn a_token_is_for_its_app_and_its_scopes() {
    let environment = with_two_apps();
    let _serving = environment.serve();
    let narrow = with_token(&environment, &["--app", "myapp", "--scope", "read,config"]);
    let said = narrow.story(NARROW);
    assert_snapshot!(said, @r"
    $ slugline apps
    myapp
    [exit 0]
    $ slugline config
    A => s3cret
    [exit 0]
    $ slugline config --app blog
    2>  !    there is no app blog
    2>  !    `slugline apps` lists those there are.
    [exit 1]
    $ slugline config --app=blog
    2>  !    there is no app blog
    2>  !    `slugline apps` lists those there are.
    [exit 1]
    $ slugline config -ablog
    2>  !    there is no app blog
    2>  !    `slugline apps` lists those there are.
    [exit 1]
    $ slugline --app blog config
    2>  !    there is no app blog
    2>  !    `slugline apps` lists those there are.
    [exit 1]
    $ slugline config --app myapp --app blog
    2>  !    the argument '--app <APP>' cannot be used multiple times
    2>  !    Usage: slugline config [OPTIONS]
    2>  !    For more information, try '--help'.
    [exit 2]
    $ slugline rollback
    2>  !    This token may not be used for that: it is for read, config of myapp.
    [exit 1]
    $ slugline apps:create mine --no-remote
    2>  !    This token may not be used for that: it is for read, config of myapp.
    [exit 1]
    $ slugline audit
    2>  !    This token may not be used for that: it is for read, config of myapp.
    2>  !    What is about the machine and all its apps needs one for that, which is made at the machine: slugline tokens:create --scope machine
    [exit 1]
    $ slugline audit --app blog
    2>  !    there is no app blog
    2>  !    `slugline apps` lists those there are.
    [exit 1]
    ");
    let elsewhere = narrow.with("SLUGLINE_APP", "blog");
    let said = elsewhere.shown(&["config:get", "A"]);
    assert_snapshot!(said, @r"
    $ slugline config:get A
    2>  !    there is no app blog
    2>  !    `slugline apps` lists those there are.
    [exit 1]
    ");
    assert_snapshot!(refused(&environment), @r"
    jim@example.com: config: there is no app blog
    jim@example.com: config: there is no app blog
    jim@example.com: config: there is no app blog
    jim@example.com: config: there is no app blog
    jim@example.com: rollback: This token may not be used for that: it is for read, config of myapp.
    jim@example.com: apps:create: This token may not be used for that: it is for read, config of myapp.
    jim@example.com: audit: This token may not be used for that: it is for read, config of myapp.
    jim@example.com: audit: there is no app blog
    jim@example.com: config:get: there is no app blog
    ");
}

#[test]
fn the_machine_is_for_those_who_have_a_token_for_it() {
    let environment = with_two_apps();
    let _serving = environment.serve();
    let said = with_token(&environment, &[]).story(OWNER);
    assert_snapshot!(said, @r"
    $ slugline apps
    blog
    myapp
    [exit 0]
    $ slugline status
    2>  !    This token may not be used for that: it is for admin.
    2>  !    What is about the machine and all its apps needs one for that, which is made at the machine: slugline tokens:create --scope machine
    [exit 1]
    $ slugline plugins:install source
    2>  !    This token may not be used for that: it is for admin.
    2>  !    What is about the machine and all its apps needs one for that, which is made at the machine: slugline tokens:create --scope machine
    [exit 1]
    $ slugline backup -
    2>  !    This token may not be used for that: it is for admin.
    2>  !    What is about the machine and all its apps needs one for that, which is made at the machine: slugline tokens:create --scope machine
    [exit 1]
    $ slugline export file.json
    2>  !    The file file.json would be written at the server.
    2>  !    Have it written here: slugline export > FILE
    [exit 1]
    $ slugline serve
    2>  !    `slugline serve` is for the machine that it is typed at.
    2>  !    Sign in at 127.0.0.1; or here, without SLUGLINE_HOST.
    [exit 1]
    $ slugline config --as eve@example.com
    2>  !    --as is not for a server: its token says who acts.
    [exit 2]
    ");
    let said = with_token(&environment, &["--scope", "machine"]).story(MACHINE);
    assert_snapshot!(said, @r"
    $ slugline tokens:create --scope machine
    2>  !    A token for the machine is made at the machine itself.
    2>  !    Sign in there: slugline tokens:create --scope machine
    [exit 1]
    $ slugline backup file
    2>  !    The file file would be written at the server.
    2>  !    Have it written here: slugline backup - > FILE
    [exit 1]
    $ slugline restore file
    2>  !    `slugline restore` is for the machine that it is typed at.
    2>  !    Sign in at 127.0.0.1; or here, without SLUGLINE_HOST.
    [exit 1]
    ");
    assert_snapshot!(refused(&environment), @r"
    jim@example.com: status: This token may not be used for that: it is for admin.
    jim@example.com: plugins:install: This token may not be used for that: it is for admin.
    jim@example.com: backup: This token may not be used for that: it is for admin.
    jim@example.com: tokens:create: A token for the machine is made at the machine itself.
    ");
}

/// Tokens of two people, described by the names of these fields.
struct Tokens<'a> {
    own: Client<'a>,
    narrow: Client<'a>,
    eve: Client<'a>,
    machine: Client<'a>,
    /// What describes each, and the beginning of its id.
    ids: Vec<(String, String)>,
}

impl<'a> Tokens<'a> {
    fn new(environment: &'a TestEnvironment) -> Self {
        let made = |description, words: &[&str]| {
            with_token(
                environment,
                &[words, &["--description", description]].concat(),
            )
        };
        let _ci = made("ci", &["--scope", "deploy"]);
        let (own, narrow) = (made("own", &[]), made("narrow", &["--app", "myapp"]));
        let eve = made("eve", &["--user", "eve@example.com"]);
        let machine = made("machine", &["--scope", "machine"]);
        let all = environment.run(["tokens", "--json"]).success().json();
        let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
        let it = |one| (text(one, "description"), text(one, "id")[..8].to_owned());
        let ids = all.as_array().unwrap().iter().map(it).collect();
        Self {
            own,
            narrow,
            eve,
            machine,
            ids,
        }
    }

    fn id(&self, described: &str) -> &str {
        let found = self.ids.iter().find(|(text, _)| text == described);
        &found.unwrap().1
    }

    /// A text in which what describes each is in the place of its id.
    fn described(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (description, id) in &self.ids {
            text = text.replace(id, &format!("[{description}]"));
        }
        text
    }
}

#[test]
fn own_tokens_are_listed_from_elsewhere() {
    let environment = with_two_apps();
    let _serving = environment.serve();
    let tokens = Tokens::new(&environment);
    // They were made within one second, so they are listed in any order.
    let listed = |client: &Client<'_>, words: &[&str]| {
        let (output, errors, status) = client.run(&[&["tokens", "--json"], words].concat());
        assert_eq!((errors.as_str(), status), ("", 0), "{words:?}");
        let all: Vec<Value> = serde_json::from_str(&output).unwrap();
        let all = all.iter().map(|one| one["description"].as_str().unwrap());
        let mut all: Vec<_> = all.map(str::to_owned).collect();
        all.sort();
        all.join(" ")
    };
    let of_app = ["--app", "myapp"];
    assert_eq!(listed(&tokens.own, &[]), "ci machine narrow own");
    assert_eq!(listed(&tokens.own, &of_app), "narrow");
    assert_eq!(listed(&tokens.narrow, &[]), "narrow");
    assert_eq!(listed(&tokens.eve, &[]), "eve");
    assert_eq!(listed(&tokens.eve, &of_app), "");
    assert_eq!(listed(&tokens.machine, &[]), "ci eve machine narrow own");
}

#[test]
fn own_tokens_are_revoked_from_elsewhere() {
    let environment = with_two_apps();
    let _serving = environment.serve();
    let tokens = Tokens::new(&environment);
    let revoked = |client: &Client<'_>, it: &str| client.shown(&["tokens:revoke", it]);
    let said = [
        revoked(&tokens.eve, tokens.id("own")),
        revoked(&tokens.narrow, tokens.id("own")),
        revoked(&tokens.own, ""),
        revoked(&tokens.own, tokens.id("ci")),
        revoked(&tokens.narrow, tokens.id("narrow")),
        tokens.narrow.shown(&["tokens"]),
        revoked(&tokens.machine, tokens.id("eve")),
        tokens.own.shown(&["tokens:create"]),
    ];
    assert_snapshot!(tokens.described(&said.concat()), @r#"
    $ slugline tokens:revoke [own]
    2>  !    No token, or more than one, begins with "[own]".
    2>  !    `slugline tokens` lists them.
    [exit 1]
    $ slugline tokens:revoke [own]
    2>  !    No token, or more than one, begins with "[own]".
    2>  !    `slugline tokens` lists them.
    [exit 1]
    $ slugline tokens:revoke 
    2>  !    No token, or more than one, begins with "".
    2>  !    `slugline tokens` lists them.
    [exit 1]
    $ slugline tokens:revoke [ci]
    Revoking [ci] of jim@example.com... done
    [exit 0]
    $ slugline tokens:revoke [narrow]
    Revoking [narrow] of jim@example.com... done
    [exit 0]
    $ slugline tokens
    2>  !    HOST does not know this token, or it is good for nothing any more.
    2>  !    Log in with another: slugline login
    [exit 1]
    $ slugline tokens:revoke [eve]
    Revoking [eve] of eve@example.com... done
    [exit 0]
    $ slugline tokens:create
    2>  !    This token may not be used for that: it is for admin.
    2>  !    What is about the machine and all its apps needs one for that, which is made at the machine: slugline tokens:create --scope machine
    [exit 1]
    "#);
    assert_snapshot!(tokens.described(&refused(&environment)), @r#"
    eve@example.com: tokens:revoke [own]: No token, or more than one, begins with "[own]".
    jim@example.com: tokens:revoke [own]: No token, or more than one, begins with "[own]".
    jim@example.com: tokens:revoke: No token, or more than one, begins with "".
    jim@example.com: tokens:create: This token may not be used for that: it is for admin.
    "#);
}

/// What the server answers to a client that is none of ours: a status with a text, or what the command says.
fn hostile(environment: &TestEnvironment, token: &str, change: &Value) -> String {
    let url = environment.api_url();
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut asked = json!({"protocol": 1, "version": "0.0.1", "words": [], "app": null});
    for (key, value) in change.as_object().unwrap() {
        asked[key] = value.clone();
    }
    let body = asked.to_string();
    write!(
        stream,
        "POST /slugline/commands HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Connection: Upgrade\r\nUpgrade: slugline-command\r\nAccept: */*; version=3\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    // What is refused has a body that ends with a brace.
    while !answer.ends_with(b"}") {
        match stream.read(&mut buffer).unwrap() {
            0 => break,
            count => answer.extend_from_slice(&buffer[..count]),
        }
    }
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let rest = answer.split_off(head.unwrap() + 4);
    let status = String::from_utf8_lossy(&answer[9..12]).into_owned();
    match serde_json::from_slice::<Value>(&rest) {
        Ok(body) => format!(
            "{status} {}\n",
            body["message"].as_str().unwrap_or_default()
        ),
        Err(_) => format!("{status} {}\n", frames(&rest)),
    }
}

/// What frames say: texts as they are, and the exit status.
fn frames(mut bytes: &[u8]) -> String {
    let mut said = String::new();
    while let Some((&[kind, a, b, c, d], rest)) = bytes.split_first_chunk() {
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let (text, rest) = rest.split_at(length);
        match kind {
            b'x' => said += &format!("[exit {}]", text[0]),
            _ => said += &String::from_utf8_lossy(text),
        }
        bytes = rest;
    }
    said
}

#[test]
fn a_client_that_is_none_of_ours_gets_no_further() {
    let environment = with_app(None);
    let _serving = environment.serve();
    let _ = environment.run(["apps:create", "blog"]).success();
    let token = environment.token(&["--app", "myapp"]);
    let missing = |path: &str| json!([{"path": path, "kind": "missing"}]);
    let asks = [
        json!({"words": ["config", "--app", "blog"], "app": "myapp"}),
        json!({"words": ["config", "--app", "myapp", "-a", "blog"]}),
        json!({"words": ["config"], "app": "blog"}),
        json!({"words": ["config"]}),
        json!({"words": ["config", "--as", "eve@example.com"], "app": "myapp"}),
        json!({"words": ["deploy", "/etc/passwd"], "app": "myapp"}),
        json!({"words": ["deploy", "/etc/passwd"], "app": "myapp", "sent": missing("source")}),
        json!({"words": ["deploy", "/etc/passwd"], "app": "myapp", "sent": missing("/etc/passwd")}),
        json!({"words": ["export", "/tmp/x"], "app": "myapp"}),
        json!({"words": ["serve", "--stop"]}),
        json!({"words": ["remote:command", "/etc/passwd"]}),
        json!({"words": ["recover", "--app", "blog", "--signal", "2"]}),
        json!({"words": ["plugin:host", "x"]}),
        json!({"words": ["--version"]}),
        json!({"words": []}),
        json!({"words": ["frobnicate"], "version": "9.9.9"}),
        json!({"protocol": 2}),
        json!({"words": "config"}),
    ];
    let said: String = asks
        .iter()
        .map(|ask| hostile(&environment, &token, ask))
        .collect();
    assert_snapshot!(said, @r"
    404 there is no app blog
    `slugline apps` lists those there are.
    422 The server, Slugline 0.1.0, does not understand what the client, 0.0.1, has sent:
    the argument '--app <APP>' cannot be used multiple times
    Usage: slugline config [OPTIONS]
    For more information, try '--help'.
    404 there is no app blog
    `slugline apps` lists those there are.
    422 No app specified.
    Run this command from an app folder, or say which app: --app NAME
    422 --as is not for a server: its token says who acts.
    422 What is sent is not what the arguments name: use the same version on both sides.
    422 What is sent is not what the arguments name: use the same version on both sides.
    101  !    /etc/passwd cannot be deployed: No such file or directory (os error 2)
    [exit 1]
    422 The file /tmp/x would be written at the server.
    Have it written here: slugline export > FILE
    422 `serve` is not for another machine to ask for.
    422 The server does not know this command: it is Slugline 0.1.0, and the client 0.0.1.
    422 `recover` is not for another machine to ask for.
    422 The server does not know this command: it is Slugline 0.1.0, and the client 0.0.1.
    422 There is no command.
    422 There is no command.
    422 The server does not know this command: it is Slugline 0.1.0, and the client 9.9.9.
    400 The client speaks protocol 2, and this server 1: use the same version on both sides.
    422 The body is not what is expected here, at line 1, column 59.
    ");
}

/// The address of a server that answers whoever asks with this.
fn answers(head: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked);
            let _ = stream.write_all(head.as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn what_cannot_be_reached_or_asked_is_told_of() {
    let environment = with_app(None);
    let _serving = environment.serve();
    let host = environment.api_url();
    let client =
        |host: &str, token: &str| Client::new(&environment, host.to_owned(), token.to_owned());
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let router = format!("http://127.0.0.1:{}", environment.router_port());
    let elsewhere = answers(
        "HTTP/1.1 302 Found\r\nLocation: https://example.com/\r\nContent-Length: 0\r\n\r\n",
    );
    let older = answers(
        "HTTP/1.1 404 Not Found\r\nContent-Length: 52\r\n\r\n{\"message\":\"There is no POST /slugline/commands. x.\"}",
    );
    let other = answers("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    let said = [
        client(&host, "slg_nonsense").shown(&["apps"]),
        client(&host, "")
            .with("SLUGLINE_TOKEN", "")
            .shown(&["apps"]),
        client(&host, "a\r\nb").shown(&["apps"]),
        client(&closed, "x").shown(&["apps"]),
        client(&router, "x").shown(&["apps"]),
        client(&elsewhere, "x").shown(&["apps"]),
        client(&older, "x").shown(&["apps"]),
        client(&other, "x").shown(&["apps"]),
        client("http://paas.example.com:8081", "x").shown(&["apps"]),
        client("paas.example.com", "x").shown(&["apps"]),
        client("https://127.0.0.1:1", "x")
            .with("SLUGLINE_CA", "/dev/null")
            .shown(&["apps"]),
    ];
    assert_snapshot!(said.concat(), @r"
    $ slugline apps
    2>  !    HOST does not know this token, or it is good for nothing any more.
    2>  !    Log in with another: slugline login
    [exit 1]
    $ slugline apps
    2>  !    There is no token for HOST.
    2>  !    Log in: slugline login; or set SLUGLINE_TOKEN.
    [exit 1]
    $ slugline apps
    2>  !    What SLUGLINE_TOKEN holds is no token.
    [exit 1]
    $ slugline apps
    2>  !    HOST cannot be reached: Connection refused (os error 111)
    2>  !    SLUGLINE_HOST says where the server is.
    [exit 1]
    $ slugline apps
    2>  !    What answers at HOST is no Slugline: it says 404.
    [exit 1]
    $ slugline apps
    2>  !    HOST sends us elsewhere, where the token is not for: set SLUGLINE_HOST to the server itself.
    [exit 1]
    $ slugline apps
    2>  !    HOST does not run commands for clients: it is an older Slugline.
    [exit 1]
    $ slugline apps
    2>  !    HOST: what answers there does not speak HTTP
    [exit 1]
    $ slugline apps
    2>  !    http://HOST would be spoken to in the clear, and the token with it.
    2>  !    Use https://HOST: the server speaks it at the same port.
    [exit 2]
    $ slugline apps
    2>  !    SLUGLINE_HOST=HOST is not the address of a server.
    2>  !    Write it as https://HOST:8081
    [exit 2]
    $ slugline apps
    2>  !    SLUGLINE_CA=/dev/null holds no certificate in PEM.
    [exit 2]
    ");
}

#[test]
fn no_token_makes_one_for_the_machine() {
    let environment = with_app(None);
    let _serving = environment.serve();
    let path = "/oauth/authorizations";
    for (scope, made) in [("admin", "admin"), ("machine", "admin")] {
        let api = environment.api_with(&environment.token(&["--scope", scope]));
        let asked = json!({"scope": ["machine"]});
        let refused = api.json("POST", path, &asked).is(403);
        assert!(refused.body.contains("makes none that is for machine"));
        let plain = api.json("POST", path, &json!({})).is(201).json();
        assert_eq!(plain["scope"], json!([made]), "{scope}");
    }
}

#[test]
fn files_are_sent_with_the_command_that_reads_them() {
    let environment = with_app(Some("releases:advanced"));
    let _serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    let client = with_token(&environment, &["--scope", "machine"]);
    let made = rcgen::generate_simple_self_signed(["a.example.com".to_owned()]).unwrap();
    environment.write_file("cert.pem", made.cert.pem());
    environment.write_file("key.pem", made.signing_key.serialize_pem());
    let policy = "local tier = slugline.tier(\"all\")\nfunction tier.keep(history) return {} end\n";
    environment.write_file("policy.lua", policy);
    let mut said = client.run(&["plugins:new", "mine", "--lua"]).1;
    assert!(
        environment.work().join("mine/plugin.yaml").is_file(),
        "{said}"
    );
    // What a plugin was built from is not sent.
    environment.write_file("mine/target/huge", "x");
    let nowhere = environment.work().join("mine/target/link");
    std::os::unix::fs::symlink("/etc", nowhere).unwrap();
    let exported = client.run(&["export"]).0;
    environment.write_file("export.json", &exported);
    let installed = client.run(&["plugins:install", "mine", "--yes"]);
    assert_eq!(installed.0, "Installing mine... done\n", "{}", installed.1);
    said = client.story(&[
        &["plugins:remove", "mine"],
        &["certs:add", "a.example.com", "cert.pem", "key.pem"],
        &["certs"],
        &["tiers:add", "all", "policy.lua"],
        &["releases:prune", "--dry-run", "--tier", "./policy.lua"],
        &["import", "export.json", "--app", "copy"],
    ]);
    assert_snapshot!(said, @r"
    $ slugline plugins:remove mine
    Removing mine... done
    [exit 0]
    $ slugline certs:add a.example.com cert.pem key.pem
    Adding the certificate of a.example.com... done
    2> Undo: slugline certs:remove 'a.example.com'
    [exit 0]
    $ slugline certs
    a.example.com
    [exit 0]
    $ slugline tiers:add all policy.lua
    Adding the tier releases:all... done
    2> Checked policy.lua on an empty history.
    2> releases:all keeps the one release of myapp.
    2> It may do nothing but answer: no program, no network, no mail, no store.
    2> Use it: slugline addons:add releases:all, or slugline addons:upgrade releases:all where there is a tier already.
    [exit 0]
    $ slugline releases:prune --dry-run --tier ./policy.lua
    releases:all keeps the one release of myapp.

    Rel  Change          When           What would become of it
    ---  --------------  -------------  -----------------------
    v1   Deploy 575bfa8  0 seconds ago  stays: it is current
    2> Nothing has been changed.
    [exit 0]
    $ slugline import export.json --app copy
    Imported copy: 1 release; v1 is current
    [exit 0]
    ");
    let mut piped = client.command(&["import", "-", "--app", "other"]);
    piped.stdin(std::fs::File::open(environment.work().join("export.json")).unwrap());
    assert!(piped.output().unwrap().status.success());
    assert_eq!(client.run(&["apps"]).0, "copy\nmyapp\nother\n");
    let backup = client.command(&["backup", "-"]).output().unwrap();
    environment.write_file("backup", &backup.stdout);
    let restored = environment.run(["restore", "backup", "--into", "home"]);
    assert!(restored.success().stdout.contains("3 apps"));
}
