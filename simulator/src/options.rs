//! What can be chosen of a simulator, but for its address; the defaults are here alone.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::faults::Fault;
use crate::order::Ties;
use crate::quota::Limit;
use crate::siem::LogOptions;
use crate::webhooks::endpoint::{Webhook, check_all};
use crate::world::{IDS, Sizes};

/// How many events a minute there may be.
const LIVE_RATES: RangeInclusive<f64> = 0.01..=60_000.0;

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) sizes: Sizes,
    pub(crate) limit: Option<Limit>,
    pub(crate) retry_after: RetryAfter,
    pub(crate) quota_headers: bool,
    pub(crate) quota_body: Option<String>,
    pub(crate) siem: LogOptions,
    pub(crate) odd_shapes: f64,
    pub(crate) ties: Ties,
    pub(crate) reaction: Duration,
    pub(crate) strict_parameters: bool,
    pub(crate) faults: Vec<Fault>,
    pub(crate) webhooks: Vec<Webhook>,
    /// The share of every wait of theirs that is waited.
    pub(crate) webhook_time_scale: f64,
    /// Events a minute.
    pub(crate) live: Option<f64>,
    pub(crate) verbose: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            sizes: Sizes::default(),
            limit: Some(Limit::default()),
            retry_after: RetryAfter::None,
            quota_headers: false,
            quota_body: None,
            siem: LogOptions::default(),
            odd_shapes: 0.0,
            ties: Ties::Exact,
            reaction: Duration::from_secs(2),
            strict_parameters: false,
            faults: Vec::new(),
            webhooks: Vec::new(),
            webhook_time_scale: 1.0,
            live: None,
            verbose: false,
        }
    }
}

impl Options {
    /// Refuses what cannot be, and says why.
    pub(crate) fn check(&self) -> Result<(), String> {
        let sizes = &self.sizes;
        for (name, size) in [
            ("organizations", sizes.organizations),
            ("agents", sizes.agents),
            ("identities", sizes.identities),
            ("incident reports", sizes.incident_reports),
            ("signals", sizes.signals),
            ("accounts", sizes.accounts),
            ("others", sizes.others),
        ] {
            if i64::try_from(size).is_ok_and(|size| size < IDS) {
                continue;
            }
            return Err(format!(
                "{size} {name} are too many; at most {} are possible",
                IDS - 1
            ));
        }
        if sizes.accounts == 0 {
            return Err("there must be an account".to_owned());
        }
        for (of, rate) in [
            ("odd shapes", self.odd_shapes),
            ("late log lines", self.siem.late),
        ] {
            if !(0.0..=1.0).contains(&rate) {
                return Err(format!("the rate of {of} {rate} is not from 0.0 to 1.0"));
            }
        }
        let scale = self.webhook_time_scale;
        if !(scale > 0.0 && scale <= 1.0) {
            return Err(format!(
                "the time scale of webhooks {scale} is not above 0.0 and at most 1.0"
            ));
        }
        if let Some(rate) = self.live
            && !(LIVE_RATES.contains(&rate))
        {
            let (least, most) = (LIVE_RATES.start(), LIVE_RATES.end());
            return Err(format!(
                "{rate} events a minute are not from {least} to {most}"
            ));
        }
        check_all(&self.webhooks, sizes.accounts)?;
        self.faults.iter().try_for_each(Fault::check)
    }
}

/// Whether and how a 429 says when to come again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryAfter {
    /// Not at all, like the API.
    #[default]
    None,
    /// In seconds.
    Seconds,
    /// As an HTTP date.
    Date,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBRARY: &str = include_str!("lib.rs");
    const PROGRAM: &str = include_str!("main.rs");
    const README: &str = include_str!("../README.md");

    /// What is stated last before a declaration: its own documentation ends there.
    fn stated<'t>(text: &'t str, declaration: &str, introduction: &str) -> &'t str {
        let (before, _) = text.split_once(declaration).expect(declaration);
        before.rsplit(introduction).next().unwrap_or_default()
    }

    #[test]
    fn the_numbers_that_are_stated_as_defaults_are_those_of_the_code() {
        let Options { seed, sizes, .. } = Options::default();
        for (option, default) in [
            ("seed", seed as usize),
            ("organizations", sizes.organizations),
            ("agents", sizes.agents),
            ("identities", sizes.identities),
            ("incident_reports", sizes.incident_reports),
            ("signals", sizes.signals),
            ("accounts", sizes.accounts),
            ("others", sizes.others),
        ] {
            let docs = stated(LIBRARY, &format!("pub fn {option}(mut self"), "; ");
            let default_of_docs = format!("{default} by default");
            assert!(docs.starts_with(&default_of_docs), "{option}: {docs}");
            let help = stated(PROGRAM, &format!("    {option}: Option<"), "[default: ");
            assert!(help.starts_with(&format!("{default}]")), "{option}: {help}");
        }
    }

    #[test]
    fn the_quota_and_the_times_that_are_stated_are_those_of_the_code() {
        let Options {
            limit,
            reaction,
            sizes,
            siem,
            ..
        } = Options::default();
        let (delay, minutes) = (siem.delay.as_millis(), siem.delay.as_secs() / 60);
        let Limit { requests, window } = limit.unwrap();
        let (window, milliseconds) = (window.as_secs(), window.as_millis());
        let reaction = reaction.as_secs();
        let words = ["no", "one", "two", "three", "four"];
        let (accounts, pause) = (words[sizes.accounts], words[reaction as usize]);
        for (text, stated) in [
            (
                LIBRARY,
                format!("; {requests} in {window} seconds by default"),
            ),
            (
                README,
                format!(", {requests} in {window} seconds (`--quota`, `--window`)"),
            ),
            (
                PROGRAM,
                format!("allowed in a window [default: {requests}]"),
            ),
            (README, format!("a reseller with {accounts} accounts")),
            (README, format!("takes {pause} seconds to get there")),
            (PROGRAM, format!("self.quota.unwrap_or({requests})")),
            (
                PROGRAM,
                format!("of the quota, in milliseconds [default: {milliseconds}]"),
            ),
            (PROGRAM, format!("self.window.unwrap_or({window}_000)")),
            (LIBRARY, format!("; {reaction} seconds by default")),
            (
                PROGRAM,
                format!("at most, in milliseconds [default: {delay}]"),
            ),
            (README, format!("by up to {minutes} minutes")),
            (
                PROGRAM,
                format!("or released, in milliseconds [default: {reaction}000]"),
            ),
        ] {
            assert!(text.contains(&stated), "not stated: {stated}");
        }
    }
}
