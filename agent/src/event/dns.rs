//! A DNS answer -> which name has which addresses (RFC 1035, 3596, 9460).
//!
//! Own code, since what is read may end in the midst of a record: readers of whole messages give up on that. Nothing
//! here trusts a length: a name is followed backwards alone, so that it cannot loop, and the number of records is
//! bounded by the bytes that each of them takes.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of a message's header.
const HEADER: usize = 12;
/// Longest name on the wire, its labels' lengths and its end included.
const NAME_MAX: usize = 255;
/// Aliases that are followed; resolvers give up at about as many.
const ALIASES_MAX: usize = 16;
/// Pointers that are followed within a name; a server that writes names once needs a few.
const POINTERS_MAX: usize = 32;
/// Class of internet names.
const CLASS_IN: u16 = 1;
/// An IPv4 address.
const TYPE_A: u16 = 1;
/// The name's real name.
const TYPE_CNAME: u16 = 5;
/// An IPv6 address.
const TYPE_AAAA: u16 = 28;
/// Where a service is.
const TYPE_SVCB: u16 = 64;
/// Where a web server is.
const TYPE_HTTPS: u16 = 65;
/// Parameter of the two above: IPv4 addresses.
const HINT_V4: u16 = 4;
/// As above: IPv6 addresses.
const HINT_V6: u16 = 6;

/// Why a message says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// It ends before its question does.
    #[error("DNS message of {0} bytes ends too early")]
    Short(usize),
    /// It is no answer to one ordinary question.
    #[error("DNS message with the flags {flags:04x} and {questions} questions")]
    NoAnswer {
        /// Second word of the header.
        flags: u16,
        /// Number of questions.
        questions: u16,
    },
    /// It is no ordinary question.
    #[error("DNS message with the flags {flags:04x} and {questions} questions, and no question of one")]
    NoQuestion {
        /// Second word of the header.
        flags: u16,
        /// Number of questions.
        questions: u16,
    },
    /// A name is longer than names can be, or points elsewhere than back.
    #[error("DNS name that is no name")]
    Name,
    /// The question is not about internet names.
    #[error("DNS question of the class {0}")]
    Class(u16),
}

/// What an answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The name that was asked for: lower case, labels joined by dots, without the last dot; bytes that host names
    /// do not have as `\DDD`.
    pub name: String,
    /// Its addresses, those of its aliases included, in the order of the message, each once.
    pub addresses: Vec<IpAddr>,
    /// Seconds for which all of that holds.
    pub ttl: u32,
    /// Records are missing at the end: the message was cut, or is damaged there.
    pub cut: bool,
}

/// A question to a name server.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Question {
    /// The name that is asked for, as [`Answer`] has it.
    pub name: String,
    /// Type of the records that are asked for: 1 A, 16 TXT, 28 AAAA, ...
    pub kind: u16,
}

/// Reads a question.
///
/// # Errors
///
/// [`DnsError`] when the message is none, or has a question that cannot be understood.
pub fn question(message: &[u8]) -> Result<Question, DnsError> {
    let short = DnsError::Short(message.len());
    let mut reader = Reader { message, at: 0 };
    let (_, flags) = (reader.u16().ok_or(short)?, reader.u16().ok_or(short)?);
    let (questions, answers) = (reader.u16().ok_or(short)?, reader.u16().ok_or(short)?);
    // No answer (QR), an ordinary question (OPCODE), without records that answer it.
    if flags & 0xf800 != 0 || questions != 1 || answers != 0 {
        return Err(DnsError::NoQuestion { flags, questions });
    }
    reader.at = HEADER;
    let name = reader.name()?;
    let (kind, class) = (reader.u16().ok_or(short)?, reader.u16().ok_or(short)?);
    if class == CLASS_IN { Ok(Question { name, kind }) } else { Err(DnsError::Class(class)) }
}

/// Reads an answer. One without addresses, which is the answer to many a question, is no error.
///
/// # Errors
///
/// [`DnsError`] when the message has no question that could be understood.
pub fn answer(message: &[u8]) -> Result<Answer, DnsError> {
    let short = DnsError::Short(message.len());
    let mut reader = Reader { message, at: 0 };
    let (_, flags) = (reader.u16().ok_or(short)?, reader.u16().ok_or(short)?);
    let (questions, answers) = (reader.u16().ok_or(short)?, reader.u16().ok_or(short)?);
    // An answer (QR) to a query (OPCODE) that did not fail (RCODE).
    if flags & 0xf80f != 0x8000 || questions != 1 {
        return Err(DnsError::NoAnswer { flags, questions });
    }
    reader.at = HEADER;
    let name = reader.name()?;
    let (_, class) = (reader.u16().ok_or(short)?, reader.u16().ok_or(short)?);
    if class != CLASS_IN {
        return Err(DnsError::Class(class));
    }
    let records: Vec<Record> = (0..answers).map_while(|_| reader.record()).collect();
    let cut = records.len() < usize::from(answers);
    let (addresses, ttl) = resolve(&name, &records);
    Ok(Answer { name, addresses, ttl, cut })
}

