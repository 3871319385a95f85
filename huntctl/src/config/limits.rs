//! Where the quota of an account is: in a file for all programs of this machine, or in a Redis
//! for those of all machines.

use std::fs;
use std::path::Path;

use huntress::{Credentials, RateLimiter};

use super::Account;
use crate::failure::{Exit, Failure};

/// Where the API is, as the library has it.
const BASE_URL: &str = "https://api.huntress.io";

/// What tells the quota of an account from others: the name that the user gives it, or else
/// what base URL and key make, so that two configurations with one key share.
pub(super) fn name(account: &Account, key: &str) -> String {
    if let Some(name) = &account.quota {
        return name.clone();
    }
    let base_url = account.base_url.as_deref().unwrap_or(BASE_URL);
    RateLimiter::account_name(base_url, &Credentials::new(key, ""))
}

/// The quota of that name in a Redis.
pub(super) fn in_redis(url: String, name: &str) -> Result<RateLimiter, Failure> {
    let limiter = RateLimiter::in_redis(url, name);
    limiter.map_err(|error| Failure::from(error).at("[quota] redis"))
}

/// Opens the file, and makes it where it is not there.
pub(super) fn in_folder(folder: &Path, name: &str) -> Result<RateLimiter, Failure> {
    let advice = "; [quota] file = \"FOLDER\" names another folder";
    let path = folder.join(format!("{name}.quota"));
    fs::create_dir_all(folder).map_err(|problem| {
        let folder = folder.display();
        let text = format!("the folder of the quota, {folder}, cannot be made: {problem}{advice}");
        Failure::new(Exit::Unavailable, text)
    })?;
    RateLimiter::in_file(&path).map_err(|error| {
        let text = format!("{error}{advice}");
        Failure::new(Exit::Unavailable, text)
    })
}
