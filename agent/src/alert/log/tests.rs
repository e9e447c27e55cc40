//! The file under hostile and unlucky circumstances.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::{
    file::{LogFile, Rotation, Target, append},
    *,
};
use crate::{alert::sample, config::Config};

/// A directory of its own for one test, gone afterwards.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("weir-log-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Self(path)
    }

    fn config(&self, name: &str) -> config::Alerts {
        config::Alerts { path: self.0.join(name), ..Config::default().alerts }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const ROTATION: Rotation = Rotation { bytes: 64, age: Duration::from_hours(1), keep: 2 };

fn heartbeat() -> Record {
    sample::record(Body::Heartbeat { totals: sample::totals() })
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "half line in {text:?}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn actions(path: &Path) -> Vec<String> {
    lines(path).iter().map(|line| line["event"]["action"].as_str().unwrap().to_owned()).collect()
}

fn losses(path: &Path) -> Vec<(String, u64)> {
    let of = |line: &Value| line["weir"]["losses"].as_array().cloned().unwrap_or_default();
    let pair = |loss: Value| (loss["what"].as_str().unwrap().to_owned(), loss["count"].as_u64().unwrap());
    lines(path).iter().flat_map(of).map(pair).collect()
}

fn write_all(config: &config::Alerts, records: Vec<Record>) -> Written {
    let sink = LogSink::start(config).unwrap();
    for record in records {
        sink.send(record);
    }
    sink.finish()
}

#[test]
fn file_and_directory_are_private() {
    let place = Place::new("modes");
    let config = place.config("new/deep/alerts.jsonl");
    let written = write_all(&config, vec![heartbeat(), heartbeat()]);
    assert_eq!(written, Written { lines: 2, lost: 0, stuck: false });
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(&config.path), 0o600);
    assert_eq!(mode(config.path.parent().unwrap()) & 0o027, 0);
    assert_eq!(actions(&config.path), ["heartbeat", "heartbeat"]);
}

#[test]
fn signals_are_left_out_when_configured() {
    let place = Place::new("signals");
    for (signals, expected) in [(true, vec!["signal", "heartbeat"]), (false, vec!["heartbeat"])] {
        let config = config::Alerts { signals, ..place.config(&format!("{signals}.jsonl")) };
        let signal = sample::record(Body::Signal(Box::new(sample::signal())));
        write_all(&config, vec![signal, heartbeat()]);
        assert_eq!(actions(&config.path), expected);
    }
}

