//! What clients ask for that there is one of here, or none; log drains; and tokens that are for less than the
//! one that they are made with.

use insta::assert_snapshot;
use serde_json::{Value, json};
use slugline_testkit::environment::{Answer, ApiClient};
use slugline_tests::{QUIET, deploy, with_app};

fn line(path: &str, answer: &Answer) -> String {
    let uuids = answer.body.split('"').map(|part| match part.len() {
        36 if part.matches('-').count() == 4 => "ID",
        _ => part,
    });
    let body = uuids.collect::<Vec<_>>().join("\"");
    format!("{path} {} {body}", answer.status)
}

fn told(api: &ApiClient, paths: &[&str]) -> String {
    let lines = paths.iter().map(|path| line(path, &api.get(path)));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn lists_are_of_what_there_is_and_else_empty() {
    let environment = with_app(None);
    let _serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    let api = environment.api();
    let paths = [
        "/stacks",
        "/stacks/slugline",
        "/stacks/heroku-24",
        "/regions",
        "/regions/eu",
        "/pipelines",
        "/teams",
        "/spaces",
        "/account/keys",
        "/account/features",
        "/apps/myapp/sni-endpoints",
        "/apps/myapp/pipeline-couplings",
        "/apps/myapp/buildpack-installations",
        "/apps/nothing/sni-endpoints",
    ];
    assert_snapshot!(told(&api, &paths), @r#"
    /stacks 200 [{"id":"ID","name":"slugline","state":"public","default":true}]
    /stacks/slugline 200 {"id":"ID","name":"slugline","state":"public","default":true}
    /stacks/heroku-24 404 {"id":"not_found","message":"Couldn't find that stack."}
    /regions 200 [{"id":"ID","name":"us","description":"This machine","private_capable":false,"default":true}]
    /regions/eu 404 {"id":"not_found","message":"Couldn't find that region."}
    /pipelines 200 []
    /teams 200 []
    /spaces 200 []
    /account/keys 200 []
    /account/features 200 []
    /apps/myapp/sni-endpoints 200 []
    /apps/myapp/pipeline-couplings 404 {"id":"not_found","message":"Couldn't find that pipeline coupling."}
    /apps/myapp/buildpack-installations 200 [{"ordinal":0,"buildpack":{"name":"Procfile","url":"urn:buildpack:Procfile"}}]
    /apps/nothing/sni-endpoints 404 {"id":"not_found","message":"Couldn't find that app."}
    "#);
    let refused = [
        (
            "POST",
            "/account/keys",
            json!({"public_key": "ssh-rsa AAAA"}),
        ),
        ("PATCH", "/apps/myapp", json!({"name": "other"})),
        ("PATCH", "/apps/myapp", json!({"build_stack": "heroku-24"})),
        (
            "PATCH",
            "/apps/myapp/formation",
            json!({"updates": [{"type": "web", "size": "standard-2x"}]}),
        ),
    ];
    for (method, path, body) in refused {
        let _ = api.json(method, path, &body).is(422);
    }
    let same = json!({"name": "myapp", "build_stack": "slugline"});
    let _ = api.json("PATCH", "/apps/myapp", &same).is(200);
}

#[test]
fn drains_are_added_and_told_without_what_is_secret() {
    let environment = with_app(None);
    let _serving = environment.serve();
    let api = environment.api();
    let drains = "/apps/myapp/log-drains";
    let add = |url: &str| api.json("POST", drains, &json!({"url": url}));
    let made = add("https://jim:sesame@logs.example.com/in?key=sesame").is(201);
    assert!(!made.body.contains("sesame"), "{made}");
    let token = made.json()["token"].as_str().map(str::to_owned);
    let token = token.unwrap_or_default();
    let shown = environment.run(["drains"]).success().stdout;
    assert!(shown.starts_with(&token), "{shown}");
    assert_eq!(api.get(drains).json(), json!([made.json()]));
    let one = api.get(&format!("{drains}/{token}")).is(200);
    assert_eq!(one.json(), made.json());
    let again = add("https://jim:sesame@logs.example.com/in?key=sesame").is(422);
    assert!(!again.body.contains("sesame"), "{again}");
    let _ = add("ftp://logs.example.com").is(422);
    let reader = environment.api_with(&environment.token(&["--scope", "read"]));
    let _ = reader
        .json("POST", drains, &json!({"url": "syslog://a:1"}))
        .is(403);
    let url = "https%3A%2F%2Fjim%3Asesame%40logs.example.com%2Fin%3Fkey%3Dsesame";
    let _ = api.send("DELETE", &format!("{drains}/{url}"), "").is(200);
    let _ = api.send("DELETE", &format!("{drains}/{token}"), "").is(404);
    let audit = environment.run(["audit"]).success().stdout;
    assert!(!audit.contains("sesame"), "{audit}");
}

#[test]
fn a_token_is_for_what_was_asked_for_and_never_for_more_than_its_maker() {
    let environment = with_app(None);
    let _serving = environment.serve();
    let narrow = environment.api_with(&environment.token(&["--scope", "deploy"]));
    let all = environment.api();
    let make = |api: &ApiClient, scope: Value| {
        let wanted = json!({"description": "for CI", "scope": scope});
        let made = api.json("POST", "/oauth/authorizations", &wanted);
        match made.status {
            201 => made.json()["scope"].to_string(),
            _ => made.to_string(),
        }
    };
    let lines = [
        make(&all, json!(["read"])),
        make(&all, json!(["global"])),
        make(&all, json!(["identity", "write"])),
        make(&all, json!(["read-protected"])),
        make(&all, json!(["everything"])),
        make(&all, json!(["machine"])),
        make(&narrow, json!(null)),
        make(&narrow, json!(["read"])),
        make(&narrow, json!(["admin"])),
        make(&narrow, json!(["write"])),
    ];
    assert_snapshot!(lines.join("\n"), @r#"
    ["read"]
    ["admin"]
    ["read","deploy","rollback"]
    ["config"]
    422 {"id":"invalid_params","message":"\"everything\" is not a scope: there are read, config, deploy, rollback, admin, machine"}
    403 {"id":"forbidden","message":"This token makes none that is for machine: it is not itself."}
    ["deploy"]
    ["read"]
    403 {"id":"forbidden","message":"This token makes none that is for admin: it is not itself."}
    403 {"id":"forbidden","message":"This token makes none that is for rollback: it is not itself."}
    "#);
}
