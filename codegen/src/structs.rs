//! Structs of the `types` module: progenitor's fields with our attributes.
//!
//! Received ones decode what the server is known to send (`src/lenient.rs`,
//! `src/timestamp.rs`) and can be made to fit what is not known (`src/fit.rs`); sent ones
//! can say an explicit null and have setters (`bodies.rs`).

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Ident, ItemStruct, Type, parse_quote};

use super::enums::renamed;
use super::model::{Property, Schema};
use super::syntax::{argument, compact, ident, with_jiff};

/// A struct of progenitor's, with the schema that it was made of.
pub struct Struct<'a> {
    pub name: Ident,
    pub schema: &'a Schema,
    pub fields: Vec<Field<'a>>,
}

/// A field, with the property that it was made of.
pub struct Field<'a> {
    pub name: Ident,
    pub property: &'a Property,
    /// Whether it is one of a body.
    pub sent: bool,
    /// The whole type: `Option<T>`, `Option<Option<T>>` where null can be sent, or `T`.
    pub ty: Type,
    /// `T`.
    pub inner: Type,
    pub presence: Presence,
}

/// What a body also has; a field of such a name gets a `_`.
const OF_EVERY_BODY: [&str; 3] = ["check", "new", "problems"];

/// Whether a field may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Required,
    Optional,
    /// Absent, null and a value are three things.
    Nullable,
}

impl<'a> Struct<'a> {
    /// Reads progenitor's struct.
    pub fn read(
        item: &ItemStruct,
        schema: &'a Schema,
        properties: &'a [Property],
    ) -> Result<Self, String> {
        let by_name: BTreeMap<&str, &Property> = properties
            .iter()
            .map(|property| (property.name.as_str(), property))
            .collect();
        let fields = item.fields.iter().map(|field| {
            let name = field.ident.clone().ok_or("a field without a name")?;
            let key = renamed(&field.attrs).unwrap_or_else(|| name.to_string());
            let property = by_name.get(key.as_str()).copied();
            let property = property.ok_or_else(|| format!("the field {key} is not a property"))?;
            Ok(Field::read(name, with_jiff(&field.ty), property, schema))
        });
        Ok(Self {
            name: item.ident.clone(),
            schema,
            fields: fields
                .collect::<Result<_, String>>()
                .map_err(|problem| format!("schema {}: {problem}", item.ident))?,
        })
    }

    /// The code.
    pub fn emit(&self) -> TokenStream {
        let Self { name, schema, .. } = self;
        let doc = &schema.description;
        let fields = self.fields.iter().map(|field| field.emit(schema.received));
        let default = self.required().next().is_none().then(|| quote!(Default,));
        let problems = schema.sent.then(|| {
            quote! {
                /// What is wrong with values that were set.
                #[serde(skip)]
                problems: crate::input::Problems,
            }
        });
        let new = self.emit_new();
        let record = schema.received.then(|| self.emit_record());
        let deserialize = (!schema.received).then(|| quote!(::serde::Deserialize,));
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
    pub fn required(&self) -> impl Iterator<Item = &Field<'a>> {
        let mut fields: Vec<_> = self
            .fields
            .iter()
            .filter(|field| field.presence == Presence::Required)
            .collect();
        let order = self.schema.required.iter().map(String::as_str).zip(0..);
        let order: BTreeMap<&str, usize> = order.collect();
        fields.sort_by_key(|field| order.get(field.key()));
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
        let sent = self.schema.sent;
        let problems = sent.then(|| quote!(problems: crate::input::Problems::default(),));
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
            let Field { name, inner, .. } = field;
            let key = field.key();
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
        let problems = self.schema.sent.then(|| ident("problems"));
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

/// Numbers and the like: of a literal the compiler could not say which type it is of.
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

impl<'a> Field<'a> {
    fn read(name: Ident, ty: Type, property: &'a Property, schema: &Schema) -> Self {
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
        let taken = schema.sent && OF_EVERY_BODY.iter().any(|taken| name == taken);
        Self {
            sent: schema.sent,
            property,
            name: if taken {
                format_ident!("{name}_")
            } else {
                name
            },
            ty,
            inner,
            presence,
        }
    }

    /// As it stands in JSON.
    pub fn key(&self) -> &'a str {
        &self.property.name
    }

    /// The values of its enum that it takes when it is sent, where it does not take all.
    pub fn accepted(&self) -> Option<&'a [String]> {
        self.property.accepted.as_deref().filter(|_| self.sent)
    }

    fn emit(&self, received: bool) -> TokenStream {
        let Self { name, ty, .. } = self;
        let (key, doc) = (self.key(), &self.property.description);
        let rename = (name != key).then(|| quote!(rename = #key,));
        let default = (!received).then(|| quote!(default,));
        let optional = (self.presence != Presence::Required)
            .then(|| quote!(#default skip_serializing_if = "::std::option::Option::is_none",));
        let decode = (self.presence == Presence::Nullable)
            .then(|| quote!(deserialize_with = "crate::lenient::present",));
        let join = (self.property.comma_separated && self.presence == Presence::Optional)
            .then(|| quote!(serialize_with = "crate::lenient::join_by_commas",));
        let serde = quote!(#rename #optional #decode #join);
        let serde = (!serde.is_empty()).then(|| quote!(#[serde(#serde)]));
        quote!(#[doc = #doc] #serde pub #name: #ty,)
    }

    /// Its text, with the values that it takes.
    pub fn setter_doc(&self) -> String {
        with_accepted(&self.property.description, self.accepted())
    }

    /// The shapes that it comes in, if more than one: a module of `src/lenient.rs`.
    pub fn shapes(&self) -> Option<&'a str> {
        match &self.property.decode {
            None if self.property.comma_separated => Some("comma_separated"),
            decode => decode.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::{Kind, Limits};
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
            limits: Limits::default(),
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
            of_events: false,
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
