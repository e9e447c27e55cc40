//! The TOML file as serde sees it. Every key may be left out; what a key then means is in [`super::defaults`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::defaults;

/// A value and its place in the text.
pub(super) type Placed<T> = Spanned<T>;
/// Globs and their risk.
pub(super) type Risks = BTreeMap<Placed<String>, Placed<f64>>;

/// A value that stands in no text.
pub(super) fn built_in<T>(value: T) -> Placed<T> {
    Spanned::new(0..0, value)
}

/// As [`built_in`], for a list of texts.
pub(super) fn texts(values: &[&str]) -> Vec<Placed<String>> {
    values.iter().map(|&value| built_in(value.to_owned())).collect()
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Written {
    pub(super) alerts: Alerts,
    pub(super) network: Network,
    pub(super) volume: Volume,
    pub(super) score: Score,
    pub(super) state: State,
    pub(super) sensor: Sensor,
    pub(super) files: Files,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) trust: Vec<Placed<Trust>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Alerts {
    pub(super) path: Placed<String>,
    pub(super) rotate_bytes: Placed<i64>,
    pub(super) rotate_age: Placed<String>,
    pub(super) keep: Placed<i64>,
    pub(super) signals: bool,
    pub(super) signal_risk: Placed<f64>,
    pub(super) script_text: bool,
    pub(super) heartbeat: Placed<String>,
    pub(super) update_factor: Placed<f64>,
    pub(super) close_after: Placed<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Network {
    pub(super) inside: Vec<Placed<String>>,
    pub(super) resolvers: Vec<Placed<String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Volume {
    pub(super) ports: Vec<Placed<i64>>,
    pub(super) port_bytes: Placed<i64>,
    pub(super) any_bytes: Placed<i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Score {
    pub(super) threshold: Placed<f64>,
    pub(super) half_life: Placed<String>,
    pub(super) data_half_life: Placed<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct State {
    pub(super) path: Placed<String>,
    pub(super) save_every: Placed<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Sensor {
    pub(super) hooks: Placed<String>,
    pub(super) lifecycle_ring: Placed<i64>,
    pub(super) bulk_ring: Placed<i64>,
    pub(super) drain_interval: Placed<String>,
    pub(super) content: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Files {
    pub(super) mass_count: Placed<i64>,
    pub(super) mass_window: Placed<String>,
    pub(super) document_extensions: Vec<Placed<String>>,
    pub(super) quiet: Vec<Placed<String>>,
    pub(super) staging: Risks,
    pub(super) sensitive: Risks,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Trust {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<Placed<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) executable: Vec<Placed<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) users: Vec<Placed<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) units: Vec<Placed<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) containers: Vec<Placed<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) destinations: Vec<Placed<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ports: Vec<Placed<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) daily_bytes: Option<Placed<i64>>,
}

impl Written {
    /// The built-in configuration with one of everything that it leaves out, so that each key shows its type.
    pub(super) fn model() -> Self {
        let text = || texts(&["text"]);
        let trust = Trust {
            name: text().pop(),
            executable: text(),
            users: text(),
            units: text(),
            containers: text(),
            destinations: text(),
            ports: vec![built_in(1)],
            daily_bytes: Some(built_in(1)),
        };
        let network = Network { inside: text(), resolvers: text() };
        Self { network, trust: vec![built_in(trust)], ..Self::default() }
    }
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            path: built_in(defaults::ALERTS_PATH.to_owned()),
            rotate_bytes: built_in(defaults::ROTATE_BYTES),
            rotate_age: built_in(defaults::ROTATE_AGE.to_owned()),
            keep: built_in(defaults::KEEP),
            signals: true,
            signal_risk: built_in(defaults::SIGNAL_RISK),
            script_text: true,
            heartbeat: built_in(defaults::HEARTBEAT.to_owned()),
            update_factor: built_in(defaults::UPDATE_FACTOR),
            close_after: built_in(defaults::CLOSE_AFTER.to_owned()),
        }
    }
}

impl Default for Volume {
    fn default() -> Self {
        Self {
            ports: defaults::PORTS.map(built_in).to_vec(),
            port_bytes: built_in(defaults::PORT_BYTES),
            any_bytes: built_in(defaults::ANY_BYTES),
        }
    }
}

impl Default for Score {
    fn default() -> Self {
        Self {
            threshold: built_in(defaults::THRESHOLD),
            half_life: built_in(defaults::HALF_LIFE.to_owned()),
            data_half_life: built_in(defaults::DATA_HALF_LIFE.to_owned()),
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            path: built_in(defaults::STATE_PATH.to_owned()),
            save_every: built_in(defaults::SAVE_EVERY.to_owned()),
        }
    }
}

impl Default for Sensor {
    fn default() -> Self {
        Self {
            hooks: built_in(defaults::HOOKS.to_owned()),
            lifecycle_ring: built_in(defaults::LIFECYCLE_RING),
            bulk_ring: built_in(defaults::BULK_RING),
            drain_interval: built_in(defaults::DRAIN_INTERVAL.to_owned()),
            content: true,
        }
    }
}

impl Default for Files {
    fn default() -> Self {
        Self {
            mass_count: built_in(defaults::MASS_COUNT),
            mass_window: built_in(defaults::MASS_WINDOW.to_owned()),
            document_extensions: texts(defaults::DOCUMENT_EXTENSIONS),
            quiet: texts(defaults::QUIET),
            staging: defaults::risks(defaults::STAGING),
            sensitive: defaults::risks(defaults::SENSITIVE),
        }
    }
}
