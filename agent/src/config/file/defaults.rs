//! The built-in configuration. Where the analytics of MITRE ATT&CK T1020 give a number it stands here unchanged;
//! the other numbers say why they are what they are.

use agent_common::limits;

use super::written::{Risks, built_in};

/// The alert log.
pub(super) const ALERTS_PATH: &str = "/var/log/weir/alerts.jsonl";
/// 100 MiB: some 20,000 alert lines; with [`KEEP`] the log never takes more than about 1.1 GiB.
pub(super) const ROTATE_BYTES: i64 = 100 << 20;
/// A month of evidence in one file, where size does not rotate it first.
pub(super) const ROTATE_AGE: &str = "30d";
/// Rotated files.
pub(super) const KEEP: i64 = 10;
/// Short enough for a silent agent to be missed within minutes, long enough to be no noise.
pub(super) const HEARTBEAT: &str = "5m";
/// A line at each doubling: a transfer of 1 TB that began at 5 MB has 18 updates.
pub(super) const UPDATE_FACTOR: f64 = 2.0;
/// Longer than the pauses between the files of one batch.
pub(super) const CLOSE_AFTER: &str = "10m";

/// T1020, Network Connection Creation, analytic 1: `dest_port IN (21, 22, 443, 53)`.
pub(super) const PORTS: [i64; 4] = [21, 22, 53, 443];
/// T1020, the same analytic: `bytes_out > 5000000` on those ports has risk 8.
pub(super) const PORT_BYTES: i64 = 5_000_000;
/// T1020, the same analytic: `bytes_out > 10000000` has risk 9.
pub(super) const ANY_BYTES: i64 = 10_000_000;

/// Risk from which a signal gets a line of its own: the least that makes a stage strong (`detect::weights::STRONG`).
pub(super) const SIGNAL_RISK: f64 = 6.0;
/// T1020 reports at `risk_score >= 8`.
pub(super) const THRESHOLD: f64 = 8.0;
/// Collection and transfer of one batch job lie minutes, not hours, apart.
pub(super) const HALF_LIFE: &str = "30m";
/// The data is the same at night as it was at noon, so that only whether it still matters is in doubt. With two days, a
/// finding of risk 8 makes a strong stage (0.56 · 2^(-t/48h) ≥ 0.4) for 23 hours: until the uploader of the next morning.
pub(super) const DATA_HALF_LIFE: &str = "2d";

/// Below the directory that the unit makes.
pub(super) const STATE_PATH: &str = "/var/lib/weir/state";
/// What a crash costs at most: as long as a heartbeat.
pub(super) const SAVE_EVERY: &str = "5m";

/// The best hook that loads.
pub(super) const HOOKS: &str = "auto";
/// As the kernel side has them.
pub(super) const LIFECYCLE_RING: i64 = limits::LIFECYCLE_RING_BYTES as i64;
/// As the kernel side has them.
pub(super) const BULK_RING: i64 = limits::BULK_RING_BYTES as i64;
/// A transfer of 10 MB/s is at most 2.5 MB further when its volume is noticed.
pub(super) const DRAIN_INTERVAL: &str = "250ms";

/// More documents than a person opens one after the other within [`MASS_WINDOW`], fewer than a folder holds.
pub(super) const MASS_COUNT: i64 = 20;
/// Two minutes.
pub(super) const MASS_WINDOW: &str = "2m";

/// What people write, receive, scan and calculate. Archives are staging, not documents; source text and web
/// pages are read in masses by compilers and servers.
pub(super) const DOCUMENT_EXTENSIONS: &[&str] = &[
    "pdf", "doc", "docx", "docm", "dot", "dotx", "xls", "xlsx", "xlsm", "xlsb", "ppt", "pptx", "pptm", "odt",
    "ods", "odp", "odg", "rtf", "txt", "csv", "tsv", "jpg", "jpeg", "png", "tif", "tiff", "heic", "eml",
    "msg", "pst", "ost", "mbox", "vsd", "vsdx", "dwg", "dxf", "pages", "numbers", "epub", "mpp",
];

/// What packages install: the same on every host, so nothing to take, and most of what is opened.
pub(super) const QUIET: &[&str] = &[
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/bin",
    "/sbin",
    "/boot",
    "/nix/store",
    "/snap",
    "/var/lib/flatpak",
    "/var/lib/dpkg",
    "/var/lib/apt",
    "/var/cache/apt",
    "/var/cache/fontconfig",
    "/var/cache/man",
];

