//! The kernel side on the running kernel: load everything, do something, look at the raw records and the ledger.
//! Needs root; without it each test says by name that it was skipped. `WEIR_HOOKS` (what `weir --hooks`
//! takes) chooses the ladders' first rungs, so that one kernel can prove several.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test ends by panicking and says what it saw; clippy's exemption for tests stops at their helpers"
)]
#[path = "support/dns.rs"]
mod dns;
#[path = "support/interrupted.rs"]
mod interrupted;
#[path = "kernel/content.rs"]
mod content;
#[path = "kernel/edges.rs"]
mod edges;
#[path = "support/io_uring.rs"]
mod io_uring;
#[path = "support/kernel_side.rs"]
mod kernel_side;
#[path = "kernel/family.rs"]
mod family;
#[path = "kernel/growth.rs"]
mod growth;
#[path = "kernel/handed.rs"]
mod handed;
#[path = "kernel/raw.rs"]
mod raw;
#[path = "kernel/shares.rs"]
mod shares;

use std::{
    collections::BTreeSet,
    ffi::CString,
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::{
        fd::{AsRawFd as _, FromRawFd as _},
        unix::{
            fs::{MetadataExt as _, PermissionsExt as _},
            process::CommandExt as _,
        },
    },
    path::PathBuf,
    process::Command,
};

use agent_common::{
    counters::Counter,
    file::{OPEN_IO_URING, OPEN_WRITTEN_BEFORE, OpenRecord},
    net::{DIRECTION_IN, DIRECTION_OUT, FLOW_ACCEPTED, FLOW_ACTIVE, FLOW_CLOSED, FLOW_CONNECT, FlowRecord},
    process::{
        EXEC_ARGV_TRUNCATED, EXEC_DELETED, EXEC_MEMFD, EXEC_SCRIPT, ExecRecord, ExitRecord, ForkRecord,
    },
    record::{KIND_EXEC, KIND_EXIT, KIND_FLOW, KIND_FORK, KIND_OPEN},
};
use kernel_side::{Kernel, skip};
use weir::{config::Sensor, sensor::load::load};
use zerocopy::FromBytes as _;

/// A folder that goes away at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("weir-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A path of the wire, leaf first, as a path.
fn path(leaf_first: &[u8]) -> String {
    let text = String::from_utf8_lossy(leaf_first);
    let mut names: Vec<&str> = text.split_terminator('/').collect();
    names.reverse();
    format!("/{}", names.join("/"))
}

/// Parts of the tail of an exec record: executable, working directory, file name, interpreter, arguments.
fn exec_parts<'a>(record: &ExecRecord, tail: &'a [u8]) -> [&'a [u8]; 5] {
    let (exe, rest) = tail.split_at(record.exe.len.into());
    let (cwd, rest) = rest.split_at(record.cwd.len.into());
    let (filename, rest) = rest.split_at(record.filename_len.into());
    let (interp, argv) = rest.split_at(record.interp_len.into());
    assert_eq!(argv.len(), record.argv_len as usize);
    [exe, cwd, filename, interp, argv]
}

fn mapped(address: Ipv4Addr) -> [u8; 16] {
    address.to_ipv6_mapped().octets()
}

#[test]
fn sensors_that_every_kernel_carries() {
    let Some(kernel) = Kernel::load("sensors_that_every_kernel_carries") else { return };
    for sensor in ["fork", "exec", "exit", "open", "connect", "send", "receive", "unix"] {
        assert!(kernel.runs(sensor), "{sensor} is off");
    }
    for sensor in ["open.received", "memory"] {
        assert!(kernel.runs(sensor) || !(has_fentry() || has_kprobes()), "{sensor} is off");
    }
    // Another rung serves when the verifier refuses a program, which nobody would notice.
    let refused: Vec<String> = kernel
        .loaded
        .verifier_logs
        .iter()
        .map(|log| {
            format!("the verifier refused {}, and said last:\n{}", log.program, log.last_lines(5).join("\n"))
        })
        .collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    for (name, program) in kernel.loaded.ebpf.programs() {
        let Ok(info) = program.info() else { continue };
        let translated = info.size_translated().unwrap_or(0) / 8;
        println!("{name}: {translated} instructions, {:?} verified", info.verified_instruction_count());
    }
}

