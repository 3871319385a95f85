//! Whom rows belong to: accounts, their organizations, and the people who sign in.

use serde_json::{Value, json};

use crate::values;
use crate::world::{ACCOUNTS, ORGANIZATIONS, World};

/// Says which account something belongs to.
pub(crate) fn assign(world: &World, item: &mut Value, account: i64) {
    if item.get("account_id").is_some() {
        item["account_id"] = json!(account);
    }
    if item.get("account").is_some_and(Value::is_object) {
        item["account"] = account_ref(world, account);
    }
}

/// An account as others point to it.
pub(crate) fn account_ref(world: &World, id: i64) -> Value {
    if let Some(account) = world.changed(ACCOUNTS, &[], id) {
        return reference(account);
    }
    let mut account = json!({ "id": id });
    if let Some(number) = world.unchanged(ACCOUNTS, &[], id) {
        make_account(&mut account, number);
    }
    reference(&account)
}

/// Makes an account as far as others tell of it.
pub(crate) fn make_account(item: &mut Value, number: usize) {
    let company = values::company(number);
    item["name"] = json!(format!("{company} Group"));
    item["subdomain"] = json!(slug(&company));
    let enabled = number % 3 != 2;
    item["status"] = json!(if enabled { "enabled" } else { "disabled" });
}

/// The id of the account, among those that the reseller manages, that a number belongs to.
pub(crate) fn managed_account(world: &World, number: usize) -> i64 {
    (number % world.sizes.accounts.max(1)) as i64 + 1
}

/// The number of the organization that a number belongs to.
pub(crate) fn organization_of(world: &World, number: usize) -> usize {
    number % world.sizes.organizations.max(1)
}

/// An organization as others point to it.
pub(crate) fn organization_ref(world: &World, account: i64, number: usize) -> Value {
    let id = world.first_id(account, ORGANIZATIONS) + number as i64;
    json!({"id": id, "name": values::company(number)})
}

/// The id of the organization that a row says it belongs to, under either of two keys.
pub(crate) fn organization_id(row: &Value) -> &Value {
    let id = row.get("organization_id");
    id.unwrap_or(&row["organization"]["id"])
}

/// A person who can sign in; memberships say what they may do.
pub(crate) fn user_ref(world: &World, number: usize) -> Value {
    let (name, email) = values::person(number);
    let id = world.account_id * 1_000_000 + number as i64 + 1;
    json!({"id": id, "name": name, "email": email})
}

/// A row as others point to it.
pub(crate) fn reference(row: &Value) -> Value {
    let keys = ["id", "name", "status", "subdomain"];
    let known = keys.iter().filter_map(|key| Some((*key, row.get(key)?)));
    known
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect()
}

/// A name as it stands in a URL.
pub(crate) fn slug(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}
