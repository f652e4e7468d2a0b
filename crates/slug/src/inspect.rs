//! Whether a slug is in the store as it was put there. It must not change or create anything, nor
//! know who needs the slug.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use slugline_core::slug::Slug;

use crate::digest::Hashing;
use crate::store::StoreError;

/// What is wrong with the file of a slug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It is not there.
    Missing,
    /// It has so many bytes, which is not what was stored.
    Size(u64),
    /// It holds other bytes than those that its name promises.
    Content,
}

/// Looks at the file of a slug in `home`: whether it is there and as large as it was; with `deep`
/// also at every byte of it.
///
/// # Errors
/// [`StoreError::Io`] where it cannot be read.
pub fn damage(home: &Path, slug: &Slug, deep: bool) -> Result<Option<Damage>, StoreError> {
    let path = home.join("slugs").join(format!("{}.slug", slug.id));
    let found = match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Some(Damage::Missing));
        }
        other => other.map_err(StoreError::io("read", &path))?,
    };
    if found.len() != slug.size {
        return Ok(Some(Damage::Size(found.len())));
    }
    if !deep {
        return Ok(None);
    }
    let digest = File::open(&path).and_then(|file| {
        let mut hashing = Hashing::new(file);
        io::copy(&mut hashing, &mut io::sink())?;
        Ok(hashing.finish().1)
    });
    let digest = digest.map_err(StoreError::io("read", &path))?;
    Ok((digest != slug.id.as_str()).then_some(Damage::Content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_damage_is_told_apart() {
        let home = tempfile::tempdir().unwrap();
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let slug = format!(
            r#"{{"id":"{digest}","size":3,"commit":"{digest}","source":"{digest}",
            "buildpack":"b","processes":{{}},"default_env":{{}}}}"#
        );
        let slug: Slug = serde_json::from_str(&slug).unwrap();
        let check = |quick: Option<Damage>, deep: Option<Damage>| {
            assert_eq!(damage(home.path(), &slug, false).unwrap(), quick);
            assert_eq!(damage(home.path(), &slug, true).unwrap(), deep);
        };
        let write = |bytes: &str| {
            fs::create_dir_all(home.path().join("slugs")).unwrap();
            fs::write(home.path().join(format!("slugs/{digest}.slug")), bytes).unwrap();
        };
        check(Some(Damage::Missing), Some(Damage::Missing));
        assert!(!home.path().join("slugs").exists());
        write("ab");
        check(Some(Damage::Size(2)), Some(Damage::Size(2)));
        write("abd");
        check(None, Some(Damage::Content));
        write("abc");
        check(None, None);
    }
}
