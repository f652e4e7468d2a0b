//! Documents that are no history, each with what is said of it.

use serde_json::{Value, json};

use super::{Document, InvalidDocument};

const SECRET: &str = "hush-7f3a91c2";

/// Three releases of which the second failed, after one that was pruned.
fn good() -> Value {
    let slug = json!({
        "id": "a".repeat(64), "size": 10, "commit": "575bfa8c0ffee", "source": "b".repeat(64),
        "buildpack": "Python", "processes": {"web": "python app.py"}, "default_env": {}
    });
    let none = json!({"set": {}, "removed": []});
    let release = |version: u64, change: Value, text: &str, config: Value, addons: Value| {
        json!({
            "version": version, "text": text, "change": change, "actor": "jim@example.com", "at": 1000,
            "status": "succeeded", "reason": null, "slug": 0, "config": config, "addons": addons,
            "pinned": false, "plugins": null, "origin": null, "digest": "c".repeat(64)
        })
    };
    let deploy = json!({"kind": "deploy", "commit": "575bfa8c0ffee"});
    let add = json!({"kind": "config_add", "keys": ["A"]});
    let tier = json!({"set": {"releases": {"plan": "releases:advanced", "price": "free", "resource": null}}, "removed": []});
    let value = json!({"set": {"A": {"value": SECRET, "owner": null}}, "removed": []});
    let mut failed = release(3, add.clone(), "Config add A", value.clone(), none.clone());
    failed["status"] = json!("failed");
    failed["reason"] = json!("it crashed");
    let gone = json!({"set": {}, "removed": ["A"]});
    json!({
        "format": 1, "slugline": "0.1.0", "exported_at": 5000, "values": true,
        "app": {"name": "shop", "owner": "jim@example.com", "created_at": 0, "branch": null},
        "last": 4, "current": 4, "first_tier": null,
        "newest_deploy": {"version": 2, "slug": 0}, "code_pinned": false,
        "slugs": [slug], "plugins": [[{"name": "p", "version": "1", "digest": "sha256:00"}]],
        "origins": [{"command": "deploy", "place": "here"}],
        "releases": [
            release(2, deploy, "Deploy 575bfa8", none.clone(), tier),
            failed,
            release(4, json!({"kind": "rollback", "target": 2, "half": null}), "Rollback to v2", gone, none),
        ],
        "receipts": [{
            "version": 1, "text": "Config add A", "change": add, "actor": "jim@example.com", "at": 500,
            "status": "succeeded", "reason": null, "slug": null, "pruned_at": 900, "plugins": 0,
            "origin": 0, "digest": "d".repeat(64)
        }],
        "usage": [{"owner": "jim@example.com", "plan": "memcache:free", "price": "$20/mo", "from": 1, "to": null}]
    })
}

fn refused(bytes: &[u8]) -> String {
    let error = Document::parse(bytes).unwrap_err().to_string();
    assert!(!error.contains(SECRET), "{error}");
    error
}

/// The document with one place set to a value.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = good();
    match document.pointer_mut(pointer) {
        Some(place) => *place = value,
        None => {
            let (above, key) = pointer.rsplit_once('/').unwrap();
            document.pointer_mut(above).unwrap()[key] = value;
        }
    }
    document
}

