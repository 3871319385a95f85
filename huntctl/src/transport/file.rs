//! Lines of JSON in a file, or on the standard output.
//!
//! The file is opened for each batch, so it may be moved away at any time. It only grows: a
//! reader that follows it, such as Wazuh's `localfile`, never sees half a line that stays half,
//! since what a crash or a full disk left of one is taken away again before the next is
//! written. Rotation renames it and begins another.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::Value;

use super::fit::fit;
use super::{Delivered, Event, Later, Report, framed};
use crate::failure::{Exit, Failure};

/// A file of lines of JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    /// The file. Beside it are `PATH.lock`, and the earlier files as `PATH.1`, `PATH.2`, … .
    pub path: PathBuf,
    /// Another file is begun before this one gets longer. 100 MiB unless told otherwise.
    #[serde(default = "file_bytes")]
    pub max_bytes: u64,
    /// Another file is begun each so many hours, counted from midnight UTC of 1970-01-01: 24 is
    /// each day. By size alone unless told otherwise.
    pub hours: Option<u64>,
    /// So many earlier files are kept. 7 unless told otherwise.
    #[serde(default = "earlier_files")]
    pub keep: u32,
    /// The longest line; longer ones are shortened. 65,000 unless told otherwise, since Wazuh
    /// reads no more than 65,536.
    #[serde(default = "line_bytes")]
    pub max_line_bytes: usize,
    /// When the disk is waited for.
    #[serde(default)]
    pub fsync: Fsync,
}

/// When the disk is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fsync {
    /// After each batch, before it counts as delivered: it survives a power failure.
    #[default]
    Batch,
    /// Never: it survives a crash of this program, and not one of the machine.
    Never,
}

fn file_bytes() -> u64 {
    100 << 20
}

fn earlier_files() -> u32 {
    7
}

fn line_bytes() -> usize {
    65_000
}

/// Where lines go; `None` is the standard output.
pub(super) struct Lines(Option<FileSettings>);

impl Lines {
    pub(super) fn open(settings: &FileSettings) -> Result<Self, Failure> {
        let path = settings.path.display();
        if settings.path.file_name().is_none() {
            return Err(Failure::new(Exit::Usage, format!("{path} is no file")));
        }
        if settings.hours == Some(0) {
            return Err(Failure::new(Exit::Usage, "`hours` must be at least 1"));
        }
        Ok(Self(Some(settings.clone())))
    }

    pub(super) fn stdout() -> Self {
        Self(None)
    }

    pub(super) async fn send(&mut self, events: &[Event]) -> Report {
        let longest = match &self.0 {
            Some(settings) => settings.max_line_bytes,
            None => usize::MAX,
        };
        let (lines, refused) = framed(events, |event| Some(vec![fit(event, longest, line)?]));
        let settings = self.0.clone();
        let written = tokio::task::spawn_blocking(move || match settings {
            Some(settings) => append(&settings, &lines, SystemTime::now()),
            None => print(&lines),
        });
        // An error here is a panic of the thread, or the end of the program.
        let written = written.await.unwrap_or_else(|error| Err(error.to_string()));
        Report::whole(events, written.map_err(Later::because), refused)
    }
}

fn line(event: &Event, full: Option<usize>) -> Vec<u8> {
    let mut body = event.body.clone();
    let id = "huntress_event_id".to_owned();
    body.entry(id).or_insert_with(|| event.id.as_str().into());
    if full.is_some() {
        body.insert("huntress_truncated".into(), true.into());
    }
    let mut line = Value::from(body).to_string().into_bytes();
    line.push(b'\n');
    line
}

fn print(lines: &[Vec<u8>]) -> Result<Delivered, String> {
    let mut output = io::stdout().lock();
    let written = output.write_all(&lines.concat());
    let written = written.and_then(|()| output.flush());
    written.map_err(|error| format!("the standard output: {error}"))?;
    Ok(Delivered::HandedOver)
}

/// All of the lines, or none of them.
fn append(
    settings: &FileSettings,
    lines: &[Vec<u8>],
    now: SystemTime,
) -> Result<Delivered, String> {
    let path = &settings.path;
    let told = |error: io::Error| format!("{}: {error}", path.display());
    let lock = beside(path, "lock");
    let lock = options().write(true).open(lock).map_err(told)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(format!("{}: another program writes to it", path.display()));
        }
        Err(TryLockError::Error(error)) => return Err(told(error)),
    }
    let bytes = lines.concat();
    write(settings, &bytes, now).map_err(told)
}

fn write(settings: &FileSettings, bytes: &[u8], now: SystemTime) -> io::Result<Delivered> {
    let path = &settings.path;
    if let Ok(about) = path.metadata() {
        let longer = about.len() + bytes.len() as u64;
        let another_day = is_over(settings.hours, about.modified()?, now);
        if about.len() > 0 && (longer > settings.max_bytes || another_day) {
            rotate(path, settings.keep)?;
        }
    }
    let is_new = !path.exists();
    let mut file = options().append(true).read(true).open(path)?;
    let whole = whole_lines(&file)?;
    file.set_len(whole)?;
    if let Err(error) = file.write_all(bytes) {
        // Nothing of it is to be read by anybody; if this fails too, the next batch does it.
        let _ = file.set_len(whole);
        return Err(error);
    }
    if settings.fsync == Fsync::Never {
        return Ok(Delivered::HandedOver);
    }
    file.sync_data()?;
    if is_new {
        sync_folder(path)?;
    }
    Ok(Delivered::Acknowledged)
}

/// Whether a file that was last written at `last` belongs to an earlier time than `now`.
fn is_over(hours: Option<u64>, last: SystemTime, now: SystemTime) -> bool {
    let Some(hours) = hours else {
        return false;
    };
    let period = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        since.as_secs() / hours.saturating_mul(3600)
    };
    period(last) < period(now)
}

