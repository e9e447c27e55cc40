//! Command lines, one a row, as the programs take them. They were run by bash 5.2, dash 0.5.12, busybox 1.35,
//! ksh93u+m, mksh 59c, zsh 5.9, yash 2.52, tcsh 6.24, fish 3.6, python 3.11, perl 5.36, ruby 3.1, node 20, bun 1.4,
//! deno 2.9, php and php-cgi 8.2, lua 5.4, luajit 2.1, tclsh 8.6 and expect 5.45. `PowerShell` is as its parser's
//! source reads; R, wish, toybox, Python 2 and what came to node after 20 are as their manuals say.

mod languages;

use super::*;

/// Words of a command line; they are separated by spaces, `_` is a space within a word and `~` is `_`.
fn words(line: &str) -> Vec<Bytes> {
    line.split(' ').map(|word| Bytes::from(word.replace('_', " ").replace('~', "_").as_str())).collect()
}

/// `file:x [arguments]` or `searched:x [arguments]`, `text:x`, `encoded:x`, `module:x [arguments]`, `stdin`, `server`, `nothing`, or `-` for no
/// interpreter; `x then` stands before these where text runs first.
fn shown(line: &str) -> String {
    let argv = words(line);
    let argv0 = argv[0].clone();
    let invocation = Invocation::of(argv0.as_slice(), b"", &argv);
    let Some(interpreter) = invocation.interpreter() else { return "-".to_owned() };
    let with = |name: &[u8], arguments: &[Bytes]| {
        let words = std::iter::once(Bytes::from(name)).chain(arguments.iter().cloned());
        words.map(|word| word.to_string()).collect::<Vec<_>>().join(" ")
    };
    let Told { before, program, searched } = interpreter.read(invocation.arguments);
    let before = before.map(|text| format!("{} then ", String::from_utf8_lossy(&text))).unwrap_or_default();
    let program = match program {
        Program::File(path, arguments) if searched => format!("searched:{}", with(path, arguments)),
        Program::File(path, arguments) => format!("file:{}", with(path, arguments)),
        Program::Text(text) => format!("text:{}", String::from_utf8_lossy(&text)),
        Program::Encoded(text) => format!("encoded:{}", String::from_utf8_lossy(text)),
        Program::Module(module, arguments) => format!("module:{}", with(module, arguments)),
        Program::Stdin => "stdin".to_owned(),
        Program::Server => "server".to_owned(),
        Program::Nothing => "nothing".to_owned(),
    };
    before + &program
}