#[test]
fn unsafe_places_are_refused() {
    let place = Place::new("unsafe");
    let path = |name: &str| place.0.join(name);
    symlink("/dev/null", path("link")).unwrap();
    fs::create_dir(path("directory")).unwrap();
    fs::write(path("open"), "").unwrap();
    fs::set_permissions(path("open"), fs::Permissions::from_mode(0o666)).unwrap();
    fs::create_dir(path("public")).unwrap();
    fs::set_permissions(path("public"), fs::Permissions::from_mode(0o777)).unwrap();
    fs::create_dir(path("sticky")).unwrap();
    fs::set_permissions(path("sticky"), fs::Permissions::from_mode(0o1777)).unwrap();
    fs::write(path("file"), "").unwrap();
    let rows = [
        ("link", Some("it is a symbolic link")),
        ("directory", Some("Is a directory")),
        ("open", Some("others may write to it (mode 0666)")),
        ("public/log", Some("every user may write to it (mode 0777)")),
        ("file/log", Some("cannot use the directory")),
        ("sticky/log", None),
        ("fresh", None),
    ];
    for (name, expected) in rows {
        match (LogFile::open(&path(name), ROTATION), expected) {
            (Ok(_), None) => {}
            (Err(error), Some(expected)) => {
                assert!(error.to_string().contains(expected), "{name}: {error}");
            }
            (found, expected) => panic!("{name}: found {found:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn a_half_line_is_taken_away_and_told() {
    let rows: &[(&str, &str, u64)] = &[
        ("", "", 0),
        ("{\"a\":1}\n", "{\"a\":1}\n", 0),
        ("{\"a\":1}\n{\"b\":", "{\"a\":1}\n", 1),
        ("{\"b\":", "", 1),
    ];
    for (index, (before, kept, told)) in rows.iter().enumerate() {
        let place = Place::new(&format!("half-{index}"));
        let config = place.config("alerts.jsonl");
        fs::write(&config.path, before).unwrap();
        fs::set_permissions(&config.path, fs::Permissions::from_mode(0o600)).unwrap();
        write_all(&config, vec![heartbeat()]);
        assert!(fs::read_to_string(&config.path).unwrap().starts_with(kept));
        let lost: u64 = losses(&config.path).iter().map(|(_, count)| count).sum();
        assert_eq!(lost, *told, "{before:?}");
        assert_eq!(lines(&config.path).len() as u64, kept.matches('\n').count() as u64 + 1 + told);
    }
}

/// A disk with room for so many bytes, which may refuse to give any back.
struct Disk {
    content: Vec<u8>,
    room: usize,
    append_only: bool,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room - self.content.len());
        if taken == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.content.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Target for Disk {
    fn length(&self) -> io::Result<u64> {
        Ok(self.content.len() as u64)
    }

    fn shorten(&mut self, length: u64) -> io::Result<()> {
        if self.append_only {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.content.truncate(usize::try_from(length).unwrap());
        Ok(())
    }
}

#[test]
fn a_full_disk_never_joins_two_lines() {
    for (append_only, full, later) in [(false, "one\n", "one\ntwo\n"), (true, "one\ntw", "one\ntw\ntwo\n")] {
        let mut disk = Disk { content: Vec::new(), room: 6, append_only };
        let mut torn = false;
        append(&mut disk, &mut torn, b"one\n").unwrap();
        append(&mut disk, &mut torn, b"two\n").unwrap_err();
        assert_eq!(String::from_utf8_lossy(&disk.content), full);
        disk.room = 100;
        append(&mut disk, &mut torn, b"two\n").unwrap();
        assert_eq!(String::from_utf8_lossy(&disk.content), later);
        assert!(!torn);
    }
}

#[test]
fn rotation_keeps_so_many() {
    let place = Place::new("rotation");
    let path = place.0.join("log");
    let (mut log, _) = LogFile::open(&path, ROTATION).unwrap();
    for number in 0..5 {
        let line = format!("{number}{}\n", "x".repeat(40));
        if log.rotation_due(line.len(), SystemTime::now()) {
            log.rotate().unwrap();
        }
        log.append(line.as_bytes(), false).unwrap();
    }
    let first = |name: &str| fs::read_to_string(place.0.join(name)).ok().and_then(|text| text.chars().next());
    assert_eq!(
        [first("log"), first("log.1"), first("log.2"), first("log.3")],
        [Some('4'), Some('3'), Some('2'), None]
    );
}

#[test]
fn age_calls_for_rotation_as_well() {
    let place = Place::new("age");
    let (mut log, _) = LogFile::open(&place.0.join("log"), ROTATION).unwrap();
    let now = SystemTime::now();
    let later = now + ROTATION.age + Duration::from_secs(5);
    assert!(!log.rotation_due(1, later), "an empty log has nothing to rotate");
    log.append(b"a\n", true).unwrap();
    assert_eq!([log.rotation_due(1, now), log.rotation_due(1, later)], [false, true]);
}

#[test]
fn a_moved_log_is_begun_again() {
    let place = Place::new("moved");
    let config = place.config("alerts.jsonl");
    let moved = place.0.join("moved.jsonl");
    let shared = Arc::new(Shared::default());
    let mut writer = writer::Writer::open(&config, Encoder::new(&config), Arc::clone(&shared)).unwrap();
    let write = |writer: &mut writer::Writer| {
        writer.take(&heartbeat());
        writer.flush();
    };
    write(&mut writer);
    // With a word, as logrotate does: nothing to tell.
    fs::rename(&config.path, &moved).unwrap();
    shared.reopen.store(true, Ordering::Release);
    write(&mut writer);
    assert_eq!(
        (actions(&moved), actions(&config.path)),
        (vec!["heartbeat".into()], vec!["heartbeat".into()])
    );
    // Without a word: the log tells it.
    fs::remove_file(&config.path).unwrap();
    write(&mut writer);
    assert_eq!(actions(&config.path), ["heartbeat", "gap"]);
    assert_eq!(losses(&config.path), [("log_replaced".to_owned(), 1)]);
}

/// A writer whose directory has become a file.
fn refused(config: &config::Alerts) -> (writer::Writer, Arc<Shared>) {
    let directory = config.path.parent().unwrap();
    let shared = Arc::new(Shared::default());
    let writer = writer::Writer::open(config, Encoder::new(config), Arc::clone(&shared)).unwrap();
    fs::remove_dir_all(directory).unwrap();
    fs::write(directory, "in the way").unwrap();
    (writer, shared)
}

#[test]
fn lines_wait_for_a_disk_that_refuses() {
    let place = Place::new("refuses");
    let config = place.config("logs/alerts.jsonl");
    let directory = config.path.parent().unwrap();
    let (mut writer, shared) = refused(&config);
    for _ in 0..3 {
        writer.take(&heartbeat());
        writer.flush();
    }
    assert_eq!(shared.lines.load(Ordering::Relaxed), 0);
    fs::remove_file(directory).unwrap();
    writer.flush();
    assert_eq!(actions(&config.path), ["heartbeat", "heartbeat", "heartbeat", "gap"]);
    assert_eq!(losses(&config.path), [("log_replaced".to_owned(), 1), ("log_write_failed".to_owned(), 3)]);
}

#[test]
fn what_a_long_refusal_costs_is_counted() {
    let place = Place::new("costs");
    let config = place.config("logs/alerts.jsonl");
    let directory = config.path.parent().unwrap();
    let (mut writer, shared) = refused(&config);
    let signal = sample::record(Body::Signal(Box::new(sample::signal())));
    let mut taken = 0_u64;
    while shared.lost.load(Ordering::Relaxed) < 5 {
        writer.take(&signal);
        taken += 1;
    }
    // Half of the room is left for what matters more.
    writer.take(&heartbeat());
    fs::remove_file(directory).unwrap();
    writer.flush();
    let actions = actions(&config.path);
    assert_eq!(actions.len() as u64, taken - 5 + 2);
    assert_eq!(actions[actions.len() - 2..], ["heartbeat", "gap"]);
    assert!(losses(&config.path).contains(&("log_lines_lost".to_owned(), 5)));
}

#[test]
fn a_full_queue_refuses_signals_first_and_counts() {
    let config = Place::new("queue").config("alerts.jsonl");
    // Nobody takes from this queue.
    let (queue, _incoming) = mpsc::sync_channel(QUEUE);
    let (_finished, done) = mpsc::sync_channel(1);
    let sink = LogSink { queue, shared: Arc::default(), encoder: Encoder::new(&config), done };
    let signal = sample::record(Body::Signal(Box::new(sample::signal())));
    let lost_of = |record: &Record| {
        let before = sink.lost();
        (0..QUEUE).for_each(|_| sink.send(record.clone()));
        usize::try_from(sink.lost() - before).unwrap()
    };
    assert_eq!(lost_of(&signal), QUEUE - QUEUE_FOR_SIGNALS);
    assert_eq!(lost_of(&heartbeat()), QUEUE_FOR_SIGNALS);
}

#[test]
fn plain_sink_writes_the_same_lines() {
    let place = Place::new("plain");
    let config = place.config("alerts.jsonl");
    let records: Vec<Record> = sample::all().into_iter().map(|(_, record)| record).collect();
    let mut plain = PlainSink::new(Encoder::new(&config), Vec::new());
    for record in &records {
        plain.send(record).unwrap();
    }
    write_all(&config, records);
    assert_eq!(fs::read(&config.path).unwrap(), plain.finish().unwrap());
}
