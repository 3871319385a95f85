//! Links in the docs: a backticked word that names something becomes a link to it.
//!
//! This runs over the finished module, so a link leads only to what is there. A word is
//! looked for in the closest place first: among the values of the enum that stands here,
//! then the fields of the same type or the setters of the same call, then the fields of what
//! the call sends and returns, and last among all operations, types and `Type.field`.
//!
//! In the docs of a field that is an `Option`, the document's `null` becomes `None`.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Expr, ExprLit, Fields, File, Ident, ImplItem, ImplItemFn, Item, ItemEnum,
    ItemStruct, Lit, Meta, Signature, TraitItem,
};

use super::enums::renamed;
use super::syntax::{argument, compact};

/// From what the document calls something to the path of its docs.
type Members = BTreeMap<String, String>;

const NOTHING: Option<Ident> = None;

/// What can be linked to.
#[derive(Default)]
struct Names {
    operations: BTreeSet<String>,
    enums: BTreeSet<String>,
    /// The fields or variants of each type.
    types: BTreeMap<String, Members>,
    /// The types that are not in `crate::types` but with the events.
    of_events: BTreeSet<String>,
    /// The setters of each call.
    calls: BTreeMap<String, Members>,
    /// The types that each call sends and returns.
    exchanged: BTreeMap<String, Vec<String>>,
}

/// Where a text stands.
#[derive(Default)]
struct Place<'a> {
    /// What it is about, which needs no link.
    own: String,
    /// Where a word is looked for, the closest first.
    scopes: Vec<&'a Members>,
    /// It is about a field that is an `Option`.
    optional: bool,
}

/// Rewrites the docs of the generated module.
pub fn link(file: &mut File) {
    let names = Names::read(file);
    for item in &mut file.items {
        match item {
            Item::Mod(module) => {
                let types = module.ident != "calls";
                for item in module.content.iter_mut().flat_map(|(_, items)| items) {
                    if types {
                        names.link_type(item);
                    } else {
                        names.link_call(item);
                    }
                }
            }
            Item::Impl(item) => {
                for method in methods(&mut item.items) {
                    names.link_operation(&mut method.attrs, &method.sig);
                }
            }
            Item::Trait(item) => {
                for item in &mut item.items {
                    if let TraitItem::Fn(method) = item {
                        names.link_operation(&mut method.attrs, &method.sig);
                    }
                }
            }
            _ => {}
        }
    }
}

impl Names {
    fn read(file: &File) -> Self {
        let mut names = Self::default();
        for item in &file.items {
            match item {
                Item::Mod(module) => {
                    for item in module.content.iter().flat_map(|(_, items)| items) {
                        match module.ident.to_string().as_str() {
                            "types" => names.read_type(item, "crate::types"),
                            "events" => names.read_event(item),
                            _ => names.read_call(item),
                        }
                    }
                }
                Item::Impl(item) if item.trait_.is_none() => {
                    let methods = public_methods(&item.items);
                    names.operations.extend(methods.map(|(name, _)| name));
                }
                _ => {}
            }
        }
        names
    }

    fn read_event(&mut self, item: &Item) {
        if let Item::Struct(ItemStruct { ident, .. }) | Item::Enum(ItemEnum { ident, .. }) = item {
            self.of_events.insert(ident.to_string());
        }
        self.read_type(item, "crate::webhooks");
    }

    fn read_type(&mut self, item: &Item, home: &str) {
        match item {
            Item::Struct(item) => {
                let ty = item.ident.to_string();
                let fields = item.fields.iter().filter_map(|field| {
                    let name = field.ident.as_ref()?.to_string();
                    let key = renamed(&field.attrs).unwrap_or_else(|| name.clone());
                    Some((key, format!("field@{home}::{ty}::{name}")))
                });
                self.types.insert(ty.clone(), fields.collect());
            }
            // A setter is what a caller uses of what is sent.
            Item::Impl(item) if item.trait_.is_none() => {
                let Some(fields) = self.types.get_mut(&compact(&item.self_ty)) else {
                    return;
                };
                for (name, _) in public_methods(&item.items) {
                    let field = format!("::{name}");
                    for path in fields.values_mut().filter(|path| path.ends_with(&field)) {
                        *path = path.replacen("field@", "method@", 1);
                    }
                }
            }
            Item::Enum(item) => drop(self.types.insert(item.ident.to_string(), Members::new())),
            Item::Macro(item) => match syn::parse2(item.mac.tokens.clone()) {
                Ok(Item::Enum(item)) => {
                    let values = item.variants.iter().filter_map(|variant| {
                        let value = text_of(&variant.discriminant.as_ref()?.1)?;
                        let path = format!("{home}::{}::{}", item.ident, variant.ident);
                        Some((value, path))
                    });
                    self.types.insert(item.ident.to_string(), values.collect());
                    self.enums.insert(item.ident.to_string());
                }
                Ok(item @ Item::Struct(_)) => self.read_type(&item, home),
                _ => {}
            },
            _ => {}
        }
    }

