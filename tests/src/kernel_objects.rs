//! What BPF programs, maps, links and pins the kernel holds, and who holds them open.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    ffi::CString,
    fs, io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
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
/// How the names of weir's own objects begin.
const PREFIX: &str = "weir_";
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
    /// Files, and what each one pins.
    pins: BTreeMap<PathBuf, Option<Id>>,
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

    /// Weir's objects and pins that are not in `before` and that no process holds: another agent on this host may run
    /// meanwhile.
    fn left_since(&self, before: &Self, names: &Names) -> Vec<String> {
        let held: BTreeSet<Id> = processes().iter().flat_map(|process| held_by(process)).collect();
        let held = self.with_kept(held);
        let weirs = self.weirs(names);
        let left = weirs.iter().filter(|id| !before.names.contains_key(id) && !held.contains(id));
        let left = left.filter_map(|id| Some(format!("{:?} {} {}", id.0, id.1, self.names.get(id)?)));
        let new = self.pins.iter().filter(|(path, _)| !before.pins.contains_key(*path));
        let new = new.filter(|(path, id)| {
            is_weirs(&path.file_name().unwrap_or_default().to_string_lossy())
                || id.is_some_and(|id| weirs.contains(&id))
        });
        left.chain(new.map(|(path, _)| format!("pin {}", path.display()))).collect()
    }

    /// Objects that carry one of `names` and the prefix of weir's own, links that keep one of these, and maps that one
    /// of these keeps. What the loader names, like `.rodata`, others have too: such a map lives through a program,
    /// which tells whose it is, or through a pin.
    fn weirs(&self, names: &Names) -> BTreeSet<Id> {
        let own = self.names.iter().filter(|(_, name)| is_weirs(name) && names.contains(*name));
        let mut weirs: BTreeSet<Id> = own.map(|(id, _)| *id).collect();
        let links = self.keeps.iter().filter(|((kind, _), kept)| {
            *kind == Kind::Link && kept.iter().any(|program| weirs.contains(program))
        });
        weirs.extend(links.map(|(id, _)| *id).collect::<Vec<_>>());
        self.with_kept(weirs)
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

/// Every file below a directory and what it pins; none where nothing is mounted.
fn pins(directory: &Path) -> BTreeMap<PathBuf, Option<Id>> {
    let mut pins = BTreeMap::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            pins.extend(self::pins(&path));
        } else {
            let id = pinned(&path);
            pins.insert(path, id);
        }
    }
    pins
}

/// What is pinned at `path`; none for what is no object, like the files through which the kernel lists them.
fn pinned(path: &Path) -> Option<Id> {
    const BPF_OBJ_GET: libc::c_int = 7;
    /// The part of the kernel's `union bpf_attr` that the command reads.
    #[repr(C)]
    struct Get {
        path: u64,
        descriptor: u32,
        flags: u32,
    }
    let path = CString::new(path.as_os_str().as_encoded_bytes()).ok()?;
    let get = Get { path: u64::try_from(path.as_ptr().addr()).ok()?, descriptor: 0, flags: 0 };
    // SAFETY: the kernel reads as many bytes as it is told, and a string that ends in NUL; both live through the call.
    let descriptor = unsafe { libc::syscall(libc::SYS_bpf, BPF_OBJ_GET, &raw const get, size_of::<Get>()) };
    let descriptor = i32::try_from(descriptor).ok().filter(|descriptor| *descriptor >= 0)?;
    // SAFETY: the kernel has just opened it, for nobody else.
    let object = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", object.as_raw_fd())).ok()?;
    ids_in(&info).first().copied()
}

/// Whether a name is one of weir's own.
fn is_weirs(name: &str) -> bool {
    name.starts_with(PREFIX)
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
        let id = |kind: Kind, number: u32| (kind, 4_000_000_000 + number);
        let (program, map, section, link) =
            (id(Kind::Program, 1), id(Kind::Map, 2), id(Kind::Map, 3), id(Kind::Link, 4));
        let (theirs, their_section, their_link) = (id(Kind::Program, 5), id(Kind::Map, 6), id(Kind::Link, 7));
        let (namesake, stranger) = (id(Kind::Map, 8), id(Kind::Program, 9));
        let mut objects = Objects::default();
        objects.names.extend(
            [
                (program, "weir_exec_tp_bt"),
                (map, "weir_ledger"),
                (section, ".rodata"),
                (link, ""),
                (theirs, "sd_devices"),
                (their_section, ".rodata"),
                (their_link, ""),
                (namesake, "AYA_LOGS"),
                (stranger, "weir_of_another"),
            ]
            .map(|(id, name)| (id, name.to_owned())),
        );
        objects.keeps.extend([
            (link, vec![program]),
            (program, vec![section]),
            (their_link, vec![theirs]),
            (theirs, vec![their_section]),
        ]);
        let pins = [
            ("/sys/fs/bpf/a", Some(program)),
            ("/sys/fs/bpf/weir_map", None),
            ("/sys/fs/bpf/b", Some(theirs)),
            ("/sys/fs/bpf/maps.debug", None),
        ];
        objects.pins.extend(pins.map(|(path, id)| (path.into(), id)));
        let names: Names =
            ["weir_exec_tp_bt", "weir_ledger", ".rodata", "AYA_LOGS"].map(str::to_owned).into();
        let left = objects.left_since(&Objects::default(), &names);
        assert_eq!(
            left,
            [
                "Program 4000000001 weir_exec_tp_bt",
                "Map 4000000002 weir_ledger",
                "Map 4000000003 .rodata",
                "Link 4000000004 ",
                "pin /sys/fs/bpf/a",
                "pin /sys/fs/bpf/weir_map",
            ]
        );
        assert!(objects.left_since(&objects, &names).is_empty());
    }
}
