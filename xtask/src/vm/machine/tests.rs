//! Machines that have a kernel and nothing else: it panics, since it finds no first process.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use super::{Machine, REPORT_CHANNEL};
use crate::{
    arch::Arch,
    process::{self, eventually},
    vm::{initramfs::Archive, kernel, limits::Limits, lock::Lock},
    workspace::Scratch,
};

/// Tells the test, which starts itself, that it is the run that is killed, and where it is to run.
const KILLED_RUN: &str = "XTASK_TEST_KILLED_RUN";
const NAME: &str = "vm::machine::tests::a_killed_run_leaves_nothing_behind";

fn own() -> Arch {
    Arch::parse("own", None).unwrap()
}

/// Lets a kernel that panics stand still for longer than this test waits for anything, and then end its machine.
const LINGER: &str = "panic=120";

/// A kernel that was fetched before.
fn kernel() -> Option<PathBuf> {
    let folders =
        |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    folders(kernel::cache(own()).unwrap())
        .flat_map(folders)
        .map(|folder| folder.join("vmlinuz"))
        .find(|image| image.exists())
}

/// A run as `cargo xtask vm` does it, in `place`: the lock, a fresh folder, a machine.
fn run(place: &Path, command_line: &str, limits: Limits) -> Option<String> {
    let _lock = Lock::take(place).unwrap();
    let (initramfs, disk, folder) = (place.join("initramfs"), place.join("disk"), place.join("machine"));
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    fs::write(&initramfs, Archive::new(Vec::new()).finish().unwrap()).unwrap();
    File::create(&disk).unwrap().set_len(1 << 20).unwrap();
    let kernel = kernel().unwrap();
    let machine = Machine {
        arch: own(),
        kernel: &kernel,
        initramfs: &initramfs,
        disk: &disk,
        command_line,
        folder: &folder,
        limits,
    };
    machine.run(|_| ()).unwrap().error
}

/// Emulators of machines in `place`.
fn emulators(place: &Path) -> usize {
    let place = place.display().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let words = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    words
        .filter(|words| {
            let words = String::from_utf8_lossy(words);
            words.contains(&own().emulator()) && !words.starts_with("setpriv") && words.contains(&place)
        })
        .count()
}

fn can_run(test: &str) -> bool {
    let emulator = own().emulator();
    let can = process::find(&emulator).is_some() && kernel().is_some();
    if !can {
        println!("skipped: {test}: no {emulator}, or no kernel fetched before");
    }
    can
}

#[test]
fn a_killed_run_leaves_nothing_behind() {
    if let Some(place) = env::var_os(KILLED_RUN) {
        run(Path::new(&place), LINGER, Limits::of(1));
        return;
    }
    if !can_run("a_killed_run_leaves_nothing_behind") {
        return;
    }
    let scratch = Scratch::make("killed-run").unwrap();
    let mut first = process::command(&env::current_exe().unwrap().display().to_string())
        .args(["--exact", NAME, "--nocapture"])
        .env(KILLED_RUN, scratch.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the first run's machine starts", || emulators(scratch.path()) == 1);
    first.kill().unwrap();
    first.wait().unwrap();
    eventually("the machine ends with its run", || emulators(scratch.path()) == 0);
    // Lock and folders are there for the next one, which hears what became of its guest.
    let error = run(scratch.path(), "", Limits::of(1)).unwrap();
    assert!(error.starts_with("the guest's kernel panicked: ") && error.contains("init"), "{error}");
    assert_eq!(emulators(scratch.path()), 0);
}

#[test]
fn a_machine_that_takes_too_long_is_ended() {
    if !can_run("a_machine_that_takes_too_long_is_ended") {
        return;
    }
    let scratch = Scratch::make("too-long").unwrap();
    let second = Duration::from_secs(1);
    let error =
        run(scratch.path(), "", Limits { silence: 9 * second, case: 9 * second, total: second }).unwrap();
    assert_eq!(error, "the machine took more than the 1 s for its cases, at the machine");
    assert_eq!(emulators(scratch.path()), 0);
}

#[test]
fn a_full_disk_of_this_machine_is_told_to_the_guest() {
    let folder = Path::new("/folder");
    let machine = Machine {
        arch: own(),
        kernel: folder,
        initramfs: folder,
        disk: Path::new("/the,disk"),
        command_line: "",
        folder,
        limits: Limits::of(0),
    };
    let words = machine.words(folder, Path::new("/artifacts"), &REPORT_CHANNEL);
    let drives: Vec<&String> = words.iter().filter(|word| word.starts_with("file=/")).collect();
    let expected = [
        "file=/the,,disk,format=raw,if=virtio,werror=report,snapshot=on",
        "file=/artifacts,format=raw,if=virtio,werror=report",
    ];
    assert_eq!(drives, expected);
    let scratch = Scratch::make("drives").unwrap();
    let machine = Machine { folder: scratch.path(), ..machine };
    let command = machine.command(folder, &scratch.path().join("artifacts.tar"), &REPORT_CHANNEL).unwrap();
    let place = command.get_envs().find(|(name, _)| *name == "TMPDIR").and_then(|(_, value)| value);
    assert_eq!(place, Some(scratch.path().as_os_str()));
}

#[test]
fn whatever_makes_a_machine_counts() {
    let scratch = Scratch::make("machine-key").unwrap();
    let paths = ["kernel", "initramfs", "disk"].map(|name| scratch.path().join(name));
    let key = |contents: [&str; 2], command_line: &str, folder: &str| {
        for (path, content) in paths.iter().zip(contents) {
            fs::write(path, content).unwrap();
        }
        let [kernel, initramfs, disk] = &paths;
        let limits = Limits::of(1);
        let folder = Path::new(folder);
        Machine { arch: own(), kernel, initramfs, disk, command_line, folder, limits }.key().unwrap()
    };
    let plain = key(["k", "i"], "", "/a");
    assert_eq!(plain, key(["k", "i"], "", "/b"), "where it runs makes no difference");
    for other in
        [key(["l", "i"], "", "/a"), key(["k", "j"], "", "/a"), key(["k", "i"], "lockdown=integrity", "/a")]
    {
        assert_ne!(plain, other);
    }
}
