//! What of all that a process carries may be what it sends.
//!
//! The graph counts data more than once: an archive, its sources and their copies in a staging place are all carried.
//! What leaves is one layer of it, a **cut** through the way of the data: what each process on the way read (the sender
//! itself, who feeds it through pipes, its parents), made files and collected ones apart; each made file that the sender
//! read by itself; and the collected files of the whole way. Beyond a made file no layer is looked at one by one: such a
//! file holds as much as it has bytes, whatever its writer carried.

use std::{cmp::Reverse, ops::ControlFlow};

use super::{Carried, Origin, Provenance};
use crate::event::ProcessKey;

/// Made files of the sender that are looked at by themselves, largest first. Each is a comparison more that may be
/// right by chance.
const SINGLE_MAX: usize = 8;
/// Processes on the way whose reading is looked at by itself, nearest first.
const FEEDERS_MAX: usize = 8;

/// What a process may send of what it carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Sums that may each be all that it sends.
    pub cuts: Vec<Cut>,
    /// Secrets among it.
    pub secrets: Secrets,
}

/// A sum of what a process carries that may be what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bytes of the files.
    pub bytes: u64,
    /// They were made from collected data: an archive, which is sent as it is or encoded, but not compressed again.
    pub derived: bool,
}

/// Secrets that a process carries and that do not belong to those who read them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Files of high risk.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of the other collected files.
    pub others: u64,
    /// Another process read one of them, and it came to this one.
    pub passed_on: bool,
}

impl Provenance {
    /// What `process` may send. `carried` is what it carries in all.
    #[must_use]
    pub fn load(&self, process: ProcessKey, carried: &Carried) -> Load {
        let mut cuts = Vec::new();
        let mut feeders = 0;
        self.walk(process, |handler, own| {
            // What is frozen into a file was read long ago: the file itself is among its reader's.
            if handler.is_some() && !own.is_empty() {
                feeders += 1;
                cut(&mut cuts, own.bytes_collected(), false);
                cut(&mut cuts, own.bytes_derived(), true);
            }
            if feeders < FEEDERS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let own = self.own(process);
        let mut made: Vec<u64> = own
            .into_iter()
            .flat_map(Carried::origins)
            .filter(|(_, origin)| origin.is_made())
            .map(|(_, origin)| origin.size)
            .collect();
        made.sort_unstable_by_key(|&size| Reverse(size));
        for &size in made.iter().take(SINGLE_MAX) {
            cut(&mut cuts, size, true);
        }
        cut(&mut cuts, carried.bytes_collected(), false);
        Load { cuts, secrets: secrets(carried, own) }
    }
}

fn cut(cuts: &mut Vec<Cut>, bytes: u64, derived: bool) {
    let cut = Cut { bytes, derived };
    if bytes > 0 && !cuts.contains(&cut) {
        cuts.push(cut);
    }
}

/// The secrets among `carried`; `own` is what the process itself read.
fn secrets(carried: &Carried, own: Option<&Carried>) -> Secrets {
    let secret = |(_, origin): &(_, &Origin)| origin.class.secret && !origin.is_made();
    let mut secrets = Secrets::default();
    for (key, origin) in carried.origins().filter(secret) {
        secrets.files += 1;
        secrets.bytes = secrets.bytes.saturating_add(origin.size);
        secrets.passed_on |= own.is_none_or(|own| !own.has(*key));
    }
    secrets.others = carried.bytes_collected().saturating_sub(secrets.bytes);
    secrets
}
