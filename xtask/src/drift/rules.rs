//! What can change, how bad it is on the wire, and what a user of the crate should do.
//!
//! `cargo xtask generate` makes the table in `xtask/README.md` from this one. What a change
//! does to the *surface* of the crate is not here: that is found by comparing the surfaces.
//!
//! A rule is named by its id with `rule!`, those of a value with `aspect!`: an id that
//! the table does not have does not compile.

use serde::{Serialize, Serializer};

use Level::{Breaking, Info, Warning};

/// How much a change matters. The order is that of [`Ord`]: the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing changes.
    None,
    /// Something is new, or looser than it was.
    Info,
    /// It works as before, but deserves a look.
    Warning,
    /// What compiles or works today will not.
    Breaking,
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Breaking => "breaking",
        })
    }
}

/// One kind of change.
#[derive(Debug)]
pub struct Rule {
    /// Stable; in kebab-case.
    pub id: &'static str,
    /// What it does to somebody who talks to the API directly.
    pub wire: Level,
    /// What has changed, for the table.
    pub meaning: &'static str,
    /// What a user of the crate should do.
    pub action: &'static str,
    /// The thing that stood in the base is gone.
    pub is_gone: bool,
    /// The crate's types may take it without a change; then there is nothing to do.
    pub may_be_absorbed: bool,
}

const fn row(id: &'static str, wire: Level, meaning: &'static str, action: &'static str) -> Rule {
    Rule {
        id,
        wire,
        meaning,
        action,
        is_gone: false,
        may_be_absorbed: false,
    }
}

impl Rule {
    const fn gone(self) -> Self {
        Self {
            is_gone: true,
            ..self
        }
    }

    const fn may_be_absorbed(self) -> Self {
        Self {
            may_be_absorbed: true,
            ..self
        }
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id)
    }
}

/// What can change of a value wherever it stands; which rule that is depends on where.
#[derive(Clone, Copy, Debug)]
pub struct Aspect {
    /// The rule for a parameter.
    pub parameter: Option<&'static Rule>,
    /// The rule for a property that is sent.
    pub sent: Option<&'static Rule>,
    /// The rule for a property that is received.
    pub received: Option<&'static Rule>,
}

impl Aspect {
    /// For `aspect!`, which has the compiler call it.
    pub const fn named(name: &str) -> Self {
        let aspect = Self {
            parameter: spelled("request-parameter-", name),
            sent: spelled("request-property-", name),
            received: spelled("response-property-", name),
        };
        assert!(aspect.sent.is_some() || aspect.received.is_some());
        aspect
    }
}

/// The rule with this id.
pub const fn find(id: &str) -> Option<&'static Rule> {
    spelled("", id)
}

/// For `rule!`, which has the compiler call it.
pub const fn get(id: &str) -> &'static Rule {
    find(id).expect("an id of the table")
}

/// The rule whose id has these two parts.
const fn spelled(start: &str, end: &str) -> Option<&'static Rule> {
    let mut index = 0;
    while index < RULES.len() {
        if let Some((head, tail)) = RULES[index].id.as_bytes().split_at_checked(start.len())
            && same(head, start.as_bytes())
            && same(tail, end.as_bytes())
        {
            return Some(&RULES[index]);
        }
        index += 1;
    }
    None
}

/// `==`, which a constant cannot ask.
const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index] == b[index] {
        index += 1;
    }
    index == a.len() && index == b.len()
}

/// The rule with this id.
macro_rules! rule {
    ($id:literal) => {
        const { $crate::drift::rules::get($id) }
    };
}

/// The rules whose ids end so.
macro_rules! aspect {
    ($name:literal) => {
        const { $crate::drift::rules::Aspect::named($name) }
    };
}

pub(super) use {aspect, rule};

