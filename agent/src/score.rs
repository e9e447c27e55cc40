//! From signals to a verdict about a process: stages, decay, caps, trust.

pub mod evidence;
pub mod formula;
pub mod trust;

use crate::detect::{Content, Signal, Stage};

/// A signal with the weight that it had when the score was computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted {
    /// The evidence.
    pub signal: Signal,
    /// Decay factor at the time of the verdict, 0 to 1.
    pub decay: f64,
    /// Trust factor, 0 to 1; 1 when no trust rule applies.
    pub trust: f64,
    /// How it came to this process: its own, from its lineage, or with data it carries.
    pub via: Via,
}

/// How evidence came to the process that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The process's own.
    Own,
    /// Another process of the same story.
    Lineage,
    /// With data that the process carries.
    Data,
}

/// Score of a process with the numbers to recompute it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// 0.0 to 10.0.
    pub score: f64,
    /// Score before the cap.
    pub uncapped: f64,
    /// The cap in force.
    pub cap: f64,
    /// Strength per stage, 0 to 1, for each stage that has evidence.
    pub stages: Vec<(Stage, f64)>,
    /// What was sent is what was collected: the strongest signal that says so.
    pub proof: Option<Content>,
    /// Evidence, strongest first.
    pub signals: Vec<Weighted>,
}
