//! Lists of single records: the remediations of an incident, the lines of an invoice.
//!
//! Reading them for each record again and again would cost a request for each. A record that
//! carries its own list tells where that is cut; the others are read where the record has
//! changed since. Which those are is kept in the transaction that stores the record, so a pull
//! that is killed before it has read them leaves that to the next.

use jiff::Timestamp;

use super::Rows;
use super::books::{self, Parent, Read};
use super::walk::{Broken, Page, Reader, Walked, Work, mark_gone};
use crate::database::Transaction;
use crate::store::{Scope, Table, Written};

/// Keeps whose lists are to be read: records of a page that carry them cut.
pub(crate) async fn want_nested(
    work: &Work<'_>,
    transaction: &mut Transaction,
    written: &Written,
    began: Timestamp,
) -> Result<(), Broken> {
    let account_id = work.lease.account_id;
    for child in work.store.tables() {
        let cut = written
            .incomplete
            .iter()
            .filter(|cut| cut.table == child.name);
        // It is read anew each time that the record is.
        let parents = cut.map(|cut| Parent {
            id: cut.parent_id,
            version: began.to_string(),
        });
        books::want_children(transaction, account_id, &child.name, parents).await?;
    }
    Ok(())
}

/// Keeps whose lists are to be read: records that carry none, where they are new or changed.
pub(crate) async fn want_changed(
    work: &Work<'_>,
    transaction: &mut Transaction,
    table: &Table,
) -> Result<(), Broken> {
    for child in of(work, table).filter(|child| !is_carried(table, child)) {
        let sql = format!(
            "INSERT INTO pull_children (account_id, list, parent_id, version)
            SELECT account_id, ?2, id, CAST(record_digest AS TEXT) FROM \"{}\"
            WHERE account_id = ?1 AND gone_at IS NULL
            ON CONFLICT (account_id, list, parent_id) DO UPDATE SET version = excluded.version",
            table.name
        );
        let values = [work.lease.account_id.into(), child.name.as_str().into()];
        transaction.execute(&sql, &values).await?;
    }
    Ok(())
}

/// The tables of the lists of this table's records.
fn of<'a>(work: &Work<'a>, table: &'a Table) -> impl Iterator<Item = &'a Table> {
    let name = Some(table.name.as_str());
    let tables = work.store.tables().iter();
    tables.filter(move |child| child.list.parent.as_deref() == name)
}

/// Whether records of the one table carry their list of the other's.
fn is_carried(parent: &Table, child: &Table) -> bool {
    let mut columns = parent.columns.iter();
    columns.any(|column| column.source.field() == child.list.key)
}

/// Reads what is wanted; `None` where nothing is. `whole` is when a walk over all parents
/// began that came to its end: where they carry their lists, all that was not seen since is
/// gone.
pub(crate) async fn walk(
    work: &Work<'_>,
    table: &Table,
    whole: Option<Timestamp>,
    rows: &mut Rows,
) -> Result<Option<Walked>, Broken> {
    let (database, account_id) = (work.store.database(), work.lease.account_id);
    let wanted = books::wanted_children(database, account_id, &table.name).await?;
    let mut tables = work.store.tables().iter();
    let parent = tables.find(|parent| table.list.parent.as_ref() == Some(&parent.name));
    let is_carried = parent.is_some_and(|parent| is_carried(parent, table));
    let whole = whole.filter(|_| is_carried);
    if wanted.is_empty() && whole.is_none() {
        return Ok(None);
    }
    let mut first = None;
    for parent in &wanted {
        match one(work, table, !is_carried, parent, rows).await {
            Ok(()) => {}
            // One that cannot be read does not keep the others from being read.
            Err(Broken::List(failure)) => {
                let place = format!(
                    "{} {}",
                    table.list.parent.as_deref().unwrap_or(""),
                    parent.id
                );
                first.get_or_insert(failure.at(place));
            }
            Err(broken) => return Err(broken),
        }
    }
    if let Some(failure) = first {
        return Err(Broken::List(failure));
    }
    let (mut transaction, now) = work.begin().await?;
    let doubt = match whole {
        Some(began) => {
            let scope = Scope::from(account_id);
            mark_gone(work, &mut transaction, table, scope, began, rows).await?
        }
        None => None,
    };
    let note = doubt.as_ref().map(ToString::to_string);
    let read = match whole {
        Some(_) => Read::Full {
            cursor: None,
            doubted: doubt.is_some(),
            note: note.as_deref(),
        },
        None => Read::Some,
    };
    books::set_list(&mut transaction, account_id, &table.name, now, read).await?;
    transaction.commit().await?;
    match (doubt, whole) {
        (Some(doubt), _) => Err(Broken::List(doubt)),
        (None, Some(began)) => Ok(Some(Walked::Whole(began))),
        (None, None) => Ok(Some(Walked::Changes)),
    }
}

/// Reads the list of one record. Where that is all there is of it, since the record carries
/// none, what it does not show is gone.
async fn one(
    work: &Work<'_>,
    table: &Table,
    is_all: bool,
    parent: &Parent,
    rows: &mut Rows,
) -> Result<(), Broken> {
    let account_id = work.lease.account_id;
    let parent_id = Some(parent.id);
    let scope = Scope {
        account_id,
        parent_id,
    };
    let path = path_of(&table.list.path, parent.id);
    let mut reader = Reader::pages(work.request(&path), table);
    let began = work.store.database().now().await?;
    loop {
        let (page, is_there) = match work.unless_stopped(reader.next()).await {
            Ok(page) => (page, true),
            // The record itself has gone in the meantime.
            Err(Broken::Refused {
                not_found: true, ..
            }) => (Page::of_nothing(), false),
            Err(broken) => return Err(broken),
        };
        let (mut transaction, _) = work.begin().await?;
        let written = work
            .store
            .write(&mut transaction, table, scope, &page.records, began);
        rows.odd_records += page.odd;
        rows.add(&written.await?);
        let mut doubt = None;
        if page.last {
            if is_all && is_there {
                doubt = mark_gone(work, &mut transaction, table, scope, began, rows).await?;
            }
            if doubt.is_none() {
                books::have_children(&mut transaction, account_id, &table.name, parent).await?;
            }
        }
        transaction.commit().await?;
        work.told(table, *rows, false);
        match doubt {
            Some(doubt) => return Err(Broken::List(doubt)),
            None if page.last => return Ok(()),
            None => {}
        }
    }
}

/// A path with the id of the record in it.
fn path_of(path: &str, id: i64) -> String {
    match (path.split_once('{'), path.split_once('}')) {
        (Some((before, _)), Some((_, after))) => format!("{before}{id}{after}"),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_goes_into_the_path_whatever_its_place_is_called() {
        for (path, expected) in [
            ("/v1/things/{id}/parts", "/v1/things/7/parts"),
            ("/v1/things/{thing_id}/parts", "/v1/things/7/parts"),
            ("/v1/things", "/v1/things"),
        ] {
            assert_eq!(path_of(path, 7), expected);
        }
    }
}
