//! Structs of the `types` module: progenitor's fields with our attributes.
//!
//! Received ones decode what the server is known to send (`src/lenient.rs`,
//! `src/timestamp.rs`) and can be made to fit what is not known (`src/fit.rs`); sent ones
//! can say an explicit null and have setters (`bodies.rs`).

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, ItemStruct, Type, parse_quote};

use super::enums::renamed;
use super::model::{Property, Schema};
use super::syntax::{argument, compact, ident, with_jiff};

/// One struct.
pub struct Struct {
    pub name: Ident,
    pub doc: String,
    pub sent: bool,
    pub received: bool,
    pub fields: Vec<Field>,
    /// The order of `new`'s arguments.
    order: Vec<String>,
    /// Of these fields one must be set.
    pub exactly_one: Vec<String>,
    /// Of these fields one may be set.
    pub at_most_one: Vec<String>,
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
    /// The name of a module in `src/lenient.rs`.
    pub decode: Option<String>,
    /// The list travels as one comma-separated value.
    pub comma_separated: bool,
    /// The values of its enum that it takes, where it does not take all.
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
            order: schema.required.clone(),
            exactly_one: schema.exactly_one.clone(),
            at_most_one: schema.at_most_one.clone(),
            fields: fields
                .collect::<Result<_, String>>()
                .map_err(|problem| format!("schema {}: {problem}", item.ident))?,
        })
    }

    /// The code.
    pub fn emit(&self) -> TokenStream {
        let Self { name, doc, .. } = self;
        let fields = self.fields.iter().map(|field| field.emit(self.received));
        let default = self.required().next().is_none().then(|| quote!(Default,));
        let problems = self.sent.then(|| {
            quote! {
                /// What is wrong with values that were set.
                #[serde(skip)]
                problems: crate::input::Problems,
            }
        });
        let new = self.emit_new();
        let record = self.received.then(|| self.emit_record());
        let deserialize = (!self.received).then(|| quote!(::serde::Deserialize,));
        quote! {
            #[doc = #doc]
            #[derive(Clone, Debug, #default PartialEq, #deserialize ::serde::Serialize)]
            #[non_exhaustive]
            pub struct #name { #(#fields)* #problems }

            #new

            #record
        }
    }

    /// What must be there, in the order of `new`'s arguments.
    pub fn required(&self) -> impl Iterator<Item = &Field> {
        let mut fields: Vec<_> = self
            .fields
            .iter()
            .filter(|field| field.presence == Presence::Required)
            .collect();
        fields.sort_by_key(|field| self.order.iter().position(|key| *key == field.key));
        fields.into_iter()
    }

    /// `new`, of what must be there.
    fn emit_new(&self) -> TokenStream {
        let Self { name, fields, .. } = self;
        let arguments = self.required().map(|field| {
            let (name, ty) = (&field.name, taken(&field.ty));
            quote!(#name: #ty)
        });
        let starts = fields.iter().map(|field| {
            let Field { name, ty, .. } = field;
            match field.presence {
                Presence::Required => {
                    let value = converted(name, ty);
                    quote!(#name: #value)
                }
                _ => quote!(#name: None),
            }
        });
        let doc = match self.required().next() {
            Some(_) => "A new one with what is required, and nothing else.",
            None => "A new one with nothing in it.",
        };
        let problems = self
            .sent
            .then(|| quote!(problems: crate::input::Problems::default(),));
        quote! {
            impl #name {
                #[doc = #doc]
                pub fn new(#(#arguments),*) -> Self {
                    Self { #(#starts,)* #problems }
                }
            }
        }
    }

    /// How it is read and made to fit.
    fn emit_record(&self) -> TokenStream {
        let name = &self.name;
        let fields = self.fields.iter().map(|field| {
            let Field {
                name, key, inner, ..
            } = field;
            let by = field.shapes().map(|shapes| {
                let shapes = ident(shapes);
                quote!(by crate::lenient::#shapes)
            });
            let how = ident(match field.presence {
                Presence::Required => "required",
                _ => "optional",
            });
            quote!(#name: #inner = #key, #how #by;)
        });
        let problems = self.sent.then(|| ident("problems"));
        quote!(crate::record::record! { #name { #(#fields)* } #problems })
    }
}

/// The type of an argument for a value of this type.
pub fn taken(ty: &Type) -> TokenStream {
    if is_plain(ty) {
        return quote!(#ty);
    }
    match argument("Vec", ty) {
        Some(item) => {
            quote!(impl ::std::iter::IntoIterator<Item = impl ::std::convert::Into<#item>>)
        }
        None => quote!(impl ::std::convert::Into<#ty>),
    }
}

/// The value of such an argument.
pub fn converted(name: &Ident, ty: &Type) -> TokenStream {
    if is_plain(ty) {
        return quote!(#name);
    }
    match argument("Vec", ty) {
        Some(_) => quote!(#name.into_iter().map(::std::convert::Into::into).collect()),
        None => quote!(#name.into()),
    }
}

/// A text, and the values that its place takes of its enum.
pub fn with_accepted(doc: &str, accepted: Option<&[String]>) -> String {
    let Some(accepted) = accepted else {
        return doc.to_owned();
    };
    let values: Vec<String> = accepted.iter().map(|value| format!("`{value}`")).collect();
    format!("{doc}\n\nHere it can be {}.", values.join(", "))
}

/// Numbers and the like: a literal could not be told from what else converts into them.
fn is_plain(ty: &Type) -> bool {
    let plain = [
        "i64",
        "i32",
        "u64",
        "u32",
        "f64",
        "bool",
        "::jiff::Timestamp",
        "::jiff::civil::Date",
    ];
    plain.contains(&compact(ty).as_str())
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
            comma_separated: property.comma_separated,
            accepted: property.accepted.clone().filter(|_| schema.sent),
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
        let default = (!received).then(|| quote!(default,));
        let optional = (self.presence != Presence::Required)
            .then(|| quote!(#default skip_serializing_if = "::std::option::Option::is_none",));
        let decode = (self.presence == Presence::Nullable)
            .then(|| quote!(deserialize_with = "crate::lenient::present",));
        let join = (self.comma_separated && self.presence == Presence::Optional)
            .then(|| quote!(serialize_with = "crate::lenient::join_by_commas",));
        let serde = quote!(#rename #optional #decode #join);
        let serde = (!serde.is_empty()).then(|| quote!(#[serde(#serde)]));
        quote!(#[doc = #doc] #serde pub #name: #ty,)
    }

    /// Its text, with the values that it takes.
    pub fn setter_doc(&self) -> String {
        with_accepted(&self.doc, self.accepted.as_deref())
    }

    /// The shapes that it comes in, if more than one: a module of `src/lenient.rs`.
    pub fn shapes(&self) -> Option<&str> {
        match &self.decode {
            None if self.comma_separated => Some("comma_separated"),
            decode => decode.as_deref(),
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
            comma_separated: false,
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
            required: Vec::new(),
            exactly_one: Vec::new(),
            at_most_one: Vec::new(),
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
        let flat = code.replace(char::is_whitespace, "");
        for field in [
            r#"id:i64="id",required;"#,
            r#"type_:::std::string::String="type",optional;"#,
            r#"seen_at:::jiff::Timestamp="seen_at",optional;"#,
        ] {
            assert!(flat.contains(field), "{field}: {code}");
        }
        assert!(!code.contains("Deserialize"), "{code}");
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
