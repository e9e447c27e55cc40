//! Loads the kernel programs and attaches, for each sensor, the best hook that this kernel allows.

mod attach;
mod cgroup;
mod environment;
mod kfuncs;
mod perf;
mod programs;

use std::{fmt, io, path::Path};

use agent_common::kernel_layout::Tuning;
use aya::{
    Btf, Ebpf, EbpfError, EbpfLoader, Endianness,
    maps::{HashMap, MapError},
};
use aya_log::EbpfLogger;
use serde::Serialize;
use thiserror::Error;
use tracing::{debug, warn};

use self::{attach::Places, environment::Environment};
use super::{
    beyond, growth,
    hooks::{Attachment, CONTENT, Class, LADDER, Rung, Sensor, Tracepoints},
    layout::{KERNEL_BTF, Kernel, LayoutError},
    mounts::HostMounts,
    procfs::Procfs,
    resolvers,
};
use crate::{config, event::Coverage};

pub use self::{
    perf::kept_from_the_service,
    programs::{Program, VerifierLog, missed_runs},
};

/// The BPF object, built from `agent-ebpf`.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/weir-ebpf"));

/// A kernel function that exists where tracing programs may ask for a socket's cookie (5.12).
const COOKIE_HELPER: &str = "bpf_get_socket_ptr_cookie";

/// A sensor whose programs all read the kernel's memory, and may on every kernel that lets itself be read.
const READER: &str = "exec";

/// Level of debug messages on the programs' side (`aya_log` counts them from error, 1, to trace, 5).
const LOG_DEBUG: u8 = 4;
/// No messages: the branches that would make them are not even there.
const LOG_OFF: u8 = 0;

/// Programs that run in the kernel until this is dropped.
#[derive(Debug)]
pub struct Loaded {
    /// The object: its maps by the names in `agent-ebpf/src/maps.rs`, its programs and their links.
    pub ebpf: Ebpf,
    /// What each sensor runs on and what it cannot see. A sensor that this kernel has no use for is not listed.
    pub coverage: Vec<Coverage>,
    /// Sensors that run on another kind of hook than the one that was asked for, or on none.
    pub unheeded: Vec<Unheeded>,
    /// The mount namespace in which the programs know a directory to be quiet.
    pub host: HostMounts,
    /// The programs that run, in the order of the sensors that they serve.
    pub programs: Vec<Program>,
    /// The verifier's whole log for each program that it refused.
    pub verifier_logs: Vec<VerifierLog>,
    /// Messages of the programs, when debug messages are wanted; to be flushed when its descriptor is readable.
    pub messages: Option<Messages>,
}

/// A choice of hook that could not be heeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Unheeded {
    /// The sensor.
    pub sensor: &'static str,
    /// The kind that was asked for.
    pub asked: &'static str,
    /// What it runs on instead; empty when it is off.
    pub hook: &'static str,
}

/// The programs' own messages, which go to the `log` facade.
pub struct Messages(pub EbpfLogger<&'static dyn log::Log>);

impl fmt::Debug for Messages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Messages")
    }
}

