//! A name server that knows one address, for every name; and who asks it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

/// Longest message of either.
const MESSAGE: usize = 512;
/// Bytes of a message's header.
const HEADER: usize = 12;
/// Type and class of a question for an IPv4 address.
const QUESTION: [u8; 4] = [0, 1, 0, 1];
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers questions for IPv4 addresses with the socket's own; returns only on failure.
///
/// # Errors
/// Fails when the socket does.
pub fn serve(socket: &UdpSocket) -> io::Result<()> {
    let IpAddr::V4(own) = socket.local_addr()?.ip() else { return Ok(()) };
    let mut buffer = [0; MESSAGE];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer)?;
        if let Some(answer) = buffer.get(..length).and_then(|question| answer(question, own)) {
            // Who asked may be gone.
            let _ = socket.send_to(&answer, peer);
        }
    }
}

/// Asks `server` for the IPv4 address of `name`.
///
/// # Errors
/// Fails when no address comes.
pub fn ask(name: &str, server: IpAddr) -> Result<Ipv4Addr> {
    let mut question = vec![0x77, 0x65, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(u8::try_from(label.len()).context("a label of that length")?);
        question.extend(label.as_bytes());
    }
    question.push(0);
    question.extend(QUESTION);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("cannot bind")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send_to(&question, SocketAddr::new(server, 53)).context("cannot ask")?;
    let mut answer = [0; MESSAGE];
    let (length, _) = socket.recv_from(&mut answer).context("no answer")?;
    let answer = answer.get(..length).unwrap_or_default();
    ensure!(answer.len() > question.len(), "no address in an answer of {length} bytes");
    let Some(address) = answer.last_chunk::<4>() else { bail!("an answer of {length} bytes") };
    Ok(Ipv4Addr::from(*address))
}

/// The question, said to be answered, and the address.
fn answer(question: &[u8], address: Ipv4Addr) -> Option<Vec<u8>> {
    let end = HEADER + question.get(HEADER..)?.iter().position(|&byte| byte == 0)? + 1 + QUESTION.len();
    let mut answer = question.get(..end)?.to_vec();
    let asked = answer.ends_with(&QUESTION);
    // An answer, from a server that can ask others; one answer or none, and nothing else.
    answer.get_mut(2..HEADER)?.copy_from_slice(&[0x81, 0x80, 0, 1, 0, asked.into(), 0, 0, 0, 0]);
    if asked {
        answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::answer;

    #[test]
    fn questions_are_answered() {
        let question =
            |kind: u8| [&[7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0, kind, 0, 1][..], &[9]].concat();
        let given = answer(&question(1), [198, 51, 100, 7].into()).expect("an answer");
        assert_eq!((&given[..2], &given[4..8]), (&[7, 7][..], &[0, 1, 0, 1][..]));
        assert_eq!(&given[given.len() - 4..], [198, 51, 100, 7]);
        assert_eq!(answer(&question(28), [198, 51, 100, 7].into()).expect("an answer")[7], 0);
        assert_eq!(answer(&[0; 12], [198, 51, 100, 7].into()), None);
    }
}
