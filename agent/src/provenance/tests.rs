use super::*;
use crate::config::classify::Rating;
use crate::event::{Exec, FdObject, FdSeen, Path, Seen};

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_ticks: u64::from(pid) }
}

fn file(ino: u64) -> FileKey {
    FileKey { dev: 1, ino, generation: 0 }
}

fn open(ino: u64, path: &str, size: u64, write: bool) -> Open {
    Open {
        file: file(ino),
        path: Path { bytes: path.into(), ..Path::default() },
        size,
        read: !write,
        write,
        ..Open::default()
    }
}

fn document() -> FileClass {
    FileClass { document: true, ..FileClass::default() }
}

fn staging() -> FileClass {
    FileClass { staging: Some(Rating { pattern: "/var/tmp/**".into(), risk: 8.0 }), ..FileClass::default() }
}

fn exec(fds: [FdObject; 3]) -> Exec {
    Exec { fds, ..Exec::default() }
}

const READ: fn(u64) -> FdObject = |ino| FdObject::Pipe { dev: 0, ino, read: true, write: false };
const WRITE: fn(u64) -> FdObject = |ino| FdObject::Pipe { dev: 0, ino, read: false, write: true };

fn paths(carried: &Carried) -> Vec<String> {
    let mut paths: Vec<_> = carried.origins().map(|(_, origin)| origin.path.show().into_owned()).collect();
    paths.sort();
    paths
}

#[test]
fn an_archive_carries_what_its_maker_read_before_and_after_creating_it() {
    let mut graph = Provenance::default();
    let (tar, curl) = (key(1), key(2));
    graph.open(tar, &open(10, "/srv/a.pdf", 100, false), &document());
    graph.open(tar, &open(20, "/var/tmp/a.tar", 0, true), &staging());
    graph.open(tar, &open(11, "/srv/b.pdf", 200, false), &document());
    assert!(graph.open(curl, &open(20, "/var/tmp/a.tar", 310, false), &staging()));
    let carried = graph.carried(curl);
    assert_eq!(paths(&carried), ["/srv/a.pdf", "/srv/b.pdf", "/var/tmp/a.tar"]);
    assert_eq!((carried.bytes_collected(), carried.bytes_derived()), (300, 310));
    assert!(carried.handlers().any(|handler| handler == tar));
    assert!(carried.is_grave());
}

#[test]
fn the_maker_may_be_forgotten_before_the_archive_is_read() {
    let mut graph = Provenance::default();
    let (tar, curl) = (key(1), key(2));
    graph.open(tar, &open(10, "/srv/a.pdf", 100, false), &document());
    graph.open(tar, &open(20, "/srv/a.tar", 0, true), &FileClass::default());
    graph.forget(tar);
    assert!(graph.open(curl, &open(20, "/srv/a.tar", 110, false), &FileClass::default()));
    let carried = graph.carried(curl);
    assert_eq!(paths(&carried), ["/srv/a.pdf", "/srv/a.tar"]);
    assert!(carried.handlers().any(|handler| handler == tar));
}

#[test]
fn pipes_carry_in_whatever_order_their_ends_start() {
    let (shell, tar, openssl) = (key(1), key(2), key(3));
    for reader_first in [false, true] {
        let mut graph = Provenance::default();
        let start = |graph: &mut Provenance, reader: bool| {
            if reader {
                graph.exec(openssl, &[shell], &exec([READ(7), FdObject::None, FdObject::None]));
            } else {
                graph.exec(tar, &[shell], &exec([FdObject::None, WRITE(7), FdObject::None]));
            }
        };
        start(&mut graph, reader_first);
        start(&mut graph, !reader_first);
        graph.open(tar, &open(10, "/srv/a.pdf", 100, false), &document());
        assert_eq!(paths(&graph.carried(openssl)), ["/srv/a.pdf"]);
        assert_eq!(paths(&graph.carried(tar)), ["/srv/a.pdf"]);
    }
}

#[test]
fn a_parent_feeds_the_child_whose_standard_input_nobody_else_writes() {
    let mut graph = Provenance::default();
    let (scp, ssh) = (key(1), key(2));
    graph.fork(scp, ssh);
    let pair = FdObject::Socket { ino: 9 };
    graph.exec(ssh, &[scp], &exec([pair, pair, FdObject::None]));
    graph.open(scp, &open(10, "/var/tmp/a.tar", 100, false), &staging());
    assert_eq!(paths(&graph.carried(ssh)), ["/var/tmp/a.tar"]);
}

