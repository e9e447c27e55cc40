//! Which kernels to run on. One that cannot be had is a failure of its own and stops no other.

use anyhow::{Result, bail};

use super::kernel::{self, Kernel, SUITES};
use crate::{
    arch::Arch,
    console::{self, Mark},
};

/// The name of the kernel whose series is known once it is there.
const NEWEST: &str = "newest";

/// The kernels that were chosen.
#[derive(Debug, Default)]
pub(super) struct Kernels {
    pub(super) there: Vec<Kernel>,
    pub(super) missing: Vec<Missing>,
}

/// A kernel that could not be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missing {
    /// As a column of the table calls it.
    pub(super) title: String,
    pub(super) why: String,
}

/// Fetches the kernels for `arch` whose series or name is among `chosen`; none is all of them.
///
/// # Errors
/// When there is no such kernel.
pub(super) fn fetch(arch: Arch, chosen: &[String]) -> Result<Kernels> {
    fetch_with(arch, chosen, |suite| kernel::fetch(suite, arch))
}

fn fetch_with(arch: Arch, chosen: &[String], fetch: impl Fn(&str) -> Result<Kernel>) -> Result<Kernels> {
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|one| one == name);
    let is_settled = |name: &str| SUITES.iter().any(|(known, _)| *known == name);
    let mut kernels = Kernels::default();
    for (name, suite) in SUITES {
        let unsettled = name == NEWEST && chosen.iter().any(|one| !is_settled(one));
        if !wanted(name) && !unsettled {
            continue;
        }
        match fetch(suite) {
            Ok(kernel) if wanted(name) || wanted(&kernel.series) => {
                console::step(Mark::Ok, "kernel", format!("{} from {suite}", kernel.version));
                kernels.there.push(kernel);
            }
            Ok(_) => {}
            Err(error) => {
                let why = format!("{error:#}");
                console::step(Mark::Failed, "kernel", format!("{name}: {why}"));
                kernels.missing.push(Missing { title: kernel::title(name, arch), why });
            }
        }
    }
    let is_there = |one: &String| kernels.there.iter().any(|kernel| kernel.series == *one);
    // What the newest one's series would have been, nobody knows.
    let newest_is_missing =
        kernels.missing.iter().any(|missing| missing.title == kernel::title(NEWEST, arch));
    match chosen.iter().find(|one| !is_settled(one) && !is_there(one)) {
        Some(one) if !newest_is_missing => {
            bail!("there is no kernel {one} here; known are {}", SUITES.map(|(name, _)| name).join(", "))
        }
        Some(_) | None => Ok(kernels),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    /// Series of the kernels that are there, and names of those that are not, when these suites cannot be reached.
    fn outline(chosen: &[&str], unreachable: &[&str]) -> Result<(String, String)> {
        let chosen: Vec<String> = chosen.iter().map(|&name| name.to_owned()).collect();
        let kernels = fetch_with(Arch::parse("own", None)?, &chosen, |suite| {
            let series = [("bullseye", "5.10"), ("bookworm", "6.1"), ("trixie", "6.12"), ("sid", "7.2")];
            if unreachable.contains(&suite) {
                bail!("cannot fetch the package lists of {suite}")
            }
            let (_, series) = series.iter().find(|(name, _)| *name == suite).context("no such suite")?;
            Ok(kernel::sample(series))
        })?;
        let there: Vec<&str> = kernels.there.iter().map(|kernel| kernel.series.as_str()).collect();
        let missing: Vec<String> =
            kernels.missing.iter().map(|one| format!("{}: {}", one.title, one.why)).collect();
        Ok((there.join(" "), missing.join(" ")))
    }

    #[test]
    fn one_that_cannot_be_had_stops_no_other() {
        type Row<'a> = (&'a [&'a str], &'a [&'a str], &'a str, &'a str);
        let sid = "newest: cannot fetch the package lists of sid";
        let rows: [Row<'_>; 8] = [
            (&[], &[], "5.10 6.1 6.12 7.2", ""),
            (&[], &["bullseye"], "6.1 6.12 7.2", "5.10: cannot fetch the package lists of bullseye"),
            (&[], &["sid"], "5.10 6.1 6.12", sid),
            (&["6.1"], &["bullseye"], "6.1", ""),
            (&["newest", "6.1"], &[], "6.1 7.2", ""),
            (&["7.2"], &[], "7.2", ""),
            (&["7.2", "6.1"], &["sid"], "6.1", sid),
            (&["5.10"], &["bullseye"], "", "5.10: cannot fetch the package lists of bullseye"),
        ];
        for (chosen, unreachable, there, missing) in rows {
            let found = outline(chosen, unreachable).unwrap();
            assert_eq!(found, (there.to_owned(), missing.to_owned()), "{chosen:?} {unreachable:?}");
        }
        let error = outline(&["6.7"], &[]).unwrap_err().to_string();
        assert_eq!(error, "there is no kernel 6.7 here; known are 5.10, 6.1, 6.12, newest");
    }
}
