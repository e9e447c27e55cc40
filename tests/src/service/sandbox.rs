//! What the running service may do, as the kernel sees it: exactly what its unit says.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::unit;
use crate::process;

/// Numbers of capabilities (include/uapi/linux/capability.h) that the unit may name.
const CAPABILITIES: [(&str, u32); 7] = [
    ("CAP_DAC_READ_SEARCH", 2),
    ("CAP_NET_ADMIN", 12),
    ("CAP_SYS_PTRACE", 19),
    ("CAP_SYS_ADMIN", 21),
    ("CAP_SYS_RESOURCE", 24),
    ("CAP_PERFMON", 38),
    ("CAP_BPF", 39),
];

/// Shell text, run with all rights of root in the service's view of the file system, and whether it must work there.
/// Outside each of them works, or gives what must be hidden.
const VIEW: [(&str, bool); 10] = [
    ("touch /etc/weir/written && rm /etc/weir/written", false),
    ("touch /usr/bin/written && rm /usr/bin/written", false),
    ("touch /opt/weir/written && rm /opt/weir/written", false),
    ("mkdir /sys/fs/cgroup/written && rmdir /sys/fs/cgroup/written", false),
    ("echo 0 >/proc/sys/kernel/sysrq", false),
    ("ls -A /root | grep -q .", false),
    ("test -e /dev/vda", false),
    ("touch /var/log/weir/written && rm /var/log/weir/written", true),
    ("head -c 4 /sys/kernel/btf/vmlinux >/dev/null", true),
    ("test -e /proc/1/root/etc/hostname", true),
];

/// Compares what the kernel says about process `pid` with the unit; gives each difference.
///
/// # Errors
/// Fails when one of the two cannot be read.
pub(super) fn differences(pid: u32) -> Result<Vec<String>> {
    let text = fs::read_to_string(unit::FILE)?;
    let unit = Settings::parse(&text);
    let proc = Path::new("/proc").join(pid.to_string());
    let read =
        |name: &str| fs::read_to_string(proc.join(name)).with_context(|| format!("no {name} of {pid}"));
    let (status, limits) = (read("status")?, read("limits")?);
    let mask = mask(unit.get("CapabilityBoundingSet")?)?;
    let cgroup = read("cgroup")?;
    let cgroup = cgroup.lines().find_map(|line| line.strip_prefix("0::")).context("no cgroup v2")?;
    let tasks = fs::read_to_string(format!("/sys/fs/cgroup{cgroup}/pids.max"))?;

    let capabilities = |mask: u64| format!("{mask:016x}");
    let twice = |limit: &str| format!("{limit} {limit}");
    let rows = [
        ("CapBnd", field(&status, "CapBnd:", 1), capabilities(mask)),
        ("CapPrm", field(&status, "CapPrm:", 1), capabilities(mask)),
        ("CapEff", field(&status, "CapEff:", 1), capabilities(mask)),
        ("CapInh", field(&status, "CapInh:", 1), capabilities(0)),
        ("CapAmb", field(&status, "CapAmb:", 1), capabilities(0)),
        ("NoNewPrivs", field(&status, "NoNewPrivs:", 1), "1".to_owned()),
        // 2 is filtering.
        ("Seccomp", field(&status, "Seccomp:", 1), "2".to_owned()),
        ("Umask", field(&status, "Umask:", 1), unit.get("UMask")?.to_owned()),
        (
            "locked memory",
            field(&limits, "Max locked memory", 2),
            twice(&unit.get("LimitMEMLOCK")?.replace("infinity", "unlimited")),
        ),
        ("open files", field(&limits, "Max open files", 2), twice(unit.get("LimitNOFILE")?)),
        ("core size", field(&limits, "Max core file size", 2), twice(unit.get("LimitCORE")?)),
        ("oom_score_adj", read("oom_score_adj")?.trim().to_owned(), unit.get("OOMScoreAdjust")?.to_owned()),
        ("pids.max", tasks.trim().to_owned(), unit.get("TasksMax")?.to_owned()),
    ];
    let mut wrong: Vec<String> = rows
        .into_iter()
        .filter(|(_, found, expected)| found != expected)
        .map(|(what, found, expected)| format!("{what} is {found}, not {expected}"))
        .collect();
    for (text, must_work) in VIEW {
        // The namespace alone is entered: what is refused is refused by the view, whatever the rights.
        let mut command = Command::new("nsenter");
        command.args(["--target", &pid.to_string(), "--mount", "sh", "-c", text]);
        let works = process::run(&mut command).is_ok();
        if works != must_work {
            let not = if works { "" } else { " not" };
            wrong.push(format!("`{text}` does{not} work in the service's view"));
        }
        if !must_work {
            let outside = process::run(Command::new("sh").args(["-c", text]));
            ensure!(outside.is_ok(), "`{text}` proves nothing: it does not work outside either");
        }
    }
    Ok(wrong)
}

/// Settings of a unit's file; of one that is given twice the last.
struct Settings<'u>(BTreeMap<&'u str, &'u str>);

impl<'u> Settings<'u> {
    fn parse(text: &'u str) -> Self {
        let pairs = text.lines().filter(|line| !line.starts_with(['#', ';', '[']));
        Self(pairs.filter_map(|line| line.split_once('=')).collect())
    }

    fn get(&self, name: &str) -> Result<&'u str> {
        self.0.get(name).copied().with_context(|| format!("the unit says no {name}"))
    }
}

fn mask(names: &str) -> Result<u64> {
    names.split_whitespace().try_fold(0, |mask, name| {
        let known = CAPABILITIES.iter().find(|(known, _)| *known == name);
        let (_, number) = known.with_context(|| format!("{name} is not known here"))?;
        Ok(mask | 1 << number)
    })
}

/// The first words after `key` on its line, parted by single blanks.
fn field(text: &str, key: &str, words: usize) -> String {
    let rest = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    rest.split_whitespace().take(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Settings, field, mask};

    #[test]
    fn what_the_kernel_says() {
        let limits = "Max locked memory         unlimited            65536            bytes     \n";
        let rows = [
            ("CapBnd:\t0000000000000004\n", "CapBnd:", 1, "0000000000000004"),
            (limits, "Max locked memory", 2, "unlimited 65536"),
            (limits, "Max open files", 2, ""),
        ];
        for (text, key, words, expected) in rows {
            assert_eq!(field(text, key, words), expected, "{key}");
        }
    }

    #[test]
    fn what_the_unit_says() {
        let settings = Settings::parse("[Service]\n# A=no\nA=yes\nExecStart=/bin/x a=b\nA=later\n");
        assert_eq!(settings.get("A").unwrap(), "later");
        assert_eq!(settings.get("ExecStart").unwrap(), "/bin/x a=b");
        assert!(settings.get("B").is_err());
        assert_eq!(mask("CAP_BPF CAP_DAC_READ_SEARCH").unwrap(), 1 << 39 | 1 << 2);
        assert!(mask("CAP_UNHEARD_OF").is_err());
    }
}
