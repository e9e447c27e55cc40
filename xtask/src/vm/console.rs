//! What a kernel says on its console when something is wrong.

use std::{
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

/// Parts of messages after which a guest cannot be trusted, and what they mean.
const FATAL: [(&str, &str); 20] = [
    ("Kernel panic - not syncing", "the guest's kernel panicked"),
    // Before the plain "BUG: ", which they carry too.
    ("BUG: soft lockup", "a processor of the guest hung"),
    ("BUG: ", "the guest's kernel found a bug"),
    ("Oops: ", "the guest's kernel oopsed"),
    ("general protection fault", "the guest's kernel oopsed"),
    ("Internal error: ", "the guest's kernel oopsed"),
    // Stands before every warning, whose own words differ between versions.
    ("------------[ cut here ]------------", "the guest's kernel warned"),
    ("UBSAN: ", "the guest's kernel warned"),
    ("WARNING: possible ", "the guest's kernel could lock itself up"),
    ("WARNING: inconsistent lock state", "the guest's kernel could lock itself up"),
    ("WARNING: suspicious RCU usage", "the guest's kernel warned"),
    ("detected stalls on ", "a processor of the guest hung"),
    ("detected expedited stalls on CPUs", "a processor of the guest hung"),
    ("self-detected stall on CPU", "a processor of the guest hung"),
    ("kthread starved for", "a processor of the guest hung"),
    ("blocked for more than", "a task of the guest hung"),
    // QEMU reports to the guest what it could not do with the file of a disk.
    ("I/O error, dev vd", "a disk of the guest failed, as when the file system under target is full"),
    ("EXT4-fs error", "the guest's file system broke"),
    ("page allocation failure", "the guest ran out of memory"),
    ("Out of memory: Killed process", "the guest ran out of memory"),
];
/// What every kernel says of itself first.
const FIRST: &str = "Linux version ";
/// Lines of the console that are shown from the message on.
const EXCERPT: usize = 16;
/// Bytes of the console that are looked at in one piece.
const PIECE: u64 = 1 << 20;

/// A console's log that is looked at while it is written.
#[derive(Debug)]
pub(super) struct Console {
    path: PathBuf,
    /// Where the part begins that was not looked at.
    at: u64,
    /// Where the first line stands after which the guest cannot be trusted.
    fatal: Option<u64>,
}

impl Console {
    /// The log at `path`, which may be written later.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), at: 0, fatal: None }
    }

    /// Looks at the whole lines that came since; whether there is, or was, a message after which the guest cannot be
    /// trusted.
    pub(super) fn look(&mut self) -> bool {
        while self.fatal.is_none() {
            let piece = self.piece(self.at);
            // A line as long as a piece is no line.
            let full = length(&piece) == PIECE;
            let end = piece.iter().rposition(|byte| *byte == b'\n').or(full.then(|| piece.len() - 1));
            let Some(whole) = end.and_then(|end| piece.get(..=end)) else { break };
            let mut at = self.at;
            for line in whole.split_inclusive(|byte| *byte == b'\n') {
                if meaning(&String::from_utf8_lossy(line)).is_some() {
                    self.fatal = Some(at);
                    break;
                }
                at += length(line);
            }
            self.at += length(whole);
        }
        self.fatal.is_some()
    }

    /// What the message means and says, once more what came since: the lines from it on. The log is taken to have
    /// ended, with or without an end of its last line.
    pub(super) fn diagnose(&mut self) -> Option<String> {
        self.look();
        let from = self.fatal.unwrap_or(self.at);
        diagnose(&String::from_utf8_lossy(&self.piece(from)))
    }

    /// The words for a log in which no kernel says anything: nothing that it said counts then, and neither does what
    /// it did not say. What a kernel says first is told again to each console that comes later, and stands at the
    /// beginning.
    pub(super) fn silence(&self) -> Option<String> {
        let begin = self.piece(0);
        (!String::from_utf8_lossy(&begin).contains(FIRST)).then(|| {
            format!("the guest's console is not heard: {} has no line of a kernel's", self.path.display())
        })
    }

    fn piece(&self, from: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A log that is not there yet says nothing.
        if let Ok(mut file) = File::open(&self.path)
            && file.seek(SeekFrom::Start(from)).is_ok()
        {
            drop(file.take(PIECE).read_to_end(&mut bytes));
        }
        bytes
    }
}

/// The first message that means that the guest cannot be trusted, with its meaning, and below it the lines around and
/// behind it.
pub(super) fn diagnose(log: &str) -> Option<String> {
    let lines: Vec<&str> = log.lines().collect();
    let (at, meaning) = lines.iter().enumerate().find_map(|(at, line)| Some((at, meaning(line)?)))?;
    let rest: Vec<String> =
        lines.iter().skip(at).map(|line| printable(line)).filter(|line| !line.is_empty()).collect();
    // The words of a warning stand below the line that announces it.
    let first = rest.iter().find(|line| !line.contains("cut here")).or(rest.first())?;
    let below = rest.iter().filter(|line| *line != first).take(EXCERPT);
    Some(below.fold(format!("{meaning}: {first}"), |text, line| format!("{text}\n{line}")))
}

/// The last lines of the file at `path` that say something.
pub(super) fn tail(path: &Path, count: usize) -> Vec<String> {
    let log = String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    let lines: Vec<String> = log.lines().map(printable).filter(|line| !line.is_empty()).collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().to_vec()
}

