//! Views.

use super::schema::Existing;
use crate::database::{Dialect, Transaction};
use crate::failure::Failure;

pub(super) fn fingerprint() -> String {
    String::new()
}

pub(super) async fn make(
    _tx: &mut Transaction,
    _dialect: Dialect,
    _existing: &Existing,
) -> Result<(), Failure> {
    Ok(())
}
