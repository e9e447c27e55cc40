use std::{
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use super::*;
use crate::{event::Path, sensor::mounts::tests::Fixture};

const PIPE: FdObject = FdObject::Pipe { dev: 0, ino: 1, read: true, write: false };

/// An exec with this executable and arguments; words are separated by spaces, `_` is a space within a word.
fn exec(line: &str, stdin: FdObject) -> Exec {
    let mut words = line.split(' ').map(|word| word.replace('_', " "));
    Exec {
        exe: Path { bytes: words.next().unwrap().as_str().into(), ..Path::default() },
        argv: words.map(|word| word.as_str().into()).collect(),
        fds: [stdin, FdObject::None, FdObject::None],
        ..Exec::default()
    }
}

/// `file:x`, `text:x`, `stdin` or nothing; `x then` stands before these where text runs first.
fn shown(found: Option<Found>) -> String {
    let Some(Found { before, source }) = found else { return String::new() };
    let before = String::from_utf8(before).unwrap();
    let source = match source {
        Source::File(path) => format!("file:{}", path.show()),
        Source::Searched(name) => format!("searched:{}", name.show()),
        Source::Text(text) => format!("text:{}", String::from_utf8(text).unwrap()),
        Source::Stdin => "stdin".to_owned(),
    };
    if before.is_empty() { source } else { format!("{before} then {source}") }
}

#[test]
fn scripts_are_found_in_arguments() {
    // Each kind of program once; the grammars have tests of their own.
    let rows = [
        ("/usr/bin/cat cat x", ""),
        ("/usr/bin/dash sh x.sh a -c b", "file:x.sh"),
        ("/usr/bin/bash bash -euo pipefail -c curl_x name", "text:curl x"),
        ("/usr/bin/bash bash -c", ""),
        ("/usr/bin/bash -bash", "stdin"),
        ("/usr/bin/busybox busybox sh -c t", "text:t"),
        ("/usr/bin/busybox /bin/sh x.sh", "file:x.sh"),
        ("/usr/bin/busybox busybox wget x", ""),
        ("/lib64/ld-linux-x86-64.so.2 ld.so /usr/bin/bash x.sh", "file:x.sh"),
        // A renamed interpreter, where the caller still calls it one.
        ("/tmp/.x bash x.sh", "file:x.sh"),
        ("/nix/store/python/bin/.python3.11-wrapped python3 x.py", "file:x.py"),
        ("/usr/bin/python3.12 python3 -m http.server", ""),
        ("/usr/bin/perl perl -i.bak -pe s/a/b/ -e c file", "text:s/a/b/\nc"),
        ("/usr/bin/perl perl -S x.pl", "searched:x.pl"),
        ("/usr/bin/php8.2 php -fx.php", "file:x.php"),
        ("/usr/bin/php8.2 php -S 127.0.0.1:80", ""),
        ("/opt/microsoft/powershell/7/pwsh pwsh -nop -w hidden -enc SQBFAFgA", "text:IEX"),
        // What cannot be decoded stays as typed.
        ("/opt/microsoft/powershell/7/pwsh pwsh -enc SQBFAFgA=", "text:SQBFAFgA="),
        ("/usr/bin/lua5.4 lua -e t x.lua", "t then file:x.lua"),
        ("/usr/bin/fish fish -C t", "t then stdin"),
        ("/usr/bin/php-cgi8.2 php-cgi", ""),
        ("/opt/microsoft/powershell/7/pwsh pwsh -c -", "stdin"),
    ];
    for (line, expected) in rows {
        assert_eq!(shown(find::find(&exec(line, PIPE))), expected, "{line}");
    }
}

#[test]
fn the_kernel_s_script_wins_and_a_terminal_is_no_script() {
    let shebang = |line| Exec { script: Some("./x.sh".into()), ..exec(line, PIPE) };
    assert_eq!(shown(find::find(&shebang("/usr/bin/bash /bin/bash -e ./x.sh"))), "file:./x.sh");
    assert_eq!(shown(find::find(&shebang("/usr/bin/gawk awk -f ./x.sh"))), "file:./x.sh");
    assert_eq!(shown(find::find(&shebang("/usr/bin/env env bash ./x.sh"))), "");
    let terminal = FdObject::Device { rdev: 136 << 20 };
    let rows = [
        ("/usr/bin/bash bash", PIPE, "stdin"),
        ("/usr/bin/bash bash", terminal, ""),
        ("/usr/bin/fish fish -C t", terminal, "text:t"),
    ];
    for (line, stdin, expected) in rows {
        assert_eq!(shown(find::find(&exec(line, stdin))), expected, "{line} {stdin:?}");
    }
}

/// A directory with scripts, and a process in it that waits.
struct Scene {
    dir: PathBuf,
    child: Child,
}

impl Scene {
    fn new(name: &str, stdin: Stdio) -> Self {
        let dir = std::env::temp_dir().join(format!("weir-scripts-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("x.sh"), "echo hello\n").unwrap();
        let child = Command::new("sleep").arg("100").current_dir(&dir).stdin(stdin).spawn().unwrap();
        Self { dir, child }
    }

    /// What is captured for an exec of the waiting process, as (path, text, reason).
    fn capture(&self, exec: &Exec) -> (String, String, Script) {
        let process = Procfs::default().key(self.child.id()).unwrap();
        let cwd = Path { bytes: self.dir.to_str().unwrap().into(), ..Path::default() };
        let exec = Exec { cwd, ..exec.clone() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let nowhere = Fixture::new("nowhere", &[]).host();
        let script = runtime.block_on(async {
            // The patience that a test machine under load needs.
            let scripts =
                Scripts { patience: Duration::from_secs(20), ..Scripts::new(Procfs::default(), nowhere) };
            scripts.begin(process, &exec).unwrap().wait().await.script
        });
        (script.path.to_string(), script.text.to_string(), script)
    }

    fn line(&self, line: &str) -> (String, String, Script) {
        self.capture(&exec(line, PIPE))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

#[test]
fn a_script_is_read_where_the_process_is() {
    let scene = Scene::new("read", Stdio::null());
    let whole = scene.dir.join("x.sh").to_str().unwrap().to_owned();
    symlink("x.sh", scene.dir.join("link.sh")).unwrap();
    for line in ["/bin/dash sh x.sh", "/bin/dash sh ./link.sh", &format!("/bin/dash sh {whole}")] {
        let (path, text, script) = scene.line(line);
        assert_eq!((path, text.as_str()), (whole.clone(), "echo hello\\n"), "{script:?}");
        // Of `printf 'echo hello\n' | sha256sum`.
        let expected = "5dbad7dd0b9b122dcd9956884390f4aac4738caba8ff53498a7ab6718b176c30";
        assert_eq!((script.sha256.as_str(), script.size), (expected, 11));
        assert_eq!((script.not_captured.as_str(), script.origin), ("", ScriptOrigin::File));
    }
}

#[test]
fn what_cannot_be_captured_says_why() {
    let scene = Scene::new("refused", Stdio::piped());
    let dir = scene.dir.clone();
    Command::new("mkfifo").arg(dir.join("fifo")).status().unwrap();
    symlink("/proc/self/exe", dir.join("magic")).unwrap();
    fs::create_dir(dir.join("folder")).unwrap();
    let rows = [
        ("sh nowhere.sh", "the path: No such file"),
        ("sh fifo", "the script is a pipe"),
        ("sh folder", "the script is not a regular file: Directory"),
        ("sh /dev/null", "the script is not a regular file: CharacterDevice"),
        ("sh /proc/version", "file system 0x9fa0 is not read"),
        ("sh magic", "the path: Too many levels of symbolic links"),
        ("sh /dev/fd/0", "the script is a pipe"),
        ("sh /dev/fd/77", "descriptor 77: No such file"),
        ("sh", "standard input is a pipe"),
    ];
    for (line, expected) in rows {
        let (_, text, script) = scene.line(&format!("/bin/dash {line}"));
        assert!(script.not_captured.starts_with(expected), "{line}: {}", script.not_captured);
        assert_eq!((text.as_str(), script.sha256.as_str()), ("", ""));
    }
    // What lies in the working directory under that name need not be what runs.
    let (path, text, script) = scene.line("/usr/bin/perl perl -S -Mstrict;t x.sh");
    assert_eq!((path.as_str(), text.as_str()), ("x.sh", "strict;t"));
    assert_eq!(script.not_captured, "the interpreter looks for it in PATH first");
}

#[test]
fn a_script_on_standard_input_is_read_from_its_start() {
    let path = std::env::temp_dir().join(format!("weir-stdin-{}", std::process::id()));
    fs::write(&path, "date\n").unwrap();
    let scene = Scene::new("stdin", fs::File::open(&path).unwrap().into());
    let file = FdObject::File { key: (1, 1), read: true, write: false };
    let (name, text, script) = scene.capture(&exec("/bin/dash sh", file));
    fs::remove_file(&path).unwrap();
    assert_eq!((name.as_str(), text.as_str()), (path.to_str().unwrap(), "date\\n"));
    assert_eq!((script.origin, script.not_captured.as_str()), (ScriptOrigin::Stdin, ""));
}

#[test]
fn large_scripts_are_cut_or_not_hashed() {
    let scene = Scene::new("large", Stdio::null());
    fs::write(scene.dir.join("a.sh"), vec![b'a'; 100_000]).unwrap();
    let (_, text, script) = scene.line("/bin/dash sh a.sh");
    assert_eq!((text.len(), script.size, script.sha256.len()), (65_536, 100_000, 64));
    let huge = fs::File::create(scene.dir.join("b.sh")).unwrap();
    huge.set_len((16 << 20) + 1).unwrap();
    let (_, text, script) = scene.line("/bin/dash sh b.sh");
    assert_eq!((text.is_empty(), script.size, script.sha256.as_str()), (false, (16 << 20) + 1, ""));
    assert_eq!(script.not_captured, "the file is larger than 16777216 bytes");
}

#[test]
fn command_line_text_is_kept_and_a_cut_one_is_read_again() {
    let scene = Scene::new("text", Stdio::null());
    let (path, text, script) = scene.line("/bin/dash sh -c curl_x");
    assert_eq!((path.as_str(), text.as_str(), script.origin), ("", "curl x", ScriptOrigin::CommandLine));
    assert_eq!(script.sha256, capture::sha256_hex(b"curl x"));
    // The process that is asked is `sleep`, which has no text of its own.
    let cut = Exec { argv_truncated: true, ..exec("/bin/dash sh -c curl_x", PIPE) };
    let (_, text, script) = scene.capture(&cut);
    assert_eq!((text.as_str(), script.sha256.as_str()), ("curl x", ""));
    assert_eq!(script.not_captured, "arguments were cut at 4096 bytes");
}

#[test]
fn text_that_runs_before_a_file_is_kept_beside_it() {
    let scene = Scene::new("before", Stdio::null());
    let (hello, t) = (capture::sha256_hex(b"echo hello\n"), capture::sha256_hex(b"t"));
    let rows = [
        ("lua -e t x.sh", "t\\necho hello\\n", 11, hello.as_str(), ScriptOrigin::File),
        ("lua -e t nowhere", "t", 0, "", ScriptOrigin::File),
        ("lua -e t", "t", 1, t.as_str(), ScriptOrigin::CommandLine),
    ];
    for (line, expected, size, sha256, origin) in rows {
        let (_, text, script) = scene.line(&format!("/usr/bin/lua5.4 {line}"));
        assert_eq!((text.as_str(), script.size, script.sha256.as_str()), (expected, size, sha256), "{line}");
        assert_eq!((script.origin, script.not_captured.is_empty()), (origin, !line.ends_with("nowhere")));
    }
    let (_, text, script) = scene.line("/usr/bin/pwsh pwsh -enc ZABhAHQAZQA=");
    assert_eq!((text.as_str(), script.sha256), ("date", capture::sha256_hex(b"date")));
    let (_, text, script) = scene.line("/usr/bin/pwsh pwsh -enc ZABhAHQAZQA= x.sh");
    assert_eq!((text.as_str(), script.sha256), ("date\\necho hello\\n", hello));
}

#[test]
fn a_process_that_is_gone_is_answered_for_in_the_host_s_namespace_only() {
    let scene = Scene::new("gone", Stdio::null());
    // The first process's root is the directory of the script, and the agent lies in another namespace.
    let dir = scene.dir.to_str().unwrap();
    for (name, target) in
        [("link.sh", "/x.sh"), ("above.sh", "../../../../../x.sh"), ("out.sh", "/etc/passwd")]
    {
        symlink(target, scene.dir.join(name)).unwrap();
    }
    let (own, first) = (("self/ns/mnt", "mnt:[7]"), ("1/ns/mnt", "mnt:[5]"));
    let under_its_unit = Fixture::new("gone", &[own, first, ("1/root", dir)]);
    let alone = Fixture::new("alone", &[own]);
    let whole = format!("{dir}/x.sh");
    let (absent, ended) = ("the path: No such file or directory (os error 2)", "the process has ended");
    let rows = [
        (&under_its_unit, 5, "x.sh", ""),
        (&under_its_unit, 5, "/x.sh", ""),
        (&under_its_unit, 5, "link.sh", ""),
        (&under_its_unit, 5, "above.sh", ""),
        (&under_its_unit, 5, "/../x.sh", ""),
        (&under_its_unit, 5, "out.sh", absent),
        (&under_its_unit, 5, whole.as_str(), absent),
        (&under_its_unit, 7, "x.sh", ended),
        (&under_its_unit, 0, "x.sh", ended),
        (&alone, 7, "x.sh", ""),
        (&alone, 7, whole.as_str(), ""),
        (&alone, 5, "x.sh", ended),
        (&alone, 0, "x.sh", ended),
    ];
    let gone = ProcessKey { pid: scene.child.id(), start_ticks: 1 };
    let script = fs::metadata(scene.dir.join("x.sh")).unwrap().ino();
    for (fixture, mnt_ns, path, expected) in rows {
        let cwd = Path { bytes: dir.into(), ..Path::default() };
        let exec = Exec { cwd, mnt_ns, ..Exec::default() };
        let found = capture::by_path(&Procfs::default(), gone, &exec, &fixture.host(), path.as_bytes());
        let found = found.map(|file| fs::File::from(file).metadata().unwrap().ino());
        let expected = if expected.is_empty() { Ok(script) } else { Err(expected.to_owned()) };
        assert_eq!(found, expected, "{mnt_ns} {path}");
    }
}
