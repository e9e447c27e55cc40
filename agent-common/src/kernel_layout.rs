//! Offsets of kernel struct members, resolved by the agent from the running kernel's BTF and handed to the
//! programs as a read-only global. One table makes both the struct and the list that the agent resolves.

/// Offset of a member that this kernel does not have.
pub const ABSENT: u16 = u16::MAX;

/// Where a member is found: struct, and the names it has had, newest first. A name with dots walks into
/// embedded structs; anonymous structs and unions are walked through.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Field of [`KernelLayout`].
    pub field: &'static str,
    /// Kernel struct.
    pub container: &'static str,
    /// Member paths to try in turn.
    pub paths: &'static [&'static str],
}

macro_rules! kernel_layout {
    ($($(#[$doc:meta])* $field:ident: $container:literal [$($path:literal),+];)+) => {
        /// Byte offsets of kernel struct members; [`ABSENT`] where the kernel lacks one.
        #[repr(C)]
        #[derive(Clone, Copy, Debug)]
        pub struct KernelLayout {
            $($(#[$doc])* pub $field: u16,)+
        }

        impl KernelLayout {
            /// A layout in which nothing is known.
            pub const UNKNOWN: Self = Self { $($field: ABSENT,)+ };

            /// Members in the order of the struct's fields.
            pub const MEMBERS: &'static [Member] = &[
                $(Member { field: stringify!($field), container: $container, paths: &[$($path),+] },)+
            ];

            /// Sets the field that `member` of [`Self::MEMBERS`] names; false when there is no such field.
            pub fn set(&mut self, field: &str, offset: u16) -> bool {
                $(if field == stringify!($field) {
                    self.$field = offset;
                    return true;
                })+
                false
            }

            /// Reads a field by name.
            #[must_use]
            pub fn get(&self, field: &str) -> Option<u16> {
                $(if field == stringify!($field) {
                    return (self.$field != ABSENT).then_some(self.$field);
                })+
                None
            }
        }
    };
}

kernel_layout! {
    /// Thread id.
    task_pid: "task_struct" ["pid"];
    /// Thread-group id.
    task_tgid: "task_struct" ["tgid"];
    /// Group leader.
    task_group_leader: "task_struct" ["group_leader"];
    /// Start time since boot, ns.
    task_start_boottime: "task_struct" ["start_boottime", "real_start_time"];
    /// Real parent.
    task_real_parent: "task_struct" ["real_parent"];
    /// Memory.
    task_mm: "task_struct" ["mm"];
    /// Root and working directory.
    task_fs: "task_struct" ["fs"];
    /// Descriptor table.
    task_files: "task_struct" ["files"];
    /// Objective credentials.
    task_cred: "task_struct" ["real_cred"];
    /// Shared signal state.
    task_signal: "task_struct" ["signal"];
    /// Namespaces.
    task_nsproxy: "task_struct" ["nsproxy"];
    /// Exit code of the thread.
    task_exit_code: "task_struct" ["exit_code"];
    /// Login user id of the audit subsystem.
    task_loginuid: "task_struct" ["loginuid"];
    /// Session id of the audit subsystem.
    task_sessionid: "task_struct" ["sessionid"];
    /// Name.
    task_comm: "task_struct" ["comm"];
    /// `PF_*`.
    task_flags: "task_struct" ["flags"];
    /// Live threads.
    signal_live: "signal_struct" ["live"];
    /// `SIGNAL_*` flags.
    signal_flags: "signal_struct" ["flags"];
    /// Exit code of the group.
    signal_group_exit_code: "signal_struct" ["group_exit_code"];
    /// Begin of argv.
    mm_arg_start: "mm_struct" ["arg_start"];
    /// End of argv.
    mm_arg_end: "mm_struct" ["arg_end"];
    /// Executable file.
    mm_exe_file: "mm_struct" ["exe_file"];
    /// Working directory.
    fs_pwd: "fs_struct" ["pwd"];
    /// Mount of a path.
    path_mnt: "path" ["mnt"];
    /// Dentry of a path.
    path_dentry: "path" ["dentry"];
    /// Descriptor table proper.
    files_fdt: "files_struct" ["fdt"];
    /// Array of files.
    fdtable_fd: "fdtable" ["fd"];
    /// Size of that array.
    fdtable_max_fds: "fdtable" ["max_fds"];
    /// Path of a file.
    file_path: "file" ["f_path", "__f_path"];
    /// Inode of a file.
    file_inode: "file" ["f_inode"];
    /// `FMODE_*`.
    file_mode: "file" ["f_mode"];
    /// `O_*`.
    file_flags: "file" ["f_flags"];
    /// Parent dentry.
    dentry_parent: "dentry" ["d_parent"];
    /// Length of the name.
    dentry_name_len: "dentry" ["d_name.len", "__d_name.len"];
    /// Pointer to the name.
    dentry_name: "dentry" ["d_name.name", "__d_name.name"];
    /// Inode of a dentry.
    dentry_inode: "dentry" ["d_inode"];
    /// Type and permissions.
    inode_mode: "inode" ["i_mode"];
    /// Inode number.
    inode_ino: "inode" ["i_ino"];
    /// Superblock.
    inode_sb: "inode" ["i_sb"];
    /// Size.
    inode_size: "inode" ["i_size"];
    /// How often it is open for writing, which nobody may do where it is negative.
    inode_writecount: "inode" ["i_writecount"];
    /// Generation.
    inode_generation: "inode" ["i_generation"];
    /// Links.
    inode_nlink: "inode" ["i_nlink"];
    /// Device of a device node.
    inode_rdev: "inode" ["i_rdev"];
    /// Change time, seconds.
    inode_ctime_sec: "inode" ["i_ctime_sec", "__i_ctime.tv_sec", "i_ctime.tv_sec"];
    /// Device.
    sb_dev: "super_block" ["s_dev"];
    /// Magic.
    sb_magic: "super_block" ["s_magic"];
    /// `SB_*`.
    sb_flags: "super_block" ["s_flags"];
    /// The `vfsmount` inside a `mount`.
    mount_mnt: "mount" ["mnt"];
    /// Parent mount.
    mount_parent: "mount" ["mnt_parent"];
    /// Where it is mounted.
    mount_mountpoint: "mount" ["mnt_mountpoint"];
    /// Mount namespace that a mount belongs to.
    mount_ns: "mount" ["mnt_ns"];
    /// Root of a mount.
    vfsmount_root: "vfsmount" ["mnt_root"];
    /// File name as given to execve.
    bprm_filename: "linux_binprm" ["filename"];
    /// Interpreter.
    bprm_interp: "linux_binprm" ["interp"];
    /// User id.
    cred_uid: "cred" ["uid"];
    /// Effective user id.
    cred_euid: "cred" ["euid"];
    /// Group id.
    cred_gid: "cred" ["gid"];
    /// Mount namespace.
    nsproxy_mnt: "nsproxy" ["mnt_ns"];
    /// Network namespace.
    nsproxy_net: "nsproxy" ["net_ns"];
    /// Inode number of a mount namespace.
    mnt_ns_inum: "mnt_namespace" ["ns.inum"];
    /// Inode number of a network namespace.
    net_inum: "net" ["ns.inum"];
    /// Address family.
    sock_family: "sock" ["__sk_common.skc_family"];
    /// Remote IPv4 address.
    sock_daddr: "sock" ["__sk_common.skc_daddr"];
    /// Local IPv4 address.
    sock_rcv_saddr: "sock" ["__sk_common.skc_rcv_saddr"];
    /// Remote IPv6 address.
    sock_v6_daddr: "sock" ["__sk_common.skc_v6_daddr"];
    /// Local IPv6 address.
    sock_v6_rcv_saddr: "sock" ["__sk_common.skc_v6_rcv_saddr"];
    /// Remote port, network order.
    sock_dport: "sock" ["__sk_common.skc_dport"];
    /// Local port, host order.
    sock_num: "sock" ["__sk_common.skc_num"];
    /// Cookie.
    sock_cookie: "sock" ["__sk_common.skc_cookie"];
    /// Network namespace.
    sock_net: "sock" ["__sk_common.skc_net.net"];
    /// Protocol.
    sock_protocol: "sock" ["sk_protocol"];
    /// Type.
    sock_type: "sock" ["sk_type"];
    /// State of a connection.
    sock_state: "sock" ["__sk_common.skc_state"];
    /// The `socket` of a `sock`; null until somebody accepts it.
    sock_socket: "sock" ["sk_socket"];
    /// The `socket` inside what sockfs allocates.
    socket_alloc_socket: "socket_alloc" ["socket"];
    /// The inode beside it.
    socket_alloc_inode: "socket_alloc" ["vfs_inode"];
    /// The other end of a unix socket.
    unix_peer: "unix_sock" ["peer"];
    /// Sequence number of the next byte to be queued.
    tcp_write_seq: "tcp_sock" ["write_seq"];
    /// Sequence number of the first byte that was not acknowledged.
    tcp_snd_una: "tcp_sock" ["snd_una"];
    /// Bytes that were acknowledged, the SYN of this side among them.
    tcp_bytes_acked: "tcp_sock" ["bytes_acked"];
    /// Bytes transmitted, those that were transmitted again included (4.19).
    tcp_bytes_sent: "tcp_sock" ["bytes_sent"];
    /// What lies over TCP in the kernel (TLS, MPTCP), when something does.
    tcp_upper: "inet_connection_sock" ["icsk_ulp_ops"];
    /// What a file is of, for a socket's the `socket`.
    file_private: "file" ["private_data"];
    /// The `sock` of a `socket`.
    socket_sk: "socket" ["sk"];
    /// Address of the destination of a message.
    msghdr_name: "msghdr" ["msg_name"];
    /// Bytes of that address; 0 when the message has none.
    msghdr_namelen: "msghdr" ["msg_namelen"];
    /// Opcode of an `io_uring` request.
    io_kiocb_opcode: "io_kiocb" ["opcode"];
    /// Command data of an `io_uring` request, an `io_open` for an open (`open` before 6.0).
    io_kiocb_cmd: "io_kiocb" ["cmd", "open"];
    /// Direct descriptor that an `io_uring` open asks for, plus one; zero for an ordinary descriptor (5.15).
    io_open_slot: "io_open" ["file_slot"];
    /// Request in the completion tracepoint.
    io_complete_req: "trace_event_raw_io_uring_complete" ["req"];
    /// Result in the completion tracepoint.
    io_complete_res: "trace_event_raw_io_uring_complete" ["res"];
    /// Socket in the tracepoints of sends and receives (6.3).
    msg_length_sk: "trace_event_raw_sock_msg_length" ["sk"];
    /// Bytes, or an error, in the same.
    msg_length_ret: "trace_event_raw_sock_msg_length" ["ret"];
    /// `MSG_*` in the same.
    msg_length_flags: "trace_event_raw_sock_msg_length" ["flags"];
}

/// What this kernel and configuration allow, handed over beside the layout. 40 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Thread-group id of the agent, whose own doings are not reported.
    pub agent_tgid: u32,
    /// 1 when `bpf_get_socket_cookie` may be called from tracing programs (5.12).
    pub has_socket_cookie: u32,
    /// Inode number of the host's mount namespace, in which alone a directory can be quiet; 0, which is nobody's, when
    /// it is unknown.
    pub host_mnt_ns: u32,
    /// 1 where a task can be preempted inside the hooks of sends, so that what is missed is made up for (7.0).
    pub makes_up: u32,
    /// Inode number of the host's network namespace, in which its name servers answer; 0 when it is unknown.
    pub host_net_ns: u32,
    /// Reserved, zero.
    pub _reserved: u32,
    /// Random bits, new at each start, that seed the fingerprints of opens, so that nobody can make two opens collide.
    pub seed: [u32; 4],
}

const _: () = assert!(size_of::<Tuning>() == 40);

// SAFETY: `repr(C)` and made of `u16` alone: no padding, and any bytes are a value.
#[cfg(feature = "user")]
unsafe impl aya::Pod for KernelLayout {}

// SAFETY: `repr(C)` and made of `u32` alone: no padding, and any bytes are a value.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Tuning {}
