//! Add-ons through the HTTP API: what can be added, what apps have, every change of it by the engine's
//! rules, and what has to be confirmed first.

use insta::assert_snapshot;
use serde_json::{Value, json};
use slugline_testkit::environment::{Answer, ApiClient, TestEnvironment};

/// One line an add-on, without the digits that differ each time.
fn rows(answer: &Answer) -> String {
    let all = answer.json();
    let all = all.as_array().cloned().unwrap_or_else(|| vec![all]);
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let row = |addon: &Value| {
        let name = text(&addon["name"]);
        let id = text(&addon["id"]).replace('-', "");
        assert!(name.ends_with(&id[..8]), "{name} {id}");
        format!(
            "{}-ID {} {} cents of {} {} {} {}",
            &name[..name.len() - 9],
            text(&addon["plan"]["name"]),
            addon["plan"]["price"]["cents"],
            text(&addon["app"]["name"]),
            text(&addon["state"]),
            addon["config_vars"],
            text(&addon["provision_message"]),
        )
    };
    all.iter().map(row).collect::<Vec<_>>().join("\n")
}

/// The texts of the releases, newest first.
fn history(api: &ApiClient) -> String {
    let list = api
        .with("Range", "version ..; order=desc")
        .get("/apps/shop/releases")
        .is(200);
    let row = |release: &Value| {
        format!(
            "v{} {} {}",
            release["version"],
            release["description"].as_str().unwrap_or_default(),
            release["addon_plan_names"]
        )
    };
    let list = list.json();
    let rows = list.as_array().into_iter().flatten().map(row);
    rows.collect::<Vec<_>>().join("\n")
}

fn shop() -> TestEnvironment {
    let environment = TestEnvironment::new();
    let _ = environment.run(["apps:create", "shop"]).success();
    environment
}

#[test]
fn what_can_be_added_is_listed_with_its_prices() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let api = environment.api();
    let services = api.get("/addon-services").is(200).json();
    let names: Vec<_> = services
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    let expected = json!([
        "deployhooks",
        "memcache",
        "postgresql",
        "redis",
        "releases",
        "webhooks"
    ]);
    assert_eq!(json!(names), expected);
    let memcache = &services[1];
    assert_eq!(memcache["human_name"], "A memcached server for each app.");
    assert_eq!(memcache["state"], "ga");
    let id = memcache["id"].as_str().unwrap();
    let plans = api.get("/addon-services/memcache/plans").is(200).json();
    for service in ["memcache", id] {
        let found = api.get(&format!("/addon-services/{service}")).is(200);
        assert_eq!(found.json(), *memcache);
        let of_id = api.get(&format!("/addon-services/{service}/plans"));
        assert_eq!(of_id.is(200).json(), plans);
    }
    let row = |plan: &Value| {
        let of = |field: &str| plan[field].to_string();
        format!(
            "{} {} {} {}",
            of("name"),
            of("human_name"),
            of("default"),
            of("price")
        )
    };
    let rows: Vec<_> = plans.as_array().unwrap().iter().map(row).collect();
    assert_snapshot!(rows.join("\n"), @r#"
    "memcache:100mb" "100 MB" false {"cents":2000,"contract":false,"metered":false,"unit":"month"}
    "memcache:free" "25 MB" true {"cents":0,"contract":false,"metered":false,"unit":"month"}
    "#);
    let plan = api.get("/plans/memcache:free").is(200).json();
    let id = plan["id"].as_str().unwrap();
    for path in [
        format!("/plans/{id}"),
        "/addon-services/memcache/plans/free".to_owned(),
        format!("/addon-services/memcache/plans/{id}"),
    ] {
        assert_eq!(api.get(&path).is(200).json(), plan, "{path}");
    }
    for path in [
        "/plans/free",
        "/addon-services/none/plans",
        "/addon-services/memcache/plans/no",
    ] {
        let _ = api.get(path).is(404);
    }
    let part = api
        .with("Range", "name ..; max=2")
        .get("/addon-services")
        .is(206);
    assert_eq!(
        part.headers["next-range"],
        "name ]memcache..; max=2, order=asc"
    );
}

