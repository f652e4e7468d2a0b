//! Tables with a header, dashes, and columns two blanks apart, as wide as their widest cell.

/// The lines of a table; the last column is not padded.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([header[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| padded_to(cell, *width));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let head = [
        line(header.to_vec()),
        line(dashes.iter().map(String::as_str).collect()),
    ];
    let body = rows
        .iter()
        .map(|row| line(row.iter().map(String::as_str).collect()));
    head.into_iter().chain(body).collect()
}

/// What `format!` does, whose widths end at 65,535.
fn padded_to(cell: &str, width: usize) -> String {
    let missing = width.saturating_sub(cell.chars().count());
    format!("{cell}{}", " ".repeat(missing))
}

/// `=== title` and its `Label:` lines, the labels padded to the longest; a value of several lines
/// goes on under itself.
pub fn labelled(title: &str, rows: &[(&str, String)]) -> Vec<String> {
    let width = rows
        .iter()
        .map(|(label, _)| label.len() + 1)
        .max()
        .unwrap_or(0);
    let mut lines = vec![format!("=== {title}")];
    for (label, value) in rows {
        let mut values = value.lines();
        let first = values.next().unwrap_or_default();
        lines.push(
            format!("{:width$}  {first}", format!("{label}:"))
                .trim_end()
                .to_owned(),
        );
        lines.extend(values.map(|line| format!("{:width$}  {line}", "")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_may_be_of_any_length() {
        let long = "a".repeat(70_000);
        let rows = [vec![long.clone(), "x".to_owned()]];
        assert_eq!(table(&["A", "B"], &rows)[2], format!("{long}  x"));
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["web.1".to_owned(), "up".to_owned()]];
        assert_eq!(
            table(&["Process", "State"], &rows),
            ["Process  State", "-------  -----", "web.1    up"]
        );
        let rows = [("Owner", "jim".to_owned()), ("Web URL", "a\nb".to_owned())];
        assert_eq!(
            labelled("myapp", &rows),
            ["=== myapp", "Owner:    jim", "Web URL:  a", "          b"]
        );
    }
}
