//! What visitors see of an app: its domains, and the page while it is under maintenance; and the
//! certificates of the hosts.

use insta::assert_snapshot;
use rcgen::generate_simple_self_signed;
use slugline_tests::{WEB, deploy, story, with_app};

#[test]
fn an_app_answers_under_its_domains_and_those_belong_to_no_other() {
    let environment = with_app(None);
    deploy(&environment, WEB, "575bfa8");
    let _ = environment
        .run(["apps:create", "other", "--no-remote"])
        .success();
    let before = environment.run(["ps", "--json"]).success().json();
    assert_eq!(environment.http_get("www.shop", "/").0, 404);
    let added = story([
        environment.run(["domains"]),
        environment.run(["domains:add", "WWW.shop.localhost"]),
        environment.run(["domains:add", "www.shop.localhost"]),
        environment.run(["domains:add", "*.pets.localhost"]),
        environment.run(["domains:add", "www.shop.localhost", "--app", "other"]),
        environment.run(["domains:add", "http://www.shop.localhost"]),
        environment.run(["domains"]),
        environment.run(["domains", "--json"]),
    ]);
    assert_snapshot!(added, @r#"
    $ slugline domains
    myapp has no domains

    $ slugline domains:add WWW.shop.localhost
    Adding www.shop.localhost to myapp... done
    2> Undo: slugline domains:remove 'www.shop.localhost'

    $ slugline domains:add www.shop.localhost
    www.shop.localhost is a domain of myapp already.

    $ slugline domains:add '*.pets.localhost'
    Adding *.pets.localhost to myapp... done
    2> Undo: slugline domains:remove '*.pets.localhost'

    $ slugline domains:add www.shop.localhost --app other
    2>  !    www.shop.localhost belongs to myapp
    [exit 1]

    $ slugline domains:add http://www.shop.localhost
    2>  !    invalid value 'http://www.shop.localhost' for '<HOST>': "http://www.shop.localhost" is no host name such as www.example.com
    2>  !    For more information, try '--help'.
    [exit 2]

    $ slugline domains
    *.pets.localhost
    www.shop.localhost

    $ slugline domains --json
    [
      {
        "domain": "*.pets.localhost"
      },
      {
        "domain": "www.shop.localhost"
      }
    ]
    "#);
    for host in ["www.shop", "cats.pets", "myapp"] {
        let page = environment.http_get(host, "/");
        assert_eq!(page, (200, " from v1\n".to_owned()), "{host}");
    }
    assert_eq!(environment.http_get("pets", "/").0, 404);
    let removed = story([
        environment.run(["domains:remove", "www.shop.localhost"]),
        environment.run(["domains:remove", "www.shop.localhost"]),
        environment.run(["domains:add", "www.shop.localhost", "--app", "other"]),
    ]);
    assert_snapshot!(removed, @r"
    $ slugline domains:remove www.shop.localhost
    Removing www.shop.localhost from myapp... done
    2> Undo: slugline domains:add 'www.shop.localhost'

    $ slugline domains:remove www.shop.localhost
    2>  !    www.shop.localhost is no domain of myapp
    [exit 1]

    $ slugline domains:add www.shop.localhost --app other
    Adding www.shop.localhost to other... done
    2> Undo: slugline domains:remove 'www.shop.localhost'
    ");
    assert_eq!(environment.http_get("cats.pets", "/").0, 200);
    let page = environment.http_get("www.shop", "/").1;
    assert!(
        page.starts_with("There is no app at www.shop.localhost"),
        "{page}"
    );
    let after = environment.run(["ps", "--json"]).success().json();
    assert_eq!(before[0]["pid"], after[0]["pid"], "nothing was restarted");
    // They are there again when the daemon is.
    let _ = environment.run(["serve", "--stop"]).success();
    let _ = environment.run(["restart"]).success();
    assert_eq!(environment.http_get("cats.pets", "/").0, 200);
}

#[test]
fn visitors_of_an_app_under_maintenance_see_a_page() {
    let environment = with_app(None);
    deploy(&environment, WEB, "575bfa8");
    let on = story([
        environment.run(["maintenance"]),
        environment.run(["maintenance:on"]),
        environment.run(["maintenance:on"]),
        environment.run(["maintenance"]),
        environment.run(["maintenance", "--json"]),
    ]);
    assert_snapshot!(on, @r#"
    $ slugline maintenance
    off

    $ slugline maintenance:on
    Enabling maintenance mode for myapp... done
    2> Undo: slugline maintenance:off

    $ slugline maintenance:on
    myapp is in maintenance mode already.

    $ slugline maintenance
    on

    $ slugline maintenance --json
    {
      "maintenance": true
    }
    "#);
    let (status, page) = environment.http_get("myapp", "/");
    assert_snapshot!(format!("{status}\n{page}"), @r"
    503
    myapp is under maintenance. (H80)
    ");
    // A release changes nothing about it.
    let _ = environment.run(["config:add", "A=1"]).success();
    assert_eq!(environment.http_get("myapp", "/").0, 503);
    let off = story([
        environment.run(["maintenance:off"]),
        environment.run(["maintenance:off"]),
    ]);
    assert_snapshot!(off, @r"
    $ slugline maintenance:off
    Disabling maintenance mode for myapp... done
    2> Undo: slugline maintenance:on

    $ slugline maintenance:off
    myapp is not in maintenance mode.
    ");
    assert_eq!(environment.http_get("myapp", "/").1, " from v2\n");
}

#[test]
fn certificates_are_kept_for_hosts() {
    let environment = with_app(None);
    let made = generate_simple_self_signed(["www.shop.example".to_owned()]).unwrap();
    environment.write_file("cert.pem", made.cert.pem());
    environment.write_file("key.pem", made.signing_key.serialize_pem());
    let add = |host, cert, key| environment.run(["certs:add", host, cert, key]);
    let all = story([
        environment.run(["certs"]),
        add("www.shop.example", "cert.pem", "key.pem"),
        add("other.example", "cert.pem", "key.pem"),
        add("www.shop.example", "cert.pem", "cert.pem"),
        add("www.shop.example", "cert.pem", "nowhere.pem"),
        environment.run(["certs"]),
        environment.run(["certs", "--json"]),
        environment.run(["certs:remove", "www.shop.example"]),
        environment.run(["certs:remove", "www.shop.example"]),
    ]);
    assert_snapshot!(all, @r#"
    $ slugline certs
    No certificates

    $ slugline certs:add www.shop.example cert.pem key.pem
    Adding the certificate of www.shop.example... done
    2> Undo: slugline certs:remove 'www.shop.example'

    $ slugline certs:add other.example cert.pem key.pem
    2>  !    the certificate is not for other.example
    [exit 1]

    $ slugline certs:add www.shop.example cert.pem cert.pem
    2>  !    the second file holds no private key in PEM
    [exit 1]

    $ slugline certs:add www.shop.example cert.pem nowhere.pem
    2>  !    cannot read nowhere.pem: No such file or directory (os error 2)
    [exit 1]

    $ slugline certs
    www.shop.example

    $ slugline certs --json
    [
      {
        "host": "www.shop.example"
      }
    ]

    $ slugline certs:remove www.shop.example
    Removing the certificate of www.shop.example... done

    $ slugline certs:remove www.shop.example
    2>  !    www.shop.example has no certificate
    [exit 1]
    "#);
}
