//! Backups that are whole, and all the ways in which one may not be.

use super::*;

fn about() -> Manifest {
    Manifest {
        format: 0,
        slugline: "1.2.3".into(),
        made_at: "2026-11-23T12:00:00Z".into(),
        home: "/somewhere".into(),
        key: false,
        apps: 1,
        releases: 2,
        files: BTreeMap::new(),
    }
}

/// A backup of two files, one of them executable.
fn sample() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (plain, tool) = (folder.path().join("plain"), folder.path().join("tool"));
    fs::write(&plain, "some text").unwrap();
    fs::write(&tool, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&tool, Permissions::from_mode(0o755)).unwrap();
    let mut backup = Backup::begin(Vec::new()).unwrap();
    backup.add("ledger.db", &plain).unwrap();
    backup.add("plugins/a/tool", &tool).unwrap();
    backup.finish(about()).unwrap()
}

/// What is wrong with it; nothing may be left behind.
fn refused(bytes: &[u8]) -> String {
    let beside = tempfile::tempdir().unwrap();
    let error = Unpacked::read(bytes, beside.path()).unwrap_err();
    assert_eq!(fs::read_dir(beside.path()).unwrap().count(), 0);
    let source = std::error::Error::source(&error);
    source.map_or_else(|| error.to_string(), |why| format!("{error}: {why}"))
}

/// The same backup with its plain tar changed.
fn with_tar(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut tar = zstd::decode_all(sample().as_slice()).unwrap();
    change(&mut tar);
    zstd::encode_all(tar.as_slice(), 1).unwrap()
}

/// A tar with these entries: kind, name, link target, contents.
fn made_of(entries: &[(tar::EntryType, &str, &str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (kind, name, target, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o600);
        header.set_size(text.len() as u64);
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_link_name_literal(target).unwrap();
        header.set_cksum();
        tar.append(&header, text.as_bytes()).unwrap();
    }
    zstd::encode_all(tar.into_inner().unwrap().as_slice(), 1).unwrap()
}

#[test]
fn a_backup_comes_back_as_it_was_and_private() {
    let beside = tempfile::tempdir().unwrap();
    let unpacked = Unpacked::read(sample().as_slice(), beside.path()).unwrap();
    let home = beside.path().join("home");
    fs::create_dir(&home).unwrap();
    let manifest = unpacked.keep(&home).unwrap();
    assert_eq!(manifest.files.len(), 2);
    assert_eq!((manifest.apps, manifest.format), (1, FORMAT));
    let read = |name: &str| fs::read_to_string(home.join(name)).unwrap();
    assert_eq!(read("ledger.db"), "some text");
    let mode = |name: &str| fs::metadata(home.join(name)).unwrap().permissions().mode() & 0o777;
    let modes = ["", "ledger.db", "plugins", "plugins/a/tool"].map(mode);
    assert_eq!(modes, [0o700, 0o600, 0o700, 0o700]);
    let all: Vec<_> = fs::read_dir(beside.path()).unwrap().flatten().collect();
    assert_eq!(all.len(), 1);
    assert!(!home.join(MANIFEST_FILE).exists() && !home.join(FORMAT_FILE).exists());
}

#[test]
fn a_backup_that_was_cut_off_anywhere_is_refused() {
    let whole = sample();
    for length in 0..whole.len() {
        let why = refused(&whole[..length]);
        assert!(why.starts_with("it is no whole backup"), "{length}: {why}");
    }
}

#[test]
fn a_byte_that_was_altered_anywhere_is_refused() {
    let whole = sample();
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x41;
        let beside = tempfile::tempdir().unwrap();
        // A bit that means nothing to the compressor may be anything: then all is as it was.
        if let Ok(read) = Unpacked::read(bytes.as_slice(), beside.path()) {
            let text = fs::read(read.path().join("ledger.db")).unwrap();
            assert_eq!(text, b"some text", "{place}");
        }
    }
}

#[test]
fn what_is_no_backup_or_was_altered_says_how() {
    let replace = |from: &str, to: &str| {
        with_tar(|tar| {
            let place = tar.windows(from.len()).position(|at| at == from.as_bytes());
            let place = place.unwrap();
            tar[place..place + to.len()].copy_from_slice(to.as_bytes());
        })
    };
    let check = |bytes: &[u8], expected: &str| {
        let why = refused(bytes);
        assert!(why.contains(expected), "{why}");
    };
    check(b"", "it is no whole backup");
    check(b"hello, this is a letter", "it is no whole backup");
    check(
        &replace("some text", "sOme text"),
        "ledger.db is not as it was written",
    );
    check(
        &replace(r#"{"format":1"#, r#"{"format":9"#),
        "the format 9, and this Slugline reads up to 1",
    );
    check(
        &replace(r#"{"format":1"#, r#"["format":1"#),
        "format.json is missing or damaged",
    );
    let format = (
        tar::EntryType::Regular,
        "format.json",
        "",
        r#"{"format":1}"#,
    );
    let mut manifest = about();
    manifest.format = FORMAT;
    let empty = serde_json::to_string(&manifest).unwrap();
    let last = (tar::EntryType::Regular, "manifest.json", "", empty.as_str());
    check(&made_of(&[format]), "manifest.json is missing or damaged");
    let file = |name| (tar::EntryType::Regular, name, "", "x");
    check(
        &made_of(&[format, file("more"), last]),
        "more is not in its manifest",
    );
    check(&made_of(&[format, file("../up"), last]), "has a step ..");
    check(
        &made_of(&[format, file("/etc/up"), last]),
        "is an absolute path",
    );
    check(
        &made_of(&[format, file("a"), file("a"), last]),
        "is there twice",
    );
    let link = |target| (tar::EntryType::Symlink, "link", target, "");
    check(&made_of(&[format, link("/etc"), last]), "\"link\"");
    check(
        &made_of(&[format, file("a"), link("a"), last]),
        "it is no whole backup",
    );
    let device = (tar::EntryType::Char, "device", "", "");
    check(&made_of(&[format, device, last]), "\"device\"");
    manifest.files.insert(
        "gone".into(),
        Held {
            size: 1,
            sha256: String::new(),
        },
    );
    let lacking = serde_json::to_string(&manifest).unwrap();
    let last = (
        tar::EntryType::Regular,
        "manifest.json",
        "",
        lacking.as_str(),
    );
    check(&made_of(&[format, last]), "gone is missing");
}

#[test]
fn a_backup_that_claims_more_than_the_disk_has_is_refused() {
    let mut header = tar::Header::new_gnu();
    header.set_size(1 << 60);
    header.set_mode(0o600);
    header.set_path("huge").unwrap();
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(vec![0; 1 << 20]);
    let packed = zstd::encode_all(bytes.as_slice(), 1).unwrap();
    assert!(refused(&packed).starts_with("it is no whole backup"));
}
