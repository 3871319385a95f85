//! Which of the vendor's documents this crate was made of.

/// The vendor's document that this build of the crate was generated from; see
/// [`API_CONTRACT`](crate::API_CONTRACT).
///
/// The vendor changes its document without a version, so this is what tells two of them
/// apart. Put its text into a bug report:
///
/// ```
/// let contract = huntress::API_CONTRACT.to_string();
/// assert!(contract.starts_with("captured 20") && contract.contains(", sha256:"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ApiContract {
    /// When the vendor served the document, as exactly as it is known: a day as `2026-07-19`,
    /// a month as `2026-07`, or a year. `None` where nobody knows.
    pub captured: Option<&'static str>,
    /// The day (UTC) on which this crate took the document over, as `2026-11-22`. What the
    /// vendor changed between the two is not in this release.
    pub taken_over: &'static str,
    /// `sha256:` and the digest, in hexadecimal, of the document's contract: its paths,
    /// names, types and limits, without its prose.
    pub digest: &'static str,
}

impl std::fmt::Display for ApiContract {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(captured) = self.captured {
            write!(f, "captured {captured}, ")?;
        }
        write!(f, "taken over {}, {}", self.taken_over, self.digest)
    }
}
