//! A parser of CEF, written from its definition.

use std::collections::BTreeMap;

pub struct Cef {
    /// Vendor, product, version, signature, name, severity.
    pub header: Vec<String>,
    pub fields: BTreeMap<String, String>,
}

pub fn parse(text: &str) -> Result<Cef, String> {
    let mut rest = text
        .strip_prefix("CEF:0|")
        .ok_or("it does not begin with CEF:0|")?;
    let mut header = Vec::new();
    while header.len() < 6 {
        let end = unescaped(rest, '|').ok_or("the header is too short")?;
        header.push(plain(&rest[..end], &[('|', '|')])?);
        rest = &rest[end + 1..];
    }
    let mut fields = BTreeMap::new();
    // A key ends before a `=`, and a value before the next key.
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or("a field without `=`")?;
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(format!("{key:?} is no key"));
        }
        let (value, next) = match unescaped(after, '=') {
            None => (after, ""),
            Some(equals) => {
                let space = after[..equals].rfind(' ').ok_or("no space before a key")?;
                (&after[..space], &after[space + 1..])
            }
        };
        let value = plain(value, &[('=', '='), ('n', '\n'), ('r', '\r')])?;
        if fields.insert(key.to_owned(), value).is_some() {
            return Err(format!("{key} is there twice"));
        }
        rest = next;
    }
    Ok(Cef { header, fields })
}

/// Where this character is without a backslash before it.
fn unescaped(text: &str, what: char) -> Option<usize> {
    let mut escaped = false;
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == what => return Some(index),
            _ => {}
        }
    }
    None
}

fn plain(text: &str, escapes: &[(char, char)]) -> Result<String, String> {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c.is_control() {
            return Err(format!("a control character in {text:?}"));
        }
        if c != '\\' {
            plain.push(c);
            continue;
        }
        let escaped = rest.next().ok_or("a backslash at the end")?;
        if escaped == '\\' {
            plain.push('\\');
            continue;
        }
        let known = escapes.iter().find(|(from, _)| *from == escaped);
        let (_, to) = known.ok_or_else(|| format!("\\{escaped} in {text:?}"))?;
        plain.push(*to);
    }
    Ok(plain)
}
