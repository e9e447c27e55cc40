//! Finds alerts in a log and its rotated files. Bounded: of each alert only the line that tells the most is kept, and
//! only of those that are wanted.

use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsString,
    fs::File,
    io::{self, BufRead, BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use weir::{alert::ecs::LINE_MAX, report::told::Told};

/// Alerts whose ids are remembered for a message; the oldest go first.
const IDS_MAX: usize = 4096;
/// Different alerts that one prefix finds and that are kept.
const MATCHES_MAX: usize = 64;
/// Rotated files that are looked for.
const ROTATED_MAX: u32 = 1000;
/// Ids that a message names.
const NAMED: usize = 5;
/// Least similarity of an id that is near (0 to 1).
const NEAR: f64 = 0.7;

/// What to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Alerts whose id begins so.
    Id(String),
    /// The one that the log speaks of last.
    Last,
    /// The last so many.
    List(usize),
}

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) wanted: Wanted,
    /// One for each alert, in the order in which they were last spoken of.
    pub(super) alerts: Vec<Told>,
    /// Lines that are no records.
    pub(super) unread: u64,
    ids: VecDeque<String>,
    more: bool,
}

impl Found {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { wanted, alerts: Vec::new(), unread: 0, ids: VecDeque::new(), more: false }
    }

    /// Reads the log at `path` after the files into which it was rotated, oldest first.
    pub(super) fn read_log(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut paths = vec![path.to_owned()];
        for number in 1..ROTATED_MAX {
            let rotated = numbered(path, number);
            // A file in the middle may be missing while the log is being rotated.
            if !rotated.exists() && !numbered(path, number + 1).exists() {
                break;
            }
            paths.push(rotated);
        }
        let mut opened = 0;
        for path in paths.iter().rev() {
            match File::open(path) {
                Ok(file) => {
                    opened += 1;
                    self.read(BufReader::new(file))
                        .with_context(|| format!("cannot read {}", path.display()))?;
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("cannot open {}", path.display())),
            }
        }
        if opened == 0 {
            bail!("there is no alert log {}; name one with --log", path.display());
        }
        Ok(())
    }

    /// Reads lines. One that is longer than weir writes them, or no record, is counted and left out.
    pub(super) fn read(&mut self, mut lines: impl BufRead) -> io::Result<()> {
        let most = LINE_MAX as u64 * 4;
        let mut line = Vec::new();
        loop {
            line.clear();
            if lines.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            if line.last() != Some(&b'\n') && line.len() as u64 == most {
                self.unread += 1;
                skip_line(&mut lines)?;
                continue;
            }
            let line = line.trim_ascii();
            if !line.is_empty() {
                self.take(line);
            }
        }
    }

    fn take(&mut self, line: &[u8]) {
        let Ok(line) = std::str::from_utf8(line) else {
            self.unread += 1;
            return;
        };
        // Most lines are signals: an alert says so.
        if !line.contains("alert") && line.starts_with('{') {
            return;
        }
        match Told::parse(line) {
            Ok(Some(told)) => self.keep(told),
            Ok(None) => {}
            Err(_) => self.unread += 1,
        }
    }

    fn keep(&mut self, told: Told) {
        let id = told.id();
        if self.ids.back().is_none_or(|last| last != id) {
            self.ids.push_back(id.to_owned());
            if self.ids.len() > IDS_MAX {
                self.ids.pop_front();
            }
        }
        let room = match &self.wanted {
            Wanted::Id(prefix) if !id.starts_with(prefix.as_str()) => return,
            Wanted::Id(_) => MATCHES_MAX,
            Wanted::Last => 1,
            Wanted::List(most) => *most,
        };
        if let Some(at) = self.alerts.iter().position(|known| known.id() == id) {
            let known = self.alerts.remove(at);
            // The same file may be read twice while it is being rotated.
            self.alerts.push(if known.revision() > told.revision() { known } else { told });
            return;
        }
        self.alerts.push(told);
        if self.alerts.len() > room {
            self.more = true;
            self.alerts.remove(0);
        }
    }

    /// The one alert that was wanted.
    pub(super) fn only(mut self, log: &str) -> anyhow::Result<Told> {
        let Wanted::Id(prefix) = &self.wanted else {
            return self.alerts.pop().with_context(|| format!("{log} holds no alert"));
        };
        let ids: Vec<&str> = self.alerts.iter().map(Told::id).collect();
        match ids.as_slice() {
            [] => {}
            [_] => return self.alerts.pop().with_context(|| format!("{log} holds no alert")),
            // A whole id is never ambiguous.
            _ if ids.contains(&prefix.as_str()) => {
                self.alerts.retain(|told| told.id() == *prefix);
                return self.alerts.pop().with_context(|| format!("{log} holds no alert"));
            }
            several => {
                let named = several.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
                let more = if several.len() > NAMED || self.more { ", ..." } else { "" };
                bail!("several alerts in {log} begin with {prefix}: {named}{more}");
            }
        }
        let near = near(prefix, &self.ids);
        if self.ids.is_empty() {
            bail!("{log} holds no alert");
        } else if near.is_empty() {
            bail!("no alert in {log} begins with {prefix}; 'weir explain' lists the last ones");
        }
        bail!("no alert in {log} begins with {prefix}; near it: {}", near.join(", "))
    }
}

