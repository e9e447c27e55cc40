//! The kernel programs as a table.

use std::io::{self, Write};

use weir::sensor::load::Program;

/// A line for each program. What this kernel does not tell is a dash.
pub(super) fn print(out: &mut impl Write, programs: &[Program]) -> io::Result<()> {
    let name = width("program", programs.iter().map(|program| program.name));
    let sensor = width("sensor", programs.iter().map(|program| program.sensor));
    let mut row = |program: &str, serves: &str, xlated: &str, verified: &str, place: &str| {
        writeln!(out, "{program:name$}  {serves:sensor$}  {xlated:>12}  {verified:>14}  {place}")
    };
    row("program", "sensor", "xlated bytes", "verified insns", "attached to")?;
    for program in programs {
        let (xlated, verified) = (number(program.xlated_bytes), number(program.verified_insns));
        row(program.name, program.sensor, &xlated, &verified, &program.attached.join(" "))?;
    }
    Ok(())
}

fn width<'a>(heading: &'a str, cells: impl Iterator<Item = &'a str>) -> usize {
    cells.chain([heading]).map(str::len).max().unwrap_or_default()
}

fn number(value: Option<u32>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::{Program, print};

    #[test]
    fn columns_stand_below_each_other_and_unknown_is_a_dash() {
        let program = |name, attached: &[&str], xlated_bytes, verified_insns| Program {
            name,
            sensor: "send",
            attached: attached.iter().map(|place| (*place).to_owned()).collect(),
            xlated_bytes,
            verified_insns,
        };
        let programs = [
            program("send_udp", &["kprobe:udp_sendmsg", "kprobe:udpv6_sendmsg"], Some(4096), Some(123_456)),
            program("send_tcp_close", &["kprobe:tcp_close"], Some(800), None),
        ];
        let mut out = Vec::new();
        print(&mut out, &programs).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "program         sensor  xlated bytes  verified insns  attached to\n\
             send_udp        send            4096          123456  kprobe:udp_sendmsg kprobe:udpv6_sendmsg\n\
             send_tcp_close  send             800               -  kprobe:tcp_close\n"
        );
    }
}