    fn read_call(&mut self, item: &Item) {
        let (call, exchanged) = match item {
            Item::Impl(item) if item.trait_.is_none() => {
                let call = compact(&item.self_ty);
                let setters = public_methods(&item.items).map(|(name, _)| {
                    let path = format!("method@crate::calls::{call}::{name}");
                    (name, path)
                });
                self.calls.insert(call.clone(), setters.collect());
                return;
            }
            Item::Struct(item) => {
                let body = item
                    .fields
                    .iter()
                    .find(|field| field.ident.as_ref().is_some_and(|name| name == "body"));
                (item.ident.to_string(), body.map(|body| words(&body.ty)))
            }
            // How it is sent, and what comes back.
            Item::Macro(item) => {
                let mut words = words(&item.mac.tokens).into_iter();
                let Some(call) = words.next() else { return };
                (call, Some(words.collect()))
            }
            _ => return,
        };
        let exchanged = exchanged.into_iter().flatten();
        let exchanged = exchanged.filter(|word| self.types.contains_key(word));
        self.exchanged.entry(call).or_default().extend(exchanged);
    }

    fn link_type(&self, item: &mut Item) {
        match item {
            Item::Struct(item) => self.link_struct(item),
            Item::Enum(item) => self.link_enum(item),
            Item::Impl(item) => {
                let own = self.types.get(&compact(&item.self_ty));
                for ImplItemFn { attrs, sig, .. } in methods(&mut item.items) {
                    self.link_attributes(attrs, &self.place_of(&sig.ident, &sig, own));
                }
            }
            Item::Macro(item) => {
                let mut inner = match syn::parse2(item.mac.tokens.clone()) {
                    Ok(inner @ (Item::Enum(_) | Item::Struct(_))) => inner,
                    _ => return,
                };
                self.link_type(&mut inner);
                item.mac.tokens = inner.into_token_stream();
            }
            _ => {}
        }
    }

    fn link_struct(&self, item: &mut ItemStruct) {
        let own = self.types.get(&item.ident.to_string());
        self.link_attributes(&mut item.attrs, &self.place_of(&item.ident, &NOTHING, own));
        let Fields::Named(fields) = &mut item.fields else {
            return;
        };
        for field in &mut fields.named {
            let place = Place {
                optional: argument("Option", &field.ty)
                    .is_some_and(|inner| argument("Option", inner).is_none()),
                ..self.place_of(&field.ident, &field.ty, own)
            };
            self.link_attributes(&mut field.attrs, &place);
        }
    }

    fn link_enum(&self, item: &mut ItemEnum) {
        let own = self.types.get(&item.ident.to_string());
        self.link_attributes(&mut item.attrs, &self.place_of(&item.ident, &NOTHING, own));
        for variant in &mut item.variants {
            let value = variant.discriminant.as_ref();
            let value = value
                .and_then(|(_, value)| text_of(value))
                .unwrap_or_default();
            let place = Place {
                own: value,
                ..self.place_of(&NOTHING, &NOTHING, own)
            };
            self.link_attributes(&mut variant.attrs, &place);
        }
    }

    fn link_call(&self, item: &mut Item) {
        let Item::Impl(item) = item else { return };
        let own = self.calls.get(&compact(&item.self_ty));
        for ImplItemFn { attrs, sig, .. } in methods(&mut item.items) {
            self.link_attributes(attrs, &self.place_of(&sig.ident, &sig, own));
        }
    }

    fn link_operation(&self, attributes: &mut [Attribute], signature: &Signature) {
        let call = words(&signature.output).pop().unwrap_or_default();
        let mut place = self.place_of(&signature.ident, &NOTHING, self.calls.get(&call));
        let exchanged = self.exchanged.get(&call).into_iter().flatten();
        place.scopes.extend(exchanged.map(|ty| &self.types[ty]));
        self.link_attributes(attributes, &place);
    }

