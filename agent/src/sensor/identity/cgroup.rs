//! Container and unit from the paths of `/proc/PID/cgroup`.
//!
//! Whoever may create control groups below a delegated one may name them as he likes. So a unit is the component
//! nearest the root that names one, and a user's own units stand behind their manager (`user@1000.service/x.service`):
//! a user cannot pass for a system unit, and neither can the inside of a container.

/// Suffixes of the units that hold processes.
const UNIT_SUFFIXES: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];
/// Prefixes that runtimes put before a container's id in a component: docker, containerd, CRI-O, podman.
const ID_PREFIXES: [&str; 6] =
    ["docker-", "cri-containerd-", "crio-", "libpod-", "libpod-payload-", "nerdctl-"];
/// Directories below which a runtime keeps containers by a shorter id than 64 digits (ECS, garden, older hosts).
const SHORT_ID_PARENTS: [&str; 6] = ["docker", "ecs", "garden", "kubepods", "containerd", "libpod_parent"];

/// Where a process belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) container: Option<String>,
    pub(super) unit: Option<String>,
}

/// Whether the v2 hierarchy is the only one.
pub(super) fn is_unified(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines();
    lines.next().is_some_and(|line| line.starts_with("0::")) && lines.next().is_none()
}

/// Reads all hierarchies: on hybrid hosts the container is in a v1 hierarchy and the unit in `name=systemd` or v2.
pub(super) fn membership(text: &[u8]) -> Membership {
    let text = String::from_utf8_lossy(text);
    let hierarchies = || text.lines().filter_map(hierarchy);
    let systemd = |&(controllers, _): &(&str, &str)| controllers.is_empty() || controllers == "name=systemd";
    Membership {
        container: hierarchies().find_map(|(_, path)| container(path)),
        unit: hierarchies().filter(systemd).find_map(|(_, path)| unit(path)),
    }
}

/// Controllers and path of a line `id:controllers:path`.
fn hierarchy(line: &str) -> Option<(&str, &str)> {
    line.split_once(':')?.1.split_once(':')
}

/// The innermost container that the path names.
fn container(path: &str) -> Option<String> {
    let components = components(path);
    (0..components.len()).rev().find_map(|index| container_at(&components, index)).map(ToOwned::to_owned)
}

fn components(path: &str) -> Vec<&str> {
    path.split('/').filter(|component| !component.is_empty()).collect()
}

fn container_at<'a>(components: &[&'a str], index: usize) -> Option<&'a str> {
    container_id(components.get(index)?, components.get(..index)?)
}

fn container_id<'a>(component: &'a str, above: &[&str]) -> Option<&'a str> {
    let parent = above.last().copied().unwrap_or_default();
    let name = component.strip_suffix(".scope").unwrap_or(component);
    // lxc names its containers.
    if let Some(name) = component.strip_prefix("lxc.payload.") {
        return Some(name);
    }
    if matches!(parent, "lxc" | "lxc.payload") {
        return Some(component);
    }
    if let Some(name) = name.strip_prefix("machine-").filter(|_| parent == "machine.slice") {
        // libvirt keeps virtual machines in the same place.
        return (!name.starts_with("qemu")).then_some(name);
    }
    // runc without systemd support writes `slice:prefix:id` as it was told.
    let id = name.rsplit(':').next().unwrap_or(name);
    let bare = ID_PREFIXES.iter().find_map(|prefix| id.strip_prefix(prefix));
    let prefixed = bare.is_some();
    let id = bare.unwrap_or(id);
    let short_place = || above.iter().any(|parent| SHORT_ID_PARENTS.contains(parent));
    let task = || id.split_once('-').is_some_and(|(task, number)| is_hex(task, 32) && is_decimal(number));
    let known =
        is_hex(id, 64) || (is_hex(id, 32) && (prefixed || short_place())) || (task() && short_place());
    known.then_some(id)
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_decimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn unit(path: &str) -> Option<String> {
    let components = components(path);
    // What lies inside a container is named by the container.
    let inside = (0..components.len()).find(|&index| container_at(&components, index).is_some());
    let outside = components.iter().take(inside.map_or(usize::MAX, |index| index + 1));
    let mut units = outside.filter(|name| UNIT_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)));
    let system = units.next()?;
    let user = system.starts_with("user@").then(|| units.next()).flatten();
    Some(user.map_or_else(|| (*system).to_owned(), |user| format!("{system}/{user}")))
}
