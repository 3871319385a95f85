//! What can be chosen of a simulator, but for its address; the defaults are here alone.

use std::time::Duration;

use crate::faults::Fault;
use crate::quota::Limit;
use crate::world::{IDS, Sizes};

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) sizes: Sizes,
    pub(crate) limit: Option<Limit>,
    pub(crate) retry_after: RetryAfter,
    pub(crate) quota_headers: bool,
    pub(crate) quota_body: Option<String>,
    pub(crate) siem: bool,
    pub(crate) odd_shapes: f64,
    pub(crate) reaction: Duration,
    pub(crate) strict_parameters: bool,
    pub(crate) faults: Vec<Fault>,
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
            siem: true,
            odd_shapes: 0.0,
            reaction: Duration::from_secs(2),
            strict_parameters: false,
            faults: Vec::new(),
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
            return Err(format!("{size} {name} are too many, {} may be", IDS - 1));
        }
        if sizes.accounts == 0 {
            return Err("there must be an account".to_owned());
        }
        if !(0.0..=1.0).contains(&self.odd_shapes) {
            let rate = self.odd_shapes;
            return Err(format!(
                "the rate of odd shapes {rate} is not from 0.0 to 1.0"
            ));
        }
        self.faults.iter().try_for_each(Fault::check)
    }
}

/// Whether and how a 429 says when to come again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryAfter {
    /// It does not, as the API.
    #[default]
    None,
    /// In seconds.
    Seconds,
    /// As an HTTP date.
    Date,
}
