//! The table of owners: programs and the places that are theirs.

/// Part of a path that marks an owner's files.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// The path begins so.
    Below(&'static str),
    /// The path holds this.
    Holds(&'static str),
    /// The path ends so.
    Ends(&'static str),
}

pub(super) use Place::{Below, Ends, Holds};

/// Programs by name, separated by blanks (a trailing `*` stands for any ending), and the places that are theirs.
pub(super) struct Owner(pub(super) &'static str, pub(super) &'static [Place]);

pub(super) const OWNERS: &[Owner] = &[
    Owner(
        "login sudo su doas runuser sshd* passwd chpasswd chage chsh chfn gpasswd newgrp cron* \
         crond atd at unix_chkpwd unix_update useradd usermod userdel groupadd groupmod groupdel \
         newusers pwck grpck pwconv grpconv pwunconv vipw vigr adduser deluser addgroup systemd* \
         (systemd) polkit* pkexec gdm* sddm* lightdm* xscreensaver* swaylock kscreenlocker* \
         kcheckpass accounts-daemon nscd sssd* saslauthd vsftpd proftpd dovecot* auth agetty \
         dpkg* apt* rpm* dnf* yum* zypper* pacman apk shadowconfig pam-auth-update visudo \
         sudoedit cvtsudoers cockpit*",
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
    // scp and sftp are no owners: ssh reads the identity for them, what they read they send.
    Owner(
        "ssh ssh-* sshd* gnome-keyring* gcr-ssh-agent seahorse* plink gpg-agent \
         dropbear*",
        &[Holds("/.ssh/"), Below("/etc/ssh/"), Below("/etc/dropbear/")],
    ),
    Owner(
        "gpg* dirmngr keyboxd scdaemon seahorse* pinentry* kleopatra apt-key",
        &[Holds("/.gnupg/"), Holds("/.password-store/"), Below("/etc/apt/"), Below("/usr/share/keyrings/")],
    ),
    Owner(
        "firefox* librewolf plugin-container crashreporter pingsender",
        &[
            Holds("/.mozilla/"),
            Holds("/.cache/mozilla/"),
            Holds("/.librewolf/"),
            Holds("/org.mozilla.firefox/"),
        ],
    ),
    Owner(
        "thunderbird* icedove",
        &[Holds("/.thunderbird/"), Holds("/.icedove/"), Holds("/org.mozilla.Thunderbird/")],
    ),
    Owner("chrome* google-chrome* nacl_helper", &[Holds("/google-chrome"), Holds("/com.google.Chrome/")]),
    Owner("chromium* chrome", &[Holds("/chromium/"), Holds("/org.chromium.Chromium/")]),
    Owner("chrome brave*", &[Holds("/BraveSoftware/")]),
    Owner("msedge* microsoft-edge*", &[Holds("/microsoft-edge")]),
    Owner("vivaldi*", &[Holds("/vivaldi")]),
    Owner("opera*", &[Holds("/opera/")]),
    Owner(
        "gnome-keyring* kwalletd* kwallet* secret-tool seahorse*",
        &[Holds("/.local/share/keyrings/"), Holds("/kwalletd/")],
    ),
    Owner("keepassxc* keepass* kpcli", &[Ends(".kdbx"), Ends(".kdb")]),
    Owner("aws s5cmd terraform packer rclone s3cmd", &[Holds("/.aws/")]),
    Owner("gcloud gsutil bq terraform kubectl gke-gcloud-auth-plugin", &[Holds("/.config/gcloud/")]),
    Owner("az azcopy terraform", &[Holds("/.azure/")]),
    Owner("rclone", &[Ends("/rclone.conf")]),
    Owner("s3cmd", &[Ends("/.s3cfg")]),
    Owner(
        "kubectl helm k9s k3s* kubelet kubeadm kube* oc flux argocd",
        &[Holds("/.kube/"), Below("/etc/kubernetes/"), Below("/etc/rancher/"), Below("/var/lib/kubelet/")],
    ),
    Owner(
        "docker* podman* buildah skopeo containerd* crio nerdctl",
        &[Holds("/.docker/"), Holds("/containers/auth.json")],
    ),
    Owner(
        "git git-* curl wget* ftp lftp gh glab",
        &[Ends("/.git-credentials"), Ends("/.netrc"), Holds("/.config/gh/"), Holds("/.config/git/")],
    ),
    Owner("npm npx yarn pnpm node", &[Ends("/.npmrc"), Ends("/.yarnrc")]),
    Owner("cargo rustup", &[Holds("/.cargo/credentials")]),
    Owner("pip* twine", &[Ends("/.pypirc")]),
    Owner(
        "psql pg_* postgres vacuumdb createdb",
        &[Ends("/.pgpass"), Below("/var/lib/postgresql/"), Below("/var/lib/pgsql/"), Ends("/.psql_history")],
    ),
    Owner(
        "mysql* mariadb*",
        &[
            Ends("/.my.cnf"),
            Ends("/.mysql_history"),
            Ends("/debian.cnf"),
            Below("/var/lib/mysql/"),
            Ends("/.mylogin.cnf"),
        ],
    ),
    Owner("mongod mongo*", &[Below("/var/lib/mongo"), Ends("/.mongo_history")]),
    Owner("redis-*", &[Below("/var/lib/redis/"), Ends("/.rediscli_history")]),
    Owner(
        "nginx apache2 httpd haproxy caddy traefik lighttpd master smtp* postfix tlsmgr dovecot* \
         imap* pop3* exim* postgres mysqld mariadbd slapd stunnel* openvpn charon* certbot \
         acme.sh dehydrated lego named cupsd prosody ejabberd* vsftpd make-ssl-cert \
         update-ca-certificates NetworkManager wpa_supplicant freeradius radiusd squid rsyslogd \
         mosquitto coturn turnserver",
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
    Owner("wg wg-quick systemd-networkd NetworkManager", &[Below("/etc/wireguard/")]),
    Owner(
        "NetworkManager nm-* nmcli wpa_supplicant iwd netplan*",
        &[
            Below("/etc/NetworkManager/"),
            Below("/etc/wpa_supplicant/"),
            Below("/var/lib/iwd/"),
            Below("/etc/netplan/"),
        ],
    ),
    Owner(
        "bash zsh fish ksh* mksh dash sh",
        &[
            Ends("/.bash_history"),
            Ends("/.zsh_history"),
            Ends("/.zhistory"),
            Ends("/fish_history"),
            Ends("/.sh_history"),
            Ends("/.histfile"),
        ],
    ),
    Owner("python*", &[Ends("/.python_history")]),
    Owner("vault", &[Ends("/.vault-token")]),
    Owner(
        "systemd* (systemd)",
        &[Below("/etc/credstore"), Below("/run/credentials/"), Below("/var/lib/systemd/")],
    ),
    Owner("sssd*", &[Below("/var/lib/sss/")]),
    Owner("smbd nmbd winbindd samba* net pdbedit", &[Below("/var/lib/samba/")]),
    Owner(
        "kinit klist kdestroy ssh sshd* gssproxy rpc.gssd curl firefox* smbclient mount.cifs",
        &[Below("/tmp/krb5cc_")],
    ),
    Owner(
        "java keytool jarsigner",
        &[
            Ends(".jks"),
            Ends(".keystore"),
            Ends(".p12"),
            Ends(".pfx"),
            Below("/var/lib/jenkins/"),
            Holds("/.m2/"),
            Below("/var/lib/neo4j/"),
        ],
    ),
    Owner("charon* ipsec starter swanctl pluto", &[Below("/etc/ipsec.")]),
    Owner("etcd etcdctl k3s*", &[Below("/var/lib/etcd/")]),
    Owner("terraform* tofu", &[Ends(".tfstate"), Ends(".tfstate.backup"), Holds("/.terraform.d/")]),
    Owner("oci", &[Holds("/.oci/")]),
    Owner("gsutil", &[Ends("/.boto")]),
    Owner("op 1password*", &[Holds("/.config/op/")]),
    Owner(
        "nginx apache2 httpd php* htpasswd caddy lighttpd",
        &[Ends("/.htpasswd"), Below("/var/www/"), Below("/srv/www/")],
    ),
    Owner(
        "dovecot* imap* pop3* lmtp local virtual exim* procmail maildrop mutt neomutt mail* \
         s-nail bsd-mailx alpine fetchmail mbsync offlineimap notmuch login sshd*",
        &[Below("/var/mail/"), Below("/var/spool/mail/"), Holds("/Maildir/")],
    ),
    Owner("bitcoin*", &[Holds("/.bitcoin/")]),
    Owner("geth clef", &[Holds("/.ethereum/")]),
    Owner("electrum*", &[Holds("/.electrum/")]),
    Owner("sqlite3", &[Ends("/.sqlite_history")]),
    Owner("vim* vi nvim view", &[Ends("/.viminfo")]),
    Owner("influxd influx", &[Below("/var/lib/influxdb/")]),
    Owner("beam.smp couchdb", &[Below("/var/lib/couchdb/")]),
    Owner("gdb lldb strace ltrace perf systemd* ps top htop pgrep pkill weir criu", &[Below("/proc/")]),
    Owner("coredumpctl systemd-coredump gdb", &[Below("/var/lib/systemd/coredump/")]),
    Owner(
        "systemd* udev* (udev-worker) blkid lsblk fdisk sfdisk cfdisk gdisk sgdisk parted* \
         partprobe fsck* e2fsck mkfs* mke2fs tune2fs dumpe2fs resize2fs xfs_* btrfs* zpool zfs \
         lvm* pvs vgs lvs dmeventd dmsetup mdadm cryptsetup smartctl smartd hdparm nvme udisksd \
         grub* os-prober mount* swapon swapoff mkswap multipathd blockdev fstrim qemu*",
        &[Below("/dev/")],
    ),
    Owner("qemu* virt* libvirtd", &[Below("/var/lib/libvirt/")]),
    Owner("auditd ausearch aureport auditctl audisp* logrotate", &[Below("/var/log/audit/")]),
    Owner("weir logrotate", &[Below("/var/log/weir/")]),
];

/// Programs that read everybody's documents as their work: search indexes, thumbnails, virus scanners.
pub(super) const INDEXERS: &str = "tracker-* localsearch-* baloo_* baloorunner tumblerd evince-thumbnailer \
     gnome-desktop-thumbnailer* totem-video-thumbnailer clamscan clamd clamdscan freshclam \
     updatedb* mlocate plocate* recollindex";

/// Programs that write downloads into a person's folder.
pub(super) const BROWSERS: &str = "firefox* librewolf thunderbird* chrome google-chrome* chromium* brave* msedge* vivaldi* \
     opera* transmission* qbittorrent* nautilus dolphin";

/// Programs that share memory through /dev/shm, beside browsers.
pub(super) const SHARED_MEMORY: &str = "pulseaudio pipewire* wireplumber postgres mysqld mariadbd Xorg Xwayland gnome-shell kwin* \
     plasmashell slack code discord spotify electron* obs soffice.bin lttng*";
