//! Tools that move data to another host.

use super::{
    super::{
        Action::{Archive, Batch, Download, Local, Relay, Serve, Session, Unknown, Upload},
        Tool::{
            Aws, Az, Azcopy, Borg, Curl, Duplicity, Ftp, FtpPut, Gcloud, Gsutil, Httpie, Lftp, Mail, Minio,
            Mutt, Netcat, Openssl, Rclone, Restic, Rsync, S3cmd, Scp, Sendmail, Sftp, Smbclient, Socat, Ssh,
            Swaks, Telnet, Tftp, WebServer, Wget, Wormhole,
        },
        command,
    },
    check,
};
use crate::detect::testing;

#[test]
fn scp_tells_direction() {
    check(&[
        ("scp a.txt host:/tmp", Scp, Upload, 9.0),
        ("scp -r dir ann@host:", Scp, Upload, 9.0),
        ("scp -P 2222 -i /k a b host:x", Scp, Upload, 9.0),
        ("scp -P2222 host:/etc/hosts .", Scp, Download, 0.0),
        ("scp host:a host2:b", Scp, Upload, 9.0),
        ("scp a.txt b.txt", Scp, Local, 0.0),
        ("scp ./odd:name copy", Scp, Local, 0.0),
        ("scp dir/odd:name copy", Scp, Local, 0.0),
        ("scp a [2001:db8::1]:/tmp", Scp, Upload, 9.0),
        ("scp a ann@[2001:db8::1]:", Scp, Upload, 9.0),
        ("scp ann@[2001:db8::1]:f .", Scp, Download, 0.0),
        ("scp a scp://ann@host:22/tmp/a", Scp, Upload, 9.0),
        ("scp scp://host/f .", Scp, Download, 0.0),
        // A drive letter is a host to scp, and to us.
        (r"scp C:\secret.txt .", Scp, Download, 0.0),
        (r"scp a C:\inbox", Scp, Upload, 9.0),
        ("scp -- -odd host:", Scp, Upload, 9.0),
        ("scp -o ProxyCommand=x:y a b", Scp, Local, 0.0),
        ("scp -S /usr/bin/ssh -C a host:b", Scp, Upload, 9.0),
        ("scp -rp -f /srv/data", Scp, Upload, 9.0),
        ("scp -t /srv/data", Scp, Download, 0.0),
        ("scp a localhost:/b", Scp, Upload, 3.0),
        ("scp a 127.0.0.1:/b", Scp, Upload, 3.0),
        ("scp a [::1]:/b", Scp, Upload, 3.0),
        ("scp", Scp, Local, 0.0),
        ("pscp a host:b", Scp, Upload, 9.0),
    ]);
}

#[test]
fn rsync_tells_direction() {
    check(&[
        ("rsync -a src/ host:dst", Rsync, Upload, 9.0),
        ("rsync -a src host::module", Rsync, Upload, 9.0),
        ("rsync -a src host::module/dir", Rsync, Upload, 9.0),
        ("rsync rsync://h/m .", Rsync, Download, 0.0),
        ("rsync -av . rsync://ann@h:873/m", Rsync, Upload, 9.0),
        ("rsync -a host:/srv/ /backup", Rsync, Download, 0.0),
        ("rsync -a /home /backup", Rsync, Local, 0.0),
        ("rsync -a ./a:b /backup", Rsync, Local, 0.0),
        ("rsync -e 'ssh -p 22' -az src host:dst", Rsync, Upload, 9.0),
        ("rsync -aze ssh src host:dst", Rsync, Upload, 9.0),
        ("rsync --rsh=ssh src host:dst", Rsync, Upload, 9.0),
        ("rsync --exclude host:x /a /b", Rsync, Local, 0.0),
        ("rsync src host:dst -av --delete", Rsync, Upload, 9.0),
        ("rsync -an src host:dst", Rsync, Local, 0.0),
        ("rsync --server --sender -logDtpre.iLsfx . /srv", Rsync, Upload, 9.0),
        ("rsync --server -logDtpre.iLsfx . /srv", Rsync, Download, 0.0),
        ("rsync host::", Rsync, Local, 0.0),
        ("rsync --daemon", Rsync, Serve, 6.0),
        ("rsync -a src [2001:db8::1]:dst", Rsync, Upload, 9.0),
    ]);
}

