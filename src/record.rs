//! Records: what is received, field by field.
//!
//! The generated code states the fields of each record once, and [`record`] makes of it how
//! the record is read by serde and how it is made to fit (`fit.rs`). serde's own derive is
//! not used, since it takes a list for a record, field by field in the order of their
//! declaration: an empty list would be a record with nothing in it.
//!
//! Keys that are not known are passed over, and of a key that comes twice the last counts.

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error};
use serde_json::Value;

use crate::fit::Fit;

/// A field that need not be there, as its type reads it.
pub(crate) struct Field<T>(pub(crate) Option<T>);

impl<'de, T: Fit> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(Self)
    }
}

/// A field in one of several shapes, after one was made of them.
pub(crate) fn reshaped<T: DeserializeOwned, E: Error>(
    value: Value,
    reshape: fn(Value) -> Value,
) -> Result<Option<T>, E> {
    match value {
        Value::Null => Ok(None),
        value => serde_json::from_value(reshape(value))
            .map(Some)
            .map_err(E::custom),
    }
}

/// Declares how a record is read and made to fit:
/// `record! { Agent { id: AgentId = "id", required; os: String = "os", optional; } }`.
///
/// A field that comes in several shapes is `optional by` the function that makes one of
/// them; `{ … } problems` is for a record that is sent, too.
macro_rules! record {
    ($name:ident { $($field:ident: $ty:ty = $key:literal, $how:ident $(by $reshape:path)?;)* } $($problems:ident)?) => {
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                #[allow(non_camel_case_types)]
                enum Key { $($field,)* Unknown }

                impl<'de> ::serde::Deserialize<'de> for Key {
                    fn deserialize<D: ::serde::Deserializer<'de>>(
                        deserializer: D,
                    ) -> ::std::result::Result<Self, D::Error> {
                        struct Name;
                        impl ::serde::de::Visitor<'_> for Name {
                            type Value = Key;

                            #[inline]
                            fn expecting(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                                f.write_str("a key")
                            }

                            fn visit_str<E>(self, name: &str) -> ::std::result::Result<Key, E> {
                                Ok(match name { $($key => Key::$field,)* _ => Key::Unknown })
                            }
                        }
                        deserializer.deserialize_identifier(Name)
                    }
                }

                struct Record;
                impl<'de> ::serde::de::Visitor<'de> for Record {
                    type Value = $name;

                    #[inline]
                    fn expecting(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                        f.write_str("an object")
                    }

                    #[allow(bindings_with_variant_name)]
                    fn visit_map<A: ::serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> ::std::result::Result<$name, A::Error> {
                        $(let mut $field: ::std::option::Option<$ty> = None;)*
                        while let Some(key) = map.next_key::<Key>()? {
                            match key {
                                $(Key::$field => {
                                    $field = crate::record::record!(@read map, $how $(by $reshape)?);
                                })*
                                Key::Unknown => drop(map.next_value::<::serde::de::IgnoredAny>()?),
                            }
                        }
                        Ok($name {
                            $($field: crate::record::record!(@end $field, $key, $how),)*
                            $($problems: ::std::default::Default::default(),)?
                        })
                    }
                }
                deserializer.deserialize_map(Record)
            }
        }

        impl crate::fit::Fit for $name {
            #[allow(unused_mut, unused_variables)]
            #[inline]
            fn fit(
                value: &mut ::serde_json::Value,
                odd: &mut crate::fit::Odd,
            ) -> ::std::result::Result<(), crate::fit::Misfit> {
                let mut fields = crate::fit::Fields::of(value, odd)?;
                $(
                    $(fields.reshape($key, $reshape);)?
                    crate::record::record!(@fit fields, $key, $ty, $how);
                )*
                Ok(())
            }
        }
    };
    (@read $map:ident, required) => { Some($map.next_value()?) };
    (@read $map:ident, optional) => { $map.next_value::<crate::record::Field<_>>()?.0 };
    (@read $map:ident, optional by $reshape:path) => {
        crate::record::reshaped($map.next_value()?, $reshape)?
    };
    (@end $field:ident, $key:literal, required) => {
        $field.ok_or_else(|| ::serde::de::Error::missing_field($key))?
    };
    (@end $field:ident, $key:literal, optional) => { $field };
    (@fit $fields:ident, $key:literal, $ty:ty, required) => { $fields.required::<$ty>($key)? };
    (@fit $fields:ident, $key:literal, $ty:ty, optional) => { $fields.optional::<$ty>($key) };
}
pub(crate) use record;