/// Every rule, in the order of the table.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    // The document.
    row("server-changed", Breaking, "The host, base path or scheme has changed.",
        "Check the base URL: the built-in one may be wrong now."),
    row("document-info-changed", Info, "The title or the version of the document has changed.",
        "Nothing; the vendor does not use the version for releases."),
    row("security-changed", Info, "How requests are authenticated is described differently.",
        "Call one operation with your credentials and see that it still works."),
    row("tags-changed", Info, "The grouping of operations has changed.",
        "Nothing; the documentation groups them anew."),
    row("media-type-added", Info, "A media type is also accepted or sent.",
        "Nothing; the crate speaks JSON."),
    row("media-type-removed", Breaking, "A media type is no longer accepted or sent.",
        "Check that the operation still answers JSON.").gone(),
    row("unclassified-change", Warning, "Something changed for which there is no rule.",
        "Read the two documents at this place."),
    // Operations.
    row("operation-added", Info, "An operation is new.",
        "Nothing; the next release has it."),
    row("operation-removed", Breaking, "An operation is gone.",
        "Stop calling it; where it still answers, stay on this release until you have.").gone(),
    row("operation-moved", Breaking, "An operation has another path and is otherwise the same.",
        "Update to the release with the new path before the old one stops answering.").gone(),
    row("operation-method-changed", Breaking, "An operation has another method and is otherwise the same.",
        "Update to the release with the new method before the old one stops answering.").gone(),
    row("operation-deprecated", Warning, "An operation is called deprecated.",
        "Plan to replace its calls; the compiler points at them from the next release on."),
    row("operation-undeprecated", Info, "An operation is no longer called deprecated.",
        "Nothing; the compiler's warnings go with the next release."),
    row("operation-id-changed", Info, "The vendor's operationId has changed.",
        "Nothing; our names follow from method and path."),
    row("mirror-inexact", Breaking, "An operation and its mirror under a managed account differ.",
        "Nothing yet: the crate cannot be generated until a maintainer decides how to offer the two."),
    // Parameters.
    row("request-parameter-added", Info, "An optional parameter is new.",
        "Nothing; the next release has a setter for it."),
    row("request-parameter-added-required", Breaking, "A required parameter is new.",
        "Set it with the next release; calls without it are refused."),
    row("request-parameter-removed", Breaking, "A parameter is gone.",
        "Remove its setter from your calls; a filter that is ignored returns too much.").gone(),
    row("request-parameter-renamed", Breaking, "A parameter has another name and is otherwise the same.",
        "Rename its setter in your calls; a filter under the old name may be ignored.").gone(),
    row("request-parameter-moved", Breaking, "A parameter travels in another place of the request.",
        "Update to the next release before calling the operation again."),
    row("request-parameter-became-required", Breaking, "A parameter must be set now.",
        "Set it in every call."),
    row("request-parameter-became-optional", Info, "A parameter need not be set any more.",
        "Nothing."),
    row("request-parameter-style-changed", Breaking, "A list parameter is written into the URL differently.",
        "Update to the next release before setting it again."),
    row("path-parameter-renamed", Level::None, "A parameter in the path has another name, which is not sent.",
        "Rename its setter in your calls.").gone().may_be_absorbed(),
    // Request bodies.
    row("request-body-added", Info, "An optional body can be sent.",
        "Nothing; the next release can send it."),
    row("request-body-added-required", Breaking, "A body must be sent.",
        "Give the call a body with the next release."),
    row("request-body-removed", Breaking, "A body is no longer taken.",
        "Remove the body from your calls.").gone(),
    row("request-body-became-required", Breaking, "A body that could be left out must be sent now.",
        "Give the call a body.").may_be_absorbed(),
    row("request-body-became-optional", Info, "A body may be left out now.",
        "Nothing.").may_be_absorbed(),
    row("request-body-renamed", Info, "The body has another name, which is not sent.",
        "Nothing.").gone(),
    row("request-body-type-changed", Breaking, "The body is of another type.",
        "Build the new type in your calls."),
    // Responses.
    row("success-status-changed", Breaking, "Success has another status.",
        "Nothing unless you compare the status: the crate takes every 2xx for success."),
    row("success-status-added", Warning, "Success can have one more status.",
        "Nothing unless you compare the status: the crate takes every 2xx for success."),
    row("success-status-removed", Breaking, "One of several statuses of success is gone.",
        "Nothing unless you compare the status: the crate takes every 2xx for success.").gone(),
    row("error-status-added", Info, "One more error status is documented.",
        "Nothing; `Error::status` has it."),
    row("error-status-removed", Info, "An error status is no longer documented.",
        "Nothing; `Error::status` has it if it still comes.").gone(),
    row("error-body-changed", Info, "The documented body of an error has changed.",
        "Nothing; `Error::message` reads every known form."),
    row("response-body-added", Info, "An answer that had no body has one.",
        "The call returns a value with the next release."),
    row("response-body-removed", Breaking, "An answer has no body any more.",
        "Stop using the result of the call.").gone(),
    row("response-body-type-changed", Breaking, "An answer is of another type.",
        "Use the new type, or stay on this release and expect decode errors."),
    row("response-envelope-changed", Breaking, "The result stands under another key of the answer.",
        "Update to the next release: this one does not find the result.").gone(),
    // Properties and values, as they are sent.
    row("request-property-added", Info, "An optional property can be sent.",
        "Nothing; the next release has a setter for it."),
    row("request-property-added-default", Warning, "An optional property with a default can be sent with what changes something.",
        "Say in your calls what you mean: those that leave it out get the default."),
    row("request-property-added-required", Breaking, "A required property is new.",
        "Set it with the next release; bodies without it are refused."),
    row("request-property-removed", Breaking, "A property is no longer taken.",
        "Remove its setter from your code.").gone(),
    row("request-property-renamed", Breaking, "A property that is sent has another name.",
        "Rename its setter in your code with the next release.").gone(),
    row("request-property-became-required", Breaking, "A property must be sent now.",
        "Set it in every body.").may_be_absorbed(),
    row("request-property-became-optional", Info, "A property need not be sent any more.",
        "Nothing.").may_be_absorbed(),
    row("request-property-became-nullable", Info, "A property may be sent as null.",
        "Nothing; the next release can send null."),
    row("request-property-became-not-nullable", Breaking, "A property may not be sent as null any more.",
        "Leave the property out instead of clearing it."),
    row("request-property-deprecated", Warning, "A property that is sent is called deprecated.",
        "Plan to stop sending it."),
    // Properties and values, as they are received.
    row("response-property-added", Info, "A property is also sent.",
        "Nothing; the next release has a field for it, and `send_as` has it today."),
    row("response-property-removed", Breaking, "A property is no longer sent.",
        "Stop reading the field: it is `None` from now on, and gone with the next release.").gone(),
    row("response-property-renamed", Breaking, "A property that is received has another name.",
        "Read the new field with the next release; the old one is `None` from now on.").gone(),
    row("response-property-became-optional", Warning, "A property may be absent.",
        "Handle its absence: the field is an `Option` with the next release.").may_be_absorbed(),
    row("response-property-became-required", Info, "A property is always sent.",
        "The field is no longer an `Option` with the next release.").may_be_absorbed(),
    row("response-property-became-nullable", Warning, "A property may be null.",
        "Handle its absence: the field is an `Option` with the next release.").may_be_absorbed(),
    row("response-property-became-not-nullable", Info, "A property is never null.",
        "Nothing.").may_be_absorbed(),
    row("response-property-deprecated", Warning, "A property that is received is called deprecated.",
        "Plan to stop reading it."),
    // Values: of a parameter, of a property that is sent, of one that is received.
    row("request-parameter-type-changed", Breaking, "A parameter is of another type.",
        "Pass the new type to its setter."),
    row("request-parameter-type-narrowed", Breaking, "A parameter takes fewer values than before.",
        "Check the values you pass: some are refused now."),
    row("request-parameter-type-widened", Info, "A parameter takes more values than before.",
        "Pass the wider type to its setter.").may_be_absorbed(),
    row("request-property-type-changed", Breaking, "A property that is sent is of another type.",
        "Pass the new type to its setter."),
    row("request-property-type-narrowed", Breaking, "A property takes fewer values than before.",
        "Check the values you send: some are refused now."),
    row("request-property-type-widened", Info, "A property takes more values than before.",
        "Pass the wider type to its setter.").may_be_absorbed(),
    row("response-property-type-changed", Breaking, "A property that is received is of another type.",
        "Use the new type; until then the records that carry it are decode errors."),
    row("response-property-type-narrowed", Info, "A property has fewer possible values than before.",
        "Use the narrower type.").may_be_absorbed(),
    row("response-property-type-widened", Breaking, "A property can have values that it could not have before.",
        "Use the wider type; until then some records may be decode errors.").may_be_absorbed(),
    row("request-parameter-enum-value-added", Info, "A parameter takes one more value.",
        "Nothing; the next release takes it."),
    row("request-parameter-enum-value-removed", Breaking, "A parameter no longer takes a value.",
        "Stop passing it.").gone(),
    row("request-parameter-enum-introduced", Breaking, "A parameter takes only the values of a list.",
        "Check the values you pass."),
    row("request-parameter-enum-dropped", Info, "A parameter takes more than the values of a list.",
        "Pass a string to its setter."),
    row("request-property-enum-value-added", Info, "A property that is sent may have one more value.",
        "Nothing; the next release sends it."),
    row("request-property-enum-value-removed", Breaking, "A property that is sent may no longer have a value.",
        "Stop sending it.").gone(),
    row("request-property-enum-introduced", Breaking, "A property that is sent may only have the values of a list.",
        "Check the values you send."),
    row("request-property-enum-dropped", Info, "A property that is sent may have more than the values of a list.",
        "Pass a string to its setter."),
    row("response-property-enum-value-added", Info, "A property that is received may have one more value.",
        "Nothing; it arrives as a value without a name until the next release has one."),
    row("response-property-enum-value-removed", Warning, "A property that is received no longer has a value.",
        "Remove the value from your matches.").gone(),
    row("response-property-enum-introduced", Info, "A property that is received has only the values of a list.",
        "Match on the new enum, or take its text with `as_str`."),
    row("response-property-enum-dropped", Warning, "A property that is received may have more than the values of a list.",
        "Compare strings where you matched on the enum."),
    row("request-parameter-default-changed", Warning, "A parameter that is not set has another meaning.",
        "Set the parameter where you rely on its default."),
    row("request-property-default-changed", Warning, "A property that is not sent has another meaning.",
        "Set the property where you rely on its default."),
    row("response-property-default-changed", Warning, "A property that is not received has another meaning.",
        "Check what you take its absence for."),
    row("request-parameter-constraint-tightened", Warning, "A limit of a parameter is stricter.",
        "Check the values you pass."),
    row("request-parameter-constraint-loosened", Warning, "A limit of a parameter is looser.",
        "Nothing; this release still refuses what was refused before."),
    row("request-property-constraint-tightened", Warning, "A limit of a property that is sent is stricter.",
        "Check the values you send."),
    row("request-property-constraint-loosened", Warning, "A limit of a property that is sent is looser.",
        "Nothing; this release still refuses what was refused before."),
    row("response-property-constraint-tightened", Warning, "A limit of a property that is received is stricter.",
        "Nothing; the crate does not check what it receives."),
    row("response-property-constraint-loosened", Warning, "A limit of a property that is received is looser.",
        "Check where you store it: longer or larger values may come."),
    row("request-parameter-example-changed", Info, "The example of a parameter has another shape.",
        "Look at the surface that changes with the next release.").may_be_absorbed(),
    row("request-property-example-changed", Info, "The example of a property that is sent has another shape.",
        "Look at the surface that changes with the next release.").may_be_absorbed(),
    row("response-property-example-changed", Info, "The example of a property that is received has another shape.",
        "Look at the surface that changes with the next release.").may_be_absorbed(),
    // Schemas as such.
    row("schema-renamed", Level::None, "A definition has another name, which is not sent.",
        "Rename the type in your code.").gone().may_be_absorbed(),
    row("schema-moved", Level::None, "A shape that was written at its place is a definition now, or the reverse.",
        "Rename the type in your code.").may_be_absorbed(),
    row("schema-respelled", Level::None, "A type is spelled differently and means the same.",
        "Look at the surface that changes with the next release.").may_be_absorbed(),
    row("schema-added", Info, "A definition is new that nothing uses.",
        "Nothing."),
    row("schema-removed", Info, "A definition is gone that nothing used.",
        "Nothing.").gone(),
    row("unused-schema-changed", Info, "A definition changed that no request and no success uses.",
        "Nothing."),
    row("schema-untyped", Warning, "Nothing tells the type of something, not even an example.",
        "Expect `serde_json::Value` there until a maintainer knows more."),
    // Webhooks.
    row("webhook-added", Info, "A webhook event is new.",
        "Make sure that your receiver ignores events it does not know."),
    row("webhook-removed", Breaking, "A webhook event is gone.",
        "Stop waiting for it.").gone(),
    row("webhook-renamed", Breaking, "A webhook event has another name and is otherwise the same.",
        "Accept the new name in your receiver.").gone(),
    // What is ours.
    row("overlay-action-unmatched", Level::None, "An overlay of ours is written for what no longer exists.",
        "Nothing yet: a maintainer must repair the overlay before the crate can be generated."),
    row("overlay-action-unneeded", Level::None, "The document says by itself what an overlay of ours said.",
        "Nothing; a maintainer removes the action from the overlay."),
    row("path-id-untold", Level::None, "Nothing tells whose id a path takes; it is a plain number.",
        "Check the number that you pass: the compiler does not."),
    row("name-taken", Level::None, "A name is one in Rust with another of its kind, or with an option of every call.",
        "Nothing yet: a maintainer must rename it before the crate can be generated."),
    row("generation-failed", Level::None, "No rule of ours understands the new document.",
        "Nothing yet: a maintainer must teach the pipeline before the crate can be generated."),
    row("surface-changed", Level::None, "The crate's surface changes without a change of the contract at that place.",
        "Adapt your code to the surface that changes with the next release."),
];

/// The table as Markdown.
pub fn table() -> String {
    let mut text = String::from(
        "| rule | on the wire | what changed | what a user of the crate should do |\n|---|---|---|---|\n",
    );
    for rule in RULES {
        let Rule {
            id,
            wire,
            meaning,
            action,
            ..
        } = rule;
        text.push_str(&format!("| `{id}` | {wire} | {meaning} | {action} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_in_kebab_case() {
        let mut ids: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
        assert!(ids.iter().all(|id| {
            id.split('-')
                .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()))
        }));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RULES.len());
    }

    #[test]
    fn texts_are_sentences() {
        for rule in RULES {
            for text in [rule.meaning, rule.action] {
                assert!(
                    text.ends_with('.') && text.starts_with(char::is_uppercase),
                    "{text}"
                );
            }
        }
    }
}
