//! The scope of one managed account.

use crate::Client;

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
    account_id: i64,
}

impl AccountClient {
    pub(crate) fn new(client: Client, account_id: i64) -> Self {
        Self { client, account_id }
    }

    /// The account.
    pub fn account_id(&self) -> i64 {
        self.account_id
    }

    /// The client without the scope.
    pub fn client(&self) -> &Client {
        &self.client
    }
}
