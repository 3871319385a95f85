//! What people have set in the store, and the rules that follow from it in words.

use jiff::{Timestamp, ToSpan as _};

use super::text;
use crate::database::Database;
use crate::failure::Failure;

/// The row of `store_settings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Days without a call after which an agent is stale.
    pub stale_after_days: i64,
    /// The levels of risk that put an identity at risk, with commas between them.
    pub risk_levels: String,
    /// Whether to have no MFA does so.
    pub without_mfa: bool,
}

impl Settings {
    /// Reads them.
    pub async fn read(database: &Database) -> Result<Self, Failure> {
        let sql = "SELECT stale_after_days, risk_levels, without_mfa FROM store_settings";
        let rows = database.query(sql, &[]).await?;
        let row = rows.first();
        Ok(Self {
            stale_after_days: row.and_then(|row| row.integer(0)).unwrap_or(14),
            risk_levels: row.and_then(|row| row.text(1)).unwrap_or("high").to_owned(),
            without_mfa: row.and_then(|row| row.bool(2)).unwrap_or(true),
        })
    }

    /// An agent that was heard last before this is stale.
    pub fn stale_before(&self, now: Timestamp) -> Timestamp {
        let hours = self.stale_after_days.clamp(0, 36_500) * 24;
        now.checked_sub(hours.hours()).unwrap_or(Timestamp::MIN)
    }

    /// When an agent is stale.
    pub fn stale(&self) -> String {
        format!("not heard of for {} days", self.stale_after_days)
    }

    /// When an identity is at risk.
    pub fn at_risk(&self) -> String {
        let levels: Vec<_> = self.risk_levels.split(',').map(str::trim).collect();
        let levels: Vec<_> = levels
            .into_iter()
            .filter(|level| !level.is_empty())
            .collect();
        let risk =
            (!levels.is_empty()).then(|| format!("risk {}", text::line(&levels.join(" or "))));
        let mfa = self.without_mfa.then(|| "no MFA".to_owned());
        match (risk, mfa) {
            (Some(risk), Some(mfa)) => format!("enabled, and {risk} or {mfa}"),
            (Some(one), None) | (None, Some(one)) => format!("enabled, and {one}"),
            (None, None) => "none, as the settings say".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_told_in_words() {
        for (levels, without_mfa, words) in [
            ("high", true, "enabled, and risk high or no MFA"),
            ("high,medium", false, "enabled, and risk high or medium"),
            ("", true, "enabled, and no MFA"),
            (" , ", false, "none, as the settings say"),
        ] {
            let settings = Settings {
                stale_after_days: 14,
                risk_levels: levels.to_owned(),
                without_mfa,
            };
            assert_eq!(settings.at_risk(), words);
        }
    }
}
