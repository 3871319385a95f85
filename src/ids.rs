//! Ids as types, so that an incident's id cannot isolate an agent.
//!
//! Each is a 64-bit integer that knows what it is the id of. It is made from an `i64` or
//! parsed from digits, and in JSON it is the number alone (a string of digits is read, too):
//!
//! ```
//! use huntress::types::AgentId;
//!
//! let id = AgentId::from(42);
//! assert_eq!(Ok(id), "42".parse());
//! assert_eq!((id.get(), id.to_string()), (42, "42".to_owned()));
//! assert!(id == 42);
//! ```
//!
//! An id of something else is refused by the compiler, and so is a call without its id:
//!
//! ```compile_fail,E0277
//! # async fn f(client: huntress::Client, incident: huntress::types::IncidentReport) {
//! # let body = huntress::types::IsolateAgent::new();
//! client.isolate_agent(incident.id, body).send().await;
//! # }
//! ```
//!
//! ```compile_fail,E0061
//! # async fn f(client: huntress::Client) {
//! client.get_agent().send().await;
//! # }
//! ```

/// Declares one id type; the generated code calls it for each kind of id.
macro_rules! id_type {
    ($(#[$doc:meta])* pub struct $name:ident;) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// The number.
            #[inline]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl ::std::convert::From<i64> for $name {
            #[inline]
            fn from(id: i64) -> Self {
                Self(id)
            }
        }

        impl ::std::convert::From<$name> for i64 {
            #[inline]
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl ::std::cmp::PartialEq<i64> for $name {
            #[inline]
            fn eq(&self, number: &i64) -> bool {
                self.0 == *number
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = ::std::num::ParseIntError;

            #[inline]
            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl ::std::fmt::Display for $name {
            #[inline]
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                crate::lenient::id(deserializer).map(Self)
            }
        }

        impl crate::fit::Fit for $name {
            #[inline]
            fn fit(
                value: &mut ::serde_json::Value,
                odd: &mut crate::fit::Odd,
            ) -> ::std::result::Result<(), crate::fit::Misfit> {
                <i64 as crate::fit::Fit>::fit(value, odd)
            }
        }
    };
}
pub(crate) use id_type;
