//! The API as the client of 2012 speaks it: the requests that it sends, with its headers, and what it needs of
//! the answers.

use insta::assert_snapshot;
use serde_json::{Value, json};
use slugline_testkit::environment::{Answer, ApiClient};
use slugline_tests::{QUIET, deploy, with_app};

/// As the client sends what is answered in XML.
fn client(api: &ApiClient) -> ApiClient {
    api.with("X-Heroku-API-Version", "2")
        .with("Accept", "*/*; q=0.5, application/xml")
}

fn form(api: &ApiClient, method: &str, path: &str, body: &str) -> Answer {
    api.with("Content-Type", "application/x-www-form-urlencoded")
        .send(method, path, body)
}

#[test]
fn releases_config_and_rollbacks_are_those_of_2012() {
    let environment = with_app(Some("releases:advanced"));
    let _serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    let xml = client(&environment.api());
    let json = xml.with("Accept", "application/json");
    let vars = "/apps/myapp/config_vars";
    let _ = json.send("PUT", vars, r#"{"A":"1","B":"2"}"#).is(200);
    assert_eq!(json.get(vars).is(200).json(), json!({"A": "1", "B": "2"}));
    let _ = xml.send("DELETE", &format!("{vars}/A"), "").is(200);
    let releases = json.get("/apps/myapp/releases").is(200).json();
    let rows: Vec<_> = releases
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| (row["name"].clone(), row["descr"].clone()))
        .collect();
    let row = |name: &str, descr: &str| (Value::from(name), Value::from(descr));
    let expected = [
        row("v1", "Deploy 575bfa8"),
        row("v2", "Config add A, B"),
        row("v3", "Config remove A"),
    ];
    assert_eq!(rows, expected);
    let info = json.get("/apps/myapp/releases/v2").is(200).json();
    assert_eq!(info["env"], json!({"A": "1", "B": "2"}));
    assert_eq!(info["addons"], json!(["releases:advanced"]));
    assert_eq!(info["user"], "jim@example.com");
    assert!(
        info["created_at"]
            .as_str()
            .is_some_and(|at| at.ends_with(" +0000"))
    );
    let back = form(&xml, "POST", "/apps/myapp/releases", "rollback=v2").is(200);
    assert_eq!(back.body, "v2");
    assert_eq!(json.get(vars).json(), json!({"A": "1", "B": "2"}));
    let absent = json.get("/apps/myapp/releases/v99");
    assert!(absent.status == 404 || absent.status == 422, "{absent}");
    assert_eq!(
        json.get("/apps/nothing/releases").is(404).body,
        "App not found"
    );
}

#[test]
fn apps_addons_and_processes_are_those_of_2012() {
    let environment = with_app(Some("releases:basic"));
    let _serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    let api = environment.api();
    let xml = client(&api);
    let json = xml.with("Accept", "application/json");
    let made = form(&xml, "POST", "/apps", "app[name]=second").is(201).body;
    assert!(made.contains("<name>second</name>"), "{made}");
    let _ = xml.send("PUT", "/apps/second/status", "").is(201);
    let list = xml.get("/apps").is(200).body;
    assert!(list.contains("<app><name>myapp</name><owner>jim@example.com</owner></app>"));
    let renamed = form(&xml, "PUT", "/apps/second", "app[name]=third").is(422);
    assert!(
        renamed
            .body
            .contains("<errors><error>second cannot be renamed")
    );
    let _ = xml.send("DELETE", "/apps/second", "").is(200);
    let _ = xml.get("/apps/second").is(404);
    let cache = "/apps/myapp/addons/memcache:free";
    let added = form(&json, "POST", cache, "").is(200).json();
    assert_eq!(added["price"], "free");
    assert_eq!(added["status"], "Installed");
    let locked = json.send("DELETE", cache, "").is(423);
    assert_eq!(locked.headers["x-confirmation-required"], "myapp");
    assert!(locked.json()["error"].is_string(), "{locked}");
    let gone = json.send("DELETE", &format!("{cache}?confirm=myapp"), "");
    assert_eq!(gone.is(200).json()["status"], "Uninstalled");
    assert!(
        json.get("/addons")
            .is(200)
            .body
            .contains("\"memcache:free\"")
    );
    let _ = json.get("/apps/myapp/ps").is(200);
    let _ = form(&json, "POST", "/apps/myapp/ps/restart", "").is(200);
    let ran = form(&json, "POST", "/apps/myapp/ps", "command=true&attach=true");
    let url = ran.is(200).json()["rendezvous_url"].clone();
    assert!(
        url.as_str()
            .is_some_and(|url| url.starts_with("rendezvous://"))
    );
    let logs = json.get("/apps/myapp/logs?logplex=true&num=5").is(200).body;
    assert!(logs.contains("/streams/"), "{logs}");
    // Who says which version they mean is answered in that.
    let _ = api.get("/apps/myapp/config-vars").is(200);
    assert!(api.get("/apps").is(200).json().is_array());
    // What only the other version has is answered by it.
    let _ = json.get("/apps/myapp/config-vars").is(200);
}

