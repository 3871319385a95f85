//! A request is shown, and a write is agreed to, before it is sent.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

use serde_json::json;

use super::Call;
use crate::failure::{Exit, Failure};
use crate::output::{json as layout, unwritten, visible};

/// The request as a person reads it.
fn shown(call: &Call) -> Result<String, Failure> {
    let mut text = format!("{} {}", call.method, visible::line(&call.full_path()));
    for (index, (name, value)) in call.query.iter().enumerate() {
        let mut pair = form_urlencoded::Serializer::new(String::new());
        let pair = pair.append_pair(name, value).finish();
        let _ = write!(text, "{}{pair}", if index == 0 { '?' } else { '&' });
    }
    text.push('\n');
    if let Some(body) = &call.body {
        let mut lines = Vec::new();
        layout::pretty(&mut lines, &body.to_string(), 0).map_err(unwritten)?;
        text.push_str(&String::from_utf8_lossy(&lines));
        text.push('\n');
    }
    Ok(text)
}

/// Prints the request, which is not sent.
pub(super) fn show_alone(call: &Call, as_json: bool) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if as_json {
        let request = json!({
            "method": call.method.as_str(),
            "path": call.full_path(),
            "query": call.query,
            "body": call.body,
        });
        layout::pretty(&mut out, &request.to_string(), 0).map_err(unwritten)?;
        return writeln!(out).map_err(unwritten);
    }
    out.write_all(shown(call)?.as_bytes()).map_err(unwritten)
}

/// Refuses a write that nobody could agree to.
pub(super) fn somebody_is_there(call: &Call) -> Result<(), Failure> {
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        return Ok(());
    }
    let text = format!(
        "{} {} changes something, and there is no terminal to ask on, so nothing was sent; \
         --yes sends it without asking, --dry-run shows it",
        call.method,
        call.full_path()
    );
    Err(Failure::new(Exit::Usage, text))
}

/// Shows a write and asks.
pub(super) fn agreed(call: &Call, account: &str) -> Result<(), Failure> {
    let mut err = io::stderr().lock();
    write!(err, "{}Send this as {account}? [y/N] ", shown(call)?).map_err(unwritten)?;
    err.flush().map_err(unwritten)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|problem| {
        Failure::new(
            Exit::Usage,
            format!("no answer can be read, so nothing was sent: {problem}"),
        )
    })?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(
            Exit::Failed,
            "not agreed to, so nothing was sent",
        )),
    }
}
