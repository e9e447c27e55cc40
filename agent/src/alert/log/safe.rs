//! Whether a file is safe from others: what the log and the state have in common.

use std::{
    fs::Metadata,
    os::unix::fs::{FileTypeExt, MetadataExt},
};

/// Why somebody else could replace files of that directory.
pub(crate) fn directory(metadata: &Metadata) -> Result<(), String> {
    if metadata.uid() != 0 && metadata.uid() != own_uid() {
        return Err(format!("user {} owns it", metadata.uid()));
    }
    // In a sticky directory like /tmp only the owner of a file may move it away.
    let sticky = metadata.mode() & 0o1000 != 0;
    if metadata.mode() & 0o002 != 0 && !sticky {
        return Err(format!("every user may write to it (mode {:04o})", metadata.mode() & 0o7777));
    }
    if metadata.mode() & 0o020 != 0 && !sticky && metadata.uid() != own_uid() {
        return Err(format!("group {} may write to it", metadata.gid()));
    }
    Ok(())
}

/// Why somebody else may have prepared that file, or may write to it.
pub(crate) fn file(metadata: &Metadata) -> Result<(), String> {
    if !metadata.is_file() {
        let kind = metadata.file_type();
        let name = if kind.is_fifo() { "a FIFO" } else { "no regular file" };
        return Err(format!("it is {name}"));
    }
    if metadata.uid() != own_uid() {
        return Err(format!("user {} owns it", metadata.uid()));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(format!("others may write to it (mode {:04o})", metadata.mode() & 0o7777));
    }
    Ok(())
}

fn own_uid() -> u32 {
    // SAFETY: geteuid takes nothing, touches no memory and cannot fail.
    unsafe { libc::geteuid() }
}