#[test]
fn who_logs_in_with_a_token_has_it_as_the_key_and_guesses_are_slowed() {
    let environment = with_app(None);
    let _serving = environment.serve();
    let token = environment.token(&[]);
    let nobody = environment.api_with(&token).without("Authorization");
    let json = client(&nobody).with("Accept", "application/json");
    let login = |password: &str| {
        let text = format!("username=jim%40example.com&password={password}");
        form(&json, "POST", "/login", &text)
    };
    let told = login(&token).is(200).json();
    assert_eq!(told["api_key"], token.as_str());
    assert_eq!(told["email"], "jim@example.com");
    // The client goes on with the key as the password.
    let encoded = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("jim@example.com:{token}"),
    );
    let jim = client(&nobody).with("Authorization", &format!("Basic {encoded}"));
    assert!(jim.get("/apps").is(200).body.contains("myapp"));
    let wrong = login("slg_wrong").is(401);
    assert_eq!(wrong.json()["error"], "Invalid credentials provided.");
    let statuses: Vec<_> = (0..30).map(|_| login("").status).collect();
    assert!(statuses.starts_with(&[401; 15]), "{statuses:?}");
    assert!(statuses.ends_with(&[429; 5]), "{statuses:?}");
    // Whoever else comes from there waits as well, with the right one too.
    assert_eq!(login(&token).status, 429);
}

#[test]
fn what_is_set_of_an_app_is_set_as_in_2012() {
    let environment = with_app(None);
    let _serving = environment.serve();
    deploy(&environment, "worker: exec sleep 1000\n", "575bfa8");
    let xml = client(&environment.api());
    let ask = |method: &str, path: &str, body: &str| {
        let path = format!("/apps/myapp/{path}");
        let answer = form(&xml, method, &path, body);
        format!(
            "{} {}",
            answer.status,
            answer.body.trim().replace('\n', " ")
        )
    };
    let reads = |path: &str| ask("GET", path, "");
    let told = [
        ask(
            "POST",
            "collaborators",
            "collaborator[email]=ann%40example.com",
        ),
        reads("collaborators"),
        ask("DELETE", "collaborators/ann%40example.com", ""),
        ask("DELETE", "collaborators/ann%40example.com", ""),
        ask("POST", "domains", "www.example.com"),
        ask("POST", "domains", "www.example.com"),
        reads("domains"),
        ask("DELETE", "domains/www.example.com", ""),
        ask("POST", "domains", "www.example.com"),
        ask("POST", "domains", "shop.example.com"),
        ask("DELETE", "domains", ""),
        ask("DELETE", "domains", ""),
        reads("domains"),
        ask("POST", "logs/drains", "url=syslog%3A%2F%2F127.0.0.1%3A9"),
        reads("logs/drains"),
        ask("DELETE", "logs/drains?url=syslog%3A%2F%2F127.0.0.1%3A9", ""),
        ask("DELETE", "logs/drains?url=syslog%3A%2F%2F127.0.0.1%3A9", ""),
        reads("stack"),
        ask("PUT", "stack", "bamboo-mri-1.9.2"),
        ask("PUT", "dynos", "dynos=0"),
        ask("PUT", "workers", "workers=2"),
    ];
    assert_snapshot!(told.join("\n"), @r#"
    200 ann@example.com added as a collaborator on myapp.
    200 <?xml version="1.0" encoding="UTF-8"?> <collaborators type="array"><collaborator><email>jim@example.com</email></collaborator><collaborator><email>ann@example.com</email></collaborator></collaborators>
    200 ann@example.com has been removed as collaborator on myapp.
    404 Collaborator not found
    201 www.example.com added to myapp
    422 <?xml version="1.0" encoding="UTF-8"?> <errors><error>www.example.com is a domain of myapp already.</error></errors>
    200 <?xml version="1.0" encoding="UTF-8"?> <domains type="array"><domain><domain>www.example.com</domain></domain></domains>
    200 
    201 www.example.com added to myapp
    201 shop.example.com added to myapp
    200 
    200 
    200 <?xml version="1.0" encoding="UTF-8"?> <domains type="array"></domains>
    200 Successfully added drain syslog://127.0.0.1:9
    200 syslog://127.0.0.1:9
    200 Successfully removed drain syslog://127.0.0.1:9
    404 Log drain not found
    200 [{"beta":false,"current":true,"name":"cedar","requested":false}]
    422 <?xml version="1.0" encoding="UTF-8"?> <errors><error>There is one stack here: cedar.</error></errors>
    422 <?xml version="1.0" encoding="UTF-8"?> <errors><error>myapp has no process type web It has: worker</error></errors>
    200 2
    "#);
    let key = xml.send("POST", "/user/keys", "ssh-rsa AAAA").is(422);
    assert!(key.body.contains("No key is needed"), "{key}");
    let _ = xml.send("DELETE", "/user/keys/jim", "").is(404);
    let billing = "/user/jim%40example.com/confirm_billing";
    assert_eq!(xml.send("POST", billing, "").is(200).body, "");
    let nobody = environment
        .api_with("none")
        .with("Accept", "application/xml");
    let _ = nobody.send("POST", billing, "").is(401);
}
