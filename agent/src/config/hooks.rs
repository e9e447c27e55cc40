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
    /// The sensor, named first, has no hook of that kind.
    #[error(
        "found {kind:?} for the sensor {0}, expected a kind of hook that it has, {kinds}",
        kind = .1.name(),
        kinds = listed(&Hooks::kinds(.0))
    )]
    Lacks(&'static str, HookKind),
    /// Two kinds for the same.
    #[error("found two kinds of hook for {0}, expected one")]
    Twice(String),
}

impl Hooks {
    /// Sensors that have hooks to choose among. A sensor that depends on one of them follows it.
    pub const SENSORS: [&str; 12] = [
        "fork",
        "exec",
        "exit",
        "open",
        "open.received",
        "connect",
        "send",
        "raw.peer",
        "receive",
        "unix",
        "memory",
        "socket.family",
    ];

    /// The kinds of hook that each of them has.
    const KINDS: [&[HookKind]; Self::SENSORS.len()] = {
        use HookKind::{Fentry, Kprobe, Tracepoint};
        let traced: &[HookKind] = &[Tracepoint, Kprobe];
        let opened: &[HookKind] = &[Tracepoint, Fentry];
        let called: &[HookKind] = &[Fentry, Kprobe];
        let moved: &[HookKind] = &[Tracepoint, Fentry, Kprobe];
        [traced, traced, traced, opened, called, traced, moved, called, moved, moved, called, moved]
    };

    /// The same kind for every sensor that has it; the others choose for themselves.
    #[must_use]
    pub fn all(kind: HookKind) -> Self {
        Self(Self::KINDS.map(|kinds| if kinds.contains(&kind) { kind } else { HookKind::Auto }))
    }

    /// The kind for a sensor; [`HookKind::Auto`] for one that has no choice.
    #[must_use]
    pub fn of(&self, sensor: &str) -> HookKind {
        let Self(kinds) = self;
        let chosen = Self::SENSORS.iter().zip(kinds).find(|(name, _)| **name == sensor);
        chosen.map_or(HookKind::Auto, |(_, kind)| *kind)
    }

    /// Names of what can be chosen for a sensor.
    fn kinds(sensor: &str) -> Vec<&'static str> {
        let has = Self::SENSORS.iter().zip(Self::KINDS).find(|(name, _)| **name == sensor);
        let kinds = has.map(|(_, kinds)| kinds).unwrap_or_default();
        std::iter::once(HookKind::Auto).chain(kinds.iter().copied()).map(HookKind::name).collect()
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
                    let slot = Self::SENSORS.into_iter().zip(&mut single).find(|(known, _)| *known == name);
                    let (name, slot) = slot.ok_or_else(|| HooksError::Sensor(name.to_owned()))?;
                    if !Self::kinds(name).contains(&kind.name()) {
                        return Err(HooksError::Lacks(name, kind));
                    }
                    (slot, name)
                }
            };
            if slot.replace(kind).is_some() {
                return Err(HooksError::Twice(name.to_owned()));
            }
        }
        let Self(mut kinds) = Self::all(all.unwrap_or_default());
        for (kind, alone) in kinds.iter_mut().zip(single) {
            *kind = alone.unwrap_or(*kind);
        }
        Ok(Self(kinds))
    }
}

/// What [`FromStr`] reads, the same for equal choices: the kind that fits most sensors, then those that differ.
impl fmt::Display for Hooks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(kinds) = self;
        let differing = |kind: HookKind| {
            let Self(usual) = Self::all(kind);
            let pairs = Self::SENSORS.into_iter().zip(kinds.iter().copied()).zip(usual);
            pairs.filter(|((_, kind), usual)| kind != usual).map(|(one, _)| one).collect::<Vec<_>>()
        };
        let most = HookKind::ALL.into_iter().min_by_key(|kind| differing(*kind).len()).unwrap_or_default();
        formatter.write_str(most.name())?;
        for (sensor, kind) in differing(most) {
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
            ("kprobe,open=auto", "kprobe"),
            (
                "kprobe,fork=tracepoint,exec=tracepoint,exit=tracepoint",
                "kprobe,fork=tracepoint,exec=tracepoint,exit=tracepoint",
            ),
            (
                "kprobe,fork=tracepoint,exec=tracepoint,exit=tracepoint,connect=tracepoint",
                "kprobe,fork=tracepoint,exec=tracepoint,exit=tracepoint,connect=tracepoint",
            ),
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
        let rows: [(&str, HooksError, &str); 7] = [
            (
                "",
                HooksError::Kind(String::new()),
                "expected \"auto\", \"tracepoint\", \"fentry\" or \"kprobe\"",
            ),
            ("magic", HooksError::Kind("magic".to_owned()), "found \"magic\""),
            ("open=", HooksError::Kind("open=".to_owned()), "found \"open=\""),
            ("files=auto", HooksError::Sensor("files".to_owned()), "\"memory\" or \"socket.family\""),
            (
                "open=kprobe",
                HooksError::Lacks("open", HookKind::Kprobe),
                "found \"kprobe\" for the sensor open, expected a kind of hook that it has, \"auto\", \"tracepoint\" or \
                 \"fentry\"",
            ),
            (
                "kprobe, exec = fentry",
                HooksError::Lacks("exec", HookKind::Fentry),
                "\"auto\", \"tracepoint\" or \"kprobe\"",
            ),
            ("auto,fentry", HooksError::Twice("all sensors".to_owned()), "for all sensors"),
        ];
        for (text, expected, says) in rows {
            let error = text.parse::<Hooks>().unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
