//! Bytes that leave: what the ledger's flows say, where they go, and what is made of them.

use std::{net::SocketAddr, sync::Arc};

use agent_common::{
    file::{FAMILY_FILES, FILES_COOKIE},
    net::{AF_PACKET, AF_VSOCK, IPPROTO_TCP},
    process::NS_PER_TICK,
};

use super::{
    LEARNING_NS, MET_MAX, Pipeline,
    flows::{self, Delta, Sent},
    moments::Mark,
};
use crate::{
    alert::Record,
    detect::{Observation, SocketUse, traffic_flow::is_of_messages},
    event::{Flow, FlowWhat, Leads, ProcessKey, Remote},
};

/// `SOCK_RAW`.
const SOCK_RAW: u16 = 3;

impl Pipeline {
    pub(super) fn flow(&mut self, process: ProcessKey, flow: &Flow, out: &mut Vec<Record>) {
        match flow.what {
            FlowWhat::Closed => {
                self.provenance.closed(flow, self.now);
                return self.flows.close(flow.socket, self.now);
            }
            FlowWhat::Accepted => return,
            FlowWhat::Connect | FlowWhat::Active | FlowWhat::Snapshot => {}
        }
        if flow.family == FAMILY_FILES {
            return self.written(process, flow, out);
        }
        let actor = Arc::clone(self.table.ensure(process, self.now));
        let outgoing = flows::is_outgoing(flow);
        self.provenance.flow(&actor, self.table.story(process), (flow, outgoing), self.now);
        let mut delta = self.flows.update(process, flow, self.now);
        if flow.family == AF_PACKET && delta.rx > 0 {
            // What others sent and received is nothing that this process received.
            let captured = std::mem::take(&mut delta.rx);
            self.observe(process, &Observation::Socket(SocketUse::Captured(captured)), out);
        }
        for content in self.contents.take(flow.socket) {
            if outgoing {
                self.spoken(process, &content, out);
            }
        }
        let Some(mut remote) = destination(flow) else { return };
        // Who writes the packet's header himself (IP_HDRINCL) names another destination there than to the kernel.
        if flow.sock_type == SOCK_RAW && (self.is_inside(remote) || self.covering(process, remote).is_some())
        {
            remote = Remote::Unknown;
        }
        if self.is_inside(remote) {
            return;
        }
        if let (true, Remote::Address(remote)) = (delta.new && outgoing, remote) {
            self.connect(process, remote, flow, out);
        }
        if delta.tx == 0 && delta.rx == 0 {
            return;
        }
        if !outgoing && !self.gives_away(process) {
            return;
        }
        if remote.ip().is_some_and(|ip| self.mounts.serves(ip)) && self.is_of_kernel(process) {
            // The kernel's threads carry what is counted where it was written.
            return;
        }
        delta.tx = self.mounts.by_socket(process, remote, delta.tx);
        self.leave(process, remote, (flow, delta), out);
    }

    /// Files grew on a file system that leads away from this host.
    fn written(&mut self, process: ProcessKey, flow: &Flow, out: &mut Vec<Record>) {
        let Ok(dev) = u32::try_from(flow.socket ^ FILES_COOKIE) else { return };
        let remote = match self.mounts.leads(dev) {
            Some(Leads::Server(server)) => Remote::Share { dev, server },
            Some(Leads::Medium) => Remote::Medium(dev),
            // Its process is followed; what nobody told of is this host's own.
            Some(Leads::Process { .. } | Leads::Nowhere) | None => return,
        };
        self.table.ensure(process, self.now);
        let mut delta = self.flows.update(process, flow, self.now);
        if self.is_inside(remote) {
            return;
        }
        delta.tx = self.mounts.by_file(process, remote, delta.tx);
        if delta.tx > 0 {
            self.leave(process, remote, (flow, delta), out);
        }
    }

    /// Bytes went outside, as far as no trust rule covers them.
    fn leave(
        &mut self,
        process: ProcessKey,
        remote: Remote,
        (flow, delta): (&Flow, Delta),
        out: &mut Vec<Record>,
    ) {
        if let Some(rule) = self.covering(process, remote) {
            self.rules.spend(rule, delta.tx, self.now);
            return;
        }
        let port_class = self.config.volume.ports.contains(&remote.port());
        let story = self.table.story(process);
        let executable = self.executable(process);
        let protocol = match (flow.family, remote) {
            (_, Remote::Share { .. }) => IPPROTO_TCP,
            _ => flow.protocol,
        };
        let sent = Sent { process, story, executable, remote, protocol, port_class, delta };
        self.flows.add(&sent, flow.local, self.now);
        self.totals.bytes_out = self.totals.bytes_out.saturating_add(delta.tx);
        if delta.tx > 0 {
            let messages = if is_of_messages(protocol, remote.port()) { delta.sends } else { 0 };
            self.pauses.sent(process, story, (delta.tx, messages), self.now);
            let protocol = u8::try_from(protocol).unwrap_or(u8::MAX);
            self.moments.note(process, Mark::Sent(remote, protocol), self.now);
            self.volume(&sent, flow, out);
            self.judge(process, out);
        }
    }

    fn is_of_kernel(&self, process: ProcessKey) -> bool {
        self.table.get(process).is_some_and(|known| known.exe.bytes.is_empty() && !known.unknown)
    }

    fn is_inside(&self, remote: Remote) -> bool {
        remote.ip().is_some_and(|ip| self.config.network.is_inside(ip))
    }

    fn connect(&mut self, process: ProcessKey, remote: SocketAddr, flow: &Flow, out: &mut Vec<Record>) {
        let executable = self.executable(process);
        let room = self.met.len() < MET_MAX;
        let met = !room || !self.met.insert((executable, remote.ip()));
        let first_seen = !met && self.watched_ns() >= LEARNING_NS;
        let began = process.start_ticks.saturating_mul(NS_PER_TICK);
        let unnamed = self.names.is_unnamed(remote.ip(), flow.net_ns, began, self.now);
        let protocol = flow.protocol;
        self.observe(
            process,
            &Observation::Connect { remote, protocol, outside: true, first_seen, unnamed },
            out,
        );
    }
}

/// Where a flow's bytes go: its remote end. Bytes of a process's overflow entry (the ledger was full) have lost
/// theirs and count as going outside, as do those of ICMP where no hook sees its destinations, and those of families that
/// are none of IP's; to the hypervisor (vsock) they go nowhere.
fn destination(flow: &Flow) -> Option<Remote> {
    match flow.remote {
        Some(remote) => Some(remote.into()),
        None => (flow.family != AF_VSOCK).then_some(Remote::Unknown),
    }
}
