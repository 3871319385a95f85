//! Which of the vendor's documents this crate was made of.

/// The vendor's document that this build of the crate was generated from; see
/// [`API_CONTRACT`](crate::API_CONTRACT).
///
/// The vendor changes its document without a version, so this is what tells two of them
/// apart. Put its text into a bug report:
///
/// ```
/// let contract = huntress::API_CONTRACT.to_string();
/// assert!(contract.starts_with("fetched 20") && contract.contains(", sha256:"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ApiContract {
    /// The day (UTC) on which the document was fetched, as `2026-11-24`.
    pub fetched: &'static str,
    /// `sha256:` and the digest, in hexadecimal, of the document's contract: its paths,
    /// names, types and limits, without its prose.
    pub digest: &'static str,
}

impl std::fmt::Display for ApiContract {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "fetched {}, {}", self.fetched, self.digest)
    }
}
