//! Tools that duplicate or capture network traffic.

use super::{
    super::{
        Action::{self, Capture, Local, Mirror, Unknown},
        Tool::{Dumpcap, Iptables, Nft, OvsVsctl, Tc, Tcpdump, Tshark},
        command,
    },
    check,
};
use crate::{
    detect::{Stage, testing},
    event::Bytes,
    process::Process,
};

#[test]
fn tc_mirrors_by_mirred_alone() {
    check(&[
        (
            "tc filter add dev eth0 parent ffff: matchall action mirred egress mirror dev eth1",
            Tc,
            Mirror,
            8.0,
        ),
        (
            "tc filter add dev eth0 parent ffff: protocol ip u32 match ip protocol 1 0xff action mirred egress mirror dev d0",
            Tc,
            Mirror,
            8.0,
        ),
        ("tc filter replace dev eth0 ingress flower action mirred ingress mirror dev eth1", Tc, Mirror, 8.0),
        ("tc f a dev eth0 ingress matchall a mirred e m d eth1", Tc, Mirror, 8.0),
        ("tc filt ch dev eth0 egress matchall act mirred egr mirr index 4 dev eth1", Tc, Mirror, 8.0),
        ("tc actions add action mirred egress mirror dev eth1", Tc, Mirror, 8.0),
        ("tc a a mirred egress mirror dev eth1 pipe index 3", Tc, Mirror, 8.0),
        (
            "tc -n blue filter add dev eth0 ingress matchall action mirred egress mirror dev eth1",
            Tc,
            Mirror,
            8.0,
        ),
        (
            "tc -netns filter -s f a dev eth0 ingress matchall action mirred egress mirror dev eth1",
            Tc,
            Mirror,
            8.0,
        ),
        (
            "tc -force - filter add dev eth0 ingress matchall action mirred egress mirror dev eth1",
            Tc,
            Mirror,
            8.0,
        ),
        (
            "tc filter add dev eth0 ingress matchall action mirred egress mirror dev eth1 action mirred egress redirect dev ifb0",
            Tc,
            Mirror,
            8.0,
        ),
        (
            "tc filter add dev eth0 ingress matchall action mirred egress redirect dev ifb0 action mirred egress mirror dev eth1",
            Tc,
            Mirror,
            8.0,
        ),
        ("tc filter add dev eth0 ingress matchall action mirred egress mirror blockid 22", Tc, Mirror, 8.0),
        // A device with the name of an option.
        ("tc filter add dev -b ingress matchall action mirred egress mirror dev eth1", Tc, Mirror, 8.0),
        // Redirection is how shaping of what comes in works.
        (
            "tc filter add dev eth0 parent ffff: protocol ip u32 match u32 0 0 action mirred egress redirect dev ifb0",
            Tc,
            Local,
            0.0,
        ),
        (
            "tc filter add dev mirror ingress matchall action mirred egress redirect dev mirror",
            Tc,
            Local,
            0.0,
        ),
        (
            "tc filter add dev mirred ingress matchall action mirred egress redirect dev mirred",
            Tc,
            Local,
            0.0,
        ),
        ("tc qdisc add dev eth0 handle ffff: ingress", Tc, Local, 0.0),
        ("tc qdisc add dev eth0 root tbf rate 1mbit burst 32kbit latency 400ms", Tc, Local, 0.0),
        ("tc qdisc replace dev eth0 root handle 1: htb default 30", Tc, Local, 0.0),
        ("tc class add dev eth0 parent 1: classid 1:1 htb rate 6mbit burst 15k", Tc, Local, 0.0),
        (
            "tc filter add dev eth0 parent 1: protocol ip u32 match ip dport 22 0xffff flowid 1:10",
            Tc,
            Local,
            0.0,
        ),
        (
            "tc filter add dev eth0 parent ffff: u32 match u32 0 0 action police rate 1mbit burst 100k drop",
            Tc,
            Local,
            0.0,
        ),
        ("tc -s filter show dev eth0 ingress", Tc, Local, 0.0),
        ("tc filter del dev eth0 ingress", Tc, Local, 0.0),
        ("tc actions delete action mirred index 3", Tc, Local, 0.0),
        ("tc actions ls action mirred", Tc, Local, 0.0),
        // Words for which tc wants more.
        ("tc filter add dev eth0 ingress matchall action mirred egress mirror dev", Tc, Local, 0.0),
        ("tc filter add dev eth0 ingress matchall action mirred egress mirror dev ''", Tc, Local, 0.0),
        ("tc filter add dev eth0 ingress matchall action mirred egress mirror", Tc, Local, 0.0),
        ("tc filter add dev eth0 ingress matchall action mirred mirror dev eth1", Tc, Local, 0.0),
        ("tc filter add dev eth0 ingress matchall action mirred", Tc, Local, 0.0),
        ("tc filter add", Tc, Local, 0.0),
        ("tc -n", Tc, Local, 0.0),
        ("tc", Tc, Local, 0.0),
        ("tc -b rules", Tc, Unknown, 0.0),
        ("| tc -force -batch -", Tc, Unknown, 0.0),
    ]);
}

