//! What BPF programs, maps, links and pins the kernel holds, and who holds them open.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Result, bail};
use aya::{
    maps::loaded_maps,
    programs::{ProgramInfo, loaded_links, loaded_programs},
};

use crate::wait;

/// Where objects are pinned.
const PINS: &str = "/sys/fs/bpf";
/// How long the kernel may take to free what nobody holds: it waits for its own readers first.
const FREED: Duration = Duration::from_secs(20);

/// Kinds of objects that have ids of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A program.
    Program,
    /// A map.
    Map,
    /// A link.
    Link,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Program, Self::Map, Self::Link];

    /// The key of `/proc/PID/fdinfo/FD` that carries the id.
    const fn key(self) -> &'static str {
        match self {
            Self::Program => "prog_id:",
            Self::Map => "map_id:",
            Self::Link => "link_id:",
        }
    }
}

/// An object.
type Id = (Kind, u32);

/// All objects at one moment.
#[derive(Debug, Default)]
pub struct Objects {
    /// Names, of which the kernel keeps 15 bytes. A link has none.
    names: BTreeMap<Id, String>,
    /// What an object keeps alive: a link its program, a program its maps.
    keeps: BTreeMap<Id, Vec<Id>>,
    pins: BTreeSet<PathBuf>,
}

/// Names of the programs and maps of an agent.
pub type Names = BTreeSet<String>;

impl Objects {
    /// Asks the kernel.
    ///
    /// # Errors
    /// Fails without root.
    pub fn now() -> Result<Self> {
        let mut objects = Self { pins: pins(Path::new(PINS)), ..Self::default() };
        for program in loaded_programs() {
            let Some(program) = still_there(program)? else { continue };
            let id = (Kind::Program, program.id());
            objects.names.insert(id, shown(program.name()));
            objects.keeps.insert(id, maps_of(&program)?);
        }
        for map in loaded_maps() {
            let Some(map) = still_there(map)? else { continue };
            objects.names.insert((Kind::Map, map.id()), shown(map.name()));
        }
        for link in loaded_links() {
            let Some(link) = still_there(link)? else { continue };
            let id = (Kind::Link, link.id());
            objects.names.insert(id, String::new());
            objects.keeps.insert(id, vec![(Kind::Program, link.program_id())]);
        }
        Ok(objects)
    }

    /// Names of what process `pid` holds.
    ///
    /// # Errors
    /// Fails when it holds no program, no map, or one without a name.
    pub fn names_of(&self, pid: u32) -> Result<Names> {
        let held = self.with_kept(held_by(Path::new("/proc").join(pid.to_string()).as_path()));
        let names = |kind: Kind| held.iter().filter(move |id| id.0 == kind).map(|id| self.names.get(id));
        let (programs, maps): (Vec<_>, Vec<_>) = (names(Kind::Program).collect(), names(Kind::Map).collect());
        if programs.is_empty() || maps.is_empty() {
            bail!("process {pid} holds {} programs and {} maps", programs.len(), maps.len());
        }
        let all: Option<Names> = programs
            .into_iter()
            .chain(maps)
            .map(|name| name.filter(|name| !name.is_empty()).cloned())
            .collect();
        all.map_or_else(|| bail!("process {pid} holds an object without a name"), Ok)
    }

    /// Objects that are not in `before`, carry one of `names` (or belong to one that does), and that no process
    /// holds: another agent on this host may run meanwhile. Pins that are not in `before`.
    fn left_since(&self, before: &Self, names: &Names) -> Vec<String> {
        let held: BTreeSet<Id> = processes().iter().flat_map(|process| held_by(process)).collect();
        let held = self.with_kept(held);
        let left = self.names.iter().filter(|(id, _)| {
            let known = |id: &Id| self.names.get(id).is_some_and(|name| names.contains(name));
            let ours = known(id) || self.keeps.get(id).is_some_and(|kept| kept.iter().any(known));
            ours && !before.names.contains_key(id) && !held.contains(id)
        });
        let left = left.map(|((kind, id), name)| format!("{kind:?} {id} {name}"));
        let pins = self.pins.difference(&before.pins).map(|pin| format!("pin {}", pin.display()));
        left.chain(pins).collect()
    }

