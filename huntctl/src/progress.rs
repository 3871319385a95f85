//! How far a long job is, for a person who waits for it: bars on the standard error, where
//! that is a terminal.

use std::io::{self, Write};
use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// All bars of this program, which draw below one another, and below the log.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// One bar, or nothing where nobody would see it; it goes away when dropped.
#[derive(Debug)]
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// One that counts what comes, without knowing how much will.
    pub fn counting(what: impl Into<String>, shown: bool) -> Self {
        Self::new(
            shown.then(ProgressBar::no_length),
            "{spinner} {msg} {human_pos}",
            what,
        )
    }

    /// One that fills up.
    pub fn of(what: impl Into<String>, length: u64, shown: bool) -> Self {
        let style = "{msg} {wide_bar} {human_pos}/{human_len} {eta}";
        Self::new(shown.then(|| ProgressBar::new(length)), style, what)
    }

    fn new(bar: Option<ProgressBar>, style: &str, what: impl Into<String>) -> Self {
        Self(bar.map(|bar| {
            let bar = BARS.add(bar);
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            bar.set_message(what.into());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        }))
    }

    /// So many more have come.
    pub fn add(&self, count: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(count);
        }
    }

    /// Says something else beside the bar.
    pub fn say(&self, what: impl Into<String>) {
        if let Some(bar) = &self.0 {
            bar.set_message(what.into());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Writes lines that stay above the bars.
pub fn above<T>(write: impl FnOnce() -> T) -> T {
    BARS.suspend(write)
}

/// The standard error, above the bars.
#[derive(Clone, Copy, Debug)]
pub struct AboveBars;

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
