//! The hook ladder as data: for each sensor the hooks that can carry it, best first, with the programs to load,
//! the places to attach them and the kernel members that they cannot do without.

mod held;
mod functions;
mod packets;
mod target;
mod unix;
#[cfg(test)]
mod tests;

use crate::config::{HookKind, Hooks};

pub(super) use packets::CONTENT;
pub use target::{Attachment, Target};

/// Kind of hook, as far as the configuration chooses among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// BTF tracepoints and system-call tracepoints.
    Tracepoint,
    /// fentry and fexit.
    Fentry,
    /// kprobes and raw tracepoints.
    Kprobe,
    /// Programs on the root of the cgroup hierarchy, for which there is no other place.
    Cgroup,
}

impl Class {
    /// The class that the configuration asks for; none when it leaves the choice to the agent.
    #[must_use]
    pub const fn asked_for(kind: HookKind) -> Option<Self> {
        match kind {
            HookKind::Auto => None,
            HookKind::Tracepoint => Some(Self::Tracepoint),
            HookKind::Fentry => Some(Self::Fentry),
            HookKind::Kprobe => Some(Self::Kprobe),
        }
    }
}

/// What becomes of a task while a tracepoint's programs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracepoints {
    /// It keeps its CPU.
    Held,
    /// It may be preempted (7.0).
    Preempted,
}