#[test]
fn curl_tells_what_is_in_the_request() {
    check(&[
        ("curl http://h/", Curl, Download, 0.0),
        ("curl -O http://h/x.tgz", Curl, Download, 0.0),
        ("curl -fsSL https://h/install.sh -o install.sh", Curl, Download, 0.0),
        ("curl https://h/a -o T", Curl, Download, 0.0),
        ("curl -o -T http://h/", Curl, Download, 0.0),
        ("curl -H 'X: -T' http://h/", Curl, Download, 0.0),
        ("curl -T f http://h/", Curl, Upload, 9.0),
        ("curl -Tf http://h/", Curl, Upload, 9.0),
        ("curl -sT f http://h/", Curl, Upload, 9.0),
        ("curl http://h/ -T f", Curl, Upload, 9.0),
        ("curl --upload-file f http://h/", Curl, Upload, 9.0),
        ("curl --upload-file=f http://h/", Curl, Upload, 9.0),
        ("curl --upload f http://h/", Curl, Upload, 9.0),
        ("| curl -T - http://h/", Curl, Upload, 9.0),
        ("curl -F file=@/etc/shadow http://h/", Curl, Upload, 9.0),
        ("curl --form 'f=@\"a b\";type=x/y' http://h/", Curl, Upload, 9.0),
        ("curl -d @f http://h/", Curl, Upload, 9.0),
        ("curl -d@f http://h/", Curl, Upload, 9.0),
        ("curl -d '@f' http://h/", Curl, Upload, 9.0),
        ("curl --data-binary @- http://h/", Curl, Upload, 9.0),
        ("curl --data-urlencode x@f http://h/", Curl, Upload, 9.0),
        ("curl --data-raw @notafile http://h/", Curl, Upload, 9.0),
        ("curl --json @f http://h/", Curl, Upload, 9.0),
        ("curl -d a=b http://h/", Curl, Upload, 9.0),
        ("curl -X PUT http://h/", Curl, Upload, 9.0),
        ("curl -XPOST http://h/", Curl, Upload, 9.0),
        ("curl -X GET http://h/", Curl, Download, 0.0),
        ("curl -X DELETE http://h/", Curl, Download, 0.0),
        ("curl -G -d q=1 http://h/", Curl, Download, 0.0),
        ("curl -G --data-urlencode q@f http://h/", Curl, Upload, 9.0),
        ("curl -I http://h/", Curl, Download, 0.0),
        ("curl -K conf", Curl, Unknown, 5.0),
        ("curl -T f sftp://h/", Curl, Upload, 9.0),
        ("curl -T f file:///tmp/x", Curl, Local, 0.0),
        ("curl -d x http://localhost:9200/_bulk", Curl, Upload, 3.0),
        ("curl -d x http://[::1]:9200/", Curl, Upload, 3.0),
        ("curl --url http://h/ -T f", Curl, Upload, 9.0),
        ("curl -x http://proxy -u a:b http://h/", Curl, Download, 0.0),
        ("curl", Curl, Download, 0.0),
    ]);
}

