//! One run at a time: machines, disks and results lie in folders that every run shares.

use std::{
    fs::{self, File, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::Path,
};

use anyhow::{Context, Result};

use crate::console::{self, Mark};

/// Held while this value lives. The kernel lets go of it however this program ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the lock is the open file")] File);

impl Lock {
    /// Waits for the run that has `folder` to itself, if there is one, and says which it is.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub(super) fn take(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join("lock");
        let context = || format!("cannot lock {}", path.display());
        let mut options = File::options();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(&path).with_context(context)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder)?;
                let holder = holder.trim();
                let who = if holder.is_empty() { "another run" } else { holder };
                console::step(
                    Mark::Doing,
                    "waiting",
                    format!("for the end of {who}, which uses {}", folder.display()),
                );
                file.lock().with_context(context)?;
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(context),
        }
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "process {}", std::process::id())?;
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::Lock;
    use crate::workspace::Scratch;

    #[test]
    fn the_second_waits_for_the_first() {
        let scratch = Scratch::make("lock").unwrap();
        let first = Lock::take(scratch.path()).unwrap();
        let said = std::fs::read_to_string(scratch.path().join("lock")).unwrap();
        assert_eq!(said, format!("process {}", std::process::id()));
        let (sender, taken) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| sender.send(Lock::take(scratch.path()).map(drop)));
            assert!(taken.recv_timeout(Duration::from_millis(200)).is_err(), "it did not wait");
            drop(first);
            taken.recv_timeout(Duration::from_secs(10)).unwrap().unwrap();
        });
    }
}
