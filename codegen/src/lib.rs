//! `spec/openapi.json` to the generated client.
//!
//! 1. [`model`] — the facts of the document that the passes need
//! 2. [`view`] — the document as progenitor should see it
//! 3. [`bindings`] — progenitor
//! 4. one pass over its output: [`enums`], [`structs`], [`bodies`], [`operations`],
//!    [`events`]; bodies and operations have the same kind of [`setter`]
//! 5. [`links`] — what the docs name becomes a link
//! 6. [`inline`], so that users compile what they call
//!
//! [`unique`] refuses two things of one name. [`extensions`] lists the keys of ours in the
//! document. [`surface`] says what users of the crate see, for the snapshots and for drift.
//!
//! `build.rs` of `huntress` and `xtask` use this; it is not published.

pub mod bindings;
pub mod bodies;
pub mod enums;
pub mod events;
pub mod extensions;
pub mod inline;
pub mod links;
pub mod model;
pub mod operations;
pub mod setter;
pub mod structs;
pub mod surface;
pub mod syntax;
pub mod unique;
pub mod view;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, ItemEnum};

use enums::OpenEnum;
use model::{Contract, Event, Kind, Model};
use operations::Operation;
use structs::Struct;

/// Everything that is generated, before it becomes text.
pub struct Code<'a> {
    pub contract: &'a Contract,
    tags: &'a [String],
    pub events: &'a [Event],
    pub operations: Vec<Operation<'a>>,
    pub structs: Vec<Struct<'a>>,
    pub enums: Vec<OpenEnum>,
    pub unions: Vec<ItemEnum>,
    /// Name and text.
    pub ids: Vec<(syn::Ident, String)>,
}

/// Parses the document; the error says where it is broken.
pub fn parse(openapi: &str) -> Result<(serde_json::Value, Model), String> {
    let document = serde_json::from_str(openapi).map_err(|error| format!("not JSON: {error}"))?;
    let model = Model::read(&document)?;
    Ok((document, model))
}

/// Runs progenitor and reads its output.
pub fn code<'a>(document: &serde_json::Value, model: &'a Model) -> Result<Code<'a>, String> {
    let raw = bindings::run_progenitor(&view::view(document, model))?;
    let mut code = Code {
        contract: &model.contract,
        tags: &model.tags,
        events: &model.events,
        operations: operations::read(&raw, model)?,
        structs: Vec::new(),
        enums: Vec::new(),
        unions: Vec::new(),
        ids: Vec::new(),
    };
    for item in syntax::module(&raw.items, "types")? {
        let name = match item {
            Item::Struct(item) => item.ident.to_string(),
            Item::Enum(item) => item.ident.to_string(),
            _ => continue,
        };
        let schema = model.schemas.get(&name);
        let schema = schema
            .ok_or_else(|| format!("progenitor made the type {name}, which is not a schema"))?;
        match (item, &schema.kind) {
            (Item::Struct(item), Kind::Object(properties)) => {
                code.structs.push(Struct::read(item, schema, properties)?);
            }
            (Item::Struct(item), Kind::Id) => {
                code.ids
                    .push((item.ident.clone(), schema.description.clone()));
            }
            (Item::Enum(item), Kind::Enum(docs)) => {
                code.enums
                    .push(OpenEnum::read(item, &schema.description, docs));
            }
            (Item::Enum(item), Kind::Union) => code.unions.push(union(item, &schema.description)),
            _ => {
                return Err(format!(
                    "schema {name}: progenitor made another kind of type of it"
                ));
            }
        }
    }
    unique::check(&code)?;
    Ok(code)
}

/// A union takes any JSON in the end, so that a new form is no error.
fn union(item: &ItemEnum, doc: &str) -> ItemEnum {
    let (name, variants) = (&item.ident, &item.variants);
    let variants = variants.iter().map(|variant| {
        let doc = format!("Sent as {}.", variant.ident.to_string().to_lowercase());
        quote!(#[doc = #doc] #variant)
    });
    syn::parse_quote! {
        #[doc = #doc]
        #[derive(Clone, Debug, PartialEq, ::serde::Deserialize, ::serde::Serialize)]
        #[serde(untagged)]
        #[non_exhaustive]
        pub enum #name {
            #(#variants,)*
            /// In a form that this version does not know, as it came.
            Other(::serde_json::Value),
        }
    }
}