#[test]
fn wget_and_kin() {
    check(&[
        ("wget http://h/f", Wget, Download, 0.0),
        ("wget -O --post-file=x http://h/", Wget, Download, 0.0),
        ("wget --post-file=f http://h/", Wget, Upload, 7.0),
        ("wget --post-file f http://h/", Wget, Upload, 7.0),
        ("wget -q --post-data=a=b http://h/", Wget, Upload, 7.0),
        ("wget --body-file=f --method=PUT http://h/", Wget, Upload, 7.0),
        ("wget --method=POST http://h/", Wget, Upload, 7.0),
        ("wget --method=GET http://h/", Wget, Download, 0.0),
        ("wget2 --post-file=f http://h/", Wget, Upload, 7.0),
        ("wget -i urls", Wget, Download, 0.0),
        ("http POST h/x f@a.pdf", Httpie, Upload, 7.0),
        ("http h/x", Httpie, Download, 0.0),
        ("http GET h/x q==1", Httpie, Download, 0.0),
        ("| http PUT h/x", Httpie, Upload, 7.0),
        ("python3 -m http.server 8000", WebServer, Serve, 6.0),
        ("python3.11 -u -m http.server", WebServer, Serve, 6.0),
        ("python2 -mSimpleHTTPServer", WebServer, Serve, 6.0),
        ("python3 -m uploadserver", WebServer, Serve, 6.0),
        ("php -S 0.0.0.0:80", WebServer, Serve, 6.0),
        ("php -nS 0.0.0.0:80", WebServer, Serve, 6.0),
    ]);
}

#[test]
fn sessions() {
    check(&[
        ("sftp host", Sftp, Session, 5.0),
        ("| sftp host", Sftp, Batch, 8.0),
        ("sftp -b cmds ann@host", Sftp, Batch, 8.0),
        ("sftp host:/srv/f /tmp", Sftp, Download, 0.0),
        ("ftp host", Ftp, Session, 5.0),
        ("| ftp -n host", Ftp, Batch, 8.0),
        ("ftp -u ftp://h/dir/ f", Ftp, Upload, 8.0),
        ("ftp ftp://h/f", Ftp, Download, 0.0),
        ("ncftpput -u ann host /in f", FtpPut, Upload, 8.0),
        ("lftp -e 'put f; bye' host", Lftp, Upload, 8.0),
        ("lftp -c 'open h; mirror -R /srv /in'", Lftp, Upload, 8.0),
        ("lftp -c 'open h; mirror --reverse /srv'", Lftp, Upload, 8.0),
        ("lftp -c 'open h; mirror /pub'", Lftp, Download, 0.0),
        ("lftp -e 'get f; put g' h", Lftp, Upload, 8.0),
        ("lftp -f script", Lftp, Batch, 8.0),
        ("lftp h", Lftp, Session, 5.0),
        ("tftp h -c put f", Tftp, Upload, 8.0),
        ("tftp h -c get f", Tftp, Download, 0.0),
        ("tftp -p -l f h", Tftp, Upload, 8.0),
        ("tftp -g -r f h", Tftp, Download, 0.0),
        ("smbclient //h/s -c 'put f'", Smbclient, Upload, 8.0),
        ("smbclient //h/s -c 'cd x; get f'", Smbclient, Download, 0.0),
        ("smbclient -L h", Smbclient, Local, 0.0),
        ("telnet h 25", Telnet, Session, 2.0),
        ("| telnet h 25", Telnet, Relay, 6.0),
    ]);
}

