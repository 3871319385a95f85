//! The events of the webhooks: an enum with one variant for each of them.
//!
//! The payloads are records as those of a response are, in a module of their own, since a
//! program that hears of nothing need not have them. `src/webhooks/event.rs` decodes.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Ident;

use super::model::Event;
use super::syntax::pascal;

/// What the enum is called.
pub const EVENT: &str = "Event";
/// The variant for what is not known.
pub const UNKNOWN: &str = "Unknown";

/// `IncidentReportCreated` for `incident_report.created`.
pub fn variant(event: &Event) -> Ident {
    format_ident!("{}", pascal(&event.event_type))
}

/// The enum, and what makes one of the JSON that came.
pub fn emit(events: &[Event]) -> TokenStream {
    let name = format_ident!("{EVENT}");
    let unknown = format_ident!("{UNKNOWN}");
    let types: Vec<&str> = events
        .iter()
        .map(|event| event.event_type.as_str())
        .collect();
    let variants: Vec<Ident> = events.iter().map(variant).collect();
    let payloads = events
        .iter()
        .map(|event| format_ident!("{}", event.payload));
    let docs = events.iter().map(|event| {
        let Event {
            event_type,
            description,
            ..
        } = event;
        format!("`{event_type}`: {description}")
    });
    quote! {
        /// Something that happened, as a webhook tells of it.
        ///
        /// Its variants are those that this release knows; there will be more. The number of
        /// the record that it tells of is in its payload, with a type of its own, so that
        /// asking for the whole record is one step.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum #name {
            #(#[doc = #docs] #variants(#payloads),)*
            /// An event that this release does not know, one whose payload has no `id`, or one
            /// that is no JSON.
            #unknown {
                /// What it calls itself; empty where it does not say.
                event_type: ::std::string::String,
                /// All of it, as it came; text where it was no JSON.
                json: ::serde_json::Value,
            },
        }

        impl #name {
            /// What the API calls the event, as `incident_report.created`; empty where an
            /// unknown one does not say.
            pub fn event_type(&self) -> &str {
                match self {
                    #(Self::#variants(_) => #types,)*
                    Self::#unknown { event_type, .. } => event_type,
                }
            }

            /// Reads the payload of an event of this type; `None` where it is not known, or
            /// cannot be read.
            pub(crate) fn read(
                event_type: &str,
                json: &str,
            ) -> ::std::option::Option<crate::webhooks::event::Read> {
                use crate::webhooks::event::payload;
                match event_type {
                    #(#types => payload(#types, json, Self::#variants),)*
                    _ => None,
                }
            }
        }
    }
}
