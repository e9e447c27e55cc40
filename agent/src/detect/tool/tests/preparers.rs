//! Tools that prepare data: pack, encrypt, encode, cut.

use super::{
    super::{
        Action::{self, Archive, Compress, Copy, Encode, EncodedCommand, Encrypt, Local, Upload},
        Tool::{
            self, Age, Compressor, Cpio, Dd, Encoder, Gpg, Openssl, Pax, Powershell, Rar, SevenZip, Tar, Zip,
        },
    },
    check,
};

#[test]
fn tar_creation_in_every_spelling() {
    check(&[
        ("tar cf a.tar d", Tar, Archive, 8.0),
        ("tar -cf a.tar d", Tar, Archive, 8.0),
        ("tar cvzf a.tgz d", Tar, Archive, 8.0),
        ("tar czf - d", Tar, Archive, 8.0),
        ("tar -C dir -cf - .", Tar, Archive, 8.0),
        ("tar -c -f a.tar d", Tar, Archive, 8.0),
        ("tar -f a.tar -c d", Tar, Archive, 8.0),
        ("tar -fa.tar -c d", Tar, Archive, 8.0),
        ("tar --create --file=a.tar d", Tar, Archive, 8.0),
        ("tar --creat --file a.tar d", Tar, Archive, 8.0),
        ("tar -c d --file a.tar", Tar, Archive, 8.0),
        ("tar rf a.tar d", Tar, Archive, 8.0),
        ("tar -I zstd -cf a.tar.zst d", Tar, Archive, 8.0),
        ("tar cCf /srv a.tar .", Tar, Archive, 8.0),
        ("bsdtar -czf a.tgz d", Tar, Archive, 8.0),
        ("gtar cf a d", Tar, Archive, 8.0),
        ("tar xf a.tar", Tar, Local, 0.0),
        ("tar -xzf a.tgz -C dir", Tar, Local, 0.0),
        ("tar tf a.tar", Tar, Local, 0.0),
        ("tar -xf create.tar", Tar, Local, 0.0),
        ("tar -x --exclude -cf -f a.tar", Tar, Local, 0.0),
        ("tar --extract --file=c.tar", Tar, Local, 0.0),
        ("tar -x -f a.tar c", Tar, Local, 0.0),
        ("tar df a.tar", Tar, Local, 0.0),
        ("tar --version", Tar, Local, 0.0),
        ("tar -cf host:/dev/st0 d", Tar, Upload, 9.0),
        ("tar --force-local -cf a:b d", Tar, Archive, 8.0),
        ("tar -cf ./a:b d", Tar, Archive, 8.0),
        ("tar", Tar, Local, 0.0),
    ]);
}

#[test]
fn other_archivers() {
    check(&[
        ("zip -r a.zip d", Zip, Archive, 8.0),
        ("zip -qr a.zip d", Zip, Archive, 8.0),
        ("zip -9rP secret a.zip d", Zip, Archive, 8.0),
        ("zip --recurse-paths a.zip d", Zip, Archive, 8.0),
        ("zip a.zip d -r", Zip, Archive, 8.0),
        ("zip a.zip f", Zip, Compress, 6.0),
        ("zip a.zip f g", Zip, Archive, 8.0),
        ("zip -d a.zip f", Zip, Local, 0.0),
        ("zip -T a.zip", Zip, Local, 0.0),
        ("7z a a.7z d", SevenZip, Archive, 8.0),
        ("7za a -psecret a.7z d", SevenZip, Archive, 8.0),
        ("7zr -t7z a a.7z d", SevenZip, Archive, 8.0),
        ("7z x a.7z", SevenZip, Local, 0.0),
        ("7z l a", SevenZip, Local, 0.0),
        ("rar a a.rar d", Rar, Archive, 8.0),
        ("rar x a.rar", Rar, Local, 0.0),
        ("| cpio -o", Cpio, Archive, 7.0),
        ("| cpio -ovH newc", Cpio, Archive, 7.0),
        ("| cpio -idm", Cpio, Local, 0.0),
        ("| cpio -pdm /dst", Cpio, Local, 0.0),
        ("pax -wf a.tar d", Pax, Archive, 7.0),
        ("pax -rf a.tar", Pax, Local, 0.0),
        ("pax -rw a b", Pax, Local, 0.0),
    ]);
}

