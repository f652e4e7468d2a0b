//! The HTTP API: apps, config vars and releases, as any client reads and changes them; lists in parts,
//! tags, and what is refused. The rules are the engine's, as at the command line.

use insta::assert_snapshot;
use serde_json::{Value, json};
use slugline_testkit::environment::{Answer, TestEnvironment};

/// What an answer says of releases: number, text, status, whether it is current and eligible.
fn rows(answer: &Answer) -> String {
    let releases = answer.json();
    let releases = releases
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![releases]);
    let row = |release: &Value| {
        format!(
            "v{} {} {}{}{}",
            release["version"],
            release["description"].as_str().unwrap_or("without a text"),
            release["status"].as_str().unwrap_or("without a status"),
            if release["current"] == true {
                " current"
            } else {
                ""
            },
            if release["eligible_for_rollback"] == true {
                " eligible"
            } else {
                ""
            },
        )
    };
    releases.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn config_vars_and_rollbacks_make_releases_like_any_other() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let api = environment.api();
    let app = api
        .json("POST", "/apps", &json!({"name": "shop"}))
        .is(201)
        .json();
    assert_eq!(app["name"], "shop");
    assert_eq!(app["owner"]["email"], "jim@example.com");
    let shop = "/apps/shop/config-vars";
    let _ = environment
        .run(["addons:add", "releases:advanced", "--app", "shop"])
        .success();
    let all = api
        .json("PATCH", shop, &json!({"A": "1", "B": "2"}))
        .is(200);
    assert_eq!(all.json(), json!({"A": "1", "B": "2"}));
    let all = api
        .json("PATCH", shop, &json!({"A": null, "NONE": null, "C": "3"}))
        .is(200);
    assert_eq!(all.json(), json!({"B": "2", "C": "3"}));
    // Nothing new makes no release.
    let _ = api.json("PATCH", shop, &json!({"C": "3"})).is(200);
    let list = api
        .with("Range", "version ..; order=desc")
        .get("/apps/shop/releases");
    assert_snapshot!(rows(&list.is(200)), @r"
    v2 Config add C, remove A succeeded current eligible
    v1 Config add A, B succeeded eligible
    ");
    let back = api
        .json("POST", "/apps/shop/releases", &json!({"release": "v1"}))
        .is(201);
    assert_snapshot!(rows(&back), @"v3 Rollback to v1 succeeded current eligible");
    let id = back.json()["id"].as_str().unwrap().to_owned();
    for release in ["3", "v3", &id] {
        let found = api.get(&format!("/apps/shop/releases/{release}")).is(200);
        assert_eq!(found.json()["id"], *id, "{release}");
        let vars = api.get(&format!("/apps/shop/releases/{release}/config-vars"));
        assert_eq!(vars.is(200).json(), json!({"A": "1", "B": "2"}));
    }
    assert_snapshot!(environment.run(["releases", "--app", "shop"]), @r"
    $ slugline releases --app shop
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v3    Rollback to v1                  jim@example.com       0 seconds ago············
    v2    Config add C, remove A          jim@example.com       0 seconds ago············
    v1    Config add A, B                 jim@example.com       0 seconds ago············
    ");
    let audit = environment.run(["audit", "--app", "shop"]).success();
    let audit = audit.hide("token ", "ID").hide("request ", "ID").stdout;
    let through: Vec<_> = audit.lines().filter(|line| line.contains("api ")).collect();
    assert_snapshot!(through.join("\n"), @r"
    0 seconds ago  shop  jim@example.com  v3 Rollback to v1             api 127.0.0.1 token ID request ID
    0 seconds ago  shop  jim@example.com  v2 Config add C, remove A     api 127.0.0.1 token ID request ID
    0 seconds ago  shop  jim@example.com  v1 Config add A, B            api 127.0.0.1 token ID request ID
    0 seconds ago  shop  jim@example.com  POST /apps                    api 127.0.0.1 token ID request ID
    ");
}

#[test]
fn a_list_comes_in_parts() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let api = environment.api();
    let _ = api.json("POST", "/apps", &json!({"name": "shop"})).is(201);
    let _ = environment
        .run(["addons:add", "releases:advanced", "--app", "shop"])
        .success();
    for number in 1..=5 {
        let _ = api
            .json(
                "PATCH",
                "/apps/shop/config-vars",
                &json!({"N": number.to_string()}),
            )
            .is(200);
    }
    for (first, expected) in [
        ("version ..; max=2, order=desc", "5 4|3 2|1"),
        ("version ..; max=3", "1 2 3|4 5"),
        ("id ..; max=3; order=desc", "5 4 3|2 1"),
        ("version 2..4; order=desc,max=1;", "4|3|2"),
        ("version ..; ;", "1 2 3 4 5"),
    ] {
        let (mut parts, mut range) = (Vec::new(), Some(first.to_owned()));
        while let Some(wanted) = range {
            let part = api.with("Range", &wanted).get("/apps/shop/releases");
            let numbers = part.json();
            let numbers = numbers.as_array().unwrap().iter();
            let numbers: Vec<_> = numbers.map(|one| one["version"].to_string()).collect();
            parts.push(numbers.join(" "));
            range = part.headers.get("next-range").cloned();
            assert_eq!(part.status, if range.is_some() { 206 } else { 200 });
        }
        assert_eq!(parts.join("|"), expected, "{first}");
    }
    let bad = api
        .with("Range", "size ..")
        .get("/apps/shop/releases")
        .is(416);
    assert_snapshot!(bad.body, @r#"{"id":"requested_range_not_satisfiable","message":"This list is sorted by one of: version, id."}"#);
}

#[test]
fn what_is_seen_has_a_tag_and_what_is_not_as_seen_is_not_changed() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let api = environment.api();
    let _ = api.json("POST", "/apps", &json!({"name": "shop"})).is(201);
    let vars = "/apps/shop/config-vars";
    let seen = api.get(vars).is(200).headers["etag"].clone();
    let again = api.with("If-None-Match", &seen).get(vars).is(304);
    assert_eq!(again.body, "");
    let careful = api.with("If-Match", &seen);
    let _ = careful.json("PATCH", vars, &json!({"A": "1"})).is(200);
    let late = careful.json("PATCH", vars, &json!({"A": "2"})).is(412);
    assert_snapshot!(late.body, @r#"{"id":"precondition_failed","message":"It is not any more what If-Match says. Read it again."}"#);
    assert_eq!(api.get(vars).json(), json!({"A": "1"}));
}

#[test]
fn what_cannot_be_is_told_in_words() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let api = environment.api();
    let _ = api.json("POST", "/apps", &json!({"name": "shop"})).is(201);
    let ask = |method: &str, path: &str, body: &str| {
        format!("{method} {path} {body}\n{}", api.send(method, path, body))
    };
    let told = [
        ask("GET", "/apps/none", ""),
        ask("GET", "/nowhere", ""),
        ask("PUT", "/apps", ""),
        ask("POST", "/apps", r#"{"name":"Shop"}"#),
        ask("POST", "/apps", r#"{"name":"shop"}"#),
        ask("POST", "/apps", r#"{"name":7}"#),
        ask("POST", "/apps", "{"),
        ask("PATCH", "/apps/shop/config-vars", r#"{"1A":"x"}"#),
        ask("POST", "/apps/shop/releases", r#"{"release":"v1"}"#),
        ask("POST", "/apps/shop/releases", r#"{"release":"latest"}"#),
        ask("POST", "/apps/shop/releases", "{}"),
        ask("GET", "/apps/shop/releases/v1", ""),
    ];
    assert_snapshot!(told.join("\n"), @r#"
    GET /apps/none 
    404 {"id":"not_found","message":"Couldn't find that app."}
    GET /nowhere 
    404 {"id":"not_found","message":"There is no GET /nowhere. The API is described at /openapi.json; its version is named by the Accept header: application/vnd.heroku+json; version=3"}
    PUT /apps 
    404 {"id":"not_found","message":"There is no PUT /apps. The API is described at /openapi.json; its version is named by the Accept header: application/vnd.heroku+json; version=3"}
    POST /apps {"name":"Shop"}
    422 {"id":"invalid_params","message":"\"Shop\" is not a name for an app: use 1 to 30 lower-case letters, digits and dashes, beginning with a letter"}
    POST /apps {"name":"shop"}
    422 {"id":"invalid_params","message":"there is already an app shop"}
    POST /apps {"name":7}
    422 {"id":"invalid_params","message":"The body is not what is expected here, at line 1, column 9."}
    POST /apps {
    400 {"id":"bad_request","message":"The body is no JSON, at line 1, column 1."}
    PATCH /apps/shop/config-vars {"1A":"x"}
    422 {"id":"invalid_params","message":"\"1A\" is not a key for a config var: use letters, digits and _, not beginning with a digit"}
    POST /apps/shop/releases {"release":"v1"}
    422 {"id":"invalid_params","message":"Please install the Release Management add-on to access release history\nslugline addons:add releases:basic"}
    POST /apps/shop/releases {"release":"latest"}
    404 {"id":"not_found","message":"\"latest\" is not a release: write v40 or 40"}
    POST /apps/shop/releases {}
    422 {"id":"invalid_params","message":"Say which release to roll back to, {\"release\": \"v40\"}, or which slug to release."}
    GET /apps/shop/releases/v1 
    404 {"id":"not_found","message":"Couldn't find that release."}
    "#);
    let _ = api
        .send("PATCH", "/apps/shop/config-vars", vec![b' '; 2 << 20])
        .is(413);
}

/// A tier that keeps all, and denies with these words, or nothing where there are none; and what approves it.
fn strict(environment: &TestEnvironment, denial: &str, approve: &[&str]) {
    let manifest = "name: strict\nversion: 1.0.0\napi: 1\nsummary: A tier of a team's own.\nentry: init.lua\n\
                    tiers:\n  strict: {price: free, summary: Asks nobody.}\n";
    let denied = match denial {
        "" => String::new(),
        words => format!("function strict.rollback() slugline.deny({words:?}) end\n"),
    };
    environment.write_file("strict/plugin.yaml", manifest);
    let script = format!("local strict = slugline.tier(\"strict\")\n{denied}");
    environment.write_file("strict/init.lua", script);
    let _ = environment.run(approve).success();
}

#[test]
fn a_list_asks_the_tier_as_it_is_now_and_not_as_it_was_when_it_was_asked_last() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let api = environment.api();
    let _ = api.json("POST", "/apps", &json!({"name": "shop"})).is(201);
    let list = || rows(&api.get("/apps/shop/releases").is(200));
    let install = ["plugins:install", "strict", "--yes"];
    strict(&environment, "Not on my watch", &install);
    let words = ["addons:add", "releases:strict", "--app", "shop"];
    let _ = environment.run(words).success();
    for value in ["1", "2"] {
        let vars = json!({"A": value});
        let _ = api.json("PATCH", "/apps/shop/config-vars", &vars).is(200);
    }
    let denied = list();
    assert_snapshot!(denied, @r"
    v1 Config add A succeeded
    v2 Config add A succeeded current eligible
    ");
    // The plugin is one that was asked before, now.
    assert_eq!(list(), denied);
    let update = ["plugins:update", "strict", "strict", "--yes"];
    strict(&environment, "", &update);
    assert_snapshot!(list(), @r"
    v1 Config add A succeeded eligible
    v2 Config add A succeeded current eligible
    ");
    // What is kept for the next question holds up nobody who clears.
    let _ = environment.run(["gc"]).success();
}
