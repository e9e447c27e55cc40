//! Programs that only count, on every hook that weir takes on this kernel.

use anyhow::{Context as _, Result, ensure};
use aya::{
    Btf, Ebpf,
    maps::PerCpuArray,
    programs::{BtfTracePoint, FExit, TracePoint},
};
use serde::Deserialize;
use std::process::Command;

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/weir-floor"));

/// Programs by the hook that they are for, as `weir check --json` names it.
const PROGRAMS: &[(&str, &str)] = &[
    ("tp_btf:sched_process_fork", "floor_fork"),
    ("tp_btf:sched_process_exec", "floor_exec"),
    ("tp_btf:sched_process_exit", "floor_exit"),
    ("tp_btf:inet_sock_set_state", "floor_state"),
    ("tp_btf:sock_send_length", "floor_send"),
    ("tp_btf:sock_recv_length", "floor_recv"),
    ("fexit:security_file_open", "floor_open"),
    ("fexit:security_file_receive", "floor_received"),
    ("fexit:security_socket_post_create", "floor_family"),
    ("fexit:inet_sendmsg", "floor_send4"),
    ("fexit:inet6_sendmsg", "floor_send6"),
    ("fexit:inet_recvmsg", "floor_recv4"),
    ("fexit:inet6_recvmsg", "floor_recv6"),
];
const TRACEPOINT: &str = "floor_tracepoint";

/// Attached until it is dropped.
pub(crate) struct Floor(Ebpf);

#[derive(Deserialize)]
struct Checked {
    programs: Vec<Program>,
}

#[derive(Deserialize)]
struct Program {
    attached: Vec<String>,
}

impl Floor {
    pub(crate) fn start() -> Result<Self> {
        let output = Command::new(env!("CARGO_BIN_EXE_weir")).args(["check", "--json"]).output()?;
        let checked: Checked = serde_json::from_slice(&output.stdout).context("`weir check --json`")?;
        let mut object = Ebpf::load(OBJECT).context("the counting programs")?;
        let btf = Btf::from_sys_fs()?;
        let mut attached = 0;
        for place in checked.programs.iter().flat_map(|program| &program.attached) {
            attached += usize::from(attach(&mut object, place, &btf).with_context(|| place.clone())?);
        }
        ensure!(attached > 0, "weir takes no hook that the counting programs have");
        Ok(Self(object))
    }

    /// How often they ran.
    pub(crate) fn runs(&self) -> Result<u64> {
        let runs = PerCpuArray::<_, u64>::try_from(self.0.map("floor_runs").context("no map")?)?;
        Ok(runs.get(&0, 0)?.iter().sum())
    }
}

/// Whether there is a program for the hook.
fn attach(object: &mut Ebpf, place: &str, btf: &Btf) -> Result<bool> {
    let (kind, target) = place.split_once(':').unwrap_or_default();
    let name = match PROGRAMS.iter().find(|(hook, _)| *hook == place) {
        Some((_, name)) => name,
        None if kind == "tracepoint" => TRACEPOINT,
        None => return Ok(false),
    };
    let program = object.program_mut(name).context("not in the object")?;
    let fresh = program.fd().is_err();
    match kind {
        "tp_btf" => {
            let program: &mut BtfTracePoint = program.try_into()?;
            program.load(target, btf)?;
            program.attach()?;
        }
        "fexit" => {
            let program: &mut FExit = program.try_into()?;
            program.load(target, btf)?;
            program.attach()?;
        }
        _ => {
            let program: &mut TracePoint = program.try_into()?;
            if fresh {
                program.load()?;
            }
            let (category, tracepoint) = target.split_once([':', '/']).context("a category and a name")?;
            program.attach(category, tracepoint)?;
        }
    }
    Ok(true)
}
