//! Operations: progenitor's request building inside our builders.
//!
//! Of progenitor's `send` we keep what it is best at: the URL, the query, the body. Ours
//! are the setters (errors that say what was wrong, lists from any iterator), the checks
//! of limits, the account scope, the decoding and the error type.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{
    Expr, FnArg, Ident, ImplItem, ImplItemFn, Item, ItemImpl, LitStr, Local, Pat, ReturnType, Stmt,
    Token, Type,
};

use super::model::{self, Envelope, Model, PageToken, Parameter};
use super::syntax::{argument, compact, ident, module, pascal, with_jiff};

/// One operation, ready to be emitted.
pub struct Operation<'a> {
    pub facts: &'a model::Operation,
    pub name: Ident,
    pub fields: Vec<Field<'a>>,
    /// What `send` returns.
    pub returns: Type,
    url: Expr,
    request: Expr,
}

/// One parameter.
pub struct Field<'a> {
    pub name: Ident,
    pub ty: Type,
    pub parameter: &'a Parameter,
}

/// Finds every operation of the model in progenitor's output.
pub fn read<'a>(raw: &syn::File, model: &'a Model) -> Result<Vec<Operation<'a>>, String> {
    let items = module(&raw.items, "builder")?;
    let sends: BTreeMap<String, &ImplItemFn> = items
        .iter()
        .filter_map(|item| match item {
            Item::Impl(item) => send_of(item).and_then(|send| Some((operation_id(send)?, send))),
            _ => None,
        })
        .collect();
    model
        .operations
        .values()
        .map(|facts| {
            let send = sends.get(&facts.id).copied();
            send.ok_or("progenitor made no builder for it".to_owned())
                .and_then(|send| Operation::read(items, send, facts))
                .map_err(|problem| format!("operation {}: {problem}", facts.id))
        })
        .collect()
}

/// The operation that a `send` says it is of, in what it gives to the hooks.
fn operation_id(send: &ImplItemFn) -> Option<String> {
    let text = compact(send);
    let (_, rest) = text.split_once("operation_id:\"")?;
    let (id, _) = rest.split_once('"')?;
    Some(id.to_owned())
}

impl<'a> Operation<'a> {
    fn read(
        items: &[Item],
        send: &ImplItemFn,
        facts: &'a model::Operation,
    ) -> Result<Self, String> {
        let name = ident(&pascal(&facts.id));
        let fields = parameters(items, &name, facts)?;
        let url = statement(send, "url").ok_or("its `send` makes no `url`")?;
        let request = statement(send, "request").ok_or("its `send` makes no `request`")?;
        Ok(Self {
            returns: returned(send, &facts.envelope)?,
            url: scoped_url(url, facts)?,
            request: our_request(request, facts)?,
            facts,
            name,
            fields,
        })
    }

