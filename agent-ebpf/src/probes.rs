//! The hooks, one family a file. Above each hook stand the kernel's prototype and the versions it relies on.

mod fork;
mod exec;
mod exit;
mod open;
mod io_uring;
mod growth;
mod flow_state;
mod udp_peer;
mod send;
mod sequence;
mod recv;
mod unix;
mod family;
mod memory;
mod content;
mod dns;