/// So that a run which forces a rung proves that rung, and one that leaves the choice to the agent proves the best.
#[test]
fn a_hook_that_this_kernel_has_is_taken() {
    let Some(kernel) = Kernel::load("a_hook_that_this_kernel_has_is_taken") else { return };
    let by_kind = |sensor: &str, kind: &str| match kind {
        "kprobe" => has_kprobes(),
        "fentry" | "fexit" => has_fentry(),
        "cgroup" => fs::read_to_string("/proc/mounts").is_ok_and(|mounts| mounts.contains(" cgroup2 ")),
        // Of all tracepoints only those of sent and received bytes are younger than the oldest kernel.
        _ => !["send", "receive", "unix"].contains(&sensor) || !event("sock/sock_send_length").is_empty(),
    };
    for unheeded in &kernel.loaded.unheeded {
        println!("{unheeded:?}");
        assert!(!by_kind(unheeded.sensor, unheeded.asked), "{unheeded:?}");
        // What only functions tell.
        let by_function = ["open.received", "raw.peer", "memory"].contains(&unheeded.sensor);
        let no_function = !(has_fentry() || has_kprobes());
        assert!(!unheeded.hook.is_empty() || (by_function && no_function), "{unheeded:?}");
    }
    let functions = fs::read_to_string("/proc/kallsyms").expect("the kernel's functions");
    // Why a better rung was not taken, and which part of the one that serves is missing.
    for sensor in &kernel.loaded.coverage {
        // What depends on another sensor's hook has that sensor's reasons.
        let own = |reason: &&str| !reason.is_empty() && !reason.contains("the sensor ");
        for reason in sensor.reason.split("; ").filter(own) {
            let mut place =
                reason.strip_prefix("without ").unwrap_or(reason).split(": ").next().unwrap_or("").split(':');
            let has = match (place.next(), place.next(), place.next()) {
                // Its completions name the request only since 5.18.
                (Some("tracepoint"), Some("io_uring"), Some(name)) => {
                    event(&format!("io_uring/{name}")).contains(" req;")
                }
                // Not every processor has every system call.
                (Some("tracepoint"), Some(group), Some(name)) if !name.contains('*') => {
                    !event(&format!("{group}/{name}")).is_empty()
                }
                // Functions come and go: sendfile had one of its own until 6.5.
                (Some("fexit" | "kprobe"), Some(name), None)
                    if !functions.contains(&format!(" {name}\n")) =>
                {
                    false
                }
                (kind, ..) => by_kind(&sensor.sensor, kind.unwrap_or_default()),
            };
            assert!(!has, "{}: {reason}", sensor.sensor);
        }
    }
}

/// What the kernel says of a tracepoint; nothing when it has none of that name.
fn event(name: &str) -> String {
    fs::read_to_string(format!("/sys/kernel/tracing/events/{name}/format")).unwrap_or_default()
}

