//! What a hook costs, through a real process: warm, where the process is there already, and cold,
//! where it has to be started, is asked once and is ended; in Lua and as a library; and a tier that
//! looks through a hundred thousand releases. At the end the medians are printed as rows of a table.
//! Run with `cargo bench -p slugline-plugin-host`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops where it cannot go on, and prints its rows"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use slugline_core::actor::Actor;
use slugline_core::app::AppName;
use slugline_core::bill::Bill;
use slugline_core::change::Change;
use slugline_core::port::{Answers, HistoryEntry, Policies, Proposal};
use slugline_core::release::Version;
use slugline_core::slug::Commit;
use slugline_plugin_host::{Limits, PluginHost, Settings, install};

const LUA: &str = "name: cap\nversion: 1.0.0\napi: 1\nsummary: A cap.\nentry: init.lua\n\
                   hooks: [billing.check]\n";
const SCRIPT: &str = "local cap = slugline.settings.app * 100\n\
                      slugline.on('billing.check', function(bill)\n\
                      if bill.after > cap and bill.delta > 0 then slugline.deny('too much') end\n\
                      end)\n";
const TIER: &str = "name: mine\nversion: 1.0.0\napi: 1\nsummary: A tier.\nentry: init.lua\n\
                    tiers: { mine: { price: free } }\n";
const KEEPS: &str = "local tier = slugline.tier('mine') function tier.keep(history)\n\
                     return slugline.filter(history, function(release)\n\
                     return release.age_days <= 30 or release.deploy end) end\n";
const RELEASES: u64 = 100_000;

struct Stage {
    home: tempfile::TempDir,
    app: AppName,
    jim: Actor,
    change: Change,
}

impl Stage {
    fn new(manifest: &str, files: &[(&str, &[u8])]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("plugins/cap");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("plugin.yaml"), manifest).unwrap();
        std::fs::write(folder.join("settings.yaml"), "app: 50\n").unwrap();
        for (name, contents) in files {
            std::fs::write(folder.join(name), contents).unwrap();
        }
        let (info, digest) = install::installed(home.path(), "cap").unwrap();
        install::approve(home.path(), "cap", &info, &digest).unwrap();
        Self {
            home,
            app: AppName::new("myapp").unwrap(),
            jim: Actor::new("jim@example.com").unwrap(),
            change: Change::Deploy {
                commit: Commit::new("575bfa8c0ffee00000000000000000000000cafe").unwrap(),
            },
        }
    }

    fn in_lua() -> Self {
        Self::new(LUA, &[("init.lua", SCRIPT.as_bytes())])
    }

    fn library() -> Self {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/spending-cap");
        let manifest = std::fs::read_to_string(shipped.join("plugin.yaml")).unwrap();
        let bench = std::env::current_exe().unwrap();
        let library = std::fs::read(bench.with_file_name("libspending_cap.so")).unwrap();
        Self::new(&manifest, &[("libspending_cap.so", &library)])
    }

    fn host(&self) -> PluginHost {
        let settings = Settings {
            program: env!("CARGO_BIN_EXE_plugin-process").into(),
            limits: Limits {
                check: Duration::from_secs(10),
                ..Limits::default()
            },
            ..Settings::default()
        };
        PluginHost::load(Some(self.home.path()), settings).unwrap()
    }

    fn answers(&self, host: &PluginHost, after: u64) -> Answers {
        let bill = Some(Bill { before: 0, after });
        let proposal = Proposal {
            app: &self.app,
            actor: &self.jim,
            change: &self.change,
            current: Version::new(3),
            config_keys: vec![],
            addons: vec![],
            bill,
            owner: &self.jim,
            owner_bill: bill,
            rollback: None,
        };
        host.check(&proposal)
    }

    fn ask(&self, host: &PluginHost) {
        assert_eq!(self.answers(host, 2000), Answers::default());
    }

    /// A host whose process runs, and does what it is asked.
    fn warm(&self) -> PluginHost {
        let host = self.host();
        assert_eq!(self.answers(&host, 2_000_000).objections.len(), 1);
        host
    }
}

/// Measures something and remembers each turn.
fn measure(c: &mut Criterion, name: &str, aim: &str, mut turn: impl FnMut() -> Duration) {
    let mut turns = Vec::new();
    c.bench_function(name, |bencher| {
        bencher.iter_custom(|count| {
            let mut sum = Duration::ZERO;
            for _ in 0..count {
                let took = turn();
                turns.push(took);
                sum += took;
            }
            sum
        });
    });
    turns.sort_unstable();
    let at = |hundredth: usize| match turns[(turns.len() - 1) * hundredth / 100].as_secs_f64() {
        seconds if seconds < 1e-3 => format!("{:.0} µs", seconds * 1e6),
        seconds => format!("{:.1} ms", seconds * 1e3),
    };
    println!(
        "| {name} | {} | {} | {aim} | {} |",
        at(50),
        at(99),
        turns.len()
    );
}

fn hooks(c: &mut Criterion) {
    println!("| what | median | 99th | aim | turns |");
    println!("|---|---|---|---|---|");
    for (language, stage) in [("Lua", Stage::in_lua()), ("library", Stage::library())] {
        let host = stage.warm();
        measure(c, &format!("a hook, {language}, warm"), "100 µs", || {
            let begun = Instant::now();
            stage.ask(&host);
            begun.elapsed()
        });
        measure(c, &format!("a hook, {language}, cold"), "5 ms", || {
            let host = stage.host();
            let begun = Instant::now();
            stage.ask(&host);
            drop(host);
            begun.elapsed()
        });
    }
}

fn tier(c: &mut Criterion) {
    let stage = Stage::new(TIER, &[("init.lua", KEEPS.as_bytes())]);
    let entry = |number: u64| HistoryEntry {
        version: Version::new(number),
        age_days: (RELEASES - number) / 100,
        change: format!("Config add VAR_{}", number % 100),
        actor: "jim@example.com".to_owned(),
        status: "succeeded",
        deploy: number.is_multiple_of(10),
    };
    let mine = "releases:mine".parse().unwrap();
    measure(c, "a tier over 100,000 releases, cold", "1 s", || {
        let history: Vec<_> = (1..=RELEASES).rev().map(entry).collect();
        let mut history = Some(history);
        let host = stage.host();
        let begun = Instant::now();
        host.keep(&mine, &mut || history.take().unwrap_or_default())
            .unwrap();
        drop(host);
        begun.elapsed()
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(3));
    targets = hooks, tier
}
criterion_main!(benches);
