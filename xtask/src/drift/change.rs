//! A change as it grows: a [`Draft`] of what differs on the wire, a [`Finding`] with what
//! it does to the crate, and the [`Change`] that is reported.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};

use super::rules::{Level, Rule};
use crate::spec_folder;

/// A change of the contract, before it is known what it does to the crate.
#[derive(Clone, Debug)]
pub struct Draft {
    pub rule: &'static Rule,
    /// The file of the contract, in the `spec` folder.
    pub document: &'static str,
    /// The operation, where it is one's own: in lower case, and the path in the new
    /// document (in the base where it is gone).
    pub operation: Option<(&'static str, String)>,
    /// The definition, where it is one's own: in the base and in the new document.
    pub definition: Option<(String, String)>,
    /// Where it was; `None` where it is new.
    pub base: Option<String>,
    /// Where it is; `None` where it is gone.
    pub new: Option<String>,
    /// What has changed, in words, without the operation.
    pub text: String,
    /// The same has happened to the mirror under a managed account.
    pub mirrored: bool,
}

impl Draft {
    pub fn new(
        rule: &'static Rule,
        base: Option<String>,
        new: Option<String>,
        text: String,
    ) -> Self {
        Self {
            rule,
            document: spec_folder::API,
            operation: None,
            definition: None,
            base,
            new,
            text,
            mirrored: false,
        }
    }
}

/// Something that users of the crate can name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Operation(String),
    /// By the name it has in the URL.
    Argument(String, String),
    Type(String),
    Field(String, String),
}

impl Subject {
    /// The operation or type that this is a part of.
    pub fn whole(&self) -> Option<Self> {
        match self {
            Self::Argument(operation, _) => Some(Self::Operation(operation.clone())),
            Self::Field(ty, _) => Some(Self::Type(ty.clone())),
            _ => None,
        }
    }

    /// Whether this is a part of `whole`.
    pub fn is_part_of(&self, whole: &Self) -> bool {
        self.whole().as_ref() == Some(whole)
    }

    /// The type that this is or is a part of.
    pub fn ty(&self) -> Option<&str> {
        match self {
            Self::Type(name) | Self::Field(name, _) => Some(name),
            _ => None,
        }
    }

    /// The operation or type that this is or is a part of.
    pub fn owner(&self) -> &str {
        match self {
            Self::Operation(name) | Self::Argument(name, _) => name,
            Self::Type(name) | Self::Field(name, _) => name,
        }
    }
}

/// The judgement for users of the crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sdk {
    Known(Level),
    /// The crate cannot be generated from the new document.
    Unknown,
}

impl Serialize for Sdk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Sdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(level) => level.fmt(f),
            Self::Unknown => f.pad("unknown"),
        }
    }
}

/// How many lines of the surface are shown with one change.
const LINES: usize = 100;

/// A draft with everything that was found of it.
pub struct Finding {
    pub draft: Draft,
    pub sdk: Sdk,
    /// The lines of the surface that change.
    pub lines: Vec<String>,
    /// How many more lines change.
    pub more_lines: usize,
    /// What a maintainer must repair.
    pub repair: Vec<String>,
    /// What it was and is in the surface.
    pub base: BTreeSet<Subject>,
    pub new: BTreeSet<Subject>,
    /// What it lies within.
    pub above: BTreeSet<Subject>,
    /// The types it can be the cause of.
    pub types: BTreeSet<String>,
}

impl Finding {
    pub fn new(draft: Draft, sdk: Sdk) -> Self {
        Self {
            draft,
            sdk,
            lines: Vec::new(),
            more_lines: 0,
            repair: Vec::new(),
            base: BTreeSet::new(),
            new: BTreeSet::new(),
            above: BTreeSet::new(),
            types: BTreeSet::new(),
        }
    }

    /// What is not a change of the contract, at a place of the new document.
    pub fn plain(rule: &'static Rule, level: Level, pointer: String, text: String) -> Self {
        let draft = Draft::new(rule, None, Some(pointer), text);
        Self::new(draft, Sdk::Known(level))
    }

    pub fn worsen(&mut self, level: Level) {
        if let Sdk::Known(known) = &mut self.sdk {
            *known = level.max(*known);
        }
    }

    /// Shows lines of the surface, each once; of very many only the first.
    pub fn show(&mut self, lines: &[String]) {
        for line in lines {
            if self.lines.len() == LINES {
                self.more_lines += 1;
            } else if !self.lines.contains(line) {
                self.lines.push(line.clone());
            }
        }
    }

    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.base.iter().chain(&self.new)
    }
}

/// One change, judged.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    #[serde(rename = "id")]
    pub rule: &'static Rule,
    /// The worse of the two judgements, and at least `info`.
    pub level: Level,
    /// What it does to somebody who talks to the API directly.
    pub wire: Level,
    /// What it does to the crate's users; unknown where the crate cannot be generated.
    pub sdk: Sdk,
    /// The file that changed, in the `spec` folder.
    pub document: &'static str,
    /// The method of the operation, where one operation alone is concerned.
    pub method: Option<String>,
    pub path: Option<String>,
    /// Its name in the crate.
    pub operation: Option<String>,
    /// The names of all operations that are concerned.
    pub operations: Vec<String>,
    /// The place in the new document, or in the base where it is gone.
    pub pointer: String,
    /// What changed, in a sentence.
    pub text: String,
    /// What a user of the crate should do.
    pub action: String,
    /// The lines of the surface that change.
    pub surface: Vec<String>,
    /// What a maintainer must repair before the crate can be generated.
    pub repair: Vec<String>,
}
