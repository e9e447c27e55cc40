use super::*;

/// A client's greeting with these extensions.
fn greeting(extensions: &[(u16, &[u8])]) -> Vec<u8> {
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).expect("short").to_be_bytes();
    let mut all = Vec::new();
    for (kind, bytes) in extensions {
        all.extend(kind.to_be_bytes());
        all.extend(length(bytes));
        all.extend(*bytes);
    }
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    // A session of one byte, one suite, no compression.
    body.extend([1, 9, 0, 2, 0x13, 1, 1, 0]);
    body.extend(length(&all));
    body.extend(all);
    let mut message = vec![1, 0];
    message.extend(length(&body));
    message.extend(body);
    let mut record = vec![0x16, 3, 1];
    record.extend(length(&message));
    record.extend(message);
    record
}

fn name_extension(name: &[u8]) -> Vec<u8> {
    let length = u16::try_from(name.len()).expect("short");
    let mut bytes = (length + 3).to_be_bytes().to_vec();
    bytes.push(0);
    bytes.extend(length.to_be_bytes());
    bytes.extend(name);
    bytes
}

#[test]
fn the_name_that_a_tls_client_asks_for_is_found_wherever_it_stands() {
    let name = name_extension(b"Files.Example.org");
    let tls = |name: Option<&str>| Spoken::Tls { name: name.map(str::to_owned) };
    let rows = [
        (greeting(&[(0, &name)]), Some("files.example.org")),
        (greeting(&[(10, &[0; 8]), (0, &name), (16, &[0; 4])]), Some("files.example.org")),
        (greeting(&[(10, &[0; 8])]), None),
        (greeting(&[(0, &name_extension(b"a b"))]), None),
        (greeting(&[(0, &[])]), None),
    ];
    for (bytes, expected) in rows {
        assert_eq!(of_stream(&bytes), tls(expected), "{bytes:02x?}");
    }
    let whole = greeting(&[(10, &[0; 8]), (0, &name)]);
    for end in 0..whole.len() {
        let spoken = of_stream(&whole[..end]);
        assert_eq!(spoken, if end < 6 { Spoken::Unknown } else { tls(None) }, "{end} bytes");
    }
}

#[test]
fn protocols_are_told_by_what_their_clients_say_first() {
    let http = |host: Option<&str>| Spoken::Http { host: host.map(str::to_owned) };
    let rows: [(&[u8], Spoken); 16] = [
        (b"SSH-2.0-OpenSSH_9.9\r\n", Spoken::Ssh),
        (b"GET / HTTP/1.1\r\nHost: Example.org:8080\r\n\r\n", http(Some("example.org"))),
        (b"PUT /x HTTP/1.1\r\nAccept: */*\r\nhost:[2001:db8::1]\r\n\r\n", http(Some("[2001:db8::1]"))),
        (b"POST / HTTP/1.0\r\n\r\nHost: body.example.org", http(None)),
        (b"CONNECT example.org:443 HTTP/1.1\r\n\r\n", http(Some("example.org"))),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", http(None)),
        (b"GET / HTTP/1.1\r\nHost: a\xffb\r\n\r\n", http(None)),
        (b"EHLO mail.example.org\r\n", Spoken::Smtp),
        (b"ehlo x\r\n", Spoken::Smtp),
        (b"USER anonymous\r\n", Spoken::Ftp),
        (b"AUTH TLS\r\n", Spoken::Ftp),
        (b"USERS", Spoken::Unknown),
        (b"\x1f\x8b\x08\0\0\0", Spoken::Unknown),
        (b"", Spoken::Unknown),
        (b"\0", Spoken::Unknown),
        (b"\x16\x03\x01\0\0\x02\0", Spoken::Unknown),
    ];
    for (bytes, expected) in rows {
        assert_eq!(of_stream(bytes), expected, "{:?}", bytes.escape_ascii().to_string());
    }
}

#[test]
fn a_question_is_known_with_and_without_its_length() {
    let message = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x01a\x07Example\x03org\0\0\x10\0\x01";
    let expected = Spoken::Dns(Question { name: "a.example.org".to_owned(), kind: 16 });
    assert_eq!(of_question(message), expected);
    let mut stream = u16::try_from(message.len()).expect("short").to_be_bytes().to_vec();
    stream.extend(message);
    assert_eq!(of_stream(&stream), expected);
    // An answer is no question, and what ends within its name is none.
    let mut answer = message.to_vec();
    answer[2] |= 0x80;
    for bytes in [&answer[..], &message[..20], b"", b"plain text that is no question at all"] {
        assert_eq!(of_question(bytes), Spoken::Unknown, "{bytes:02x?}");
    }
}

#[test]
fn entropy_is_that_of_the_source_though_few_bytes_are_seen() {
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24).to_le_bytes()[0]
    };
    let noise: Vec<u8> = (0..2048).map(|_| random()).collect();
    let hex: Vec<u8> = (0..2048).map(|_| b"0123456789abcdef"[usize::from(random() & 15)]).collect();
    assert!(entropy(&noise).is_some_and(|bits| bits >= 790), "{:?}", entropy(&noise));
    assert!(entropy(&hex).is_some_and(|bits| (395..=405).contains(&bits)), "{:?}", entropy(&hex));
    assert_eq!(entropy(&[b'a'; 4096]), Some(0));
    assert_eq!(entropy(&noise[..255]), None);
}
