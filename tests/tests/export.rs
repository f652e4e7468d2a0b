//! An app's history as one file and back, in another home: what it says, what it leaves out, and what
//! can be done with it there. It must not know how the ledger keeps it.

mod trouble;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;
use slugline_testkit::environment::{Caller, TestEnvironment};
use trouble::{MARKER, SITE, Trouble, does};

/// Somebody whose home is another folder.
fn elsewhere(env: &TestEnvironment) -> Caller<'_> {
    let home = env.folder().join("other");
    env.caller()
        .with("SLUGLINE_HOME", &home.display().to_string())
}

/// An app with code, a secret, an add-on and a rollback, which keeps all its releases.
fn shop() -> Trouble {
    let trouble = Trouble::serving();
    does(&trouble.env.run(["config:add", "COLOR=red"]));
    does(&trouble.env.run(["rollback", "v2"]));
    trouble
}

#[test]
fn a_history_goes_to_another_home() {
    let trouble = shop();
    let env = &trouble.env;
    assert_snapshot!(env.run(["export", "shop.json"]), @"
    $ slugline export shop.json
    Exported 1 app with 4 releases to shop.json
    2> The values of its config vars are in it, those of old releases too: whoever has it can read them. --without-values leaves them out.
    ");
    let file = env.work().join("shop.json");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = env.run(["releases", "--json"]).success().stdout;
    does(&env.run(["serve", "--stop"]));

    let there = elsewhere(env);
    assert_snapshot!(there.run(["import", "shop.json", "--app", "shop"]), @"
    $ slugline import shop.json --app shop
    Imported shop: 4 releases; v4 is current
    2>  !    Code is not in an export: that of 3 releases is not here, and cannot run.
    2>  !    Bring code: slugline git:remote --app shop, then git push; or slugline deploy --app shop
    ");
    let there = there.with("SLUGLINE_APP", "shop");
    assert_eq!(there.run(["releases", "--json"]).success().stdout, before);
    assert_snapshot!(there.run(["releases:info", "v3"]), @"
    $ slugline releases:info v3
    === Release v3
    Change:      Config add COLOR
    By:          jim@example.com
    When:        0 seconds ago
    Addons:      releases:advanced
    Config:      COLOR  => red
                 SECRET => hush-7f3a91c2
    ");
    assert_snapshot!(there.run(["releases:diff", "v2", "v3"]), @"
    $ slugline releases:diff v2 v3
    === v2 -> v3
    Config:      + COLOR => ********
    ");
    does(&there.run(["releases:verify"]));
    // Nothing of its code is here.
    assert_snapshot!(there.run(["restart"]), @r#"
    $ slugline restart
    2> Started `slugline serve` in the background: http://localhost:PORT
    2>  !    the slug cannot be unpacked: "$FOLDER/other/slugs/77f078fa40f22fe248f7487927b33f3252b4e9d6747492ed98dfd3cd3696dad4.slug" is not in the store
    [exit 1]
    "#);
    assert_snapshot!(there.run(["rollback", "v3"]), @r#"
    $ slugline rollback v3
    2>  !    the slug cannot be unpacked: "$FOLDER/other/slugs/77f078fa40f22fe248f7487927b33f3252b4e9d6747492ed98dfd3cd3696dad4.slug" is not in the store
    [exit 1]
    "#);
    assert_snapshot!(there.run(["config:add", "A=1"]), @"
    $ slugline config:add A=1
    Adding config vars:
      A => 1
    Updating vars and restarting app... failed
    2>  !    the source 77f078fa40f22fe248f7487927b33f3252b4e9d6747492ed98dfd3cd3696dad4 is no longer in the store
    [exit 1]
    ");
    env.write_file("site/index.html", "second page");
    does(&there.run(["deploy", SITE]));
    does(&there.run(["config:add", "A=1"]));
    does(&there.run(["rollback"]));
    assert_snapshot!(there.run(["releases", "-n", "9"]), @"
    $ slugline releases -n 9
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v8    Rollback to v6                  jim@example.com       0 seconds ago············
    v7    Config add A                    jim@example.com       0 seconds ago············
    v6    Deploy eb5f360                  jim@example.com       0 seconds ago············
    v5    Rollback to v3 (failed)         jim@example.com       0 seconds ago············
    v4    Rollback to v2                  jim@example.com       0 seconds ago············
    v3    Config add COLOR                jim@example.com       0 seconds ago············
    v2    Deploy 77f078f                  jim@example.com       0 seconds ago············
    v1    Config add SECRET               jim@example.com       0 seconds ago············
    ");
    does(&there.run(["releases:verify"]));
    does(&there.run(["serve", "--stop"]));
}

#[test]
fn add_ons_are_left_behind_where_that_is_said() {
    let trouble = Trouble::new(&["myapp"], |env| {
        does(&env.run(["addons:add", "releases:advanced"]));
        does(&env.run([
            "addons:add",
            "deployhooks:email",
            "--recipient=a@example.com",
        ]));
        does(&env.run(["config:add", &format!("SECRET={MARKER}")]));
    });
    let env = &trouble.env;
    let there = elsewhere(env);
    let exported = env.run(["export", "--json"]).success();
    assert!(exported.stdout.contains(MARKER));
    env.write_file("app.json", &exported.stdout);
    assert_snapshot!(there.run(["import", "app.json"]), @"
    $ slugline import app.json
    2>  !    myapp has add-ons of which nothing is here:
    2>  !      deployhooks:email
    2>  !    --without-addons removes them at the end of its history; add them again then. What they hold is not in an export.
    [exit 1]
    ");
    assert_snapshot!(there.run(["apps"]), @"
    $ slugline apps
    You have no apps.
    ");
    assert_snapshot!(there.run(["import", "app.json", "--without-addons"]), @"
    $ slugline import app.json --without-addons
    Imported myapp: 3 releases; v3 is current
    2> Removed deployhooks:email. To have it again: slugline addons:add deployhooks:email --app myapp
    ");
    assert_snapshot!(there.run(["addons"]), @"
    $ slugline addons
    releases:advanced
    ");
    assert_snapshot!(there.run(["config"]), @"
    $ slugline config
    SECRET => hush-7f3a91c2
    ");
    assert_snapshot!(there.run(["releases"]), @"
    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v3    Add-on remove deployhooks       jim@example.com       0 seconds ago············
    v2    Config add SECRET               jim@example.com       0 seconds ago············
    v1    Add-on add deployhooks:email    jim@example.com       0 seconds ago············
    ");
    // It had other add-ons (S18).
    assert_snapshot!(there.run(["rollback", "v2"]), @"
    $ slugline rollback v2
    2>  !    Cannot rollback to a release that had a different set of addons installed
    2>  !    - deployhooks:email
    2>  !    There is no release that can be rolled back to.
    [exit 1]
    ");
    assert_snapshot!(there.run(["import", "app.json", "--without-addons"]), @"
    $ slugline import app.json --without-addons
    2>  !    there is already an app myapp
    2>  !    Give it another name: slugline import app.json --app NAME
    [exit 1]
    ");
    let audit = there.run(["audit", "--json"]).success().stdout;
    assert!(audit.contains("import of myapp with 3 releases and 0 receipts; v2 had the digest "));
    assert!(audit.contains("import app.json --without-addons: there is already an app myapp"));
    assert!(!audit.contains(MARKER));
}

#[test]
fn what_is_wrong_is_refused_and_changes_nothing() {
    let trouble = Trouble::serving();
    let env = &trouble.env;
    assert_snapshot!(env.run(["export", "open.json", "--without-values"]), @"
    $ slugline export open.json --without-values
    Exported 1 app with 2 releases to open.json
    2> The values of its config vars are not in it: it cannot be imported.
    ");
    let open = fs::read_to_string(env.work().join("open.json")).unwrap();
    assert!(!open.contains(MARKER));
    assert_snapshot!(env.run(["export", "open.json"]), @"
    $ slugline export open.json
    2>  !    open.json is there already
    2>  !    Name another file.
    [exit 1]
    ");
    assert_snapshot!(env.run(["export", "none/open.json"]), @"
    $ slugline export none/open.json
    2>  !    there is no folder none
    [exit 1]
    ");
    assert_snapshot!(env.run(["export", "--app", "myap"]), @"
    $ slugline export --app myap
    2>  !    there is no app myap
    2>  !    Did you mean myapp?
    [exit 1]
    ");
    assert_snapshot!(env.run(["import", "open.json", "--app", "open"]), @"
    $ slugline import open.json --app open
    2>  !    open.json cannot be imported: the values of its config vars were left out when it was exported
    [exit 1]
    ");
    assert_snapshot!(env.run(["import", "none.json"]), @"
    $ slugline import none.json
    2>  !    none.json cannot be imported: No such file or directory (os error 2)
    [exit 1]
    ");
    let whole = env.run(["export"]).success().stdout;
    env.write_file("whole.json", &whole);
    assert_snapshot!(env.run(["import", "whole.json"]), @"
    $ slugline import whole.json
    2>  !    there is already an app myapp
    2>  !    Give it another name: slugline import whole.json --app NAME
    [exit 1]
    ");
    env.write_file("gap.json", whole.replace("\"version\":2", "\"version\":3"));
    assert_snapshot!(env.run(["import", "gap.json", "--app", "gap"]), @"
    $ slugline import gap.json --app gap
    2>  !    gap.json cannot be imported: releases[1].version: expected 2: numbers have no gaps, and each is there once
    [exit 1]
    ");
    env.write_file("next.json", whole.replace("\"format\": 1", "\"format\": 2"));
    assert_snapshot!(env.run(["import", "next.json", "--app", "next"]), @"
    $ slugline import next.json --app next
    2>  !    next.json cannot be imported: it is of format 2; this Slugline reads format 1
    [exit 1]
    ");
    assert_snapshot!(env.run(["import", "whole.json", "--app", "No"]), @r#"
    $ slugline import whole.json --app No
    2>  !    "No" is not a name for an app: use 1 to 30 lower-case letters, digits and dashes, beginning with a letter
    [exit 1]
    "#);
    let left: Vec<_> = fs::read_dir(env.work())
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 5, "{left:?}");
    trouble.ends();
}
