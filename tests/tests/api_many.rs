//! Many clients at once, each with a token and config vars of its own, reading and writing over sockets
//! of their own: none is cut off or told of an error, no write is lost, and the daemon is no larger
//! afterwards. `CLIENTS=500 SECONDS=120` makes it long.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one tells how it went"
)]

mod api_kit;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use slugline_testkit::environment::{Answer, ApiClient, TestEnvironment, wait_until};

use api_kit::Wire;

/// So many share an app.
const AN_APP: usize = 10;
/// In every so-manieth app there are rollbacks.
const ROLLED_BACK: usize = 5;
/// So many requests go through one connection.
const KEPT: usize = 60;

fn number(name: &str, otherwise: usize) -> usize {
    let text = std::env::var(name).ok();
    text.map_or(otherwise, |text| text.parse().unwrap())
}

/// What a client did.
#[derive(Default)]
struct Done {
    statuses: BTreeMap<u16, usize>,
    reads: Vec<Duration>,
    writes: Vec<Duration>,
    /// Releases that it was told it made.
    made: usize,
    /// The last number it was told it wrote.
    last: usize,
}

struct Client {
    place: usize,
    address: String,
    token: String,
    wire: Wire,
    through: usize,
    until: Instant,
    dice: u64,
    tag: Option<String>,
    /// A release that it made.
    version: Option<String>,
    done: Done,
}

impl Client {
    fn new(place: usize, address: &str, token: String, until: Instant) -> Self {
        Self {
            place,
            address: address.to_owned(),
            token,
            wire: Wire::to(address).unwrap(),
            through: 0,
            until,
            dice: 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(place as u64 + 1),
            tag: None,
            version: None,
            done: Done::default(),
        }
    }

    fn app(&self) -> String {
        app(self.place)
    }

    fn key(&self) -> String {
        format!("OF_{}", self.place)
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % sides
    }

    /// Asks, again where it is to wait. What is answered is one of these.
    fn ask(&mut self, what: (&str, &str), header: &str, body: &str, good: &[u16]) -> Answer {
        let (method, path) = what;
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Accept: application/vnd.heroku+json; version=3\r\n{header}Content-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        loop {
            if self.through == KEPT {
                self.wire = Wire::to(&self.address).unwrap();
                self.through = 0;
            }
            self.through += 1;
            let begun = Instant::now();
            self.wire.say(&text).unwrap();
            let answer = self.wire.answer().unwrap();
            let answer = answer.unwrap_or_else(|| panic!("cut off: {method} {path}"));
            let times = match method {
                "GET" => &mut self.done.reads,
                _ => &mut self.done.writes,
            };
            times.push(begun.elapsed());
            *self.done.statuses.entry(answer.status).or_default() += 1;
            if answer.status != 429 {
                assert!(good.contains(&answer.status), "{method} {path}: {answer}");
                return answer;
            }
            let wait: u64 = answer.headers["retry-after"].parse().unwrap();
            assert!((1..=3600).contains(&wait) && answer.json()["id"] == "rate_limit");
            std::thread::sleep(Duration::from_secs(wait));
        }
    }

    fn step(&mut self) {
        let app = format!("/apps/{}", self.app());
        let vars = format!("{app}/config-vars");
        match self.roll(20) {
            0..5 => drop(self.ask(("GET", &vars), "", "", &[200])),
            5..9 => {
                let part = "Range: version ..; max=3, order=desc\r\n";
                let releases = format!("{app}/releases");
                let answer = self.ask(("GET", &releases), part, "", &[200, 206]);
                assert!(answer.json().as_array().unwrap().len() <= 3, "{answer}");
            }
            9..12 => {
                let answer = self.ask(("GET", &app), "", "", &[200]);
                self.tag = Some(answer.headers["etag"].clone());
            }
            12..16 => {
                let seen = self.tag.as_ref();
                let seen = seen.map_or_else(String::new, |tag| format!("If-None-Match: {tag}\r\n"));
                let answer = self.ask(("GET", &app), &seen, "", &[200, 304]);
                assert_eq!(answer.status == 304, answer.body.is_empty());
            }
            16 if is_rolled_back(self.place) => self.roll_back(),
            _ => self.write(),
        }
    }