/// How far the kernel is locked down, also where nobody mounted the file system that tells.
fn lockdown() -> String {
    let told = "/sys/kernel/security/lockdown";
    let script = format!("[ -e {told} ] || mount -t securityfs none /sys/kernel/security; cat {told}");
    let output = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output().expect("a shell");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn has_kprobes() -> bool {
    fs::exists("/sys/bus/event_source/devices/kprobe").unwrap_or(false)
}

/// Whether programs can be attached to functions of this kernel.
fn has_fentry() -> bool {
    let lockdown = lockdown();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split('.').map(|number| number.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    // aarch64 has it from 6.4 on.
    (lockdown.is_empty() || lockdown.contains("[none]"))
        && (cfg!(target_arch = "x86_64") || version >= (6, 4))
}

/// The kernel keeps 15 bytes of a name: enough to tell which of the agent's a map or a program is.
#[test]
fn maps_and_programs_are_recognised_by_what_the_kernel_keeps_of_their_names() {
    let test = "maps_and_programs_are_recognised_by_what_the_kernel_keeps_of_their_names";
    let Some(kernel) = Kernel::load(test) else { return };
    let ebpf = &kernel.loaded.ebpf;
    let own = |name: &&str| !name.starts_with('.') && !name.starts_with("AYA_");
    // The rings were taken out of the object by the test.
    let maps = ebpf.maps().map(|(name, _)| name).chain(["weir_lifecycle", "weir_bulk"]).filter(own);
    let programs = ebpf.programs().map(|(name, _)| name);
    for names in [maps.collect::<Vec<_>>(), programs.collect()] {
        let kept: BTreeSet<&str> = names.iter().map(|name| name.get(..15).unwrap_or(name)).collect();
        assert_eq!(kept.len(), names.len(), "{names:?}");
        assert!(names.len() > 8 && names.iter().all(|name| name.starts_with("weir_")), "{names:?}");
    }
}

#[test]
fn debug_messages_cost_no_sensor() {
    let verbose = |config: &Sensor| {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).finish();
        tracing::subscriber::with_default(subscriber, || load(config))
    };
    let Some(kernel) = Kernel::load_alone("debug_messages_cost_no_sensor", verbose) else { return };
    assert!(kernel.loaded.messages.is_some());
    for sensor in ["fork", "exec", "exit", "open", "connect", "send", "receive", "unix"] {
        assert!(kernel.runs(sensor), "{sensor} is off");
    }
}

#[test]
fn a_script_from_fork_to_exit() {
    let Some(mut kernel) = Kernel::load("a_script_from_fork_to_exit") else { return };
    let folder = Folder::new("script");
    let script = folder.0.join("story.sh");
    fs::write(&script, "#!/bin/sh\nexit 3\n").expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("an executable script");
    let long = "x".repeat(5000);
    let mut child =
        Command::new(&script).args(["one", &long]).current_dir(&folder.0).spawn().expect("the script starts");
    let pid = child.id();
    child.wait().expect("the script ends");

    let (fork, _) = kernel.wait(KIND_FORK, "fork", |fork: &ForkRecord, _| fork.child.pid == pid);
    assert_eq!(fork.head.process.pid, std::process::id());
    let stat = fs::read_to_string("/proc/self/stat").expect("our stat");
    let ticks = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(19)).expect("field 22");
    assert_eq!(fork.head.process.start_ticks.to_string(), ticks, "key and procfs agree");

    let (exec, tail) = kernel.wait(KIND_EXEC, "exec", |exec: &ExecRecord, _| exec.head.process.pid == pid);
    let [exe, cwd, filename, interp, argv] = exec_parts(&exec, &tail);
    let shell = fs::canonicalize("/bin/sh").expect("a shell");
    assert_eq!(path(exe), shell.to_string_lossy());
    assert_eq!(exec.exe_ino, fs::metadata(&shell).expect("the shell").ino());
    assert_eq!(path(cwd), fs::canonicalize(&folder.0).expect("the folder").to_string_lossy());
    assert_eq!((exec.exe.flags, exec.cwd.flags), (0, 0), "both paths are whole");
    assert_eq!(filename, script.as_os_str().as_encoded_bytes());
    assert_eq!(interp, b"/bin/sh");
    assert_eq!(exec.flags, EXEC_SCRIPT | EXEC_ARGV_TRUNCATED);
    assert!(argv.starts_with(b"/bin/sh\0"), "{}", argv.escape_ascii());
    assert_eq!(exec.argv_len, 4096);
    assert!(exec.argv_total > 5000);
    assert_eq!(exec.head.process, fork.child);
    assert_eq!(exec.parent, fork.head.process);
    assert_eq!(&exec.comm[..9], b"story.sh\0");
    assert_eq!((exec.uid, exec.euid, exec.gid), (0, 0, 0));
    assert_eq!(
        format!("mnt:[{}]", exec.mnt_ns),
        fs::read_link("/proc/self/ns/mnt").expect("ns").to_string_lossy()
    );
    assert_eq!(
        format!("net:[{}]", exec.net_ns),
        fs::read_link("/proc/self/ns/net").expect("ns").to_string_lossy()
    );
    let stdin = fs::metadata("/proc/self/fd/0").expect("stdin");
    assert_eq!((exec.fds[0].ino, u32::from(exec.fds[0].mode)), (stdin.ino(), stdin.mode()));

    let (exit, _) = kernel.wait(KIND_EXIT, "exit", |exit: &ExitRecord, _| exit.head.process == fork.child);
    assert_eq!(exit.exit_code, 3 << 8);
    assert_eq!(kernel.counter(Counter::ReadFault), 0);
}

