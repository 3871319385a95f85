//! Enums that new values of the vendor cannot break.
//!
//! The server may send a value that this version does not know: it decodes as `Other` and
//! encodes as it came. What a *caller* writes is parsed strictly, because a filter with a
//! typo would return nothing and look like good news; `other` makes any value on purpose:
//!
//! ```
//! use huntress::types::Severity;
//!
//! assert!("medium_rare".parse::<Severity>().is_err());
//! let new = Severity::other("medium_rare");
//! assert!(matches!(&new, Severity::Other(value) if value.as_str() == "medium_rare"));
//! // A value that is known is its variant, so a `match` means the same in every release.
//! assert_eq!(Severity::other("critical"), Severity::Critical);
//! ```

use std::fmt;

/// A string that is none of an enum's known values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownValue {
    value: String,
    of: &'static str,
    known: &'static [&'static str],
}

impl UnknownValue {
    pub(crate) fn new(value: &str, of: &'static str, known: &'static [&'static str]) -> Self {
        Self {
            value: value.to_owned(),
            of,
            known,
        }
    }

    /// The string that was given.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The values that would have been accepted.
    pub fn known(&self) -> &'static [&'static str] {
        self.known
    }
}

impl fmt::Display for UnknownValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a known {of}; known are {}; \
             to send it all the same, use {of}::other",
            self.value,
            self.known.join(", "),
            of = self.of,
        )
    }
}

impl std::error::Error for UnknownValue {}

/// A value of an enum that this version does not know.
///
/// Made by the enum's `other`, which gives the known variant where there is one: so no two
/// values that are written alike are unequal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OtherValue(Box<str>);

impl OtherValue {
    pub(crate) fn new(value: &str) -> Self {
        Self(value.into())
    }

    /// The value as it stands in JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OtherValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for OtherValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Declares one enum; the generated code calls it for each enum of the API.
macro_rules! open_enum {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $value:literal,)* }) => {
        $(#[$doc])*
        ///
        /// Received values this version does not know are `Other`. `FromStr` and `TryFrom`
        /// accept the known values only; `other` makes any.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A value this version does not know.
            Other(crate::OtherValue),
        }

        impl $name {
            /// The values this version knows.
            pub const KNOWN: &'static [&'static str] = &[$($value),*];

            /// Any value, to be sent on purpose: its variant where it is known.
            #[inline]
            pub fn other(value: impl ::std::convert::AsRef<str>) -> Self {
                let value = value.as_ref();
                Self::known(value).unwrap_or_else(|| Self::Other(crate::OtherValue::new(value)))
            }

            /// The value as it stands in JSON.
            #[inline]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $value,)*
                    Self::Other(value) => value.as_str(),
                }
            }

            #[inline]
            fn known(value: &str) -> ::std::option::Option<Self> {
                match value {
                    $($value => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl ::std::fmt::Display for $name {
            #[inline]
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = crate::UnknownValue;

            #[inline]
            fn from_str(value: &str) -> ::std::result::Result<Self, crate::UnknownValue> {
                Self::known(value)
                    .ok_or_else(|| crate::UnknownValue::new(value, stringify!($name), Self::KNOWN))
            }
        }

        impl ::std::convert::TryFrom<&str> for $name {
            type Error = crate::UnknownValue;

            #[inline]
            fn try_from(value: &str) -> ::std::result::Result<Self, crate::UnknownValue> {
                value.parse()
            }
        }

        impl ::std::convert::TryFrom<::std::string::String> for $name {
            type Error = crate::UnknownValue;

            #[inline]
            fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, crate::UnknownValue> {
                value.parse()
            }
        }

        impl ::std::convert::TryFrom<&::std::string::String> for $name {
            type Error = crate::UnknownValue;

            #[inline]
            fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, crate::UnknownValue> {
                value.parse()
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                struct Text;
                impl ::serde::de::Visitor<'_> for Text {
                    type Value = $name;

                    #[inline]
                    fn expecting(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                        f.write_str("text")
                    }

                    fn visit_str<E>(self, value: &str) -> ::std::result::Result<$name, E> {
                        Ok($name::other(value))
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }

        impl crate::fit::Fit for $name {
            #[inline]
            fn fit(
                value: &mut ::serde_json::Value,
                odd: &mut crate::fit::Odd,
            ) -> ::std::result::Result<(), crate::fit::Misfit> {
                <::std::string::String as crate::fit::Fit>::fit(value, odd)
            }
        }
    };
}
pub(crate) use open_enum;

#[cfg(test)]
mod tests {
    use crate::types::{IncidentReportStatus, Severity};

    #[test]
    fn an_unknown_value_survives_a_round_trip() {
        let read: IncidentReportStatus = serde_json::from_str(r#""of next year""#).unwrap();
        assert_eq!(read, IncidentReportStatus::other("of next year"));
        assert_eq!(read.as_str(), "of next year");
        assert_eq!(serde_json::to_string(&read).unwrap(), r#""of next year""#);
        let known: Severity = serde_json::from_str(r#""critical""#).unwrap();
        assert_eq!(known, Severity::Critical);
    }

    #[test]
    fn a_typo_is_refused_with_the_known_values() {
        let error = "open".parse::<IncidentReportStatus>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"open\" is not a known IncidentReportStatus; known are auto_remediating, closed, \
             deleting, dismissed, draft, partner_dismissed, sent; to send it all the same, use \
             IncidentReportStatus::other"
        );
        assert_eq!(
            (error.value(), error.known()[0]),
            ("open", "auto_remediating")
        );
    }
}
