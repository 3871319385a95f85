//! Operations: progenitor's request building inside our builders.
//!
//! Of progenitor's `send` we keep what it is best at: the URL, the query, the body. Ours
//! are the arguments and setters (errors that say what was wrong, lists from any iterator),
//! the checks of limits, the account scope, the decoding and the error type. What all calls
//! have is in `src/options.rs`.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{
    Expr, FnArg, Ident, ImplItem, ImplItemFn, Item, ItemImpl, LitStr, Local, Pat, ReturnType, Stmt,
    Token, Type,
};

use super::model::{self, Envelope, Model, PageToken, Parameter};
use super::setter::Setter;
use super::structs::{converted, taken, with_accepted};
use super::syntax::{argument, at_most_one, compact, ident, module, pascal, with_jiff};

/// What the API calls `limit`, which does not limit a stream.
const PAGE_SIZE: &str = "page_size";

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
    /// progenitor's name for it.
    inner: Ident,
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
            request: our_request(request, &fields)?,
            facts,
            name,
            fields,
        })
    }

    fn arguments(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(|field| field.parameter.required)
    }

    /// The builder, to stand in the module `calls`.
    pub fn emit(&self) -> TokenStream {
        let Self {
            name,
            facts,
            url,
            request,
            ..
        } = self;
        let doc = format!("Made by [`{id}`](crate::Client::{id}).", id = facts.id);
        let (id, method, path) = (&facts.id, ident(&facts.method), &facts.path);
        let names: Vec<_> = self.fields.iter().map(|field| &field.name).collect();
        let unpacked = self.fields.iter().map(|Field { name, inner, .. }| {
            if name == inner {
                quote!(#name)
            } else {
                quote!(#name: #inner)
            }
        });
        let types = self
            .fields
            .iter()
            .map(|field| match (&field.ty, field.parameter.required) {
                (ty, true) => quote!(#ty),
                (ty, false) => quote!(::std::option::Option<#ty>),
            });
        let body = at_most_one(facts.body.as_deref().map(ident));
        let body_field = at_most_one(facts.body.as_ref().map(|_| ident("body")));
        let required: Vec<_> = self.arguments().map(|field| &field.name).collect();
        let required_types = self.arguments().map(|field| &field.ty);
        let optional = self.fields.iter().filter(|field| !field.parameter.required);
        let optional = optional.map(|field| &field.name);
        let setters = self.fields.iter().filter_map(setter);
        let checks: Vec<_> = self.fields.iter().filter_map(check).collect();
        let checked = !checks.is_empty() || facts.body.is_some();
        let mutable = checked.then(|| quote!(mut));
        let access = ident(match (facts.reads, &*facts.method) {
            (true, "GET") => "Read",
            (true, _) => "Query",
            (false, _) => "Write",
        });
        let sends = self.emit_sends();
        quote! {
            #[doc = #doc]
            #[derive(Clone, Debug)]
            #[must_use = "a call does nothing until it is sent"]
            pub struct #name {
                call: Call,
                #(#names: #types,)*
                #(#body_field: types::#body,)*
            }

            impl #name {
                pub(crate) fn new(
                    client: &Client,
                    scope: ::std::option::Option<i64>
                    #(, #required: #required_types)*
                    #(, #body_field: types::#body)*
                ) -> Self {
                    Self {
                        call: Call::new(client, scope),
                        #(#required,)*
                        #(#optional: None,)*
                        #(#body_field,)*
                    }
                }

                #(#setters)*
            }

            impl Prepare for #name {
                fn prepare(self) -> ::std::result::Result<Ready, Error> {
                    let Self { #mutable call, #(#unpacked,)* #(#body_field,)* } = self;
                    #(#checks)*
                    #(#body_field.check(&mut call.problems);)*
                    let operation = Operation::new(#id, Access::#access, Method::#method, #path);
                    let operation = call.checked(operation)?;
                    let client = &call.client;
                    let url = #url;
                    let request = #request;
                    call.ready(operation, request)
                }
            }

            #sends
        }
    }

    /// How it is sent.
    fn emit_sends(&self) -> TokenStream {
        let Self {
            name,
            facts,
            returns,
            ..
        } = self;
        let place = format!("{} {}", facts.method, facts.path);
        let retries = (!facts.reads).then(|| quote!(crate::options::write_options!(#name);));
        let envelope = match &facts.envelope {
            Envelope::Page(key) => {
                let page = self.emit_page(key, &place);
                return quote!(#retries #page);
            }
            Envelope::Nothing => quote!(Envelope::Nothing),
            Envelope::Bare(keys) => quote!(Envelope::Bare(&[#(#keys),*])),
            Envelope::ResourceOrBare(key) => quote!(Envelope::UnderOrBare(#key)),
            Envelope::Resource(key) | Envelope::List(key) => quote!(Envelope::Under(#key)),
        };
        quote! {
            #retries
            crate::sends::sends_one!(#name, #place, #returns, #envelope);
        }
    }

    /// A page, and the streams over all of them.
    fn emit_page(&self, key: &str, place: &str) -> TokenStream {
        let (name, facts) = (&self.name, self.facts);
        let item = argument("Page", &self.returns).expect("a page is read as one");
        let size = self.fields.iter().find(|field| field.name == PAGE_SIZE);
        let largest = size.map(|field| field.parameter.limits.maximum.unwrap_or(500));
        let note = largest
            .map(|largest| format!(", {largest} a page unless `{PAGE_SIZE}` says otherwise"));
        let note = note.unwrap_or_default();
        let choose = largest.map(|largest| {
            let largest = proc_macro2::Literal::i64_unsuffixed(largest);
            quote!(self.page_size.get_or_insert(#largest);)
        });
        let (get, set) = match facts.page_token {
            // Refused when the model is read.
            PageToken::Nowhere => (quote!(None), quote!()),
            PageToken::Query => (
                quote!(self.page_token.clone()),
                quote!(self.page_token = token;),
            ),
            PageToken::Body => (
                quote!(self.body.page_token.clone()),
                quote!(self.body.page_token = token;),
            ),
        };
        let changes = facts
            .changed_since
            .then(|| quote!(crate::changes::changed_since!(#name, #place, #item);));
        quote! {
            crate::sends::sends_page!(#name, #place, #item, #key, #note);
            #changes

            impl List for #name {
                fn key(&self) -> ::std::borrow::Cow<'static, str> {
                    #key.into()
                }

                fn choose_page_size(&mut self) {
                    #choose
                }

                fn page_token(&self) -> ::std::option::Option<::std::string::String> {
                    #get
                }

                fn set_page_token(&mut self, token: ::std::option::Option<::std::string::String>) {
                    #set
                }
            }
        }
    }

    /// The method of `Client` that starts the call.
    pub fn emit_client_method(&self) -> TokenStream {
        self.entry(&quote!(pub), quote!(self, None), &self.facts.path)
    }

    /// The method of `AccountClient`, where the operation can be scoped.
    pub fn emit_account_method(&self) -> Option<TokenStream> {
        let path = self
            .facts
            .path
            .replacen("/v1/", "/v1/accounts/{account_id}/", 1);
        let start = quote!(self.client(), Some(self.account_id().get()));
        let scoped = self.facts.account_scope;
        scoped.then(|| self.entry(&quote!(pub), start, &path))
    }

    /// The method of what the two have in common.
    pub fn emit_shared_method(&self) -> Option<TokenStream> {
        if !self.facts.account_scope {
            return None;
        }
        let Self { name, facts, .. } = self;
        let method = ident(&facts.id);
        let doc = format!("As [`Client::{id}`](crate::Client::{id}).", id = facts.id);
        let (arguments, values) = self.signature();
        let deprecated = self.deprecated();
        Some(quote! {
            #[doc = #doc]
            #deprecated
            fn #method(&self #(, #arguments)*) -> calls::#name {
                let (client, account_id) = self.scope();
                calls::#name::new(client, account_id #(, #values)*)
            }
        })
    }

    /// The arguments of the method that starts the call, and what it makes of them.
    fn signature(&self) -> (Vec<TokenStream>, Vec<TokenStream>) {
        let (mut arguments, mut values) = (Vec::new(), Vec::new());
        for Field { name, ty, .. } in self.arguments() {
            let taken = taken(ty);
            arguments.push(quote!(#name: #taken));
            values.push(converted(name, ty));
        }
        if let Some(body) = self.facts.body.as_deref().map(ident) {
            arguments.push(quote!(body: types::#body));
            values.push(quote!(body));
        }
        (arguments, values)
    }

    fn deprecated(&self) -> Option<TokenStream> {
        self.facts.deprecated.then(
            || quote!(#[deprecated = "no longer in the vendor's document; it may stop answering"]),
        )
    }

    fn entry(&self, visibility: &TokenStream, start: TokenStream, path: &str) -> TokenStream {
        let Self { name, facts, .. } = self;
        let method = ident(&facts.id);
        let doc = format!(
            "{}.\n\n{}\n\nSends `{} {}`.",
            facts.summary.trim_end_matches('.'),
            facts.description,
            facts.method,
            path
        );
        let deprecated = self.deprecated();
        let (arguments, values) = self.signature();
        quote! {
            #[doc = #doc]
            #deprecated
            #visibility fn #method(&self #(, #arguments)*) -> calls::#name {
                calls::#name::new(#start #(, #values)*)
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
        let parameter = parameter.ok_or_else(|| format!("the field {name} is not a parameter"))?;
        let ty =
            argument("Result", ty).ok_or_else(|| format!("the field {name} is not a Result"))?;
        let ty = argument("Option", ty).unwrap_or(ty);
        let pages = matches!(facts.envelope, Envelope::Page(_)) && parameter.name == "limit";
        read.push(Field {
            inner: name.clone(),
            name: match &parameter.setter {
                Some(setter) => ident(setter),
                None if pages => ident(PAGE_SIZE),
                None => name,
            },
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
        format!(#template, client.scope_url(call.account_id), #(#rest),*)
    ))
}

fn path_argument(argument: Expr) -> Expr {
    match argument {
        Expr::Call(call) if compact(&call.func) == "encode_path" => {
            let arguments = call.args;
            syn::parse_quote!(crate::url::segment(#arguments))
        }
        other => other,
    }
}

/// progenitor's chain without its version header, with our client and our query.
fn our_request(request: &Expr, fields: &[Field]) -> Result<Expr, String> {
    let chain = match request {
        Expr::Try(inner) => &*inner.expr,
        other => other,
    };
    rebuild(chain, fields)
}

fn rebuild(expression: &Expr, fields: &[Field]) -> Result<Expr, String> {
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
    let receiver = rebuild(&call.receiver, fields)?;
    if call.method == "headers" {
        return Ok(receiver);
    }
    if call.method == "query" {
        let arguments = compact(&call.args);
        let is_asked =
            |field: &&Field| arguments.contains(&format!("new({:?},", field.parameter.name));
        let field = fields.iter().find(is_asked);
        let field = field.ok_or_else(|| format!("its query {arguments} is of no parameter"))?;
        let (key, values) = (&field.parameter.name, field.query_values());
        call.args = syn::parse_quote!(&crate::url::pairs(#key, #values));
    }
    *call.receiver = receiver;
    Ok(Expr::MethodCall(call))
}

/// The setter of a parameter that need not be set.
fn setter(field: &Field) -> Option<TokenStream> {
    let parameter = field.parameter;
    let setter = Setter {
        name: &field.name,
        key: field.key(),
        doc: &with_accepted(&parameter.description, parameter.accepted.as_deref()),
        ty: &field.ty,
        limits: parameter.limits,
        problems: quote!(self.call.problems),
        wrap: None,
    };
    (!parameter.required).then(|| setter.emit())
}

fn check(field: &Field) -> Option<TokenStream> {
    let Field {
        inner: name,
        parameter,
        ty,
        ..
    } = field;
    let key = field.key();
    if let (Some(accepted), false) = (&parameter.accepted, parameter.required) {
        let (values, item) = match argument("Vec", ty) {
            Some(item) => (quote!(#name.iter().flatten()), item),
            None => (quote!(#name.iter()), ty),
        };
        return Some(quote! {
            for value in #values {
                call.problems.accepted(#key, value.as_str(), #item::KNOWN, &[#(#accepted),*]);
            }
        });
    }
    if let (Some(_), true) = (&parameter.id, parameter.required) {
        return Some(quote!(call.problems.id(#key, #name.get());));
    }
    let (minimum, maximum) = parameter.limits.bounds()?;
    let value = if parameter.required {
        quote!(Some(#name))
    } else {
        quote!(#name)
    };
    Some(quote!(call.problems.in_range(#key, #value, #minimum, #maximum);))
}

impl Field<'_> {
    /// The values that it has in the query, each to be displayed.
    fn query_values(&self) -> TokenStream {
        let name = &self.inner;
        let list = argument("Vec", &self.ty).is_some();
        match (
            list,
            self.parameter.comma_separated,
            self.parameter.required,
        ) {
            (_, true, true) => quote!(&crate::url::comma_separated(Some(#name))),
            (_, true, false) => quote!(&crate::url::comma_separated(#name)),
            (true, _, true) => quote!(&#name),
            (true, _, false) => quote!(#name.iter().flatten()),
            (false, _, true) => quote!([&#name]),
            (false, _, false) => quote!(&#name),
        }
    }

    /// What a caller calls it.
    fn key(&self) -> &str {
        match &self.parameter.setter {
            Some(setter) => setter,
            None if self.name == PAGE_SIZE => PAGE_SIZE,
            None => self.parameter.name.trim_end_matches("[]"),
        }
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
            tag: String::new(),
            deprecated: false,
            account_scope,
            reads: true,
            parameters: vec![Parameter {
                name: "kinds".to_owned(),
                setter: None,
                description: String::new(),
                required: false,
                comma_separated: true,
                id: None,
                accepted: None,
                limits: model::Limits::default(),
            }],
            body: None,
            envelope: Envelope::Nothing,
            page_token: PageToken::Nowhere,
            changed_since: false,
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
            r#"format!("{}/things/{}",client.scope_url(call.account_id),crate::url::segment(&id.to_string()))"#
        );
        let plain = compact(&scoped_url(&url, &facts(false)).unwrap());
        assert!(
            plain.starts_with(r#"format!("{}/v1/things/{}",client.base_url(),"#),
            "{plain}"
        );
    }

    #[test]
    fn the_version_header_goes_and_each_parameter_is_written_by_its_kind() {
        let field = |ty: Type, required: bool, comma_separated: bool| {
            let mut parameter = facts(false).parameters.remove(0);
            (parameter.required, parameter.comma_separated) = (required, comma_separated);
            Field {
                name: ident("kinds"),
                inner: ident("kinds_"),
                ty,
                parameter: Box::leak(Box::new(parameter)),
            }
        };
        let request = syn::parse_quote!(
            client
                .client
                .get(url)
                .query(&progenitor_client::QueryParam::new("kinds", &kinds_))
                .headers(header_map)
                .build()?
        );
        let (one, list): (Type, Type) = (syn::parse_quote!(Kind), syn::parse_quote!(Vec<Kind>));
        for (field, values) in [
            (field(one.clone(), false, false), "&kinds_"),
            (field(one, true, false), "[&kinds_]"),
            (field(list.clone(), false, false), "kinds_.iter().flatten()"),
            (field(list.clone(), true, false), "&kinds_"),
            (
                field(list, false, true),
                "&crate::url::comma_separated(kinds_)",
            ),
        ] {
            let ours = compact(&our_request(&request, &[field]).unwrap());
            let query = format!(r#"query(&crate::url::pairs("kinds",{values}))"#);
            assert_eq!(ours, format!("client.http().get(url).{query}.build()"));
        }
        let error = our_request(&request, &[]).err();
        assert!(error.is_some_and(|error| error.contains("is of no parameter")));
    }
}
