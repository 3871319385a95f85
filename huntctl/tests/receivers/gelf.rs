//! What Graylog takes, and nothing else.

use std::collections::HashMap;
use std::io::Read as _;

use serde_json::Value;

/// The stable id of a message.
pub fn id(message: &[u8]) -> Result<String, String> {
    let message = parse(message)?;
    let id = message["_huntress_event_id"].as_str();
    id.map(str::to_owned)
        .ok_or_else(|| format!("no stable id: {message}"))
}

/// A message of GELF 1.1.
pub fn parse(bytes: &[u8]) -> Result<Value, String> {
    let message: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let fields = message.as_object().ok_or("no object")?;
    let demand = |holds: bool, what: &str| {
        if holds {
            Ok(())
        } else {
            Err(format!("{what}: {message}"))
        }
    };
    demand(message["version"] == "1.1", "version is the text 1.1")?;
    for name in ["host", "short_message"] {
        let text = message[name].as_str().unwrap_or_default();
        demand(!text.trim().is_empty(), "a text that is needed is empty")?;
    }
    demand(
        message["timestamp"].is_f64() || message["timestamp"].is_i64(),
        "timestamp",
    )?;
    demand(
        message["level"].as_u64().is_some_and(|level| level < 8),
        "level",
    )?;
    for (name, value) in fields {
        if ["version", "host", "short_message", "timestamp", "level"].contains(&name.as_str()) {
            continue;
        }
        let own = name.strip_prefix('_').unwrap_or_default();
        demand(!own.is_empty() && own != "id", "a name that is forbidden")?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        demand(own.chars().all(allowed), "a name with other characters")?;
        demand(
            value.is_string() || value.is_number(),
            "a value is text or number",
        )?;
        demand(
            value.as_str().is_none_or(|text| text.len() < 32_767),
            "a text is too long",
        )?;
    }
    Ok(message)
}

/// Puts chunks together.
#[derive(Default)]
pub struct Chunks(HashMap<[u8; 8], Vec<Option<Vec<u8>>>>);

impl Chunks {
    /// A whole message, if this datagram makes one complete.
    pub fn add(&mut self, datagram: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let whole = match datagram {
            [0x1e, 0x0f, rest @ ..] => self.chunk(rest)?,
            _ => Some(datagram.to_vec()),
        };
        whole.map(unpacked).transpose()
    }

    fn chunk(&mut self, rest: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let (id, rest) = rest
            .split_first_chunk::<8>()
            .ok_or("a chunk without an id")?;
        let [index, count, data @ ..] = rest else {
            return Err("a chunk without a number".into());
        };
        let (index, count) = (usize::from(*index), usize::from(*count));
        if count == 0 || count > 128 || index >= count || data.is_empty() {
            return Err(format!("chunk {index} of {count}"));
        }
        let pieces = self.0.entry(*id).or_insert_with(|| vec![None; count]);
        if pieces.len() != count {
            return Err("chunks of different messages with one id".into());
        }
        pieces[index] = Some(data.to_vec());
        if pieces.iter().any(Option::is_none) {
            return Ok(None);
        }
        let pieces = self.0.remove(id).unwrap();
        Ok(Some(pieces.into_iter().flatten().flatten().collect()))
    }
}

fn unpacked(message: Vec<u8>) -> Result<Vec<u8>, String> {
    if !message.starts_with(&[0x1f, 0x8b]) {
        return Ok(message);
    }
    let mut plain = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(&message[..]);
    decoder
        .read_to_end(&mut plain)
        .map_err(|error| error.to_string())?;
    Ok(plain)
}

/// Messages that each end with a NUL: those that are whole, and how many bytes they are.
pub fn split(bytes: &[u8]) -> Result<(Vec<&[u8]>, usize), String> {
    let Some(end) = bytes.iter().rposition(|byte| *byte == 0) else {
        return Ok((Vec::new(), 0));
    };
    Ok((bytes[..end].split(|byte| *byte == 0).collect(), end + 1))
}
