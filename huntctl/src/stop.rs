//! SIGINT and SIGTERM: the first lets what is under way come to its end, the second ends the
//! program at once.

use tokio::sync::watch;

use crate::failure::{Exit, Failure};

/// A signal that asks a program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Signal {
    /// What a shell expects of a program that such a signal has ended.
    pub fn status(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Whether somebody has asked the program to end.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<Option<Signal>>);

/// What asks a program to end in place of a signal, such as a part of it, or a test.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Option<Signal>>);

impl Stopper {
    /// Asks it. The first signal counts.
    pub fn stop(&self, signal: Signal) {
        self.0.send_if_modified(|first| match first {
            Some(_) => false,
            None => {
                *first = Some(signal);
                true
            }
        });
    }
}

impl Stop {
    /// One that listens for no signal.
    pub fn by_hand() -> (Stopper, Self) {
        let (sender, receiver) = watch::channel(None);
        (Stopper(sender), Self(receiver))
    }

    /// Listens from now on; before, a signal ends the program as it ends any. The first one
    /// is answered by a word on the standard error: what happens now.
    ///
    /// # Errors
    ///
    /// Where the system does not allow it.
    pub fn listen(word: &'static str) -> Result<Self, Failure> {
        let (sender, receiver) = watch::channel(None);
        let mut signals = Signals::new().map_err(|problem| {
            Failure::new(
                Exit::Failed,
                format!("signals cannot be listened for: {problem}"),
            )
        })?;
        tokio::spawn(async move {
            let first = signals.next().await;
            eprintln!("{word} (again: stop at once)");
            sender.send_replace(Some(first));
            let second = signals.next().await;
            std::process::exit(second.status().into());
        });
        Ok(Self(receiver))
    }

    /// The signal that has come, if one has.
    pub fn asked(&self) -> Option<Signal> {
        *self.0.borrow()
    }

    /// Waits for one.
    pub async fn wait(&mut self) -> Signal {
        match self.0.wait_for(Option::is_some).await.map(|signal| *signal) {
            Ok(Some(signal)) => signal,
            // Nobody listens any more.
            _ => std::future::pending().await,
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}
