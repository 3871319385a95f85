//! Which accounts there are: those that the keys belong to, and those that resellers manage.

use futures_util::StreamExt as _;
use futures_util::stream;

use super::work::Shared;
use super::{Source, books};
use crate::database::Transaction;
use crate::failure::{Exit, Failure};

/// The run with which an account begins: after those that there were before it was forgotten.
const RUN: &str = "(SELECT coalesce(max(run), 0) FROM pulls WHERE pulls.account_id = ";

/// Finds out whose these keys are, where that is not known; returns why it cannot be for some.
pub(crate) async fn register(shared: &Shared, names: &[String]) -> Vec<(String, Failure)> {
    let sources = names.iter().filter_map(|name| shared.sources.get(name));
    let failures = stream::iter(sources)
        .map(async |source| Some((source.name.clone(), one(shared, source).await.err()?)))
        .buffer_unordered(shared.options.at_once.max(1));
    failures.filter_map(async |failure| failure).collect().await
}

async fn one(shared: &Shared, source: &Source) -> Result<(), Failure> {
    let database = shared.store.database();
    let accepts = shared.options.accept_account.contains(&source.name);
    let before = books::account_of(database, &source.name).await?;
    let account_id = match before.filter(|_| !accepts) {
        Some(account_id) => account_id,
        None => {
            let account_id = source.client.get_account().send().await?.id.get();
            shared.check(&source.name);
            account_id
        }
    };
    let mut transaction = database.begin().await?;
    if let Some(before) = before.filter(|before| *before != account_id) {
        let sql = "DELETE FROM pull_accounts WHERE source = ?1 AND (managed OR account_id = ?2)";
        let values = [source.name.as_str().into(), before.into()];
        transaction.execute(sql, &values).await?;
    }
    own(shared, source, &mut transaction, account_id).await?;
    books::set_account_of(&mut transaction, &source.name, account_id).await?;
    if !source.reseller {
        let sql = "DELETE FROM pull_accounts
            WHERE source = ?1 AND managed AND lease_until IS NULL";
        transaction
            .execute(sql, &[source.name.as_str().into()])
            .await?;
    }
    transaction.commit().await
}

/// Lets an account be pulled by its own key.
async fn own(
    shared: &Shared,
    source: &Source,
    transaction: &mut Transaction,
    account_id: i64,
) -> Result<(), Failure> {
    let sql = "SELECT source, managed FROM pull_accounts WHERE account_id = ?1";
    let rows = transaction.query(sql, &[account_id.into()]).await?;
    let before = rows
        .first()
        .and_then(|row| Some((row.text(0)?, row.bool(1)?)));
    if let Some((other, false)) = before
        && other != source.name
        && shared.sources.contains_key(other)
    {
        let text = format!(
            "`{}` and `{other}` are keys of the same account ({account_id}), which is pulled with \
             the latter; take one of them out of the configuration",
            source.name
        );
        return Err(Failure::new(Exit::Usage, text));
    }
    let sql = format!(
        "INSERT INTO pull_accounts (account_id, source, managed, run)
        VALUES (?1, ?2, ?3, {RUN} ?1))
        ON CONFLICT (account_id) DO UPDATE SET
            source = excluded.source, managed = excluded.managed"
    );
    let values = [account_id.into(), source.name.as_str().into(), false.into()];
    transaction.execute(&sql, &values).await.map(drop)
}

/// Lets the accounts that a reseller manages be pulled, and no others: as the table of the
/// accounts says, which has just been pulled.
pub(crate) async fn managed(
    shared: &Shared,
    source: &Source,
    account_id: i64,
) -> Result<(), Failure> {
    let tables = shared.store.tables();
    let accounts = tables
        .iter()
        .find(|table| table.list.operation == "list_accounts");
    let Some(accounts) = accounts else {
        return Ok(());
    };
    let has_status = accounts
        .columns
        .iter()
        .any(|column| column.name == "status");
    let enabled = if has_status {
        "AND (status IS NULL OR status <> 'disabled')"
    } else {
        ""
    };
    let ids = format!(
        "FROM \"{}\" WHERE account_id = ?2 AND gone_at IS NULL AND id <> ?2 {enabled}",
        accounts.name
    );
    let values = [source.name.as_str().into(), account_id.into()];
    let mut transaction = shared.store.database().begin().await?;
    // One with a key of its own is pulled with that.
    let sql = format!(
        "INSERT INTO pull_accounts (account_id, source, managed, run)
        SELECT id, ?1, (1 = 1), {RUN} id) {ids}
        ON CONFLICT (account_id) DO UPDATE SET source = excluded.source
        WHERE pull_accounts.managed"
    );
    transaction.execute(&sql, &values).await?;
    let sql = format!(
        "DELETE FROM pull_accounts WHERE source = ?1 AND managed AND lease_until IS NULL
        AND account_id NOT IN (SELECT id {ids})"
    );
    transaction.execute(&sql, &values).await?;
    transaction.commit().await
}
