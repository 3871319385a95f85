//! Setters and checks of what is sent.
//!
//! `types::IsolateAgent::new().reason("…")` is handed to a call as it is. What a setter could
//! not convert, and a value outside its limits, makes the call fail before a request is sent.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::setter::Setter;
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
            let name = &body.fields.iter().find(|field| field.key() == key)?.name;
            Some(quote!((#key, self.#name.is_some())))
        });
        let fields: Vec<_> = fields.flatten().collect();
        (!fields.is_empty()).then(|| quote!(problems.exactly_one(&[#(#fields),*], #or_none);))
    };
    let exactly_one = one_of(&body.schema.exactly_one, false);
    let at_most_one = one_of(&body.schema.at_most_one, true);
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
    let (name, key) = (&field.name, field.key());
    let nullable = field.presence == Presence::Nullable;
    let setter = Setter {
        name,
        key,
        doc: &field.setter_doc(),
        ty: &field.inner,
        limits: field.property.limits,
        problems: quote!(self.problems),
        wrap: nullable.then(|| quote!(.map(Some))),
    };
    let setter = setter.emit();
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
    quote!(#setter #clear)
}

fn check(field: &Field, sent: &[&Struct]) -> Option<TokenStream> {
    let (name, key, property) = (&field.name, field.key(), field.property);
    let value = match field.presence {
        Presence::Required => quote!(Some(&self.#name)),
        Presence::Optional => quote!(self.#name.as_ref()),
        Presence::Nullable => quote!(self.#name.iter().flatten().next()),
    };
    if let Some((minimum, maximum)) = property.limits.bounds() {
        return Some(quote!(problems.in_range(#key, #value.copied(), #minimum, #maximum);));
    }
    let is_text = compact(&field.inner) == "::std::string::String";
    if is_text && (property.min_length.is_some() || property.max_length.is_some()) {
        let minimum = usize::try_from(property.min_length.unwrap_or(0)).unwrap_or(0);
        let maximum = property
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
    if let Some(accepted) = field.accepted() {
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
    use super::super::model::{Limits, Property};
    use super::*;
    use syn::{Type, parse_quote};

    fn property() -> Property {
        Property {
            name: "f".to_owned(),
            description: "The f.".to_owned(),
            required: false,
            nullable: false,
            decode: None,
            comma_separated: false,
            accepted: None,
            limits: Limits::default(),
            min_length: None,
            max_length: None,
        }
    }

    fn field(property: &Property, presence: Presence, inner: Type) -> Field<'_> {
        let ty = match presence {
            Presence::Required => inner.clone(),
            Presence::Optional => parse_quote!(Option<#inner>),
            Presence::Nullable => parse_quote!(Option<Option<#inner>>),
        };
        Field {
            name: super::super::syntax::ident("f"),
            property,
            sent: true,
            ty,
            inner,
            presence,
        }
    }

    /// The check of an optional field.
    fn checked(property: &Property, inner: Type) -> Option<String> {
        let check = check(&field(property, Presence::Optional, inner), &[])?;
        Some(compact(&check))
    }

    #[test]
    fn only_a_nullable_field_can_be_cleared() {
        let property = property();
        let code = |presence| setter(&field(&property, presence, parse_quote!(String))).to_string();
        assert!(code(Presence::Nullable).contains("fn clear_f"));
        assert!(!code(Presence::Optional).contains("fn clear_f"));
    }

    #[test]
    fn a_limit_of_either_side_is_checked() {
        let of = |minimum, maximum| {
            let mut property = property();
            property.limits = Limits { minimum, maximum };
            checked(&property, parse_quote!(i64))
        };
        assert_eq!(of(None, None), None);
        for (minimum, maximum, range) in [
            (Some(1), None, "1i64,9223372036854775807i64"),
            (None, Some(9), "-9223372036854775808i64,9i64"),
        ] {
            let code = of(minimum, maximum).unwrap();
            let check = format!(r#"problems.in_range("f",self.f.as_ref().copied(),{range});"#);
            assert_eq!(code, check);
        }
    }

    #[test]
    fn a_length_is_checked_of_a_text_and_of_nothing_else() {
        let mut long = property();
        long.max_length = Some(256);
        let code = checked(&long, parse_quote!(::std::string::String)).unwrap();
        assert!(code.contains("length"), "{code}");
        assert_eq!(checked(&long, parse_quote!(::jiff::Timestamp)), None);
    }

    #[test]
    fn a_place_that_takes_only_some_values_checks_them() {
        let severities = || parse_quote!(::std::vec::Vec<Severity>);
        let mut some = property();
        assert_eq!(checked(&some, severities()), None);
        some.accepted = Some(vec!["low".to_owned()]);
        let code = checked(&some, severities()).unwrap();
        assert!(
            code.contains(r#"problems.accepted("f",value.as_str(),Severity::KNOWN,&["low"])"#),
            "{code}"
        );
        let some = field(&some, Presence::Optional, severities());
        assert_eq!(some.setter_doc(), "The f.\n\nHere it can be `low`.");
    }
}
