//! What flows were seen to say: whose flow it is, and which names a story asks for.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use super::{
    Pipeline,
    flows::{Delta, Sent},
};
use crate::{
    alert::Record,
    detect::{Asked, NameSum, Observation},
    event::{BootTime, Content, Part, ProcessKey, Spoken},
    hash::{self, Lru, Set},
};

/// Sockets of which something was seen before anything else was heard; one that nobody asks for goes.
const WAITING_MAX: usize = 4_096;
/// Of one socket.
const EACH_MAX: usize = 32;
/// Stories and domains whose names are summed.
const SUMS_MAX: usize = 16_384;
/// Names of which it is known that they were asked for, of one story and domain. Beyond it every name is a new one.
const NAMES_MAX: usize = 4_096;
/// Nanoseconds of an hour.
const HOUR_NS: u64 = 3_600_000_000_000;
/// And of a day.
const DAY_NS: u64 = 24 * HOUR_NS;
/// Top-level domains that no name server outside is asked for (RFC 6762, ICANN's `internal`), and that of addresses.
/// Who asks a server of his own for such a name shows by the volume.
const NOWHERE: [&str; 6] = ["arpa", "local", "localhost", "internal", "lan", "home"];
/// Second levels below which countries give out names, after the list of public suffixes.
const SECOND_LEVELS: [&str; 10] = ["ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"];

/// Contents that wait for news of their flow, and sums of names.
#[derive(Debug)]
pub(super) struct Contents {
    waiting: Lru<u64, Vec<Content>>,
    sums: Lru<(ProcessKey, Arc<str>), Sum>,
}

#[derive(Debug, Default)]
struct Sum {
    seen: Set<u64>,
    hour: Window,
    day: Window,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    since: BootTime,
    sum: NameSum,
}

impl Window {
    /// Begins anew when its time is over; true when it did.
    fn pass(&mut self, now: BootTime, length: u64) -> bool {
        let over = now.saturating_sub(self.since) >= length;
        if over {
            *self = Self { since: now, sum: NameSum::default() };
        }
        over
    }

    const fn add(&mut self, bytes: u64) {
        self.sum.names += 1;
        self.sum.bytes += bytes;
    }
}

impl Default for Contents {
    fn default() -> Self {
        // Bounded where something is added, so that the room is not taken before it is needed.
        Self { waiting: hash::lru_unbounded(), sums: hash::lru_unbounded() }
    }
}

impl Contents {
    fn park(&mut self, content: &Content) {
        if self.waiting.len() >= WAITING_MAX && !self.waiting.contains(&content.socket) {
            self.waiting.pop_lru();
        }
        let waiting = self.waiting.get_or_insert_mut(content.socket, Vec::new);
        if waiting.len() < EACH_MAX {
            waiting.push(content.clone());
        }
    }

    /// What was seen of a socket before anybody was known to use it.
    pub(super) fn take(&mut self, socket: u64) -> Vec<Content> {
        self.waiting.pop(&socket).unwrap_or_default()
    }

    /// A story asks for a name. Answers the sums for its domain and the bytes that the name adds, if it is a new one.
    fn ask(&mut self, story: ProcessKey, name: &str, now: BootTime) -> Option<(Arc<str>, [NameSum; 2], u64)> {
        let domain = registered(name)?;
        let letters = |name: &str| name.bytes().filter(|&byte| byte != b'.').count() as u64;
        let bytes = letters(name) - letters(domain);
        let key = (story, Arc::from(domain));
        if self.sums.len() >= SUMS_MAX && !self.sums.contains(&key) {
            self.sums.pop_lru();
        }
        let domain = Arc::clone(&key.1);
        let sum = self.sums.get_or_insert_mut(key, Sum::default);
        if sum.day.pass(now, DAY_NS) {
            sum.seen.clear();
        }
        sum.hour.pass(now, HOUR_NS);
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let known = if sum.seen.len() < NAMES_MAX {
            !sum.seen.insert(hasher.finish())
        } else {
            sum.seen.contains(&hasher.finish())
        };
        if known || bytes == 0 {
            return None;
        }
        sum.hour.add(bytes);
        sum.day.add(bytes);
        Some((domain, [sum.hour.sum, sum.day.sum], bytes))
    }
}