#[test]
fn a_parent_receives_what_its_child_prints_into_a_pipe() {
    let mut graph = Provenance::default();
    let (shell, cat) = (key(1), key(2));
    graph.exec(cat, &[shell], &exec([FdObject::None, WRITE(5), FdObject::None]));
    graph.open(cat, &open(10, "/home/a/x.pdf", 100, false), &document());
    assert_eq!(paths(&graph.carried(shell)), ["/home/a/x.pdf"]);
}

#[test]
fn unrelated_processes_carry_nothing() {
    let mut graph = Provenance::default();
    graph.open(key(1), &open(10, "/srv/a.pdf", 100, false), &document());
    graph.open(key(1), &open(20, "/srv/log", 0, true), &FileClass::default());
    assert!(!graph.open(key(2), &open(21, "/srv/other", 5, false), &FileClass::default()));
    assert!(graph.carried(key(2)).is_empty());
    // A file that somebody without a load wrote is no evidence either.
    graph.open(key(3), &open(30, "/srv/object.o", 0, true), &FileClass::default());
    assert!(!graph.open(key(2), &open(30, "/srv/object.o", 9, false), &FileClass::default()));
    assert!(graph.carried(key(2)).is_empty());
}

#[test]
fn origins_are_bounded_and_summed() {
    let mut graph = Provenance::default();
    for ino in 0..1_000 {
        graph.open(key(1), &open(ino, "/srv/x.pdf", 10, false), &document());
    }
    let carried = graph.carried(key(1));
    assert_eq!(carried.files(), 1_000);
    assert_eq!(carried.bytes_collected(), 10_000);
    assert_eq!(carried.origins().count(), carried::ORIGINS_MAX);
}

#[test]
fn a_helper_reads_for_its_parent_and_for_nobody_else() {
    let mut graph = Provenance::default();
    let (session, sftp, other) = (key(1), key(2), key(3));
    for child in [sftp, other] {
        graph.fork(session, child);
        graph.helps(session, child);
    }
    graph.open(sftp, &open(10, "/srv/a.pdf", 100, false), &document());
    assert_eq!(paths(&graph.carried(session)), ["/srv/a.pdf"]);
    assert!(graph.carried(other).is_empty());
    // A program of its own has pipes of its own.
    let program = Exec { parent: session, ..exec([FdObject::None; 3]) };
    graph.exec(sftp, &[session], &program);
    assert!(graph.carried(session).is_empty());
}

#[test]
fn a_cut_is_one_layer_of_the_way() {
    let cuts = |graph: &Provenance, process| -> Vec<(u64, bool)> {
        let load = graph.load(process, &graph.carried(process));
        load.cuts.iter().map(|cut| (cut.bytes, cut.derived)).collect()
    };
    let mut graph = Provenance::default();
    let (tar, curl, gzip, sender, own) = (key(1), key(2), key(3), key(4), key(5));
    // tar packs two documents; curl sends the archive.
    graph.open(tar, &open(20, "/var/tmp/a.tar", 0, true), &staging());
    graph.open(tar, &open(10, "/srv/a.pdf", 100, false), &document());
    graph.open(tar, &open(11, "/srv/b.pdf", 200, false), &document());
    graph.open(curl, &open(20, "/var/tmp/a.tar", 310, false), &staging());
    assert_eq!(cuts(&graph, curl), [(310, true), (300, false)]);
    // A pipe: what its writer read.
    graph.exec(gzip, &[], &exec([FdObject::None, WRITE(7), FdObject::None]));
    graph.exec(sender, &[], &exec([READ(7), FdObject::None, FdObject::None]));
    graph.open(gzip, &open(12, "/srv/c.pdf", 400, false), &document());
    assert_eq!(cuts(&graph, sender), [(400, false)]);
    // One process collects, copies and packs: what it made is no source.
    for ino in [13, 14] {
        graph.open(own, &open(ino, "/home/a/x.pdf", 500, false), &document());
        graph.open(own, &open(ino + 10, "/tmp/x.pdf", 0, true), &staging());
        graph.open(own, &open(ino + 10, "/tmp/x.pdf", 500, false), &staging());
    }
    graph.open(own, &open(30, "/tmp/x.zip", 0, true), &staging());
    graph.open(own, &open(30, "/tmp/x.zip", 900, false), &staging());
    assert_eq!(cuts(&graph, own), [(1_000, false), (900, true), (500, true)]);
}

