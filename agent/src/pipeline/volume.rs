//! Bytes out as observations: of a flow, a process, a story, and all runs of a job.

use super::{Pipeline, flows::Sent, horizon::Counted};
use crate::{
    alert::Record,
    detect::{Observation, Scope, Volume},
    event::Flow,
};

impl Pipeline {
    /// Shows what a flow, its process, its story and, if collected data goes, the job have sent, each sum within a day.
    pub(super) fn volume(&mut self, sent: &Sent, flow: &Flow, out: &mut Vec<Record>) {
        let (tx, rx) = (flow.tx_bytes, flow.rx_bytes);
        let of_flow = Counted { out: tx, back: rx, out_ports: if sent.port_class { tx } else { 0 } };
        let day = |sums: Option<&super::flows::Sums>| sums.map(|sums| sums.day.day(self.now));
        let mut sums = vec![
            (Scope::Flow, Some(of_flow)),
            (Scope::Process, day(self.flows.process(sent.process))),
            (Scope::Lineage, day(self.flows.story(sent.story))),
        ];
        let cause = self.table.cause(sent.story);
        if let Some(cause) = cause.filter(|_| self.provenance.carries(sent.process)) {
            self.causes.add(cause, sent, flow.local, self.now);
            sums.push((Scope::Cause(cause), day(self.causes.get(cause).map(|runs| &runs.sums))));
        }
        for (scope, bytes) in sums {
            let Some(Counted { out: bytes_out, back: bytes_in, out_ports: bytes_out_ports }) = bytes else {
                continue;
            };
            let (remote, protocol) = (sent.remote, sent.protocol);
            let last = (sent.delta.tx, sent.delta.sends);
            let volume = Volume { scope, remote, protocol, bytes_out, bytes_in, bytes_out_ports, last };
            self.observe(sent.process, &Observation::Volume(volume), out);
        }
    }
}
