//! A reader of HTML that is stricter than any browser. It knows the elements and attributes that
//! the pages have; an attacker's would be others. So to read a page is to test it.

use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Open(String, Vec<(String, String)>),
    Close(String),
    Text(String),
}

/// A page.
pub struct Html {
    pub path: String,
    pub tokens: Vec<Token>,
}

const VOID: [&str; 4] = ["input", "link", "meta", "br"];

/// The elements of the pages, with the attributes that each may have beside `class` and `id`.
const ELEMENTS: &[(&str, &[&str])] = &[
    ("a", &["aria-current", "download", "href", "rel"]),
    ("body", &[]),
    ("button", &["type"]),
    ("caption", &[]),
    ("code", &[]),
    ("dd", &[]),
    ("desc", &[]),
    ("details", &[]),
    (
        "div",
        &[
            "aria-hidden",
            "aria-label",
            "aria-labelledby",
            "role",
            "tabindex",
        ],
    ),
    ("dl", &[]),
    ("dt", &[]),
    ("figure", &[]),
    ("footer", &[]),
    ("form", &["action", "method", "role"]),
    ("h1", &[]),
    ("h2", &[]),
    ("head", &[]),
    ("header", &[]),
    ("html", &["lang"]),
    (
        "input",
        &["maxlength", "name", "placeholder", "type", "value"],
    ),
    ("label", &["for"]),
    ("li", &[]),
    ("link", &["href", "rel", "type"]),
    ("main", &["tabindex"]),
    ("meta", &["charset", "content", "name"]),
    ("nav", &["aria-label"]),
    ("ol", &[]),
    ("p", &[]),
    ("path", &["d"]),
    ("pre", &[]),
    ("rect", &["height", "width", "x"]),
    ("section", &["aria-label", "aria-labelledby"]),
    ("span", &[]),
    ("strong", &[]),
    ("summary", &[]),
    (
        "svg",
        &["aria-labelledby", "preserveAspectRatio", "role", "viewBox"],
    ),
    ("table", &[]),
    ("tbody", &[]),
    ("td", &[]),
    ("th", &["aria-sort", "scope"]),
    ("thead", &[]),
    ("time", &["datetime"]),
    ("title", &[]),
    ("tr", &[]),
    ("ul", &[]),
];

impl Html {
    pub fn read(path: &str, html: &str) -> Self {
        let html = html
            .strip_prefix("<!DOCTYPE html>\n")
            .unwrap_or_else(|| panic!("{path}: no doctype"));
        let it = Self {
            path: path.to_owned(),
            tokens: tokens(path, html),
        };
        it.is_known();
        it.is_balanced();
        it.is_accessible();
        it
    }

    fn open(&self) -> impl Iterator<Item = (&str, &[(String, String)])> {
        self.tokens.iter().filter_map(|token| match token {
            Token::Open(name, attributes) => Some((&**name, &**attributes)),
            _ => None,
        })
    }

    /// The values of an attribute.
    pub fn values(&self, attribute: &str) -> Vec<&str> {
        let all = self.open().flat_map(|(_, attributes)| attributes);
        let named = all.filter(|(name, _)| name == attribute);
        named.map(|(_, value)| &**value).collect()
    }

    /// All links and addresses.
    pub fn links(&self) -> BTreeSet<String> {
        let mut links: BTreeSet<String> = BTreeSet::new();
        for name in ["href", "action", "src"] {
            links.extend(self.values(name).into_iter().map(str::to_owned));
        }
        links
    }

    fn is_known(&self) {
        let path = &self.path;
        for (name, attributes) in self.open() {
            let known = ELEMENTS.iter().find(|(known, _)| *known == name);
            let (_, known) = known.unwrap_or_else(|| panic!("{path}: <{name}>"));
            for (attribute, _) in attributes {
                let any = ["class", "id"].contains(&&**attribute);
                assert!(
                    any || known.contains(&&**attribute),
                    "{path}: <{name} {attribute}>"
                );
            }
        }
    }

    fn is_balanced(&self) {
        let mut open: Vec<&str> = Vec::new();
        for token in &self.tokens {
            match token {
                Token::Open(name, _) if VOID.contains(&&**name) => {}
                Token::Open(name, _) => open.push(name),
                Token::Close(name) => {
                    assert_eq!(open.pop(), Some(&**name), "{}: </{name}>", self.path);
                }
                Token::Text(_) => {}
            }
        }
        assert!(open.is_empty(), "{}: {open:?}", self.path);
    }

    /// What can be told without a browser; the others are in the tests with one.
    fn is_accessible(&self) {
        let path = &self.path;
        let ids = self.values("id");
        let unique: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{path}: ids {ids:?}");
        for name in ["aria-labelledby", "for"] {
            for reference in self.values(name).iter().flat_map(|value| value.split(' ')) {
                assert!(unique.contains(reference), "{path}: {name} {reference}");
            }
        }
        for link in self
            .values("href")
            .iter()
            .filter_map(|link| link.strip_prefix('#'))
        {
            assert!(unique.contains(link), "{path}: #{link}");
        }
        let count = |name: &str| self.open().filter(|(open, _)| *open == name).count();
        for name in ["h1", "main", "header", "footer"] {
            assert_eq!(count(name), 1, "{path}: <{name}>");
        }
        assert_eq!(count("table"), count("caption"), "{path}: captions");
        for (name, attributes) in self.open() {
            let has = |wanted: &str| attributes.iter().any(|(name, _)| name == wanted);
            assert!(name != "th" || has("scope"), "{path}: <th> without scope");
            assert!(name != "svg" || has("role"), "{path}: <svg> without role");
        }
    }