#[track_caller]
fn check(rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter(|(line, expected)| shown(line) != *expected)
        .map(|(line, expected)| format!("{line}\n  expected {expected}\n  found    {}", shown(line)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn shells() {
    for shell in ["sh", "bash", "dash", "ash", "ksh", "ksh93", "mksh", "zsh", "yash", "rbash", "rksh", "lksh"]
    {
        let rows = [
            ("x.sh a -c b", "file:x.sh a -c b"),
            ("-x -- -x.sh", "file:-x.sh"),
            ("- x.sh", "file:x.sh"),
            ("+e x.sh", "file:x.sh"),
            ("-c curl_x name", "text:curl x"),
            // -c is a flag: the text is the first operand, wherever it stands.
            ("-c -e curl_x", "text:curl x"),
            ("-c -- curl_x", "text:curl x"),
            ("-c - curl_x", "text:curl x"),
            ("-c +e curl_x", "text:curl x"),
            ("-lc curl_x", "text:curl x"),
            ("-ce curl_x", "text:curl x"),
            ("-euo errexit x.sh", "file:x.sh"),
            ("-euo errexit -c t", "text:t"),
            ("-ceuo errexit t", "text:t"),
            ("+o errexit x.sh", "file:x.sh"),
            // An empty text and an empty name are given; a missing one is a mistake.
            ("-c ", "text:"),
            ("-c", "nothing"),
            ("-s a b", "stdin"),
            ("-s -- x b", "stdin"),
            ("-i", "stdin"),
            ("", "file:"),
        ];
        for (arguments, expected) in rows {
            assert_eq!(shown(&format!("{shell} {arguments}")), expected, "{shell} {arguments}");
        }
        assert_eq!(shown(shell), "stdin");
    }
}

#[test]
fn dialects_of_shells() {
    check(&[
        // -o in a cluster: the next word here, the rest of the word there.
        ("bash -oe pipefail -c t", "text:t"),
        ("bash -coe pipefail t", "text:t"),
        ("busybox sh -oe errexit x.sh", "file:x.sh"),
        ("zsh -oerrexit x.sh", "file:x.sh"),
        ("ksh93 -coerrexit t", "text:t"),
        // Behind + as behind -, where the shell has it so; a way to hide text.
        ("bash +c t", "text:t"),
        ("dash +c t", "text:t"),
        ("ksh93 +c t", "text:t"),
        ("zsh +c t", "text:t"),
        ("mksh +c t", "file:t"),
        ("yash +c t", "file:t"),
        ("bash +s x a", "stdin"),
        ("dash +s x a", "file:x a"),
        // Some have a name for -s, and one for -c; `no` and + turn it round.
        ("dash -o stdin x.sh a", "stdin"),
        ("dash -eo stdin x.sh", "stdin"),
        ("dash -oe stdin x.sh", "stdin"),
        ("dash +o stdin x.sh", "file:x.sh"),
        ("zsh -o shinstdin x.sh", "stdin"),
        ("zsh -oSHIN~stdin x.sh", "stdin"),
        ("zsh +o no~shin~stdin x.sh", "stdin"),
        ("zsh -o noshinstdin x.sh", "file:x.sh"),
        ("zsh -o stdin x.sh", "stdin"),
        ("zsh --stdin x.sh", "stdin"),
        ("zsh --shin-stdin x.sh", "stdin"),
        ("mksh -ostdin x.sh", "stdin"),
        ("mksh +o stdin x.sh", "file:x.sh"),
        ("yash -o Std x.sh", "stdin"),
        ("yash +o nostdin x.sh", "stdin"),
        ("yash --std-in x.sh", "stdin"),
        ("yash --cmdline t", "text:t"),
        ("yash -o cmdline t", "text:t"),
        ("bash -o errexit x.sh", "file:x.sh"),
        // dash goes on with standard input behind the text.
        ("dash -sc t", "t then stdin"),
        ("dash -o stdin -c t a", "t then stdin"),
        ("busybox sh -sc t", "text:t"),
        // -c wins over -s.
        ("bash -sc t", "text:t"),
        ("bash -s -c t", "text:t"),
        ("bash -euo pipefail x.sh", "file:x.sh"),
        ("bash --rcfile rc --posix +O extglob x.sh", "file:x.sh"),
        ("bash -Oc extglob t", "text:t"),
        ("bash --init-file rc x.sh", "file:x.sh"),
        ("bash --version", "nothing"),
        // busybox passes over long options.
        ("ash --version", "stdin"),
        ("bash --rcfile rc", "stdin"),
        // bash takes its long names after one dash; `-login` is no cluster with -o.
        ("bash -rcfile rc x.sh", "file:x.sh"),
        ("bash -login x.sh", "file:x.sh"),
        ("bash -norc -c t", "text:t"),
        ("bash -version x.sh", "nothing"),
        // Only before the first cluster: behind it, `-rcfile` is one with -c, and two dashes are a mistake.
        ("bash -x -rcfile t x.sh", "text:t"),
        ("bash +x -rcfile t x.sh", "text:t"),
        ("bash --posix -norc -rcfile rc x.sh", "file:x.sh"),
        ("bash -e --norc -c t", "nothing"),
        ("bash -posixc t", "nothing"),
        ("ksh93 -e --version", "nothing"),
        ("zsh --emulate sh -c t", "text:t"),
        ("zsh -b -c t", "file:-c t"),
        ("yash --rcfile rc x.sh", "file:x.sh"),
        ("mksh -T - x.sh", "file:x.sh"),
        ("tcsh -fc t a", "text:t"),
        ("tcsh -c -f t", "text:-f"),
        ("tcsh -b -f", "file:-f"),
        ("csh -f x.csh a", "file:x.csh a"),
        ("csh -fs a", "stdin"),
        ("csh - x", "file:- x"),
        ("csh +x", "file:+x"),
        ("fish -c t a -c b", "text:t"),
        ("fish -c a -c b x", "text:a\nb"),
        // The text of -C runs first, wherever it stands.
        ("fish -C t x.fish a", "t then file:x.fish a"),
        ("fish -C t -C u", "t\nu then stdin"),
        ("fish --init-command=t", "t then stdin"),
        ("fish -c t -C u", "text:u\nt"),
        ("fish -C t -v", "nothing"),
        ("fish -C", "nothing"),
        ("fish --com t", "text:t"),
        ("fish -cl t", "text:l"),
        ("fish -d x --profile /dev/null x.fish", "file:x.fish"),
        ("fish -v x.fish", "nothing"),
        ("busybox busybox sh -c t", "text:t"),
        ("busybox wget x", "-"),
        ("busybox --list", "-"),
        ("toybox sh x.sh", "file:x.sh"),
        ("cat x", "-"),
    ]);
}

#[test]
fn powershell_in_every_abbreviation() {
    check(&[
        ("pwsh -NoProfile -ExecutionPolicy Bypass ./x.ps1 -File y", "file:./x.ps1 -File y"),
        ("pwsh -nop -w hidden -enc SQBFAFgA", "encoded:SQBFAFgA"),
        ("pwsh -e QQA=", "encoded:QQA="),
        ("pwsh -ec QQA=", "encoded:QQA="),
        ("pwsh -eNcOd QQA=", "encoded:QQA="),
        // Parameters go on behind it: a file is run in its place, other text is a mistake.
        ("pwsh -enc QQA= -nop", "encoded:QQA="),
        ("pwsh -enc QQA= real.ps1 a", "A then file:real.ps1 a"),
        ("pwsh -nop -e QQA= -w hidden -f real.ps1", "A then file:real.ps1"),
        ("pwsh -enc QQA real.ps1", "QQA then file:real.ps1"),
        ("pwsh -enc QQA= -", "A then stdin"),
        ("pwsh -enc QQA= -c t", "nothing"),
        ("pwsh -enc QQA= -enc QQA=", "nothing"),
        ("pwsh -enc QQA= -v", "nothing"),
        ("pwsh -enc", "nothing"),
        ("pwsh --encodedcommand QQA=", "encoded:QQA="),
        ("powershell /enc QQA=", "encoded:QQA="),
        // The dashes of word processors are taken as well.
        ("pwsh \u{2013}enc QQA=", "encoded:QQA="),
        ("pwsh \u{2014}\u{2015}c t", "text:t"),
        ("pwsh -ep Bypass -wo / -c t u", "text:t u"),
        ("pwsh -ex Bypass -config x -cus y -settings z -o Text -inp Text t.ps1", "file:t.ps1"),
        ("pwsh -Command Get-Item x", "text:Get-Item x"),
        ("pwsh -CommandWithArgs t a b", "text:t"),
        ("pwsh -cwa t a b", "text:t"),
        ("pwsh -f x.ps1 -enc y", "file:x.ps1 -enc y"),
        ("pwsh -f -", "stdin"),
        ("pwsh -c -", "stdin"),
        ("pwsh -", "stdin"),
        ("pwsh -c", "nothing"),
        // -v is --version, which ends everything.
        ("pwsh -v -c t", "nothing"),
        ("pwsh -Version", "nothing"),
        ("pwsh -?", "nothing"),
        // A parameter that is none, and too short a beginning of one, is a file.
        ("pwsh /x/a.ps1", "file:/x/a.ps1"),
        ("pwsh -n x", "file:-n x"),
        ("pwsh -Login -NoExit -Interactive", "stdin"),
    ]);
}

#[test]
fn encoded_text_is_decoded() {
    let rows = [
        ("SQBFAFgA", Some("IEX")),
        ("ZAAgAOkAPNgA3w==", Some("d é🌀")),
        ("ZAAg AOkA\r\nPNgA3w==", Some("d é🌀")),
        ("", Some("")),
        // What is no UTF-16: half a pair, half a character.
        ("PNhBAA==", Some("\u{FFFD}A")),
        ("QQBC", Some("A\u{FFFD}")),
        // Bits too many in the last character.
        ("QQB=", Some("A")),
        // What .NET refuses.
        ("QQA", None),
        ("QQA==", None),
        ("Q-A=", None),
        ("é", None),
    ];
    for (typed, expected) in rows {
        assert_eq!(decoded(typed.as_bytes()).as_deref(), expected, "{typed}");
    }
}

#[test]
fn names_with_versions_and_builds() {
    let rows: &[(&str, bool)] = &[
        ("python3.12", true),
        ("python3-dbg", true),
        ("python3.13t", true),
        ("python3.8dm", true),
        ("platform-python3.6", true),
        ("pypy3-c", true),
        ("perl5.36.0", true),
        ("perl5.36-x86_64-linux-gnu", true),
        ("lua-5.4", true),
        ("luajit-2.1.0-beta3", true),
        ("ksh2020", true),
        ("rksh93", true),
        ("mksh-static", true),
        ("bash-static", true),
        ("zsh-5.9", true),
        ("node-18", true),
        ("php-cgi8.2", true),
        ("pwsh-preview", true),
        ("tclsh8.6", true),
        ("", false),
        ("bash-", false),
        ("bashful", false),
        ("python-config", false),
        ("php-fpm8.2", false),
        ("ruby-build", false),
        ("sh2elf", false),
        ("node_exporter", false),
        ("Bash", false),
    ];
    for (name, known) in rows {
        assert_eq!(Interpreter::named(name.as_bytes()).is_some(), *known, "{name}");
    }
}

#[test]
fn programs_behind_loaders_and_applets() {
    let rows = [
        ("/usr/bin/busybox", "busybox sh -c t", "sh", "-c t"),
        ("/usr/bin/busybox", "/bin/sh x.sh", "sh", "x.sh"),
        ("/usr/bin/busybox", "-sh", "sh", ""),
        ("/usr/bin/bash", "-bash -l", "bash", "-l"),
        ("/usr/bin/busybox", "busybox", "busybox", ""),
        ("/usr/bin/busybox", "busybox busybox busybox", "busybox", ""),
        ("/lib64/ld-linux-x86-64.so.2", "ld.so --argv0 x /usr/bin/bash -c t", "bash", "-c t"),
        ("/usr/bin/coreutils", "coreutils cat x", "cat", "x"),
        ("", "/usr/bin/bash x", "bash", "x"),
        ("", "", "", ""),
    ];
    for (exe, line, name, arguments) in rows {
        let argv = words(line);
        let invocation = Invocation::of(exe.as_bytes(), b"", &argv);
        assert_eq!(invocation.name, name.as_bytes(), "{exe} {line}");
        let found: Vec<String> = invocation.arguments.iter().map(Bytes::to_string).collect();
        assert_eq!(found.join(" "), arguments, "{exe} {line}");
    }
    assert_eq!(Invocation::of(b"", b"/bin/dash", &[]).name, b"dash");
}

/// Every interpreter with every pair of odd arguments: nothing panics, and what is found is one of the arguments.
#[test]
fn odd_arguments() {
    let pieces = [
        "", "-", "--", "---", "+", "-=", "--=", "=", "/", "-c", "+c", "-e", "-f", "-m", "-o", "-oo", "-C",
        "-K", "-ce", "-é", "--eval", "--eval=", "--file", "--file=", "-p", "--print", "run", "eval", "-enc",
        "\u{2013}",
    ];
    for interpreter in table::INTERPRETERS {
        for first in pieces {
            for second in pieces {
                let arguments = [Bytes::from(first), Bytes::from(second)];
                match interpreter.program(&arguments) {
                    Program::File(path, rest) | Program::Module(path, rest) => {
                        assert!(rest.len() < 2);
                        let text = arguments.iter().any(|argument| argument.as_slice().ends_with(path));
                        assert!(text, "{interpreter:?} {first} {second}");
                    }
                    Program::Text(_)
                    | Program::Encoded(_)
                    | Program::Stdin
                    | Program::Server
                    | Program::Nothing => {}
                }
            }
        }
    }
}

#[test]
fn only_readable_data_feeds() {
    let rows = [
        (FdObject::File { key: (1, 1), read: true, write: false }, true),
        (FdObject::Pipe { dev: 0, ino: 1, read: true, write: false }, true),
        (FdObject::Pipe { dev: 0, ino: 1, read: false, write: true }, false),
        (FdObject::Socket { ino: 1 }, true),
        (FdObject::Device { rdev: 1 }, false),
        (FdObject::None, false),
    ];
    for (stdin, expected) in rows {
        assert_eq!(feeds(stdin), expected, "{stdin:?}");
    }
}
