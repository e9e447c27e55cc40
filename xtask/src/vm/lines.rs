//! Lines of a guest's report from the bytes of its serial port.

/// How a guest says that it lives: written at once, and anywhere, also between a case's name and its result.
const ALIVE: &str = "@guest alive";
/// Bytes of a line; what is longer is parted.
const LONGEST: usize = 64 << 10;

/// Bytes that are no whole line yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Takes bytes, and gives the lines that end in them, without signs of life.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend(part);
            if !part.ends_with(b"\n") && self.begun.len() < LONGEST {
                continue;
            }
            let line = self.begun();
            self.begun.clear();
            match line.strip_suffix(ALIVE) {
                // The rest of a line that was begun before is still to come.
                Some(before) => self.begun.extend(before.as_bytes()),
                None => lines.push(line),
            }
        }
        lines
    }

    /// The line that has not ended.
    pub(super) fn begun(&self) -> String {
        String::from_utf8_lossy(&self.begun).trim_end_matches(['\r', '\n']).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Lines};

    #[test]
    fn lines_come_without_signs_of_life() {
        type Row<'a> = (&'a [&'a str], &'a [&'a str], &'a str);
        let rows: [Row<'_>; 6] = [
            (&["a\r\nb", "c\n", "d"], &["a", "bc"], "d"),
            (&["@guest alive\r\n"], &[], ""),
            (&["test a ... ", "@guest alive\r\n"], &[], "test a ... "),
            (&["test a ... @guest alive\r\nok\r\n"], &["test a ... ok"], ""),
            (
                &["test a ... @guest alive\r\n", "@guest alive\r\n", "ok (2 s)\r\n"],
                &["test a ... ok (2 s)"],
                "",
            ),
            (&["@guest begin a\n\n@guest done\n"], &["@guest begin a", "", "@guest done"], ""),
        ];
        for (chunks, expected, begun) in rows {
            let mut lines = Lines::default();
            let whole: Vec<String> = chunks.iter().flat_map(|chunk| lines.take(chunk.as_bytes())).collect();
            assert_eq!(whole, expected, "{chunks:?}");
            assert_eq!(lines.begun(), begun, "{chunks:?}");
        }
        let mut lines = Lines::default();
        assert_eq!(lines.take(&vec![b'x'; LONGEST + 1]).len(), 1);
    }
}
