//! The answers whose form is fixed, to the letter, the blanks at the ends of lines included. The
//! histories behind them are made by real commands, at chosen times and by chosen people.

use slugline_testkit::environment::{NOW, Output, TestEnvironment};
use slugline_tests::{Inbox, QUIET, commit, commit_file, deploy, repository, with_app};

/// Standard output with this router's port in place of the usual one.
fn at_usual_port(environment: &TestEnvironment, output: &Output) -> String {
    let port = environment.router_port();
    output.stdout.replace(&format!(":{port}"), ":8080")
}

#[test]
fn a_first_tier() {
    let environment = with_app(None);
    let added = environment.run(["addons:add", "releases:basic"]).success();
    assert_eq!(added.stdout, "Adding releases:basic to myapp...done.\n");
    assert_eq!(added.stderr, "");
}

/// Bytes that do not compress, the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[test]
fn a_push_a_config_var_and_an_addon() {
    let environment = with_app(Some("releases:basic"));
    for count in 1..10 {
        let var = format!("COUNT={count}");
        let _ = environment.run(["config:add", &var]).success();
    }
    repository(&environment, slugline_tests::WEB);
    commit_file(&environment, "noise.bin", noise(8_300_000));
    let _ = environment
        .git(["branch", "--move", "main", "master"])
        .success();
    let _ = environment.run(["git:remote"]).success();

    let push = environment.git(["push", "slugline", "master"]).success();
    // Git marks the receiver's lines, and pads them where it does not write to a terminal.
    let port = environment.router_port();
    let received: String = push
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("remote: "))
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    let received = received.replace(&format!(":{port}"), ":8080");
    let end = "-----> Compiled slug size is 8.3MB\n\
               -----> Launching... done, v10\n       \
               http://myapp.localhost:8080 deployed to Slugline\n";
    assert!(received.ends_with(end), "{received}");

    let config = environment.run(["config:add", "MYVAR=42"]).success();
    let expected = "Adding config vars:\n  \
                    MYVAR => 42\n\
                    Updating vars and restarting app... done, v11\n";
    assert_eq!(config.stdout, expected);
    assert_eq!(config.stderr, "");

    let addon = environment.run(["addons:add", "memcache"]).success();
    let expected = "Adding memcache to myapp... done, v12 (free)\n      \
                    Your cache is empty and ready.\n";
    assert_eq!(addon.stdout, expected);
    assert_eq!(addon.stderr, "");
}

#[test]
fn a_deploy_without_git() {
    let environment = with_app(Some("releases:basic"));
    for count in 1..10 {
        let var = format!("COUNT={count}");
        let _ = environment.run(["config:add", &var]).success();
    }
    environment.write_file("source/Procfile", slugline_tests::WEB);
    environment.write_file("source/noise.bin", noise(8_300_000));
    let deployed = environment.run(["deploy", "source"]).success();
    let end = "-----> Compiled slug size is 8.3MB\n\
               -----> Launching... done, v10\n       \
               http://myapp.localhost:8080 deployed to Slugline\n";
    let stdout = at_usual_port(&environment, &deployed);
    assert!(stdout.ends_with(end), "{stdout}");
}

const HEADER: &str = "Rel   Change                          By                    When\n\
                      ----  ----------------------          ----------            ----------\n";

/// The app whose history everybody knows, up to v52, and the mails that its deploys sent.
struct History {
    environment: TestEnvironment,
    mails: Inbox,
}

impl History {
    fn new() -> Self {
        let environment = with_app(Some("releases:advanced"));
        let history = Self {
            environment,
            mails: Inbox::of_mails(),
        };
        history.up_to_v24();
        history.up_to_v52();
        history
    }

    fn up_to_v24(&self) {
        let jim = "jim@example.com";
        self.environment.write_file("source/Procfile", QUIET);
        self.deploy("2010-09-10T08:00:00-07:00", jim, "c0ffee1");
        self.config("2010-09-10T08:01:00-07:00", "RACK_ENV=production");
        for value in 24..=42 {
            let var = format!("MY_CONFIG_VAR={value}");
            self.config("2010-09-10T08:02:00-07:00", &var);
        }
        let now = "2010-09-10T08:03:00-07:00";
        let words = [
            "addons:add",
            "deployhooks:email",
            "--recipient=team@example.com",
        ];
        let _ = self.run(now, jim, &words).success();
        self.deploy("2010-09-10T08:04:00-07:00", "joe@example.com", "c0ffee2");
        assert_eq!(
            self.mails.next_subject(),
            "[myapp] joe@example.com deployed v23"
        );
        self.deploy("2010-09-10T09:00:00-07:00", jim, "575bfa8");
        assert_eq!(
            self.mails.next_subject(),
            "[myapp] jim@example.com deployed v24"
        );
    }

    fn up_to_v52(&self) {
        for version in 25..=48 {
            let now = format!("2010-09-11T10:{version}:00-07:00");
            self.config(&now, &format!("COUNT={version}"));
        }
        let now = "2010-09-12T15:32:17-07:00";
        let rolled_back = self
            .run(now, "joe@example.com", &["rollback", "v46"])
            .success();
        assert_eq!(rolled_back.stdout, "Rolled back to v46\n");
        let stephan = "stephan@example.com";
        self.deploy("2010-09-15T09:00:00-07:00", stephan, "7c35f77");
        assert_eq!(
            self.mails.next_subject(),
            "[myapp] stephan@example.com deployed v50"
        );
        self.deploy("2010-09-15T11:53:00-07:00", stephan, "de63889");
        assert_eq!(
            self.mails.next_subject(),
            "[myapp] stephan@example.com deployed v51"
        );
        self.config("2010-09-15T11:55:00-07:00", "AWS_S3_KEY=secret");
    }

