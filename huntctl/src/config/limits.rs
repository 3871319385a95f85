//! The file that holds the quota of an account, for all programs of this machine.

use std::fs;
use std::path::Path;

use huntress::RateLimiter;
use sha2::{Digest as _, Sha256};

use super::Account;
use crate::failure::{Exit, Failure};

/// Where the API is, as the library has it.
const BASE_URL: &str = "https://api.huntress.io";

/// What tells the file of an account from others: the name that the user gives its quota, or
/// else what base URL and key make, so that two configurations with one key share.
pub(super) fn name(account: &Account, key: &str) -> String {
    if let Some(name) = &account.quota {
        return name.clone();
    }
    let base_url = account.base_url.as_deref().unwrap_or(BASE_URL);
    let base_url = base_url.trim_end_matches('/').trim_end_matches("/v1");
    let digest = Sha256::digest(format!("{base_url}\n{key}"));
    let digits = digest.iter().take(8).map(|byte| format!("{byte:02x}"));
    format!("key-{}", digits.collect::<String>())
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