    fn write(&mut self) {
        let vars = format!("/apps/{}/config-vars", self.app());
        let next = (self.done.last + 1).to_string();
        let body = json!({self.key(): next}).to_string();
        let _ = self.ask(("PATCH", &vars), "", &body, &[200]);
        (self.done.last, self.done.made) = (self.done.last + 1, self.done.made + 1);
        if !is_rolled_back(self.place) {
            let now = self.ask(("GET", &vars), "", "", &[200]).json();
            assert_eq!(now[self.key()], next, "what was written is not read");
        }
    }

    /// Goes back to the release that it made last, or to the first one.
    fn roll_back(&mut self) {
        let releases = format!("/apps/{}/releases", self.app());
        let target = self.version.clone().unwrap_or_else(|| "1".to_owned());
        let body = json!({"release": target}).to_string();
        let answer = self.ask(("POST", &releases), "", &body, &[201, 422]);
        if answer.status == 422 {
            // Nobody has changed anything since.
            let text = answer.json()["message"].to_string();
            let none = text.contains("is the same as") || text.contains("is the current release");
            return assert!(none, "{answer}");
        }
        self.version = Some(answer.json()["version"].to_string());
        self.done.made += 1;
    }

    fn run(mut self) -> Done {
        while Instant::now() < self.until {
            self.step();
        }
        self.done
    }
}

fn app(place: usize) -> String {
    format!("many-{}", place / AN_APP)
}

fn is_rolled_back(place: usize) -> bool {
    place / AN_APP % ROLLED_BACK == ROLLED_BACK - 1
}

/// The apps, with a release each, and a token for each client.
fn prepared(api: &ApiClient, clients: usize) -> Vec<String> {
    for place in (0..clients).step_by(AN_APP) {
        let name = app(place);
        let _ = api.json("POST", "/apps", &json!({"name": name})).is(201);
        let plan = json!({"plan": "releases:advanced"});
        let _ = api
            .json("POST", &format!("/apps/{name}/addons"), &plan)
            .is(201);
        let first = json!({"FIRST": "1"});
        let _ = api
            .json("PATCH", &format!("/apps/{name}/config-vars"), &first)
            .is(200);
    }
    let token = |_| {
        let made = api
            .json("POST", "/oauth/authorizations", &json!({}))
            .is(201);
        let made = made.json();
        made["access_token"]["token"].as_str().unwrap().to_owned()
    };
    (0..clients).map(token).collect()
}

/// Memory in KiB, open files and threads of a process.
#[derive(Clone, Copy, Debug)]
struct Size {
    memory: usize,
    files: usize,
    threads: usize,
}

impl Size {
    fn of(pid: &str) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.unwrap().trim().trim_end_matches(" kB");
        let count = |what: &str| {
            let folder = std::fs::read_dir(format!("/proc/{pid}/{what}"));
            folder.unwrap().count()
        };
        Self {
            memory: memory.parse().unwrap(),
            files: count("fd"),
            threads: count("task"),
        }
    }
}

fn of_hundred(times: &mut [Duration], part: usize) -> f64 {
    times.sort_unstable();
    let place = (times.len() * part / 100).min(times.len() - 1);
    times[place].as_secs_f64() * 1000.0
}

