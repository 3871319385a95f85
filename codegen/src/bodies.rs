//! Setters and checks of what is sent.
//!
//! `types::IsolateAgent::new().reason("…")` is handed to a call as it is. A setter takes
//! anything that converts; a value that does not, or one outside its limits, is kept as a
//! problem and makes the call fail before a request is sent.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::structs::{Field, Presence, Struct};
use super::syntax::{argument, compact};

/// `impl T { setters, check() }` for a sent struct, to stand in `types`.
pub fn emit(body: &Struct, sent: &[&Struct]) -> TokenStream {
    let name = &body.name;
    let setters = body
        .fields
        .iter()
        .filter(|field| field.presence != Presence::Required)
        .map(setter);
    let checks = body.fields.iter().filter_map(|field| check(field, sent));
    let one_of = |fields: &[String], or_none: bool| {
        let fields = fields.iter().map(|key| {
            let name = &body.fields.iter().find(|field| field.key == *key)?.name;
            Some(quote!((#key, self.#name.is_some())))
        });
        let fields: Vec<_> = fields.flatten().collect();
        (!fields.is_empty()).then(|| quote!(problems.exactly_one(&[#(#fields),*], #or_none);))
    };
    let exactly_one = one_of(&body.exactly_one, false);
    let at_most_one = one_of(&body.at_most_one, true);
    quote! {
        impl #name {
            #(#setters)*

            pub(crate) fn check(&self, problems: &mut crate::input::Problems) {
                problems.extend(&self.problems);
                #(#checks)*
                #exactly_one
                #at_most_one
            }
        }
    }
}

fn setter(field: &Field) -> TokenStream {
    let Field { name, key, .. } = field;
    let doc = field.setter_doc();
    let nullable = field.presence == Presence::Nullable;
    let wrap = nullable.then(|| quote!(.map(Some)));
    let clear = nullable.then(|| {
        let clear = format_ident!("clear_{name}");
        let doc = format!("Sends an explicit null for `{key}`, which erases it.");
        quote! {
            #[doc = #doc]
            pub fn #clear(mut self) -> Self {
                self.#name = Some(None);
                self
            }
        }
    });
    let setter = match argument("Vec", &field.inner) {
        Some(item) => quote! {
            pub fn #name<I>(mut self, values: I) -> Self
            where
                I: ::std::iter::IntoIterator,
                I::Item: ::std::convert::TryInto<#item, Error: ::std::fmt::Display>,
            {
                self.#name = self.problems.list(#key, values)#wrap;
                self
            }
        },
        None => {
            let inner = &field.inner;
            let value = match field.minimum {
                Some(minimum) => {
                    let maximum = field.maximum.unwrap_or(i64::MAX);
                    quote!(self.problems.number(#key, value, #minimum, #maximum))
                }
                None => quote!(self.problems.value(#key, value)),
            };
            quote! {
                pub fn #name<V>(mut self, value: V) -> Self
                where
                    V: ::std::convert::TryInto<#inner, Error: ::std::fmt::Display>,
                {
                    self.#name = #value #wrap;
                    self
                }
            }
        }
    };
    quote!(#[doc = #doc] #setter #clear)
}

fn check(field: &Field, sent: &[&Struct]) -> Option<TokenStream> {
    let Field { name, key, .. } = field;
    let value = match field.presence {
        Presence::Required => quote!(Some(&self.#name)),
        Presence::Optional => quote!(self.#name.as_ref()),
        Presence::Nullable => quote!(self.#name.iter().flatten().next()),
    };
    if let (Some(minimum), maximum) = (field.minimum, field.maximum.unwrap_or(i64::MAX)) {
        return Some(quote!(problems.in_range(#key, #value.copied(), #minimum, #maximum);));
    }
    if field.min_length.is_some() || field.max_length.is_some() {
        let minimum = usize::try_from(field.min_length.unwrap_or(0)).unwrap_or(0);
        let maximum = field
            .max_length
            .map_or(usize::MAX, |m| usize::try_from(m).unwrap_or(usize::MAX));
        return Some(quote!(problems.length(#key, #value, #minimum, #maximum);));
    }
    let item = argument("Vec", &field.inner);
    let each = match item {
        Some(_) => quote!(for value in #value.into_iter().flatten()),
        None => quote!(for value in #value.into_iter()),
    };
    let item = item.unwrap_or(&field.inner);
    if let Some(accepted) = &field.accepted {
        return Some(quote! {
            #each {
                problems.accepted(#key, value.as_str(), #item::KNOWN, &[#(#accepted),*]);
            }
        });
    }
    let nested = sent.iter().any(|body| body.name == compact(item));
    nested.then(|| quote!(#each { value.check(problems); }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::{Type, parse_quote};

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
            comma_separated: false,
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

    #[test]
    fn a_place_that_takes_only_some_values_checks_them() {
        let mut some = field(Presence::Optional, parse_quote!(::std::vec::Vec<Severity>));
        assert!(check(&some, &[]).is_none());
        some.accepted = Some(vec!["low".to_owned()]);
        let code = compact(&check(&some, &[]).unwrap());
        assert!(
            code.contains(r#"problems.accepted("f",value.as_str(),Severity::KNOWN,&["low"])"#),
            "{code}"
        );
        assert_eq!(some.setter_doc(), "The f.\n\nHere it can be `low`.");
    }
}
