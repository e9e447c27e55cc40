//! What a kernel says on its console when something is wrong.

/// Beginnings of messages after which a guest cannot be trusted, and what they mean.
const FATAL: [(&str, &str); 12] = [
    ("Kernel panic - not syncing", "the guest's kernel panicked"),
    ("BUG: ", "the guest's kernel found a bug"),
    ("Oops: ", "the guest's kernel oopsed"),
    ("general protection fault", "the guest's kernel oopsed"),
    ("Internal error: ", "the guest's kernel oopsed"),
    // Stands before every warning, whose own words differ between versions.
    ("------------[ cut here ]------------", "the guest's kernel warned"),
    ("watchdog: BUG: soft lockup", "a processor of the guest hung"),
    ("detected stalls on CPUs", "a processor of the guest hung"),
    ("detected expedited stalls on CPUs", "a processor of the guest hung"),
    ("self-detected stall on CPU", "a processor of the guest hung"),
    ("blocked for more than", "a task of the guest hung"),
    ("Out of memory: Killed process", "the guest ran out of memory"),
];

/// The first message that means that the guest cannot be trusted, with its meaning.
pub(super) fn diagnose(log: &str) -> Option<String> {
    let lines: Vec<&str> = log.lines().collect();
    lines.iter().enumerate().find_map(|(at, line)| {
        let (_, meaning) = FATAL.iter().find(|(message, _)| line.contains(message))?;
        let next = lines.get(at + 1).filter(|_| line.contains("cut here"));
        Some(format!("{meaning}: {}", printable(next.unwrap_or(line))))
    })
}

/// The last lines that say something.
pub(super) fn tail(log: &str, count: usize) -> Vec<String> {
    let lines: Vec<String> = log.lines().map(printable).filter(|line| !line.is_empty()).collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().to_vec()
}

/// Without the terminal's control sequences, which firmware sends.
fn printable(line: &str) -> String {
    line.chars().filter(|character| !character.is_control()).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{diagnose, tail};

    #[test]
    fn messages_are_told_apart() {
        let rows = [
            ("[    1.0] Run /init as init process\n[    2.0] reboot: Power down\n", None),
            (
                "[ 3.1] x\r\n[    3.2] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\r\n[ 4] y",
                Some(
                    "panicked: [    3.2] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100",
                ),
            ),
            (
                "[ 1] BUG: kernel NULL pointer dereference, address: 0\n[ 1] Oops: 0000 [#1] SMP",
                Some("NULL pointer"),
            ),
            ("[ 1] Internal error: synchronous external abort: 96000010 [#1] SMP", Some("oopsed")),
            (
                "[ 9] ------------[ cut here ]------------\n[ 9] WARNING: CPU: 1 PID: 2 at kernel/x.c:1 y+0x1\n",
                Some("kernel/x.c:1"),
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
    fn the_tail_is_plain() {
        assert_eq!(tail("a\n\x1b[2Jb\r\n\n  \nc\n", 2), ["[2Jb", "c"]);
    }
}