/// Addresses of `asked`, and the shortest time for which a record on the way to them holds.
fn resolve(asked: &str, records: &[Record]) -> (Vec<IpAddr>, u32) {
    let (mut addresses, mut ttl) = (Vec::new(), None::<u32>);
    let mut name = asked;
    for _ in 0..=ALIASES_MAX {
        let mut alias = None;
        for record in records.iter().filter(|record| record.owner == name) {
            match &record.data {
                Data::Alias(target) => alias = alias.or(Some(target)),
                Data::Addresses(found) => {
                    for address in found {
                        if !addresses.contains(address) {
                            addresses.push(*address);
                        }
                    }
                }
                Data::Other => continue,
            }
            ttl = Some(ttl.map_or(record.ttl, |ttl| ttl.min(record.ttl)));
        }
        match alias {
            Some(target) if addresses.is_empty() => name = target,
            Some(_) | None => break,
        }
    }
    (addresses, ttl.unwrap_or(0))
}

/// A record.
struct Record {
    owner: String,
    ttl: u32,
    data: Data,
}

enum Data {
    Alias(String),
    Addresses(Vec<IpAddr>),
    /// Nothing that leads to an address.
    Other,
}

/// A place in a message.
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let bytes = self.message.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// The next record; nothing when there is no whole one.
    fn record(&mut self) -> Option<Record> {
        let owner = self.name().ok()?;
        let (kind, class, ttl) = (self.u16()?, self.u16()?, self.u32()?);
        let length = usize::from(self.u16()?);
        let start = self.at;
        let data = self.take(length)?;
        // A TTL with the highest bit set counts as 0 (RFC 2181).
        let ttl = if ttl > i32::MAX.unsigned_abs() { 0 } else { ttl };
        let data = match kind {
            _ if class != CLASS_IN => Data::Other,
            TYPE_A if length == 4 => Data::Addresses(addresses(data, length).collect()),
            TYPE_AAAA if length == 16 => Data::Addresses(addresses(data, length).collect()),
            TYPE_CNAME => Data::Alias(Reader { message: self.message, at: start }.name().ok()?),
            TYPE_SVCB | TYPE_HTTPS => Data::Addresses(hints(data, start, self.message)?),
            _ => Data::Other,
        };
        Some(Record { owner, ttl, data })
    }

    /// The name here, in lower case, its labels joined by dots, without the last dot. Bytes that no host name has are
    /// written `\DDD`, so that a dot within a label is none between labels.
    fn name(&mut self) -> Result<String, DnsError> {
        let short = DnsError::Short(self.message.len());
        let mut name = String::new();
        let mut bytes = 1;
        // Where the name goes on; what follows in the message stands after the first pointer.
        let mut reader = Reader { message: self.message, at: self.at };
        let (mut lowest, mut pointers) = (self.at, 0);
        let mut after = None;
        loop {
            let length = reader.u8().ok_or(short)?;
            match length >> 6 {
                0 if length == 0 => break,
                0 => {
                    bytes += 1 + usize::from(length);
                    if bytes > NAME_MAX {
                        return Err(DnsError::Name);
                    }
                    let label = reader.take(length.into()).ok_or(short)?;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    for &byte in label {
                        push(&mut name, byte);
                    }
                }
                3 => {
                    let low = reader.u8().ok_or(short)?;
                    after.get_or_insert(reader.at);
                    let target = usize::from(length & 0x3f) << 8 | usize::from(low);
                    pointers += 1;
                    // Always further back, so that there is no loop.
                    if target >= lowest || pointers > POINTERS_MAX {
                        return Err(DnsError::Name);
                    }
                    lowest = target;
                    reader.at = target;
                }
                _ => return Err(DnsError::Name),
            }
        }
        self.at = after.unwrap_or(reader.at);
        Ok(name)
    }
}

/// A byte of a label, as zone files write it.
fn push(name: &mut String, byte: u8) {
    let byte = byte.to_ascii_lowercase();
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
        name.push(char::from(byte));
    } else {
        let digits = [byte / 100, byte / 10 % 10, byte % 10];
        name.push('\\');
        name.extend(digits.map(|digit| char::from(b'0' + digit)));
    }
}

/// Addresses of `size` bytes each.
fn addresses(bytes: &[u8], size: usize) -> impl Iterator<Item = IpAddr> {
    bytes.chunks_exact(size.max(1)).filter_map(|address| match address.len() {
        4 => address.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets).into()),
        16 => address.first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets).into()),
        _ => None,
    })
}

/// Addresses that the record of a service carries, when it stands for its owner (another target is a name to ask for).
fn hints(data: &[u8], start: usize, message: &[u8]) -> Option<Vec<IpAddr>> {
    let mut found = Vec::new();
    let mut reader = Reader { message, at: start + 2 };
    let own = reader.name().ok()?.is_empty();
    let mut rest = Reader { message: data, at: reader.at.checked_sub(start)? };
    while let (Some(key), Some(length)) = (rest.u16(), rest.u16()) {
        let value = rest.take(length.into())?;
        match key {
            HINT_V4 if own => found.extend(addresses(value, 4)),
            HINT_V6 if own => found.extend(addresses(value, 16)),
            _ => {}
        }
    }
    Some(found)
}