#[test]
fn secrets_are_counted_apart_and_by_who_read_them() {
    let secret = FileClass {
        sensitive: Some(Rating { pattern: "**/.ssh/id_rsa".into(), risk: 8.0 }),
        ..FileClass::default()
    };
    let env = FileClass {
        sensitive: Some(Rating { pattern: "**/.env".into(), risk: 6.0 }),
        ..FileClass::default()
    };
    let mut graph = Provenance::default();
    let (cat, curl) = (key(1), key(2));
    graph.exec(cat, &[], &exec([FdObject::None, WRITE(7), FdObject::None]));
    graph.exec(curl, &[], &exec([READ(7), FdObject::None, FdObject::None]));
    graph.open(cat, &open(10, "/root/.ssh/id_rsa", 2_600, false), &secret);
    graph.open(cat, &open(11, "/root/.env", 50, false), &env);
    for (process, passed_on) in [(cat, false), (curl, true)] {
        let secrets = graph.load(process, &graph.carried(process)).secrets;
        assert_eq!(secrets, Secrets { files: 1, bytes: 2_600, others: 50, passed_on });
    }
}

#[test]
fn a_fifo_carries_in_whatever_order_its_ends_are_opened() {
    let (tar, nc) = (key(1), key(2));
    let fifo = FdObject::Pipe { dev: 1, ino: 7, read: true, write: false };
    for reader_first in [false, true] {
        let mut graph = Provenance::default();
        if !reader_first {
            graph.fifo(tar, &open(7, "/srv/fifo", 0, true));
        }
        graph.exec(nc, &[], &exec([fifo, FdObject::None, FdObject::None]));
        if reader_first {
            graph.fifo(tar, &open(7, "/srv/fifo", 0, true));
        }
        graph.open(tar, &open(10, "/srv/a.pdf", 100, false), &document());
        assert_eq!(paths(&graph.carried(nc)), ["/srv/a.pdf"], "{reader_first}");
        // A pipe without a name that has the same number is another one.
        graph.exec(key(3), &[], &exec([READ(7), FdObject::None, FdObject::None]));
        assert!(graph.carried(key(3)).is_empty());
    }
}

/// `x=$(tar c docs | base64)`: the shell reads what a subshell's child writes, and no more than that.
#[test]
fn a_shell_gets_what_its_subshell_prints() {
    let mut graph = Provenance::default();
    let (shell, subshell, tar, base64, curl) = (key(1), key(2), key(3), key(4), key(5));
    graph.open(shell, &open(1, "/srv/script", 0, true), &FileClass::default());
    graph.fork(shell, subshell);
    let makers = [subshell, shell];
    graph.exec(tar, &makers, &exec([FdObject::None, WRITE(5), FdObject::None]));
    graph.exec(base64, &makers, &exec([READ(5), WRITE(6), FdObject::None]));
    graph.open(tar, &open(10, "/srv/a.pdf", 100, false), &document());
    assert_eq!(paths(&graph.carried(shell)), ["/srv/a.pdf"]);
    // Without the second pipe the shell stands for nobody: base64 reads what tar writes.
    let mut graph = Provenance::default();
    graph.exec(tar, &[shell], &exec([FdObject::None, WRITE(5), FdObject::None]));
    graph.exec(base64, &[shell], &exec([READ(5), FdObject::None, FdObject::None]));
    graph.open(tar, &open(10, "/srv/a.pdf", 100, false), &document());
    graph.fork(shell, curl);
    assert_eq!(paths(&graph.carried(base64)), ["/srv/a.pdf"]);
    assert!(graph.carried(curl).is_empty());
}

