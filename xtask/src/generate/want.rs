//! What the document still wants of a person, although it is made without it.

use std::fmt;

use crate::extensions::ID_OF;

/// Something that a rule has made up or left open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// The type of a schema that is free-form for now.
    Type {
        /// The schema, in the document before its objects are components.
        pointer: String,
        /// What of it: `the items of a list`.
        what: &'static str,
    },
    /// Whose id a parameter of a path is; it is a plain integer for now.
    IdOf {
        method: String,
        path: String,
        parameter: String,
    },
    /// A name for a component that is called after its place.
    Name {
        component: String,
        /// `an enum`.
        what: &'static str,
    },
    /// A sentence.
    Text {
        /// What it is about.
        of: String,
        /// The key that it belongs under.
        key: &'static str,
    },
}

impl Want {
    /// What is missing, without its place and without what to do.
    pub fn fact(&self) -> String {
        match self {
            Self::Type { what, .. } => format!("nothing tells the type of {what}"),
            Self::IdOf {
                method,
                path,
                parameter,
            } => format!(
                "{} {path}: nothing tells whose id {{{parameter}}} is",
                method.to_uppercase()
            ),
            Self::Name { what, .. } => format!("{what} named after its place"),
            Self::Text { of, .. } => format!("{of} has no text"),
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fact = self.fact();
        match self {
            Self::Type { pointer, .. } => write!(
                f,
                "{pointer}: {fact}; it is free-form until a `corrections` overlay says more"
            ),
            Self::IdOf { .. } => {
                write!(f, "{fact}; say so with {ID_OF} in a `names` overlay")
            }
            Self::Name { component, .. } => {
                write!(
                    f,
                    "{component}: {fact}; give it a name in a `names` overlay"
                )
            }
            Self::Text { key, .. } => write!(f, "{fact}; write its {key} in a `docs` overlay"),
        }
    }
}
