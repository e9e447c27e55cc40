//! Which hooks are to carry the sensors: one kind for all, and others for single sensors, as in
//! `kprobe,open=tracepoint`.

use std::{fmt, str::FromStr};

/// Kind of hook with which a sensor's ladder begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HookKind {
    /// The best that loads.
    #[default]
    Auto,
    /// BTF tracepoints and system-call tracepoints.
    Tracepoint,
    /// fentry and fexit.
    Fentry,
    /// kprobes and raw tracepoints.
    Kprobe,
}

impl HookKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Tracepoint, Self::Fentry, Self::Kprobe];

    /// The name that the configuration uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Tracepoint => "tracepoint",
            Self::Fentry => "fentry",
            Self::Kprobe => "kprobe",
        }
    }
}

/// The kind for each sensor of [`Hooks::SENSORS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hooks([HookKind; Hooks::SENSORS.len()]);

/// What is wrong with a choice of hooks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HooksError {
    /// No such kind.
    #[error(
        "found {0:?}, expected {kinds}, alone or for one sensor as in \"kprobe,open=tracepoint\"",
        kinds = listed(&HookKind::ALL.map(HookKind::name))
    )]
    Kind(String),
    /// No such sensor, or one that has only one hook.
    #[error("found the sensor {0:?}, expected {sensors}", sensors = listed(&Hooks::SENSORS))]
    Sensor(String),
    /// Two kinds for the same.
    #[error("found two kinds of hook for {0}, expected one")]
    Twice(String),
}

impl Hooks {
    /// Sensors that have hooks to choose among. A sensor that depends on one of them follows it.
    pub const SENSORS: [&str; 7] = ["fork", "exec", "exit", "open", "connect", "send", "receive"];

    /// The same kind for every sensor.
    #[must_use]
    pub const fn all(kind: HookKind) -> Self {
        Self([kind; Self::SENSORS.len()])
    }

    /// The kind for a sensor; [`HookKind::Auto`] for one that has no choice.
    #[must_use]
    pub fn of(&self, sensor: &str) -> HookKind {
        let Self(kinds) = self;
        let chosen = Self::SENSORS.iter().zip(kinds).find(|(name, _)| **name == sensor);
        chosen.map_or(HookKind::Auto, |(_, kind)| *kind)
    }
}

impl FromStr for Hooks {
    type Err = HooksError;

    fn from_str(text: &str) -> Result<Self, HooksError> {
        let mut all = None;
        let mut single = [None; Self::SENSORS.len()];
        for part in text.split(',') {
            let (sensor, kind) = part.split_once('=').map_or((None, part), |(name, kind)| (Some(name), kind));
            let kind = kind.trim();
            let kind = HookKind::ALL.into_iter().find(|known| known.name() == kind);
            let kind = kind.ok_or_else(|| HooksError::Kind(part.trim().to_owned()))?;
            let (slot, name) = match sensor.map(str::trim) {
                None => (&mut all, "all sensors"),
                Some(name) => {
                    let slot = Self::SENSORS.iter().zip(&mut single).find(|(known, _)| **known == name);
                    (slot.ok_or_else(|| HooksError::Sensor(name.to_owned()))?.1, name)
                }
            };
            if slot.replace(kind).is_some() {
                return Err(HooksError::Twice(name.to_owned()));
            }
        }
        Ok(Self(single.map(|kind| kind.or(all).unwrap_or_default())))
    }
}

/// What [`FromStr`] reads, the same for equal choices: the kind of most sensors, then those that differ.
impl fmt::Display for Hooks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(kinds) = self;
        let count = |kind: HookKind| kinds.iter().filter(|chosen| **chosen == kind).count();
        let most = HookKind::ALL.into_iter().max_by_key(|kind| count(*kind)).unwrap_or_default();
        formatter.write_str(most.name())?;
        for (sensor, kind) in Self::SENSORS.iter().zip(kinds).filter(|(_, kind)| **kind != most) {
            write!(formatter, ",{sensor}={}", kind.name())?;
        }
        Ok(())
    }
}

/// `"a", "b" or "c"`.
fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    quoted.split_last().map_or_else(String::new, |(last, rest)| format!("{} or {last}", rest.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::{HookKind, Hooks, HooksError};

    #[test]
    fn choices_are_read_and_written_the_same() {
        let rows = [
            ("auto", "auto"),
            ("kprobe", "kprobe"),
            (" kprobe , open = tracepoint ", "kprobe,open=tracepoint"),
            ("open=tracepoint", "auto,open=tracepoint"),
            ("send=kprobe,auto,exec=kprobe", "auto,exec=kprobe,send=kprobe"),
            ("open=fentry,fentry", "fentry"),
        ];
        for (text, expected) in rows {
            let hooks: Hooks = text.parse().unwrap();
            assert_eq!(hooks.to_string(), expected, "{text}");
            assert_eq!(hooks.to_string().parse(), Ok(hooks), "{text}");
        }
    }

    #[test]
    fn each_sensor_has_its_kind() {
        let hooks: Hooks = "kprobe,open=tracepoint".parse().unwrap();
        let rows = [
            ("fork", HookKind::Kprobe),
            ("open", HookKind::Tracepoint),
            ("send", HookKind::Kprobe),
            ("datagram.peer", HookKind::Auto),
        ];
        for (sensor, expected) in rows {
            assert_eq!(hooks.of(sensor), expected, "{sensor}");
        }
    }

    #[test]
    fn a_bad_choice_names_what_there_is() {
        let rows: [(&str, HooksError, &str); 5] = [
            (
                "",
                HooksError::Kind(String::new()),
                "expected \"auto\", \"tracepoint\", \"fentry\" or \"kprobe\"",
            ),
            ("magic", HooksError::Kind("magic".to_owned()), "found \"magic\""),
            ("open=", HooksError::Kind("open=".to_owned()), "found \"open=\""),
            ("files=auto", HooksError::Sensor("files".to_owned()), "\"send\" or \"receive\""),
            ("auto,fentry", HooksError::Twice("all sensors".to_owned()), "for all sensors"),
        ];
        for (text, expected, says) in rows {
            let error = text.parse::<Hooks>().unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
