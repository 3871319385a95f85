//! Half of a character in JSON.
//!
//! An escape of one surrogate without the other, such as `\ud83d`, is allowed in JSON, and no
//! text can hold it. Who cuts a text off in the middle of a character writes one. serde refuses
//! all of the JSON for it; as a byte that is not UTF-8, it shall cost one character.

/// The JSON with U+FFFD in the place of each half of a character; `None` where there is none.
pub(crate) fn mended(json: &str) -> Option<String> {
    let mut bytes = json.as_bytes().to_vec();
    let (mut at, mut mended) = (0, false);
    while let Some(found) = memchr::memchr(b'\\', bytes.get(at..).unwrap_or_default()) {
        let escape = at + found;
        at = match (unit(&bytes, escape), unit(&bytes, escape + 6)) {
            // Another escape: what stands behind the backslash begins none.
            (None, _) => escape + 2,
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => escape + 12,
            (Some(0xd800..=0xdfff), _) => {
                bytes[escape + 2..escape + 6].copy_from_slice(b"fffd");
                mended = true;
                escape + 6
            }
            (Some(_), _) => escape + 6,
        };
    }
    mended.then(|| String::from_utf8(bytes).ok())?
}

/// The number that an escape `\uXXXX` stands for, where one begins here.
fn unit(json: &[u8], at: usize) -> Option<u32> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| {
        Some(unit * 16 + char::from(*digit).to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_is_replaced_and_nothing_else() {
        for (json, expected) in [
            (r#""\ud83d""#, Some(r#""\ufffd""#)),
            (r#""\ude00""#, Some(r#""\ufffd""#)),
            (r#""\ud83d\ud83d\ude00""#, Some(r#""\ufffd\ud83d\ude00""#)),
            (r#""\ud83dx\uDE00""#, Some(r#""\ufffdx\ufffd""#)),
            (
                r#"{"\uD800": ["a\ud83d\n"]}"#,
                Some(r#"{"\ufffd": ["a\ufffd\n"]}"#),
            ),
            (r#""\\\ud83d""#, Some(r#""\\\ufffd""#)),
            (r#""\ud83d\ude00""#, None),
            (r#""\\ud83d""#, None),
            (r#""\u00e9 é""#, None),
            (r#""\ud83""#, None),
            (r#""\u+83d""#, None),
            ("\"\\", None),
            ("", None),
        ] {
            assert_eq!(mended(json).as_deref(), expected, "{json}");
        }
    }
}