/// Nothing could be loaded. A single hook that is refused is no error but a line of [`Loaded::coverage`].
#[derive(Debug, Error)]
pub enum LoadError {
    /// The kernel lacks what the programs are made of.
    #[error("this kernel is {release}, and weir needs Linux {oldest} or later: boot a newer kernel")]
    TooOld {
        /// What `uname -r` says.
        release: String,
        /// Major and minor number of the oldest kernel.
        oldest: String,
    },
    /// The process lacks the capabilities.
    #[error("loading kernel programs needs {missing}: run weir as root, or from its systemd unit")]
    NotPermitted {
        /// Names of the capabilities.
        missing: String,
    },
    /// The kernel keeps its memory from everybody.
    #[error(
        "the kernel is locked down (lockdown=confidentiality), which hides its memory from programs such as weir's: \
         boot with lockdown=integrity, or without lockdown"
    )]
    Confidentiality {
        /// The verifier's logs, as in [`Loaded`]; none where the kernel said so itself.
        verifier_logs: Vec<VerifierLog>,
    },
    /// No type information.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// aya could not read the same type information.
    #[error("the type information in {KERNEL_BTF} cannot be used: {0}")]
    Btf(#[from] aya::BtfError),
    /// A map could not be made for want of lockable memory.
    #[error(
        "the kernel refused a map ({0}): allow more locked memory (LimitMEMLOCK=infinity in the unit, `ulimit -l \
         unlimited` in a shell)"
    )]
    LockedMemory(#[source] EbpfError),
    /// A map could not be made, and locked memory is not why.
    #[error(
        "the kernel forbids maps ({0}), and not for want of locked memory: run weir with CAP_BPF and CAP_PERFMON that \
         hold for the host (not for a user namespace), and look whether lockdown, a security module or a seccomp filter \
         forbids bpf(2)"
    )]
    MapsForbidden(#[source] EbpfError),
    /// The kernel gave no random bits.
    #[error("the kernel gives no random bits: {0}")]
    Random(#[source] io::Error),
    /// The object could not be loaded.
    #[error("the kernel programs cannot be loaded: {0}")]
    Object(#[source] EbpfError),
    /// Not one sensor runs.
    #[error("this kernel allows none of weir's hooks: {reasons}")]
    Blind {
        /// What the kernel said about each.
        reasons: String,
        /// The verifier's logs, as in [`Loaded`].
        verifier_logs: Vec<VerifierLog>,
    },
}

impl LoadError {
    /// Whether another start on this host, as it is, must fail in the same way.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::TooOld { .. }
            | Self::NotPermitted { .. }
            | Self::Confidentiality { .. }
            | Self::Layout(_)
            | Self::Btf(_) => true,
            Self::LockedMemory(_)
            | Self::MapsForbidden(_)
            | Self::Random(_)
            | Self::Object(_)
            | Self::Blind { .. } => false,
        }
    }

    /// The verifier's log for each program that it refused before all was given up.
    #[must_use]
    pub fn verifier_logs(&self) -> &[VerifierLog] {
        match self {
            Self::Blind { verifier_logs, .. } | Self::Confidentiality { verifier_logs } => verifier_logs,
            Self::TooOld { .. }
            | Self::NotPermitted { .. }
            | Self::Layout(_)
            | Self::Btf(_)
            | Self::LockedMemory(_)
            | Self::MapsForbidden(_)
            | Self::Random(_)
            | Self::Object(_) => &[],
        }
    }
}

/// Loads the object and attaches every sensor that this kernel allows, by the best hook that it allows.
///
/// # Errors
///
/// [`LoadError`] when nothing can be watched at all; its text names the remedy.
pub fn load(config: &config::Sensor) -> Result<Loaded, LoadError> {
    let environment = Environment::prepare()?;
    let kernel = Kernel::read(Path::new(KERNEL_BTF))?;
    for (field, why) in &kernel.absent {
        debug!(field, %why, "this kernel lacks a member");
    }
    let btf = Btf::parse(kernel.type_information(), Endianness::default())?;
    let verbose = tracing::enabled!(tracing::Level::DEBUG);
    let host = HostMounts::find(&Procfs::default());
    let tuning = tuning(&kernel, &host, environment.tracepoints)?;
    let mut ebpf = load_object(config, &kernel, &btf, &tuning, verbose)?;
    mark_own(&mut ebpf)?;
    let places = Places { btf: &btf, cgroup: environment.cgroup_root.as_ref() };
    let mut ladder = Ladder {
        kernel: &kernel,
        tracepoints: environment.tracepoints,
        places,
        coverage: Vec::new(),
        unheeded: Vec::new(),
        attached: Vec::new(),
        verifier_logs: Vec::new(),
    };
    for sensor in LADDER {
        if sensor.name == CONTENT && !config.content {
            ladder.leave_out(sensor, "switched off by sensor.content");
        } else {
            ladder.climb(&mut ebpf, sensor, config.hooks);
        }
    }
    let Ladder { mut coverage, unheeded, attached, verifier_logs, .. } = ladder;
    let is_blind = coverage.iter().all(|sensor| sensor.hook.is_empty());
    coverage.push(growth::prepare(&mut ebpf));
    report(&coverage, &unheeded);
    // Where securityfs is not mounted the verifier is the first to tell.
    if verifier_logs.iter().any(|log| log.sensor == READER && log.hides_memory()) {
        return Err(LoadError::Confidentiality { verifier_logs });
    }
    if is_blind {
        let reasons: Vec<&str> = coverage.iter().map(|sensor| sensor.reason.as_str()).collect();
        return Err(LoadError::Blind { reasons: reasons.join("; "), verifier_logs });
    }
    let programs = programs::describe(&ebpf, &attached);
    let messages = if verbose { messages(&mut ebpf) } else { None };
    Ok(Loaded { ebpf, coverage, unheeded, host, programs, verifier_logs, messages })
}