/// One way to carry a sensor.
#[derive(Clone, Copy, Debug)]
pub struct Rung {
    /// Name of the hook as the kernel has it.
    pub hook: &'static str,
    /// Kind.
    pub class: Class,
    /// What to attach.
    pub attachments: &'static [Attachment],
    /// Other sensors' hooks whose programs do its work: it is refused unless each of them runs.
    pub beside: &'static [On],
    /// Fields of the layout without which it is useless, in groups.
    pub needs: &'static [&'static [&'static str]],
    /// What it cannot see; empty when nothing.
    pub gap: &'static str,
}

/// When a sensor is wanted at all.
#[derive(Clone, Copy, Debug)]
pub enum Applies {
    /// Always.
    Always,
    /// Unless each of these sensors runs on the hook beside its name: together they do without it.
    Unless(&'static [On]),
    /// Only when one of these runs, whose hooks do not see it.
    Beside(&'static [On]),
    /// Only where the kernel has a function, and a sensor runs on a hook that does not see it.
    WithFunction(&'static str, On),
}

/// A sensor, by name, and one of the hooks that can carry it.
pub type On = (&'static str, &'static str);

impl Applies {
    /// Whether the sensor is wanted, given what runs and what functions the kernel has.
    #[must_use]
    pub fn is_met(self, runs: impl Fn(On) -> bool, has_function: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Always => true,
            Self::Unless(all) => !all.iter().copied().all(runs),
            Self::Beside(any) => any.iter().copied().any(runs),
            Self::WithFunction(function, on) => has_function(function) && runs(on),
        }
    }
}

/// Something that the agent wants to hear of.
#[derive(Clone, Copy, Debug)]
pub struct Sensor {
    /// Name in coverage records.
    pub name: &'static str,
    /// When it is wanted.
    pub applies: Applies,
    /// Ways to carry it, best first.
    pub rungs: &'static [Rung],
    /// What cannot be seen without it.
    pub gap: &'static str,
}

impl Sensor {
    /// The rungs in the order in which they are to be tried: from the first of the class that is asked for
    /// downwards, and then those above, best first, since a choice that the kernel does not allow must not make the
    /// agent blind. Left out is what is of no use on a kernel whose tracepoints are such.
    #[must_use]
    pub fn rungs(&self, hooks: Hooks, tracepoints: Tracepoints) -> Vec<&'static Rung> {
        let suits = |rung: &&Rung| tracepoints == Tracepoints::Preempted || !held::has(rung);
        let mut rungs: Vec<_> = self.rungs.iter().filter(suits).collect();
        let class = Class::asked_for(hooks.of(self.name));
        let first = rungs.iter().position(|rung| Some(rung.class) == class).unwrap_or(0);
        rungs.rotate_left(first);
        rungs
    }
}

const fn required(program: &'static str, target: Target) -> Attachment {
    Attachment { program, target, required: true }
}

const fn optional(program: &'static str, target: Target) -> Attachment {
    Attachment { program, target, required: false }
}

/// Members that tell which process acts.
const TASK: &[&str] = &["task_tgid", "task_group_leader", "task_start_boottime"];

/// Members that lead from a file's place to the root of the mount namespace.
const PATH: &[&str] = &[
    "path_mnt",
    "path_dentry",
    "dentry_parent",
    "dentry_name",
    "dentry_name_len",
    "mount_mnt",
    "mount_parent",
    "mount_mountpoint",
    "mount_ns",
    "vfsmount_root",
    "task_nsproxy",
    "nsproxy_mnt",
];

/// Members that identify an open file.
const FILE: &[&str] = &[
    "file_path",
    "file_inode",
    "file_mode",
    "dentry_inode",
    "inode_mode",
    "inode_ino",
    "inode_sb",
    "sb_dev",
    "sb_magic",
];

/// Members that find the file behind a descriptor.
const DESCRIPTOR: &[&str] = &["task_files", "files_fdt", "fdtable_fd", "fdtable_max_fds"];

/// Members that tell what kind of socket it is.
const SOCK: &[&str] = &["sock_family", "sock_protocol", "sock_type"];

/// Members that lead to a unix socket's inode and to its other end.
const UNIX: &[&str] =
    &["sock_family", "sock_socket", "socket_alloc_socket", "socket_alloc_inode", "inode_ino", "unix_peer"];

/// Every sensor. Later ones may look at what earlier ones run on.
pub const LADDER: &[Sensor] = &[
    Sensor {
        name: "fork",
        applies: Applies::Always,
        gap: "new processes are known from their first exec on",
        rungs: &[
            Rung {
                hook: "tp_btf:sched_process_fork",
                class: Class::Tracepoint,
                attachments: &[required("weir_fork_tp_btf", Target::BtfTracepoint("sched_process_fork"))],
                beside: &[],
                needs: &[TASK, &["task_pid"]],
                gap: "",
            },
            Rung {
                hook: "raw_tp:sched_process_fork",
                class: Class::Kprobe,
                attachments: &[required("weir_fork_raw_tp", Target::RawTracepoint("sched_process_fork"))],
                beside: &[],
                needs: &[TASK, &["task_pid"]],
                gap: "",
            },
        ],
    },
    Sensor {
        name: "exec",
        applies: Applies::Always,
        gap: "programs that are started",
        rungs: &[
            Rung {
                hook: "tp_btf:sched_process_exec",
                class: Class::Tracepoint,
                attachments: &[required("weir_exec_tp_btf", Target::BtfTracepoint("sched_process_exec"))],
                beside: &[],
                needs: &[TASK, PATH, FILE, &["task_mm", "task_fs", "mm_exe_file", "fs_pwd"]],
                gap: "",
            },
            Rung {
                hook: "raw_tp:sched_process_exec",
                class: Class::Kprobe,
                attachments: &[required("weir_exec_raw_tp", Target::RawTracepoint("sched_process_exec"))],
                beside: &[],
                needs: &[TASK, PATH, FILE, &["task_mm", "task_fs", "mm_exe_file", "fs_pwd"]],
                gap: "",
            },
        ],
    },
    Sensor {
        name: "exit",
        applies: Applies::Always,
        gap: "ends of processes",
        rungs: &[
            Rung {
                hook: "tp_btf:sched_process_exit",
                class: Class::Tracepoint,
                attachments: &[required("weir_exit_tp_btf", Target::BtfTracepoint("sched_process_exit"))],
                beside: &[],
                needs: &[TASK, &["task_signal", "signal_live"]],
                gap: "",
            },
            Rung {
                hook: "raw_tp:sched_process_exit",
                class: Class::Kprobe,
                attachments: &[required("weir_exit_raw_tp", Target::RawTracepoint("sched_process_exit"))],
                beside: &[],
                needs: &[TASK, &["task_signal", "signal_live"]],
                gap: "",
            },
        ],
    },
    Sensor {
        name: "open",
        applies: Applies::Always,
        gap: "files that are opened",
        rungs: &[
            Rung {
                hook: "fexit:security_file_open",
                class: Class::Fentry,
                attachments: &[required("weir_open_fexit", Target::Fexit("security_file_open"))],
                beside: &[],
                needs: &[TASK, PATH, FILE],
                gap: "",
            },
            Rung {
                hook: "tracepoint:syscalls:sys_exit_open*",
                class: Class::Tracepoint,
                attachments: &[
                    required("weir_open_syscall", Target::Tracepoint("syscalls", "sys_exit_openat")),
                    // Later architectures never had the older calls; openat2 is as old as 5.6.
                    optional("weir_open_syscall", Target::Tracepoint("syscalls", "sys_exit_open")),
                    optional("weir_open_syscall", Target::Tracepoint("syscalls", "sys_exit_openat2")),
                    optional("weir_open_syscall", Target::Tracepoint("syscalls", "sys_exit_creat")),
                    optional(
                        "weir_open_syscall",
                        Target::Tracepoint("syscalls", "sys_exit_open_by_handle_at"),
                    ),
                ],
                beside: &[],
                needs: &[TASK, PATH, FILE, DESCRIPTOR],
                gap: "opens by 32-bit programs, and files that another thread closes before the call returns",
            },
        ],
    },
    Sensor {
        name: "open.io_uring",
        applies: Applies::Unless(&[("open", "fexit:security_file_open")]),
        gap: "files opened through io_uring",
        rungs: &[Rung {
            hook: "tracepoint:io_uring:io_uring_complete",
            class: Class::Tracepoint,
            attachments: &[required(
                "weir_open_io_uring",
                Target::Tracepoint("io_uring", "io_uring_complete"),
            )],
            beside: &[],
            needs: &[
                TASK,
                PATH,
                FILE,
                DESCRIPTOR,
                &["io_complete_req", "io_complete_res", "io_kiocb_opcode"],
            ],
            gap: "files opened into the ring's own table (direct descriptors), which are counted, and opens whose \
                  completion is suppressed (IOSQE_CQE_SKIP_SUCCESS), which are not",
        }],
    },
    functions::RECEIVED,
    Sensor {
        name: "connect",
        applies: Applies::Always,
        gap: "who opened a connection, and when it ends",
        rungs: &[
            Rung {
                hook: "tp_btf:inet_sock_set_state",
                class: Class::Tracepoint,
                attachments: &[required("weir_state_tp_btf", Target::BtfTracepoint("inet_sock_set_state"))],
                beside: &[],
                needs: &[TASK, SOCK],
                gap: "",
            },
            Rung {
                hook: "raw_tp:inet_sock_set_state",
                class: Class::Kprobe,
                attachments: &[required("weir_state_raw_tp", Target::RawTracepoint("inet_sock_set_state"))],
                beside: &[],
                needs: &[TASK, SOCK],
                gap: "",
            },
        ],
    },
    Sensor {
        name: "datagram.peer",
        applies: Applies::Always,
        gap: "destinations of unconnected datagrams",
        rungs: &[Rung {
            hook: "cgroup:sendmsg4,sendmsg6",
            class: Class::Cgroup,
            attachments: &[
                required("weir_peer_v4", Target::CgroupRoot("sendmsg4")),
                required("weir_peer_v6", Target::CgroupRoot("sendmsg6")),
            ],
            beside: &[],
            needs: &[SOCK, &["sock_dport"]],
            gap: "",
        }],
    },
    Sensor {
        name: "datagram.close",
        applies: Applies::Always,
        gap: "ends of datagram sockets: their ledger entries are kept until they have been idle for long",
        rungs: &[Rung {
            hook: "cgroup:sock_release",
            class: Class::Cgroup,
            attachments: &[required("weir_socket_release", Target::CgroupRoot("sock_release"))],
            beside: &[],
            needs: &[],
            gap: "",
        }],
    },
    Sensor {
        name: "send",
        applies: Applies::Always,
        gap: "bytes that are sent",
        rungs: &[
            held::SEND,
            Rung {
                hook: "tp_btf:sock_send_length",
                class: Class::Tracepoint,
                attachments: &[required("weir_send_tp_btf", Target::BtfTracepoint("sock_send_length"))],
                beside: &[],
                needs: &[TASK, SOCK],
                gap: "",
            },
            Rung {
                hook: "fexit:inet_sendmsg",
                class: Class::Fentry,
                attachments: &[
                    required("weir_send_inet", Target::Fexit("inet_sendmsg")),
                    // IPv6 may be switched off; pages are sent through sendmsg from 6.5 on.
                    optional("weir_send_inet6", Target::Fexit("inet6_sendmsg")),
                    optional("weir_send_page", Target::Fexit("inet_sendpage")),
                ],
                beside: &[],
                needs: &[TASK, SOCK, &["socket_sk"]],
                gap: "bytes sent by other families than IPv4 and IPv6",
            },
            Rung {
                hook: "kprobe:tcp_sendmsg",
                class: Class::Kprobe,
                attachments: &[
                    required("weir_send_tcp", Target::Kprobe("tcp_sendmsg")),
                    required("weir_send_tcp_close", Target::Kprobe("tcp_close")),
                    optional("weir_send_udp", Target::Kprobe("udp_sendmsg")),
                    optional("weir_send_udp", Target::Kprobe("udpv6_sendmsg")),
                    optional("weir_send_udp", Target::Kprobe("raw_sendmsg")),
                    optional("weir_send_udp", Target::Kprobe("rawv6_sendmsg")),
                    optional("weir_send_udp", Target::Kprobe("ping_v4_sendmsg")),
                    optional("weir_send_udp", Target::Kprobe("ping_v6_sendmsg")),
                ],
                beside: &[],
                needs: &[TASK, SOCK, &["tcp_write_seq"]],
                gap: "bytes sent by other protocols than TCP, UDP, raw IP and ICMP; the last send of a TCP connection is counted \
                      at the next one or at the close",
            },
        ],
    },
    Sensor {
        name: "send.page",
        applies: Applies::WithFunction("inet_sendpage", ("send", "tp_btf:sock_send_length")),
        gap: "bytes sent by sendfile and splice",
        rungs: &[Rung {
            hook: "fexit:inet_sendpage",
            class: Class::Fentry,
            attachments: &[required("weir_send_page", Target::Fexit("inet_sendpage"))],
            beside: &[],
            needs: &[TASK, SOCK, &["socket_sk"]],
            gap: "",
        }],
    },
    functions::RAW_PEER,
    Sensor {
        name: "receive",
        applies: Applies::Always,
        gap: "bytes that are received",
        rungs: &[
            held::RECEIVE,
            Rung {
                hook: "tp_btf:sock_recv_length",
                class: Class::Tracepoint,
                attachments: &[required("weir_recv_tp_btf", Target::BtfTracepoint("sock_recv_length"))],
                beside: &[],
                needs: &[TASK, SOCK],
                gap: "bytes that are spliced out of a socket",
            },
            Rung {
                hook: "fexit:inet_recvmsg",
                class: Class::Fentry,
                attachments: &[
                    required("weir_recv_inet", Target::Fexit("inet_recvmsg")),
                    optional("weir_recv_inet6", Target::Fexit("inet6_recvmsg")),
                ],
                beside: &[],
                needs: &[TASK, SOCK, &["socket_sk"]],
                gap: "bytes that are spliced out of a socket, and other families than IPv4 and IPv6",
            },
            Rung {
                hook: "kprobe:tcp_cleanup_rbuf",
                class: Class::Kprobe,
                attachments: &[
                    required("weir_recv_tcp", Target::Kprobe("tcp_cleanup_rbuf")),
                    optional("weir_recv_udp", Target::Kprobe("skb_consume_udp")),
                ],
                beside: &[],
                needs: &[TASK, SOCK],
                gap: "bytes received by other protocols than TCP and UDP; peeked bytes count twice",
            },
        ],
    },
    unix::SENSOR,
    functions::MEMORY,
    functions::FAMILY,
    Sensor {
        name: "socket.cookie",
        // A socket has one name when every hook that names it can make its cookie.
        applies: Applies::Unless(&[
            ("connect", "tp_btf:inet_sock_set_state"),
            ("send", "tp_btf:sock_send_length"),
            ("receive", "tp_btf:sock_recv_length"),
        ]),
        gap: "a flow may have two ledger entries, by address and by cookie",
        rungs: &[Rung {
            hook: "cgroup:sock_create",
            class: Class::Cgroup,
            attachments: &[required("weir_socket_create", Target::CgroupRoot("sock_create"))],
            beside: &[],
            needs: &[],
            gap: "accepted connections and sockets older than the agent have none: what they move may be told as two flows",
        }],
    },
    packets::DNS,
    packets::FIRST_BYTES,
];
