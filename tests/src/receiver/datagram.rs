//! Datagrams: all that come to a port without a second's silence between them are one conversation.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use super::{MARK, Report, count::Reporter};
use crate::wait::wall_ns;

/// After so long without a datagram the conversation is over: receipts wait for it.
const SILENCE: Duration = Duration::from_secs(1);
/// Room for datagrams that come faster than they are read, bytes: all of a scenario.
const BUFFER: libc::c_int = 64 << 20;

/// What is said to a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    Silence,
    /// That there is no such name (RFC 1035, response code 3).
    NoSuchName,
    /// That the block was taken (RFC 1350).
    Acknowledged,
}

/// Takes datagrams for ever.
///
/// # Errors
/// Fails when the socket does.
pub fn serve(socket: &UdpSocket, port: u16, answer: Answer, reporter: &Reporter) -> io::Result<()> {
    super::sink::buffer(socket, libc::SO_RCVBUFFORCE, BUFFER).map_err(io::Error::other)?;
    socket.set_read_timeout(Some(SILENCE))?;
    let mut buffer = vec![0; 65_536];
    let mut total = 0;
    let mut talk: Option<(SocketAddr, u64)> = None;
    loop {
        match socket.recv_from(&mut buffer) {
            Ok((length, peer)) => {
                let (_, read) = talk.get_or_insert_with(|| {
                    reporter.say(Report::Accepted { port, peer, wall_ns: wall_ns() });
                    (peer, 0)
                });
                let bytes = u64::try_from(length).unwrap_or_default();
                *read += bytes;
                for step in total / MARK + 1..=(total + bytes) / MARK {
                    reporter.say(Report::Mark { port, total: step * MARK, wall_ns: wall_ns() });
                }
                total += bytes;
                if let Some(said) = answer.to(buffer.get(..length).unwrap_or_default()) {
                    // Whoever asked may be gone.
                    let _ = socket.send_to(&said, peer);
                }
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                if let Some((peer, read)) = talk.take() {
                    reporter.say(Report::Closed { port, peer, read, wall_ns: wall_ns() });
                }
            }
            // A peer that is gone says so through the next call.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
        }
    }
}

impl Answer {
    fn to(self, datagram: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Silence => None,
            Self::NoSuchName => {
                let mut said = datagram.to_vec();
                // QR and RD; RA and NXDOMAIN.
                *said.get_mut(2)? = 0x81;
                *said.get_mut(3)? = 0x83;
                Some(said)
            }
            Self::Acknowledged => match datagram {
                [0, 2, ..] => Some(vec![0, 4, 0, 0]),
                &[0, 3, high, low, ..] => Some(vec![0, 4, high, low]),
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;

    #[test]
    fn answers() {
        type Row<'r> = (Answer, &'r [u8], Option<&'r [u8]>);
        let rows: [Row<'_>; 6] = [
            (Answer::Silence, b"x", None),
            (Answer::NoSuchName, &[7, 9, 1, 0, 0, 1], Some(&[7, 9, 0x81, 0x83, 0, 1])),
            (Answer::NoSuchName, &[7, 9], None),
            (Answer::Acknowledged, &[0, 2, b'f', 0], Some(&[0, 4, 0, 0])),
            (Answer::Acknowledged, &[0, 3, 1, 2, 99], Some(&[0, 4, 1, 2])),
            (Answer::Acknowledged, &[0, 5], None),
        ];
        for (answer, datagram, expected) in rows {
            assert_eq!(answer.to(datagram).as_deref(), expected, "{answer:?} {datagram:?}");
        }
    }
}
