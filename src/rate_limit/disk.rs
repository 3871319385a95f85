//! The system calls of a quota's file, and what to do when one fails.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::record::{self, Found, HALF};
use crate::error::{Error, Kind};

/// As much of a half is read at once; a usual one is not longer.
const USUAL: u64 = 4096;

/// The file, and whether it was made.
pub(super) fn open(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.clone().create_new(true).open(path) {
        Ok(file) => Ok((file, true)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok((options.open(path)?, false)),
        Err(error) => Err(error),
    }
}

/// Whether this file is still the one at that path.
#[cfg(unix)]
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => same(open, there),
        _ => false,
    }
}

/// A file that is open is neither replaced nor removed there.
#[cfg(not(unix))]
pub(super) fn is_at(_: &File, _: &Path) -> bool {
    true
}

pub(super) fn read(file: &mut File) -> io::Result<Found> {
    let (first, second) = (half(file, 0)?, half(file, 1)?);
    match record::read([&first, &second]) {
        // The rest of it was not looked at.
        Found::Empty if !is_blank(file)? => Ok(Found::Foreign),
        found => Ok(found),
    }
}

fn half(file: &mut File, index: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(USUAL as usize);
    file.seek(SeekFrom::Start((index * HALF) as u64))?;
    file.take(USUAL).read_to_end(&mut bytes)?;
    let more = record::length(&bytes).map_or(0, |length| length.saturating_sub(bytes.len()));
    file.take(more as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether there is nothing in the file that anybody could miss.
fn is_blank(file: &mut File) -> io::Result<bool> {
    let most = 2 * HALF;
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes.len() <= most && bytes.iter().all(|byte| *byte == 0))
}

/// Empties the file, and takes all the space that it will ever need.
pub(super) fn clear(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&vec![0; 2 * HALF])
}

pub(super) fn write(file: &mut File, half: usize, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start((half * HALF) as u64))?;
    file.write_all(bytes)
}

pub(super) fn unusable(path: &Path, doing: &str, error: io::Error) -> Error {
    let advice = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "allow this user to write it, or name another"
        }
        ErrorKind::NotFound => "make its folder, or name another",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space",
        ErrorKind::ResourceBusy => "wait until some are free",
        ErrorKind::FileTooLarge => "allow this program to write files of 128 KiB",
        ErrorKind::TimedOut => "another program holds its lock, and may have been stopped",
        ErrorKind::InvalidData => "name another file",
        ErrorKind::Unsupported => "locks do not work there: name a file on a local disk",
        _ => "name a file on a local disk that this user may write",
    };
    let path = path.display();
    let problem = format!("cannot {doing} the quota's file {path}: {error}; {advice}");
    Error::new(Kind::Quota(problem)).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_says_what_to_do() {
        let table = [
            (ErrorKind::PermissionDenied, "allow this user to write it"),
            (ErrorKind::ReadOnlyFilesystem, "allow this user to write it"),
            (ErrorKind::NotFound, "make its folder"),
            (ErrorKind::StorageFull, "free some space"),
            (ErrorKind::QuotaExceeded, "free some space"),
            (ErrorKind::FileTooLarge, "allow this program to write files"),
            (ErrorKind::TimedOut, "may have been stopped"),
            (ErrorKind::InvalidData, "name another file"),
            (ErrorKind::Unsupported, "on a local disk"),
            (ErrorKind::NotADirectory, "on a local disk"),
        ];
        for (kind, advice) in table {
            let error = unusable(Path::new("acme.quota"), "write", kind.into());
            let text = error.to_string();
            assert!(error.is_quota() && text.contains(advice), "{text}");
            assert!(
                text.starts_with("cannot write the quota's file acme.quota: "),
                "{text}"
            );
        }
    }
}