#[test]
fn a_history_is_read() {
    let document = Document::parse(good().to_string().as_bytes()).unwrap();
    assert_eq!(document.kept(), 3);
    assert_eq!(document.pruned(), 1);
    assert_eq!(
        document.present().tier().unwrap().to_string(),
        "releases:advanced"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_wrong_is_told_with_its_place_and_without_a_value() {
    let check = |pointer: &str, value: Value, expected: &str| {
        let document = with(pointer, value).to_string();
        assert_eq!(refused(document.as_bytes()), expected, "{pointer}");
    };
    let var = |value: Value| json!({"value": value, "owner": null});
    check(
        "/format",
        json!(2),
        "it is of format 2; this Slugline reads format 1",
    );
    check(
        "/format",
        json!("1"),
        "format: expected a whole number, not negative",
    );
    check(
        "/more",
        json!(1),
        "more: unknown field `more`, expected one of `format`, `slugline`, `exported_at`, `values`, `app`, `last`, `current`, `first_tier`, `newest_deploy`, `code_pinned`, `settings`, `slugs`, `plugins`, `origins`, `releases`, `receipts`, `usage`",
    );
    check(
        "/values",
        json!(false),
        "the values of its config vars were left out when it was exported",
    );
    check(
        "/app/name",
        json!("Shop"),
        "app.name: \"Shop\" is not a name for an app: use 1 to 30 lower-case letters, digits and dashes, beginning with a letter",
    );
    check(
        "/app/owner",
        json!(""),
        "app.owner: an actor is one line of 1 to 254 characters, such as jim@example.com",
    );
    check(
        "/app/more",
        json!(1),
        "app.more: unknown field `more`, expected one of `name`, `owner`, `created_at`, `branch`",
    );
    check(
        "/app/branch",
        json!(""),
        "app.branch: expected the name of a branch",
    );
    check(
        "/last",
        json!(5),
        "last: expected 4, the newest number there is",
    );
    check(
        "/last",
        json!(-1),
        "last: expected a whole number, not negative",
    );
    check(
        "/last",
        json!(u64::MAX),
        "last: expected a number that leaves room for more",
    );
    check(
        "/current",
        json!(2),
        "current: expected 4, the newest release that succeeded",
    );
    check(
        "/current",
        Value::Null,
        "current: expected 4, the newest release that succeeded",
    );
    check(
        "/newest_deploy",
        Value::Null,
        "newest_deploy: expected 2 and the place of its slug in the list",
    );
    check(
        "/newest_deploy/version",
        json!(4),
        "newest_deploy: expected 2 and the place of its slug in the list",
    );
    check(
        "/newest_deploy/slug",
        json!(1),
        "newest_deploy: expected 2 and the place of its slug in the list",
    );
    check(
        "/first_tier",
        json!({"since": 4, "plan": "memcache:free", "price": "free"}),
        "first_tier.plan: expected a plan of releases",
    );
    check(
        "/first_tier",
        json!({"since": 3, "plan": "releases:basic", "price": "free"}),
        "first_tier.since: expected the newest number when it was installed, after which no release succeeded",
    );
    check(
        "/code_pinned",
        json!("yes"),
        "code_pinned: expected a boolean",
    );
    check(
        "/slugs/0/id",
        json!("zz"),
        "slugs[0]: a slug is written as 64 to 64 lower-case hexadecimal digits",
    );
    check(
        "/slugs/0/more",
        json!(1),
        "slugs[0]: expected the form that an export gives it, with nothing more and in its order",
    );
    check(
        "/plugins/0/0/name",
        json!(1),
        "plugins[0]: expected a string",
    );
    check(
        "/releases",
        json!([]),
        "last: expected 1, the newest number there is",
    );
    check(
        "/releases/0/version",
        json!(3),
        "releases[0].version: expected 2: numbers have no gaps, and each is there once",
    );
    check(
        "/releases/1/version",
        json!(2),
        "releases[1].version: expected 3: numbers have no gaps, and each is there once",
    );
    check(
        "/releases/2/version",
        json!(7),
        "releases[2].version: expected 4: numbers have no gaps, and each is there once",
    );
    check(
        "/receipts/0/version",
        json!(2),
        "releases[0].version: expected 1: numbers have no gaps, and each is there once",
    );
    check(
        "/releases/0/text",
        json!("Deploy 0000000"),
        "releases[0].text: expected \"Deploy 575bfa8\", as its change says",
    );
    check(
        "/releases/0/change/kind",
        json!("guess"),
        "releases[0].change: unknown variant `guess`, expected one of `deploy`, `config_add`, `config_remove`, `config_edit`, `addon_add`, `addon_remove`, `addon_upgrade`, `addon_downgrade`, `rollback`",
    );
    check(
        "/releases/0/change/more",
        json!(1),
        "releases[0].change: expected the form that an export gives it, with nothing more and in its order",
    );
    check(
        "/releases/0/change/commit",
        json!("xyz"),
        "releases[0].change: a commit is written as 7 to 64 lower-case hexadecimal digits",
    );
    check(
        "/releases/0/actor",
        json!(""),
        "releases[0].actor: an actor is one line of 1 to 254 characters, such as jim@example.com",
    );
    check(
        "/releases/0/at",
        json!("now"),
        "releases[0].at: expected a whole number",
    );
    check(
        "/releases/0/status",
        json!("done"),
        "releases[0].status: unknown variant `done`, expected one of `pending`, `succeeded`, `failed`",
    );
    check(
        "/releases/0/status",
        json!("failed"),
        "releases[0].reason: expected why it failed",
    );
    check(
        "/releases/0/reason",
        json!("why"),
        "releases[0].reason: expected null: only what failed has a reason",
    );
    check(
        "/releases/2/status",
        json!("pending"),
        "releases[2].digest: expected null: a pending release has none",
    );
    check(
        "/releases/0/slug",
        json!(1),
        "releases[0].slug: expected null or a place in the list of slugs, which has 1",
    );
    check(
        "/releases/0/plugins",
        json!(1),
        "releases[0].plugins: expected null or a place in the list of plugins, which has 1",
    );
    check(
        "/releases/0/origin",
        json!(9),
        "releases[0].origin: expected null or a place in the list of origins, which has 1",
    );
    check(
        "/releases/0/digest",
        json!("c0ffee"),
        "releases[0].digest: expected 64 lower-case hexadecimal digits",
    );
    check(
        "/releases/1/config/set/1A",
        var(json!("1")),
        "releases[1].config.set.1A: \"1A\" is not a key for a config var: use letters, digits and _, not beginning with a digit",
    );
    check(
        "/releases/1/config/set/A/value",
        json!("a\u{0}b"),
        "releases[1].config.set.A: the value of A holds a NUL byte, which an environment cannot carry",
    );
    check(
        "/releases/1/config/set/A/value",
        json!({"hush-7f3a91c2": 1}),
        "releases[1].config.set.A.value: expected a string",
    );
    check(
        "/releases/1/config/set/A/value",
        json!(["hush-7f3a91c2"]),
        "releases[1].config.set.A.value: expected a string",
    );
    check(
        "/releases/1/config/set/A/value",
        Value::Null,
        "releases[1].config.set.A: missing field `value`",
    );
    check(
        "/releases/1/config/set/A/owner",
        json!("hush 7"),
        "releases[1].config.set.A.owner: \"hush 7\" is not a name for an add-on: use 1 to 40 lower-case letters, digits, - and _, such as memcache",
    );
    check(
        "/releases/1/config/set/A/more",
        json!(SECRET),
        "releases[1].config.set.A.more: unknown field `more`, expected `value` or `owner`",
    );
    check(
        "/releases/1/config/set/A",
        json!(SECRET),
        "releases[1].config.set.A: expected an object",
    );
    check(
        "/releases/1/config/set/B",
        var(json!("x".repeat(64 << 10))),
        "releases[1].config: config vars would take 65551 bytes together; the limit is 65536",
    );
    check(
        "/releases/1/config/removed",
        json!(["B"]),
        "releases[1].config.removed: expected config vars of the release before: B is not one, or is set again",
    );
    check(
        "/releases/2/config/removed",
        json!(["A-B"]),
        "releases[2].config.removed[0]: \"A-B\" is not a key for a config var: use letters, digits and _, not beginning with a digit",
    );
    check(
        "/releases/0/addons/removed",
        json!(["memcache"]),
        "releases[0].addons.removed: expected add-ons of the release before: memcache is not one, or is set again",
    );
    check(
        "/releases/0/addons/set/releases/plan",
        json!("memcache:free"),
        "releases[0].addons.set.releases.plan: expected a plan of releases",
    );
    check(
        "/releases/0/addons/set/releases/price",
        json!("$1"),
        "releases[0].addons.set.releases.price: \"$1\" is not a price: write free, $20/mo or $7.50/mo",
    );
    check(
        "/releases/0/addons/set/releases/resource",
        json!("7"),
        "releases[0].addons.set.releases.resource: a resource is named by 32 hexadecimal digits",
    );
    check(
        "/releases/0/pinned",
        json!(1),
        "releases[0].pinned: expected a boolean",
    );
    check(
        "/receipts/0/status",
        json!("pending"),
        "receipts[0].status: expected succeeded or failed: a pending release is never pruned",
    );
    check(
        "/receipts/0/actor",
        Value::Null,
        "receipts[0]: expected both an actor and a time, or none",
    );
    check(
        "/receipts/0/text",
        json!("x"),
        "receipts[0].text: expected \"Config add A\", as its change says",
    );
    check(
        "/receipts/0/slug",
        json!("7"),
        "receipts[0].slug: a slug is written as 64 to 64 lower-case hexadecimal digits",
    );
    check(
        "/usage/0/to",
        json!(0),
        "usage[0].to: expected a time after its beginning",
    );
    check(
        "/usage/0/price",
        json!(20),
        "usage[0].price: expected a string",
    );
}

#[test]
fn bytes_that_are_no_document_are_refused() {
    let check = |bytes: &[u8], expected: &str| assert_eq!(refused(bytes), expected);
    check(b"", "line 1, column 0: EOF while parsing a value");
    check(b"null", "the document: expected an object");
    check(b"[]", "the document: expected an object");
    check(b"{", "line 1, column 1: EOF while parsing an object");
    check(b"\xff", "line 1, column 1: expected value");
    check(b"{\"format\": 1}", "the document: missing field `slugline`");
    check(
        b"{\"format\": 9, \"new\": 1}",
        "it is of format 9; this Slugline reads format 1",
    );
    let twice = good()
        .to_string()
        .replace("\"A\":{", "\"A\":{\"value\":\"1\",\"owner\":null},\"A\":{");
    check(
        twice.as_bytes(),
        "releases[1].config.set: the key \"A\" is there twice",
    );
    let rest = good().to_string() + "x";
    assert!(matches!(
        Document::parse(rest.as_bytes()),
        Err(InvalidDocument::Syntax { .. })
    ));
    let deep = "[".repeat(100_000);
    check(
        deep.as_bytes(),
        "line 1, column 128: recursion limit exceeded",
    );
}

#[test]
fn no_byte_of_a_document_can_be_cut_off() {
    let whole = good().to_string();
    for length in 0..whole.len() {
        refused(&whole.as_bytes()[..length]);
    }
}
