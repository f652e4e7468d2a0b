//! Compiling with buildpacks made for the purpose: what is built, what is found again, and what a
//! failure leaves.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use slugline_core::port::CompileError;
use slugline_core::slug::SourceId;
use slugline_slug::{Buildpacks, SlugCompiler};

mod common;
use common::{Home, commit, compile, write};

const DETECT: &str = "#!/bin/bash\necho warning >&2\n[[ -f $1/yes ]] && echo Test\n";
const RELEASE: &str = "#!/bin/bash\necho warning >&2\necho 'config_vars: {MODE: fast}'\n\
                       echo 'default_process_types: {web: default, worker: w}'\n";

/// One buildpack, `test`, whose compile is this script. It may read the config var SEEN.
fn buildpack(home: &Home, script: &str) -> Buildpacks {
    let root = home.path("buildpacks-of-test");
    let manifest = "name: test\nsummary: for tests\nenv: [SEEN]\n";
    write(&root.join("test/buildpack.yaml"), manifest, false);
    write(&root.join("test/bin/detect"), DETECT, true);
    write(&root.join("test/bin/release"), RELEASE, true);
    let script = format!("#!/bin/bash\nset -e\n{script}\n");
    write(&root.join("test/bin/compile"), &script, true);
    Buildpacks::in_folder(&root, &["test"]).unwrap()
}

fn with(script: &str) -> (Home, SlugCompiler) {
    let home = Home::new();
    let buildpacks = buildpack(&home, script);
    let compiler = home.compiler(buildpacks);
    (home, compiler)
}

/// Counts its runs in the cache.
const COUNTING: &str = "echo run >> $2/runs; echo built > $1/built; cat $3/* > $1/seen; \
                        ls $3 | tr '\\n' ' ' > $1/names; echo line; echo error >&2";

fn runs(home: &Home) -> usize {
    let file = home.path("home/cache/myapp/test/runs");
    fs::read_to_string(file).map_or(0, |text| text.lines().count())
}

fn extracted(home: &Home, name: &str, id: &slugline_core::slug::SlugId) -> PathBuf {
    let target = home.path(name);
    home.store.extract(id, &target).unwrap();
    target
}

#[test]
fn source_becomes_a_slug() {
    let (home, compiler) = with(COUNTING);
    let source = home.source(&[("yes", ""), ("Procfile", "web: mine\n")]);
    assert_eq!(compiler.detect(&source).unwrap(), "Test");
    let (slug, lines) = compile(&compiler, &source, &[("SEEN", "1"), ("SECRET", "hush")]);
    let slug = slug.unwrap();
    let expected = [
        "-----> Test app detected",
        "line",
        "error",
        "-----> Discovering process types",
        "       Procfile declares types -> web",
        "       Default types for Test -> worker",
    ];
    assert_eq!(lines, expected);
    assert_eq!(slug.buildpack, "Test");
    assert_eq!((&slug.commit, &slug.source), (&commit(), &source));
    assert_eq!(slug.processes["web"], "mine");
    assert_eq!(slug.processes["worker"], "w");
    assert_eq!(slug.default_env["MODE"], "fast");
    assert_eq!(home.store.size(&slug.id), Some(slug.size));
    let app = extracted(&home, "out", &slug.id);
    assert_eq!(fs::read_to_string(app.join("seen")).unwrap(), "1");
    assert_eq!(fs::read_to_string(app.join("names")).unwrap(), "SEEN ");
    assert!(app.join("built").exists() && app.join("Procfile").exists());
    home.store.remove(&slug.id).unwrap();
    home.store.remove(&slug.id).unwrap();
    assert!(!home.store.has(&slug.id));
}

#[test]
fn the_same_build_is_found_and_not_run_again() {
    let (home, compiler) = with(COUNTING);
    let source = home.source(&[("yes", "")]);
    let first = compile(&compiler, &source, &[("SEEN", "1")]).0.unwrap();
    assert_eq!(runs(&home), 1);

    let other = [("SEEN", "1"), ("SECRET", "changed")];
    let (again, lines) = compile(&compiler, &source, &other);
    assert_eq!((again.unwrap(), lines.len()), (first.clone(), 1));
    assert_eq!(
        runs(&home),
        1,
        "a var that the build cannot read changes nothing"
    );

    let changed = compile(&compiler, &source, &[("SEEN", "2")]).0.unwrap();
    assert_eq!(runs(&home), 2);
    assert_ne!(changed.id, first.id);

    let fewer = home.compiler(buildpack(&home, &format!("{COUNTING}; true")));
    compile(&fewer, &source, &[("SEEN", "1")]).0.unwrap();
    assert_eq!(runs(&home), 3, "another buildpack builds anew");

    home.store.remove(&first.id).unwrap();
    let rebuilt = compile(&compiler, &source, &[("SEEN", "1")]).0.unwrap();
    assert_eq!(
        (runs(&home), &rebuilt),
        (4, &first),
        "the same input is the same slug"
    );
    home.store.remove_cache(&"myapp".parse().unwrap()).unwrap();
    assert_eq!(runs(&home), 0);
}

