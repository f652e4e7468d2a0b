//! Archives made by hand, each with one trick that must not work.

use super::*;
use proptest::prelude::*;
use tar::Header;

use crate::slugignore::Slugignore;
use crate::walk::walk;

/// One entry: type, name, link target, content.
type Raw<'a> = (EntryType, &'a str, &'a str, &'a [u8]);

/// A tar with exactly these names, which the library would refuse to write.
fn tar_of(entries: &[Raw<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, name, target, content) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o4777);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn file<'a>(name: &'a str, content: &'a str) -> Raw<'a> {
    (EntryType::Regular, name, "", content.as_bytes())
}

fn link<'a>(name: &'a str, target: &'a str) -> Raw<'a> {
    (EntryType::Symlink, name, target, b"")
}

const LIMITS: Limits = Limits {
    bytes: 10_000,
    entries: 20,
};

/// Extracts next to a file that tricks aim at; on an error nothing but that file must be left.
fn attempt(bytes: &[u8], look: impl FnOnce(&Path)) -> Result<(), ExtractError> {
    let outer = tempfile::tempdir().unwrap();
    fs::write(outer.path().join("victim"), "untouched").unwrap();
    let root = outer.path().join("root");
    let done = extract(bytes, &root, LIMITS);
    let mut names: Vec<_> = fs::read_dir(outer.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let victim = fs::read_to_string(outer.path().join("victim")).unwrap();
    assert_eq!(victim, "untouched");
    if done.is_ok() {
        assert_eq!(names, ["root", "victim"]);
        look(&root);
    } else {
        assert_eq!(names, ["victim"]);
    }
    done
}

fn refused(entries: &[Raw<'_>], expected: &str) {
    let error = attempt(&tar_of(entries), |_| ()).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_good_archive_is_extracted() {
    let pax = b"52 comment=0123456789012345678901234567890123456789\n";
    let bytes = tar_of(&[
        (EntryType::XGlobalHeader, "pax_global_header", "", pax),
        (EntryType::Directory, "./", "", b""),
        (EntryType::Directory, "empty/", "", b""),
        file("./a/b", "hello"),
        (EntryType::Directory, "a", "", b""),
        (EntryType::Link, "twin", "a/b", b""),
        link("a/up", "../twin"),
        link("dangling", "not/there"),
    ]);
    let look = |root: &Path| {
        assert!(root.join("empty").is_dir());
        for name in ["a/b", "twin", "a/up"] {
            assert_eq!(fs::read_to_string(root.join(name)).unwrap(), "hello");
        }
        let mode = fs::metadata(root.join("a/b")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755);
        assert!(!root.join("pax_global_header").exists());
        fs::write(root.join("twin"), "other").unwrap();
        assert_eq!(fs::read_to_string(root.join("a/b")).unwrap(), "hello");
    };
    attempt(&bytes, look).unwrap();
}

#[test]
fn paths_cannot_leave() {
    let climbs = "has a step .. in it, which could leave the app";
    refused(
        &[file("../victim", "x")],
        &format!("\"../victim\" {climbs}"),
    );
    refused(
        &[file("a/../../victim", "x")],
        &format!("\"a/../../victim\" {climbs}"),
    );
    refused(&[file("a/../b", "x")], &format!("\"a/../b\" {climbs}"));
    refused(&[file("/victim", "x")], "\"/victim\" is an absolute path");
    refused(&[file("./", "x")], "\"./\" has no name");
    refused(
        &[(EntryType::Directory, "../d", "", b"")],
        &format!("\"../d\" {climbs}"),
    );
}

#[test]
fn links_cannot_lead_out() {
    let outside = |path: &str, target: &str| {
        format!("{path:?} is a link to {target}, which is outside the app")
    };
    refused(&[link("l", "/etc")], &outside("l", "/etc"));
    refused(&[link("l", "../victim")], &outside("l", "../victim"));
    refused(
        &[link("a/l", "../../victim")],
        &outside("a/l", "../../victim"),
    );
    refused(
        &[link("s/d", ".."), link("e", "s/d/../victim")],
        &outside("e", "s/d/../victim"),
    );
    refused(&[link("l", "")], "\"l\" is a link without a usable target");
}

#[test]
fn nothing_is_written_through_a_link_or_twice() {
    refused(
        &[link("l", ".."), file("l/victim", "x")],
        "\"l/victim\" goes through a link",
    );
    refused(
        &[link("l", "a"), file("l/b", "x")],
        "\"l/b\" goes through a link",
    );
    refused(
        &[link("l", "../victim"), file("l", "x")],
        "\"l\" is there twice",
    );
    refused(&[file("f", "x"), link("f", "g")], "\"f\" is there twice");
    refused(
        &[file("f", "x"), file("./f", "y")],
        "\"./f\" is there twice",
    );
    refused(
        &[file("f", "x"), file("f/g", "y")],
        "\"f/g\" is below a file",
    );
    refused(
        &[link("l", "a"), (EntryType::Directory, "l", "", b"")],
        "\"l\" is there twice",
    );
}

#[test]
fn hard_links_cannot_reach_outside() {
    let hard = |target| (EntryType::Link, "h", target, &b""[..]);
    let none = "\"h\" is a hard link to what is no file before it";
    refused(&[hard("missing")], none);
    refused(&[link("l", "x"), hard("l")], none);
    refused(&[hard("")], none);
    refused(&[hard("/etc/passwd")], "\"h\" is an absolute path");
    let climbs = "\"h\" has a step .. in it, which could leave the app";
    refused(&[hard("../victim")], climbs);
}

#[test]
fn devices_and_pipes_are_refused() {
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo] {
        refused(
            &[file("ok", "x"), (kind, "dev", "", b"")],
            "\"dev\" is neither a file, a folder nor a link",
        );
    }
}

#[test]
fn size_and_number_are_limited() {
    let big = "x".repeat(5_001);
    refused(
        &[file("a", &big), file("b", &big)],
        "its files are larger than 10000 bytes together",
    );
    refused(
        &[file("a", &big), (EntryType::Link, "b", "a", b"")],
        "its files are larger than 10000 bytes together",
    );
    let names: Vec<String> = (0..21).map(|number| format!("f{number}")).collect();
    let files: Vec<Raw<'_>> = names.iter().map(|name| file(name, "")).collect();
    refused(&files, "it has more than 20 files, folders and links");
    refused(
        &[file(
            "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/x",
            "",
        )],
        "it has more than 20 files, folders and links",
    );
}

#[test]
fn a_header_cannot_fill_the_memory() {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNULongName);
    header.set_size(1 << 40);
    header.set_cksum();
    let endless = header.as_bytes().chain(io::repeat(b'x'));
    let dir = tempfile::tempdir().unwrap();
    let error = extract(endless, &dir.path().join("root"), LIMITS).unwrap_err();
    let ExtractError::Archive { source, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(source.to_string(), "its headers are too large");
}

#[test]
fn what_is_no_archive_or_is_cut_short_is_refused() {
    let whole = tar_of(&[file("first", "x"), file("second", &"y".repeat(2_000))]);
    let error = attempt(&whole[..2_000], |_| ()).unwrap_err();
    let text = "the archive cannot be read at \"second\"";
    assert_eq!(error.to_string(), text);
    assert!(attempt(b"this is no archive", |_| ()).is_err());
    assert!(attempt(&[b'x'; 4096], |_| ()).is_err());
}

#[test]
fn a_folder_in_use_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine"), "x").unwrap();
    let error = extract(&tar_of(&[])[..], dir.path(), LIMITS).unwrap_err();
    assert!(matches!(error, ExtractError::NotEmpty(_)), "{error}");
    assert!(dir.path().join("mine").exists());
}

/// Entries whose names and targets are built of the parts that tricks are made of.
fn tricks() -> impl Strategy<Value = Vec<u8>> {
    let path = "(/|\\./|\\.\\./){0,2}[ab](/(\\.\\.|[ab])){0,3}";
    let kind = prop::sample::select(vec![b'0', b'1', b'2', b'2', b'5', b'L', b'x', b'g', b'3']);
    let entry = (kind, path, path, "[a-z]{0,9}");
    prop::collection::vec(entry, 0..12).prop_map(|entries| {
        let raw: Vec<Raw<'_>> = entries
            .iter()
            .map(|(kind, name, target, content)| {
                let kind = EntryType::new(*kind);
                (kind, name.as_str(), target.as_str(), content.as_bytes())
            })
            .collect();
        tar_of(&raw)
    })
}

proptest! {
    #[test]
    fn random_bytes_do_no_harm(bytes: Vec<u8>) {
        let _ = attempt(&bytes, |_| ());
    }

    #[test]
    fn random_tricks_do_no_harm(bytes in tricks(), damage: Option<(prop::sample::Index, u8)>) {
        let mut bytes = bytes;
        if let Some((place, byte)) = damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = attempt(&bytes, |root| {
            let inside = fs::canonicalize(root).unwrap();
            for entry in walk(root, &Slugignore::nothing()).unwrap() {
                if let Ok(leads) = fs::canonicalize(root.join(&entry.path)) {
                    assert!(leads.starts_with(&inside), "{entry:?}");
                }
            }
        });
    }
}