#[test]
fn iptables_duplicates_by_tee() {
    check(&[
        ("iptables -t mangle -A PREROUTING -i eth0 -j TEE --gateway 192.0.2.9", Iptables, Mirror, 8.0),
        (
            "iptables -t mangle -I POSTROUTING 1 -p tcp --dport 443 --jump TEE --gateway=192.0.2.9",
            Iptables,
            Mirror,
            8.0,
        ),
        ("iptables -w 5 -tmangle -R POSTROUTING 2 -jTEE --gat 192.0.2.9", Iptables, Mirror, 8.0),
        ("iptables -A F --j TEE --ga 192.0.2.9", Iptables, Mirror, 8.0),
        ("iptables --jum=TEE --gateway 192.0.2.9 --append F", Iptables, Mirror, 8.0),
        ("ip6tables -t mangle -A F ! -i lo -j TEE --gateway 2001:db8::9", Iptables, Mirror, 8.0),
        ("iptables-nft -A F -j TEE --gateway 192.0.2.9 --oif eth1", Iptables, Mirror, 8.0),
        ("iptables-legacy -A F -j TEE --gateway 192.0.2.9", Iptables, Mirror, 8.0),
        ("iptables -A F -m comment --comment -D -j TEE --gateway 192.0.2.9", Iptables, Mirror, 8.0),
        ("iptables -A F -j TEE --gateway 127.0.0.1", Iptables, Mirror, 3.0),
        ("iptables -t mangle -D PREROUTING -j TEE --gateway 192.0.2.9", Iptables, Local, 0.0),
        ("iptables --delete F -j TEE --gateway 192.0.2.9", Iptables, Local, 0.0),
        ("iptables -C F -j TEE --gateway 192.0.2.9", Iptables, Local, 0.0),
        ("iptables -A INPUT -p tcp --dport 22 -j ACCEPT", Iptables, Local, 0.0),
        ("iptables -A INPUT -j LOG --log-prefix 'TEE '", Iptables, Local, 0.0),
        ("iptables -A INPUT -j NFLOG --nflog-group 1 --nflog-prefix TEE", Iptables, Local, 0.0),
        ("iptables -A INPUT -j ACCEPT -m comment --comment '-j TEE --gateway h'", Iptables, Local, 0.0),
        ("iptables -N TEE", Iptables, Local, 0.0),
        ("iptables -A INPUT -g TEE", Iptables, Local, 0.0),
        ("iptables -j TEE -h", Iptables, Local, 0.0),
        ("iptables -nvL", Iptables, Local, 0.0),
        ("iptables -A F -j TEE --gateway", Iptables, Local, 0.0),
        ("iptables -A F -j TEE --gateway ''", Iptables, Local, 0.0),
        ("iptables -A F -j TEE", Iptables, Local, 0.0),
        ("iptables -A F --gateway 192.0.2.9 -j", Iptables, Local, 0.0),
        ("iptables", Iptables, Local, 0.0),
    ]);
    assert_eq!(command(&testing::process(1, "iptables-save")), None);
    assert_eq!(command(&testing::process(1, "| iptables-restore")), None);
}