#[test]
fn a_program_that_has_no_file() {
    let Some(mut kernel) = Kernel::load("a_program_that_has_no_file") else { return };
    // SAFETY: the name ends in NUL.
    let fd = unsafe { libc::memfd_create(c"nothing-to-see".as_ptr(), 0) };
    assert!(fd >= 0);
    // SAFETY: the descriptor is new and ours.
    let mut memfd = unsafe { File::from_raw_fd(fd) };
    memfd.write_all(&fs::read("/bin/true").expect("a program")).expect("a copy");
    let status = Command::new(format!("/proc/{}/fd/{fd}", std::process::id())).status().expect("it starts");
    assert!(status.success());
    let (exec, tail) =
        kernel.wait(KIND_EXEC, "exec of a memfd", |exec: &ExecRecord, _| exec.flags & EXEC_MEMFD != 0);
    let [exe, ..] = exec_parts(&exec, &tail);
    assert_eq!(exe, b"memfd:nothing-to-see/");
    assert_ne!(exec.flags & EXEC_DELETED, 0);
}

#[test]
fn opens_are_reported_once() {
    let Some(mut kernel) = Kernel::load("opens_are_reported_once") else { return };
    let folder = Folder::new("open");
    let secret = folder.0.join("secret.txt");
    fs::write(&secret, "x".repeat(1234)).expect("a file");
    let inode = fs::metadata(&secret).expect("the file").ino();
    let last = folder.0.join("last.txt");
    fs::write(&last, "").expect("a file");
    let quoted = secret.display();
    let draft = folder.0.join("draft.txt");
    fs::write(&draft, "").expect("a file");
    // One process opens the same file three times, writes and reads another twice, then opens the last, which tells
    // that all was seen.
    let script = format!(
        "for i in 1 2 3; do read a < {quoted}; done; : >> {0}; : >> {0}; read a < {0}; read a < {0}; : > {1}",
        draft.display(),
        last.display()
    );
    let draft = fs::metadata(&draft).expect("the file").ino();
    Command::new("/bin/sh").args(["-c", &script]).status().expect("a shell");

    let is_secret = |open: &OpenRecord, _: &[u8]| open.file.ino == inode;
    let (open, tail) = kernel.wait(KIND_OPEN, "open", is_secret);
    assert_eq!(path(&tail), fs::canonicalize(&secret).expect("the file").to_string_lossy());
    // What a record says comes from a member of the kernel's structs, whose place is named where it is looked at.
    assert_eq!(open.size, 1234, "size of the file, by inode.i_size");
    assert_eq!(open.fmode, 1, "for reading alone, by file.f_mode");
    assert_eq!(open.mode & 0o170_000, 0o100_000, "kind of the file, by inode.i_mode");
    let parent = fs::metadata(&folder.0).expect("the folder").ino();
    assert_eq!(open.parent_ino, parent, "inode of the folder, by dentry.d_parent and inode.i_ino");
    assert_eq!(open.path.flags, 0);
    let namespace = fs::metadata("/proc/self/ns/mnt").expect("our mount namespace").ino();
    assert_eq!(u64::from(open.mnt_ns), namespace);
    let (written, _) =
        kernel.wait(KIND_OPEN, "last open", |_: &OpenRecord, tail| tail.starts_with(b"last.txt/"));
    assert_eq!(written.fmode, 2, "for writing alone");
    let opens_of = |inode| {
        let opens = kernel.backlog.iter().filter_map(|record| OpenRecord::read_from_prefix(record).ok());
        let opens = opens.filter(|(open, _)| open.head.kind == KIND_OPEN && open.file.ino == inode);
        opens.map(|(open, _)| (open.fmode, open.flags & OPEN_WRITTEN_BEFORE != 0)).collect::<Vec<_>>()
    };
    assert_eq!(opens_of(inode), [(1, false)]);
    assert_eq!(opens_of(draft), [(2, false), (2, true), (1, true), (1, true)]);
    assert!(kernel.counter(Counter::OpenRepeated) >= 2);
}

