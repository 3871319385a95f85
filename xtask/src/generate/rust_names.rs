//! What the names of the document are called in Rust.
//!
//! progenitor and typify make an identifier of any text: what no identifier can have
//! separates words, what could not begin one gets a prefix, and a keyword gets a `_`.

use heck::{ToPascalCase as _, ToSnakeCase as _};

/// The field of a property: `account_id` for `accountId`.
pub fn field(property: &str) -> String {
    identifier(property, str::to_snake_case, "x")
}

/// The argument or setter of a parameter.
pub fn argument(parameter: &str) -> String {
    identifier(parameter, str::to_snake_case, "_")
}

/// The variant of an enum's value. `Other` is the variant for what is not known.
pub fn variant(value: &str) -> String {
    match identifier(value, str::to_pascal_case, "X") {
        other if other == "Other" => "OtherValue".to_owned(),
        name => name,
    }
}

/// The type of a component.
pub fn ty(component: &str) -> String {
    identifier(component, str::to_pascal_case, "X")
}

fn identifier(text: &str, cased: fn(&str) -> String, prefix: &str) -> String {
    let name = match text {
        "+1" => "plus1".to_owned(),
        "-1" => "minus1".to_owned(),
        text => {
            let text = text.replace('\'', "");
            cased(&text.replace(|c| !unicode_ident::is_xid_continue(c), "-"))
        }
    };
    let name = match name.chars().next() {
        None => cased("x"),
        Some(first) if unicode_ident::is_xid_start(first) => name,
        Some(_) => format!("{prefix}{name}"),
    };
    // typify knows a keyword of the next edition.
    if name != "gen" && syn::parse_str::<syn::Ident>(&name).is_ok() {
        name
    } else {
        name + "_"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_progenitor_and_typify_make_them() {
        for (property, name) in [
            ("accountId", "account_id"),
            ("a b", "a_b"),
            ("$(id)", "id"),
            ("Self", "self_"),
            ("type", "type_"),
            ("type_", "type_"),
            ("gen", "gen_"),
            ("1st", "x1st"),
            ("-1", "minus1"),
            ("", "x"),
            ("größe", "größe"),
        ] {
            assert_eq!(field(property), name, "{property:?}");
        }
        assert_eq!(argument("1st"), "_1st");
        assert_eq!(ty("VPNList"), "VpnList");
        assert_eq!(ty("self"), "Self_");
        assert_eq!(variant("other"), "OtherValue");
        assert_eq!(variant("\\"), "X");
    }
}
