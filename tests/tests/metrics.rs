//! Figures for a monitoring system.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use insta::assert_snapshot;
use slugline_testkit::environment::wait_until;
use slugline_tests::{WEB, deploy, story, with_app};

/// The lines of samples, sorted, without those that hold times.
fn samples(text: &str) -> String {
    let lines = text.lines();
    let lines = lines.filter(|line| !line.starts_with('#') && !line.contains("_seconds"));
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn what_runs_and_what_was_asked_is_counted() {
    let environment = with_app(None);
    let idle = story([environment.run(["metrics"])]);
    assert_snapshot!(idle, @r"
    $ slugline metrics
    2>  !    Nothing is measured: `slugline serve` does not run
    [exit 1]
    ");
    deploy(&environment, WEB, "575bfa8");
    let _ = environment.run(["config:add", "GREETING=hello"]).success();
    for path in ["/", "/", "/missing"] {
        let _ = environment.http_get("myapp", path);
    }
    let metrics = || environment.run(["metrics"]).success().stdout;
    // A request is counted once its answer is out.
    wait_until("all are counted", || {
        metrics().contains("status=\"4xx\"} 1")
    });
    assert_snapshot!(samples(&metrics()), @r#"
    slugline_process_restarts_total{app="myapp",process="web.1",release="v2"} 0
    slugline_process_up{app="myapp",process="web.1",release="v2"} 1
    slugline_release{app="myapp"} 2
    slugline_router_requests_total{app="myapp",status="1xx"} 0
    slugline_router_requests_total{app="myapp",status="2xx"} 2
    slugline_router_requests_total{app="myapp",status="3xx"} 0
    slugline_router_requests_total{app="myapp",status="4xx"} 1
    slugline_router_requests_total{app="myapp",status="5xx"} 0
    "#);
    assert!(metrics().contains("slugline_router_service_seconds_count{app=\"myapp\"} 3"));
}

#[test]
fn figures_are_read_over_http_where_that_is_said() {
    let environment = with_app(None);
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let caller = environment.caller().with("SLUGLINE_METRICS", "here");
    assert_snapshot!(caller.run(["serve"]), @r"
    $ slugline serve
    2>  !    SLUGLINE_METRICS=here is no address with a port, such as 127.0.0.1:PORT
    [exit 2]
    ");
    let mut serve = environment.caller().command("slugline");
    let mut daemon = serve
        .args(["serve", "--metrics", &address])
        .spawn()
        .unwrap();
    let get = |path: &str| {
        let mut stream = TcpStream::connect(&address).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    };
    let mut text = None;
    wait_until("the page is there", || {
        text = get("/metrics");
        text.is_some()
    });
    let text = text.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(
        text.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(get("/").unwrap().starts_with("HTTP/1.1 404 "));
    let _ = environment.run(["serve", "--stop"]).success();
    assert!(daemon.wait().unwrap().success());
}