/// Places where data is gathered before it leaves. T1020, File Access, analytic 1, gives `/media/exfil` 9,
/// `/var/tmp` 8 and `/home/*/Downloads` without a number; there it stays below what one stage may score.
pub(super) const STAGING: &[(&str, f64)] = &[
    ("/media/exfil/**", 9.0),
    ("/var/tmp/**", 8.0),
    // Gone at the next boot and never on the disk: chosen by who wants to leave no trace.
    ("/dev/shm/**", 7.0),
    ("/run/shm/**", 7.0),
    // Writable for everybody, looked at by nobody.
    ("/run/lock/**", 6.0),
    ("/var/crash/**", 6.0),
    // An archive where a web or FTP server offers it for fetching.
    ("/var/www/**/*.{tar,tgz,gz,bz2,xz,zst,zip,7z,rar}", 6.0),
    ("/srv/ftp/**", 6.0),
    // Ordinary places as well.
    ("/home/*/Downloads/**", 5.0),
    ("/home/*/Public/**", 5.0),
    ("/tmp/**", 5.0),
    // Removable media.
    ("/media/**", 5.0),
    ("/run/media/**", 5.0),
];

/// What an intruder looks for. 9: opens every account of the host. 8: opens accounts elsewhere at once.
/// 7: opens one service, or needs a passphrase. 6: data worth stealing by itself. 5 and less: read every day by
/// those whom it belongs to.
pub(super) const SENSITIVE: &[(&str, f64)] = &[
    // Accounts of the host.
    ("/etc/shadow", 9.0),
    ("/etc/shadow-", 9.0),
    ("/etc/gshadow", 9.0),
    ("/etc/gshadow-", 9.0),
    ("/etc/security/opasswd", 9.0),
    ("/etc/krb5.keytab", 9.0),
    ("/var/lib/sss/db/*.ldb", 8.0),
    ("/var/lib/samba/private/**", 8.0),
    ("/tmp/krb5cc_*", 7.0),
    // SSH and TLS keys.
    ("**/.ssh/id_{rsa,dsa,ecdsa,ecdsa_sk,ed25519,ed25519_sk,xmss}", 8.0),
    ("**/.ssh/*.{pem,key}", 8.0),
    ("**/*.ppk", 8.0),
    ("/etc/ssh/ssh_host_*_key", 7.0),
    ("/etc/ssl/private/**", 7.0),
    ("/etc/pki/tls/private/**", 7.0),
    ("/etc/letsencrypt/{live,archive}/**/privkey*.pem", 7.0),
    ("/etc/{nginx,apache2,httpd,haproxy}/**/*.{key,pem}", 7.0),
    ("**/*.{p12,pfx,jks,keystore}", 7.0),
    ("/etc/wireguard/*.conf", 7.0),
    ("/etc/ipsec.secrets", 7.0),
    ("/etc/openvpn/**/*.{key,ovpn}", 7.0),
    // Cloud and cluster credentials.
    ("**/.aws/credentials", 8.0),
    ("**/.aws/{sso,cli}/cache/*.json", 7.0),
    ("**/.config/gcloud/{credentials.db,access_tokens.db,application_default_credentials.json}", 8.0),
    ("**/.config/gcloud/legacy_credentials/**", 8.0),
    ("**/.azure/{accessTokens.json,msal_token_cache.json,msal_token_cache.bin,azureProfile.json}", 8.0),
    ("**/.kube/config", 8.0),
    ("/etc/kubernetes/{admin.conf,super-admin.conf,pki/**}", 9.0),
    ("/etc/rancher/k3s/k3s.yaml", 9.0),
    ("/var/lib/kubelet/pods/*/volumes/kubernetes.io~secret/**", 7.0),
    ("/run/secrets/**", 6.0),
    ("/var/lib/etcd/**", 8.0),
    ("**/.docker/config.json", 7.0),
    ("**/.config/containers/auth.json", 7.0),
    ("**/.oci/{config,*.pem}", 8.0),
    ("**/.config/doctl/config.yaml", 8.0),
    ("**/.config/hcloud/cli.toml", 8.0),
    ("**/.config/rclone/rclone.conf", 7.0),
    ("**/.s3cfg", 8.0),
    ("**/.boto", 8.0),
    ("**/.vault-token", 8.0),
    ("**/*.tfstate", 7.0),
    ("**/*.tfstate.backup", 7.0),
    ("**/.terraform.d/credentials.tfrc.json", 8.0),
    // Tokens of tools.
    ("**/.netrc", 7.0),
    ("**/.pgpass", 7.0),
    ("**/.my.cnf", 7.0),
    ("**/.mylogin.cnf", 7.0),
    ("**/.git-credentials", 8.0),
    ("**/.config/git/credentials", 8.0),
    ("**/.config/gh/hosts.yml", 8.0),
    ("**/.config/glab-cli/config.yml", 8.0),
    ("**/.npmrc", 6.0),
    ("**/.pypirc", 7.0),
    ("**/.cargo/credentials{,.toml}", 7.0),
    ("**/.m2/settings{,-security}.xml", 6.0),
    ("**/.config/filezilla/{sitemanager,recentservers}.xml", 7.0),
    ("**/.env", 6.0),
    ("**/.env.*", 6.0),
    ("**/.htpasswd", 6.0),
    ("/var/www/**/wp-config.php", 5.0),
    ("/var/lib/jenkins/{credentials.xml,secrets/**}", 8.0),
    // Password stores.
    ("**/*.{kdbx,kdb}", 8.0),
    ("**/.password-store/**/*.gpg", 7.0),
    ("**/.gnupg/{private-keys-v1.d/**,secring.gpg}", 8.0),
    ("**/.local/share/keyrings/**", 7.0),
    ("**/.local/share/kwalletd/**", 7.0),
    ("**/.config/Bitwarden/data.json", 8.0),
    ("**/.config/op/config", 7.0),
    // Browser and mail profiles.
    ("**/{logins.json,key4.db,key3.db,signons.sqlite}", 7.0),
    ("**/cookies.sqlite", 6.0),
    ("**/.config/**/{Login Data,Login Data For Account,Web Data}", 7.0),
    ("**/.config/**/Cookies", 6.0),
    ("**/snap/chromium/**/{Login Data,Cookies}", 7.0),
    ("**/.{thunderbird,icedove}/**/{Inbox,Sent,Archives,global-messages-db.sqlite}", 6.0),
    ("/var/{mail,spool/mail}/**", 6.0),
    ("**/Maildir/**", 5.0),
    // Wallets.
    ("**/.bitcoin/wallet.dat", 8.0),
    ("**/.ethereum/keystore/**", 8.0),
    ("**/.electrum/wallets/**", 8.0),
    // Histories: commands with secrets in them.
    ("**/.{bash,zsh,sh,ash,ksh,fish,python,mysql,psql,rediscli,mongo,sqlite}_history", 5.0),
    ("**/.local/share/fish/fish_history", 5.0),
    ("**/.viminfo", 4.0),
    // Databases and their dumps.
    ("**/*.{sql,dump,pgdump,bson,rdb}", 6.0),
    ("**/*.{sql,dump}.{gz,bz2,xz,zst,zip}", 7.0),
    ("**/*.{mdb,accdb,bak}", 5.0),
    ("/var/lib/{mysql,postgresql,pgsql,mongodb,mongo,redis,influxdb,couchdb,neo4j}/**", 5.0),
    // Memory and raw disks.
    ("/proc/*/mem", 8.0),
    ("/proc/kcore", 9.0),
    ("/dev/{mem,kmem,port}", 9.0),
    ("/proc/*/environ", 4.0),
    ("/proc/*/task/*/environ", 4.0),
    ("/var/lib/systemd/coredump/**", 6.0),
    ("/dev/{sd,vd,xvd,hd}[a-z]*", 4.0),
    ("/dev/nvme*n*", 4.0),
    ("/dev/{dm-*,mapper/*}", 4.0),
    ("/var/lib/libvirt/images/**", 5.0),
    // The agent's own evidence and rules.
    ("/var/log/weir/**", 5.0),
    ("/var/log/audit/**", 5.0),
];

/// A table of globs as the file would have it.
pub(super) fn risks(table: &[(&str, f64)]) -> Risks {
    table.iter().map(|&(glob, risk)| (built_in(glob.to_owned()), built_in(risk))).collect()
}
