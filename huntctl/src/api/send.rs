//! Sends a call, and writes what comes back.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write as _};
use std::time::Duration;

use clap::ArgMatches;
use huntress::http::Method;
use huntress::{Page, Pages, Request};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Call, Shape, flags};
use crate::cli::{Context, Ended};
use crate::config::Source;
use crate::contract::{Envelope, Operation, Place};
use crate::failure::Failure;
use crate::output::{self, Format, Listing, unwritten};
use crate::progress::Progress;
use crate::stop::Stop;

/// The most that a page has.
const LARGEST_PAGE: u32 = 500;

/// How a call is sent.
pub(super) struct Sending {
    timeout: Option<Duration>,
    deadline: Option<Duration>,
    retry_writes: bool,
    /// All pages.
    all: bool,
    /// So many records.
    most: Option<u64>,
}

impl Sending {
    pub(super) fn read(matches: &ArgMatches) -> Self {
        let number = |name| matches.try_get_one::<u64>(name).ok().flatten().copied();
        Self {
            timeout: number(flags::TIMEOUT).map(Duration::from_secs),
            deadline: number(flags::DEADLINE).map(Duration::from_secs),
            retry_writes: flags::is_set(matches, flags::RETRY_WRITES),
            all: flags::is_set(matches, flags::ALL),
            most: number(flags::MAX_ITEMS),
        }
    }

    /// A request of the call, without its body.
    fn request(&self, source: &Source, operation: &Operation, call: &Call) -> Request {
        let method = call.method.clone();
        let mut request = match call.account {
            Some(id) => source.client.for_account(id).request(method, &call.path),
            None => source.client.request(method, &call.path),
        };
        for (name, value) in &call.query {
            request = request.query(name, value);
        }
        if !operation.writes && call.method == Method::POST {
            request = request.reads();
        }
        if let Some(timeout) = self.timeout {
            request = request.timeout(timeout);
        }
        if let Some(deadline) = self.deadline {
            request = request.deadline(deadline);
        }
        if self.retry_writes {
            request = request.retry_writes();
        }
        request
    }
}

/// Sends the call of an operation.
pub(super) async fn send(
    context: &Context,
    source: &Source,
    operation: &Operation,
    call: Call,
    sending: &Sending,
    shape: Shape,
) -> Result<Ended, Failure> {
    let key = match &operation.answer.envelope {
        Envelope::Page(key) if operation.has_pages() => {
            let pages = pages(source, operation, call, sending, key);
            return list(context, operation, pages, sending, shape).await;
        }
        Envelope::Page(key) | Envelope::List(key) => Some(key),
        _ => None,
    };
    // A signal must not make anybody wonder whether the write took effect. A read may end.
    let _stop = match operation.writes {
        true => Some(Stop::listen("waiting for the answer to the write")?),
        false => None,
    };
    let mut request = sending.request(source, operation, &call);
    if let Some(body) = &call.body {
        request = request.json(body);
    }
    let mut out = BufWriter::new(io::stdout().lock());
    if let Some(key) = key {
        let page = request.list(key.clone()).send_as().await?;
        for record in &page.odd {
            tracing::warn!("{record}");
        }
        let mut listing = Listing::new(&mut out, shape.format, context.look);
        listing.choose(shape.chosen);
        listing.usually(shape.usual);
        listing.page(&page.items)?;
        listing.end()?;
    } else if operation.answer.envelope == Envelope::Nothing {
        let response = request.send().await?;
        // Some answer more than the document says.
        match serde_json::from_slice::<Box<RawValue>>(response.value()) {
            Ok(raw) => print(context, &mut out, &shape, &raw)?,
            Err(_) if shape.format == Format::Json => writeln!(out, "null").map_err(unwritten)?,
            Err(_) => {}
        }
        let status = response.status().as_u16();
        context.note(format_args!(
            "done: {} {} ({status})",
            call.method,
            call.full_path()
        ));
    } else {
        let raw: Box<RawValue> = request.send_as().await?;
        let inner = unwrapped(&operation.answer.envelope, &raw);
        print(context, &mut out, &shape, inner.as_deref().unwrap_or(&raw))?;
    }
    out.flush().map_err(unwritten)?;
    Ok(Ended::Done)
}

