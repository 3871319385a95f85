//! What a syslog server takes: framing by hand, messages by the parser of others.

use syslog_rfc5424::SyslogMessage;

/// Messages with their length before them: those that are whole, and how many bytes they are.
pub fn split_counted(bytes: &[u8]) -> Result<(Vec<&[u8]>, usize), String> {
    let mut messages = Vec::new();
    let mut at = 0;
    while let Some(space) = bytes[at..].iter().position(|byte| *byte == b' ') {
        let digits = &bytes[at..at + space];
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        if !is_number || digits[0] == b'0' {
            return Err(format!("no length: {:?}", String::from_utf8_lossy(digits)));
        }
        let length: usize = std::str::from_utf8(digits).unwrap().parse().unwrap();
        let begin = at + space + 1;
        let Some(message) = bytes.get(begin..begin + length) else {
            break;
        };
        messages.push(message);
        at = begin + length;
    }
    Ok((messages, at))
}

/// Messages that each end with a line feed.
pub fn split_lines(bytes: &[u8]) -> Result<(Vec<&[u8]>, usize), String> {
    let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
        return Ok((Vec::new(), 0));
    };
    Ok((bytes[..end].split(|byte| *byte == b'\n').collect(), end + 1))
}

pub fn parse(message: &[u8]) -> Result<SyslogMessage, String> {
    let text = std::str::from_utf8(message).map_err(|error| error.to_string())?;
    let header = text.split('[').next().unwrap_or_default();
    if !header.bytes().all(|byte| (32..127).contains(&byte)) {
        return Err(format!("no ASCII in the header: {header:?}"));
    }
    let parsed: SyslogMessage = text.parse().map_err(|error| format!("{error}: {text:?}"))?;
    let longest = [
        (&parsed.hostname, 255),
        (&parsed.appname, 48),
        (&parsed.msgid, 32),
    ];
    for (field, longest) in longest {
        if field.as_ref().is_some_and(|field| field.len() > longest) {
            return Err(format!("{field:?} is too long"));
        }
    }
    Ok(parsed)
}

/// A parameter of our structured data.
pub fn parameter(message: &SyslogMessage, name: &str) -> Option<String> {
    message.sd.find_tuple("huntress@32473", name).cloned()
}

/// The stable id of a message.
pub fn id(message: &[u8]) -> Result<String, String> {
    let message = parse(message)?;
    parameter(&message, "id").ok_or_else(|| format!("no stable id: {message:?}"))
}

/// The text behind the byte order mark.
pub fn text(message: &SyslogMessage) -> &str {
    message.msg.strip_prefix('\u{feff}').unwrap_or(&message.msg)
}