#[test]
fn an_addon_is_added_moved_and_removed_by_the_rules_of_the_command_line() {
    let environment = shop();
    let _serving = environment.serve();
    let api = environment.api();
    let add = |body: Value| api.json("POST", "/apps/shop/addons", &body);
    // The first tier makes no release (S9).
    let tier = add(json!({"plan": "releases:advanced"})).is(201);
    assert_snapshot!(rows(&tier), @"releases-ID releases:advanced 0 cents of shop provisioned [] -");
    assert_eq!(history(&api), "");
    let plan = api.get("/plans/deployhooks:http").is(200).json();
    let hook = json!({"plan": {"id": plan["id"]}, "attachment": {}, "config": {"url": true}});
    assert_snapshot!(add(hook).is(422), @r#"422 {"id":"invalid_params","message":"deployhooks: --url must begin with http:// or https://, and name a host"}"#);
    let hook =
        json!({"plan": {"name": "deployhooks:http"}, "config": {"url": "http://127.0.0.1:1/"}});
    assert_snapshot!(rows(&add(hook).is(201)), @r"deployhooks-ID deployhooks:http 0 cents of shop provisioned [] Every deploy is posted to http://127.0.0.1:1/");
    let cache = add(json!({"plan": "memcache"})).is(201);
    assert_snapshot!(rows(&cache), @r#"memcache-ID memcache:free 0 cents of shop provisioned ["MEMCACHE_SERVERS"] Your cache is empty and ready."#);
    let cache = cache.json()["name"].as_str().unwrap().to_owned();
    let to =
        |addon: &str, body: Value| api.json("PATCH", &format!("/apps/shop/addons/{addon}"), &body);
    assert_snapshot!(rows(&to(&cache, json!({"plan": {"name": "memcache:100mb"}})).is(200)), @r#"memcache-ID memcache:100mb 2000 cents of shop provisioned ["MEMCACHE_SERVERS"] Your cache restarts empty, with 100 MB."#);
    assert_snapshot!(rows(&to("MEMCACHE", json!({"plan": "memcache:free"})).is(200)), @r#"memcache-ID memcache:free 0 cents of shop provisioned ["MEMCACHE_SERVERS"] Your cache restarts empty, with 25 MB."#);
    let refusals = [
        add(json!({"plan": "memcache:100mb"})),
        add(json!({"plan": "memcahce"})),
        add(json!({"plan": {}})),
        add(json!({"plan": "redis", "name": "mine"})),
        add(json!({"plan": "redis", "attachment": {"name": "CACHE"}})),
        add(json!({"plan": "redis", "confirm": "blog"})),
        add(json!({})),
        to("memcache", json!({"plan": "memcache:free"})),
        to("memcache", json!({"plan": "redis:free"})),
        to("memcache", json!({"name": "mine"})),
        to("redis", json!({"plan": "redis:free"})),
    ];
    let refusals: Vec<_> = refusals.iter().map(ToString::to_string).collect();
    assert_snapshot!(refusals.join("\n").replace(&cache, "NAME"), @r#"
    422 {"id":"invalid_params","message":"memcache add-on already added.\nTo upgrade, use addons:upgrade instead."}
    422 {"id":"invalid_params","message":"there is no add-on memcahce\nDid you mean memcache?"}
    422 {"id":"invalid_params","message":"\"\" is not a name for an add-on: use 1 to 40 lower-case letters, digits, - and _, such as memcache"}
    422 {"id":"invalid_params","message":"An add-on is named by its service and its id here: leave the name out."}
    422 {"id":"invalid_params","message":"redis is attached as REDIS: leave its name out."}
    422 {"id":"invalid_params","message":"Confirmed app blog did not match the selected app shop."}
    422 {"id":"invalid_params","message":"The body is not what is expected here, at line 1, column 2."}
    422 {"id":"invalid_params","message":"It is on memcache:free already."}
    422 {"id":"invalid_params","message":"redis:free is not a plan of memcache."}
    422 {"id":"invalid_params","message":"An add-on is named by its service and its id here: leave the name out."}
    404 {"id":"not_found","message":"Couldn't find that add-on."}
    "#);
    let _ = api
        .json(
            "DELETE",
            "/apps/shop/addons/memcache",
            &json!({"confirm": "shop"}),
        )
        .is(200);
    assert_snapshot!(history(&api), @r#"
    v5 Add-on remove memcache ["deployhooks:http","releases:advanced"]
    v4 Add-on downgrade memcache:free ["deployhooks:http","memcache:free","releases:advanced"]
    v3 Add-on upgrade memcache:100mb ["deployhooks:http","memcache:100mb","releases:advanced"]
    v2 Add-on add memcache ["deployhooks:http","memcache:free","releases:advanced"]
    v1 Add-on add deployhooks:http ["deployhooks:http","releases:advanced"]
    "#);
    assert_snapshot!(rows(&api.get("/apps/shop/addons").is(200)), @r"
    deployhooks-ID deployhooks:http 0 cents of shop provisioned [] -
    releases-ID releases:advanced 0 cents of shop provisioned [] -
    ");
}

#[test]
fn what_destroys_something_has_to_be_confirmed() {
    let environment = shop();
    let _serving = environment.serve();
    let api = environment.api();
    for plan in ["releases:advanced", "memcache"] {
        let _ = api
            .json("POST", "/apps/shop/addons", &json!({"plan": plan}))
            .is(201);
    }
    for number in 1..=3 {
        let set = json!({"N": number.to_string()});
        let _ = api.json("PATCH", "/apps/shop/config-vars", &set).is(200);
    }
    let remove =
        |rest: &str, body: Value| api.json("DELETE", &format!("/apps/shop/addons/{rest}"), &body);
    let refusals = [
        api.send("DELETE", "/apps/shop/addons/memcache", ""),
        remove("memcache", json!({"confirm": "blog"})),
        remove("memcache?confirm=blog", json!({})),
        remove("memcache?force=perhaps", json!({})),
        // Heroku's CLI has asked, but not about releases that are lost (S14).
        remove("releases", json!({"force": false})),
        api.json(
            "PATCH",
            "/apps/shop/addons/releases",
            &json!({"plan": "releases:basic"}),
        ),
    ];
    let refusals: Vec<_> = refusals.iter().map(ToString::to_string).collect();
    assert_snapshot!(refusals.join("\n"), @r#"
    422 {"id":"confirmation_required","message":"Removing memcache from shop destroys what it holds.\nTo do it all the same, send the app's name as \"confirm\".","app":{"name":"shop"}}
    422 {"id":"invalid_params","message":"Confirmed app blog did not match the selected app shop."}
    422 {"id":"invalid_params","message":"Confirmed app blog did not match the selected app shop."}
    400 {"id":"bad_request","message":"The query has confirm, an app's name, and force, true or false."}
    422 {"id":"confirmation_required","message":"An app without a tier keeps less: v1, v2, v3, v4 would be lost.\nTo do it all the same, send \"force\": true, as `heroku addons:destroy --force` does, or the app's name as \"confirm\".","app":{"name":"shop"}}
    422 {"id":"confirmation_required","message":"releases:basic keeps less: v1, v2, v3 would be lost.\nTo do it all the same, send the app's name as \"confirm\".","app":{"name":"shop"}}
    "#);
    assert_eq!(
        api.get("/apps/shop/addons")
            .is(200)
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let gone = remove("memcache", json!({"force": false})).is(200);
    assert_snapshot!(rows(&gone), @r#"memcache-ID memcache:free 0 cents of shop deprovisioned ["MEMCACHE_SERVERS"] -"#);
    let smaller = json!({"plan": "releases:basic", "confirm": "shop"});
    let _ = api
        .json("PATCH", "/apps/shop/addons/releases", &smaller)
        .is(200);
    let _ = api
        .json("POST", "/apps/shop/addons", &json!({"plan": "memcache"}))
        .is(201);
    let _ = remove("memcache?confirm=shop", json!({})).is(200);
    let _ = remove("releases", json!({"force": true})).is(200);
    assert_eq!(api.get("/apps/shop/addons").is(200).json(), json!([]));
}

/// Two apps, each with a memcached; the add-on of the first, and of the second.
fn two(environment: &TestEnvironment, api: &ApiClient) -> (Value, Value) {
    let _ = environment.run(["apps:create", "blog"]).success();
    let added = |app: &str| {
        let path = format!("/apps/{app}/addons");
        let body = json!({"plan": "memcache"});
        api.json("POST", &path, &body).is(201).json()
    };
    (added("shop"), added("blog"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn an_addon_goes_by_many_names() {
    let environment = shop();
    let _serving = environment.serve();
    let api = environment.api();
    let (of_shop, of_blog) = two(&environment, &api);
    let (id, name) = (text(&of_shop["id"]), text(&of_shop["name"]));
    for path in [
        format!("/apps/shop/addons/{id}"),
        "/apps/shop/addons/memcache".to_owned(),
        format!("/addons/{id}"),
        format!("/addons/{name}"),
        "/addons/shop::MEMCACHE".to_owned(),
    ] {
        let found = api.get(&path).is(200).json();
        assert_eq!(
            (&found["id"], &found["app"]["name"]),
            (&json!(id), &json!("shop")),
            "{path}"
        );
    }
    let ambiguous = api.get("/addons/memcache").is(422).json();
    assert_eq!(ambiguous["id"], "multiple_matches");
    let resolve = |body: Value| api.json("POST", "/actions/addons/resolve", &body);
    let ids = |answer: Answer| {
        let all = answer.is(200).json();
        all.as_array()
            .unwrap()
            .iter()
            .map(|one| text(&one["id"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(resolve(json!({"addon": "memcache"}))).len(), 2);
    let one = json!({"addon": "memcache", "app": "blog", "addon_service": "memcache"});
    assert_eq!(ids(resolve(one)), [text(&of_blog["id"])]);
    for none in [
        json!({"addon": "redis", "app": null}),
        json!({"addon": "memcache", "addon_service": "redis"}),
    ] {
        let answer = resolve(none).is(404).json();
        assert_eq!(answer["message"], "Couldn't find that add-on.");
    }
}

#[test]
fn an_addon_is_attached_once() {
    let environment = shop();
    let _serving = environment.serve();
    let api = environment.api();
    let (of_shop, _) = two(&environment, &api);
    let name = text(&of_shop["name"]);
    let attached = api.get("/apps/shop/addon-attachments/MEMCACHE");
    let attached = attached.is(200).json();
    let by_id = format!("/addon-attachments/{}", text(&attached["id"]));
    assert_eq!(api.get(&by_id).is(200).json(), attached);
    for path in [
        "/apps/shop/addon-attachments".to_owned(),
        format!("/addons/{name}/addon-attachments"),
    ] {
        assert_eq!(api.get(&path).is(200).json(), json!([attached]), "{path}");
    }
    assert_eq!(
        api.get("/addon-attachments")
            .is(200)
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let sought = json!({"addon_attachment": "MEMCACHE", "app": "shop"});
    let found = api
        .json("POST", "/actions/addon-attachments/resolve", &sought)
        .is(200);
    assert_eq!(found.json(), json!([attached]));
    let attach = |app: &str| {
        let body = json!({"addon": {"name": name}, "app": {"name": app}, "confirm": null});
        api.json("POST", "/addon-attachments", &body)
    };
    let refusals = [
        attach("blog"),
        attach("shop"),
        attach("none"),
        api.send("DELETE", &by_id, ""),
    ];
    let refusals: Vec<_> = refusals.iter().map(ToString::to_string).collect();
    assert_snapshot!(refusals.join("\n").replace(&name, "NAME"), @r#"
    422 {"id":"invalid_params","message":"NAME belongs to shop: an add-on belongs to one app here. To give blog one of its own: slugline addons:add memcache --app blog","app":{"name":"blog"}}
    422 {"id":"invalid_params","message":"NAME is attached to shop already, as MEMCACHE.","app":{"name":"shop"}}
    404 {"id":"not_found","message":"Couldn't find that app."}
    422 {"id":"invalid_params","message":"MEMCACHE is how NAME is attached to the app that it belongs to, and stays as long as that. To remove both: slugline addons:remove memcache --app shop","app":{"name":"shop"}}
    "#);
    let config = api.get(&format!("/addons/{name}/config")).is(200).json();
    assert_eq!(config[0]["name"], "MEMCACHE_SERVERS");
    let vars = api.get("/apps/shop/config-vars").is(200).json();
    assert_eq!(config[0]["value"], vars["MEMCACHE_SERVERS"]);
}

#[test]
fn what_partners_say_of_an_addon_changes_nothing_that_is_provisioned() {
    let environment = shop();
    let _serving = environment.serve();
    let api = environment.api();
    let new = json!({"plan": "memcache:free"});
    let added = api.json("POST", "/apps/shop/addons", &new).is(201).json();
    let id = text(&added["id"]);
    let said =
        |api: &ApiClient, what: &str| api.send("POST", &format!("/addons/{id}/actions/{what}"), "");
    assert_eq!(
        said(&api, "provision").is(200).json()["state"],
        "provisioned"
    );
    let told = text(&said(&api, "deprovision").is(422).json()["message"]);
    assert_eq!(
        told,
        "NAME is provisioned, and can only be removed: DELETE /apps/shop/addons/memcache"
            .replace("NAME", &text(&added["name"]))
    );
    let lent = format!("/addons/{id}/config");
    let had = api.get(&lent).is(200).json();
    let other = json!({"config": [{"name": "MEMCACHE_SERVERS", "value": "other"}]});
    let told = text(&api.json("PATCH", &lent, &other).is(403).json()["message"]);
    assert_eq!(
        told,
        "What NAME lends is what its provider answers, and nobody else sets it. Set a config var of another name: \
         PATCH /apps/shop/config-vars"
            .replace("NAME", &text(&added["name"]))
    );
    assert_eq!(api.get(&lent).is(200).json(), had);
    let kept = api.get(&format!("/addons/{id}")).is(200).json();
    assert_eq!(said(&api, "provision").is(200).json(), kept);
    let reader = environment.api_with(&environment.token(&["--scope", "read"]));
    for what in ["provision", "deprovision"] {
        let _ = said(&reader, what).is(403);
        let _ = said(&api.without("Authorization"), what).is(401);
    }
}

#[test]
fn who_may_see_add_ons_does_not_change_them_nor_read_what_they_lend() {
    let environment = shop();
    let _serving = environment.serve();
    let api = environment.api();
    let added = api
        .json("POST", "/apps/shop/addons", &json!({"plan": "memcache"}))
        .is(201);
    let name = added.json()["name"].as_str().unwrap().to_owned();
    let deeds = |api: &ApiClient| {
        let moved = json!({"plan": "memcache:9"});
        [
            api.get("/apps/shop/addons").status,
            api.get(&format!("/addons/{name}")).status,
            api.get(&format!("/addons/{name}/config")).status,
            api.json("POST", "/apps/shop/addons", &json!({"plan": "none"}))
                .status,
            api.json("PATCH", &format!("/addons/{name}"), &moved).status,
            api.send("DELETE", &format!("/apps/shop/addons/{name}"), "")
                .status,
            api.get("/addon-services").status,
        ]
    };
    let ann = |words: &[&str]| {
        let words = [&["--user", "ann@example.com"], words].concat();
        environment.api_with(&environment.token(&words))
    };
    assert_eq!(deeds(&api), [200, 200, 200, 422, 422, 422, 200]);
    assert_eq!(deeds(&ann(&[])), [404, 404, 404, 404, 404, 404, 200]);
    assert_eq!(ann(&[]).get("/addons").is(200).json(), json!([]));
    for (role, expected) in [
        ("viewer", [200, 200, 403, 403, 403, 403, 200]),
        ("operator", [200, 200, 200, 403, 403, 403, 200]),
        ("deployer", [200, 200, 403, 403, 403, 403, 200]),
        ("admin", [200, 200, 200, 422, 422, 422, 200]),
    ] {
        let given = [
            "access:add",
            "ann@example.com",
            "--role",
            role,
            "--app",
            "shop",
        ];
        let _ = environment.run(given).success();
        assert_eq!(deeds(&ann(&[])), expected, "{role}");
    }
    let read = ["--scope", "read"];
    assert_eq!(deeds(&ann(&read)), [200, 200, 403, 403, 403, 403, 200]);
    let nobody = api.without("Authorization");
    assert_eq!(deeds(&nobody), [401; 7]);
}
