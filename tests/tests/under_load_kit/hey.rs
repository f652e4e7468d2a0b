//! A load generator that is not ours, `hey`, beside our own visitors: it asks at a constant rate whatever
//! happens, and tells how every request ended. It must not know what is right.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use super::visitor::Place;

/// How its requests ended, by status or by what went wrong.
pub(crate) type Ends = BTreeMap<String, usize>;

/// Generators that run.
pub(crate) struct Hey(Vec<Child>);

impl Hey {
    /// Starts generators that make this many requests a second between them: half on connections that are
    /// kept, half on new ones; of ten one is for an answer that takes its time, and one for an answer in
    /// pieces. With none of them, nothing is started.
    pub(crate) fn start(place: &Place, rate: u32) -> Self {
        // Workers, requests of each in a second, path, and whether connections are kept.
        let tenth = rate / 10;
        let plans = [
            (tenth * 4 / 10, 10, "/", true),
            (tenth * 4 / 10, 10, "/", false),
            (tenth, 1, "/slow", true),
            (tenth, 1, "/stream", false),
        ];
        let some = plans.iter().filter(|plan| plan.0 > 0);
        let begun = some.map(|(workers, each, path, kept)| {
            let mut hey = Command::new("hey");
            hey.args(["-z", "10h", "-t", "60", "-host", &place.host])
                .args(["-c", &workers.to_string(), "-q", &each.to_string()])
                .args((!kept).then_some("-disable-keepalive"))
                .arg(format!("http://127.0.0.1:{}{path}", place.port))
                .stdout(Stdio::piped())
                .spawn()
                .expect("hey is installed by scripts/load")
        });
        Self(begun.collect())
    }

    /// Ends them, and answers how all requests ended.
    pub(crate) fn end(self) -> Ends {
        for child in &self.0 {
            let pid = child.id().to_string();
            let _ = Command::new("kill").args(["-INT", &pid]).status();
        }
        let mut ends = Ends::new();
        for child in self.0 {
            let output = child.wait_with_output().unwrap();
            let report = String::from_utf8_lossy(&output.stdout).into_owned();
            let told = parse(&report);
            assert!(!told.is_empty(), "hey tells nothing: {report}");
            for (end, count) in told {
                *ends.entry(end).or_default() += count;
            }
        }
        ends
    }
}

/// The lines `[200] 1000 responses`, and of errors `[3] what went wrong`.
fn parse(report: &str) -> Vec<(String, usize)> {
    let parts = |line: &str| {
        let (first, rest) = line.trim().strip_prefix('[')?.split_once(']')?;
        Some((first.to_owned(), rest.trim().to_owned()))
    };
    let line = |line: &str| {
        let (first, rest) = parts(line)?;
        match rest.strip_suffix(" responses") {
            Some(count) => Some((first, count.parse().ok()?)),
            None => Some((rest, first.parse().ok()?)),
        }
    };
    // Before them come those of a histogram, which look alike.
    let places = ["Status code distribution:", "Error distribution:"].map(|it| report.find(it));
    let listed = places.into_iter().flatten().min();
    let listed = listed.map_or("", |at| &report[at..]);
    listed.lines().filter_map(line).collect()
}
