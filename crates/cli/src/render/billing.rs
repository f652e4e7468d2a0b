//! Bills, as a table, as CSV and for programs. Nothing here knows how a cost is worked out.

use std::collections::BTreeMap;

use serde::Serialize;
use slugline_core::billing::{Line, Month, total, totals};
use slugline_core::time::Timestamp;

use super::table::table;
use super::when::rfc3339;

/// The months that something was used in, and what they cost together.
#[derive(Serialize)]
pub struct Billing {
    months: Vec<MonthBill>,
    cost_cents: u64,
}

#[derive(Serialize)]
struct MonthBill {
    month: String,
    from: String,
    to: String,
    /// Whether the month is over, so that nothing is added to it any more.
    complete: bool,
    lines: Vec<Row>,
    apps: BTreeMap<String, u64>,
    owners: BTreeMap<String, u64>,
    cost_cents: u64,
}

#[derive(Serialize)]
struct Row {
    owner: String,
    app: String,
    plan: String,
    price: String,
    price_cents: u64,
    seconds: u64,
    cost_cents: u64,
}

impl Billing {
    /// The lines of these months.
    pub fn new(lines: &[Line], months: &[Month], now: Timestamp) -> Self {
        // There may be very many of both: each line is looked at once, and not once a month.
        let by_month = lines.chunk_by(|one, next| one.month == next.month);
        let by_month: BTreeMap<_, _> = by_month.map(|own| (&own[0].month, own)).collect();
        let bill = |month: &Month| {
            let own = || by_month.get(&month.label).copied().unwrap_or_default();
            MonthBill {
                month: month.label.clone(),
                from: rfc3339(month.from),
                to: rfc3339(month.to),
                complete: month.to <= now,
                lines: own().iter().map(Row::from).collect(),
                apps: totals(own(), |line| line.app.to_string()),
                owners: totals(own(), |line| line.owner.to_string()),
                cost_cents: total(own()),
            }
        };
        let months = months.iter().map(bill);
        Self {
            months: months.filter(|month| !month.lines.is_empty()).collect(),
            cost_cents: total(lines),
        }
    }

    /// For people: a table a month with its totals, the newest month last.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for month in &self.months {
            lines.extend(month.table());
            lines.push(String::new());
        }
        match self.months.len() {
            0 => lines.push("Nothing has been used.".to_owned()),
            1 => drop(lines.pop()),
            count => lines.push(format!(
                "Total of {count} months: {}",
                dollars(self.cost_cents)
            )),
        }
        lines
    }

    /// A line for each plan of an app in a month, under the names of the columns.
    pub fn csv(&self) -> Vec<String> {
        let mut lines = vec!["month,owner,app,plan,price_cents,seconds,cost_cents".to_owned()];
        for month in &self.months {
            let line = |row: &Row| {
                let (month, owner) = (&month.month, quoted(&row.owner));
                let Row {
                    app,
                    plan,
                    price_cents,
                    seconds,
                    cost_cents,
                    ..
                } = row;
                format!("{month},{owner},{app},{plan},{price_cents},{seconds},{cost_cents}")
            };
            lines.extend(month.lines.iter().map(line));
        }
        lines
    }
}

impl From<&Line> for Row {
    fn from(line: &Line) -> Self {
        Self {
            owner: line.owner.to_string(),
            app: line.app.to_string(),
            plan: line.plan.to_string(),
            price: line.price.to_string(),
            price_cents: line.price.cents(),
            seconds: line.seconds,
            cost_cents: line.cents,
        }
    }
}

impl MonthBill {
    fn table(&self) -> Vec<String> {
        let so_far = if self.complete { "" } else { ", so far" };
        let mut lines = vec![format!("=== {} (UTC){so_far}", self.month)];
        let costs: Vec<String> = self
            .lines
            .iter()
            .map(|row| dollars(row.cost_cents))
            .collect();
        let width = costs.iter().map(String::len).max().unwrap_or(0);
        // Whose app it is goes without saying where all are of one.
        let skipped = usize::from(self.owners.len() < 2);
        let cells = |(row, cost): (&Row, &String)| {
            let cells = [
                row.owner.clone(),
                row.app.clone(),
                row.plan.clone(),
                row.price.clone(),
                length(row.seconds),
                format!("{cost:>width$}"),
            ];
            cells[skipped..].to_vec()
        };
        let header = ["Owner", "App", "Add-on", "Price", "Had for", "Cost"];
        let rows: Vec<_> = self.lines.iter().zip(&costs).map(cells).collect();
        lines.extend(table(&header[skipped..], &rows));
        lines.push(String::new());
        lines.extend(self.totals());
        lines
    }

    /// Of each app and each owner, where there are several, and of all.
    fn totals(&self) -> Vec<String> {
        let mut rows: Vec<(String, String)> = Vec::new();
        for several in [&self.apps, &self.owners] {
            if several.len() > 1 {
                let row =
                    |(name, cents): (&String, &u64)| (format!("Total of {name}:"), dollars(*cents));
                rows.extend(several.iter().map(row));
            }
        }
        rows.push((
            format!("Total of {}:", self.month),
            dollars(self.cost_cents),
        ));
        let label = rows
            .iter()
            .map(|(label, _)| label.chars().count())
            .max()
            .unwrap_or(0);
        let cost = rows.iter().map(|(_, cost)| cost.len()).max().unwrap_or(0);
        let line = |(text, sum): &(String, String)| format!("{text:label$}  {sum:>cost$}");
        rows.iter().map(line).collect()
    }
}

fn dollars(cents: u64) -> String {
    format!("${}.{:02}", cents / 100, cents % 100)
}

/// How long something was had, in its two largest units: `12d 4h`, `4h 0m`, `3m 20s`, `59s`.
fn length(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match seconds {
        0..60 => format!("{rest}s"),
        60..3_600 => format!("{minutes}m {rest}s"),
        3_600..86_400 => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// A field of CSV, in quotes where it holds what separates fields.
fn quoted(text: &str) -> String {
    match text.contains([',', '"']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_and_time_are_short() {
        for (cents, text) in [
            (0, "$0.00"),
            (5, "$0.05"),
            (2000, "$20.00"),
            (123_456, "$1234.56"),
        ] {
            assert_eq!(dollars(cents), text);
        }
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m 0s"),
            (3_599, "59m 59s"),
            (3_600, "1h 0m"),
            (86_399, "23h 59m"),
            (2_678_400, "31d 0h"),
        ] {
            assert_eq!(length(seconds), text);
        }
    }

    #[test]
    fn names_are_quoted_only_where_they_must_be() {
        assert_eq!(quoted("jim@example.com"), "jim@example.com");
        assert_eq!(quoted("\"Jim, J\" <j@x>"), "\"\"\"Jim, J\"\" <j@x>\"");
    }
}
