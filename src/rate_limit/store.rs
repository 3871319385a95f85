//! Where the state of a quota is.

use std::time::Duration;

use tokio::time::Instant;

use super::file::{QuotaFile, Trouble};
use super::quota::{News, Quota, Rules, Time};

pub(super) enum Store {
    Memory { began: Instant, quota: Quota },
    File(QuotaFile),
}

impl Store {
    pub(super) fn memory() -> Self {
        Self::Memory {
            began: Instant::now(),
            quota: Quota::new(0),
        }
    }

    /// This program, where several share the quota.
    #[inline]
    pub(super) fn program(&self) -> Option<u64> {
        match self {
            Self::Memory { .. } => None,
            Self::File(file) => Some(file.program),
        }
    }

    /// Looks at the quota and changes it.
    #[inline]
    pub(super) fn run<T>(
        &mut self,
        step: impl FnOnce(&mut Quota, Time) -> T,
    ) -> Result<T, Trouble> {
        match self {
            Self::Memory { began, quota } => Ok(step(quota, began.elapsed())),
            Self::File(file) => file.run(step),
        }
    }

    /// Tells the news, at once.
    #[inline]
    pub(super) fn tell(&mut self, rules: &Rules, news: News) -> Result<(), Trouble> {
        if let Self::Memory { began, quota } = self {
            let pause = quota.hear(rules, began.elapsed(), None, &news);
            pause.into_iter().for_each(tell_pause);
            return Ok(());
        }
        self.tell_later(news);
        self.run(|_, _| ())
    }

    /// Tells the news with the next look at the file.
    pub(super) fn tell_later(&mut self, news: News) {
        if let Self::File(file) = self {
            file.tell_later(news);
        }
    }

    /// The quota as far as it is known without a look, and the present time.
    pub(super) fn known<T>(&mut self, step: impl FnOnce(&mut Quota, Time) -> T) -> T {
        match self {
            Self::Memory { began, quota } => step(quota, began.elapsed()),
            Self::File(file) => file.known(step),
        }
    }
}

pub(super) fn tell_pause(pause: Duration) {
    tracing::warn!(
        ?pause,
        "refused by the server (429): others, or an earlier run, have used the account's quota; all calls wait"
    );
}