#[test]
fn sockets_and_tunnels() {
    check(&[
        ("| nc h 4444", Netcat, Relay, 8.0),
        ("nc h 4444", Netcat, Session, 4.0),
        ("| nc -q 0 -w 3 h 4444", Netcat, Relay, 8.0),
        ("nc -z h 1-1000", Netcat, Local, 0.0),
        ("nc -lvp 4444", Netcat, Download, 0.0),
        ("| nc -lp 4444", Netcat, Serve, 6.0),
        ("nc -e /bin/sh h 4444", Netcat, Relay, 8.0),
        ("nc -U /run/x.sock", Netcat, Local, 0.0),
        ("| ncat --ssl h 443", Netcat, Relay, 8.0),
        ("ncat --recv-only h 443", Netcat, Download, 0.0),
        ("nc.openbsd -N h 1", Netcat, Session, 4.0),
        ("socat - TCP:h:443", Socat, Relay, 8.0),
        ("socat -u FILE:/etc/shadow TCP4:h:443", Socat, Relay, 8.0),
        ("socat -u TCP:h:443 FILE:x,create", Socat, Download, 0.0),
        ("socat -U TCP:h:443 FILE:x", Socat, Relay, 8.0),
        ("socat TCP-LISTEN:80,fork TCP:h:80", Socat, Relay, 8.0),
        ("socat TCP-LISTEN:80 FILE:x", Socat, Serve, 6.0),
        ("socat UNIX-LISTEN:/a UNIX:/b", Socat, Local, 0.0),
        ("socat - OPENSSL:h:443,verify=0", Socat, Relay, 8.0),
        ("socat - TCP:127.0.0.1:80", Socat, Relay, 3.0),
        ("| openssl s_client -connect h:443 -quiet", Openssl, Relay, 8.0),
        ("openssl s_client -connect h:443", Openssl, Session, 2.0),
        ("openssl x509 -in c.pem -text", Openssl, Local, 0.0),
        ("ssh host", Ssh, Session, 0.0),
        ("ssh host ls", Ssh, Session, 0.0),
        ("| ssh host 'cat > f'", Ssh, Relay, 7.0),
        ("| ssh -p 22 ann@host cat '>' f", Ssh, Relay, 7.0),
        ("| ssh host -p 22 cat", Ssh, Relay, 7.0),
        ("| ssh -n host cat", Ssh, Session, 0.0),
        ("| ssh host", Ssh, Batch, 6.0),
        ("ssh -N -L 80:h:80 host", Ssh, Session, 0.0),
        ("| ssh -x -oForwardAgent=no -s -- host sftp", Ssh, Session, 0.0),
        ("| ssh git@h 'git-upload-pack '\"'\"'r.git'\"'\"", Ssh, Download, 0.0),
        ("| ssh git@h git-receive-pack r.git", Ssh, Upload, 5.0),
        ("| ssh h rsync --server --sender -e.x . /srv", Ssh, Download, 0.0),
        ("| ssh h rsync --server -e.x . /srv", Ssh, Upload, 5.0),
        ("ssh -V", Ssh, Local, 0.0),
    ]);
}

#[test]
fn clouds_and_backups() {
    check(&[
        ("rclone copy /srv gdrive:in", Rclone, Upload, 9.0),
        ("rclone --config c -v sync /srv s3:b/p", Rclone, Upload, 9.0),
        ("rclone copy gdrive:in /srv", Rclone, Download, 0.0),
        ("rclone copy /a /b", Rclone, Local, 0.0),
        ("rclone copy -n /a x:b", Rclone, Local, 0.0),
        ("rclone move /a :sftp,host=h:/b", Rclone, Upload, 9.0),
        ("| rclone rcat x:f", Rclone, Upload, 9.0),
        ("rclone ls x:", Rclone, Local, 0.0),
        ("aws s3 cp f s3://b/k", Aws, Upload, 8.0),
        ("aws --profile p s3 sync . s3://b", Aws, Upload, 8.0),
        ("aws s3 cp s3://b/k .", Aws, Download, 0.0),
        ("aws s3 cp s3://a/k s3://b/k", Aws, Unknown, 0.0),
        ("aws s3 ls", Aws, Local, 0.0),
        ("aws s3api put-object --bucket b --key k --body f", Aws, Upload, 8.0),
        ("gsutil -m cp -r d gs://b", Gsutil, Upload, 8.0),
        ("gsutil cp gs://b/f .", Gsutil, Download, 0.0),
        ("gcloud storage cp f gs://b", Gcloud, Upload, 8.0),
        ("gcloud compute scp f vm:/tmp", Gcloud, Upload, 8.0),
        ("azcopy copy d https://x.blob.core.windows.net/c?sig=1", Azcopy, Upload, 8.0),
        ("azcopy copy https://x.blob.core.windows.net/c d", Azcopy, Download, 0.0),
        ("az storage blob upload -f x -c y", Az, Upload, 8.0),
        ("s3cmd put f s3://b", S3cmd, Upload, 8.0),
        ("s3cmd get s3://b/f", S3cmd, Download, 0.0),
        ("mc cp f play/bucket", Minio, Upload, 8.0),
        ("mc cp play/bucket/f ./f", Minio, Download, 0.0),
        ("mc", Minio, Local, 0.0),
        ("restic -r sftp:h:/r backup /srv", Restic, Upload, 6.0),
        ("restic -r /mnt/r backup /srv", Restic, Archive, 4.0),
        ("borg create ann@h:repo::a /srv", Borg, Upload, 6.0),
        ("borg create ssh://h/repo::a /srv", Borg, Upload, 6.0),
        ("borg create /mnt/repo::a /srv", Borg, Archive, 4.0),
        ("duplicity /srv sftp://h/b", Duplicity, Upload, 6.0),
        ("duplicity full /srv file:///mnt/b", Duplicity, Archive, 4.0),
        ("duplicity restore sftp://h/b /srv", Duplicity, Download, 0.0),
        ("wormhole send f", Wormhole, Upload, 8.0),
        ("wormhole receive 1-a-b", Wormhole, Download, 0.0),
        ("croc send f", Wormhole, Upload, 8.0),
    ]);
}