    /// The builder, to stand in the module `builder`.
    pub fn emit(&self) -> TokenStream {
        let Self {
            name,
            facts,
            returns,
            url,
            request,
            ..
        } = self;
        let doc = format!("Builder of [`{id}`](crate::Client::{id}).", id = facts.id);
        let (id, method, path) = (&facts.id, &facts.method, &facts.path);
        let account = facts
            .account_scope
            .then(|| ident("account_id"))
            .into_iter()
            .collect::<Vec<_>>();
        let names: Vec<_> = self.fields.iter().map(|field| &field.name).collect();
        let types = self.fields.iter().map(|field| {
            let ty = &field.ty;
            if field.parameter.required {
                quote!(#ty)
            } else {
                quote!(::std::option::Option<#ty>)
            }
        });
        let starts = self.fields.iter().map(|field| {
            let key = &field.parameter.name;
            if field.parameter.required {
                quote!(crate::input::missing(#key))
            } else {
                quote!(Ok(None))
            }
        });
        let body = facts
            .body
            .as_deref()
            .map(ident)
            .into_iter()
            .collect::<Vec<_>>();
        let body_field: Vec<_> = body.iter().map(|_| ident("body")).collect();
        let setters = self.fields.iter().map(setter);
        let checks = self.fields.iter().filter_map(check);
        let body_checks = body_field
            .iter()
            .map(|body| quote!(#body.check().map_err(|problem| operation.refuse(problem))?;));
        let decode = decoder(&facts.envelope);
        let send_doc = format!("Sends `{method} {path}`.");
        let list = self.emit_list();
        let access = ident(match (facts.reads, &*facts.method) {
            (true, "GET") => "Read",
            (true, _) => "Query",
            (false, _) => "Write",
        });
        let retry_writes: Vec<_> = (!facts.reads)
            .then(|| ident("retry_writes"))
            .into_iter()
            .collect();
        quote! {
            #[doc = #doc]
            #[derive(Clone, Debug)]
            #[must_use = "a call does nothing until it is sent"]
            pub struct #name {
                client: Client,
                #(#account: ::std::option::Option<i64>,)*
                #(#retry_writes: bool,)*
                #(#names: ::std::result::Result<#types, ::std::string::String>,)*
                #(#body_field: ::std::result::Result<types::#body, ::std::string::String>,)*
            }

            impl #name {
                pub(crate) const OPERATION: Operation =
                    Operation::new(#id, Access::#access, #method, #path);

                pub(crate) fn new(client: &Client #(, #account: ::std::option::Option<i64>)*) -> Self {
                    Self {
                        client: client.clone(),
                        #(#account,)*
                        #(#retry_writes: false,)*
                        #(#names: #starts,)*
                        #(#body_field: types::#body::builder().try_into().map_err(crate::InvalidValue::into_text),)*
                    }
                }

                #(#setters)*

                #(
                    /// The request body: a value or a builder of it.
                    pub fn body<V>(mut self, value: V) -> Self
                    where
                        V: ::std::convert::TryInto<types::#body, Error: ::std::fmt::Display>,
                    {
                        self.body = value.try_into().map_err(|problem| problem.to_string());
                        self
                    }
                )*

                #(
                    /// Sends this write again like a read, also when nobody knows whether the
                    /// first one took effect: after a time-out, a broken connection or a
                    /// server error. Only for a write that does no harm when it is done twice;
                    /// see [`RetryPolicy`](crate::RetryPolicy).
                    pub fn #retry_writes(mut self) -> Self {
                        self.#retry_writes = true;
                        self
                    }
                )*

                fn request(self) -> ::std::result::Result<(Operation, ::reqwest::Request), Error> {
                    let Self { client, #(#account,)* #(#retry_writes,)* #(#names,)* #(#body_field,)* } = self;
                    let operation = Self::OPERATION
                        #(.for_account(#account))* #(.with_retries(#retry_writes))*;
                    #(let #names = #names.map_err(|problem| operation.refuse(problem))?;)*
                    #(let #body_field = #body_field.map_err(|problem| operation.refuse(problem))?;)*
                    #(#checks)*
                    #(#body_checks)*
                    let url = #url;
                    let request = #request.map_err(|problem| operation.unbuildable(&problem))?;
                    Ok((operation, request))
                }

                #[doc = #send_doc]
                ///
                /// # Errors
                ///
                /// See [`Error`] for what can go wrong and how to tell it apart.
                pub async fn send(self) -> ::std::result::Result<#returns, Error> {
                    Ok(self.send_with_response().await?.into_value())
                }

                /// Like [`send`](Self::send), with the status and headers of the response.
                ///
                /// # Errors
                ///
                /// As [`send`](Self::send).
                pub async fn send_with_response(self) -> ::std::result::Result<Response<#returns>, Error> {
                    let client = self.client.clone();
                    let (operation, request) = self.request()?;
                    client.execute(operation, request).await?.decode(#decode)
                }
            }

            #list
        }
    }

    /// Streams over all pages, for an operation that answers one.
    fn emit_list(&self) -> Option<TokenStream> {
        let Self {
            name,
            facts,
            returns,
            ..
        } = self;
        let (Envelope::Page(key), Some(item)) = (&facts.envelope, argument("Page", returns)) else {
            return None;
        };
        let limit = self
            .fields
            .iter()
            .find(|field| field.name == "limit")
            .map(|field| {
                let largest = field.parameter.maximum.unwrap_or(500);
                let largest = proc_macro2::Literal::i64_unsuffixed(largest);
                quote!(if let Ok(limit) = &mut self.limit { limit.get_or_insert(#largest); })
            });
        let (get, set) = match facts.page_token {
            PageToken::Nowhere => return None,
            PageToken::Query => (
                quote!(self.page_token.clone().ok().flatten()),
                quote!(self.page_token = Ok(token);),
            ),
            PageToken::Body => (
                quote!(
                    self.body
                        .as_ref()
                        .ok()
                        .and_then(|body| body.page_token.clone())
                ),
                quote!(if let Ok(body) = &mut self.body {
                    body.page_token = token;
                }),
            ),
        };
        Some(quote! {
            impl #name {
                /// All items, page after page, 500 a page unless `limit` says otherwise.
                pub fn stream(self) -> Items<#item> {
                    Items::new(self)
                }

                /// Like [`stream`](Self::stream), decoding each item into a type of your own
                /// or into `serde_json::Value`, which loses nothing.
                pub fn stream_as<T: ::serde::de::DeserializeOwned>(self) -> Items<T> {
                    Items::new(self)
                }

                /// All pages, 500 items a page unless `limit` says otherwise.
                pub fn pages(self) -> Pages<#item> {
                    Pages::new(self)
                }

                /// Begins with the page of this token, as [`Pages::resume_token`] tells it.
                pub fn start_at(mut self, token: impl ::std::convert::Into<::std::string::String>) -> Self {
                    List::set_page_token(&mut self, Some(token.into()));
                    self
                }
            }

            impl List for #name {
                const KEY: &'static str = #key;

                fn choose_limit(&mut self) {
                    #limit
                }

                fn page_token(&self) -> ::std::option::Option<::std::string::String> {
                    #get
                }

                fn set_page_token(&mut self, token: ::std::option::Option<::std::string::String>) {
                    #set
                }

                fn prepare(self) -> ::std::result::Result<(Client, Operation, ::reqwest::Request), Error> {
                    let client = self.client.clone();
                    let (operation, request) = self.request()?;
                    Ok((client, operation, request))
                }
            }
        })
    }

    /// The method of `Client` that starts the call.
    pub fn emit_client_method(&self) -> TokenStream {
        let none = self.facts.account_scope.then(|| quote!(, None));
        let name = &self.name;
        self.entry(quote!(builder::#name::new(self #none)), &self.facts.path)
    }

    /// The method of `AccountClient`, where the operation can be scoped.
    pub fn emit_account_method(&self) -> Option<TokenStream> {
        let name = &self.name;
        let start = quote!(builder::#name::new(self.client(), Some(self.account_id())));
        let path = self
            .facts
            .path
            .replacen("/v1/", "/v1/accounts/{account_id}/", 1);
        self.facts.account_scope.then(|| self.entry(start, &path))
    }

    fn entry(&self, start: TokenStream, path: &str) -> TokenStream {
        let Self { name, facts, .. } = self;
        let method = ident(&facts.id);
        let doc = format!(
            "{}.\n\n{}\n\nSends `{} {}`.",
            facts.summary.trim_end_matches('.'),
            facts.description,
            facts.method,
            path
        );
        let deprecated = facts.deprecated.then(
            || quote!(#[deprecated = "no longer in the vendor's document; it may stop to answer"]),
        );
        quote! {
            #[doc = #doc]
            #deprecated
            pub fn #method(&self) -> builder::#name {
                #start
            }
        }
    }
}

fn send_of(item: &ItemImpl) -> Option<&ImplItemFn> {
    item.items.iter().find_map(|item| match item {
        ImplItem::Fn(function) if function.sig.ident == "send" => {
            let by_value = matches!(function.sig.inputs.first(), Some(FnArg::Receiver(_)));
            by_value.then_some(function)
        }
        _ => None,
    })
}

fn statement<'a>(send: &'a ImplItemFn, name: &str) -> Option<&'a Expr> {
    send.block
        .stmts
        .iter()
        .find_map(|statement| match statement {
            Stmt::Local(Local {
                pat: Pat::Ident(pat),
                init: Some(init),
                ..
            }) if pat.ident == name => Some(&*init.expr),
            _ => None,
        })
}

fn parameters<'a>(
    items: &[Item],
    name: &Ident,
    facts: &'a model::Operation,
) -> Result<Vec<Field<'a>>, String> {
    let found = items.iter().find_map(|item| match item {
        Item::Struct(item) if item.ident == *name => Some(item),
        _ => None,
    });
    let builder = found.ok_or_else(|| format!("progenitor's builder is not called {name}"))?;
    let fields = builder.fields.iter().filter_map(|field| {
        let name = field.ident.clone()?;
        (name != "client" && name != "body").then_some((name, &field.ty))
    });
    let mut read = Vec::new();
    for (name, ty) in fields {
        let plain = name.to_string();
        let parameter = facts
            .parameters
            .iter()
            .find(|parameter| parameter.name.trim_end_matches("[]") == plain.trim_end_matches('_'));
        let parameter = parameter.ok_or_else(|| format!("the field {name} is no parameter"))?;
        let ty = argument("Result", ty).ok_or_else(|| format!("the field {name} is no Result"))?;
        let ty = argument("Option", ty).unwrap_or(ty);
        read.push(Field {
            name,
            ty: with_jiff(ty),
            parameter,
        });
    }
    if read.len() != facts.parameters.len() {
        return Err(format!(
            "{} parameters, but {} fields",
            facts.parameters.len(),
            read.len()
        ));
    }
    Ok(read)
}

