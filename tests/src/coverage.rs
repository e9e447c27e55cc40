//! What the agent runs on here, as `weir check` says it.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::{
    process::{self, Group},
    weir::Weir,
};

/// How long a check may take: it loads every program.
pub const LIMIT: Duration = Duration::from_mins(1);
/// The file with the answer in the directory of a check.
pub const ANSWER: &str = "check.stdout";
/// Exit status of the agent after wrong usage.
const USAGE: i32 = 2;

/// The answer of `weir check --json`.
#[derive(Debug, Deserialize)]
pub struct Checked {
    /// Which hooks were asked for.
    pub hooks: String,
    /// The sensors, when anything could be loaded.
    pub sensors: Option<Vec<Sensor>>,
    /// Sensors that run on another kind of hook than the one that was asked for.
    pub unheeded: Option<Vec<Unheeded>>,
    /// Why nothing could be loaded.
    pub error: Option<String>,
}

/// One sensor.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Sensor {
    /// Name.
    #[serde(rename = "sensor")]
    pub name: String,
    /// The hook that carries it; empty when it is off.
    pub hook: String,
    /// What cannot be seen.
    pub gap: String,
    /// Why the better hooks are not in use.
    pub reason: String,
}

/// A choice of hook that this kernel does not allow.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Unheeded {
    /// The sensor.
    pub sensor: String,
    /// The kind that was asked for.
    pub asked: String,
}

impl Checked {
    /// Asks the agent. Its output goes to files in `dir`, and the verifier's logs of refused programs to `logs`.
    ///
    /// # Errors
    /// Fails when it refuses its arguments, or does not answer.
    pub fn ask(weir: &Weir, dir: &Path, logs: Option<&Path>) -> Result<Self> {
        let mut command = weir.watching("check");
        command.arg("--json");
        if let Some(logs) = logs {
            command.arg("--verifier-logs").arg(logs);
        }
        process::capture(&mut command, dir, "check")?;
        let status = Group::spawn(&mut command)?.finish(LIMIT)?;
        let (answer, said) = (dir.join(ANSWER), dir.join("check.stderr"));
        let said = fs::read_to_string(said)?;
        ensure!(!said.contains("panicked at"), "weir check panicked: {said}");
        if status.code() == Some(USAGE) {
            bail!("weir check: {}", said.trim());
        }
        let answer = fs::read_to_string(answer)?;
        serde_json::from_str(&answer)
            .with_context(|| format!("weir check answered {answer:?} and said {said}"))
    }

    /// The sensors.
    ///
    /// # Errors
    /// Fails with the agent's own words when nothing could be loaded.
    pub fn sensors(&self) -> Result<&[Sensor]> {
        match (&self.sensors, &self.error) {
            (Some(sensors), _) => Ok(sensors),
            (None, error) => {
                bail!("weir cannot watch here: {}", error.as_deref().unwrap_or("no reason given"))
            }
        }
    }

    /// A line for each sensor, or one that says why there is none.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let sensors = match self.sensors() {
            Ok(sensors) => sensors,
            Err(error) => return vec![format!("{error:#}")],
        };
        let shown =
            |sensor: &Sensor| if sensor.hook.is_empty() { "off".to_owned() } else { sensor.hook.clone() };
        let asked = |sensor: &Sensor| {
            let unheeded = self.unheeded.iter().flatten().find(|unheeded| unheeded.sensor == sensor.name);
            unheeded.map(|unheeded| format!(", not {}", unheeded.asked)).unwrap_or_default()
        };
        sensors.iter().map(|sensor| format!("{:16}{}{}", sensor.name, shown(sensor), asked(sensor))).collect()
    }
}