#[test]
fn nft_duplicates_by_dup() {
    check(&[
        ("nft add rule ip mangle prerouting dup to 192.0.2.9", Nft, Mirror, 8.0),
        ("nft 'add rule ip mangle prerouting dup to 192.0.2.9 device eth1'", Nft, Mirror, 8.0),
        ("nft add rule 'ip mangle prerouting dup' to 192.0.2.9", Nft, Mirror, 8.0),
        ("nft -a -e insert rule ip6 mangle f ip6 daddr ::/0 dup to 2001:db8::9", Nft, Mirror, 8.0),
        (
            "nft 'add table ip t; add chain ip t c { type filter hook prerouting priority 0; }; add rule ip t c dup to 192.0.2.9;'",
            Nft,
            Mirror,
            8.0,
        ),
        ("nft 'table ip t{chain c{dup to 192.0.2.9}}'", Nft, Mirror, 8.0),
        ("nft ip t c dup to 192.0.2.9", Nft, Mirror, 8.0),
        ("nft add rule netdev t c dup to eth1", Nft, Mirror, 8.0),
        ("nft add rule netdev t c dup to '\"eth1\"'", Nft, Mirror, 8.0),
        ("nft -D to=192.0.2.9 'add rule ip t c dup to $to'", Nft, Mirror, 8.0),
        ("nft add rule ip t c dup to ip saddr map '{ 192.0.2.1 : 192.0.2.9 }'", Nft, Mirror, 8.0),
        ("nft add rule ip t c log prefix '\"x\"' dup to 192.0.2.9", Nft, Mirror, 8.0),
        ("nft -- add rule ip t c dup to 192.0.2.9", Nft, Mirror, 8.0),
        ("nft add rule ip t c dup to 127.0.0.1", Nft, Mirror, 3.0),
        ("nft -c add rule ip t c dup to 192.0.2.9", Nft, Local, 0.0),
        ("nft add rule inet filter input tcp dport 22 accept", Nft, Local, 0.0),
        ("nft add rule netdev t c fwd to eth1", Nft, Local, 0.0),
        ("nft add rule ip nat prerouting dnat to 192.0.2.9", Nft, Local, 0.0),
        ("nft add rule ip t c log prefix '\"dup to 192.0.2.9\"'", Nft, Local, 0.0),
        ("nft add rule ip t c log prefix '\"dup' to '192.0.2.9\"'", Nft, Local, 0.0),
        ("nft 'add rule ip t c accept # dup to 192.0.2.9'", Nft, Local, 0.0),
        ("nft add chain ip t dup-to", Nft, Local, 0.0),
        ("nft list ruleset", Nft, Local, 0.0),
        ("nft delete rule ip t c handle 4", Nft, Local, 0.0),
        ("nft add rule ip t c dup to", Nft, Local, 0.0),
        ("nft add rule ip t c dup", Nft, Local, 0.0),
        ("nft add rule ip t c dup to '#x'", Nft, Local, 0.0),
        ("nft", Nft, Local, 0.0),
        ("nft -f /etc/nftables.conf", Nft, Unknown, 0.0),
        ("| nft -f -", Nft, Unknown, 0.0),
        ("nft -i", Nft, Unknown, 0.0),
    ]);
}

