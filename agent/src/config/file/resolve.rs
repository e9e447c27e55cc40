//! What is written -> what is meant: ranges, globs, networks and durations are checked, globs are compiled,
//! tables of risks are completed by the built-in ones.

use std::{fmt::Display, net::IpAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use ipnet::IpNet;
use jiff::{Span, SpanRelativeTo};

use super::{
    defaults,
    error::Problem,
    written::{self, Placed, Risks, Written},
};
use crate::config::{
    Alerts, Config, DomainError, DomainPattern, Files, Hooks, HooksError, Network, Rated, Score, Sensor,
    State, Trust, Volume,
};

const RISK: RangeInclusive<f64> = 0.0..=10.0;
const PORT: RangeInclusive<u16> = 1..=u16::MAX;
/// Digits of a container's id that tools show (`docker ps`).
const CONTAINER_DIGITS: usize = 12;
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// The configuration that `written` means, and every value in it that does not make sense. The configuration is
/// fit for use only when there is none.
pub(super) fn resolve(mut written: Written) -> (Config, Vec<Problem>) {
    complete(&mut written.files.staging, defaults::STAGING);
    complete(&mut written.files.sensitive, defaults::SENSITIVE);
    let mut check = Check::default();
    let mut config = Config {
        alerts: check.alerts(&written.alerts),
        network: check.network(&written.network),
        files: check.files(&written.files),
        volume: check.volume(&written.volume),
        score: check.score(&written.score),
        state: check.state(&written.state),
        trust: check.trust(&written.trust),
        sensor: check.sensor(&written.sensor),
        source: String::new(),
    };
    match toml::to_string(&written) {
        Ok(source) => config.source = source,
        Err(error) => check.problem(0..0, "", format!("cannot be written out again: {error}")),
    }
    (config, check.problems)
}

/// What the file does not mention keeps its built-in risk.
fn complete(risks: &mut Risks, built_in: &[(&str, f64)]) {
    let mut all = defaults::risks(built_in);
    for (glob, risk) in std::mem::take(risks) {
        // Removed first, so that the key keeps its place in the text.
        all.remove(&glob);
        all.insert(glob, risk);
    }
    *risks = all;
}

#[derive(Default)]
struct Check {
    problems: Vec<Problem>,
}

impl Check {
    fn problem(&mut self, span: std::ops::Range<usize>, key: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(span, key, message));
    }

    fn alerts(&mut self, written: &written::Alerts) -> Alerts {
        let path = PathBuf::from(written.path.get_ref());
        if !path.is_absolute() {
            let message = format!("found {:?}, expected a path that begins with /", written.path.get_ref());
            self.problem(written.path.span(), "alerts.path", message);
        }
        Alerts {
            path,
            // A rotation must never be due after every line.
            rotate_bytes: self.whole("alerts.rotate_bytes", &written.rotate_bytes, 1 << 20..=1 << 40),
            rotate_age: self.duration("alerts.rotate_age", &written.rotate_age, HOUR..=DAY * 3650),
            keep: self.whole("alerts.keep", &written.keep, 1..=1000),
            signals: written.signals,
            signal_risk: self.number("alerts.signal_risk", &written.signal_risk, 0.0..=10.0),
            script_text: written.script_text,
            heartbeat: self.duration("alerts.heartbeat", &written.heartbeat, SECOND..=DAY),
            update_factor: self.number("alerts.update_factor", &written.update_factor, 1.01..=1000.0),
            close_after: self.duration("alerts.close_after", &written.close_after, SECOND..=DAY),
        }
    }

    fn network(&mut self, written: &written::Network) -> Network {
        Network {
            inside: self.networks("network.inside", &written.inside),
            resolvers: self.addresses("network.resolvers", &written.resolvers),
        }
    }

    fn files(&mut self, written: &written::Files) -> Files {
        let window = SECOND..=DAY;
        Files {
            staging: self.rated("files.staging", &written.staging),
            sensitive: self.rated("files.sensitive", &written.sensitive),
            document_extensions: self.extensions(&written.document_extensions),
            mass_count: self.whole("files.mass_count", &written.mass_count, 2..=1_000_000),
            mass_window: self.duration("files.mass_window", &written.mass_window, window),
            quiet: self.prefixes(&written.quiet),
        }
    }

    fn volume(&mut self, written: &written::Volume) -> Volume {
        let bytes = 1..=i64::MAX.unsigned_abs();
        Volume {
            ports: self.ports("volume.ports", &written.ports),
            port_bytes: self.whole("volume.port_bytes", &written.port_bytes, bytes.clone()),
            any_bytes: self.whole("volume.any_bytes", &written.any_bytes, bytes),
        }
    }

    fn score(&mut self, written: &written::Score) -> Score {
        Score {
            threshold: self.number("score.threshold", &written.threshold, 0.1..=10.0),
            half_life: self.duration("score.half_life", &written.half_life, SECOND..=DAY * 30),
            data_half_life: self.duration(
                "score.data_half_life",
                &written.data_half_life,
                SECOND..=DAY * 365,
            ),
        }
    }

    fn state(&mut self, written: &written::State) -> State {
        let path = PathBuf::from(written.path.get_ref());
        let kept = !path.as_os_str().is_empty();
        if kept && !path.is_absolute() {
            let message = format!("found {:?}, expected a path that begins with /", written.path.get_ref());
            self.problem(written.path.span(), "state.path", message);
        }
        State {
            path: kept.then_some(path),
            save_every: self.duration("state.save_every", &written.save_every, SECOND..=DAY),
        }
    }

    fn sensor(&mut self, written: &written::Sensor) -> Sensor {
        let drain = Duration::from_millis(10)..=Duration::from_mins(1);
        Sensor {
            hooks: self.hooks(&written.hooks),
            lifecycle_ring: self.ring("sensor.lifecycle_ring", &written.lifecycle_ring),
            bulk_ring: self.ring("sensor.bulk_ring", &written.bulk_ring),
            drain_interval: self.duration("sensor.drain_interval", &written.drain_interval, drain),
            content: written.content,
        }
    }

    fn hooks(&mut self, written: &Placed<String>) -> Hooks {
        written.get_ref().parse().unwrap_or_else(|error: HooksError| {
            self.problem(written.span(), "sensor.hooks", error.to_string());
            Hooks::default()
        })
    }

    /// The kernel wants a power of two that is a multiple of the page size (64 KiB at most).
    fn ring(&mut self, key: &str, written: &Placed<i64>) -> u32 {
        let bytes: u32 = self.whole(key, written, 1 << 16..=1 << 30);
        if !bytes.is_power_of_two() {
            let message = format!(
                "found {bytes}, expected a power of two; the next is {}",
                bytes.checked_next_power_of_two().unwrap_or(1 << 30)
            );
            self.problem(written.span(), key, message);
        }
        bytes
    }

    fn trust(&mut self, written: &[Placed<written::Trust>]) -> Vec<Trust> {
        let mut rules: Vec<Trust> = Vec::with_capacity(written.len());
        for (index, placed) in written.iter().enumerate() {
            let rule = self.trust_rule(&format!("trust[{index}]"), placed);
            if rules.iter().any(|other| other.name == rule.name && !rule.name.is_empty()) {
                let message = format!("found the name {:?} a second time", rule.name);
                self.problem(placed.span(), &format!("trust[{index}].name"), message);
            }
            rules.push(rule);
        }
        rules
    }

    fn trust_rule(&mut self, key: &str, placed: &Placed<written::Trust>) -> Trust {
        let written = placed.get_ref();
        let name = written.name.as_ref().map(|name| name.get_ref().clone()).unwrap_or_default();
        if name.trim().is_empty() {
            let message = "found no name, expected `name = \"...\"`, which alerts show as weir.trusted_by";
            self.problem(placed.span(), key, message);
        }
        let conditions = [
            written.executable.is_empty(),
            written.users.is_empty(),
            written.units.is_empty(),
            written.containers.is_empty(),
            written.destinations.is_empty(),
            written.ports.is_empty(),
        ];
        if conditions.iter().all(|empty| *empty) {
            let message = "found no condition, so that everything would be trusted; expected executable, \
                           users, units, containers, destinations or ports";
            self.problem(placed.span(), key, message);
        }
        let bytes = 1..=i64::MAX.unsigned_abs();
        let (mounted, others): (Vec<_>, Vec<_>) =
            written.destinations.iter().cloned().partition(|text| text.get_ref().starts_with('/'));
        let mounted = self.places(&format!("{key}.destinations"), mounted);
        let (destinations, domains) = self.destinations(&format!("{key}.destinations"), &others);
        Trust {
            executable: self.executables(&format!("{key}.executable"), &written.executable),
            users: self.names(&format!("{key}.users"), &written.users),
            units: self.names(&format!("{key}.units"), &written.units),
            containers: self.containers(&format!("{key}.containers"), &written.containers),
            destinations,
            places: mounted,
            domains,
            ports: self.ports(&format!("{key}.ports"), &written.ports),
            daily_bytes: written
                .daily_bytes
                .as_ref()
                .map(|limit| self.whole(&format!("{key}.daily_bytes"), limit, bytes)),
            name,
        }
    }

    /// Where shares and media are mounted. Everything is mounted below `/`, so that this alone would be no condition.
    fn places(&mut self, key: &str, written: Vec<Placed<String>>) -> Option<GlobSet> {
        if written.is_empty() {
            return None;
        }
        let mut globs = Vec::with_capacity(written.len());
        for place in written {
            let text = place.get_ref().trim_end_matches('/').to_owned();
            if text.is_empty() || text.contains("//") || parse_network(text.trim_start_matches('/')).is_some()
            {
                let message = format!("found {:?}, expected a place like \"/media/backup\"", place.get_ref());
                self.problem(place.span(), key, message);
                continue;
            }
            globs.extend(self.glob(key, &Placed::new(place.span(), text)));
        }
        Some(self.glob_set(key, globs))
    }

    fn executables(&mut self, key: &str, written: &[Placed<String>]) -> Option<GlobSet> {
        if written.is_empty() {
            return None;
        }
        let globs: Vec<Glob> = written.iter().filter_map(|glob| self.glob(key, glob)).collect();
        Some(self.glob_set(key, globs))
    }

    /// Names are compared as a whole, so an empty one would only look like a condition.
    fn names(&mut self, key: &str, written: &[Placed<String>]) -> Vec<String> {
        for name in written.iter().filter(|name| name.get_ref().trim().is_empty()) {
            self.problem(name.span(), key, "found an empty text, expected a name");
        }
        written.iter().map(|name| name.get_ref().clone()).collect()
    }

    /// Ids are hexadecimal; less than their first twelve digits, which tools show, could mean another one as well.
    fn containers(&mut self, key: &str, written: &[Placed<String>]) -> Vec<String> {
        for id in written {
            let text = id.get_ref();
            if text.len() < CONTAINER_DIGITS || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                let message =
                    format!("found {text:?}, expected a container's id or its first 12 digits or more");
                self.problem(id.span(), key, message);
            }
        }
        written.iter().map(|id| id.get_ref().to_ascii_lowercase()).collect()
    }

    /// A risk of 0 switches a built-in glob off.
    fn rated(&mut self, key: &str, written: &Risks) -> Rated {
        let mut globs = Vec::with_capacity(written.len());
        let mut risks = Vec::with_capacity(written.len());
        for (glob, risk) in written {
            let key = format!("{key}.{:?}", glob.get_ref());
            let risk = self.number(&key, risk, RISK);
            if let Some(compiled) = self.glob(&key, glob)
                && risk > 0.0
            {
                globs.push(compiled);
                risks.push((glob.get_ref().clone(), risk));
            }
        }
        Rated { globs: self.glob_set(key, globs), risks }
    }

    fn glob(&mut self, key: &str, written: &Placed<String>) -> Option<Glob> {
        let text = written.get_ref();
        if !text.starts_with('/') && !text.starts_with("**/") {
            let message = format!("found {text:?}, expected a glob that begins with / or **/");
            self.problem(written.span(), key, message);
            return None;
        }
        match GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build() {
            Ok(glob) => Some(glob),
            Err(error) => {
                let message = format!("found {text:?}, expected a glob; {}", error.kind());
                self.problem(written.span(), key, message);
                None
            }
        }
    }

    fn glob_set(&mut self, key: &str, globs: Vec<Glob>) -> GlobSet {
        let mut builder = GlobSetBuilder::new();
        for glob in globs {
            builder.add(glob);
        }
        builder.build().unwrap_or_else(|error| {
            self.problem(0..0, key, format!("found globs that are too large together: {error}"));
            GlobSet::empty()
        })
    }

    fn extensions(&mut self, written: &[Placed<String>]) -> Vec<String> {
        for extension in written {
            let text = extension.get_ref();
            if text.is_empty() || text.contains(['.', '/', '*']) {
                let message = format!("found {text:?}, expected an extension without its dot, like \"pdf\"");
                self.problem(extension.span(), "files.document_extensions", message);
            }
        }
        written.iter().map(|extension| extension.get_ref().to_lowercase()).collect()
    }

    fn prefixes(&mut self, written: &[Placed<String>]) -> Vec<String> {
        for prefix in written {
            let text = prefix.get_ref();
            if !text.starts_with('/')
                || text.trim_end_matches('/').is_empty()
                || text.contains(['*', '?', '['])
            {
                let message =
                    format!("found {text:?}, expected a directory like \"/usr\", without wildcards");
                self.problem(prefix.span(), "files.quiet", message);
            }
        }
        written.iter().map(|prefix| prefix.get_ref().trim_end_matches('/').to_owned()).collect()
    }

    /// Networks and addresses, and names: what has a colon or a slash can be no name.
    fn destinations(&mut self, key: &str, written: &[Placed<String>]) -> (Vec<IpNet>, Vec<DomainPattern>) {
        let (mut networks, mut domains) = (Vec::new(), Vec::new());
        for destination in written {
            let text = destination.get_ref();
            if parse_network(text).is_some() || text.contains(['/', ':']) {
                networks.extend(self.networks(key, std::slice::from_ref(destination)));
                continue;
            }
            match text.parse() {
                Ok(domain) => domains.push(domain),
                Err(error) => {
                    let error: DomainError = error;
                    let message = format!(
                        "found {text:?}, expected a network, an address, a place that begins with / or {error}"
                    );
                    self.problem(destination.span(), key, message);
                }
            }
        }
        (networks, domains)
    }

    fn addresses(&mut self, key: &str, written: &[Placed<String>]) -> Vec<IpAddr> {
        let mut addresses = Vec::with_capacity(written.len());
        for address in written {
            let text = address.get_ref();
            match text.parse::<IpAddr>() {
                Ok(parsed) => addresses.push(parsed.to_canonical()),
                Err(_) => {
                    self.problem(
                        address.span(),
                        key,
                        format!("found {text:?}, expected an address like \"10.0.0.53\""),
                    );
                }
            }
        }
        addresses
    }

    fn networks(&mut self, key: &str, written: &[Placed<String>]) -> Vec<IpNet> {
        let mut networks = Vec::with_capacity(written.len());
        for network in written {
            let text = network.get_ref();
            let parsed = parse_network(text);
            if parsed.is_none() {
                let message = format!("found {text:?}, expected a network like \"10.0.0.0/8\" or an address");
                self.problem(network.span(), key, message);
            }
            networks.extend(parsed.map(|network| network.trunc()));
        }
        networks
    }

    fn ports(&mut self, key: &str, written: &[Placed<i64>]) -> Vec<u16> {
        written.iter().map(|port| self.whole(key, port, PORT)).collect()
    }

    /// A whole number in `range`; its least value where it is not.
    fn whole<T>(&mut self, key: &str, written: &Placed<i64>, range: RangeInclusive<T>) -> T
    where
        T: TryFrom<i64> + PartialOrd + Copy + Display,
    {
        match T::try_from(*written.get_ref()) {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let (least, most) = (range.start(), range.end());
                let message =
                    format!("found {}, expected a whole number from {least} to {most}", written.get_ref());
                self.problem(written.span(), key, message);
                *least
            }
        }
    }

    fn number(&mut self, key: &str, written: &Placed<f64>, range: RangeInclusive<f64>) -> f64 {
        let number = *written.get_ref();
        if range.contains(&number) {
            return number;
        }
        let message = format!("found {number}, expected a number from {} to {}", range.start(), range.end());
        self.problem(written.span(), key, message);
        *range.start()
    }

    fn duration(&mut self, key: &str, written: &Placed<String>, range: RangeInclusive<Duration>) -> Duration {
        let text = written.get_ref();
        match parse_duration(text) {
            Some(duration) if range.contains(&duration) => duration,
            found => {
                let expected = match found {
                    Some(_) => format!("from {:?} to {:?}", range.start(), range.end()),
                    None => "like \"250ms\", \"90s\", \"30m\", \"12h\" or \"7d\"".to_owned(),
                };
                self.problem(written.span(), key, format!("found {text:?}, expected a time {expected}"));
                *range.start()
            }
        }
    }
}

/// A network, or an address as the network of it alone.
fn parse_network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// A day has 24 hours here, as in every rotation.
fn parse_duration(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(duration).ok()
}
