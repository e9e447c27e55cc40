//! As much SMTP (RFC 5321) as clients need to leave mail behind.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::TcpStream,
};

use super::count::Counted;

/// Serves commands until the client says goodbye.
///
/// # Errors
/// Fails when the connection breaks.
pub fn serve(counted: Counted, mut back: TcpStream) -> io::Result<()> {
    let mut from = BufReader::with_capacity(64 * 1024, counted);
    let mut say = |text: &str| write!(back, "{text}\r\n");
    say("220 receiver.example ESMTP")?;
    let mut line = Vec::new();
    while next(&mut from, &mut line)? {
        let text = String::from_utf8_lossy(&line);
        match text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => say("250-receiver.example\r\n250 8BITMIME")?,
            "DATA" => {
                say("354 go on")?;
                while next(&mut from, &mut line)? && line != b".\r\n" && line != b".\n" {}
                say("250 taken")?;
            }
            "QUIT" => return say("221 goodbye"),
            "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP" => say("250 yes")?,
            _ => say("502 not here")?,
        }
    }
    Ok(())
}

/// The next line, or a piece of one that is too long; whether there was any.
fn next(from: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(io::Read::take(from, 64 * 1024).read_until(b'\n', line)? > 0)
}
