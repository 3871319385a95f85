//! Structs of the `types` module: progenitor's fields with our attributes.
//!
//! Received ones decode what the server is known to send (`src/lenient.rs`,
//! `src/timestamp.rs`); sent ones can say an explicit null and get a builder
//! (`bodies.rs`).

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, ItemStruct, Type, parse_quote};

use super::enums::renamed;
use super::model::{Property, Schema};
use super::syntax::{argument, compact, with_jiff};

/// One struct.
pub struct Struct {
    pub name: Ident,
    pub doc: String,
    pub sent: bool,
    pub received: bool,
    pub fields: Vec<Field>,
}

/// One field.
pub struct Field {
    pub name: Ident,
    /// As it stands in JSON.
    pub key: String,
    pub doc: String,
    /// The whole type: `Option<T>`, `Option<Option<T>>` where null can be sent, or `T`.
    pub ty: Type,
    /// `T`.
    pub inner: Type,
    pub presence: Presence,
    pub decode: Option<String>,
    /// The values of its enum that it takes when it is sent, where it does not take all.
    pub accepted: Option<Vec<String>>,
    pub minimum: Option<i64>,
    pub maximum: Option<i64>,
    pub min_length: Option<i64>,
    pub max_length: Option<i64>,
}

/// Whether a field may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Required,
    Optional,
    /// Absent, null and a value are three things.
    Nullable,
}

impl Struct {
    /// Reads progenitor's struct.
    pub fn read(
        item: &ItemStruct,
        schema: &Schema,
        properties: &[Property],
    ) -> Result<Self, String> {
        let fields = item.fields.iter().map(|field| {
            let name = field.ident.clone().ok_or("a field without a name")?;
            let key = renamed(&field.attrs).unwrap_or_else(|| name.to_string());
            let property = properties
                .iter()
                .find(|property| property.name == key)
                .ok_or_else(|| format!("the field {key} is no property"))?;
            Ok(Field::read(name, with_jiff(&field.ty), property, schema))
        });
        Ok(Self {
            name: item.ident.clone(),
            doc: schema.description.clone(),
            sent: schema.sent,
            received: schema.received,
            fields: fields
                .collect::<Result<_, String>>()
                .map_err(|problem| format!("schema {}: {problem}", item.ident))?,
        })
    }

    /// The code.
    pub fn emit(&self) -> TokenStream {
        let Self { name, doc, .. } = self;
        let fields = self.fields.iter().map(|field| field.emit(self.received));
        let defaultable = self
            .fields
            .iter()
            .all(|field| field.presence != Presence::Required);
        let default = defaultable.then(|| quote!(Default,));
        quote! {
            #[doc = #doc]
            #[derive(Clone, Debug, #default PartialEq, ::serde::Deserialize, ::serde::Serialize)]
            #[non_exhaustive]
            pub struct #name { #(#fields)* }
        }
    }
}

impl Field {
    fn read(name: Ident, ty: Type, property: &Property, schema: &Schema) -> Self {
        let (inner, presence) = match argument("Option", &ty) {
            None if property.required => (ty.clone(), Presence::Required),
            // Lists and maps: typify takes an absent one for an empty one. Sent, an empty
            // list erases what is there, and an absent one leaves it alone.
            None => (ty.clone(), Presence::Optional),
            Some(inner) if property.nullable && !schema.received => {
                (inner.clone(), Presence::Nullable)
            }
            Some(inner) => (inner.clone(), Presence::Optional),
        };
        let ty = match presence {
            Presence::Nullable => {
                parse_quote!(::std::option::Option<::std::option::Option<#inner>>)
            }
            Presence::Optional => parse_quote!(::std::option::Option<#inner>),
            Presence::Required => ty,
        };
        Self {
            key: property.name.clone(),
            doc: property.description.clone(),
            decode: property.decode.clone(),
            accepted: property.accepted.clone().filter(|_| !schema.received),
            minimum: property.minimum,
            maximum: property.maximum,
            min_length: property.min_length,
            max_length: property.max_length,
            name,
            ty,
            inner,
            presence,
        }
    }

    fn emit(&self, received: bool) -> TokenStream {
        let Self {
            name, doc, ty, key, ..
        } = self;
        let rename = (name != key).then(|| quote!(rename = #key,));
        let optional = (self.presence != Presence::Required).then(|| {
            quote!(
                default,
                skip_serializing_if = "::std::option::Option::is_none",
            )
        });
        let decode = self
            .decoder(received)
            .map(|path| quote!(deserialize_with = #path,));
        let serde = quote!(#rename #optional #decode);
        let serde = (!serde.is_empty()).then(|| quote!(#[serde(#serde)]));
        quote!(#[doc = #doc] #serde pub #name: #ty,)
    }

    fn decoder(&self, received: bool) -> Option<String> {
        if self.presence == Presence::Nullable {
            return Some("crate::lenient::present".to_owned());
        }
        if !received {
            return None;
        }
        if let Some(decode) = &self.decode {
            return Some(format!("crate::lenient::{decode}"));
        }
        match (compact(&self.inner).as_str(), self.presence) {
            ("::jiff::Timestamp", Presence::Optional) => {
                Some("crate::timestamp::optional".to_owned())
            }
            ("::jiff::Timestamp", _) => Some("crate::timestamp::required".to_owned()),
            ("i64", Presence::Required) => Some("crate::lenient::id".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Kind;
    use super::*;

    fn property(name: &str, nullable: bool) -> Property {
        Property {
            name: name.to_owned(),
            description: format!("The {name}."),
            required: name == "id",
            nullable,
            decode: None,
            accepted: None,
            minimum: None,
            maximum: None,
            min_length: None,
            max_length: None,
        }
    }

    #[track_caller]
    fn emitted(received: bool) -> String {
        let schema = Schema {
            description: "A T.".to_owned(),
            kind: Kind::Union,
            sent: !received,
            received,
        };
        let item: ItemStruct = parse_quote! {
            pub struct T {
                pub id: i64,
                #[serde(rename = "type", skip_serializing_if = "x")]
                pub type_: ::std::option::Option<::std::string::String>,
                pub seen_at: ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
                pub tags: ::std::vec::Vec<::std::string::String>,
            }
        };
        let properties = [
            property("id", false),
            property("type", true),
            property("seen_at", false),
            property("tags", false),
        ];
        let read = Struct::read(&item, &schema, &properties).unwrap();
        prettyplease::unparse(&syn::parse2(read.emit()).unwrap())
    }

    #[test]
    fn a_received_struct_is_lenient() {
        let code = emitted(true);
        assert!(
            code.contains(r#"deserialize_with = "crate::lenient::id""#),
            "{code}"
        );
        assert!(
            code.contains(r#"deserialize_with = "crate::timestamp::optional""#),
            "{code}"
        );
        assert!(
            code.contains("pub type_: ::std::option::Option<::std::string::String>"),
            "{code}"
        );
        assert!(code.contains(r#"rename = "type""#), "{code}");
    }

    #[test]
    fn a_sent_struct_can_say_null_where_the_document_allows_it() {
        let code = emitted(false);
        let flat = code.replace(char::is_whitespace, "");
        assert!(
            flat.contains("pubtype_:::std::option::Option<::std::option::Option<"),
            "{code}"
        );
        assert!(
            code.contains(r#"deserialize_with = "crate::lenient::present""#),
            "{code}"
        );
        assert!(!code.contains("timestamp::"), "{code}");
        let tags = "pub tags: ::std::option::Option<::std::vec::Vec<";
        assert!(code.contains(tags), "{code}");
    }
}
