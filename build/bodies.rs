//! Builders and checks of what is sent.
//!
//! `types::IsolateAgent::builder().reason("…")` can be handed to a call's `body` as it
//! is. A setter takes anything that converts; a value that does not, a required one that
//! is missing, or one outside its limits makes the call fail before a request is sent.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Type;

use super::structs::{Field, Presence, Struct};
use super::syntax::{argument, compact};

/// `impl T { builder(), check() }` for a sent struct, to stand in `types`.
pub fn emit_type(body: &Struct, sent: &[&Struct]) -> TokenStream {
    let name = &body.name;
    let checks: Vec<_> = body
        .fields
        .iter()
        .filter_map(|field| check(field, sent))
        .collect();
    quote! {
        impl #name {
            /// Starts to build one.
            pub fn builder() -> builder::#name {
                builder::#name::default()
            }

            pub(crate) fn check(&self) -> ::std::result::Result<(), ::std::string::String> {
                #(#checks)*
                Ok(())
            }
        }
    }
}

/// The builder, to stand in `types::builder`.
pub fn emit_builder(body: &Struct) -> TokenStream {
    let name = &body.name;
    let doc = format!("Builds a [`{name}`](super::{name}).");
    let fields = body.fields.iter().map(|field| {
        let (name, ty) = (&field.name, in_builder(&field.ty));
        quote!(#name: ::std::result::Result<#ty, ::std::string::String>)
    });
    let starts = body.fields.iter().map(|field| {
        let (name, key) = (&field.name, &field.key);
        match field.presence {
            Presence::Required => quote!(#name: crate::input::missing(#key)),
            _ => quote!(#name: Ok(None)),
        }
    });
    let setters = body.fields.iter().map(setter);
    let names: Vec<_> = body.fields.iter().map(|field| &field.name).collect();
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug)]
        #[must_use = "a builder does nothing until it is handed to a call"]
        pub struct #name { #(#fields,)* }

        impl ::std::default::Default for #name {
            fn default() -> Self {
                Self { #(#starts,)* }
            }
        }

        impl #name { #(#setters)* }

        impl ::std::convert::TryFrom<#name> for super::#name {
            type Error = crate::InvalidValue;

            fn try_from(builder: #name) -> ::std::result::Result<Self, crate::InvalidValue> {
                let value = Self { #(#names: builder.#names?,)* };
                value.check()?;
                Ok(value)
            }
        }
    }
}

fn setter(field: &Field) -> TokenStream {
    let Field { name, key, doc, .. } = field;
    let wrap = |value: TokenStream| match field.presence {
        Presence::Required => value,
        Presence::Optional => quote!(#value.map(Some)),
        Presence::Nullable => quote!(#value.map(|value| Some(Some(value)))),
    };
    let clear = (field.presence == Presence::Nullable).then(|| {
        let clear = format_ident!("clear_{name}");
        let doc = format!("Sends an explicit null for `{key}`, which erases it.");
        quote! {
            #[doc = #doc]
            pub fn #clear(mut self) -> Self {
                self.#name = Ok(Some(None));
                self
            }
        }
    });
    let setter = match argument("Vec", &field.inner) {
        Some(item) => {
            let item = in_builder(item);
            let value = wrap(quote!(crate::input::list(#key, values)));
            quote! {
                pub fn #name<I>(mut self, values: I) -> Self
                where
                    I: ::std::iter::IntoIterator,
                    I::Item: ::std::convert::TryInto<#item, Error: ::std::fmt::Display>,
                {
                    self.#name = #value;
                    self
                }
            }
        }
        None => {
            let inner = in_builder(&field.inner);
            let value = wrap(quote!(crate::input::value(#key, value)));
            quote! {
                pub fn #name<V>(mut self, value: V) -> Self
                where
                    V: ::std::convert::TryInto<#inner, Error: ::std::fmt::Display>,
                {
                    self.#name = #value;
                    self
                }
            }
        }
    };
    quote!(#[doc = #doc] #setter #clear)
}

/// A type of `types` as it is written in `types::builder`.
fn in_builder(ty: &Type) -> Type {
    use syn::visit_mut::{VisitMut, visit_type_path_mut};
    struct Super;
    impl VisitMut for Super {
        fn visit_type_path_mut(&mut self, path: &mut syn::TypePath) {
            visit_type_path_mut(self, path);
            let local = path.path.leading_colon.is_none() && path.path.segments.len() == 1;
            let name = path.path.segments[0].ident.to_string();
            if local && name.starts_with(char::is_uppercase) {
                path.path.segments.insert(0, syn::parse_quote!(super));
            }
        }
    }
    let mut ty = ty.clone();
    Super.visit_type_mut(&mut ty);
    ty
}

fn check(field: &Field, sent: &[&Struct]) -> Option<TokenStream> {
    let Field { name, key, .. } = field;
    let value = match field.presence {
        Presence::Required => quote!(Some(&self.#name)),
        Presence::Optional => quote!(self.#name.as_ref()),
        Presence::Nullable => quote!(self.#name.iter().flatten().next()),
    };
    if let (Some(minimum), maximum) = (field.minimum, field.maximum.unwrap_or(i64::MAX)) {
        return Some(quote!(crate::input::in_range(#key, #value.copied(), #minimum, #maximum)?;));
    }
    if field.min_length.is_some() || field.max_length.is_some() {
        let minimum = usize::try_from(field.min_length.unwrap_or(0)).unwrap_or(0);
        let maximum = field
            .max_length
            .map_or(usize::MAX, |m| usize::try_from(m).unwrap_or(usize::MAX));
        return Some(quote!(crate::input::length(#key, #value, #minimum, #maximum)?;));
    }
    let nested = sent.iter().any(|body| body.name == compact(&field.inner));
    nested.then(|| quote!(if let Some(inner) = #value { inner.check()?; }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    fn field(presence: Presence, inner: Type) -> Field {
        let ty = match presence {
            Presence::Required => inner.clone(),
            Presence::Optional => parse_quote!(Option<#inner>),
            Presence::Nullable => parse_quote!(Option<Option<#inner>>),
        };
        Field {
            name: super::super::syntax::ident("f"),
            key: "f".to_owned(),
            doc: "The f.".to_owned(),
            ty,
            inner,
            presence,
            decode: None,
            accepted: None,
            minimum: None,
            maximum: None,
            min_length: None,
            max_length: None,
        }
    }

    #[test]
    fn only_a_nullable_field_can_be_cleared() {
        let nullable = setter(&field(Presence::Nullable, parse_quote!(String))).to_string();
        assert!(nullable.contains("fn clear_f"));
        let optional = setter(&field(Presence::Optional, parse_quote!(String))).to_string();
        assert!(!optional.contains("fn clear_f"));
    }

    #[test]
    fn our_types_are_one_module_up_and_foreign_ones_where_they_are() {
        let ty = parse_quote!(::std::vec::Vec<Product>);
        assert_eq!(compact(&in_builder(&ty)), "::std::vec::Vec<super::Product>");
        assert_eq!(compact(&in_builder(&parse_quote!(bool))), "bool");
    }

    #[test]
    fn limits_are_checked_in_the_check() {
        let mut limited = field(Presence::Optional, parse_quote!(u32));
        assert!(check(&limited, &[]).is_none());
        limited.minimum = Some(1);
        assert!(
            check(&limited, &[])
                .unwrap()
                .to_string()
                .contains("in_range")
        );
        let mut long = field(Presence::Required, parse_quote!(String));
        long.max_length = Some(256);
        assert!(check(&long, &[]).unwrap().to_string().contains("length"));
    }
}
