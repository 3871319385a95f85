//! Why a document may not be written, although it can be made.
//!
//! The steps go on without what a person must repair, so that all of it is said at once and
//! `drift` can tell which change it comes from.

use std::fmt;

use super::overlay;
use crate::extensions::NAME;

/// Something that a person must repair.
#[derive(Clone, Debug)]
pub enum Problem {
    /// A mirror that differs from what it mirrors.
    Mirror {
        /// The path of the mirror.
        path: String,
        /// What it mirrors.
        original: String,
        /// In lower case.
        method: &'static str,
        difference: String,
    },
    /// An overlay action that is stale.
    Overlay(overlay::Stale),
    /// A name of an overlay's for something that cannot have it.
    Name {
        /// In the document with its operations named and its types repaired.
        pointer: String,
        name: String,
        /// Why it cannot have that name.
        why: String,
    },
    /// A parameter with the name of something that every call has.
    Reserved {
        operation: String,
        /// What the parameter's setter would be called.
        parameter: String,
    },
    /// Two names that are one in Rust.
    Clash {
        /// The operation or component that has both.
        owner: String,
        stays: String,
        left_out: String,
        /// What both are in Rust.
        rust: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mirror {
                path,
                original,
                method,
                difference,
            } => write!(
                f,
                "{} {path} is no longer an exact mirror of {original}: {difference}",
                method.to_uppercase(),
            ),
            Self::Overlay(stale) => stale.fmt(f),
            Self::Name { pointer, name, why } => write!(
                f,
                "{pointer}: a `names` overlay calls it {name}, but {why}; correct the overlay"
            ),
            Self::Reserved {
                operation,
                parameter,
            } => write!(
                f,
                "{operation}: the parameter `{parameter}` has the name of something that every \
                 call has; give it an {NAME} in a `names` overlay"
            ),
            Self::Clash {
                owner,
                stays,
                left_out,
                rust,
            } => write!(
                f,
                "{owner}: {left_out:?} and {stays:?} are both `{rust}` in Rust; take one of them \
                 away in a `corrections` overlay"
            ),
        }
    }
}
