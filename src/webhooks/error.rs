//! Why a delivery is not taken, and why a verifier cannot be made.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

/// Why a request is not taken for a delivery of Huntress's.
///
/// The text names the header and what to look at. It shows neither the body nor anything of a
/// secret or signature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// A header is not there.
    MissingHeader {
        /// Which.
        name: &'static str,
    },
    /// A header cannot be read.
    MalformedHeader {
        /// Which.
        name: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No signature matches: the secret is another one, the body was changed on its way, or
    /// somebody else sent it.
    NoSignatureMatched,
    /// The signature is right, but it was sent too long ago.
    TooOld {
        /// How long ago.
        by: Duration,
    },
    /// The signature is right, but it was sent in the future.
    TooNew {
        /// How long from now.
        by: Duration,
    },
    /// The body is larger than the limit of the verifier.
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl VerifyError {
    /// What to answer: 400 for a header that is missing or malformed, 413 for a body that is
    /// too large, and else 401. The sender tries again after each of them.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::MissingHeader { .. } | Self::MalformedHeader { .. } => StatusCode::BAD_REQUEST,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoSignatureMatched | Self::TooOld { .. } | Self::TooNew { .. } => {
                StatusCode::UNAUTHORIZED
            }
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingHeader { name } => write!(f, "webhook: the header `{name}` is missing"),
            Self::MalformedHeader { name, why } => {
                write!(f, "webhook: the header `{name}` {why}")
            }
            Self::NoSignatureMatched => f.write_str(
                "webhook: no signature matches; check that the secret is the one that the portal \
                 shows for this endpoint, and that nothing changes the body on its way",
            ),
            Self::TooOld { by } => write!(
                f,
                "webhook: it was sent {} s ago, which is too long; check the clock of this machine",
                by.as_secs()
            ),
            Self::TooNew { by } => write!(
                f,
                "webhook: it was sent {} s in the future; check the clock of this machine",
                by.as_secs()
            ),
            Self::TooLarge { limit } => write!(f, "webhook: the body is over {limit} bytes"),
        }
    }
}

impl std::error::Error for VerifyError {}

/// Why a [`Verifier`](super::Verifier) cannot be made, or nothing be signed.
///
/// The text shows nothing of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupError {
    /// There is no secret at all.
    NoSecret,
    /// A secret is empty, but for its `whsec_`.
    Empty,
    /// A secret is a key of another scheme (`whsk_`, `whpk_`).
    OtherScheme,
    /// A secret is not base64.
    NotBase64,
    /// A secret has so many bytes, and not 24 to 64; it may have been cut off.
    Length(usize),
    /// The id of what is to be signed cannot be the value of a header.
    Id,
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("webhooks: ")?;
        match self {
            Self::NoSecret => f.write_str("no secret is given; the portal shows it (`whsec_…`)"),
            Self::Empty => f.write_str("the secret is empty"),
            Self::OtherScheme => f.write_str(
                "the secret is a key of an asymmetric signature (`whsk_`, `whpk_`); give the one that \
                 begins with `whsec_`",
            ),
            Self::NotBase64 => f.write_str("the secret is not base64; copy it whole, without quotes"),
            Self::Length(bytes) => write!(
                f,
                "the secret has {bytes} bytes, and not 24 to 64; copy it whole, without quotes"
            ),
            Self::Id => f.write_str("the id to sign is not one to 256 bytes of visible ASCII"),
        }
    }
}

impl std::error::Error for SetupError {}
