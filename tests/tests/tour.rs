//! The tour: the whole story through the binary, which checks each answer itself and leaves nothing
//! behind.

use slugline_testkit::environment::TestEnvironment;

#[test]
fn the_tour_holds_and_leaves_nothing_behind() {
    let environment = TestEnvironment::new();
    let toured = environment.caller().without("SLUGLINE_NOW").run(["tour"]);
    let toured = toured.success();
    let checks = toured
        .stdout
        .lines()
        .filter_map(|line| line.trim().strip_prefix("\u{2713} "));
    let checks: Vec<_> = checks.collect();
    let expected = [
        "the page answers as v1 with the default greeting",
        "the page says Good morning as v2",
        "the counter in memcached counts 1, 2",
        "v3 never stopped answering, and still counts",
        "the page is an error 500",
        "it says: Rolled back to v3",
        "the page is back as v6, its counter too",
        "v6 runs on",
        "the second edition answers",
        "the first edition answers again",
        "it says: back to the newest deploy, v7",
        "the second edition says Good evening as v9",
        "nine releases, one of them failed",
        "it says: (failed)",
    ];
    assert_eq!(checks, expected, "{toured}");
    assert_eq!(toured.stderr, "");
    for folder in [
        environment.temporary(),
        environment.work(),
        environment.folder().join("user"),
    ] {
        let left: Vec<_> = folder
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
    assert!(
        !environment.home().exists(),
        "the tour has a home of its own"
    );
}
