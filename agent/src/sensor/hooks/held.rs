//! Rungs for kernels on which a task can be preempted inside a tracepoint's program (7.0), so that the program is left
//! out for whoever else comes by on that CPU. Whoever comes through perf's own handler keeps the CPU.

use super::{Class, Rung, SOCK, TASK, Target, required};

/// Members of the tracepoints' record.
const RECORD: &[&str] = &["msg_length_sk", "msg_length_ret", "msg_length_flags"];

/// Sends.
pub(super) const SEND: Rung = Rung {
    hook: "tracepoint:sock:sock_send_length",
    class: Class::Tracepoint,
    attachments: &[required("weir_send_held", Target::Tracepoint("sock", "sock_send_length"))],
    beside: &[],
    needs: &[TASK, SOCK, RECORD],
    gap: "",
};

/// Receives.
pub(super) const RECEIVE: Rung = Rung {
    hook: "tracepoint:sock:sock_recv_length",
    class: Class::Tracepoint,
    attachments: &[required("weir_recv_held", Target::Tracepoint("sock", "sock_recv_length"))],
    beside: &[],
    needs: &[TASK, SOCK, RECORD],
    gap: "bytes that are spliced out of a socket",
};

/// Whether a rung is one of these.
pub(super) fn has(rung: &Rung) -> bool {
    [SEND.hook, RECEIVE.hook].contains(&rung.hook)
}