    fn run(&self, now: &str, actor: &str, words: &[&str]) -> Output {
        let mail_server = format!("smtp://127.0.0.1:{}", self.mails.port);
        let caller = self.environment.at(now).by(actor);
        caller.with("SLUGLINE_SMTP_URL", &mail_server).run(words)
    }

    #[track_caller]
    fn deploy(&self, now: &str, actor: &str, commit_begins: &str) {
        let commit = commit(commit_begins);
        let words = ["deploy", "source", "--commit", &commit];
        let _ = self.run(now, actor, &words).success();
    }

    #[track_caller]
    fn config(&self, now: &str, var: &str) {
        let words = ["config:add", var];
        let _ = self.run(now, "jim@example.com", &words).success();
    }

    /// What `jim` is answered at noon of the last day.
    #[track_caller]
    fn answer(&self, words: &[&str]) -> String {
        self.run(NOW, "jim@example.com", words).success().stdout
    }
}

#[test]
fn the_history() {
    let history = History::new();
    let newest = "\
v52   Config add AWS_S3_KEY           jim@example.com       5 minutes ago            \n\
v51   Deploy de63889                  stephan@example.com   7 minutes ago            \n\
v50   Deploy 7c35f77                  stephan@example.com   3 hours ago              \n\
v49   Rollback to v46                 joe@example.com       2010-09-12 15:32:17 -0700\n";
    let whole = history.answer(&["releases"]);
    assert!(whole.starts_with(&format!("{HEADER}{newest}")), "{whole}");
    assert_eq!(whole.lines().count(), 2 + 15);
    assert_eq!(
        history.answer(&["releases", "-n", "4"]),
        format!("{HEADER}{newest}")
    );
    assert_eq!(
        history.answer(&["releases", "-n", "99"]).lines().count(),
        2 + 52
    );

    let then = "2010-09-10T15:00:00-07:00";
    let info = history
        .run(then, "jim@example.com", &["releases:info", "v24"])
        .success();
    let expected = "\
=== Release v24
Change:      Deploy 575bfa8
By:          jim@example.com
When:        6 hours ago
Addons:      deployhooks:email, releases:advanced
Config:      MY_CONFIG_VAR => 42
             RACK_ENV      => production
";
    assert_eq!(info.stdout, expected);

    assert_eq!(history.answer(&["rollback"]), "Rolled back to v51\n");
    assert_eq!(history.answer(&["rollback", "v40"]), "Rolled back to v40\n");
    assert_eq!(history.answer(&["config:get", "COUNT"]), "40\n");
    let newest = "\
v54   Rollback to v40                 jim@example.com       0 seconds ago            \n\
v53   Rollback to v51                 jim@example.com       0 seconds ago            \n";
    assert_eq!(
        history.answer(&["releases", "-n2"]),
        format!("{HEADER}{newest}")
    );
    assert!(history.mails.is_empty(), "only deploys are mailed");
}

#[test]
fn a_rollback_by_one_step() {
    let environment = with_app(Some("releases:basic"));
    deploy(&environment, QUIET, "575bfa8");
    let _ = environment.run(["config:add", "A=1"]).success();
    let _ = environment.run(["config:add", "A=2"]).success();

    let older = environment.run(["rollback", "v1"]).fails(1);
    assert_eq!(older.stdout, "");
    let expected = " !    v1 is no longer kept: releases:basic has pruned it\n \
                    !    The nearest that can be rolled back to is v2: slugline rollback v2\n";
    assert_eq!(older.stderr, expected);

    let rolled_back = environment.run(["rollback"]).success();
    assert_eq!(rolled_back.stdout, "Rolled back to v2\n");
    let expected = "v4 now runs, with the code and config of v2. Undo: slugline rollback\n";
    assert_eq!(rolled_back.stderr, expected);
    let undone = environment.run(["rollback"]).success();
    assert_eq!(undone.stdout, "Rolled back to v3\n");
    let again = environment.run(["rollback", "v2"]).fails(1);
    assert!(
        again.stderr.starts_with(" !    v2 is no longer kept"),
        "{again}"
    );
}

#[test]
fn without_a_tier_there_is_no_history() {
    let environment = with_app(None);
    deploy(&environment, QUIET, "575bfa8");
    let _ = environment.run(["config:add", "A=1"]).success();
    let expected = " !    Please install the Release Management add-on to access release history\n \
                    !    slugline addons:add releases:basic\n";
    for words in [
        &["releases"][..],
        &["releases", "--json"],
        &["releases:info", "v2"],
        &["releases:diff", "v1", "v2"],
        &["rollback"],
        &["rollback", "v1"],
    ] {
        let refused = environment.run(words).fails(1);
        assert_eq!(
            (refused.stdout.as_str(), refused.stderr.as_str()),
            ("", expected),
            "{words:?}"
        );
    }
}