/// `T` of `Result<ResponseValue<T>, …>`, in a `Page` where it is one.
fn returned(send: &ImplItemFn, envelope: &Envelope) -> Result<Type, String> {
    let ReturnType::Type(_, ty) = &send.sig.output else {
        return Err("its `send` returns nothing".to_owned());
    };
    let value = argument("Result", ty).and_then(|ty| argument("ResponseValue", ty));
    let value = value.ok_or("its `send` returns no ResponseValue")?;
    Ok(match (envelope, argument("Vec", value)) {
        (Envelope::Page(_), Some(item)) => syn::parse_quote!(Page<#item>),
        (Envelope::Page(_), None) => return Err("its page holds no list".to_owned()),
        _ => value.clone(),
    })
}

/// `format!("{}/v1/agents", client.baseurl)` with our base, which knows the account.
fn scoped_url(url: &Expr, facts: &model::Operation) -> Result<Expr, String> {
    let Expr::Macro(format) = url else {
        return Err("its `url` is not made by format!".to_owned());
    };
    let arguments = format
        .mac
        .parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated)
        .map_err(|error| format!("its `url`: {error}"))?;
    let mut arguments = arguments.into_iter();
    let template: LitStr = match arguments.next() {
        Some(template) => {
            syn::parse2(template.into_token_stream()).map_err(|error| error.to_string())?
        }
        None => return Err("its `url` is empty".to_owned()),
    };
    let rest: Vec<Expr> = arguments.skip(1).map(path_argument).collect();
    if !facts.account_scope {
        return Ok(syn::parse_quote!(
            format!(#template, client.base_url(), #(#rest),*)
        ));
    }
    let template = template.value();
    let relative = template
        .strip_prefix("{}/v1")
        .ok_or_else(|| format!("its path {template} does not begin with /v1"))?;
    let template = format!("{{}}{relative}");
    Ok(syn::parse_quote!(
        format!(#template, client.scope_url(account_id), #(#rest),*)
    ))
}

fn path_argument(argument: Expr) -> Expr {
    match argument {
        Expr::Call(call) if compact(&call.func) == "encode_path" => {
            let arguments = call.args;
            syn::parse_quote!(progenitor_client::encode_path(#arguments))
        }
        other => other,
    }
}

/// progenitor's chain without its version header and with our client; comma-separated
/// lists are joined.
fn our_request(request: &Expr, facts: &model::Operation) -> Result<Expr, String> {
    let chain = match request {
        Expr::Try(inner) => &*inner.expr,
        other => other,
    };
    rebuild(chain, facts)
}

fn rebuild(expression: &Expr, facts: &model::Operation) -> Result<Expr, String> {
    let Expr::MethodCall(call) = expression else {
        if compact(expression) == "client.client" {
            return Ok(syn::parse_quote!(client.http()));
        }
        return Err(format!(
            "its request begins with {}",
            expression.to_token_stream()
        ));
    };
    let mut call = call.clone();
    let receiver = rebuild(&call.receiver, facts)?;
    if call.method == "headers" {
        return Ok(receiver);
    }
    if call.method == "query" {
        let comma = facts.parameters.iter().find(|parameter| {
            parameter.comma_separated
                && compact(&call.args).contains(&format!("new({:?},", parameter.name))
        });
        if let Some(parameter) = comma {
            let key = &parameter.name;
            let name = ident(key);
            call.args = syn::parse_quote!(&progenitor_client::QueryParam::new(
                #key,
                &crate::input::comma_separated(#name)
            ));
        }
    }
    *call.receiver = receiver;
    Ok(Expr::MethodCall(call))
}

fn setter(field: &Field) -> TokenStream {
    let Field {
        name,
        ty,
        parameter,
    } = field;
    let key = parameter.name.trim_end_matches("[]");
    let doc = &parameter.description;
    let some = (!parameter.required).then(|| quote!(.map(Some)));
    match argument("Vec", ty) {
        Some(item) => quote! {
            #[doc = #doc]
            pub fn #name<I>(mut self, values: I) -> Self
            where
                I: ::std::iter::IntoIterator,
                I::Item: ::std::convert::TryInto<#item, Error: ::std::fmt::Display>,
            {
                self.#name = crate::input::list(#key, values)#some;
                self
            }
        },
        None => quote! {
            #[doc = #doc]
            pub fn #name<V>(mut self, value: V) -> Self
            where
                V: ::std::convert::TryInto<#ty, Error: ::std::fmt::Display>,
            {
                self.#name = crate::input::value(#key, value)#some;
                self
            }
        },
    }
}

fn check(field: &Field) -> Option<TokenStream> {
    let Field {
        name, parameter, ..
    } = field;
    let key = &parameter.name;
    let minimum = parameter.minimum?;
    let maximum = parameter.maximum.unwrap_or(i64::MAX);
    let value = if parameter.required {
        quote!(Some(#name))
    } else {
        quote!(#name)
    };
    Some(quote! {
        crate::input::in_range(#key, #value, #minimum, #maximum)
            .map_err(|problem| operation.refuse(problem))?;
    })
}

fn decoder(envelope: &Envelope) -> TokenStream {
    match envelope {
        Envelope::Nothing => quote!(envelope::nothing),
        Envelope::Bare(keys) => quote!(|body| envelope::bare(body, &[#(#keys),*])),
        Envelope::Resource(key) => quote!(|body| envelope::resource(body, #key)),
        Envelope::ResourceOrBare(key) => quote!(|body| envelope::resource_or_bare(body, #key)),
        Envelope::List(key) => quote!(|body| envelope::list(body, #key)),
        Envelope::Page(key) => quote!(|body| envelope::page(body, #key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(account_scope: bool) -> model::Operation {
        model::Operation {
            id: "get_thing".to_owned(),
            method: "GET".to_owned(),
            path: "/v1/things/{id}".to_owned(),
            summary: String::new(),
            description: String::new(),
            deprecated: false,
            account_scope,
            reads: true,
            parameters: vec![Parameter {
                name: "kinds".to_owned(),
                description: String::new(),
                required: false,
                comma_separated: true,
                accepted: None,
                minimum: None,
                maximum: None,
            }],
            body: None,
            envelope: Envelope::Nothing,
            page_token: PageToken::Nowhere,
        }
    }

    #[test]
    fn a_scoped_url_leaves_its_root_to_the_client() {
        let url = syn::parse_quote!(format!(
            "{}/v1/things/{}",
            client.baseurl,
            encode_path(&id.to_string()),
        ));
        let scoped = compact(&scoped_url(&url, &facts(true)).unwrap());
        assert_eq!(
            scoped,
            r#"format!("{}/things/{}",client.scope_url(account_id),progenitor_client::encode_path(&id.to_string()))"#
        );
        let plain = compact(&scoped_url(&url, &facts(false)).unwrap());
        assert!(
            plain.starts_with(r#"format!("{}/v1/things/{}",client.base_url(),"#),
            "{plain}"
        );
    }

    #[test]
    fn the_version_header_goes_and_comma_separated_lists_are_joined() {
        let request = syn::parse_quote!(
            client
                .client
                .get(url)
                .query(&progenitor_client::QueryParam::new("kinds", &kinds))
                .headers(header_map)
                .build()?
        );
        let ours = compact(&our_request(&request, &facts(false)).unwrap());
        assert_eq!(
            ours,
            r#"client.http().get(url).query(&progenitor_client::QueryParam::new("kinds",&crate::input::comma_separated(kinds))).build()"#
        );
    }
}
