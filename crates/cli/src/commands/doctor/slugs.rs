//! The code of every release that is kept, and of every newest deploy. It must not know how a slug
//! is packed.

use std::collections::BTreeMap;

use slugline_core::port::{Ledger as _, LedgerError};
use slugline_core::slug::SlugId;
use slugline_ledger::SqliteLedger;
use slugline_slug::{Damage, damage};

use super::Looked;
use super::finding::{Check, Report, counted, quoted};

pub fn check(
    looked: &Looked<'_>,
    ledger: &SqliteLedger,
    report: &mut Report,
) -> Result<(), LedgerError> {
    let home = &looked.context.home;
    let slugs = ledger.slugs_in_use()?;
    let by_id: BTreeMap<_, _> = slugs.iter().map(|slug| (&slug.id, slug)).collect();
    for slug in by_id.values() {
        match damage(home, slug, looked.deep) {
            Ok(None) => {}
            Ok(Some(damage)) => tell(looked, ledger, &slug.id, damage, report)?,
            Err(error) => report.cannot(Check::Slugs, &error),
        }
    }
    let slugs = counted(by_id.len(), "slug");
    let text = match (by_id.is_empty(), looked.deep) {
        (true, _) => format!("{slugs} yet"),
        (false, true) => format!("{slugs}, each as it was stored"),
        (false, false) => format!("{slugs}, each there and as large as it was"),
    };
    report.ok_unless_found(Check::Slugs, text);
    Ok(())
}

fn tell(
    looked: &Looked<'_>,
    ledger: &SqliteLedger,
    id: &SlugId,
    damage: Damage,
    report: &mut Report,
) -> Result<(), LedgerError> {
    let holders = ledger.holders(id)?;
    // It was pruned since the slugs were listed.
    if holders.is_empty() {
        return Ok(());
    }
    let holders = holders
        .iter()
        .map(|(app, version)| format!("{app} {version}"));
    let holders = holders.collect::<Vec<_>>().join(", ");
    let what = match damage {
        Damage::Missing => "is missing".to_owned(),
        Damage::Size(bytes) => format!("is damaged: it has {bytes} bytes"),
        Damage::Content => "is damaged: its content does not match its name".to_owned(),
    };
    let what = format!("slug {} of {holders} {what}", &id.as_str()[..12]);
    let place = quoted(&looked.context.home.join("slugs"));
    let mend =
        format!("slugline restore BACKUP --into FOLDER && cp FOLDER/slugs/{id}.slug {place}/");
    report.problem(Check::Slugs, what, Some(mend));
    Ok(())
}