/// `for f in *; do echo "$(<$f)"; done | nc`: the loop is the shell itself, forked.
#[test]
fn a_loop_that_writes_into_a_pipe_is_no_program() {
    let mut graph = Provenance::default();
    let (shell, body, nc) = (key(1), key(2), key(3));
    graph.open(shell, &open(1, "/srv/script", 0, true), &FileClass::default());
    for child in [body, nc] {
        graph.fork(shell, child);
        graph.helps(shell, child);
    }
    let program = Exec { parent: shell, ..exec([READ(5), FdObject::None, FdObject::None]) };
    graph.exec(nc, &[shell], &program);
    graph.open(body, &open(10, "/srv/a.pdf", 100, false), &document());
    assert_eq!(paths(&graph.carried(nc)), ["/srv/a.pdf"]);
}

#[test]
fn inherited_pipes_beyond_the_standard_ones_lead_one_way() {
    let end =
        |fd, ino, write: bool| FdSeen { fd, object: FdObject::Pipe { dev: 0, ino, read: !write, write } };
    let rows: [(Vec<FdSeen>, Vec<FdSeen>, bool); 3] = [
        (vec![end(3, 5, true)], vec![end(4, 5, false)], true),
        (vec![end(3, 5, false)], vec![end(3, 5, true)], false),
        // Tokens of make: everybody holds both ends.
        (vec![end(3, 5, true), end(4, 5, false)], vec![end(3, 5, true), end(4, 5, false)], false),
    ];
    for (at, (first, second, reaches)) in rows.into_iter().enumerate() {
        let mut graph = Provenance::default();
        graph.exec(key(1), &[], &Exec { more_fds: first, ..Exec::default() });
        graph.exec(key(2), &[], &Exec { more_fds: second, ..Exec::default() });
        graph.open(key(1), &open(10, "/srv/a.pdf", 100, false), &document());
        assert_eq!(!graph.carried(key(2)).is_empty(), reaches, "row {at}");
    }
}

/// It reads what each job prints and writes the next job's script.
#[test]
fn what_a_runner_of_jobs_writes_is_not_made_of_what_they_print() {
    for launches in [false, true] {
        let mut graph = Provenance::default();
        let (runner, first, second) = (key(1), key(2), key(3));
        graph.launches(runner, launches);
        graph.exec(first, &[runner], &exec([FdObject::None, WRITE(5), FdObject::None]));
        graph.seen(runner, &Seen { fds: vec![FdSeen { fd: 4, object: READ(5) }], ..Seen::default() });
        graph.open(first, &open(10, "/srv/a.pdf", 100, false), &document());
        graph.open(runner, &open(20, "/srv/job.sh", 0, true), &FileClass::default());
        graph.open(second, &open(20, "/srv/job.sh", 40, false), &FileClass::default());
        assert_eq!(graph.carried(second).is_empty(), launches);
        // It sends what it hears, and what it read itself goes on by its files.
        assert_eq!(paths(&graph.carried(runner)), ["/srv/a.pdf"]);
        graph.open(runner, &open(11, "/srv/b.pdf", 100, false), &document());
        assert!(paths(&graph.carried(second)).contains(&"/srv/b.pdf".to_owned()));
        graph.forget(runner);
        assert_eq!(paths(&graph.carried(second)).contains(&"/srv/a.pdf".to_owned()), !launches);
    }
}

/// `popen("tar c docs")`: the shell prints to where its tar prints, and reads none of it.
#[test]
fn a_shell_reads_nothing_of_what_its_own_output_takes() {
    let mut graph = Provenance::default();
    let (shell, tar) = (key(1), key(2));
    graph.exec(shell, &[], &exec([FdObject::None, WRITE(5), FdObject::None]));
    graph.exec(tar, &[shell], &exec([FdObject::None, WRITE(5), FdObject::None]));
    graph.open(tar, &open(10, "/srv/a.pdf", 100, false), &document());
    assert!(graph.carried(shell).is_empty());
    // Nor does what it is fed go back: `cat a | sh -c 'other'`.
    graph.exec(key(3), &[], &exec([READ(6), FdObject::None, FdObject::None]));
    graph.open(key(3), &open(11, "/srv/b.pdf", 100, false), &document());
    graph.exec(key(4), &[key(3)], &exec([READ(6), FdObject::None, FdObject::None]));
    assert!(graph.carried(key(4)).is_empty());
}