#[test]
fn open_vswitch_mirrors() {
    check(&[
        (
            "ovs-vsctl -- set Bridge br0 mirrors=@m -- --id=@p get Port eth1 -- --id=@m create Mirror name=m select-all=true output-port=@p",
            OvsVsctl,
            Mirror,
            8.0,
        ),
        ("ovs-vsctl --id=@m create mirror name=m", OvsVsctl, Mirror, 8.0),
        ("ovs-vsctl --id @m create Mirror name=m", OvsVsctl, Mirror, 8.0),
        ("ovs-vsctl --db unix:/x -t 5 add bridge br0 mirrors m0", OvsVsctl, Mirror, 8.0),
        ("ovs-vsctl set br br0 stp_enable=true Mirrors=@m", OvsVsctl, Mirror, 8.0),
        ("ovs-vsctl --dry-run -- --id=@m create Mirror name=m", OvsVsctl, Local, 0.0),
        ("ovs-vsctl clear Bridge br0 mirrors", OvsVsctl, Local, 0.0),
        ("ovs-vsctl set Bridge br0 mirrors=[]", OvsVsctl, Local, 0.0),
        ("ovs-vsctl set Bridge br0 mirrors=", OvsVsctl, Local, 0.0),
        ("ovs-vsctl remove Bridge br0 mirrors m0", OvsVsctl, Local, 0.0),
        ("ovs-vsctl list Mirror", OvsVsctl, Local, 0.0),
        ("ovs-vsctl --id=@q create QoS type=linux-htb", OvsVsctl, Local, 0.0),
        ("ovs-vsctl set Bridge br0 stp_enable=true", OvsVsctl, Local, 0.0),
        ("ovs-vsctl add-br mirror", OvsVsctl, Local, 0.0),
        ("ovs-vsctl add-port br0 eth1 -- set Interface eth1 type=internal", OvsVsctl, Local, 0.0),
        ("ovs-vsctl add bridge br0 mirrors", OvsVsctl, Local, 0.0),
        ("ovs-vsctl create", OvsVsctl, Local, 0.0),
        ("ovs-vsctl create ''", OvsVsctl, Local, 0.0),
        ("ovs-vsctl -- --", OvsVsctl, Local, 0.0),
        ("ovs-vsctl show", OvsVsctl, Local, 0.0),
        ("ovs-vsctl", OvsVsctl, Local, 0.0),
    ]);
}

#[test]
fn captures_to_files() {
    check(&[
        ("tcpdump -i eth0 -w /tmp/x.pcap", Tcpdump, Capture, 6.0),
        ("tcpdump -nni any -s0 -G 60 -W 5 -w /tmp/%H.pcap port 80", Tcpdump, Capture, 6.0),
        ("tcpdump -Uw /tmp/x", Tcpdump, Capture, 6.0),
        ("tcpdump port 80 -wx", Tcpdump, Capture, 6.0),
        ("tcpdump -i eth0 -w -", Tcpdump, Capture, 6.0),
        ("tcpdump --interface eth0 -w x", Tcpdump, Capture, 6.0),
        ("tcpdump -i eth0 -n", Tcpdump, Local, 0.0),
        ("tcpdump -i eth0 -n -A port 80 and host w", Tcpdump, Local, 0.0),
        ("tcpdump -i -w eth0", Tcpdump, Local, 0.0),
        ("tcpdump -r file -w other", Tcpdump, Local, 0.0),
        ("tcpdump -w other -V list", Tcpdump, Local, 0.0),
        ("tcpdump -w /dev/null", Tcpdump, Local, 0.0),
        ("tcpdump -D", Tcpdump, Local, 0.0),
        ("tcpdump -d -w x port 80", Tcpdump, Local, 0.0),
        ("tcpdump -i eth0 -w", Tcpdump, Local, 0.0),
        ("tcpdump -i eth0 -w ''", Tcpdump, Local, 0.0),
        ("tcpdump", Tcpdump, Local, 0.0),
        ("tshark -i eth0 -w x.pcapng", Tshark, Capture, 6.0),
        ("tshark -n -i eth0 -f 'port 80' -a duration:60 -w - -F pcap", Tshark, Capture, 6.0),
        ("tshark -i eth0 -Y http -T fields -e http.host", Tshark, Local, 0.0),
        ("tshark -r x.pcap -Y http -w y.pcap", Tshark, Local, 0.0),
        ("tshark --read-file=x.pcap -w y.pcap", Tshark, Local, 0.0),
        ("tshark -G fields -w", Tshark, Local, 0.0),
        ("tshark -D", Tshark, Local, 0.0),
        ("dumpcap -i eth0 -w x -b filesize:1000", Dumpcap, Capture, 6.0),
        ("dumpcap -n -i eth0 -Z none -w x", Dumpcap, Capture, 6.0),
        // As Wireshark starts it.
        ("dumpcap -n -i eth0 -Z 4242", Dumpcap, Local, 0.0),
        ("dumpcap -D -Z none", Dumpcap, Local, 0.0),
        ("dumpcap -S -Z none", Dumpcap, Local, 0.0),
        ("dumpcap", Dumpcap, Local, 0.0),
    ]);
}