#[test]
fn compressors() {
    check(&[
        ("gzip f", Compressor, Compress, 3.0),
        ("gzip -9 -c f", Compressor, Compress, 3.0),
        ("gzip -dc f.gz", Compressor, Local, 0.0),
        ("xz -T0 f", Compressor, Compress, 3.0),
        ("xz -d f.xz", Compressor, Local, 0.0),
        ("unxz f.xz", Compressor, Local, 0.0),
        ("zstd --decompress f", Compressor, Local, 0.0),
        ("zstd -19 -o out f", Compressor, Compress, 3.0),
        ("bzip2 -k f", Compressor, Compress, 3.0),
        ("bzcat f", Compressor, Local, 0.0),
        ("zcat f", Compressor, Local, 0.0),
    ]);
}

#[test]
fn encryption_encoding_cutting() {
    check(&[
        ("gpg -c f", Gpg, Encrypt, 6.0),
        ("gpg --batch --passphrase x -c f", Gpg, Encrypt, 6.0),
        ("gpg -se -r ann f", Gpg, Encrypt, 6.0),
        ("gpg --encrypt --recipient ann f", Gpg, Encrypt, 6.0),
        ("gpg -d f.gpg", Gpg, Local, 0.0),
        ("gpg --verify f.sig", Gpg, Local, 0.0),
        ("gpg --recipient -c --list-keys", Gpg, Local, 0.0),
        ("age -r key -o out f", Age, Encrypt, 6.0),
        ("age -d -i key f", Age, Local, 0.0),
        ("openssl enc -aes-256-cbc -in f -out g -k x", Openssl, Encrypt, 6.0),
        ("openssl aes-256-cbc -in f -out g", Openssl, Encrypt, 6.0),
        ("openssl enc -d -aes-256-cbc -in f", Openssl, Local, 0.0),
        ("openssl enc -base64 -in f", Openssl, Encode, 4.0),
        ("openssl base64 -in f", Openssl, Encode, 4.0),
        ("openssl base64 -d -in f", Openssl, Local, 0.0),
        ("openssl smime -encrypt -in f c.pem", Openssl, Encrypt, 6.0),
        ("openssl rand -base64 32", Openssl, Local, 0.0),
        ("base64 f", Encoder, Encode, 4.0),
        ("base64 -w0 f", Encoder, Encode, 4.0),
        ("base64 -d f", Encoder, Local, 0.0),
        ("xxd -p f", Encoder, Encode, 4.0),
        ("xxd -r -p f", Encoder, Local, 0.0),
        ("split -b 10M f part.", Tool::Split, Action::Split, 5.0),
        ("dd if=/dev/sda of=/var/tmp/x", Dd, Copy, 3.0),
        ("dd if=/dev/zero of=f bs=1M count=1", Dd, Local, 0.0),
        ("dd if=f of=/dev/null", Dd, Local, 0.0),
    ]);
}

#[test]
fn encoded_powershell_in_every_abbreviation() {
    check(&[
        ("pwsh -enc QQA=", Powershell, EncodedCommand, 7.0),
        ("pwsh -EncodedCommand QQA=", Powershell, EncodedCommand, 7.0),
        ("pwsh -e QQA=", Powershell, EncodedCommand, 7.0),
        ("pwsh -eNcOd QQA=", Powershell, EncodedCommand, 7.0),
        ("pwsh -ec QQA=", Powershell, EncodedCommand, 7.0),
        ("pwsh -NoProfile -ep Bypass -w Hidden -enc QQA=", Powershell, EncodedCommand, 7.0),
        ("pwsh --encodedcommand QQA=", Powershell, EncodedCommand, 7.0),
        ("powershell /enc QQA=", Powershell, EncodedCommand, 7.0),
    ]);
}