#[test]
fn a_found_slug_needs_no_look_at_its_content() {
    let (home, compiler) = with("head -c 30000000 /dev/urandom > $1/big");
    let source = home.source(&[("yes", "")]);
    compile(&compiler, &source, &[]).0.unwrap();
    let quickest = (0..20).map(|_| {
        let started = Instant::now();
        compile(&compiler, &source, &[]).0.unwrap();
        started.elapsed()
    });
    // A debug build on a busy machine: reading the slug alone would take ten times as long.
    assert!(quickest.min().unwrap() < Duration::from_millis(5));
}

/// Compiles what must fail, and checks that only the source is left.
fn fails(home: &Home, compiler: &SlugCompiler, source: &SourceId) -> CompileError {
    let error = compile(compiler, source, &[("SEEN", "hush")])
        .0
        .unwrap_err();
    assert!(!format!("{error:?} {error}").contains("hush"));
    assert_eq!(home.kept(), [format!("sources/{source}.src")]);
    error
}

#[test]
fn a_build_that_fails_leaves_nothing_but_its_cache() {
    let check = |script: &str, expected: &str| {
        let (home, compiler) = with(&format!("echo kept > $2/kept\n{script}"));
        let source = home.source(&[("yes", "")]);
        let compiler = compiler.time_limit(Duration::from_secs(5));
        let error = fails(&home, &compiler, &source);
        assert_eq!(error.to_string(), expected);
        assert!(home.path("home/cache/myapp/test/kept").exists());
    };
    let failed =
        |status: &str| format!("the Test buildpack failed ({status}); nothing has been changed");
    check("exit 3", &failed("exit status 3"));
    check("kill -KILL $$", &failed("exit status 137"));
    check("sleep 1000", &failed("stopped after 5 s"));
    check("mkdir $1/a; chmod 0 $1/a; exit 1", &failed("exit status 1"));
    check(
        "ln -s /etc $1/lib",
        "\"lib\" is a link to /etc, which is outside the app",
    );
    check(
        "mkfifo $1/pipe",
        "\"pipe\" is neither a file, a folder nor a link",
    );
}

#[test]
fn a_bad_release_is_a_failed_build() {
    let (home, _) = with("true");
    let script = "#!/bin/bash\necho 'config_vars: ['\n";
    write(
        &home.path("buildpacks-of-test/test/bin/release"),
        script,
        true,
    );
    let buildpacks = Buildpacks::in_folder(&home.path("buildpacks-of-test"), &["test"]).unwrap();
    let source = home.source(&[("yes", "")]);
    let error = fails(&home, &home.compiler(buildpacks), &source);
    assert!(
        error.to_string().contains("its release is no YAML"),
        "{error}"
    );
}

#[test]
fn what_is_wrong_before_the_build_is_told_before_it() {
    let (home, compiler) = with(COUNTING);
    let source = home.source(&[("yes", ""), ("Procfile", "# x\nweb mine\n")]);
    let error = fails(&home, &compiler, &source);
    let text = "Procfile line 2: write it as `type: command`, such as `web: python3 app.py`";
    assert_eq!(error.to_string(), text);
    assert_eq!(compiler.detect(&source).unwrap_err().to_string(), text);
    home.store.remove_source(&source).unwrap();

    let source = home.source(&[("no", "")]);
    let error = fails(&home, &compiler, &source);
    assert_eq!(
        error.to_string(),
        "no buildpack recognises this app; there are: test"
    );
    home.store.remove_source(&source).unwrap();
    let error = compile(&compiler, &source, &[]).0.unwrap_err();
    assert!(matches!(error, CompileError::NoSource(missing) if missing == source));
    assert_eq!(runs(&home), 0);
}

#[test]
fn the_simple_buildpacks() {
    let home = Home::new();
    let compiler = home.shipped();
    let check = |files: &[(&str, &str)], name: &str, web: Option<&str>| {
        let source = home.source(files);
        let (slug, lines) = compile(&compiler, &source, &[]);
        let slug = slug.unwrap();
        assert_eq!(slug.buildpack, name);
        assert_eq!(slug.processes.get("web").map(String::as_str), web);
        assert_eq!(lines[0], format!("-----> {name} app detected"));
        lines
    };
    let root = Some("exec \"$SLUGLINE_BIN\" static .");
    let public = Some("exec \"$SLUGLINE_BIN\" static public");
    check(&[("index.html", "x")], "Static", root);
    check(
        &[("public/index.html", "x"), ("index.html", "y")],
        "Static",
        public,
    );
    check(&[("Procfile", "web: ./run\n")], "Procfile", Some("./run"));
    let lines = check(&[("Procfile", "# none\n")], "Procfile", None);
    let warning = " !     No process types: nothing will run. Declare some in a Procfile.";
    assert_eq!(lines.last().unwrap(), warning);
    let app = [("app.py", ""), ("Procfile", "web: python3 app.py\n")];
    check(&app, "Python", Some("python3 app.py"));
    let mixed = home.source(&[&app[..], &[("package.json", "{}")]].concat());
    assert_eq!(compiler.detect(&mixed).unwrap(), "Node.js");
    let error = compile(&compiler, &home.source(&[("README", "")]), &[])
        .0
        .unwrap_err();
    let text = "no buildpack recognises this app; there are: python, node, static, procfile";
    assert_eq!(error.to_string(), text);
}
