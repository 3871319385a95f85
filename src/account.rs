//! The scope of one managed account.

use crate::Client;
use crate::types::AccountId;

/// The same calls, for one account that a reseller manages.
///
/// Made by [`Client::for_account`]; cheap to clone. It has exactly the operations that
/// the API offers below `/v1/accounts/{account_id}/`, so a call that cannot be scoped
/// does not compile:
///
/// ```compile_fail
/// # fn f(client: huntress::Client) {
/// client.for_account(1234).list_accounts();
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AccountClient {
    client: Client,
    account_id: AccountId,
}

impl Client {
    /// The same calls for one account that a reseller manages. They count against this
    /// client's quota.
    pub fn for_account(&self, account_id: impl Into<AccountId>) -> AccountClient {
        AccountClient {
            client: self.clone(),
            account_id: account_id.into(),
        }
    }
}

impl AccountClient {
    /// The account.
    pub fn account_id(&self) -> AccountId {
        self.account_id
    }

    /// The client without the scope.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

/// What lets nobody else implement [`AccountOperations`](crate::AccountOperations), the trait
/// of the operations that an own account and a managed one have in common.
pub(crate) mod sealed {
    /// Whose account a call is for.
    pub trait Scope {
        /// The client, and the managed account.
        fn scope(&self) -> (&crate::Client, Option<i64>);
    }
}

impl sealed::Scope for Client {
    fn scope(&self) -> (&Client, Option<i64>) {
        (self, None)
    }
}

impl sealed::Scope for AccountClient {
    fn scope(&self) -> (&Client, Option<i64>) {
        (&self.client, Some(self.account_id.get()))
    }
}
