//! "Did you mean …?" for a mistyped name. It must not know what is being named.

/// The candidate that `typed` was most likely meant to be, if any is near enough: at most one
/// edit in three characters, or a longer name that it begins.
#[must_use]
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = typed.chars().count();
    let limit = (length / 3).max(1).min(length.saturating_sub(1));
    let lower = typed.to_lowercase();
    candidates
        .into_iter()
        .filter_map(|name| {
            let edits = strsim::damerau_levenshtein(&lower, &name.to_lowercase());
            let begins = typed.len() >= 3 && name.starts_with(typed);
            (edits <= limit || begins).then_some((edits, name))
        })
        .min()
        .map(|(_, name)| name)
}

/// What is said of an app that is not there, with the nearest of those that are known.
#[must_use]
pub fn no_app(typed: &str, known: &[&str]) -> String {
    let hint = match nearest(typed, known.iter().copied()) {
        Some(meant) => format!("Did you mean {meant}?"),
        None if known.is_empty() => "There are no apps yet: slugline apps:create".to_owned(),
        None => "`slugline apps` lists those there are.".to_owned(),
    };
    format!("there is no app {typed}\n{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_nothing_far() {
        let names = ["memcache", "releases", "deployhooks"];
        let check = |typed, expected| assert_eq!(nearest(typed, names), expected, "{typed}");
        check("memcahce", Some("memcache"));
        check("relase", Some("releases"));
        check("Releases", Some("releases"));
        check("deploy", Some("deployhooks"));
        check("postgres", None);
        check("", None);
        check("x", None);
    }
}