fn meaning(line: &str) -> Option<&'static str> {
    FATAL.iter().find(|(message, _)| line.contains(message)).map(|(_, meaning)| *meaning)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Without the terminal's control sequences, which firmware sends.
fn printable(line: &str) -> String {
    line.chars().filter(|character| !character.is_control()).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::workspace::Scratch;

    #[test]
    fn messages_are_told_apart() {
        let rows = [
            ("[    1.0] Run /init as init process\n[    2.0] reboot: Power down\n", None),
            (
                "[ 3.1] x\r\n[    3.2] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\r\n[ 4] y",
                Some(
                    "panicked: [    3.2] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\n",
                ),
            ),
            (
                "[ 1] BUG: kernel NULL pointer dereference, address: 0\n[ 1] Oops: 0000 [#1] SMP",
                Some("bug: [ 1] BUG: "),
            ),
            ("[ 9] watchdog: BUG: soft lockup - CPU#0 stuck for 134s!", Some("hung: [ 9] watchdog")),
            ("[ 9] rcu: INFO: rcu_preempt self-detected stall on CPU", Some("hung: ")),
            (
                "[ 9] blk_update_request: I/O error, dev vda, sector 5128 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 0",
                Some("a disk of the guest failed"),
            ),
            ("[ 9] I/O error, dev vdb, sector 0 op 0x1:(WRITE)", Some("is full: [ 9] I/O error, dev vdb")),
            ("[ 9] I/O error, dev loop0, sector 0 op 0x0:(READ)", None),
            ("[ 9] EXT4-fs error (device vda): ext4_find_entry:1455: inode #2: comm sh", Some("broke: ")),
            ("[ 9] WARNING: possible circular locking dependency detected", Some("lock itself up: ")),
            ("[ 1] Internal error: synchronous external abort: 96000010 [#1] SMP", Some("oopsed")),
            (
                "[ 9] ------------[ cut here ]------------\n[ 9] WARNING: CPU: 1 PID: 2 at kernel/x.c:1 y+0x1\n",
                Some("warned: [ 9] WARNING: CPU: 1 PID: 2 at kernel/x.c:1 y+0x1\n[ 9] ------------[ cut"),
            ),
            (
                "[ 9] ------------[ cut here ]------------\n[ 9] WARNING: kernel/x.c:1 at y+0x1, CPU#1: z/9\n",
                Some("kernel/x.c:1"),
            ),
        ];
        for (log, expected) in rows {
            let found = diagnose(log);
            match expected {
                Some(words) => {
                    assert!(found.as_ref().is_some_and(|found| found.contains(words)), "{found:?}");
                }
                None => assert_eq!(found, None),
            }
        }
    }

    #[test]
    fn a_console_that_says_nothing_is_told_apart() {
        let scratch = Scratch::make("silence").unwrap();
        let path = scratch.path().join("console.log");
        assert!(Console::new(&path).silence().is_some(), "there is no log");
        for (log, is_silent) in [
            ("", true),
            ("\x1bcSeaBIOS (version 1.16.2)\r\nBooting from ROM...\r\n", true),
            ("\x1bcBooting from ROM..\r\n[    0.000000] Linux version 6.1.0-50-cloud-amd64 (x@y)\r\n", false),
            (
                "[    0.000000] Booting Linux on physical CPU 0x0\n[    0.000000] Linux version 5.10.0 (x@y)\n",
                false,
            ),
        ] {
            fs::write(&path, log).unwrap();
            assert_eq!(Console::new(&path).silence().is_some(), is_silent, "{log:?}");
        }
    }

    #[test]
    fn a_message_is_found_whenever_it_comes() {
        let scratch = Scratch::make("console").unwrap();
        let path = scratch.path().join("console.log");
        let mut console = Console::new(&path);
        assert!(!console.look() && console.diagnose().is_none(), "there is no log yet");
        let mut log = File::create(&path).unwrap();
        // What is written, whether it is found while the log goes on, and when the log ends there.
        let rows = [
            ("[ 1] all\n[ 2] is we", false, false),
            ("ll\n[ 3] Oo", false, false),
            ("ps: 0000", false, true),
            (" [#1]\n[ 3] RIP: 0010:x\n", true, true),
            ("[ 4] Call Trace:\n", true, true),
        ];
        for (words, while_it_goes_on, at_the_end) in rows {
            log.write_all(words.as_bytes()).unwrap();
            assert_eq!(console.look(), while_it_goes_on, "{words:?}");
            assert_eq!(console.diagnose().is_some(), at_the_end, "{words:?}");
        }
        let excerpt = console.diagnose().unwrap();
        assert!(
            excerpt.starts_with(
                "the guest's kernel oopsed: [ 3] Oops: 0000 [#1]\n[ 3] RIP: 0010:x\n[ 4] Call Trace:"
            ),
            "{excerpt}"
        );
    }

    #[test]
    fn the_tail_is_plain() {
        let scratch = Scratch::make("tail").unwrap();
        let path = scratch.path().join("log");
        std::fs::write(&path, "a\n\x1b[2Jb\r\n\n  \nc\n").unwrap();
        assert_eq!(tail(&path, 2), ["[2Jb", "c"]);
    }
}
