//! What only functions of the kernel tell.

use super::{
    Applies, Class, DESCRIPTOR, FILE, PATH, Rung, SOCK, Sensor, TASK, Target, held, optional, required,
};

/// Members that tell where a message goes.
const MESSAGE: &[&str] = &["msghdr_name", "msghdr_namelen"];

/// Descriptors that are handed over.
pub(super) const RECEIVED: Sensor = Sensor {
    name: "open.received",
    applies: Applies::Always,
    gap: "files whose descriptors are handed over (SCM_RIGHTS, pidfd_getfd)",
    rungs: &[
        Rung {
            hook: "fexit:security_file_receive",
            class: Class::Fentry,
            attachments: &[required("weir_received_fexit", Target::Fexit("security_file_receive"))],
            beside: &[],
            needs: &[TASK, PATH, FILE],
            gap: "",
        },
        Rung {
            hook: "kprobe:security_file_receive",
            class: Class::Kprobe,
            attachments: &[required("weir_received_kprobe", Target::Kprobe("security_file_receive"))],
            beside: &[],
            needs: &[TASK, PATH, FILE],
            gap: "",
        },
    ],
};

/// Destinations of what has no ports.
pub(super) const RAW_PEER: Sensor = Sensor {
    name: "raw.peer",
    // The others see the message itself.
    applies: Applies::Beside(&[("send", held::SEND.hook), ("send", "tp_btf:sock_send_length")]),
    gap: "destinations of raw and ping sockets",
    rungs: &[
        Rung {
            hook: "fexit:raw_sendmsg",
            class: Class::Fentry,
            attachments: &[
                required("weir_raw_v4", Target::Fexit("raw_sendmsg")),
                // IPv6 may be switched off.
                optional("weir_raw_v6", Target::Fexit("rawv6_sendmsg")),
                optional("weir_ping_v4", Target::Fexit("ping_v4_sendmsg")),
                optional("weir_ping_v6", Target::Fexit("ping_v6_sendmsg")),
            ],
            beside: &[],
            needs: &[SOCK, MESSAGE],
            gap: "",
        },
        Rung {
            hook: "kprobe:raw_sendmsg",
            class: Class::Kprobe,
            attachments: &[
                required("weir_raw_peer", Target::Kprobe("raw_sendmsg")),
                optional("weir_raw_peer", Target::Kprobe("rawv6_sendmsg")),
                optional("weir_raw_peer", Target::Kprobe("ping_v4_sendmsg")),
                optional("weir_raw_peer", Target::Kprobe("ping_v6_sendmsg")),
            ],
            beside: &[],
            needs: &[SOCK, MESSAGE],
            gap: "",
        },
    ],
};

/// Access to another process's memory.
pub(super) const MEMORY: Sensor = Sensor {
    name: "memory",
    applies: Applies::Always,
    gap: "processes that read another one's memory",
    rungs: &[
        Rung {
            hook: "fexit:security_ptrace_access_check",
            class: Class::Fentry,
            attachments: &[
                required("weir_mem_asked", Target::Fexit("security_ptrace_access_check")),
                required("weir_mem_given", Target::Fexit("security_ptrace_traceme")),
            ],
            beside: &[],
            needs: &[TASK],
            gap: "",
        },
        Rung {
            hook: "kprobe:security_ptrace_access_check",
            class: Class::Kprobe,
            attachments: &[
                required("weir_mem_ask", Target::Kprobe("security_ptrace_access_check")),
                required("weir_mem_give", Target::Kprobe("security_ptrace_traceme")),
            ],
            beside: &[],
            needs: &[TASK],
            gap: "",
        },
    ],
};

/// Sockets of other families than IP.
pub(super) const FAMILY: Sensor = Sensor {
    name: "socket.family",
    applies: Applies::Always,
    gap: "sockets that see every packet, and those of other families than IP",
    rungs: &[
        Rung {
            hook: "fexit:security_socket_post_create",
            class: Class::Fentry,
            attachments: &[required("weir_family_fexit", Target::Fexit("security_socket_post_create"))],
            beside: &[],
            needs: &[TASK],
            gap: "",
        },
        Rung {
            hook: "kprobe:security_socket_post_create",
            class: Class::Kprobe,
            attachments: &[required("weir_family_kp", Target::Kprobe("security_socket_post_create"))],
            beside: &[],
            needs: &[TASK],
            gap: "",
        },
        Rung {
            hook: "tracepoint:syscalls:sys_exit_socket",
            class: Class::Tracepoint,
            attachments: &[required("weir_family_sys", Target::Tracepoint("syscalls", "sys_exit_socket"))],
            beside: &[],
            needs: &[TASK, SOCK, DESCRIPTOR, &["file_private", "socket_sk"]],
            gap: "sockets of other families that are made through io_uring or by 32-bit programs",
        },
    ],
};
