//! Words in rows, with a column for each kernel and its hooks.

use std::collections::{BTreeMap, BTreeSet};

/// Cells by row, of columns with two lines of heading.
#[derive(Debug, Default)]
pub(super) struct Grid(Vec<Column>);

type Column = ([String; 2], BTreeMap<String, String>);

impl Grid {
    /// Adds a column, unless one of this heading is there: a service's machine, or a second one with one kernel, says the
    /// same.
    pub(super) fn add(&mut self, heading: [String; 2], cells: BTreeMap<String, String>) {
        if !cells.is_empty() && !self.0.iter().any(|(known, _)| *known == heading) {
            self.0.push((heading, cells));
        }
    }

    /// An empty line, `title`, headings and rows; nothing without a column.
    pub(super) fn lines(&self, title: &str) -> Vec<String> {
        let names: BTreeSet<&str> =
            self.0.iter().flat_map(|(_, cells)| cells.keys()).map(String::as_str).collect();
        if names.is_empty() {
            return Vec::new();
        }
        let mut rows = [vec![String::new(); 2], names.iter().map(|&name| name.to_owned()).collect()].concat();
        for (heading, cells) in &self.0 {
            let cells = names.iter().map(|name| cells.get(*name).map_or("-", String::as_str));
            add_column(&mut rows, &heading.iter().map(String::as_str).chain(cells).collect::<Vec<_>>());
        }
        let heading = [String::new(), title.to_owned()];
        heading.into_iter().chain(rows.into_iter().map(|row| row.trim_end().to_owned())).collect()
    }
}

fn add_column(rows: &mut [String], cells: &[&str]) {
    let before = rows.iter().map(String::len).max().unwrap_or_default();
    let width = cells.iter().map(|cell| cell.len()).max().unwrap_or_default();
    for (row, cell) in rows.iter_mut().zip(cells) {
        *row = format!("{row:<before$}  {cell:>width$}");
    }
}

#[cfg(test)]
mod tests {
    use super::Grid;

    #[test]
    fn rows_and_columns() {
        type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);
        let mut grid = Grid::default();
        assert!(grid.lines("a title").is_empty());
        let columns: [Row<'_>; 4] = [
            ("5.10", "kprobe", &[("weir_send_tcp", "100 / ?")]),
            ("6.1", "auto", &[]),
            ("6.12", "auto", &[("weir_send_tcp", "11 / 1234"), ("weir_exit", "? / ?")]),
            ("6.12", "auto", &[("weir_send_tcp", "again")]),
        ];
        for (kernel, hooks, cells) in columns {
            let cells = cells.iter().map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned()));
            grid.add([kernel, hooks].map(str::to_owned), cells.collect());
        }
        assert_eq!(
            grid.lines("a title").join("\n"),
            [
                "",
                "a title",
                "                  5.10       6.12",
                "                kprobe       auto",
                "weir_exit            -      ? / ?",
                "weir_send_tcp  100 / ?  11 / 1234",
            ]
            .join("\n")
        );
    }
}
