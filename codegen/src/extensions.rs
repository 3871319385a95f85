//! The keys of ours in `spec/openapi.json` and in the overlays, one line each: where it
//! stands and what it means; who writes it → who reads it.
//!
//! They say what OpenAPI has no words for. The rules are files of `xtask/src/generate/`;
//! "code" is what is made of the document in this folder. The simulator and the tests of the
//! client read the document alone and spell the keys themselves. `x-huntress-api-call-limit`
//! and `-remaining` are none of these: they are headers of the vendor's answers.

/// An operation: it can be called for one managed account. `mirror` → code, simulator.
pub const ACCOUNT_SCOPE: &str = "x-huntress-account-scope";
/// A component that is sent: of these properties one may be given. Overlays → code, simulator.
pub const AT_MOST_ONE: &str = "x-huntress-at-most-one";
/// An inline response: the server also sends the resource without its key. Overlays → `hoist`.
pub const BARE: &str = "x-huntress-bare";
/// An array in a body: it travels as one string, with commas. Overlays → code, simulator.
pub const COMMA_SEPARATED: &str = "x-huntress-comma-separated";
/// `info`: which contract the document was made of, and its days. `fetched` → code.
pub const CONTRACT: &str = "x-huntress-contract";
/// A property: in which other shape the server sends it. Overlays → code.
pub const DECODE: &str = "x-huntress-decode";
/// A component: it only wraps a result, of this kind under this key. `hoist` → code, simulator.
pub const ENVELOPE: &str = "x-huntress-envelope";
/// A component that is sent: just one of these properties is given. Overlays → code, simulator.
pub const EXACTLY_ONE: &str = "x-huntress-exactly-one";
/// A component: it is the id of a thing. `ids` → code, simulator.
pub const ID: &str = "x-huntress-id";
/// A schema: whose id it is; `false` where it is nobody's. Overlays → `ids`.
pub const ID_OF: &str = "x-huntress-id-of";
/// A place with a name: values of its enum that no place lists. Overlays → `roles`.
pub const MORE_VALUES: &str = "x-huntress-more-values";
/// What an operation, component, enum, object or setter is called. Overlays → `names`, `hoist`, `roles`, code.
pub const NAME: &str = "x-huntress-name";
/// A component: it stands beside a result in envelopes and nowhere else. `parts` → code.
pub const PART_OF_ENVELOPE: &str = "x-huntress-part-of-envelope";
/// An operation: it changes nothing, although it is not a GET. Overlays → code, simulator, drift.
pub const READS: &str = "x-huntress-reads";
/// An overlay: for which document of the pipeline it is written. Overlays → `overlay`.
pub const STAGE: &str = "x-huntress-stage";
/// An action of an overlay: it is skipped where this JSONPath matches. Overlays → `overlay`.
pub const UNLESS: &str = "x-huntress-unless";
/// An enum: what its values mean, by value. Overlays → `overlay`, code.
pub const VALUE_DOCS: &str = "x-huntress-value-docs";
/// A place of an enum: the values that it has, where these are not all. `roles` → code, simulator.
pub const VALUES: &str = "x-huntress-values";

/// All of them.
pub const ALL: [&str; 18] = [
    ACCOUNT_SCOPE,
    AT_MOST_ONE,
    BARE,
    COMMA_SEPARATED,
    CONTRACT,
    DECODE,
    ENVELOPE,
    EXACTLY_ONE,
    ID,
    ID_OF,
    MORE_VALUES,
    NAME,
    PART_OF_ENVELOPE,
    READS,
    STAGE,
    UNLESS,
    VALUE_DOCS,
    VALUES,
];
