//! What a check found, and how that is shown. It must not know how anything is checked.

use std::path::Path;

use serde::Serialize;

use crate::error::CommandError;

/// How to come back to what a backup holds.
pub const RESTORE: &str = "slugline restore BACKUP --into FOLDER";

/// How it stands with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and should not stay so.
    Warning,
    /// Something does not work, or is in danger.
    Problem,
}

/// What is checked, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    Home,
    Disk,
    Ledger,
    Key,
    History,
    Slugs,
    Resources,
    Unfinished,
    Plugins,
    Programs,
    Supervisor,
    Isolation,
    Leftovers,
}

impl Check {
    const fn word(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Disk => "disk",
            Self::Ledger => "ledger",
            Self::Key => "key",
            Self::History => "history",
            Self::Slugs => "slugs",
            Self::Resources => "resources",
            Self::Unfinished => "unfinished",
            Self::Plugins => "plugins",
            Self::Programs => "programs",
            Self::Supervisor => "supervisor",
            Self::Isolation => "isolation",
            Self::Leftovers => "leftovers",
        }
    }
}

/// One thing that was found.
#[derive(Serialize)]
struct Finding {
    check: Check,
    verdict: Verdict,
    what: String,
    /// The command that mends it, where there is one.
    mend: Option<String>,
}

/// All that was found.
#[derive(Default)]
pub struct Report(Vec<Finding>);

#[derive(Serialize)]
struct View<'a> {
    home: String,
    verdict: Verdict,
    findings: &'a [Finding],
}

impl Report {
    fn add(&mut self, check: Check, verdict: Verdict, what: String, mend: Option<String>) {
        let what = what.lines().collect::<Vec<_>>().join("; ");
        self.0.push(Finding {
            check,
            verdict,
            what,
            mend,
        });
    }

    /// It is as it should be.
    pub fn ok(&mut self, check: Check, what: impl Into<String>) {
        self.add(check, Verdict::Ok, what.into(), None);
    }

    /// The same, unless something else was found in this check.
    pub fn ok_unless_found(&mut self, check: Check, what: impl Into<String>) {
        if self.is_silent(check) {
            self.ok(check, what);
        }
    }

    /// Whether nothing was said in this check so far.
    pub fn is_silent(&self, check: Check) -> bool {
        self.0.iter().all(|found| found.check != check)
    }

    /// It works, and should not stay so.
    pub fn warning(&mut self, check: Check, what: impl Into<String>, mend: Option<String>) {
        self.add(check, Verdict::Warning, what.into(), mend);
    }

    /// It does not work, or is in danger.
    pub fn problem(&mut self, check: Check, what: impl Into<String>, mend: Option<String>) {
        self.add(check, Verdict::Problem, what.into(), mend);
    }

    /// A check that could not be made.
    pub fn cannot(&mut self, check: Check, error: &dyn std::error::Error) {
        let why = CommandError::because(error).text;
        self.problem(check, format!("cannot be checked: {why}"), None);
    }

    /// The worst of all.
    pub fn worst(&self) -> Verdict {
        let all = self.0.iter().map(|found| found.verdict);
        all.max().unwrap_or(Verdict::Ok)
    }

    /// One line a finding.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|found| {
            let verdict = match found.verdict {
                Verdict::Ok => "ok",
                Verdict::Warning => "warning",
                Verdict::Problem => "problem",
            };
            let mend = found.mend.as_ref().map(|mend| format!("; mend it: {mend}"));
            let mend = mend.unwrap_or_default();
            let (check, what) = (found.check.word(), &found.what);
            format!("{verdict:<7}  {check:<10}  {what}{mend}")
        })
    }

    /// All of it in one line.
    pub fn summary(&self) -> String {
        let count = |verdict| self.0.iter().filter(|it| it.verdict == verdict).count();
        match (count(Verdict::Problem), count(Verdict::Warning)) {
            (0, 0) => "All is well. Nothing has been changed.".to_owned(),
            (problems, warnings) => format!(
                "{}, {}. Nothing has been changed.",
                counted(problems, "problem"),
                counted(warnings, "warning")
            ),
        }
    }

    /// For programs.
    pub fn json(&self, home: &Path) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(&View {
            home: home.display().to_string(),
            verdict: self.worst(),
            findings: &self.0,
        })
    }
}

/// `1 app`, `2 apps`, `no apps`.
pub fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// A path as a shell reads it back.
pub fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=:./,@+%".contains(c);
    match !path.is_empty() && path.chars().all(plain) {
        true => path,
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_where_a_shell_needs_it() {
        let check = |path: &str, expected: &str| assert_eq!(quoted(Path::new(path)), expected);
        check("/home/jim/slugline", "/home/jim/slugline");
        check("/it's here", r"'/it'\''s here'");
        check("", "''");
    }

    #[test]
    fn the_worst_finding_counts() {
        let mut report = Report::default();
        assert_eq!(report.worst(), Verdict::Ok);
        report.warning(Check::Key, "two keys", Some("slugline keys:rotate".into()));
        report.ok_unless_found(Check::Key, "never said");
        report.ok(Check::Home, "private");
        assert_eq!(report.worst(), Verdict::Warning);
        let summary = "no problems, 1 warning. Nothing has been changed.";
        assert_eq!(report.summary(), summary);
        report.problem(Check::Slugs, "gone\nand more", None);
        assert_eq!(report.worst(), Verdict::Problem);
        let lines: Vec<_> = report.lines().collect();
        let expected = [
            "warning  key         two keys; mend it: slugline keys:rotate",
            "ok       home        private",
            "problem  slugs       gone; and more",
        ];
        assert_eq!(lines, expected);
    }
}
