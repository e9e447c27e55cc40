//! Byte thresholds of `T1020.md`: more than 5,000,000 bytes to a port of the first class, more than 10,000,000 to any.

use crate::{
    config,
    detect::{
        Volume,
        weights::{VOLUME_ANY, VOLUME_PORTS},
    },
};

/// How far one sum has been reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reported {
    port: Level,
    any: Level,
}

impl Reported {
    /// What `volume` newly exceeds, the graver threshold first; each once and again at each doubling.
    pub(super) fn exceeded(&mut self, volume: &Volume, limits: &config::Volume) -> Option<Exceeded> {
        let port = self.port.exceeded(volume.bytes_out_ports, limits.port_bytes);
        let any = self.any.exceeded(volume.bytes_out, limits.any_bytes);
        if any {
            Some(Exceeded {
                risk: VOLUME_ANY,
                bytes: volume.bytes_out,
                threshold: limits.any_bytes,
                port_class: false,
            })
        } else if port {
            Some(Exceeded {
                risk: VOLUME_PORTS,
                bytes: volume.bytes_out_ports,
                threshold: limits.port_bytes,
                port_class: true,
            })
        } else {
            None
        }
    }
}

/// A threshold that was exceeded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Exceeded {
    /// 8 or 9.
    pub(super) risk: f64,
    /// Bytes out that count towards it.
    pub(super) bytes: u64,
    /// The threshold.
    pub(super) threshold: u64,
    /// Only bytes to ports of the first class count.
    pub(super) port_class: bool,
}

/// Number of doublings of the threshold that have been reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Level(u32);

impl Level {
    /// Whether `bytes` are strictly more than `threshold` doubled once for each report before; one call reports
    /// all the doublings that a jump passed.
    pub(super) fn exceeded(&mut self, bytes: u64, threshold: u64) -> bool {
        // ceil(bytes / threshold) - 1 is how often the threshold is exceeded: 0 up to it, 1 above it, 2 above twice.
        let times = bytes.saturating_sub(1) / threshold.max(1);
        let level = times.checked_ilog2().map_or(0, |doublings| doublings + 1);
        let more = level > self.0;
        // A sum over a day falls as well. What rises again after it fell to half of what was reported is reported again.
        let fell =
            self.0 > 0 && times.saturating_add(1) <= 1_u64.checked_shl(self.0 - 1).unwrap_or(u64::MAX) / 2;
        self.0 = if fell { level } else { self.0.max(level) };
        more
    }
}

impl Exceeded {
    /// The sentence for an operator.
    pub(super) fn sentence(&self, who: &str, limits: &config::Volume) -> String {
        let Self { bytes, threshold, .. } = self;
        if self.port_class {
            let ports: Vec<String> = limits.ports.iter().map(ToString::to_string).collect();
            let ports = ports.join(", ");
            format!("{who} sent {bytes} bytes outside to ports {ports}, more than {threshold}")
        } else {
            format!("{who} sent {bytes} bytes outside, more than {threshold}")
        }
    }
}
