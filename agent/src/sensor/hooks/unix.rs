//! Unix sockets. Where the hooks of sends and receives see every family, their programs do the work.

use super::{Applies, Class, Rung, Sensor, TASK, Target, UNIX, held, optional, required};

/// What no rung sees.
const GAP: &str = "what is spliced out of a unix socket, datagrams that bring their destination with them, and who is \
                   sent to after a datagram socket was connected anew";

pub(super) const SENSOR: Sensor = Sensor {
    name: "unix",
    applies: Applies::Always,
    gap: "data that goes from one process to another through a unix socket",
    rungs: &[
        Rung {
            hook: held::SEND.hook,
            class: Class::Tracepoint,
            attachments: &[],
            beside: &[("send", held::SEND.hook), ("receive", held::RECEIVE.hook)],
            needs: &[TASK, UNIX],
            gap: GAP,
        },
        Rung {
            hook: "tp_btf:sock_send_length",
            class: Class::Tracepoint,
            attachments: &[],
            beside: &[("send", "tp_btf:sock_send_length"), ("receive", "tp_btf:sock_recv_length")],
            needs: &[TASK, UNIX],
            gap: GAP,
        },
        Rung {
            hook: "fexit:unix_stream_sendmsg",
            class: Class::Fentry,
            attachments: &[
                required("weir_unix_sent", Target::Fexit("unix_stream_sendmsg")),
                required("weir_unix_taken", Target::Fexit("unix_stream_recvmsg")),
                required("weir_unix_posted", Target::Fexit("unix_dgram_sendmsg")),
                required("weir_unix_got", Target::Fexit("unix_dgram_recvmsg")),
                // Pages are sent through sendmsg from 6.5 on.
                optional("weir_unix_page", Target::Fexit("unix_stream_sendpage")),
            ],
            beside: &[],
            needs: &[TASK, UNIX, &["socket_sk"]],
            gap: GAP,
        },
        Rung {
            hook: "kprobe:unix_stream_sendmsg",
            class: Class::Kprobe,
            attachments: &[
                required("weir_unix_send", Target::Kprobe("unix_stream_sendmsg")),
                required("weir_unix_recv", Target::Kprobe("unix_stream_recvmsg")),
                optional("weir_unix_send", Target::Kprobe("unix_dgram_sendmsg")),
                optional("weir_unix_recv", Target::Kprobe("unix_dgram_recvmsg")),
            ],
            beside: &[],
            needs: &[TASK, UNIX, &["socket_sk"]],
            gap: GAP,
        },
    ],
};