/// Tells the kernel's side the host's own file systems before anything is attached.
fn mark_own(ebpf: &mut Ebpf) -> Result<(), LoadError> {
    let map = ebpf.map_mut("weir_own_fs").ok_or_else(|| MapError::InvalidName { name: "weir_own_fs".into() });
    let mut own = map.and_then(HashMap::try_from).map_err(|error| LoadError::Object(error.into()))?;
    beyond::mark_own(&mut own, &Procfs::default()).map_err(|error| LoadError::Object(error.into()))
}

/// Makes the maps and relocates the programs, which are loaded one by one later.
fn load_object(
    config: &config::Sensor,
    kernel: &Kernel,
    btf: &Btf,
    tuning: &Tuning,
    verbose: bool,
) -> Result<Ebpf, LoadError> {
    let level = if verbose { LOG_DEBUG } else { LOG_OFF };
    EbpfLoader::new()
        .btf(Some(btf))
        .allow_unsupported_maps()
        .override_global("LAYOUT", &kernel.layout, true)
        .override_global("TUNING", tuning, true)
        .override_global(aya_log::LEVEL, &level, false)
        .map_max_entries("weir_lifecycle", config.lifecycle_ring)
        .map_max_entries("weir_bulk", config.bulk_ring)
        .load(&kfuncs::fit(OBJECT, kernel))
        .map_err(refused)
}

/// What the programs are told of this kernel.
fn tuning(kernel: &Kernel, host: &HostMounts, tracepoints: Tracepoints) -> Result<Tuning, LoadError> {
    Ok(Tuning {
        agent_tgid: std::process::id(),
        has_socket_cookie: kernel.has_function(COOKIE_HELPER).into(),
        host_mnt_ns: host.namespace(),
        makes_up: (tracepoints == Tracepoints::Preempted).into(),
        host_net_ns: resolvers::host_network(&Procfs::default()),
        _reserved: 0,
        seed: seed().map_err(LoadError::Random)?,
    })
}

/// Random bits, once the kernel has gathered enough of them.
fn seed() -> io::Result<[u32; 4]> {
    let mut seed = [0; 4];
    // SAFETY: the buffer is live and as long as the call is told.
    let got = unsafe { libc::getrandom(seed.as_mut_ptr().cast(), size_of_val(&seed), 0) };
    // Up to 256 bytes come whole or not at all.
    if usize::try_from(got) == Ok(size_of_val(&seed)) { Ok(seed) } else { Err(io::Error::last_os_error()) }
}

/// Why the object was refused. Kernels before 5.11 refuse what exceeds the limit of locked memory as they refuse what
/// is forbidden.
fn refused(error: EbpfError) -> LoadError {
    let EbpfError::MapError(MapError::CreateError { io_error, .. }) = &error else {
        return LoadError::Object(error);
    };
    if io_error.kind() != io::ErrorKind::PermissionDenied {
        LoadError::Object(error)
    } else if environment::locked_memory_may_lack() {
        LoadError::LockedMemory(error)
    } else {
        LoadError::MapsForbidden(error)
    }
}

/// Opens the programs' own messages.
fn messages(ebpf: &mut Ebpf) -> Option<Messages> {
    EbpfLogger::init(ebpf)
        .inspect_err(|error| warn!(%error, "the kernel programs' debug messages cannot be read"))
        .ok()
        .map(Messages)
}

/// The climb: what stands so far.
struct Ladder<'a> {
    kernel: &'a Kernel,
    tracepoints: Tracepoints,
    places: Places<'a>,
    coverage: Vec<Coverage>,
    unheeded: Vec<Unheeded>,
    /// Places, each with the sensor that is served there.
    attached: Vec<(&'static str, &'static Attachment)>,
    verifier_logs: Vec<VerifierLog>,
}

