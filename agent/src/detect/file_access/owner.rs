//! Programs that read sensitive files because these are their own: sshd its host key, ssh its identity, a browser
//! its profile, login programs the password file.
//!
//! A program counts as an owner only where the system installs programs, so that a copy with an owner's name in a
//! home directory or in /tmp is none. If such data leaves, provenance still follows it.

use crate::{detect::tool::identity::Invocation, process::Process};

/// Where the system's programs are; a user cannot write there.
const SYSTEM: &[&[u8]] = &[
    b"/usr/",
    b"/bin/",
    b"/sbin/",
    b"/lib/",
    b"/lib64/",
    b"/opt/",
    b"/snap/",
    b"/nix/store/",
    b"/app/",
    b"/var/lib/flatpak/",
    b"/run/current-system/",
    b"/gnu/store/",
];
/// Below those, places that users write all the same.
const NOT_SYSTEM: &[&[u8]] = &[b"/usr/tmp/"];

/// Part of a path that marks an owner's files.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// The path begins so.
    Below(&'static str),
    /// The path holds this.
    Holds(&'static str),
    /// The path ends so.
    Ends(&'static str),
}

use Place::{Below, Ends, Holds};

/// Programs by name (a trailing `*` stands for any ending) and the places that are theirs.
struct Owner(&'static [&'static str], &'static [Place]);

const OWNERS: &[Owner] = &[
    Owner(
        &[
            "login",
            "sudo",
            "su",
            "doas",
            "runuser",
            "sshd*",
            "passwd",
            "chpasswd",
            "chage",
            "chsh",
            "chfn",
            "gpasswd",
            "newgrp",
            "cron*",
            "crond",
            "atd",
            "at",
            "unix_chkpwd",
            "unix_update",
            "useradd",
            "usermod",
            "userdel",
            "groupadd",
            "groupmod",
            "groupdel",
            "newusers",
            "pwck",
            "grpck",
            "pwconv",
            "grpconv",
            "pwunconv",
            "vipw",
            "vigr",
            "adduser",
            "deluser",
            "addgroup",
            "systemd*",
            "(systemd)",
            "polkit*",
            "pkexec",
            "gdm*",
            "sddm*",
            "lightdm*",
            "xscreensaver*",
            "swaylock",
            "kscreenlocker*",
            "kcheckpass",
            "accounts-daemon",
            "nscd",
            "sssd*",
            "saslauthd",
            "vsftpd",
            "proftpd",
            "dovecot*",
            "auth",
            "agetty",
            "dpkg*",
            "apt*",
            "rpm*",
            "dnf*",
            "yum*",
            "zypper*",
            "pacman",
            "apk",
            "shadowconfig",
            "pam-auth-update",
            "visudo",
            "sudoedit",
            "cvtsudoers",
            "cockpit*",
        ],
        &[
            Below("/etc/shadow"),
            Below("/etc/gshadow"),
            Below("/etc/security/opasswd"),
            Below("/etc/sudoers"),
            Below("/etc/krb5.keytab"),
            Below("/etc/passwd"),
            Below("/etc/pam.d/"),
            Below("/etc/subuid"),
        ],
    ),
    Owner(
        &[
            // scp and sftp are no owners: ssh reads the identity for them, what they read they send.
            "ssh",
            "ssh-*",
            "sshd*",
            "gnome-keyring*",
            "gcr-ssh-agent",
            "seahorse*",
            "plink",
            "pscp",
            "psftp",
            "gpg-agent",
            "dropbear*",
        ],
        &[Holds("/.ssh/"), Below("/etc/ssh/"), Below("/etc/dropbear/")],
    ),
    Owner(
        &["gpg*", "dirmngr", "keyboxd", "scdaemon", "seahorse*", "pinentry*", "kleopatra", "apt-key"],
        &[Holds("/.gnupg/"), Holds("/.password-store/"), Below("/etc/apt/"), Below("/usr/share/keyrings/")],
    ),
    Owner(
        &["firefox*", "librewolf", "plugin-container", "crashreporter", "pingsender"],
        &[
            Holds("/.mozilla/"),
            Holds("/.cache/mozilla/"),
            Holds("/.librewolf/"),
            Holds("/org.mozilla.firefox/"),
        ],
    ),
    Owner(&["thunderbird*"], &[Holds("/.thunderbird/"), Holds("/org.mozilla.Thunderbird/")]),
    Owner(
        &["chrome*", "google-chrome*", "nacl_helper"],
        &[Holds("/google-chrome"), Holds("/com.google.Chrome/")],
    ),
    Owner(&["chromium*"], &[Holds("/chromium/"), Holds("/org.chromium.Chromium/")]),
    Owner(&["chrome", "brave*"], &[Holds("/BraveSoftware/")]),
    Owner(&["msedge*", "microsoft-edge*"], &[Holds("/microsoft-edge")]),
    Owner(&["vivaldi*"], &[Holds("/vivaldi")]),
    Owner(&["opera*"], &[Holds("/opera/")]),
    Owner(
        &["gnome-keyring*", "kwalletd*", "kwallet*", "secret-tool", "seahorse*"],
        &[Holds("/.local/share/keyrings/"), Holds("/kwalletd/")],
    ),
    Owner(&["keepassxc*", "keepass*", "kpcli"], &[Ends(".kdbx"), Ends(".kdb")]),
    Owner(&["aws", "s5cmd", "terraform", "packer", "rclone", "s3cmd"], &[Holds("/.aws/")]),
    Owner(
        &["gcloud", "gsutil", "bq", "terraform", "kubectl", "gke-gcloud-auth-plugin"],
        &[Holds("/.config/gcloud/")],
    ),
    Owner(&["az", "azcopy", "terraform"], &[Holds("/.azure/")]),
    Owner(&["rclone"], &[Ends("/rclone.conf")]),
    Owner(&["s3cmd"], &[Ends("/.s3cfg")]),
    Owner(
        &["kubectl", "helm", "k9s", "k3s*", "kubelet", "kubeadm", "kube*", "oc", "flux", "argocd"],
        &[Holds("/.kube/"), Below("/etc/kubernetes/"), Below("/etc/rancher/"), Below("/var/lib/kubelet/")],
    ),
    Owner(
        &["docker*", "podman*", "buildah", "skopeo", "containerd*", "crio", "nerdctl"],
        &[Holds("/.docker/"), Holds("/containers/auth.json")],
    ),
    Owner(
        &["git", "git-*", "curl", "wget*", "ftp", "lftp", "gh", "glab"],
        &[Ends("/.git-credentials"), Ends("/.netrc"), Holds("/.config/gh/"), Holds("/.config/git/")],
    ),
    Owner(&["npm", "npx", "yarn", "pnpm", "node"], &[Ends("/.npmrc"), Ends("/.yarnrc")]),
    Owner(&["cargo", "rustup"], &[Holds("/.cargo/credentials")]),
    Owner(&["pip*", "twine"], &[Ends("/.pypirc")]),
    Owner(
        &["psql", "pg_*", "postgres", "vacuumdb", "createdb"],
        &[Ends("/.pgpass"), Below("/var/lib/postgresql/")],
    ),
    Owner(
        &["mysql*", "mariadb*"],
        &[Ends("/.my.cnf"), Ends("/debian.cnf"), Below("/var/lib/mysql/"), Ends("/.mylogin.cnf")],
    ),
    Owner(&["mongod", "mongo*"], &[Below("/var/lib/mongodb/")]),
    Owner(&["redis-*"], &[Below("/var/lib/redis/")]),
    Owner(
        &[
            "nginx",
            "apache2",
            "httpd",
            "haproxy",
            "caddy",
            "traefik",
            "lighttpd",
            "master",
            "smtp*",
            "postfix",
            "tlsmgr",
            "dovecot*",
            "imap*",
            "pop3*",
            "exim*",
            "postgres",
            "mysqld",
            "mariadbd",
            "slapd",
            "stunnel*",
            "openvpn",
            "charon*",
            "certbot",
            "acme.sh",
            "dehydrated",
            "lego",
            "named",
            "cupsd",
            "prosody",
            "ejabberd*",
            "vsftpd",
            "make-ssl-cert",
            "update-ca-certificates",
            "NetworkManager",
            "wpa_supplicant",
            "freeradius",
            "radiusd",
            "squid",
            "rsyslogd",
            "mosquitto",
            "coturn",
            "turnserver",
        ],
        &[
            Below("/etc/ssl/"),
            Below("/etc/letsencrypt/"),
            Below("/etc/pki/"),
            Below("/etc/nginx/"),
            Below("/etc/apache2/"),
            Below("/etc/haproxy/"),
            Below("/etc/openvpn/"),
            Below("/etc/ipsec.d/"),
            Below("/etc/swanctl/"),
            Below("/etc/postfix/"),
            Below("/etc/dovecot/"),
            Below("/var/lib/caddy/"),
        ],
    ),
    Owner(&["wg", "wg-quick", "systemd-networkd", "NetworkManager"], &[Below("/etc/wireguard/")]),
    Owner(
        &["NetworkManager", "nm-*", "nmcli", "wpa_supplicant", "iwd", "netplan*"],
        &[
            Below("/etc/NetworkManager/"),
            Below("/etc/wpa_supplicant/"),
            Below("/var/lib/iwd/"),
            Below("/etc/netplan/"),
        ],
    ),
    Owner(
        &["bash", "zsh", "fish", "ksh*", "mksh", "dash", "sh"],
        &[
            Ends("/.bash_history"),
            Ends("/.zsh_history"),
            Ends("/.zhistory"),
            Ends("/fish_history"),
            Ends("/.sh_history"),
            Ends("/.histfile"),
        ],
    ),
    Owner(&["python*"], &[Ends("/.python_history")]),
    Owner(&["vault"], &[Ends("/.vault-token")]),
    Owner(
        &["systemd*", "(systemd)"],
        &[Below("/etc/credstore"), Below("/run/credentials/"), Below("/var/lib/systemd/")],
    ),
];

/// Programs that read everybody's documents as their work: search indexes, thumbnails, virus scanners.
const INDEXERS: &[&str] = &[
    "tracker-*",
    "localsearch-*",
    "baloo_*",
    "baloorunner",
    "tumblerd",
    "evince-thumbnailer",
    "gnome-desktop-thumbnailer*",
    "totem-video-thumbnailer",
    "clamscan",
    "clamd",
    "clamdscan",
    "freshclam",
    "updatedb*",
    "mlocate",
    "plocate*",
    "recollindex",
];

/// Programs that write downloads into a person's folder.
const BROWSERS: &[&str] = &[
    "firefox*",
    "librewolf",
    "thunderbird*",
    "chrome",
    "google-chrome*",
    "chromium*",
    "brave*",
    "msedge*",
    "vivaldi*",
    "opera*",
    "transmission*",
    "qbittorrent*",
    "nautilus",
    "dolphin",
];

/// Whether the file at `path` is one that the program of `process` keeps for itself.
pub(super) fn owns(process: &Process, path: &[u8]) -> bool {
    let Some(name) = system_program(process) else { return false };
    OWNERS.iter().any(|Owner(programs, places)| {
        matches_name(programs, name) && places.iter().any(|place| place.fits(path))
    })
}

/// Whether reading many documents is the program's work.
pub(super) fn indexes(process: &Process) -> bool {
    system_program(process).is_some_and(|name| matches_name(INDEXERS, name))
}

/// Whether writing into the folder for downloads is the program's work.
pub(super) fn downloads(process: &Process, path: &[u8]) -> bool {
    Holds("/Downloads/").fits(path)
        && system_program(process).is_some_and(|name| matches_name(BROWSERS, name))
}

fn system_program(process: &Process) -> Option<&[u8]> {
    let Invocation { name, path, .. } = Invocation::of(process);
    // A script is where the system installs programs only if it is named by its path, and so is its interpreter.
    let installed = |path: &[u8]| {
        SYSTEM.iter().any(|prefix| path.starts_with(prefix))
            && !NOT_SYSTEM.iter().any(|prefix| path.starts_with(prefix))
    };
    let genuine = installed(process.exe.bytes.as_slice()) && installed(path) && !process.exe_unlinked;
    (genuine && !path.windows(4).any(|four| four == b"/../")).then_some(name)
}

fn matches_name(known: &[&str], name: &[u8]) -> bool {
    known.iter().any(|known| match known.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix.as_bytes()),
        None => known.as_bytes() == name,
    })
}

impl Place {
    fn fits(self, path: &[u8]) -> bool {
        match self {
            Below(prefix) => path.starts_with(prefix.as_bytes()),
            Holds(part) => path.windows(part.len()).any(|window| window == part.as_bytes()),
            Ends(suffix) => path.ends_with(suffix.as_bytes()),
        }
    }
}
