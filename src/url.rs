//! What a call puts into its URL: segments of the path, and pairs of the query.
//!
//! The generated code calls these. A value of the query is written as its `Display` writes
//! it, which for every type of a parameter is also what stands in JSON; reqwest encodes the
//! pairs as a form does.

use std::fmt::{Display, Write as _};

/// A value as one segment of a path: every byte that is not unreserved by RFC 3986 is
/// percent-encoded, so it can end neither the segment nor the path.
pub(crate) fn segment(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            // Writing into a string cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

/// The name with each of the values; nothing where there are none.
pub(crate) fn pairs<'a, T: Display + 'a>(
    name: &'static str,
    values: impl IntoIterator<Item = &'a T>,
) -> Vec<(&'static str, String)> {
    let values = values.into_iter();
    values.map(|value| (name, value.to_string())).collect()
}

/// A list as the one value of its parameter; nothing for an empty one.
pub(crate) fn comma_separated<T: Display>(values: Option<Vec<T>>) -> Option<String> {
    let values: Vec<String> = values?.iter().map(ToString::to_string).collect();
    (!values.is_empty()).then(|| values.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{AgentId, Severity};

    #[test]
    fn a_segment_keeps_the_unreserved_bytes_and_encodes_all_others() {
        let unreserved = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
        for byte in 0..=0x7f_u8 {
            let text = char::from(byte).to_string();
            if unreserved.contains(&text) {
                assert_eq!(segment(&text), text);
            } else {
                assert_eq!(segment(&text), format!("%{byte:02X}"));
            }
        }
        assert_eq!(segment("7/../8?x=%2F#y"), "7%2F..%2F8%3Fx%3D%252F%23y");
        assert_eq!(segment("ü日"), "%C3%BC%E6%97%A5");
        assert_eq!(segment(""), "");
    }

    #[test]
    fn a_url_gives_every_segment_back_as_one() {
        let every_byte: String = (1..=0xff_u8).map(char::from).collect();
        for text in [every_byte.as_str(), "a/b", "a b", "ü", "%2e%2e"] {
            let url = format!("https://api.example/v1/things/{}/x", segment(text));
            let url = reqwest::Url::parse(&url).unwrap();
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            assert_eq!(segments, ["v1", "things", &segment(text), "x"], "{text:?}");
            assert_eq!((url.query(), url.fragment()), (None, None), "{text:?}");
        }
    }

    /// The query of a request with these pairs.
    #[track_caller]
    fn query(pairs: &[(&'static str, String)]) -> String {
        let here = "http://127.0.0.1/";
        let builder = crate::Client::builder().base_url(here);
        let client = builder.credentials(("hk_x", "hs_x")).build().unwrap();
        let request = client.http().get(here).query(pairs);
        let request = request.build().unwrap();
        request.url().query().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_value_is_written_as_it_stands_in_json() {
        let time: jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let date: jiff::civil::Date = "2026-01-02".parse().unwrap();
        let severity = Severity::other("of next year");
        for (pairs, asked) in [
            (pairs("limit", &Some(500_u32)), "limit=500"),
            (pairs("id", [&-1_i64]), "id=-1"),
            (pairs("external", &Some(false)), "external=false"),
            (pairs("agent_id", &Some(AgentId::from(7))), "agent_id=7"),
            (pairs("severity", &Some(Severity::Low)), "severity=low"),
            (pairs("severity", &Some(severity)), "severity=of+next+year"),
            (pairs("from", &Some(time)), "from=2026-01-02T03%3A04%3A05Z"),
            (pairs("on", &Some(date)), "on=2026-01-02"),
            (pairs("q", &Some("a&b=ü".to_owned())), "q=a%26b%3D%C3%BC"),
            (pairs("q", &Some(String::new())), "q="),
            (pairs("q", &None::<String>), ""),
        ] {
            assert_eq!(query(&pairs), asked);
        }
    }

    #[test]
    fn a_list_is_repeated_or_joined_by_commas_and_an_empty_one_is_left_out() {
        let list = |values: &[&str]| Some(values.iter().map(ToString::to_string).collect());
        let repeated = |values: Option<Vec<String>>| pairs("a[]", values.iter().flatten());
        assert_eq!(
            query(&repeated(list(&["x", "y z"]))),
            "a%5B%5D=x&a%5B%5D=y+z"
        );
        assert_eq!(query(&repeated(list(&[]))), "");
        assert_eq!(query(&repeated(None)), "");
        let joined = |values: Option<Vec<String>>| pairs("a", &comma_separated(values));
        assert_eq!(query(&joined(list(&["a b", "c"]))), "a=a+b%2Cc");
        assert_eq!(query(&joined(list(&[]))), "");
        assert_eq!(query(&joined(None)), "");
    }
}