#[test]
fn where_to_and_into_what() {
    type Row = (&'static str, Option<&'static str>, Option<&'static str>, Stage, &'static str);
    let rows: &[Row] = &[
        ("iptables -A F -j TEE --gateway 192.0.2.9", Some("192.0.2.9"), None, Stage::Egress, "T1020.001"),
        (
            "nft add rule ip t c dup to 192.0.2.9 device eth1",
            Some("192.0.2.9"),
            None,
            Stage::Egress,
            "T1020.001",
        ),
        ("nft 'add rule ip6 t c dup to 2001:db8::9;'", Some("2001:db8::9"), None, Stage::Egress, "T1020.001"),
        ("nft add rule netdev t c dup to eth1", None, None, Stage::Egress, "T1020.001"),
        (
            "tc f a dev eth0 ingress matchall action mirred egress mirror dev eth1",
            None,
            None,
            Stage::Egress,
            "T1020.001",
        ),
        ("ovs-vsctl create Mirror name=m", None, None, Stage::Egress, "T1020.001"),
        ("tcpdump -w /tmp/x", None, Some("/tmp/x"), Stage::Collection, "T1040"),
        ("tcpdump -w -", None, None, Stage::Collection, "T1040"),
        ("tshark -w x", None, Some("x"), Stage::Collection, "T1040"),
    ];
    for (line, remote, object, stage, technique) in rows {
        let found = command(&testing::process(1, line)).expect(line);
        let rating = found.rating.expect(line);
        assert_eq!((rating.stage, rating.technique), (*stage, *technique), "{line}");
        assert_eq!(found.remote, remote.map(Bytes::from), "{line}");
        assert_eq!(found.objects, object.map(Bytes::from).into_iter().collect::<Vec<_>>(), "{line}");
        assert!(!found.action.sends(), "{line}");
    }
}

/// Bytes that are no text, and empty arguments, among those that count.
#[test]
fn arguments_that_are_no_text() {
    type Row = (&'static str, &'static [&'static [u8]], Action);
    let rows: &[Row] = &[
        ("tc", &[b"\xff", b"add", b"mirred", b"egress", b"mirror", b"dev", b"\xff"], Local),
        (
            "tc",
            &[b"f", b"add", b"dev", b"\xff", b"action", b"mirred", b"egress", b"mirror", b"dev", b"\xff"],
            Mirror,
        ),
        ("tc", &[b"", b"filter", b"add", b"mirred", b"egress", b"mirror", b"dev", b"x"], Local),
        ("iptables", &[b"-A", b"\xff", b"-j", b"TEE", b"--gateway", b"\xff\xfe"], Mirror),
        ("iptables", &[b"-j", b"TEE\xff", b"--gateway", b"h"], Local),
        ("nft", &[b"add rule t c \xff\xfe", b"", b"dup", b"", b"to", b"\xff192.0.2.9"], Mirror),
        ("nft", &[b"dup to \xff"], Local),
        ("ovs-vsctl", &[b"", b"create", b"Mirror"], Local),
        ("ovs-vsctl", &[b"set", b"Bridge", b"\xff", b"mirrors=\xff"], Mirror),
        ("tcpdump", &[b"", b"-w", b"\xff/\xfe"], Capture),
    ];
    for (name, arguments, expected) in rows {
        let words =
            std::iter::once(Bytes::from(*name)).chain(arguments.iter().map(|&bytes| Bytes::from(bytes)));
        let process = Process { argv: words.collect(), ..testing::process(1, name) };
        assert_eq!(command(&process).map(|command| command.action), Some(*expected), "{name} {arguments:?}");
    }
}
