//! What leads from one process to another: unix sockets, and descriptors that a program inherits.

use std::{
    ffi::CString,
    fs::{self, File},
    io::{self, Write as _},
    os::{
        fd::{AsRawFd, RawFd},
        unix::{
            fs::{MetadataExt as _, OpenOptionsExt as _},
            net::{UnixDatagram, UnixListener, UnixStream},
            process::CommandExt as _,
        },
    },
    process::Command,
};

use agent_common::{
    counters::Counter,
    process::{ExecRecord, FMODE_READ, FMODE_WRITE, PIPEFS},
    record::{KIND_EXEC, KIND_EXIT, KIND_UNIX},
    unix::{UNIX_RECEIVED, UNIX_SENT, UnixRecord},
};
use zerocopy::FromBytes as _;

use super::{
    Folder,
    kernel_side::{Kernel, skip},
};

fn inode(of: &impl AsRawFd) -> u64 {
    fs::metadata(format!("/proc/self/fd/{}", of.as_raw_fd())).expect("an open descriptor").ino()
}

/// Does something between fork and exec of a child, since the agent's own process is not told of; its pid.
pub(super) fn in_child(act: impl FnMut() -> io::Result<()> + Send + Sync + 'static) -> u32 {
    let mut child = Command::new("/bin/true");
    // SAFETY: between fork and exec the closure only calls the kernel.
    let mut child = unsafe { child.pre_exec(act) }.spawn().expect("a child");
    assert!(child.wait().expect("its end").success());
    child.id()
}

fn send(fd: RawFd) -> io::Result<()> {
    // SAFETY: the descriptor is open, and the buffer holds that many bytes.
    if unsafe { libc::write(fd, b"data".as_ptr().cast(), 4) } == 4 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn receive(fd: RawFd) -> io::Result<()> {
    let mut buffer = [0_u8; 4];
    // SAFETY: the descriptor is open, and the buffer has room for that many bytes.
    if unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), 4) } == 4 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// What was told of an end of a unix socket, once the process has ended.
fn told(kernel: &mut Kernel, pid: u32, inode: u64) -> Vec<UnixRecord> {
    kernel.wait(KIND_EXIT, "the end", |exit: &agent_common::process::ExitRecord, _| {
        exit.head.process.pid == pid
    });
    let records = kernel.backlog.iter().filter_map(|record| UnixRecord::read_from_prefix(record).ok());
    records
        .map(|(record, _)| record)
        .filter(|record| record.head.kind == KIND_UNIX && record.head.process.pid == pid)
        .filter(|record| record.inode == inode)
        .collect()
}

#[test]
fn unix_sockets_are_told_once_with_both_ends() {
    let test = "unix_sockets_are_told_once_with_both_ends";
    let Some(mut kernel) = Kernel::load(test) else { return };
    if !kernel.runs("unix") {
        skip(test, "nothing sees unix sockets here");
        return;
    }
    let (one, other) = UnixStream::pair().expect("a pair");
    let (from, to) = UnixDatagram::pair().expect("a pair");
    let pairs = [(one.as_raw_fd(), other.as_raw_fd()), (from.as_raw_fd(), to.as_raw_fd())];
    let pid = in_child(move || {
        for (one, other) in pairs {
            (0..3).try_for_each(|_| send(one).and_then(|()| receive(other)))?;
        }
        Ok(())
    });
    for (kind, from, to) in [(1, inode(&one), inode(&other)), (2, inode(&from), inode(&to))] {
        let sent = told(&mut kernel, pid, from);
        let ends: Vec<_> =
            sent.iter().map(|record| (record.what, record.peer_inode, record.peer_name)).collect();
        assert_eq!(ends, [(UNIX_SENT, to, 0)], "sends of type {kind}");
        assert_eq!(sent[0].sock_type, kind);
        let received = told(&mut kernel, pid, to);
        let ends: Vec<_> = received.iter().map(|record| (record.what, record.peer_inode)).collect();
        assert_eq!(ends, [(UNIX_RECEIVED, 0)], "receives of type {kind}");
    }
    assert_eq!(kernel.counter(Counter::ReadFault), 0);
}

/// Whoever sends at once, before the server has called accept, is found by a name that the server's end keeps.
#[test]
fn an_end_has_a_name_before_it_is_accepted() {
    let test = "an_end_has_a_name_before_it_is_accepted";
    let Some(mut kernel) = Kernel::load(test) else { return };
    if !kernel.runs("unix") {
        skip(test, "nothing sees unix sockets here");
        return;
    }
    let folder = Folder::new("unix");
    let listener = UnixListener::bind(folder.0.join("socket")).expect("a listener");
    let client = UnixStream::connect(folder.0.join("socket")).expect("a connection");
    let fd = client.as_raw_fd();
    let sender = in_child(move || send(fd));
    let (server, _) = listener.accept().expect("the connection");
    let fd = server.as_raw_fd();
    let reader = in_child(move || receive(fd));
    let again = client.as_raw_fd();
    let second = in_child(move || send(again));

    let sent = told(&mut kernel, sender, inode(&client));
    let [early] = sent.as_slice() else { panic!("one record: {sent:?}") };
    assert_eq!(early.peer_inode, 0);
    let received = told(&mut kernel, reader, inode(&server));
    let [taken] = received.as_slice() else { panic!("one record: {received:?}") };
    assert_eq!(early.peer_name, taken.name);
    assert_ne!(taken.name, 0);
    let sent = told(&mut kernel, second, inode(&client));
    let [late] = sent.as_slice() else { panic!("one record: {sent:?}") };
    assert_eq!((late.peer_inode, late.peer_name), (inode(&server), 0));
}

#[test]
fn a_program_begins_with_sixteen_descriptors() {
    let Some(mut kernel) = Kernel::load("a_program_begins_with_sixteen_descriptors") else { return };
    let folder = Folder::new("descriptors");
    let place = folder.0.join("fifo");
    let name = CString::new(place.as_os_str().as_encoded_bytes()).expect("a path");
    // SAFETY: the name ends in NUL.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let fifo =
        File::options().read(true).write(true).custom_flags(libc::O_CLOEXEC).open(&place).expect("a FIFO");
    let (reader, mut writer) = io::pipe().expect("a pipe");
    writer.write_all(b"x").expect("room");
    let ends = [(reader.as_raw_fd(), 9), (writer.as_raw_fd(), 15), (fifo.as_raw_fd(), 12)];
    let pid = in_child(move || {
        for (from, to) in ends {
            // SAFETY: whatever was open under that number is this child's alone.
            if unsafe { libc::dup2(from, to) } != to {
                return Err(io::Error::last_os_error());
            }
        }
        // SAFETY: as above.
        unsafe { libc::close(8) };
        Ok(())
    });
    let (exec, _) = kernel.wait(KIND_EXEC, "exec", |exec: &ExecRecord, _| exec.head.process.pid == pid);
    let pipe = inode(&reader);
    let at = |fd: usize| (exec.fds[fd].ino, exec.fds[fd].fmode, exec.fds[fd].magic == PIPEFS);
    assert_eq!(at(9), (pipe, FMODE_READ, true));
    assert_eq!(at(15), (pipe, FMODE_WRITE, true));
    assert_eq!(at(12), (inode(&fifo), FMODE_READ | FMODE_WRITE, false));
    assert_eq!((exec.fds[8].ino, exec.fds[8].mode), (0, 0), "closed");
    assert_ne!(exec.fds[12].dev, exec.fds[9].dev);
}
