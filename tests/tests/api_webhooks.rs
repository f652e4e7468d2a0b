//! Webhooks: who is told of what happens to an app, signed, in order, again where it failed; receivers
//! that fail, are slow or down; and addresses that are not posted to.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use ring::hmac;
use serde_json::{Value, json};
use slugline_testkit::environment::{ApiClient, Caller, PATIENCE, TestEnvironment, wait_until};
use slugline_tests::story;

/// One request that came in.
struct Post {
    head: String,
    body: String,
    at: Instant,
}

impl Post {
    fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// What it tells, in one line.
    fn line(&self) -> String {
        let json = self.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let data = &json["data"];
        let about = match text(&json["resource"]).as_str() {
            "release" => format!(
                "v{} {}, {}",
                data["version"],
                text(&data["description"]),
                text(&data["status"])
            ),
            "addon" => format!("{}, {}", text(&data["plan"]["name"]), text(&data["state"])),
            "collaborator" => format!("{} {}", text(&data["user"]["email"]), text(&data["role"])),
            "domain" => text(&data["hostname"]),
            "app" => format!("{} {}", text(&data["name"]), data["maintenance"]),
            _ => data.to_string(),
        };
        format!(
            "{} {}: {about} by {}, before {}",
            text(&json["resource"]),
            text(&json["action"]),
            text(&json["actor"]["email"]),
            json["previous_data"]
        )
    }

    /// Whether it was signed with this.
    fn is_signed(&self, secret: &str) -> bool {
        use base64::Engine as _;
        let tag = base64::engine::general_purpose::STANDARD
            .decode(self.header("heroku-webhook-hmac-sha256"))
            .unwrap_or_default();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hmac::verify(&key, self.body.as_bytes(), &tag).is_ok()
    }
}

/// A web server that answers as it is told, in order, and then with 204.
struct Hook {
    url: String,
    posts: Receiver<Post>,
}

impl Hook {
    fn new(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!(
            "http://{}/hook?key=k3y",
            listener.local_addr().expect("it is bound")
        );
        let (sender, posts) = channel();
        std::thread::spawn(move || {
            let mut answers = answers.iter().copied();
            for stream in listener.incoming().flatten() {
                let answer = answers.next().unwrap_or("204 No Content");
                let Some(post) = take(&stream, answer) else {
                    continue;
                };
                if sender.send(post).is_err() {
                    return;
                }
            }
        });
        Self { url, posts }
    }

    #[track_caller]
    fn next(&self) -> Post {
        self.posts.recv_timeout(PATIENCE).expect("it is told")
    }

    fn lines(&self, count: usize) -> String {
        let lines: Vec<_> = (0..count).map(|_| self.next().line()).collect();
        lines.join("\n")
    }
}

