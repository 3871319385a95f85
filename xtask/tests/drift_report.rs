//! Whatever words the vendor's document has, a report in a pull request is the report and
//! nothing else, and one in a workflow's log is one command a change.

use proptest::prelude::*;
use proptest::sample;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag};
use xtask::drift::report::{Compared, Format, Report, Summary};
use xtask::drift::rules::{self, Level};
use xtask::drift::{Change, Sdk};

#[rustfmt::skip]
const WORDS: [&str; 49] = [
    "`", "``", "```", "````", "~~~", "\n", "\r\n", "\u{2028}", "\u{202e}", "\u{1b}[31m", " ", "  ", "    ", "\t",
    "@octocat", "@", "#1", "#", "Fixes #1", "closes GH-12", "octocat/repo#3", "0123456789abcdef",
    "https://evil.example/x", "www.evil.example", "WWW.evil.example", "a@evil.example", "mailto:a@evil.example",
    "<https://evil.example>", "<img src=https://evil.example/x.png>", "<!--", "-->", "</p>", "&lt;", "\\",
    "[a](https://evil.example)", "![a](x.png)", "[^1]", "- [ ] a", "1. a", "> a", "# a", "*", "**", "_a_", "~~a~~",
    "| a | b |\n|---|---|", ":tada:", "$x$", "::error title=a::b",
];

fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => sample::select(&WORDS[..]).prop_map(str::to_owned),
        1 => "[a-c ]{0,3}",
    ];
    prop::collection::vec(word, 0..8).prop_map(|words| words.concat())
}

/// A report in which every word that can be the vendor's is.
fn report() -> impl Strategy<Value = Report> {
    (prop::collection::vec(words(), 6), any::<bool>()).prop_map(|(words, quoted)| {
        let [text, pointer, line, repair, operation, want] = words.try_into().unwrap();
        let text = if quoted {
            format!("the value `{text}` of `{operation}` is new")
        } else {
            text
        };
        let rule = rules::find("tags-changed").unwrap();
        let change = Change {
            rule,
            level: Level::Info,
            wire: Level::Info,
            sdk: Sdk::Known(Level::None),
            document: "swagger_doc.json",
            method: None,
            path: None,
            operation: None,
            operations: vec![operation],
            pointer,
            text,
            action: rule.action.to_owned(),
            surface: vec![format!("- {line}"), format!("+ {line}")],
            repair: vec![repair],
        };
        Report {
            summary: Summary::of(std::slice::from_ref(&change), None),
            compared: Compared {
                base: "the committed contract".to_owned(),
                base_digest: "sha256:0".to_owned(),
                new: want.clone(),
                new_digest: "sha256:1".to_owned(),
                webhooks: false,
            },
            changes: vec![change],
            wants: vec![want],
            ignored: Vec::new(),
            notes: Vec::new(),
        }
    })
}

fn run(test: impl Fn(Report) -> Result<(), TestCaseError>) {
    let config = Config {
        cases: 2_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2026),
        ..Config::default()
    };
    if let Err(problem) = TestRunner::new(config).run(&report(), test) {
        panic!("{problem}");
    }
}

#[test]
fn words_of_the_vendors_are_no_markup_in_a_pull_request() {
    run(|report| {
        let text = report.write(Format::Markdown);
        let (mut headings, mut items, mut blocks) = (0, 0, 0);
        let mut plain = String::new();
        for event in Parser::new_ext(&text, Options::all()) {
            match event {
                Event::Start(tag) => match tag {
                    Tag::Heading { level, .. } => {
                        prop_assert_eq!(level, HeadingLevel::H3, "{}", text);
                        headings += 1;
                    }
                    Tag::Item => items += 1,
                    Tag::CodeBlock(_) => blocks += 1,
                    Tag::Paragraph | Tag::Strong | Tag::List(None) => {}
                    other => prop_assert!(false, "{other:?} in {text}"),
                },
                Event::InlineHtml(html) => {
                    prop_assert!(["<br>", "<!-- -->"].contains(&&*html), "{html} in {text}");
                    plain.push('\0');
                }
                Event::Text(text) if blocks % 2 == 0 => plain.push_str(&text),
                Event::End(end) => {
                    blocks += usize::from(end == pulldown_cmark::TagEnd::CodeBlock);
                    plain.push('\0');
                }
                Event::Text(_) => {}
                Event::Code(_) | Event::SoftBreak => plain.push('\0'),
                other => prop_assert!(false, "{other:?} in {text}"),
            }
        }
        // One level, one list of wants; one change and one want.
        prop_assert_eq!((headings, items), (2, 2), "{}", text);
        let found = token(&plain);
        prop_assert!(found.is_none(), "{found:?} in {text}");
        Ok(())
    });
}

/// What GitHub makes of plain text: a mention, a reference, a link or an emoji.
fn token(plain: &str) -> Option<&str> {
    let starts = |start: &str, next: fn(char) -> bool| {
        let mut found = plain.match_indices(start);
        found.find_map(|(at, _)| {
            let rest = &plain[at + start.len()..];
            rest.starts_with(next).then(|| &plain[at..])
        })
    };
    let word = |c: char| c.is_alphanumeric();
    let commit = plain.split(|c: char| !c.is_ascii_hexdigit());
    starts("@", word)
        .or_else(|| starts("#", word))
        .or_else(|| starts("GH-", word))
        .or_else(|| starts("://", |_| true))
        .or_else(|| starts("www.", word))
        .or_else(|| starts("WWW.", word))
        .or_else(|| starts("mailto:", word))
        .or_else(|| starts(":tada", |c| c == ':').filter(|_| plain.contains(":tada:")))
        .or_else(|| commit.into_iter().find(|digits| digits.len() >= 7))
}

#[test]
fn words_of_the_vendors_are_no_command_in_a_log() {
    run(|report| {
        let text = report.write(Format::Github);
        let lines: Vec<&str> = text.split(['\n', '\r']).collect();
        let [change, headline, ""] = lines[..] else {
            return Err(TestCaseError::fail(text));
        };
        prop_assert!(change.starts_with("::notice file=spec/swagger_doc.json,title="));
        prop_assert!(headline.starts_with("drift: "));
        for format in [Format::Text, Format::Markdown] {
            let text = report.write(format);
            let commands = text.lines().filter(|line| line.starts_with("::"));
            prop_assert_eq!(commands.count(), 0, "{}", text);
        }
        Ok(())
    });
}