/// The domain that somebody has registered: the last two labels of a name, three below a country's second level. None
/// for names that nobody outside is asked for.
fn registered(name: &str) -> Option<&str> {
    let mut ends = name.rmatch_indices('.').map(|(at, _)| at);
    let top = ends.next()?;
    let country = name.get(top + 1..)?;
    if NOWHERE.contains(&country) {
        return None;
    }
    let second = ends.next();
    let label = name.get(second.map_or(0, |at| at + 1)..top)?;
    let start = match second {
        Some(_) if country.len() == 2 && SECOND_LEVELS.contains(&label) => ends.next(),
        second => second,
    };
    name.get(start.map_or(0, |at| at + 1)..)
}

impl Pipeline {
    /// Something of a flow was seen. Who used the socket last has sent it; of a new socket that is not known yet.
    pub(super) fn content(&mut self, content: &Content, out: &mut Vec<Record>) {
        match self.flows.user(content.socket) {
            Some((process, false)) => self.spoken(process, content, out),
            // What is answered is no news. Not every kernel can tell that itself.
            Some((_, true)) => {}
            None => self.contents.park(content),
        }
    }

    /// A process said something to somebody.
    pub(super) fn spoken(&mut self, process: ProcessKey, content: &Content, out: &mut Vec<Record>) {
        let outside = !self.config.network.is_inside(content.remote.ip())
            && self.covering(process, content.remote.into()).is_none();
        if let Spoken::Tls { name: Some(name) } | Spoken::Http { host: Some(name) } = &content.spoken {
            self.names.claim(content.remote.ip(), name);
        }
        self.observe(process, &Observation::Spoken { content, outside }, out);
        if let (Part::Question | Part::First, Spoken::Dns(question)) = (content.part, &content.spoken)
            && !self.flows.serves_names(process)
        {
            self.asks(process, &question.name, content, out);
        }
    }

    /// A process asks for a name, for itself: who answers questions asks what others asked.
    fn asks(&mut self, process: ProcessKey, name: &str, content: &Content, out: &mut Vec<Record>) {
        let story = self.table.story(process);
        let Some((domain, [hour, day], bytes)) = self.contents.ask(story, name, self.now) else { return };
        let remote = content.remote;
        let asked = Asked { remote, domain: &domain, hour, day };
        if !asked.is_tunnel() {
            return;
        }
        // A resolver of one's own hands on what it is asked: with the names their bytes leave, though the flow does not.
        if self.config.network.is_inside(remote.ip()) {
            let executable = self.executable(process);
            let all = self.flows.process(process).is_none();
            let tx = if all { day.bytes } else { bytes };
            let delta = Delta { new: false, tx, rx: 0, sends: 1 };
            let protocol = content.protocol;
            let sent =
                Sent { process, story, executable, remote: remote.into(), protocol, port_class: true, delta };
            self.flows.add(&sent, Some(content.local), self.now);
            self.totals.bytes_out = self.totals.bytes_out.saturating_add(tx);
            self.pauses.sent(process, story, (tx, 0), self.now);
        }
        self.observe(process, &Observation::Asked(asked), out);
        self.judge(process, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_what_somebody_registered() {
        let rows = [
            ("www.example.org", Some("example.org")),
            ("a.b.example.co.uk", Some("example.co.uk")),
            ("example.co.uk", Some("example.co.uk")),
            ("co.uk", Some("co.uk")),
            ("example.org", Some("example.org")),
            ("a.ab.de", Some("ab.de")),
            ("org", None),
            ("", None),
            ("1.2.0.192.in-addr.arpa", None),
            ("printer.local", None),
        ];
        for (name, expected) in rows {
            assert_eq!(registered(name), expected, "{name}");
        }
    }

    #[test]
    fn a_name_counts_once_a_day_and_an_hour_begins_anew() {
        let mut contents = Contents::default();
        let story = ProcessKey { pid: 1, start_ticks: 1 };
        let mut ask = |name: &str, now| {
            contents
                .ask(story, name, now)
                .map(|(_, [hour, day], bytes)| (hour.names, day.names, day.bytes, bytes))
        };
        assert_eq!(ask("abcd.example.org", 1), Some((1, 1, 4, 4)));
        assert_eq!(ask("abcd.example.org", 2), None);
        assert_eq!(ask("example.org", 2), None);
        assert_eq!(ask("ab.cd.example.org", HOUR_NS + 1), Some((1, 2, 8, 4)));
        assert_eq!(ask("abcd.example.org", DAY_NS + 1), Some((1, 1, 4, 4)));
    }
}
