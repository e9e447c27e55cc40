//! The first fact of a run.

use std::fs;

use super::{clock::boot_to_wall_ns, procfs::Procfs};
use crate::{
    config::Config,
    event::{BootTime, Coverage, Event, Fact, ProcessKey, Started},
};

/// Inode of the initial PID namespace (`PROC_PID_INIT_INO`), the same on every kernel.
const INITIAL_PID_NAMESPACE: u32 = 0xEFFF_FFFC;

/// The fact that the agent started, as of `now`: host, kernel, clock, configuration, and what `coverage` and the
/// agent's own place leave invisible.
#[must_use]
pub fn started(config: &Config, mut coverage: Vec<Coverage>, procfs: &Procfs, now: BootTime) -> Event {
    coverage.extend(foreign_namespace(procfs));
    let started = Started {
        boot_to_wall_ns: boot_to_wall_ns(),
        boot_id: line("/proc/sys/kernel/random/boot_id"),
        host: line("/proc/sys/kernel/hostname"),
        kernel: line("/proc/sys/kernel/osrelease"),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config: config.source.clone(),
        coverage,
        agent: procfs.key(std::process::id()).unwrap_or_default(),
    };
    Event { time: now, process: ProcessKey::HOST, fact: Fact::Started(Box::new(started)) }
}

fn foreign_namespace(procfs: &Procfs) -> Option<Coverage> {
    let own = procfs.namespace("self", "pid");
    (own != Some(INITIAL_PID_NAMESPACE)).then(|| Coverage {
        sensor: "processes".to_owned(),
        hook: "procfs".to_owned(),
        gap: "processes older than the agent, containers, units and script text: kernel and procfs number processes \
              differently here"
            .to_owned(),
        reason: "the agent does not run in the initial PID namespace".to_owned(),
    })
}

fn line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}