/// Ids whose begin resembles `wanted`, the nearest first.
fn near(wanted: &str, ids: &VecDeque<String>) -> Vec<String> {
    let mut ranked: BTreeMap<&str, f64> = BTreeMap::new();
    for id in ids {
        let head: String = id.chars().take(wanted.chars().count()).collect();
        ranked.insert(id, strsim::normalized_damerau_levenshtein(wanted, &head));
    }
    let mut ranked: Vec<(&str, f64)> = ranked.into_iter().filter(|(_, likeness)| *likeness >= NEAR).collect();
    ranked.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    ranked.into_iter().take(NAMED).map(|(id, _)| id.to_owned()).collect()
}

fn skip_line(lines: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = lines.fill_buf()?;
        let (length, done) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        lines.consume(length);
        if done {
            return Ok(());
        }
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use super::*;

    fn line(id: &str, revision: u32) -> String {
        format!("{{\"event\":{{\"kind\":\"alert\",\"id\":\"{id}\"}},\"weir\":{{\"revision\":{revision}}}}}\n")
    }

    fn found(wanted: Wanted, text: &[u8]) -> Found {
        let mut found = Found::new(wanted);
        found.read(text).unwrap();
        found
    }

    fn shown(found: &Found) -> Vec<(String, u32)> {
        found.alerts.iter().map(|told| (told.id().to_owned(), told.revision())).collect()
    }

    #[test]
    fn the_line_that_tells_the_most_is_kept() {
        let text = [line("aa1", 1), line("bb", 1), line("aa1", 2), line("aa2", 1), line("bb", 2)].concat();
        let rows: &[(Wanted, &[(&str, u32)])] = &[
            (Wanted::Id("bb".to_owned()), &[("bb", 2)]),
            (Wanted::Id("aa".to_owned()), &[("aa1", 2), ("aa2", 1)]),
            (Wanted::Last, &[("bb", 2)]),
            (Wanted::List(2), &[("aa2", 1), ("bb", 2)]),
            (Wanted::List(9), &[("aa1", 2), ("aa2", 1), ("bb", 2)]),
        ];
        for (wanted, expected) in rows {
            let found = found(wanted.clone(), text.as_bytes());
            let expected: Vec<_> = expected.iter().map(|(id, number)| ((*id).to_owned(), *number)).collect();
            assert_eq!(shown(&found), expected, "{wanted:?}");
        }
    }

    #[test]
    fn ids_that_are_not_there_are_named_with_their_neighbours() {
        let text = [line("c1d539", 1), line("c1d540", 1), line("77", 1)].concat();
        let rows = [
            ("c1d539", Ok("c1d539")),
            ("77", Ok("77")),
            ("c1d5", Err("several alerts in LOG begin with c1d5: c1d539, c1d540")),
            ("c1e539", Err("no alert in LOG begins with c1e539; near it: c1d539")),
            ("0000", Err("no alert in LOG begins with 0000; 'weir explain' lists the last ones")),
        ];
        for (id, expected) in rows {
            let only = found(Wanted::Id(id.to_owned()), text.as_bytes()).only("LOG");
            let only = only.map(|told| told.id().to_owned()).map_err(|error| error.to_string());
            assert_eq!(only, expected.map(str::to_owned).map_err(str::to_owned));
        }
        assert!(found(Wanted::Last, b"").only("LOG").is_err());
    }

    #[test]
    fn what_is_no_record_is_counted() {
        let mut text = vec![b'x'; LINE_MAX * 5];
        text.extend_from_slice(b"\nno json\n\xff\n\n");
        text.extend_from_slice(line("aa", 1).as_bytes());
        text.extend_from_slice(b"{\"event\":{\"kind\":\"alert\",\"id\":\"half");
        let found = found(Wanted::List(9), &text);
        assert_eq!((found.unread, shown(&found)), (4, vec![("aa".to_owned(), 1)]));
    }

    #[test]
    fn rotated_files_come_before_the_log() {
        let directory = env::temp_dir().join(format!("weir-explain-{}", process::id()));
        fs::create_dir_all(&directory).unwrap();
        let log = directory.join("alerts.jsonl");
        for (path, id) in [(log.clone(), "new"), (numbered(&log, 1), "old"), (numbered(&log, 3), "oldest")] {
            fs::write(path, line(id, 1)).unwrap();
        }
        let mut found = Found::new(Wanted::List(9));
        found.read_log(&log).unwrap();
        let ids: Vec<&str> = found.alerts.iter().map(Told::id).collect();
        assert_eq!(ids, ["oldest", "old", "new"]);
        assert!(Found::new(Wanted::Last).read_log(&directory.join("none")).is_err());
        fs::remove_dir_all(directory).unwrap();
    }
}
