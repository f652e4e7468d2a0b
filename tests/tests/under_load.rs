//! Deploys, rollbacks and changes of config under a constant load: no request is lost or cut off, whether
//! the release is good, exits at once, never opens its port, answers 500 or dies later; and after a switch
//! only one release answers.
//!
//! `LOAD_CHANGES=50 LOAD_RATE=200 cargo test -p slugline-tests --test under_load -- --nocapture` makes more
//! changes, at so many requests a second. With `LOAD_HEY=200` a load generator, `hey`, makes as many beside
//! them; `scripts/load` installs it and does all of this.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one shows what it met"
)]

mod under_load_kit;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use slugline_testkit::environment::{TestEnvironment, wait_until};
use slugline_tests::{deploy, with_app};
use under_load_kit::hey::{Ends, Hey};
use under_load_kit::visitor::{Place, Way, visit};
use under_load_kit::{Diary, Seen};

const APP: &str = include_str!("under_load_kit/app.py");

/// What a release is like.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Made {
    Good,
    Exits,
    Deaf,
    Unhealthy,
    Dies,
}

/// From an instant on, and until another, only this release may answer.
struct Reign {
    release: String,
    from: Instant,
    to: Instant,
}

fn number(name: &str, otherwise: u32) -> u32 {
    let set = std::env::var(name).ok().and_then(|text| text.parse().ok());
    set.unwrap_or(otherwise)
}

fn current(environment: &TestEnvironment) -> String {
    let status = environment.run(["status", "--json"]).success().json();
    status["apps"][0]["release"].as_str().unwrap().to_owned()
}

/// One change, in one of several ways; answers the release that is current when it is over.
fn change(environment: &TestEnvironment, nth: u32, made: Made, good: &[String]) -> String {
    let by = environment.caller().with("SLUGLINE_BOOT_TIMEOUT", "5");
    let before = current(environment);
    let mode = format!("MODE={}", format!("{made:?}").to_lowercase());
    let stamp = format!("STAMP={nth}");
    let ran = match (made, nth % 3) {
        (Made::Good, 0) => {
            environment.write_file("source/stamp", nth.to_string());
            by.run(["deploy", "source"])
        }
        // By name: the one before may be one that went bad.
        (Made::Good, 1) if good.len() > 1 => by.run(["rollback", &good[good.len() - 2]]),
        _ => by.run(["config:add", &mode, &stamp]),
    };
    match made {
        Made::Good => drop(ran.success()),
        Made::Dies => {
            // It is fine at first. Then it goes, again and again, and the one before takes over by itself.
            drop(ran.success());
            wait_until("the release before takes over again", || {
                let newest = environment.run(["releases", "--json"]).success().json();
                newest[0]["by"] == "slugline" && newest[0]["status"] == "succeeded"
            });
        }
        _ => {
            drop(ran.fails(1));
            assert_eq!(
                current(environment),
                before,
                "a release that failed is never current"
            );
        }
    }
    current(environment)
}

/// What is made, over and over.
const STORY: [Made; 8] = [
    Made::Good,
    Made::Good,
    Made::Exits,
    Made::Good,
    Made::Unhealthy,
    Made::Good,
    Made::Deaf,
    Made::Dies,
];

#[test]
fn no_request_is_lost_whatever_is_released() {
    let (changes, rate) = (number("LOAD_CHANGES", 10), number("LOAD_RATE", 60));
    let environment = with_app(Some("releases:advanced"));
    environment.write_file("source/app.py", APP);
    deploy(&environment, "web: exec python3 app.py\n", "575bfa8");
    for words in [["health", "/healthz"], ["watch", "20"]] {
        let _ = environment.run(words).success();
    }
    let place = Place {
        port: environment.router_port(),
        host: "myapp.localhost".to_owned(),
    };
    let diary = Diary::default();
    let (mut reigns, mut good) = (Vec::new(), Vec::new());
    let hey = Hey::start(&place, number("LOAD_HEY", 0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for (way, pace) in visitors(rate) {
            let (place, diary) = (&place, &diary);
            scope.spawn(move || visit(way, place, pace, diary));
        }
        for nth in 0..changes {
            let made = STORY[nth as usize % STORY.len()];
            let release = change(&environment, nth, made, &good);
            if made == Made::Good {
                good.push(release.clone());
            }
            let from = Instant::now();
            wait_until("visitors have come by", || diary.since(from) >= 20);
            let to = Instant::now();
            reigns.push(Reign { release, from, to });
        }
        diary.end();
    });
    let (seen, ends) = (diary.all(), hey.end());
    report(&seen, &ends, began.elapsed(), &reigns);
    assert!(ends.keys().all(|end| end == "200"), "{ends:#?}");
    let lost: Vec<_> = seen.iter().filter(|seen| seen.answer.is_err()).collect();
    let few = &lost[..lost.len().min(10)];
    assert!(
        lost.is_empty(),
        "{} of {}: {few:#?}",
        lost.len(),
        seen.len()
    );
    for reign in &reigns {
        let within = |seen: &&Seen| (reign.from..reign.to).contains(&seen.asked);
        let other = |seen: &&Seen| seen.answer.as_ref() != Ok(&reign.release);
        let other = seen.iter().filter(within).find(other);
        assert!(other.is_none(), "{} is current: {other:?}", reign.release);
    }
}

/// Eight share the rate; those whose answers take their time come on top.
fn visitors(rate: u32) -> Vec<(Way, Duration)> {
    let pace = Duration::from_secs(8) / rate.max(8);
    let quick = [Way::KeptAlive, Way::Fresh].map(|way| (way, pace));
    let long = [
        Way::Slow,
        Way::Slow,
        Way::Streaming,
        Way::Streaming,
        Way::WebSocket,
    ];
    let mut all = quick.repeat(4);
    all.extend(long.map(|way| (way, Duration::from_millis(1500))));
    all
}

fn report(seen: &[Seen], ends: &Ends, took: Duration, reigns: &[Reign]) {
    let mut kinds = BTreeMap::<&str, usize>::new();
    for seen in seen {
        *kinds.entry(seen.kind).or_default() += 1;
    }
    let all = seen.len() + ends.values().sum::<usize>();
    let rate = all as f64 / took.as_secs_f64();
    let failed = seen.iter().filter(|seen| seen.answer.is_err()).count();
    let within = |seen: &Seen| {
        let mut reigns = reigns.iter();
        reigns.any(|reign| (reign.from..reign.to).contains(&seen.asked))
    };
    let settled = seen.iter().filter(|seen| within(seen)).count();
    println!(
        "{all} requests, {rate:.0} a second, {} changes in {:.0} s\n\
         ours: {kinds:?}, of which {failed} failed or were cut off\n\
         hey's, by how they ended: {ends:?}\n\
         of ours {settled} were after a switch, when only one release may answer",
        reigns.len(),
        took.as_secs_f64(),
    );
}
