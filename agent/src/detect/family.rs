//! Network Traffic: Network Connection Creation (DS0029): ways out that are none of IP's.
//!
//! What goes over Bluetooth, SMC or RDS is counted where a hook sees every family and named where none does. Frames that lie in
//! a ring shared with the network card (`AF_XDP`) pass no hook at all: the socket itself is the evidence that stands for
//! them. It keeps no state: the sensor tells each family of a process once.

use agent_common::{
    file::FAMILY_TUNNEL,
    net::{AF_PACKET, AF_VSOCK},
};

use super::{
    Analytic, Object, Observation, Signal, SocketUse, Stage, Subject,
    weights::{FAMILY_OTHER, FAMILY_UNCOUNTED, TUNNEL},
};
use crate::event::BootTime;

/// `AF_BLUETOOTH`.
const AF_BLUETOOTH: u16 = 31;
/// `AF_XDP`.
const AF_XDP: u16 = 44;

/// Families by number (`include/linux/socket.h`), those that a program may make today.
const NAMES: &[(u16, &str)] = &[
    (3, "AF_AX25"),
    (4, "AF_IPX"),
    (5, "AF_APPLETALK"),
    (8, "AF_ATMPVC"),
    (9, "AF_X25"),
    (AF_PACKET, "AF_PACKET"),
    (20, "AF_ATMSVC"),
    (21, "AF_RDS"),
    (24, "AF_PPPOX"),
    (26, "AF_LLC"),
    (27, "AF_IB"),
    (28, "AF_MPLS"),
    (29, "AF_CAN"),
    (30, "AF_TIPC"),
    (AF_BLUETOOTH, "AF_BLUETOOTH"),
    (33, "AF_RXRPC"),
    (35, "AF_PHONET"),
    (36, "AF_IEEE802154"),
    (37, "AF_CAIF"),
    (39, "AF_NFC"),
    (AF_VSOCK, "AF_VSOCK"),
    (41, "AF_KCM"),
    (42, "AF_QIPCRTR"),
    (43, "AF_SMC"),
    (AF_XDP, "AF_XDP"),
    (45, "AF_MCTP"),
];

/// The analytic.
#[derive(Debug, Default)]
pub struct Family;

impl Family {
    /// Looks at one observation: a socket that was made.
    pub fn observe(
        &mut self,
        now: BootTime,
        subject: &Subject<'_>,
        observation: &Observation<'_>,
        out: &mut Vec<Signal>,
    ) {
        let family = match observation {
            Observation::Socket(SocketUse::Made(family)) => *family,
            Observation::Socket(SocketUse::Captured(_))
            | Observation::Exec
            | Observation::Script(_)
            | Observation::Open { .. }
            | Observation::Connect { .. }
            | Observation::Volume(_)
            | Observation::Settled(_)
            | Observation::Spoken { .. }
            | Observation::Asked(_) => return,
        };
        let (risk, technique, what) = match family {
            // The one is a matter of what it captures, the other ends at the hypervisor.
            AF_PACKET | AF_VSOCK => return,
            AF_XDP => (FAMILY_UNCOUNTED, "T1095", "whose frames pass by every hook that counts bytes"),
            FAMILY_TUNNEL => (TUNNEL, "T1572", "which sends packets for whoever writes them there"),
            AF_BLUETOOTH => (FAMILY_OTHER, "T1011.001", "which leaves this host by radio"),
            _ => (FAMILY_OTHER, "T1011", "which leaves this host without IP"),
        };
        out.push(Signal {
            analytic: Analytic::Family,
            technique,
            risk,
            stage: Stage::Egress,
            subject: subject.process.key,
            object: Object::Command(subject.process.command_line()),
            time: now,
            reason: format!("opened {}, {what}", name(family)).into(),
        });
    }
}

/// A family as the kernel's headers call it.
fn name(family: u16) -> String {
    if family == FAMILY_TUNNEL {
        return "the device of tunnels (/dev/net/tun)".to_owned();
    }
    let known = NAMES.iter().find(|(number, _)| *number == family);
    known.map_or_else(|| format!("a socket of family {family}"), |(_, name)| format!("a socket of {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing;

    #[test]
    fn each_family_is_named() {
        let process = testing::process(1, "x");
        let rows = [
            (44, Some((FAMILY_UNCOUNTED, "T1095", "opened a socket of AF_XDP, whose frames pass"))),
            (31, Some((FAMILY_OTHER, "T1011.001", "opened a socket of AF_BLUETOOTH, which"))),
            (43, Some((FAMILY_OTHER, "T1011", "opened a socket of AF_SMC, which"))),
            (63, Some((FAMILY_OTHER, "T1011", "opened a socket of family 63, which"))),
            (
                FAMILY_TUNNEL,
                Some((TUNNEL, "T1572", "opened the device of tunnels (/dev/net/tun), which sends")),
            ),
            (AF_PACKET, None),
            (AF_VSOCK, None),
        ];
        for (family, expected) in rows {
            let made = Observation::Socket(SocketUse::Made(family));
            let told = testing::signals(&process, &[], &made, |subject, observation, out| {
                Family.observe(1, subject, observation, out);
            });
            let told = told.first().map(|signal| (signal.risk, signal.technique, signal.reason.as_ref()));
            let fits = match (told, expected) {
                (Some((risk, technique, reason)), Some(expected)) => {
                    (risk, technique) == (expected.0, expected.1) && reason.starts_with(expected.2)
                }
                (told, expected) => told.is_none() && expected.is_none(),
            };
            assert!(fits, "{family}: {told:?}");
        }
    }

    #[test]
    fn names_are_in_order() {
        assert!(NAMES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
