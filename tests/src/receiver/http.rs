//! As much HTTP/1.1 as curl, wget and git's dumb protocol need.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Component, Path, PathBuf},
};

use super::count::Counted;

/// A request's head.
#[derive(Debug, Default)]
struct Request {
    method: String,
    target: String,
    length: u64,
    chunked: bool,
    expects_continue: bool,
    close: bool,
}

/// Serves requests until the client closes.
///
/// # Errors
/// Fails when the connection breaks or the client does not speak HTTP.
pub fn serve(counted: Counted, mut back: TcpStream, root: &Path) -> io::Result<()> {
    let mut from = BufReader::with_capacity(64 * 1024, counted);
    while let Some(request) = head(&mut from)? {
        if request.expects_continue {
            back.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        body(&mut from, &request)?;
        match request.method.as_str() {
            "PUT" | "POST" => answer(&mut back, "200 OK", b"ok\n")?,
            "GET" => get(&mut back, &request.target, root)?,
            _ => answer(&mut back, "405 Method Not Allowed", b"")?,
        }
        if request.close {
            break;
        }
    }
    Ok(())
}

fn head(from: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut request = Request::default();
    let first = line(from)?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut words = first.split_whitespace();
    words.next().unwrap_or_default().clone_into(&mut request.method);
    words.next().unwrap_or_default().clone_into(&mut request.target);
    loop {
        let header = line(from)?;
        if header.is_empty() {
            return Ok(Some(request));
        }
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        let value = value.trim().to_ascii_lowercase();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => request.length = value.parse().map_err(io::Error::other)?,
            "transfer-encoding" => request.chunked = value.contains("chunked"),
            "expect" => request.expects_continue = value.contains("100-continue"),
            "connection" => request.close = value.contains("close"),
            _ => {}
        }
    }
}

fn body(from: &mut impl BufRead, request: &Request) -> io::Result<()> {
    if !request.chunked {
        return skip(from, request.length);
    }
    loop {
        let head = line(from)?;
        let size = head.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
        skip(from, size)?;
        line(from)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn skip(from: &mut impl BufRead, bytes: u64) -> io::Result<()> {
    let skipped = io::copy(&mut from.take(bytes), &mut io::sink())?;
    if skipped < bytes { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.take(64 * 1024).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn get(back: &mut TcpStream, target: &str, root: &Path) -> io::Result<()> {
    let path = target.split('?').next().unwrap_or_default();
    if let Some(length) = path.strip_prefix("/bytes/").and_then(|length| length.parse::<u64>().ok()) {
        write!(back, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")?;
        return io::copy(&mut io::repeat(b'w').take(length), back).map(drop);
    }
    match inside(root, path).map(fs::read) {
        Some(Ok(content)) => answer(back, "200 OK", &content),
        Some(Err(_)) | None => answer(back, "404 Not Found", b"not found\n"),
    }
}

fn inside(root: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.trim_start_matches('/'));
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    plain.then(|| root.join(relative))
}

fn answer(back: &mut TcpStream, status: &str, content: &[u8]) -> io::Result<()> {
    write!(
        back,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        content.len()
    )?;
    back.write_all(content)
}
