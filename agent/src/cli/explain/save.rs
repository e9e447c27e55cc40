//! A file that is there whole or not at all, and replaces nothing unasked.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context as _, bail};

/// Writes `text` to `path`, with mode 0600. With `force` it takes the place of a file that is there.
pub(super) fn save(path: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let beside = beside(path)?;
    let made = File::options().write(true).create_new(true).mode(0o600).open(&beside);
    let mut file = made.with_context(failed)?;
    let result = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| {
        // A link fails where there is a file, in one step; a rename replaces it in one step, or a link to one.
        if force { fs::rename(&beside, path) } else { fs::hard_link(&beside, path) }
    });
    if !force || result.is_err() {
        let _ = fs::remove_file(&beside);
    }
    match result {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already; --force replaces it", path.display())
        }
        other => other.with_context(failed),
    }
}

/// A name of our own in the same directory, so that it can take the other's place.
fn beside(path: &Path) -> anyhow::Result<PathBuf> {
    let Some(name) = path.file_name() else { bail!("{} is no name of a file", path.display()) };
    let mut own = OsString::from(".");
    own.push(name);
    own.push(format!(".{}", process::id()));
    Ok(path.with_file_name(own))
}

#[cfg(test)]
mod tests {
    use std::{env, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn nothing_is_replaced_unasked_and_nothing_is_left() {
        let directory = env::temp_dir().join(format!("weir-save-{}", process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("a.html");
        let rows =
            [("one", false, true, "one"), ("two", false, false, "one"), ("three", true, true, "three")];
        for (text, force, good, expected) in rows {
            let result = save(&path, text, force);
            assert_eq!(result.is_ok(), good, "{text}");
            if let Err(error) = result {
                assert!(error.to_string().ends_with("is there already; --force replaces it"), "{error}");
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        assert!(save(&directory.join("none/a.html"), "x", false).is_err());
        assert!(save(Path::new("/"), "x", true).is_err());
        fs::remove_dir_all(directory).unwrap();
    }
}