#[test]
fn opens_through_io_uring() {
    let Some(mut kernel) = Kernel::load("opens_through_io_uring") else { return };
    if kernel.hook("open").starts_with("tracepoint:") && !kernel.runs("open.io_uring") {
        skip("opens_through_io_uring", "this kernel's completions do not name the request");
        return;
    }
    let folder = Folder::new("uring");
    let secret = folder.0.join("secret.txt");
    fs::write(&secret, "x").expect("a file");
    let inode = fs::metadata(&secret).expect("the file").ino();
    let name = CString::new(secret.as_os_str().as_encoded_bytes()).expect("a path");
    let mut child = Command::new("/bin/true");
    // SAFETY: between fork and exec the closure only calls the kernel.
    unsafe { child.pre_exec(move || io_uring::open(&name)) };
    match child.status() {
        Ok(status) => assert!(status.success()),
        Err(error) => {
            skip("opens_through_io_uring", &error.to_string());
            return;
        }
    }
    let (open, tail) = kernel.wait(KIND_OPEN, "open", |open: &OpenRecord, _| open.file.ino == inode);
    assert_eq!(path(&tail), fs::canonicalize(&secret).expect("the file").to_string_lossy());
    let by_tracepoint = kernel.runs("open.io_uring");
    assert_eq!(open.flags & OPEN_IO_URING != 0, by_tracepoint);
    assert_ne!(open.head.process.pid, std::process::id());
}

#[test]
fn bytes_of_send_and_sendfile_are_exact() {
    let Some(mut kernel) = Kernel::load("bytes_of_send_and_sendfile_are_exact") else { return };
    let folder = Folder::new("send");
    let source = folder.0.join("source");
    fs::write(&source, vec![7; 5000]).expect("a file");
    let source = File::open(&source).expect("the file");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let server = listener.local_addr().expect("an address");
    let mut client = TcpStream::connect(server).expect("a connection");
    let local = client.local_addr().expect("an address");
    let (mut accepted, _) = listener.accept().expect("a connection");

    client.write_all(&[1; 1000]).expect("a send");
    // SAFETY: both descriptors are open and the offset is left to the file.
    let sent = unsafe { libc::sendfile(client.as_raw_fd(), source.as_raw_fd(), std::ptr::null_mut(), 5000) };
    assert_eq!(sent, 5000);
    let mut received = vec![0; 6000];
    accepted.read_exact(&mut received).expect("all of it");
    // The lowest rung counts the last send at the close.
    let late = kernel.hook("send").starts_with("kprobe:");
    let client = Some(client).filter(|_| !late);

    let me = std::process::id();
    let flow = kernel.ledger(|key, value| key.process.pid == me && value.local_port == local.port());
    let [(key, value)] = flow.as_slice() else { panic!("one entry: {flow:?}") };
    // Before 6.5 sendfile sends page by page.
    assert_eq!((value.tx_bytes, value.rx_bytes), (6000, 0));
    assert!((1..=3).contains(&value.tx_calls), "{} calls", value.tx_calls);
    assert_eq!((value.local, value.remote), (mapped(Ipv4Addr::LOCALHOST), mapped(Ipv4Addr::LOCALHOST)));
    assert_eq!((value.remote_port, value.family, value.protocol, value.sock_type), (server.port(), 2, 6, 1));
    assert_eq!(value.direction, DIRECTION_OUT);
    assert_eq!((key.peer, key.peer_port), ([0; 16], 0));
    let flow = kernel.ledger(|key, value| key.process.pid == me && value.remote_port == local.port());
    let [(moved, value)] = flow.as_slice() else { panic!("one entry: {flow:?}") };
    assert_eq!((value.tx_bytes, value.rx_bytes), (0, 6000));
    assert_eq!(value.direction, DIRECTION_IN);

    let cookie = key.cookie;
    for what in [FLOW_CONNECT, FLOW_ACTIVE] {
        let (flow, _) = kernel.wait(KIND_FLOW, "news of the flow", |flow: &FlowRecord, _| {
            flow.what == what && flow.key.cookie == cookie
        });
        assert_eq!(flow.head.process.pid, me);
    }
    let (begun, _) = kernel.wait(KIND_FLOW, "accepted", |flow: &FlowRecord, _| {
        flow.what == FLOW_ACCEPTED && flow.value.remote_port == local.port()
    });
    drop((client, accepted));
    // Where the hooks that saw it begin and move have different names for it, both end.
    for name in [cookie, begun.key.cookie, moved.cookie] {
        kernel.wait(KIND_FLOW, "closed", |flow: &FlowRecord, _| {
            flow.what == FLOW_CLOSED && flow.key.cookie == name
        });
        assert!(!kernel.knows_socket(name), "{name:#x} is not forgotten");
    }
    assert_eq!(kernel.counter(Counter::ReadFault), 0);
}