/// `PATH` becomes `PATH.1`, that `PATH.2`, and the last one is gone.
fn rotate(path: &Path, keep: u32) -> io::Result<()> {
    if keep == 0 {
        return std::fs::remove_file(path);
    }
    for number in (1..keep).rev() {
        let earlier = beside(path, &number.to_string());
        if earlier.exists() {
            std::fs::rename(earlier, beside(path, &(number + 1).to_string()))?;
        }
    }
    std::fs::rename(path, beside(path, "1"))
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}

/// The length of the file up to its last line end.
fn whole_lines(mut file: &File) -> io::Result<u64> {
    const BLOCK: u64 = 64 << 10;
    let mut end = file.metadata()?.len();
    while end > 0 {
        let begin = end.saturating_sub(BLOCK);
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(begin))?;
        file.take(end - begin).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// What a customer's machines do is not for everybody who has an account here.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    options
}

/// So that the name of a file survives, too.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::flatten::tests::event;
    use serde_json::json;

    struct Place {
        folder: tempfile::TempDir,
        settings: FileSettings,
    }

    fn place(rest: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let mut settings: FileSettings = toml::from_str(&format!("path = \"x\"\n{rest}")).unwrap();
        settings.path = folder.path().join("events.json");
        Place { folder, settings }
    }

    impl Place {
        fn append(&self, lines: &[&str]) -> Result<Delivered, String> {
            let lines: Vec<_> = lines
                .iter()
                .map(|line| format!("{line}\n").into())
                .collect();
            append(&self.settings, &lines, SystemTime::now())
        }

        fn text(&self, name: &str) -> String {
            std::fs::read_to_string(self.folder.path().join(name)).unwrap()
        }

        fn names(&self) -> Vec<String> {
            let files = self.folder.path().read_dir().unwrap();
            let name = |file: io::Result<std::fs::DirEntry>| file.unwrap().file_name();
            let mut names: Vec<_> = files
                .map(|file| name(file).into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    #[test]
    fn a_torn_line_is_taken_away() {
        for long in [1, 200_000] {
            let place = place("");
            let torn = format!("a\n{}", "b".repeat(long));
            std::fs::write(&place.settings.path, torn).unwrap();
            assert_eq!(place.append(&["c", "d"]), Ok(Delivered::Acknowledged));
            assert_eq!(place.text("events.json"), "a\nc\nd\n");
            std::fs::write(&place.settings.path, "b".repeat(long)).unwrap();
            place.append(&["c"]).unwrap();
            assert_eq!(place.text("events.json"), "c\n");
        }
    }

    #[test]
    fn files_are_rotated_by_size_and_the_last_ones_kept() {
        let place = place("max_bytes = 4\nkeep = 2\nfsync = \"never\"");
        for line in ["1", "2", "3", "4", "5", "6", "7"] {
            assert_eq!(place.append(&[line]), Ok(Delivered::HandedOver));
        }
        let names = [
            "events.json",
            "events.json.1",
            "events.json.2",
            "events.json.lock",
        ];
        assert_eq!(place.names(), names);
        assert_eq!(place.text("events.json"), "7\n");
        assert_eq!(place.text("events.json.1"), "5\n6\n");
        assert_eq!(place.text("events.json.2"), "3\n4\n");
        place.append(&["longer than a file"]).unwrap();
        assert_eq!(place.text("events.json.1"), "7\n");
    }

    #[test]
    fn files_are_rotated_by_age() {
        let time = |text: &str| SystemTime::from(text.parse::<jiff::Timestamp>().unwrap());
        let last = time("2026-06-01T23:59:59Z");
        for (hours, now, over) in [
            (None, "2027-06-01T00:00:00Z", false),
            (Some(24), "2026-06-01T23:59:59.9Z", false),
            (Some(24), "2026-06-02T00:00:00Z", true),
            (Some(24), "2026-05-30T00:00:00Z", false),
            (Some(1), "2026-06-02T00:00:00Z", true),
            (Some(u64::MAX), "2027-06-01T00:00:00Z", false),
        ] {
            assert_eq!(is_over(hours, last, time(now)), over, "{hours:?} {now}");
        }
        let place = place("hours = 24");
        place.append(&["1"]).unwrap();
        let file = File::options()
            .append(true)
            .open(&place.settings.path)
            .unwrap();
        file.set_modified(last).unwrap();
        place.append(&["2"]).unwrap();
        place.append(&["3"]).unwrap();
        assert_eq!(place.text("events.json"), "2\n3\n");
        assert_eq!(place.text("events.json.1"), "1\n");
    }

    #[test]
    fn two_programs_do_not_write_at_once() {
        let place = place("");
        place.append(&["1"]).unwrap();
        let other = File::open(beside(&place.settings.path, "lock")).unwrap();
        other.lock().unwrap();
        let error = place.append(&["2"]).unwrap_err();
        assert!(error.ends_with("another program writes to it"), "{error}");
        drop(other);
        place.append(&["3"]).unwrap();
        assert_eq!(place.text("events.json"), "1\n3\n");
    }

    #[test]
    fn a_line_has_an_id_and_no_line_end_inside() {
        let text = |body, full| String::from_utf8(line(&event(body), full)).unwrap();
        assert_eq!(
            text(json!({"a": "x\ny\u{0}"}), None),
            "{\"a\":\"x\\ny\\u0000\",\"huntress_event_id\":\"incident:7:1\"}\n"
        );
        assert_eq!(
            text(json!({"huntress_event_id": 5}), Some(1)),
            "{\"huntress_event_id\":5,\"huntress_truncated\":true}\n"
        );
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = place("");
        place.append(&["1"]).unwrap();
        let mode = place.settings.path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0);
    }
}
