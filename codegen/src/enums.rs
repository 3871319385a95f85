//! Open enums: progenitor's closed ones are replaced by `open_enum!` (`src/open_enum.rs`),
//! which decodes a value it does not know as `Other` and parses strictly.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, ItemEnum, LitStr, Meta};

use super::syntax::ident;

/// The variants of an open enum, each with its value.
pub struct OpenEnum {
    pub name: Ident,
    pub doc: String,
    pub variants: Vec<(Ident, String)>,
    /// What the values mean, where we know it.
    docs: BTreeMap<String, String>,
}

impl OpenEnum {
    /// Reads progenitor's enum.
    pub fn read(item: &ItemEnum, doc: &str, docs: &BTreeMap<String, String>) -> Self {
        let variants = item.variants.iter().map(|variant| {
            let value = renamed(&variant.attrs).unwrap_or_else(|| variant.ident.to_string());
            // `Other` is the variant for what is not known.
            let name = if variant.ident == "Other" {
                ident("OtherValue")
            } else {
                variant.ident.clone()
            };
            (name, value)
        });
        Self {
            name: item.ident.clone(),
            doc: doc.to_owned(),
            variants: variants.collect(),
            docs: docs.clone(),
        }
    }

    /// The code.
    pub fn emit(&self) -> TokenStream {
        let Self { name, doc, .. } = self;
        let variants = self.variants.iter().map(|(variant, value)| {
            let doc = match self.docs.get(value) {
                Some(meaning) => format!("{meaning} In JSON: `{value}`."),
                None => format!("In JSON: `{value}`."),
            };
            quote!(#[doc = #doc] #variant = #value)
        });
        quote! {
            crate::open_enum::open_enum! {
                #[doc = #doc]
                pub enum #name { #(#variants,)* }
            }
        }
    }
}

/// The value of `#[serde(rename = "…")]`.
pub fn renamed(attributes: &[syn::Attribute]) -> Option<String> {
    let mut found = None;
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
    {
        if !matches!(attribute.meta, Meta::List(_)) {
            continue;
        }
        // Other serde options are passed over.
        let _ = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename") {
                found = Some(meta.value()?.parse::<LitStr>()?.value());
            } else if meta.input.peek(syn::Token![=]) {
                meta.value()?.parse::<syn::Expr>()?;
            }
            Ok(())
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn values_come_from_the_rename_and_other_is_kept_free() {
        let item: ItemEnum = parse_quote! {
            pub enum E { #[serde(rename = "a-b")] AB, Plain, #[serde(rename = "other")] Other }
        };
        let docs = BTreeMap::from([("a-b".to_owned(), "From a to b.".to_owned())]);
        let read = OpenEnum::read(&item, "An E.", &docs);
        let variants: Vec<_> = read
            .variants
            .iter()
            .map(|(n, v)| (n.to_string(), v.as_str()))
            .collect();
        assert_eq!(
            variants,
            [
                ("AB".to_owned(), "a-b"),
                ("Plain".to_owned(), "Plain"),
                ("OtherValue".to_owned(), "other")
            ]
        );
        let code = read.emit().to_string();
        for doc in ["From a to b. In JSON: `a-b`.", "\"In JSON: `other`.\""] {
            assert!(code.contains(doc), "{code}");
        }
    }
}
