//! Random bytes that nobody can guess, from the source that TLS has its keys of.

use crate::failure::{Exit, Failure};

/// Fills bytes.
///
/// # Errors
///
/// Where the system has none, which no system of today does.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), Failure> {
    let source = rustls::crypto::ring::default_provider().secure_random;
    let filled = source.fill(bytes);
    filled.map_err(|_| Failure::new(Exit::Failed, "the system gives no random bytes"))
}