impl Code<'_> {
    fn emit_events(&self, payloads: &[&Struct]) -> TokenStream {
        let payloads = payloads.iter().map(|ty| ty.emit());
        let event = events::emit(self.events);
        quote! {
            /// What webhooks tell of. Generated from the vendor's document.
            #[cfg(feature = "webhooks")]
            pub mod events {
                use super::types::*;

                #event

                #(#payloads)*
            }
        }
    }

    /// The whole module as formatted Rust.
    pub fn render(&self) -> Result<String, String> {
        let enums = self.enums.iter().map(OpenEnum::emit);
        let (of_events, structs): (Vec<_>, Vec<_>) =
            self.structs.iter().partition(|ty| ty.schema.of_events);
        let structs = structs.into_iter().map(Struct::emit);
        let events = (!self.events.is_empty()).then(|| self.emit_events(&of_events));
        let unions = &self.unions;
        let union_names: Vec<_> = unions.iter().map(|union| &union.ident).collect();
        let ids = self
            .ids
            .iter()
            .map(|(name, doc)| quote!(crate::ids::id_type! { #[doc = #doc] pub struct #name; }));
        let sent: Vec<&Struct> = self.structs.iter().filter(|ty| ty.schema.sent).collect();
        let bodies = sent.iter().map(|ty| bodies::emit(ty, &sent));
        let calls = self.operations.iter().map(Operation::emit);
        let groups = self.tags.iter().map(|tag| {
            let of_group = |operation: &&Operation| operation.facts.tag == *tag;
            let of_group = self.operations.iter().filter(of_group);
            let client = of_group.clone().map(Operation::emit_client_method);
            let account: Vec<_> = of_group
                .filter_map(Operation::emit_account_method)
                .collect();
            let heading = match tag.as_str() {
                "" => "# Others".to_owned(),
                tag => format!("# {tag}"),
            };
            let account = (!account.is_empty())
                .then(|| quote!(#[doc = #heading] impl crate::AccountClient { #(#account)* }));
            quote!(#[doc = #heading] impl crate::Client { #(#client)* } #account)
        });
        let in_order = self.tags.iter().flat_map(|tag| {
            let operations = self.operations.iter();
            operations.filter(move |operation| operation.facts.tag == *tag)
        });
        let shared = in_order.filter_map(Operation::emit_shared_method);
        let Contract {
            captured,
            taken_over,
            digest,
        } = self.contract;
        let captured = match captured {
            Some(captured) => quote!(::std::option::Option::Some(#captured)),
            None => quote!(::std::option::Option::None),
        };
        let file = quote! {
            /// The vendor's document that this crate was generated from.
            pub const API_CONTRACT: crate::ApiContract = crate::ApiContract {
                captured: #captured,
                taken_over: #taken_over,
                digest: #digest,
            };

            /// What is sent and received. Generated from the vendor's document.
            ///
            /// Records are received: their fields are public, and `new` makes one of what
            /// must be there, for tests. Bodies are sent: they have a setter for each field.
            /// Ids and enums are types of their own.
            pub mod types {
                #(#structs)*
                #(#unions)*
                #(#enums)*
                #(#ids)*
                #(#bodies)*

                crate::fit::fit_anything!(#(#union_names),*);
            }

            #events

            /// One builder for each operation. Generated from the vendor's document.
            ///
            /// Each has a setter for every parameter that may be left out, the options that
            /// all calls have (`timeout`, `deadline`, `retry`, `header`, `query`), and `send`;
            /// awaiting it does what `send` does. Lists have `stream` and `pages`.
            pub mod calls {
                use super::types;
                use crate::call::{Call, Prepare, Ready};
                use crate::client::Client;
                use crate::envelope::Envelope;
                use crate::error::Error;
                use crate::operation::Operation;
                use crate::pagination::List;
                use crate::retry::Access;
                use http::Method;

                #(#calls)*
            }

            #(#groups)*

            /// The operations that an own account and a managed one have in common.
            ///
            /// [`Client`](crate::Client) and [`AccountClient`](crate::AccountClient) have
            /// these methods themselves; the trait lets one function serve both, and nobody
            /// else can implement it:
            ///
            /// ```no_run
            /// use huntress::{AccountOperations, Client, Error};
            ///
            /// async fn hosts(account: &impl AccountOperations) -> Result<usize, Error> {
            ///     Ok(account.list_agents().stream().collect_all().await?.items.len())
            /// }
            ///
            /// # async fn f(client: Client) -> Result<(), Error> {
            /// println!("{} and {}", hosts(&client).await?, hosts(&client.for_account(7)).await?);
            /// # Ok(())
            /// # }
            /// ```
            pub trait AccountOperations: crate::account::sealed::Scope { #(#shared)* }

            impl AccountOperations for crate::Client {}

            impl AccountOperations for crate::AccountClient {}
        };
        let mut file = syn::parse2(file)
            .map_err(|error| format!("the generated code does not parse: {error}"))?;
        links::link(&mut file);
        inline::inline(&mut file);
        let code = prettyplease::unparse(&file);
        Ok(format!(
            "// Generated from the vendor's document. Changes get lost.\n\n{code}"
        ))
    }
}