    /// All text.
    pub fn text(&self) -> String {
        let texts = self.tokens.iter().filter_map(|token| match token {
            Token::Text(text) => Some(text.trim()),
            _ => None,
        });
        texts
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The rows of the table within the section of this id: the texts of their cells.
    pub fn rows(&self, id: &str) -> Vec<Vec<String>> {
        let mut tokens = self.tokens.iter().skip_while(|token| match token {
            Token::Open(name, attributes) => {
                name != "section" || !attributes.contains(&("id".to_owned(), id.to_owned()))
            }
            _ => true,
        });
        let mut rows: Vec<Vec<String>> = Vec::new();
        let mut within = false;
        for token in tokens.by_ref() {
            match token {
                Token::Close(name) if name == "section" => break,
                Token::Open(name, _) if name == "tbody" => within = true,
                Token::Open(name, _) if name == "tr" && within => rows.push(Vec::new()),
                Token::Open(name, _) if ["td", "th"].contains(&&**name) && within => {
                    rows.last_mut().unwrap().push(String::new());
                }
                Token::Text(text) if within => {
                    if let Some(cell) = rows.last_mut().and_then(|row| row.last_mut()) {
                        let between = if cell.is_empty() || text.trim().is_empty() {
                            ""
                        } else {
                            " "
                        };
                        cell.push_str(between);
                        cell.push_str(text.trim());
                    }
                }
                _ => {}
            }
        }
        rows
    }

    /// The page as lines: what a person reads, and where links lead.
    pub fn outline(&self) -> String {
        let mut lines = Vec::new();
        let mut line = String::new();
        let mut end = |line: &mut String| {
            let text = line.split_whitespace().collect::<Vec<_>>().join(" ");
            if !text.is_empty() && text != "|" {
                lines.push(text);
            }
            line.clear();
        };
        let mut skipped = None;
        for token in &self.tokens {
            if let Some(name) = skipped {
                if *token == Token::Close(String::from(name)) {
                    skipped = None;
                }
                continue;
            }
            match token {
                Token::Open(name, _) if name == "head" => skipped = Some("head"),
                Token::Open(name, _) if name == "header" => skipped = Some("header"),
                Token::Open(name, _) if name == "details" => skipped = Some("details"),
                Token::Open(name, attributes) => match &**name {
                    "h1" | "h2" => {
                        end(&mut line);
                        line.push_str(if name == "h1" { "# " } else { "## " });
                    }
                    "a" => {
                        let href = attributes.iter().find(|(name, _)| name == "href");
                        line.push_str(&format!(" [{}] ", href.map_or("", |(_, href)| href)));
                    }
                    "svg" => line.push_str(" svg: "),
                    "td" => line.push_str(" | "),
                    "th" if !line.is_empty() => line.push_str(" | "),
                    "div" | "dl" | "form" | "li" | "p" | "section" | "table" | "tr" | "ul" => {
                        end(&mut line);
                    }
                    "dd" => line.push_str(": "),
                    _ => line.push(' '),
                },
                Token::Close(name) => match &**name {
                    "dd" | "h1" | "h2" | "li" | "p" | "svg" if !line.contains(" | ") => {
                        end(&mut line)
                    }
                    "tr" | "table" | "form" | "div" | "pre" => end(&mut line),
                    _ => line.push(' '),
                },
                Token::Text(text) => line.push_str(text),
            }
        }
        end(&mut line);
        lines.join("\n")
    }
}

fn tokens(path: &str, mut rest: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    while !rest.is_empty() {
        let Some(after) = rest.strip_prefix('<') else {
            let end = rest.find('<').unwrap_or(rest.len());
            assert!(
                !rest[..end].contains('>'),
                "{path}: a bare > in {:?}",
                &rest[..end]
            );
            tokens.push(Token::Text(unescaped(path, &rest[..end])));
            rest = &rest[end..];
            continue;
        };
        if let Some(after) = after.strip_prefix('/') {
            let (name, after) = after.split_once('>').unwrap();
            tokens.push(Token::Close(name.to_owned()));
            rest = after;
            continue;
        }
        let end = after.find([' ', '>', '/']).unwrap();
        let (name, mut after) = (after[..end].to_owned(), &after[end..]);
        let mut attributes = Vec::new();
        let closed = loop {
            if let Some(end) = after.strip_prefix("/>") {
                after = end;
                break true;
            }
            if let Some(end) = after.strip_prefix('>') {
                after = end;
                break false;
            }
            after = after
                .strip_prefix(' ')
                .unwrap_or_else(|| panic!("{path}: <{name}: {after:.40}"));
            let end = after.find(['=', ' ', '>']).unwrap();
            let attribute = after[..end].to_owned();
            after = &after[end..];
            let mut value = "";
            if let Some(quoted) = after.strip_prefix("=\"") {
                (value, after) = quoted.split_once('"').unwrap();
                assert!(!value.contains(['<', '>']), "{path}: {attribute}={value}");
            }
            attributes.push((attribute, unescaped(path, value)));
        };
        tokens.push(Token::Open(name.clone(), attributes));
        if closed && !VOID.contains(&&*name) {
            tokens.push(Token::Close(name));
        }
        rest = after;
    }
    tokens
}

fn unescaped(path: &str, text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (name, after) = after
            .split_once(';')
            .unwrap_or_else(|| panic!("{path}: & in {text:?}"));
        plain.push(match name {
            "#38" | "amp" => '&',
            "#60" | "lt" => '<',
            "#62" | "gt" => '>',
            "#34" | "quot" => '"',
            "#39" => '\'',
            other => panic!("{path}: &{other};"),
        });
        rest = after;
    }
    plain + rest
}