    /// These, and all that they keep alive.
    fn with_kept(&self, mut held: BTreeSet<Id>) -> BTreeSet<Id> {
        // A link keeps a program, and that one maps: two steps lead to the end.
        for _ in Kind::ALL {
            let kept: Vec<Id> = held.iter().filter_map(|id| self.keeps.get(id)).flatten().copied().collect();
            held.extend(kept);
        }
        held
    }
}

/// Waits until the kernel holds nothing that an agent with these names left since `before`.
///
/// # Errors
/// Names what is left when the kernel has not freed it in time.
pub fn wait_until_gone(before: &Objects, names: &Names) -> Result<()> {
    let mut left = Vec::new();
    let gone = wait::until(FREED, "the kernel to free weir's objects", || {
        left = Objects::now()?.left_since(before, names);
        Ok(left.is_empty().then_some(()))
    });
    gone.map_err(|error| error.context(format!("left in the kernel: {}", left.join(", "))))
}

/// The maps that a program uses; none when it went away meanwhile.
fn maps_of(program: &ProgramInfo) -> Result<Vec<Id>> {
    let maps = still_there(program.map_ids())?.flatten().unwrap_or_default();
    Ok(maps.into_iter().map(|id| (Kind::Map, id)).collect())
}

/// `None` for an object that went away between its enumeration and the question.
fn still_there<T, E: Error + Send + Sync + 'static>(answer: Result<T, E>) -> Result<Option<T>> {
    match answer {
        Ok(object) => Ok(Some(object)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_gone(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Directories of all processes.
fn processes() -> Vec<PathBuf> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_pid =
        |entry: &fs::DirEntry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
    entries.filter(is_pid).map(|entry| entry.path()).collect()
}

/// What a process holds open.
fn held_by(process: &Path) -> BTreeSet<Id> {
    // A process or a descriptor that goes away meanwhile holds nothing.
    let infos = fs::read_dir(process.join("fdinfo")).into_iter().flatten().flatten();
    let texts = infos.filter_map(|info| fs::read_to_string(info.path()).ok());
    texts.flat_map(|text| ids_in(&text)).collect()
}

fn ids_in(fdinfo: &str) -> Vec<Id> {
    let ids = fdinfo.lines().filter_map(|line| {
        Kind::ALL.iter().find_map(|kind| {
            let id = line.strip_prefix(kind.key())?.trim().parse().ok()?;
            Some((*kind, id))
        })
    });
    ids.collect()
}

/// Every file below a directory; none where nothing is mounted.
fn pins(directory: &Path) -> BTreeSet<PathBuf> {
    let mut pins = BTreeSet::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            pins.extend(self::pins(&path));
        } else {
            pins.insert(path);
        }
    }
    pins
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Id, Kind, Names, Objects, ids_in};

    #[test]
    fn ids_of_descriptors() {
        let rows: [(&str, &[Id]); 3] = [
            ("pos:\t0\nflags:\t02\nprog_type:\t26\nprog_id:\t217\n", &[(Kind::Program, 217)]),
            ("link_type:\ttracing\nlink_id:\t9\nprog_id:\t217\n", &[(Kind::Link, 9), (Kind::Program, 217)]),
            ("pos:\t0\nmap_id:\tmany\n", &[]),
        ];
        for (fdinfo, expected) in rows {
            assert_eq!(ids_in(fdinfo), expected, "{fdinfo}");
        }
    }

    /// Ids beyond those that a test machine has, so that no process holds them.
    #[test]
    fn what_is_new_and_ours_and_held_by_nobody_is_left() {
        let (program, map, link) =
            ((Kind::Program, 4_000_000_001), (Kind::Map, 4_000_000_002), (Kind::Link, 4_000_000_003));
        let other = (Kind::Program, 4_000_000_004);
        let mut objects = Objects::default();
        objects.names.extend(
            [(program, "weir_exec_tp_bt"), (map, "weir_ledger"), (link, ""), (other, "sd_devices")]
                .map(|(id, name)| (id, name.to_owned())),
        );
        objects.keeps.insert(link, vec![program]);
        let names: Names = ["weir_exec_tp_bt", "weir_ledger"].map(str::to_owned).into();
        let left = objects.left_since(&Objects::default(), &names);
        assert_eq!(
            left,
            ["Program 4000000001 weir_exec_tp_bt", "Map 4000000002 weir_ledger", "Link 4000000003 "]
        );
        assert!(objects.left_since(&objects, &names).is_empty());
    }
}
