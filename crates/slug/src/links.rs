//! Where symbolic links lead, worked out from a list of them and without a look at the disk. It
//! must not know whether they come from a folder or from an archive.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::path::{Component, Path, PathBuf};

/// As many links are followed for one path; then it is a circle, which leads nowhere at all.
const MAX_HOPS: usize = 40;

/// The symbolic links of a tree: path inside the tree, and target as it is written.
#[derive(Debug, Default)]
pub(crate) struct Links(BTreeMap<PathBuf, PathBuf>);

/// A link that leads out of its tree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Escape {
    pub(crate) path: PathBuf,
    pub(crate) why: String,
}

impl Links {
    pub(crate) fn insert(&mut self, path: PathBuf, target: PathBuf) {
        self.0.insert(path, target);
    }

    /// Refuses the first link, by path, that is absolute or leads out of the tree, on its own or
    /// by way of other links. A link to what does not exist inside is fine.
    pub(crate) fn check(&self) -> Result<(), Escape> {
        for (path, target) in &self.0 {
            if !self.stays(path) {
                return Err(Escape {
                    path: path.clone(),
                    why: format!(
                        "is a link to {}, which is outside the app",
                        target.display()
                    ),
                });
            }
        }
        Ok(())
    }

    /// Walks to where `path` leads, as the kernel would with the tree's root as `/`, except that
    /// a step above the root is an escape.
    fn stays(&self, path: &Path) -> bool {
        let mut at = PathBuf::new();
        let mut ahead: VecDeque<PathBuf> = steps(path).collect();
        let mut hops = 0;
        while let Some(step) = ahead.pop_front() {
            match step.components().next() {
                Some(Component::ParentDir) => {
                    if !at.pop() {
                        return false;
                    }
                }
                Some(Component::Normal(name)) => {
                    at.push(name);
                    if let Some(target) = self.0.get(&at) {
                        hops += 1;
                        if hops > MAX_HOPS {
                            return true;
                        }
                        at.pop();
                        steps(target).rev().for_each(|step| ahead.push_front(step));
                    }
                }
                Some(Component::CurDir) | None => {}
                Some(Component::RootDir | Component::Prefix(_)) => return false,
            }
        }
        true
    }
}

fn steps(path: &Path) -> impl DoubleEndedIterator<Item = PathBuf> {
    path.components()
        .map(|step| PathBuf::from(step.as_os_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(links: &[(&str, &str)], expected: Option<&str>) {
        let mut all = Links::default();
        for (path, target) in links {
            all.insert(path.into(), target.into());
        }
        let escape = all.check().err().map(|escape| escape.path);
        assert_eq!(escape.as_deref(), expected.map(Path::new), "{links:?}");
    }

    #[test]
    fn links_stay_inside() {
        check(&[("a", "b")], None);
        check(&[("lib64", "lib"), ("x/y", "../z/./w")], None);
        check(&[("a", ".")], None);
        check(&[("a/b", "..")], None);
        check(&[("a", "missing/deep/down")], None);
        check(&[("a", "b"), ("b", "a")], None);
        check(&[("a", "/etc")], Some("a"));
        check(&[("a", "..")], Some("a"));
        check(&[("a/b", "../../c")], Some("a/b"));
        check(&[("a/b", "c/../../../d")], Some("a/b"));
    }

    #[test]
    fn links_do_not_escape_by_way_of_each_other() {
        check(&[("s/d", ".."), ("e", "s/d/..")], Some("e"));
        check(&[("s/d", ".."), ("e", "s/d/x")], None);
        check(&[("a/b/c", "."), ("a/b/x", "c/../../../y")], Some("a/b/x"));
        check(&[("deep", "a/b/c"), ("x", "deep/../../../..")], Some("x"));
    }

    #[test]
    fn the_text_names_the_target() {
        let mut links = Links::default();
        links.insert("lib".into(), "/etc".into());
        let why = links.check().unwrap_err().why;
        assert_eq!(why, "is a link to /etc, which is outside the app");
    }
}
