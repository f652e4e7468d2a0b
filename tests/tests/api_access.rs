//! Who may do what through the API: scopes of tokens, roles of people, tokens that are good for nothing,
//! and who tries many.

use insta::assert_snapshot;
use serde_json::json;
use slugline_testkit::environment::{ApiClient, TestEnvironment};
use slugline_tests::story;

const OWNER: &str = "jim@example.com";
const OTHER: &str = "ann@example.com";

/// What each may be asked to do with the app `shop`, in the order of the columns.
fn deeds(api: &ApiClient) -> [u16; 6] {
    let shop = |path: &str| format!("/apps/shop{path}");
    let set = json!({"A": "1"});
    [
        api.get(&shop("/releases")).status,
        api.get(&shop("/config-vars")).status,
        api.json("PATCH", &shop("/config-vars"), &set).status,
        api.json("PATCH", &shop(""), &json!({"maintenance": false}))
            .status,
        // Where it is permitted there is nothing to roll back to.
        api.json("POST", &shop("/releases"), &json!({"release": "v9"}))
            .status,
        // Where it is permitted nothing has failed.
        api.json(
            "POST",
            &shop("/releases"),
            &json!({"description": "Retry of v1"}),
        )
        .status,
    ]
}

fn table(rows: impl IntoIterator<Item = (String, [u16; 6])>) -> String {
    let head = format!("{:<20} history config set maintain rollback deploy", "");
    let row = |(who, deeds): (String, [u16; 6])| {
        let [history, config, set, maintain, rollback, deploy] = deeds;
        format!("{who:<20} {history:<7} {config:<6} {set:<3} {maintain:<8} {rollback:<8} {deploy}")
    };
    let rows = rows.into_iter().map(row);
    std::iter::once(head)
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_token_is_for_its_scopes_and_a_person_for_their_role() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let _ = environment.run(["apps:create", "shop"]).success();
    let _ = environment.run(["apps:create", "blog"]).success();
    let _ = environment
        .run(["addons:add", "releases:basic", "--app", "shop"])
        .success();
    let _ = environment
        .run(["config:add", "A=1", "--app", "shop"])
        .success();
    let mut rows = Vec::new();
    for scope in [
        "read",
        "config",
        "deploy",
        "rollback",
        "admin",
        "read,rollback",
    ] {
        let api = environment.api_with(&environment.token(&["--scope", scope]));
        rows.push((scope.to_owned(), deeds(&api)));
    }
    let narrow = environment.token(&["--app", "blog"]);
    rows.push((
        "admin of blog".to_owned(),
        deeds(&environment.api_with(&narrow)),
    ));
    let hers = environment.api_with(&environment.token(&["--user", OTHER]));
    rows.push(("a stranger".to_owned(), deeds(&hers)));
    for role in ["viewer", "operator", "deployer", "admin"] {
        let words = ["access:add", OTHER, "--role", role, "--app", "shop"];
        let _ = environment.run(words).success();
        rows.push((role.to_owned(), deeds(&hers)));
    }
    let _ = environment
        .run(["access:remove", OTHER, "--app", "shop"])
        .success();
    rows.push(("not any more".to_owned(), deeds(&hers)));
    assert_snapshot!(table(rows), @r"
                         history config set maintain rollback deploy
    read                 200     403    403 403      403      403
    config               200     200    200 403      403      403
    deploy               200     403    403 200      403      422
    rollback             200     403    403 200      422      403
    admin                200     200    200 200      422      422
    read,rollback        200     403    403 200      422      403
    admin of blog        404     404    404 404      404      404
    a stranger           404     404    404 404      404      404
    viewer               200     403    403 403      403      403
    operator             200     200    200 200      422      403
    deployer             200     403    403 200      403      422
    admin                200     200    200 200      422      422
    not any more         404     404    404 404      404      404
    ");
}

#[test]
fn what_is_not_permitted_is_told_and_on_record() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let _ = environment.run(["apps:create", "shop"]).success();
    let _ = environment
        .run(["access:add", OTHER, "--role", "viewer", "--app", "shop"])
        .success();
    let viewer = environment.api_with(&environment.token(&["--user", OTHER]));
    let reader = environment.api_with(&environment.token(&["--scope", "read"]));
    let secret = json!({"A": "MARKER-OF-A-SECRET"});
    let change = |api: &ApiClient| api.json("PATCH", "/apps/shop/config-vars", &secret);
    let told = format!("{}\n{}", change(&viewer), change(&reader));
    assert_snapshot!(told, @r#"
    403 {"id":"forbidden","message":"ann@example.com may not see or change the config vars of shop: their role in it is viewer.","app":{"name":"shop"}}
    403 {"id":"forbidden","message":"This token may not be used for that: it is for read.","app":{"name":"shop"}}
    "#);
    let alone = reader.json("POST", "/apps", &json!({"name": "blog"}));
    assert_snapshot!(alone, @r#"403 {"id":"forbidden","message":"This token may not be used for that: it is for read."}"#);
    let audit = environment.run(["audit", "--json"]).success();
    assert!(!audit.stdout.contains("MARKER"), "{audit}");
    let audit = audit.json();
    let refused = audit
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["outcome"] == "refused");
    let refused: Vec<_> = refused
        .map(|one| format!("{} {}", one["by"], one["what"]))
        .collect();
    assert_snapshot!(refused.join("\n"), @r#"
    "ann@example.com" "PATCH /apps/shop/config-vars: ann@example.com may not see or change the config vars of shop: their role in it is viewer."
    "jim@example.com" "PATCH /apps/shop/config-vars: This token may not be used for that: it is for read."
    "jim@example.com" "POST /apps: This token may not be used for that: it is for read."
    "#);
}

#[test]
fn tokens_are_listed_and_taken_away() {
    let environment = TestEnvironment::new();
    let _ = environment.run(["apps:create", "shop"]).success();
    let known = |words: &[&str]| {
        let output = environment.caller().without("SLUGLINE_APP").run(words);
        output.hide("slg_", "SECRET").hide("tokens:revoke ", "ID")
    };
    // The clock stands still, and what is of one instant is in any order.
    let later = |words: &[&str]| {
        let at = environment.at("2010-09-15T12:00:01-07:00");
        let output = at.without("SLUGLINE_APP").run(words);
        output.hide("slg_", "SECRET").hide("tokens:revoke ", "ID")
    };
    let listed = |words: &[&str]| {
        let mut output = known(words);
        let ids = environment.run(["tokens", "--json"]).json();
        for one in ids.as_array().unwrap() {
            let id = &one["id"].as_str().unwrap()[..8];
            output.stdout = output.stdout.replace(id, "........");
        }
        output
    };
    assert_snapshot!(story([
        known(&["tokens"]),
        known(&["tokens:create", "-d", "for CI", "--scope", "deploy,read", "--app", "shop"]),
        later(&["tokens:create", "--user", OTHER, "--expires", "30d"]),
        listed(&["tokens"]),
        listed(&["tokens", "--app", "shop"]),
        known(&["tokens:create", "--scope", "root"]),
        known(&["tokens:create", "--expires", "soon"]),
        known(&["tokens:create", "--app", "none"]),
        known(&["tokens:revoke", "xyz"]),
        known(&["tokens:revoke", ""]),
    ]), @r#"
    $ slugline tokens
    There are no tokens. Make one: slugline tokens:create

    $ slugline tokens:create -d 'for CI' --scope deploy,read --app shop
    slg_SECRET
    2> It is jim@example.com's, and shown only this once. Revoke it: slugline tokens:revoke ID

    $ slugline tokens:create --user ann@example.com --expires 30d
    slg_SECRET
    2> It is ann@example.com's, and shown only this once. Revoke it: slugline tokens:revoke ID

    $ slugline tokens
    Id        User             For          App   Used   Expires               Description
    --------  ---------------  -----------  ----  -----  --------------------  -----------
    ........  jim@example.com  read,deploy  shop  never  never                 for CI
    ........  ann@example.com  admin              never  2010-10-15T19:00:01Z

    $ slugline tokens --app shop
    Id        User             For          App   Used   Expires  Description
    --------  ---------------  -----------  ----  -----  -------  -----------
    ........  jim@example.com  read,deploy  shop  never  never    for CI

    $ slugline tokens:create --scope root
    2>  !    invalid value 'root' for '--scope <SCOPE>': "root" is not a scope: there are read, config, deploy, rollback, admin, machine
    2>  !    For more information, try '--help'.
    [exit 2]

    $ slugline tokens:create --expires soon
    2>  !    "soon" is no time: write it as 30m, 12h, 2d or 3w
    [exit 2]

    $ slugline tokens:create --app none
    2>  !    there is no app none
    2>  !    `slugline apps` lists those there are.
    [exit 1]

    $ slugline tokens:revoke xyz
    2>  !    No token, or more than one, begins with "xyz".
    2>  !    `slugline tokens` lists them.
    [exit 1]

    $ slugline tokens:revoke ''
    2>  !    No token, or more than one, begins with "".
    2>  !    `slugline tokens` lists them.
    [exit 1]
    "#);
}

#[test]
fn people_are_listed_and_taken_away() {
    let environment = TestEnvironment::new();
    let _ = environment.run(["apps:create", "shop"]).success();
    let app = |words: &[&str]| environment.caller().with("SLUGLINE_APP", "shop").run(words);
    assert_snapshot!(story([
        app(&["access"]),
        app(&["access:add", OTHER, "--role", "operator"]),
        app(&["access:add", OWNER]),
        app(&["access"]),
        app(&["access", "--json"]),
        app(&["access:remove", OTHER]),
        app(&["access:remove", OTHER]),
    ]), @r#"
    $ slugline access
    User             Role
    ---------------  -----
    jim@example.com  owner

    $ slugline access:add ann@example.com --role operator
    Adding ann@example.com to shop as operator... done

    $ slugline access:add jim@example.com
    2>  !    jim@example.com owns shop, and may do everything with it already.
    [exit 1]

    $ slugline access
    User             Role
    ---------------  --------
    jim@example.com  owner
    ann@example.com  operator

    $ slugline access --json
    [
      {
        "user": "jim@example.com",
        "role": "admin",
        "owner": true
      },
      {
        "user": "ann@example.com",
        "role": "operator",
        "owner": false
      }
    ]

    $ slugline access:remove ann@example.com
    Removing ann@example.com from shop... done

    $ slugline access:remove ann@example.com
    2>  !    ann@example.com is no collaborator of shop.
    2>  !    `slugline access` lists them.
    [exit 1]
    "#);
}

#[test]
fn a_token_that_is_revoked_or_has_expired_is_good_for_nothing() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let token = environment.token(&["--expires", "1h"]);
    let api = environment.api_with(&token);
    let _ = api.get("/account").is(200);
    let tokens = environment.run(["tokens", "--json"]).json();
    assert!(!tokens.to_string().contains(&token), "the secret is kept");
    let id = tokens[0]["id"].as_str().unwrap().to_owned();
    let _ = environment.run(["tokens:revoke", &id[..8]]).success();
    let gone = api.get("/account").is(401);
    assert_eq!(gone.headers["www-authenticate"], "Basic realm=\"Slugline\"");
    assert_snapshot!(gone.body, @r#"{"id":"unauthorized","message":"Invalid credentials provided."}"#);
    // The daemon's clock stands still: this one ended before.
    let early = environment
        .at("2010-09-15T10:00:00-07:00")
        .without("SLUGLINE_APP");
    let old = early.run(["tokens:create", "--expires", "1h"]).success();
    let _ = environment
        .api_with(old.stdout.trim())
        .get("/account")
        .is(401);
    let nobody = environment.api().without("Authorization");
    let _ = nobody.get("/account").is(401);
    for header in [
        "Bearer",
        "Bearer ",
        "Basic !!!",
        "Basic OnNlY3JldA==",
        "Digest x",
    ] {
        let _ = nobody.with("Authorization", header).get("/account").is(401);
    }
}

#[test]
fn a_client_logs_in_and_out() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let first = environment.token(&["-d", "first"]);
    let api = environment.api_with(&first);
    let basic = format!("Basic {}", base64(&format!("{OWNER}:{first}")));
    let login = api.with("Authorization", &basic);
    let body = json!({"description": "a laptop", "expires_in": 60, "scope": ["global"]});
    let made = login
        .json("POST", "/oauth/authorizations", &body)
        .is(201)
        .json();
    let secret = made["access_token"]["token"].as_str().unwrap();
    assert_eq!(made["access_token"]["expires_in"], 60);
    assert_eq!(made["user"]["email"], OWNER);
    let laptop = environment.api_with(secret);
    let listed = laptop.get("/oauth/authorizations").is(200);
    assert!(!listed.body.contains(secret) && listed.body.contains("a laptop"));
    assert_eq!(listed.json().as_array().unwrap().len(), 2);
    let _ = laptop.send("DELETE", "/oauth/sessions/~", "").is(200);
    let _ = laptop.get("/account").is(401);
    let _ = api.get("/account").is(200);
}

#[test]
fn a_narrow_token_makes_none_and_sees_itself_alone() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let _ = environment.run(["apps:create", "shop"]).success();
    let broad = environment.api();
    let others = broad.get("/oauth/authorizations").json();
    let other = others[0]["id"].as_str().unwrap().to_owned();
    let narrow = environment.api_with(&environment.token(&["--app", "shop"]));
    let _ = narrow
        .json("POST", "/oauth/authorizations", &json!({}))
        .is(403);
    let seen = narrow.get("/oauth/authorizations").is(200).json();
    assert_eq!(seen.as_array().unwrap().len(), 1);
    let path = format!("/oauth/authorizations/{other}");
    let _ = narrow.send("DELETE", &path, "").is(404);
    let reader = environment.api_with(&environment.token(&["--scope", "read"]));
    let made = reader
        .json("POST", "/oauth/authorizations", &json!({}))
        .is(201)
        .json();
    assert_eq!(made["scope"], json!(["read"]));
    let _ = broad.send("DELETE", &path, "").is(200);
    let _ = broad.get("/account").is(401);
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let bits = three
            .iter()
            .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        let digit = |place: usize| match place <= three.len() {
            true => char::from(DIGITS[(bits >> (18 - 6 * place) & 63) as usize]),
            false => '=',
        };
        (0..4).map(digit).collect::<String>()
    };
    text.as_bytes().chunks(3).map(group).collect()
}

#[test]
fn who_tries_many_tokens_waits() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let good = environment.api();
    let mut tried = 0;
    let refused = loop {
        let answer = environment
            .api_with(&format!("slg_{tried:064}"))
            .get("/account");
        if answer.status != 401 {
            break answer.is(429);
        }
        tried += 1;
        assert!(tried < 50, "nobody is slowed");
    };
    assert!(refused.headers["retry-after"].parse::<u64>().unwrap() > 0);
    assert_snapshot!(refused.body, @r#"{"id":"rate_limit","message":"Your account reached the API rate limit\nPlease wait a few minutes before making new requests"}"#);
    // The address waits, whoever is behind it.
    let _ = good.get("/account").is(429);
}