/// Reads a request and answers it; `never` is no answer at all.
fn take(stream: &TcpStream, answer: &str) -> Option<Post> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line.replace("\r\n", "\n"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let post = Post {
        head,
        body: String::from_utf8(body).ok()?,
        at: Instant::now(),
    };
    if answer == "never" {
        // The connection stays open for as long as the test runs.
        std::mem::forget(stream.try_clone().ok()?);
    } else {
        let mut stream = stream;
        let _ = write!(
            stream,
            "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    Some(post)
}

/// Somebody whose webhooks may post to this machine.
fn anywhere(environment: &TestEnvironment) -> Caller<'_> {
    environment.caller().with("SLUGLINE_WEBHOOKS", "any")
}

fn shop() -> TestEnvironment {
    let environment = TestEnvironment::new();
    let _ = environment.run(["apps:create", "shop"]).success();
    environment
}

fn add(api: &ApiClient, hook: &Hook, level: &str, include: &[&str]) -> (Value, String) {
    let body = json!({"include": include, "level": level, "url": hook.url});
    let made = api.json("POST", "/apps/shop/webhooks", &body).is(201);
    (made.json(), made.headers["heroku-webhook-secret"].clone())
}

const ALL: [&str; 7] = [
    "api:addon",
    "api:app",
    "api:build",
    "api:collaborator",
    "api:domain",
    "api:formation",
    "api:release",
];

fn set(api: &ApiClient, value: &str) {
    let _ = api
        .json("PATCH", "/apps/shop/config-vars", &json!({"A": value}))
        .is(200);
}

/// How far each delivery has come, oldest first.
fn progress(api: &ApiClient) -> Vec<String> {
    let all = api.get("/apps/shop/webhook-deliveries").is(200).json();
    let one = |one: &Value| {
        let last = &one["last_attempt"];
        format!(
            "{} {} {} {}",
            one["event"]["include"].as_str().unwrap_or_default(),
            one["status"].as_str().unwrap_or_default(),
            one["num_attempts"],
            match last["code"].is_null() {
                true => &last["error_class"],
                false => &last["code"],
            }
        )
    };
    all.as_array().into_iter().flatten().map(one).collect()
}

#[test]
fn a_receiver_is_told_of_everything_in_order_and_can_check_who_says_so() {
    let environment = shop();
    let _serving = anywhere(&environment).serve();
    let (api, hook) = (environment.api(), Hook::new(&[]));
    let (webhook, secret) = add(&api, &hook, "notify", &ALL);
    assert_eq!(webhook["include"], json!(ALL));
    for plan in ["releases:advanced", "memcache"] {
        let _ = api
            .json("POST", "/apps/shop/addons", &json!({"plan": plan}))
            .is(201);
    }
    let first = hook.next();
    assert!(first.is_signed(&secret) && !first.is_signed("other"));
    assert_eq!(first.header("authorization"), "");
    assert_snapshot!(first.line(), @r"addon create: releases:advanced, provisioned by jim@example.com, before {}");
    assert_snapshot!(hook.lines(3), @r#"
    release create: v1 Add-on add memcache, pending by jim@example.com, before {}
    release update: v1 Add-on add memcache, succeeded by jim@example.com, before {"status":"pending"}
    addon create: memcache:free, provisioned by jim@example.com, before {}
    "#);
    let moved = json!({"plan": "memcache:100mb"});
    let _ = api
        .json("PATCH", "/apps/shop/addons/memcache", &moved)
        .is(200);
    let end = json!({"confirm": "shop"});
    let _ = api
        .json("DELETE", "/apps/shop/addons/memcache", &end)
        .is(200);
    assert_snapshot!(hook.lines(6), @r#"
    release create: v2 Add-on upgrade memcache:100mb, pending by jim@example.com, before {}
    release update: v2 Add-on upgrade memcache:100mb, succeeded by jim@example.com, before {"status":"pending"}
    addon update: memcache:100mb, provisioned by jim@example.com, before {"plan":{"name":"memcache:free"}}
    release create: v3 Add-on remove memcache, pending by jim@example.com, before {}
    release update: v3 Add-on remove memcache, succeeded by jim@example.com, before {"status":"pending"}
    addon destroy: memcache:100mb, deprovisioned by jim@example.com, before {}
    "#);
    let _ = api
        .json("PATCH", "/apps/shop", &json!({"maintenance": true}))
        .is(200);
    let _ = api
        .json(
            "POST",
            "/apps/shop/domains",
            &json!({"hostname": "www.example.com"}),
        )
        .is(201);
    let _ = api
        .send("DELETE", "/apps/shop/domains/www.example.com", "")
        .is(200);
    let people = "/apps/shop/collaborators";
    let _ = api
        .json("POST", people, &json!({"user": "ann@example.com"}))
        .is(201);
    let role = json!({"role": "viewer"});
    let _ = api
        .json("PATCH", &format!("{people}/ann@example.com"), &role)
        .is(200);
    let _ = environment
        .run(["access:remove", "ann@example.com", "--app", "shop"])
        .success();
    assert_snapshot!(hook.lines(6), @r#"
    app update: shop true by jim@example.com, before {"maintenance":false}
    domain create: www.example.com by jim@example.com, before {}
    domain destroy: www.example.com by jim@example.com, before {}
    collaborator create: ann@example.com deployer by jim@example.com, before {}
    collaborator update: ann@example.com viewer by jim@example.com, before {}
    collaborator destroy: ann@example.com viewer by jim@example.com, before {}
    "#);
    the_first_is_listed(&api, &first, &webhook);
}

/// Events and deliveries are listed as they were told.
fn the_first_is_listed(api: &ApiClient, first: &Post, webhook: &Value) {
    let events = api.get("/apps/shop/webhook-events").is(200).json();
    assert_eq!(events.as_array().map(Vec::len), Some(16));
    let id = first.json()["id"].as_str().unwrap_or_default().to_owned();
    let event = api
        .get(&format!("/apps/shop/webhook-events/{id}"))
        .is(200)
        .json();
    let mut told = first.json();
    let metadata = told["webhook_metadata"].take();
    assert_eq!(metadata["webhook"]["id"], webhook["id"]);
    assert_eq!(metadata["event"]["id"], *id);
    let mut payload = event["payload"].clone();
    payload["webhook_metadata"] = Value::Null;
    assert_eq!(payload, told);
    let delivery = metadata["delivery"]["id"].as_str().unwrap_or_default();
    wait_until("it is noted", || {
        progress(api)
            .iter()
            .all(|one| one.ends_with("succeeded 1 204"))
    });
    let delivery = api
        .get(&format!("/apps/shop/webhook-deliveries/{delivery}"))
        .is(200)
        .json();
    assert_eq!(delivery["last_attempt"]["id"], metadata["attempt"]["id"]);
}

#[test]
fn sync_is_tried_again_and_what_comes_later_waits_while_notify_is_tried_once() {
    let environment = shop();
    // Time goes on.
    let real = anywhere(&environment).without("SLUGLINE_NOW");
    let _serving = real.serve();
    let api = environment.api();
    let (sync, notify) = (
        Hook::new(&["500 No", "302 Found\r\nLocation: /x"]),
        Hook::new(&["500 No"]),
    );
    let (_, secret) = add(&api, &sync, "sync", &["api:release"]);
    let _ = add(&api, &notify, "notify", &["release"]);
    set(&api, "1");
    let tries: Vec<Post> = (0..4).map(|_| sync.next()).collect();
    let waits: Vec<_> = tries.windows(2).map(|two| two[1].at - two[0].at).collect();
    assert!(waits[0] >= Duration::from_millis(900), "{waits:?}");
    assert!(waits[1] >= Duration::from_millis(1900), "{waits:?}");
    assert!(tries.iter().all(|post| post.is_signed(&secret)));
    let lines: Vec<_> = tries.iter().map(Post::line).collect();
    assert_snapshot!(lines.join("\n"), @r#"
    release create: v1 Config add A, pending by jim@example.com, before {}
    release create: v1 Config add A, pending by jim@example.com, before {}
    release create: v1 Config add A, pending by jim@example.com, before {}
    release update: v1 Config add A, succeeded by jim@example.com, before {"status":"pending"}
    "#);
    let attempt = |post: &Post| post.json()["webhook_metadata"]["attempt"]["id"].clone();
    assert_ne!(attempt(&tries[0]), attempt(&tries[1]));
    assert_snapshot!(notify.lines(2), @r#"
    release create: v1 Config add A, pending by jim@example.com, before {}
    release update: v1 Config add A, succeeded by jim@example.com, before {"status":"pending"}
    "#);
    wait_until("all is told", || {
        !progress(&api).iter().any(|one| one.contains("pending"))
    });
    let mut all = progress(&api);
    all.sort();
    assert_snapshot!(all.join("\n"), @r"
    api:release failed 1 500
    api:release succeeded 1 204
    api:release succeeded 1 204
    api:release succeeded 3 204
    ");
    let failed = api
        .get("/apps/shop/webhook-deliveries?eq[status]=failed")
        .is(200)
        .json();
    assert_eq!(failed.as_array().map(Vec::len), Some(1));
}

#[test]
fn one_that_is_slow_or_down_keeps_nobody_else_waiting() {
    let environment = shop();
    let _serving = anywhere(&environment).serve();
    let api = environment.api();
    let (slow, good) = (Hook::new(&["never"]), Hook::new(&[]));
    let down = TcpListener::bind("127.0.0.1:0")
        .and_then(|it| it.local_addr())
        .expect("a port");
    let down = json!({"include": ["api:app"], "level": "notify", "url": format!("http://{down}/")});
    let _ = add(&api, &slow, "notify", &["api:app"]);
    let _ = api.json("POST", "/apps/shop/webhooks", &down).is(201);
    let _ = add(&api, &good, "notify", &["api:app"]);
    let began = Instant::now();
    let _ = api
        .json("PATCH", "/apps/shop", &json!({"maintenance": true}))
        .is(200);
    let _ = slow.next();
    let _ = good.next();
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    let over = |all: &[String]| all.iter().all(|one| !one.contains("pending"));
    wait_until("the slow one is given up", || over(&progress(&api)));
    let mut all = progress(&api);
    all.sort();
    assert_snapshot!(all.join("\n"), @r#"
    api:app failed 1 "connection refused"
    api:app failed 1 "timeout"
    api:app succeeded 1 204
    "#);
}

#[test]
fn inner_addresses_are_posted_to_only_where_the_operator_says_so() {
    let environment = TestEnvironment::new();
    let _ = environment.run(["apps:create", "shop"]).success();
    let hook = Hook::new(&[]);
    let words = |url: &str| {
        let command = [
            "webhooks:add",
            "--app",
            "shop",
            "-i",
            "api:app",
            "--secret",
            "s",
            "--url",
        ];
        [&command[..], &[url]]
            .concat()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    // One that was added when it was allowed is not posted to any more either.
    let _ = anywhere(&environment).run(words(&hook.url)).success();
    let refused = environment.run(words("http://169.254.169.254/latest"));
    assert_snapshot!(refused, @r"
    $ slugline webhooks:add --app shop -i api:app --secret s --url http://169.254.169.254/latest
    2>  !    169.254.169.254 is an address of this machine or of a private network, which webhooks may not post to. The operator can allow it: SLUGLINE_WEBHOOKS=any slugline serve
    [exit 1]
    ");
    let _serving = environment.serve();
    let api = environment.api();
    for url in [
        "http://127.0.0.1:1/",
        "http://[::1]/",
        "http://localhost:9/",
        "http://0x7f.1/",
        "ftp://example.com/",
    ] {
        let body = json!({"include": ["api:app"], "level": "sync", "url": url});
        let answer = api.json("POST", "/apps/shop/webhooks", &body).is(422);
        assert_eq!(answer.json()["id"], "invalid_params", "{url}");
    }
    let _ = api
        .json("PATCH", "/apps/shop", &json!({"maintenance": true}))
        .is(200);
    wait_until("it is given up", || {
        progress(&api) == [r#"api:app failed 1 "address not allowed""#]
    });
    assert!(hook.posts.try_recv().is_err());
}

#[test]
fn operators_have_them_at_the_command_line_and_need_no_daemon() {
    let environment = shop();
    let (hook, me) = (Hook::new(&[]), || anywhere(&environment));
    let url = hook.url.clone();
    let words = "webhooks:add --app shop -i release,api:addon -l sync -u";
    let words = words.split(' ').chain([url.as_str(), "-t", "Bearer t"]);
    let added = me().run(words);
    let secret = added.stdout.trim().to_owned();
    let listed = me().run(["webhooks", "--app", "shop", "--json"]).json();
    let id = listed[0]["id"].as_str().unwrap_or_default().to_owned();
    let _ = me()
        .run(["addons:add", "releases:basic", "--app", "shop"])
        .success();
    let _ = me().run(["config:add", "A=1", "--app", "shop"]).success();
    let first = hook.next();
    assert!(first.is_signed(&secret));
    assert_eq!(first.header("authorization"), "Bearer t");
    assert_snapshot!(first.line(), @r"addon create: releases:basic, provisioned by jim@example.com, before {}");
    assert_snapshot!(hook.lines(2), @r#"
    release create: v1 Config add A, pending by jim@example.com, before {}
    release update: v1 Config add A, succeeded by jim@example.com, before {"status":"pending"}
    "#);
    let told = story([
        added,
        me().run(["webhooks", "--app", "shop"]),
        me().run(["webhooks:deliveries", "--app", "shop"]),
        me().run([
            "webhooks:add",
            "--app",
            "shop",
            "-i",
            "api:dyno",
            "-u",
            &url,
        ]),
        me().run(["webhooks:remove", "zz", "--app", "shop"]),
        me().run(["webhooks:remove", &id[..8], "--app", "shop"]),
        me().run(["webhooks", "--app", "shop"]),
    ]);
    let port = url.split([':', '/']).nth(4).unwrap_or_default();
    let told = told
        .replace(&id[..8], "ID")
        .replace(&secret, "SECRET")
        .replace(port, "PORT");
    assert_snapshot!(told, @r#"
    $ slugline webhooks:add --app shop -i release,api:addon -l sync -u 'http://127.0.0.1:PORT/hook?key=k3y' -t 'Bearer t'
    SECRET
    2> Adding webhook http://127.0.0.1:PORT/… to shop... done, ID
    2> To undo: slugline webhooks:remove ID
    2> Its secret, shown only this once:

    $ slugline webhooks --app shop
    Id        Address                   Level  Told of
    --------  ------------------------  -----  ----------------------
    ID  http://127.0.0.1:PORT/…  sync   api:addon, api:release

    $ slugline webhooks:deliveries --app shop
    Webhook   Event               Status     Tries  Answer  When
    --------  ------------------  ---------  -----  ------  -------------
    ID  api:release update  succeeded  1      204     0 seconds ago
    ID  api:release create  succeeded  1      204     0 seconds ago
    ID  api:addon create    succeeded  1      204     0 seconds ago

    $ slugline webhooks:add --app shop -i api:dyno -u 'http://127.0.0.1:PORT/hook?key=k3y'
    2>  !    invalid value 'api:dyno' for '--include <EVENT>': api:dyno is told to no webhook: what each process does is known while it is supervised, and written down nowhere, so that a crash would lose some of it. The app's log has it, and api:formation and api:release tell what is to run
    2>  !    For more information, try '--help'.
    [exit 2]

    $ slugline webhooks:remove zz --app shop
    2>  !    No webhook of shop, or more than one, begins with "zz".
    2>  !    `slugline webhooks` lists them.
    [exit 1]

    $ slugline webhooks:remove ID --app shop
    Removing webhook http://127.0.0.1:PORT/… from shop... done

    $ slugline webhooks --app shop
    shop has no webhooks
    "#);
}

#[test]
fn who_may_not_administer_an_app_sees_no_address_of_its_webhooks() {
    let environment = shop();
    let _serving = anywhere(&environment).serve();
    let (api, hook) = (environment.api(), Hook::new(&[]));
    let (webhook, _) = add(&api, &hook, "notify", &["api:app"]);
    let path = format!(
        "/apps/shop/webhooks/{}",
        webhook["id"].as_str().unwrap_or_default()
    );
    let ann = environment.api_with(&environment.token(&["--user", "ann@example.com"]));
    let deeds = |api: &ApiClient| {
        let empty = json!({"include": [], "level": "notify", "url": "x"});
        [
            api.get("/apps/shop/webhooks").status,
            api.get(&path).status,
            api.json("POST", "/apps/shop/webhooks", &empty).status,
            api.json("PATCH", &path, &json!({"level": "loud"})).status,
            api.get("/apps/shop/webhook-deliveries").status,
            api.get("/apps/shop/webhook-events").status,
        ]
    };
    assert_eq!(deeds(&api), [200, 200, 422, 422, 200, 200]);
    assert_eq!(deeds(&ann), [404, 404, 422, 404, 404, 404]);
    let given = [
        "access:add",
        "ann@example.com",
        "--role",
        "viewer",
        "--app",
        "shop",
    ];
    let _ = environment.run(given).success();
    assert_eq!(deeds(&ann), [403, 403, 422, 403, 200, 200]);
    let changed = api
        .json(
            "PATCH",
            &path,
            &json!({"level": "sync", "include": ["release"]}),
        )
        .is(200);
    assert_eq!(changed.json()["include"], json!(["api:release"]));
    let _ = api.send("DELETE", &path, "").is(200);
    assert_eq!(api.get("/apps/shop/webhooks").is(200).json(), json!([]));
    let _ = api.get(&path).is(404);
}
