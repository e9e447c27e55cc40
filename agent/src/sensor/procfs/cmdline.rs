//! Command lines, read with patience and not more: `cmdline` is read from the process's memory, and a process can
//! back that memory with something that never answers. Such a read hangs a thread of its own, not the agent.

use std::{
    collections::HashMap,
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

use agent_common::limits::ARGV_MAX;

/// How long one command line may take.
const PATIENCE: Duration = Duration::from_millis(250);
/// Threads that may be lost to processes which never answer; after that no command line is read any more.
const THREADS_MAX: usize = 8;
/// Command lines that may wait to be taken.
const AHEAD: usize = 64;

/// At most [`ARGV_MAX`] bytes of the command line of each process, and the number of those that could not be read in
/// time.
pub(super) fn read_all(root: &Path, pids: &[u32]) -> (HashMap<u32, Vec<u8>>, u64) {
    let mut lines = HashMap::with_capacity(pids.len());
    let mut rest = pids;
    let mut unreadable = 0;
    for _ in 0..THREADS_MAX {
        let Some(answers) = reader(root, rest) else { break };
        loop {
            match answers.recv_timeout(PATIENCE) {
                Ok((pid, line)) => {
                    lines.insert(pid, line);
                    rest = rest.split_first().map_or(rest, |(_, rest)| rest);
                }
                Err(RecvTimeoutError::Disconnected) => return (lines, unreadable + rest.len() as u64),
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        // The thread hangs at the first of the rest; the next one begins behind it.
        unreadable += 1;
        rest = rest.split_first().map_or(rest, |(_, rest)| rest);
    }
    (lines, unreadable + rest.len() as u64)
}

/// A thread that reads the command lines of `pids` in turn.
fn reader(root: &Path, pids: &[u32]) -> Option<Receiver<(u32, Vec<u8>)>> {
    let (answers, lines) = sync_channel(AHEAD);
    let (root, pids) = (root.to_owned(), pids.to_owned());
    let read = move || {
        for pid in pids {
            let path = root.join(pid.to_string()).join("cmdline");
            let line = super::read(&path, ARGV_MAX).unwrap_or_default();
            if answers.send((pid, line)).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("cmdline".to_owned()).spawn(read).ok()?;
    Some(lines)
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    #[test]
    fn a_process_that_never_answers_costs_its_own_line_only() {
        let root = std::env::temp_dir().join(format!("weir-cmdline-{}", std::process::id()));
        for pid in ["1", "2", "3"] {
            fs::create_dir_all(root.join(pid)).unwrap();
        }
        fs::write(root.join("1/cmdline"), "a").unwrap();
        // Opening a pipe that nobody writes waits for ever.
        assert!(Command::new("mkfifo").arg(root.join("2/cmdline")).status().unwrap().success());
        fs::write(root.join("3/cmdline"), "c").unwrap();
        let (lines, unreadable) = read_all(&root, &[1, 2, 3, 4]);
        fs::remove_dir_all(&root).unwrap();
        let line = |pid: u32| lines.get(&pid).map(|line| String::from_utf8_lossy(line).into_owned());
        assert_eq!([1, 2, 3, 4].map(line), [Some("a".into()), None, Some("c".into()), Some(String::new())]);
        assert_eq!(unreadable, 1);
    }
}