    /// The place of something of this name and type, beside these members.
    fn place_of<'a>(
        &'a self,
        own: &impl ToTokens,
        ty: &impl ToTokens,
        members: Option<&'a Members>,
    ) -> Place<'a> {
        let enums = words(ty)
            .into_iter()
            .filter(|word| self.enums.contains(word));
        let enums: Vec<_> = enums.map(|word| &self.types[&word]).collect();
        Place {
            own: compact(own).trim_end_matches('_').to_owned(),
            scopes: enums.into_iter().chain(members).collect(),
            optional: false,
        }
    }

    fn link_attributes(&self, attributes: &mut [Attribute], place: &Place) {
        for attribute in attributes {
            let Meta::NameValue(meta) = &mut attribute.meta else {
                continue;
            };
            if meta.path.is_ident("doc")
                && let Some(text) = text_of(&meta.value)
            {
                let text = self.linked(&text, place);
                meta.value = syn::parse_quote!(#text);
            }
        }
    }

    fn linked(&self, text: &str, place: &Place) -> String {
        if text.contains("```") {
            return text.to_owned();
        }
        let mut linked = String::new();
        // Every second part stands between backticks.
        for (index, part) in text.split('`').enumerate() {
            if index % 2 == 0 {
                linked.push_str(part);
                continue;
            }
            match self.path(part, place).filter(|_| !linked.ends_with('[')) {
                Some(path) => linked.push_str(&format!("[`{part}`]({path})")),
                None if part == "null" && place.optional => linked.push_str("`None`"),
                None => linked.push_str(&format!("`{part}`")),
            }
        }
        linked
    }

    fn path(&self, word: &str, place: &Place) -> Option<String> {
        if word == place.own {
            return None;
        }
        if let Some(path) = place.scopes.iter().find_map(|members| members.get(word)) {
            return Some(path.clone());
        }
        if self.operations.contains(word) {
            return Some(format!("crate::Client::{word}"));
        }
        match word.split_once('.') {
            Some((ty, field)) => self.types.get(ty)?.get(field).cloned(),
            None => {
                let known = self.types.contains_key(word);
                let of_events = self.of_events.contains(word);
                let home = if of_events { "webhooks" } else { "types" };
                known.then(|| format!("crate::{home}::{word}"))
            }
        }
    }
}

fn methods(items: &mut [ImplItem]) -> impl Iterator<Item = &mut ImplItemFn> {
    items.iter_mut().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(method),
        _ => None,
    })
}

fn public_methods(items: &[ImplItem]) -> impl Iterator<Item = (String, &ImplItemFn)> {
    items.iter().filter_map(|item| match item {
        ImplItem::Fn(method) if matches!(method.vis, syn::Visibility::Public(_)) => {
            Some((method.sig.ident.to_string(), method))
        }
        _ => None,
    })
}

fn text_of(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.value()),
        _ => None,
    }
}

/// Every identifier of some code, in its order.
fn words(code: &impl ToTokens) -> Vec<String> {
    let mut found = Vec::new();
    collect_words(code.to_token_stream(), &mut found);
    found
}

fn collect_words(tokens: TokenStream, found: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => found.push(ident.to_string()),
            TokenTree::Group(group) => collect_words(group.stream(), found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    /// A module with one of each, and these docs on the operation, field and setter.
    #[track_caller]
    fn docs(operation: &str, field: &str, setter: &str) -> String {
        let mut file: File = parse_quote! {
            pub mod types {
                #[doc = "A `Thing` has a `state`."]
                pub struct Thing {
                    #[doc = #field]
                    pub state: ::std::option::Option<types::State>,
                    #[serde(rename = "type")]
                    pub type_: String,
                }
                crate::open_enum::open_enum! {
                    #[doc = "Either `on` or `gone`."]
                    pub enum State { #[doc = "In JSON: `on`."] On = "on", }
                }
            }
            pub mod calls {
                pub struct ListThings { call: Call }
                impl ListThings {
                    #[doc = #setter]
                    pub fn state<V: TryInto<types::State>>(self, value: V) -> Self {}
                    pub fn limit<V>(self, value: V) -> Self {}
                }
                crate::options::sends_page!(ListThings, "GET /", types::Thing, "things", "");
            }
            impl crate::Client {
                #[doc = #operation]
                pub fn list_things(&self) -> calls::ListThings {}
            }
        };
        link(&mut file);
        let docs: Vec<String> = prettyplease::unparse(&file)
            .lines()
            .filter_map(|line| line.trim().strip_prefix("///").map(str::to_owned))
            .collect();
        let text = compact(&file);
        assert!(
            text.contains(r#""Either[`on`](crate::types::State::On)or`gone`.""#),
            "{text}"
        );
        assert!(text.contains(r#""InJSON:`on`.""#), "{text}");
        docs.join("\n")
    }

    #[test]
    fn a_word_leads_to_the_closest_that_has_its_name() {
        let docs = docs(
            "By `limit` and `type`, as `list_things` does; see [`State`](x) and `Thing.type`.",
            "`on` or `type`, and `null` while `state` is nothing.",
            "`on`, like `limit`; `null` is `State`.",
        );
        assert_eq!(
            docs,
            "A `Thing` has a [`state`](field@crate::types::Thing::state).\n\
             [`on`](crate::types::State::On) or [`type`](field@crate::types::Thing::type_), \
             and `None` while `state` is nothing.\n\
             [`on`](crate::types::State::On), like [`limit`](method@crate::calls::ListThings::limit); \
             `null` is [`State`](crate::types::State).\n\
             By [`limit`](method@crate::calls::ListThings::limit) and \
             [`type`](field@crate::types::Thing::type_), as `list_things` does; see [`State`](x) \
             and [`Thing.type`](field@crate::types::Thing::type_)."
        );
    }
}