fn print(
    context: &Context,
    out: &mut impl io::Write,
    shape: &Shape,
    raw: &RawValue,
) -> Result<(), Failure> {
    output::record(
        out,
        shape.format,
        context.look,
        shape.chosen.as_deref(),
        raw,
    )
}

/// The record without its envelope; `None` where it came without one.
fn unwrapped(envelope: &Envelope, raw: &RawValue) -> Option<Box<RawValue>> {
    let Envelope::Record(key) = envelope else {
        return None;
    };
    let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(raw.get()).ok()?;
    fields
        .into_iter()
        .find_map(|(name, value)| (name == *key).then_some(value))
}

/// The pages of a call. One that asks for one page gets as many records as the API gives by
/// itself; one that asks for all gets the largest pages.
fn pages(
    source: &Source,
    operation: &Operation,
    mut call: Call,
    sending: &Sending,
    key: &str,
) -> Pages<Box<RawValue>> {
    let (token, list) = if operation.token_in_body() {
        let fields = call.body.as_mut().and_then(Value::as_object_mut);
        let token = fields.and_then(|fields| fields.remove("page_token"));
        let token = token.and_then(|token| token.as_str().map(str::to_owned));
        let request = sending.request(source, operation, &call).json(&call.body);
        (token, request.list(key.to_owned()))
    } else {
        let several = sending.all || sending.most.is_some();
        let asked = call.take("limit").and_then(|limit| limit.parse().ok());
        let most = sending.most.map_or(LARGEST_PAGE, |most| {
            u32::try_from(most)
                .unwrap_or(LARGEST_PAGE)
                .min(LARGEST_PAGE)
        });
        let size = asked.unwrap_or_else(|| if several { most } else { usual_page(operation) });
        let token = call.take("page_token");
        let request = sending.request(source, operation, &call);
        (token, request.list(key.to_owned()).page_size(size))
    };
    match token {
        Some(token) => list.start_at(token).pages_as(),
        None => list.pages_as(),
    }
}

/// The next page; records that cannot be read are told, and the page with the others follows.
async fn next(pages: &mut Pages<Box<RawValue>>) -> Result<Option<Page<Box<RawValue>>>, Failure> {
    loop {
        match pages.try_next().await {
            Ok(page) => return Ok(page),
            Err(error) if error.is_record() => tracing::warn!("{error}"),
            Err(error) => return Err(error.into()),
        }
    }
}

fn usual_page(operation: &Operation) -> u32 {
    let mut parameters = operation.at(Place::Query);
    let limit = parameters.find(|parameter| parameter.name == "limit");
    let default = limit.and_then(|limit| limit.schema.default.as_ref()?.as_u64());
    default
        .and_then(|size| u32::try_from(size).ok())
        .unwrap_or(LARGEST_PAGE)
}

async fn list(
    context: &Context,
    operation: &Operation,
    mut pages: Pages<Box<RawValue>>,
    sending: &Sending,
    shape: Shape,
) -> Result<Ended, Failure> {
    let stop = Stop::listen("stopping after this page")?;
    let mut listing = Listing::new(
        BufWriter::new(io::stdout().lock()),
        shape.format,
        context.look,
    );
    listing.choose(shape.chosen);
    listing.usually(shape.usual);
    let progress = Progress::counting(&operation.id, context.shows_progress());
    let mut left = sending.most.unwrap_or(u64::MAX);
    let mut ended = Ended::Done;
    let mut failure = None;
    loop {
        let mut page = match next(&mut pages).await {
            Ok(Some(page)) => page,
            Ok(None) => break,
            Err(problem) => {
                failure = Some(problem);
                break;
            }
        };
        page.items
            .truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left -= page.items.len() as u64;
        listing.page(&page.items)?;
        progress.add(page.items.len() as u64);
        let Some(token) = page.next_page_token else {
            break;
        };
        let one_page = !sending.all && sending.most.is_none();
        let signal = stop.asked();
        if one_page || left == 0 || signal.is_some() {
            ended = signal.map_or(Ended::Done, Ended::Stopped);
            drop(progress);
            context.note(format_args!(
                "there is more: --all gives all of it, --page-token {token} goes on after this page"
            ));
            break;
        }
    }
    // What was written stays whole, also where the rest is missing.
    listing.end()?;
    match failure {
        Some(failure) => Err(failure),
        None => Ok(ended),
    }
}
