//! Small helpers over `syn` types.

use proc_macro2::Span;
use quote::ToTokens;
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{GenericArgument, Ident, Item, PathArguments, Type, parse_quote};

/// The items of the module `name`.
pub fn module<'a>(items: &'a [Item], name: &str) -> Result<&'a [Item], String> {
    items
        .iter()
        .find_map(|item| match item {
            Item::Mod(module) if module.ident == name => {
                Some(module.content.as_ref()?.1.as_slice())
            }
            _ => None,
        })
        .ok_or_else(|| format!("progenitor made no module `{name}`"))
}

/// `T` of `outer<T, …>`, whatever path leads to `outer`.
pub fn argument<'a>(outer: &str, ty: &'a Type) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(inner) if last.ident == outer => Some(inner),
        _ => None,
    }
}

/// An identifier; keywords and the like are the caller's business.
pub fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

/// `list_agents` as `ListAgents`; anything but ASCII letters and digits separates words.
pub fn pascal(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(|word| word[..1].to_uppercase() + &word[1..])
        .collect()
}

/// Nothing or one thing, as a list: `#( )*` repeats over a list and not over an `Option`.
pub fn at_most_one<T>(thing: Option<T>) -> Vec<T> {
    thing.into_iter().collect()
}

/// chrono's types, which typify writes for dates, become jiff's.
pub fn with_jiff(ty: &Type) -> Type {
    struct Dates;
    impl VisitMut for Dates {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            match compact(ty).as_str() {
                "::chrono::DateTime<::chrono::offset::Utc>" => {
                    *ty = parse_quote!(::jiff::Timestamp)
                }
                "::chrono::naive::NaiveDate" => *ty = parse_quote!(::jiff::civil::Date),
                _ => visit_type_mut(self, ty),
            }
        }
    }
    let mut ty = ty.clone();
    Dates.visit_type_mut(&mut ty);
    ty
}

/// Tokens as text without spaces.
pub fn compact(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string().replace(' ', "")
}

/// A type as a reader would write it: without the paths of the standard library.
pub fn readable(ty: &Type) -> String {
    let mut text = compact(ty);
    for prefix in [
        "::std::string::",
        "::std::option::",
        "::std::vec::",
        "::std::collections::",
        "::serde_json::",
        "::jiff::",
        "super::",
        "types::",
    ] {
        text = text.replace(prefix, "");
    }
    text.replace(',', ", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_jiff_wherever_they_stand() {
        let ty = parse_quote!(::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>);
        assert_eq!(readable(&with_jiff(&ty)), "Option<Timestamp>");
        let ty = parse_quote!(Vec<::chrono::naive::NaiveDate>);
        assert_eq!(readable(&with_jiff(&ty)), "Vec<civil::Date>");
    }

    #[test]
    fn argument_takes_the_first_argument_of_the_named_type_only() {
        let ty: Type = parse_quote!(Result<Option<u32>, String>);
        let inner = argument("Result", &ty).unwrap();
        assert_eq!(compact(inner), "Option<u32>");
        assert!(argument("Vec", inner).is_none());
    }
}