#[test]
fn mail() {
    check(&[
        ("| mail -s x -a f.pdf a@b.c", Mail, Upload, 7.0),
        ("| mail -s x a@b.c", Mail, Relay, 4.0),
        ("| mail -a 'From: me' a@b.c", Mail, Relay, 4.0),
        ("mail -s x a@b.c", Mail, Session, 0.0),
        ("mail", Mail, Local, 0.0),
        ("| mutt -s x -a f g -- a@b.c", Mutt, Upload, 7.0),
        ("mutt", Mutt, Local, 0.0),
        ("| sendmail -t -i", Sendmail, Relay, 4.0),
        ("sendmail -bd -q15m", Sendmail, Local, 0.0),
        ("swaks --to a@b.c --server h --attach @f", Swaks, Upload, 7.0),
        ("swaks --to a@b.c", Swaks, Relay, 4.0),
    ]);
}

#[test]
fn remote_and_files_are_named_without_a_password() {
    let rows: &[(&str, Option<&str>, &[&str])] = &[
        ("curl -T /a http://ann:secret@h:80/x", Some("h:80"), &["/a"]),
        ("curl -F 'f=@\"a b\"' -F g=@c,d;type=x h/x", Some("h"), &["a b", "c", "d"]),
        ("curl --data-urlencode n@f http://h", Some("h"), &["f"]),
        ("scp a b ann@[2001:db8::1]:", Some("ann@[2001:db8::1]"), &["a", "b"]),
        ("rsync -a src host::module", Some("host"), &["src"]),
        ("rsync . rsync://ann:pw@h:873/m", Some("h:873"), &["."]),
        ("aws s3 cp f s3://bucket/k", Some("bucket"), &["f"]),
        ("wget --post-file=/f http://h/", Some("h"), &["/f"]),
        ("| ssh -p 22 ann@h cat", Some("ann@h"), &[]),
        ("tar cf h:/x.tar d", Some("h"), &["h:/x.tar", "d"]),
    ];
    for (line, remote, objects) in rows {
        let found = command(&testing::process(1, line)).expect(line);
        let named: Vec<String> = found.objects.iter().map(ToString::to_string).collect();
        assert_eq!(
            (found.remote.map(|bytes| bytes.to_string()).as_deref(), named),
            (*remote, objects.iter().map(ToString::to_string).collect()),
            "{line}"
        );
    }
}
