//! How long a server asks its callers to wait.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// What `Retry-After` says: seconds, or a date.
///
/// A date is one of the server's clock, so it is compared with the server's own `Date`
/// where that is there. A date in the past asks for nothing.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are still a long time.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let now = date(headers, DATE).unwrap_or_else(SystemTime::now);
    Some(until.duration_since(now).unwrap_or_default())
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    let text = headers.get(name)?.to_str().ok()?;
    httpdate::parse_http_date(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn asks(headers: &[(HeaderName, &str)]) -> Option<Duration> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()));
        retry_after(&headers.collect())
    }

    #[test]
    fn seconds() {
        let seconds = |text| asks(&[(RETRY_AFTER, text)]).map(|wait| wait.as_secs());
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds(" 30 "), Some(30));
        assert_eq!(seconds("99999999999999999999999"), Some(u64::MAX));
        for nothing in ["", "-1", "1.5", "soon", "30s"] {
            assert_eq!(seconds(nothing), None, "{nothing:?}");
        }
        assert_eq!(asks(&[]), None);
    }

    #[test]
    fn a_date_in_each_of_its_three_forms_by_the_servers_clock() {
        let sent = (DATE, "Sun, 06 Nov 1994 08:49:37 GMT");
        for (until, seconds) in [
            ("Sun, 06 Nov 1994 08:50:07 GMT", 30),
            ("Sunday, 06-Nov-94 08:50:07 GMT", 30),
            ("Sun Nov  6 08:50:07 1994", 30),
            ("Sun, 06 Nov 1994 08:49:00 GMT", 0),
        ] {
            let asked = asks(&[sent.clone(), (RETRY_AFTER, until)]);
            assert_eq!(asked, Some(Duration::from_secs(seconds)), "{until}");
        }
    }

    #[test]
    fn a_date_by_our_clock_where_the_server_tells_no_time() {
        let until = SystemTime::now() + Duration::from_secs(100);
        let until = httpdate::fmt_http_date(until);
        let asked = asks(&[(RETRY_AFTER, &until)]).unwrap().as_secs();
        assert!((90..=100).contains(&asked), "{asked}");
        assert_eq!(
            asks(&[(RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT")]),
            Some(Duration::ZERO)
        );
    }
}
