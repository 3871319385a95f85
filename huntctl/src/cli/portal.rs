//! The verb `portal`: makes links for single organizations.

use std::time::Duration;

use clap::{Args, Command, FromArgMatches as _, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::dashboard::{NO_KEYS, keys, portal_url, say};
use super::{Context, Ended, wait_for};
use crate::failure::{Exit, Failure};
use crate::output::visible;
use crate::portal::{Link, organizations};
use crate::store::Store;

#[derive(Subcommand)]
enum Verb {
    /// Prints a link to the page of one organization, for whoever may see that page
    Link(Wish),
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Link")]
struct Wish {
    /// The id of the organization
    #[arg(value_name = "ORGANIZATION")]
    organization: i64,
    /// Its account, where several accounts of the store have an organization of this id
    #[arg(long, value_name = "ID")]
    account: Option<i64>,
    /// For how many days it can be used
    #[arg(long, value_name = "NUMBER", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
}

/// The verb.
pub(super) fn command() -> Command {
    let command = Command::new("portal")
        .about("Makes signed links to the pages of single organizations")
        .subcommand_required(true)
        .arg_required_else_help(true);
    Verb::augment_subcommands(command)
}

/// Makes a link.
pub(super) fn run(context: &Context, matches: &clap::ArgMatches) -> Result<Ended, Failure> {
    let Verb::Link(wish) = Verb::from_arg_matches(matches)
        .map_err(|problem| Failure::new(Exit::Usage, problem.to_string()))?;
    wait_for(async {
        let config = context.config().await?;
        let keys = keys(&config)?.ok_or_else(|| Failure::new(Exit::Usage, NO_KEYS))?;
        let store = Store::open(&config.store_url()?).await?;
        let (account_id, name) = wish.choose(organizations(&store, wish.organization).await?)?;
        let life = Duration::from_secs(u64::from(wish.days) * 24 * 60 * 60);
        let expires = Timestamp::now().checked_add(life);
        let link = Link {
            account_id,
            organization_id: wish.organization,
            expires: expires.map_err(|problem| Failure::new(Exit::Failed, problem.to_string()))?,
        };
        let url = format!("{}{}", portal_url(&config), keys.sign(&link));
        let expires = link.expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        if context.globals.json {
            let told = json!({
                "url": url,
                "account_id": account_id,
                "organization_id": wish.organization,
                "organization": name,
                "expires_at": expires,
            });
            say(&told)?;
            return Ok(Ended::Done);
        }
        let name = visible::line(name.as_deref().unwrap_or("no name")).into_owned();
        context.note(format_args!(
            "for {name} (account {account_id}), until {expires}; whoever has this link sees the page"
        ));
        say(&url)?;
        Ok(Ended::Done)
    })
}

impl Wish {
    /// The organization among those of this id.
    fn choose(&self, found: Vec<(i64, Option<String>)>) -> Result<(i64, Option<String>), Failure> {
        let id = self.organization;
        let accounts: Vec<String> = found
            .iter()
            .map(|(account, _)| account.to_string())
            .collect();
        let of_the_account = |(account, _): &(i64, _)| self.account.is_none_or(|it| it == *account);
        let mut found = found.into_iter().filter(of_the_account);
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => {
                let text = format!(
                    "organization {id} is in several accounts: choose one by --account: {}",
                    accounts.join(", ")
                );
                Err(Failure::new(Exit::Usage, text))
            }
            (None, _) if accounts.is_empty() => {
                let text = format!(
                    "there is no organization {id} in the store: `huntctl pull` gets what is new"
                );
                Err(Failure::new(Exit::Usage, text))
            }
            (None, _) => {
                let text = format!(
                    "organization {id} is not in that account, but in {}",
                    accounts.join(", ")
                );
                Err(Failure::new(Exit::Usage, text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organization_is_chosen_by_its_account_where_it_must_be() {
        let chosen = |account: Option<i64>, found: &[i64]| {
            let wish = Wish {
                organization: 7,
                account,
                days: 30,
            };
            let found = found.iter().map(|account| (*account, None)).collect();
            let chosen = wish.choose(found).map(|(account, _)| account);
            chosen.map_err(|failure| failure.to_string())
        };
        assert_eq!(chosen(None, &[1]), Ok(1));
        assert_eq!(chosen(Some(2), &[1, 2]), Ok(2));
        let said = chosen(None, &[1, 2]).unwrap_err();
        assert!(said.ends_with("choose one by --account: 1, 2"), "{said}");
        let said = chosen(Some(3), &[1, 2]).unwrap_err();
        assert!(said.ends_with("not in that account, but in 1, 2"), "{said}");
        let said = chosen(None, &[]).unwrap_err();
        assert!(said.contains("`huntctl pull`"), "{said}");
    }
}
