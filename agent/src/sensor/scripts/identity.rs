//! Whether the file that was captured is the one that the interpreter opened.

use std::num::NonZeroUsize;

use lru::LruCache;

use super::{Captured, capture::FileId};
use crate::event::{Open, ProcessKey, Script};

/// Scripts whose opening is awaited.
const AWAITED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);
/// overlayfs, where `stat(2)` and the kernel may give a file different numbers.
const OVERLAY: u32 = 0x794C_7630;

/// Scripts captured from a file that the interpreter has not opened yet.
#[derive(Debug)]
pub struct Awaited(LruCache<ProcessKey, (Script, FileId)>);

impl Default for Awaited {
    fn default() -> Self {
        Self(LruCache::new(AWAITED))
    }
}

impl Awaited {
    /// Takes note of a capture.
    pub fn captured(&mut self, process: ProcessKey, captured: &Captured) {
        match captured.file {
            Some(file) => drop(self.0.put(process, (captured.script.clone(), file))),
            None => drop(self.0.pop(&process)),
        }
    }

    /// The script once more with a remark, when `opened` is its path and another file: somebody replaced it between
    /// the capture and the interpreter's open.
    pub fn opened(&mut self, process: ProcessKey, opened: &Open) -> Option<Script> {
        let (script, _) = self.0.peek(&process)?;
        if script.path != opened.path.bytes || opened.magic == OVERLAY {
            return None;
        }
        let (script, file) = self.0.pop(&process)?;
        let remark =
            format!("the file was replaced: inode {} was read, {} was run", file.ino, opened.file.ino);
        (file.ino != opened.file.ino).then_some(Script { not_captured: remark, ..script })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Bytes, FileKey, Path, ScriptOrigin};

    fn captured(file: Option<u64>) -> Captured {
        let script = Script {
            origin: ScriptOrigin::File,
            path: "/a/x.sh".into(),
            sha256: String::new(),
            size: 0,
            text: Bytes::default(),
            not_captured: String::new(),
        };
        Captured { script, file: file.map(|ino| FileId { ino, dev: 1 }) }
    }

    #[test]
    fn a_replaced_script_is_noticed_at_its_first_open() {
        let process = ProcessKey { pid: 1, start_ticks: 2 };
        let rows = [
            (Some(5), "/a/x.sh", 5, 0, false),
            (Some(5), "/a/x.sh", 6, 0, true),
            (Some(5), "/a/lib", 6, 0, false),
            (Some(5), "/a/x.sh", 6, OVERLAY, false),
            (None, "/a/x.sh", 6, 0, false),
        ];
        for (file, path, ino, magic, noticed) in rows {
            let mut awaited = Awaited::default();
            awaited.captured(process, &captured(file));
            let path = Path { bytes: path.into(), ..Path::default() };
            let opened = Open { path, magic, file: FileKey { ino, ..FileKey::default() }, ..Open::default() };
            let script = awaited.opened(process, &opened);
            assert_eq!(script.is_some(), noticed, "{opened:?}");
            assert!(script.is_none_or(|script| script.not_captured.ends_with("inode 5 was read, 6 was run")));
        }
    }
}
