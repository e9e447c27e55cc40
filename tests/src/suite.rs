//! All cases, in the order in which they are run.

use std::path::Path;

use anyhow::Result;

use crate::{
    egress, explain,
    harness::{Case, Context, Outcome},
    lifecycle, load, refusal, robustness,
    scenario::{self, Scenario, Set},
    service, story, world_check,
};

/// Every case of this crate. Without root all but those in a browser are ignored.
///
/// # Errors
/// Fails when a scenario file is bad.
pub fn all() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    cases.extend(world_check::cases());
    cases.extend(explain::cases());
    cases.extend(robustness::cases());
    cases.extend(refusal::cases());
    cases.extend(lifecycle::cases());
    cases.extend(service::cases());
    cases.extend(egress::cases());
    cases.extend(scenario::of(&[Set::Core, Set::Suite])?.into_iter().map(of_scenario));
    cases.push(case("load::hundred-senders".to_owned(), load::hundred_senders));
    Ok(cases)
}

/// A case that needs root.
pub fn case(name: String, body: impl Fn(&Context, &Path) -> Result<Outcome> + 'static) -> Case {
    let body = move |context: &Context, dir: &Path| {
        if is_root() { body(context, dir) } else { Ok(Outcome::Skipped("needs root".to_owned())) }
    };
    Case { name, body: Box::new(body) }
}

/// Whether this process runs as root.
#[must_use]
pub fn is_root() -> bool {
    // SAFETY: geteuid takes nothing and cannot fail.
    let user = unsafe { libc::geteuid() };
    user == 0
}

fn of_scenario(scenario: Scenario) -> Case {
    let name = scenario.name.clone();
    case(name, move |context, dir| story::run(&scenario, context, dir))
}