fn report(done: &[Done], took: Duration, sizes: &[Size]) {
    let mut statuses = BTreeMap::new();
    for (status, count) in done.iter().flat_map(|one| &one.statuses) {
        *statuses.entry(status).or_insert(0) += count;
    }
    let all: usize = statuses.values().sum();
    let mut reads: Vec<_> = done.iter().flat_map(|one| one.reads.clone()).collect();
    let mut writes: Vec<_> = done.iter().flat_map(|one| one.writes.clone()).collect();
    let seconds = took.as_secs_f64();
    println!(
        "{} clients: {all} requests in {seconds:.0} s, {:.0} a second, by status {statuses:?}",
        done.len(),
        all as f64 / seconds
    );
    for (what, times) in [("reads", &mut reads), ("writes", &mut writes)] {
        println!(
            "{} {what}: 50 of 100 within {:.0} ms, 99 within {:.0} ms, all within {:.0} ms",
            times.len(),
            of_hundred(times, 50),
            of_hundred(times, 99),
            of_hundred(times, 100)
        );
    }
    println!(
        "{} releases made",
        done.iter().map(|one| one.made).sum::<usize>()
    );
    println!("before, after a third, at the end, once idle: {sizes:#?}");
}

/// Everything that was acknowledged is there, and nothing else.
fn check_app(environment: &TestEnvironment, api: &ApiClient, place: usize, done: &[Done]) {
    let name = app(place);
    let theirs = &done[place..done.len().min(place + AN_APP)];
    let vars = api.get(&format!("/apps/{name}/config-vars")).is(200).json();
    for (client, one) in (place..).zip(theirs) {
        if !is_rolled_back(place) && one.last > 0 {
            let is = &vars[format!("OF_{client}")];
            assert_eq!(
                *is,
                one.last.to_string(),
                "a write of client {client} is lost"
            );
        }
    }
    let mut versions = Vec::new();
    let mut range = Some("version ..; max=1000".to_owned());
    while let Some(wanted) = range {
        let part = api.with("Range", &wanted);
        let part = part.get(&format!("/apps/{name}/releases"));
        assert!(matches!(part.status, 200 | 206), "{part}");
        let json = part.json();
        let numbers = json.as_array().unwrap().iter().map(|one| &one["version"]);
        versions.extend(numbers.map(|number: &Value| number.as_u64().unwrap()));
        range = part.headers.get("next-range").cloned();
    }
    let made: usize = theirs.iter().map(|one| one.made).sum();
    let expected: Vec<_> = (1..=1 + made as u64).collect();
    assert_eq!(
        versions, expected,
        "{name} has other releases than were made"
    );
    let _ = environment
        .run(["releases:verify", "--app", &name])
        .success();
}

#[test]
fn many_clients_lose_nothing_and_leave_nothing() {
    let (clients, seconds) = (number("CLIENTS", 60), number("SECONDS", 5));
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let api = environment.api();
    let tokens = prepared(&api, clients);
    let url = environment.api_url();
    let address = url.strip_prefix("http://").unwrap();
    let pid = environment.run(["status", "--json"]).success().json()["pid"].to_string();
    let mut sizes = vec![Size::of(&pid)];
    let lasts = Duration::from_secs(seconds as u64);
    let (begun, over) = (Instant::now(), AtomicBool::new(false));
    let run = |(place, token)| Client::new(place, address, token, begun + lasts).run();
    let run = &run;
    let done: Vec<Done> = std::thread::scope(|scope| {
        let all: Vec<_> = tokens
            .into_iter()
            .enumerate()
            .map(|one| scope.spawn(move || run(one)))
            .collect();
        let watching = scope.spawn(|| {
            let third = begun + lasts / 3;
            while Instant::now() < third && !over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
            }
            Size::of(&pid)
        });
        let done = all.into_iter().map(|one| one.join()).collect::<Vec<_>>();
        over.store(true, Ordering::Relaxed);
        sizes.extend([watching.join().unwrap(), Size::of(&pid)]);
        done.into_iter().map(|one| one.unwrap()).collect()
    });
    let took = begun.elapsed();
    wait_until("it has as many files and threads as before", || {
        let now = Size::of(&pid);
        now.files <= sizes[0].files && now.threads <= sizes[0].threads
    });
    sizes.push(Size::of(&pid));
    report(&done, took, &sizes);
    let (third, end) = (sizes[1].memory, sizes[2].memory);
    assert!(2 * end < 3 * third + 2 * 16 * 1024, "it grows: {sizes:?}");
    for place in (0..clients).step_by(AN_APP) {
        check_app(&environment, &api, place, &done);
    }
}
