//! As much FTP (RFC 959) as clients need to leave files behind: passive mode, and one port for all data.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, atomic::AtomicU64},
};

use super::{
    count::{Counted, Reporter},
    sink,
};

/// Where data connections come to.
#[derive(Debug)]
pub struct Data {
    listener: TcpListener,
    at: SocketAddr,
    total: Arc<AtomicU64>,
    reporter: Reporter,
    rate: Option<u64>,
}

impl Data {
    /// Listens at `at`.
    ///
    /// # Errors
    /// Fails when it cannot be bound.
    pub fn bind(at: SocketAddr, reporter: Reporter, rate: Option<u64>) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(at)?, at, total: Arc::default(), reporter, rate })
    }

    /// Takes what comes over the next connection.
    fn take(&self) -> io::Result<()> {
        let (stream, peer) = self.listener.accept()?;
        let (total, reporter) = (Arc::clone(&self.total), self.reporter.clone());
        sink::drain(&mut Counted::new(stream, (self.at.port(), peer), total, reporter, self.rate))
    }

    /// Ends the next connection, for commands that send to the client: there is nothing here.
    fn refuse(&self) -> io::Result<()> {
        self.listener.accept().map(drop)
    }
}

/// Serves commands until the client says goodbye.
///
/// # Errors
/// Fails when the connection breaks.
pub fn serve(counted: Counted, mut back: TcpStream, data: &Data) -> io::Result<()> {
    let mut from = BufReader::new(counted);
    let mut say = |text: &str| write!(back, "{text}\r\n");
    say("220 ready")?;
    loop {
        let mut line = String::new();
        if io::Read::take(&mut from, 4096).read_line(&mut line)? == 0 {
            return Ok(());
        }
        let verb = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "USER" => say("331 password")?,
            "PASS" => say("230 in")?,
            "SYST" => say("215 UNIX Type: L8")?,
            "FEAT" => say("211 none")?,
            "PWD" | "XPWD" => say("257 \"/\"")?,
            "EPSV" => say(&format!("229 here (|||{}|)", data.at.port()))?,
            "PASV" => say(&passive(data.at))?,
            "STOR" | "APPE" | "STOU" => {
                say("150 go on")?;
                data.take()?;
                say("226 taken")?;
            }
            "LIST" | "NLST" | "MLSD" => {
                say("150 nothing here")?;
                data.refuse()?;
                say("226 that was it")?;
            }
            "MKD" | "XMKD" => say("257 \"made\" created")?,
            "TYPE" | "MODE" | "STRU" | "NOOP" | "OPTS" | "ALLO" | "SITE" => say("200 yes")?,
            "CWD" | "CDUP" => say("250 there")?,
            "QUIT" => return say("221 goodbye"),
            "SIZE" | "MDTM" | "RETR" | "MLST" => say("550 no such file")?,
            _ => say("502 not here")?,
        }
    }
}

fn passive(at: SocketAddr) -> String {
    let port = at.port().to_be_bytes();
    match at.ip() {
        IpAddr::V4(address) => {
            let words: Vec<String> = address.octets().iter().chain(&port).map(u8::to_string).collect();
            format!("227 here ({})", words.join(","))
        }
        IpAddr::V6(_) => "522 only EPSV".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_port_is_told_in_two_bytes() {
        let at = "198.51.100.2:10021".parse().expect("an address");
        assert_eq!(super::passive(at), "227 here (198,51,100,2,39,37)");
    }
}
