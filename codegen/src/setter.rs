//! The setter of a value that need not be set, of a call or of a body.
//!
//! It takes anything that converts; a value that does not convert is kept as a problem and
//! makes the call fail before a request is sent.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Type};

use super::model::Limits;
use super::syntax::argument;

/// What a setter is made of.
pub struct Setter<'a> {
    pub name: &'a Ident,
    /// What a caller calls the value, in what is said about it.
    pub key: &'a str,
    pub doc: &'a str,
    /// The type of the value, without the `Option` around it.
    pub ty: &'a Type,
    pub limits: Limits,
    /// Where problems are kept: `self.problems`.
    pub problems: TokenStream,
    /// What is done with the value before it is kept.
    pub wrap: Option<TokenStream>,
}

impl Setter<'_> {
    /// The code.
    pub fn emit(&self) -> TokenStream {
        let Self {
            name,
            key,
            doc,
            ty,
            problems,
            wrap,
            ..
        } = self;
        if let Some(item) = argument("Vec", ty) {
            return quote! {
                #[doc = #doc]
                pub fn #name<I>(mut self, values: I) -> Self
                where
                    I: ::std::iter::IntoIterator,
                    I::Item: ::std::convert::TryInto<#item, Error: ::std::fmt::Display>,
                {
                    self.#name = #problems.list(#key, values)#wrap;
                    self
                }
            };
        }
        let value = match self.limits.bounds() {
            Some((minimum, maximum)) => quote!(#problems.number(#key, value, #minimum, #maximum)),
            None => quote!(#problems.value(#key, value)),
        };
        quote! {
            #[doc = #doc]
            pub fn #name<V>(mut self, value: V) -> Self
            where
                V: ::std::convert::TryInto<#ty, Error: ::std::fmt::Display>,
            {
                self.#name = #value #wrap;
                self
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::syntax::{compact, ident};
    use super::*;

    #[track_caller]
    fn emitted(ty: &str, limits: Limits) -> String {
        compact(
            &Setter {
                name: &ident("f"),
                key: "f",
                doc: "The f.",
                ty: &syn::parse_str(ty).unwrap(),
                limits,
                problems: quote!(self.problems),
                wrap: None,
            }
            .emit(),
        )
    }

    #[test]
    fn a_limit_of_either_side_is_said_where_a_value_does_not_convert() {
        let of = |minimum, maximum| emitted("u32", Limits { minimum, maximum });
        assert!(of(None, None).contains(r#"self.f=self.problems.value("f",value);"#));
        for (minimum, maximum, range) in [
            (Some(1), Some(500), "1i64,500i64"),
            (Some(1), None, "1i64,9223372036854775807i64"),
            (None, Some(500), "-9223372036854775808i64,500i64"),
        ] {
            let code = of(minimum, maximum);
            assert!(
                code.contains(&format!(r#"self.problems.number("f",value,{range})"#)),
                "{code}"
            );
        }
    }

    #[test]
    fn a_list_is_taken_item_by_item() {
        let code = emitted("Vec<String>", Limits::default());
        assert!(
            code.contains(r#"self.f=self.problems.list("f",values);"#),
            "{code}"
        );
    }
}
