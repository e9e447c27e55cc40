//! What packets tell, on the root of the cgroup hierarchy.

use super::{Applies, Class, Rung, Sensor, Target, required};

/// Name of the sensor of first bytes, which the configuration can switch off.
pub(in crate::sensor) const CONTENT: &str = "content";

/// Answers of name servers.
pub(super) const DNS: Sensor = Sensor {
    name: "dns",
    applies: Applies::Always,
    gap: "names of destinations: trust by name covers nothing",
    rungs: &[Rung {
        hook: "cgroup_skb:ingress",
        class: Class::Cgroup,
        attachments: &[required("weir_dns_answer", Target::CgroupRoot("ingress"))],
        beside: &[],
        needs: &[],
        gap: "names that are asked for over TLS or HTTPS, on other ports than 53, or not over the network (/etc/hosts)",
    }],
};

/// First bytes of flows, and questions to name servers.
pub(super) const FIRST_BYTES: Sensor = Sensor {
    name: CONTENT,
    applies: Applies::Always,
    gap: "which protocols flows speak, and what is asked of name servers",
    rungs: &[Rung {
        hook: "cgroup_skb:egress",
        class: Class::Cgroup,
        attachments: &[required("weir_content", Target::CgroupRoot("egress"))],
        beside: &[],
        needs: &[],
        gap: "",
    }],
};
