//! The report as Markdown.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{Report, percent, worst};
use crate::quality::row::{End, Row};

pub(super) fn text(report: &Report) -> String {
    let mut text = String::from("# How well weir tells data theft from honest work\n\n");
    let _ = writeln!(
        text,
        "| | recall | precision | told | missed | false alerts | quiet |\n| --- | --- | --- | --- | --- | --- | --- |"
    );
    let single = report.sums.single.iter().map(|(analytic, told)| (format!("{analytic} alone"), *told));
    let rows =
        [("weir".to_owned(), report.sums.weir), ("T1020, word for word".to_owned(), report.sums.words)];
    for (name, told) in rows.into_iter().chain(single) {
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} |",
            percent(told.recall()),
            percent(told.precision()),
            told.hits,
            told.misses,
            told.false_alerts,
            told.quiet
        );
    }
    let sums = &report.sums;
    let _ = writeln!(text, "\n{} of {} alerts name sender, root and chain.", sums.blamed, sums.weir.hits);
    if let Some((median, most)) = sums.to_alert_s {
        let _ = writeln!(
            text,
            "An alert came {median:.2} s after its evidence was complete (median); 95 % came within {most:.2} s."
        );
    }
    let _ = writeln!(
        text,
        "{} scenarios went as expected, {} did not, {} are broken, {} were skipped.",
        sums.good, sums.bad, sums.broken, sums.skipped
    );
    for (title, malicious) in [("Data theft", true), ("Honest work", false)] {
        let rows = report.rows.iter().filter(|row| row.malicious == malicious);
        let _ = writeln!(
            text,
            "\n## {title}\n| scenario | result | score | stages at their worst | s to alert | signals | T1020 by words |\n\
             | --- | --- | --- | --- | --- | --- | --- |"
        );
        rows.for_each(|row| table_row(&mut text, row));
    }
    let _ = writeln!(text, "\n## What does not fit");
    for row in &report.rows {
        let said = match &row.end {
            End::Told => continue,
            End::NotTold(failures) => failures.join("; "),
            End::Skipped(reason) => format!("skipped: {reason}"),
            End::Broken(reason) => format!("broken: {reason}"),
        };
        let _ = writeln!(text, "- **{}** ({}): {}", row.name, row.tells, said.replace('\n', " "));
    }
    text
}

fn table_row(text: &mut String, row: &Row) {
    let word = match &row.end {
        End::Told => "ok",
        End::NotTold(_) => "**not told**",
        End::Skipped(_) => "skipped",
        End::Broken(_) => "**broken**",
    };
    let Some(seen) = &row.seen else {
        let _ = writeln!(text, "| {} | {word} | | | | | |", row.name);
        return;
    };
    let words: BTreeSet<_> = seen.words.iter().map(|finding| finding.analytic).collect();
    let _ = writeln!(
        text,
        "| {} | {word} | {:.1} | {} | {} | {} | {} |",
        row.name,
        seen.probe.score,
        worst(row),
        seen.to_alert_s.map(|seconds| format!("{seconds:.2}")).unwrap_or_default(),
        seen.probe.signals,
        words.into_iter().collect::<Vec<_>>().join(" ")
    );
}