#[test]
fn datagrams_have_their_own_destinations() {
    let Some(mut kernel) = Kernel::load("datagrams_have_their_own_destinations") else { return };
    if !kernel.runs("datagram.peer") {
        skip("datagrams_have_their_own_destinations", "no cgroup v2 hierarchy");
        return;
    }
    let here = (Ipv4Addr::LOCALHOST, 0);
    let [first, second] = [(); 2].map(|()| UdpSocket::bind(here).expect("a receiver"));
    let sender = UdpSocket::bind(here).expect("a sender");
    let local = sender.local_addr().expect("an address").port();
    let port = |socket: &UdpSocket| socket.local_addr().expect("an address").port();
    let rows = [(port(&first), 100), (port(&second), 30), (port(&first), 11)];
    for (port, bytes) in rows {
        sender.send_to(&vec![0; bytes], SocketAddr::from((Ipv4Addr::LOCALHOST, port))).expect("a datagram");
    }
    for (port, bytes) in [(port(&first), 111), (port(&second), 30)] {
        let flow = kernel.ledger(|key, value| value.local_port == local && key.peer_port == port);
        let [(key, value)] = flow.as_slice() else { panic!("one entry: {flow:?}") };
        assert_eq!((key.peer, value.remote), (mapped(Ipv4Addr::LOCALHOST), mapped(Ipv4Addr::LOCALHOST)));
        assert_eq!((value.tx_bytes, value.remote_port, value.protocol), (bytes, port, 17));
    }
    let (active, _) = kernel.wait(KIND_FLOW, "active", |flow: &FlowRecord, _| flow.value.local_port == local);
    drop(sender);
    kernel.wait(KIND_FLOW, "closed", |flow: &FlowRecord, _| {
        flow.what == FLOW_CLOSED && flow.key.cookie == active.key.cookie
    });
}

#[test]
fn a_connected_socket_can_send_elsewhere() {
    let Some(kernel) = Kernel::load("a_connected_socket_can_send_elsewhere") else { return };
    if !kernel.runs("datagram.peer") {
        skip("a_connected_socket_can_send_elsewhere", "no cgroup v2 hierarchy");
        return;
    }
    let here = (Ipv4Addr::LOCALHOST, 0);
    let [peer, other] = [(); 2].map(|()| UdpSocket::bind(here).expect("a receiver"));
    let sender = UdpSocket::bind(here).expect("a sender");
    let local = sender.local_addr().expect("an address").port();
    let [peer, other] = [&peer, &other].map(|socket| socket.local_addr().expect("an address"));
    sender.connect(peer).expect("a connected socket");
    sender.send(&[0; 50]).expect("a datagram");
    sender.send_to(&[0; 30], other).expect("a datagram");
    sender.send(&[0; 7]).expect("a datagram");
    sender.send_to(&[0; 5], peer).expect("a datagram");
    // Refused after the destination was seen, as the socket may not broadcast.
    assert!(sender.send_to(&[0; 1], (Ipv4Addr::BROADCAST, other.port())).is_err());
    assert!(sender.send(&vec![0; 65_536]).is_err(), "no datagram is that long");
    sender.send(&[0; 8]).expect("a datagram");
    for (peer_port, remote_port, bytes) in [(0, peer.port(), 70), (other.port(), other.port(), 30)] {
        let flow = kernel.ledger(|key, value| {
            value.local_port == local
                && key.peer_port == peer_port
                && value.remote == mapped(Ipv4Addr::LOCALHOST)
        });
        let [(_, value)] = flow.as_slice() else { panic!("one entry: {flow:?}") };
        assert_eq!((value.tx_bytes, value.remote_port), (bytes, remote_port));
    }
}
