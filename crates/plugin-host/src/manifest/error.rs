//! What is wrong with a manifest, shown with the line it is in. It must not know what can be wrong.

/// What is wrong with a manifest. `Display` is several lines: file, line, column and what; then the
/// line itself, and a caret under the column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// What the manifest is called.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The text of the line; long ones are cut.
    pub source_line: String,
    /// What is wrong, in one line.
    pub what: String,
}

/// More than this is not shown of a line.
const WIDTH: usize = 120;

impl ManifestError {
    /// An error of the YAML reader, or of one of our visitors within it.
    pub(super) fn from_yaml(error: &serde_yaml::Error, text: &str, file: &str) -> Self {
        let at = error.location().map(|at| (at.line(), at.column()));
        let said = error.to_string();
        let suffix = at.map_or_else(String::new, |(line, column)| {
            format!(" at line {line} column {column}")
        });
        let what = said.strip_suffix(&suffix).unwrap_or(&said);
        Self::at(at, plain(what), text, file)
    }

    /// An error at a line and a column, both from 1; at the very beginning where neither is known.
    pub(super) fn at(at: Option<(usize, usize)>, what: String, text: &str, file: &str) -> Self {
        let (line, column) = at.map_or((1, 1), |(line, column)| (line.max(1), column.max(1)));
        let shown = text.lines().nth(line - 1).unwrap_or("");
        let source_line = shown.chars().take(WIDTH).map(visible).collect();
        Self {
            file: file.to_owned(),
            line,
            column,
            source_line,
            what,
        }
    }
}

/// The reader's words in the manual's: authors need not know what a struct is.
fn plain(said: &str) -> String {
    let one_line: String = said.chars().map(visible).collect();
    one_line
        .replace("missing field", "missing key")
        .replace("invalid type: ", "this is ")
        .replace(", expected struct ", ", expected a map like ")
        .replace("struct ", "")
}

fn visible(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

impl std::fmt::Display for ManifestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, column, .. } = self;
        writeln!(f, "{}:{line}:{column}: {}", self.file, self.what)?;
        writeln!(f, "{line:4} | {}", self.source_line)?;
        write!(
            f,
            "     | {:>width$}",
            "^",
            width = (*column).min(WIDTH + 1)
        )
    }
}

impl std::error::Error for ManifestError {}