impl Ladder<'_> {
    /// Attaches a sensor by its best rung, and writes down how that went.
    fn climb(&mut self, ebpf: &mut Ebpf, sensor: &Sensor, hooks: config::Hooks) {
        let has_function = |function: &str| self.kernel.has_function(function);
        if !sensor.applies.is_met(|(name, hook)| self.runs_on(name, hook), has_function) {
            return;
        }
        let mut reasons = Vec::new();
        let mut taken = None;
        for rung in sensor.rungs(hooks, self.tracepoints) {
            match self.take(ebpf, sensor.name, rung) {
                Ok(left_out) => {
                    reasons.extend(left_out);
                    taken = Some(rung);
                    break;
                }
                Err(reason) => reasons.push(format!("{}: {reason}", rung.hook)),
            }
        }
        let asked = hooks.of(sensor.name);
        if Class::asked_for(asked).is_some_and(|class| taken.map(|rung| rung.class) != Some(class)) {
            let hook = taken.map_or("", |rung| rung.hook);
            self.unheeded.push(Unheeded { sensor: sensor.name, asked: asked.name(), hook });
        }
        self.coverage.push(Coverage {
            sensor: sensor.name.to_owned(),
            hook: taken.map_or("", |rung| rung.hook).to_owned(),
            gap: taken.map_or(sensor.gap, |rung| rung.gap).to_owned(),
            reason: reasons.join("; "),
        });
    }

    /// A sensor that nobody wants.
    fn leave_out(&mut self, sensor: &Sensor, reason: &str) {
        self.coverage.push(Coverage {
            sensor: sensor.name.to_owned(),
            hook: String::new(),
            gap: sensor.gap.to_owned(),
            reason: reason.to_owned(),
        });
    }

    fn runs_on(&self, sensor: &str, hook: &str) -> bool {
        self.coverage.iter().any(|covered| covered.sensor == sensor && covered.hook == hook)
    }

    /// Why nothing runs beside a sensor there: it does not run there itself, for a reason of its own where it was tried.
    fn not_beside(&self, sensor: &str, hook: &str) -> String {
        let covered = self.coverage.iter().find(|covered| covered.sensor == sensor);
        let why = covered.map(|covered| covered.reason.as_str()).filter(|why| !why.is_empty());
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        format!("the sensor {sensor} does not run on {hook}{why}")
    }

    /// Attaches a rung, or nothing of it when something that it requires is refused, and tells why. What it can do
    /// without is left out, with the reason.
    fn take(
        &mut self,
        ebpf: &mut Ebpf,
        sensor: &'static str,
        rung: &'static Rung,
    ) -> Result<Vec<String>, String> {
        if let Some(why) =
            rung.needs.iter().copied().flatten().find_map(|field| self.kernel.why_absent(field))
        {
            return Err(why.to_string());
        }
        if let Some((other, hook)) = rung.beside.iter().find(|(other, hook)| !self.runs_on(other, hook)) {
            return Err(self.not_beside(other, hook));
        }
        let (mut attached, mut left_out) = (Vec::new(), Vec::new());
        for attachment in rung.attachments {
            let Err(refusal) = attach::attach(ebpf, attachment, &self.places) else {
                attached.push((sensor, attachment));
                continue;
            };
            if let Some(text) = refusal.verifier_log {
                self.keep(VerifierLog { program: attachment.program, sensor, text });
            }
            if attachment.required {
                attach::detach_all(ebpf, rung);
                return Err(refusal.reason);
            }
            left_out.push(format!("without {}: {}", attachment.target, refusal.reason));
        }
        self.attached.extend(attached);
        Ok(left_out)
    }

    /// A program that has several places is refused at each of them, for the same reason.
    fn keep(&mut self, log: VerifierLog) {
        if !self.verifier_logs.iter().any(|known| known.program == log.program) {
            self.verifier_logs.push(log);
        }
    }
}

/// Says in the agent's own log what runs and what does not.
fn report(coverage: &[Coverage], unheeded: &[Unheeded]) {
    for Unheeded { sensor, asked, hook } in unheeded {
        warn!(sensor, asked, hook, "this kernel does not allow the kind of hook that was asked for");
    }
    for sensor in coverage {
        let Coverage { sensor, hook, gap, reason } = sensor;
        if hook.is_empty() {
            warn!(sensor, gap, reason, "a sensor is off");
        } else {
            debug!(sensor, hook, gap, reason, "a sensor is on");
        }
    }
}
