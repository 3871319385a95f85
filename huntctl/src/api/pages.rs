//! The pages of a list, wherever the token of the next one goes.

use std::collections::{BTreeMap, HashSet};

use huntress::Request;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::failure::{Exit, Failure};

/// Some records, and how to get more.
pub(super) struct Page {
    pub(super) items: Vec<Box<RawValue>>,
    /// The token of the next page.
    pub(super) next: Option<String>,
}

/// Gives one page after the other.
pub(super) enum Pages {
    /// The token is in the query. The library follows it.
    ByQuery(Box<huntress::Pages<Box<RawValue>>>),
    /// The token is in the body.
    ByBody(Box<ByBody>),
}

pub(super) struct ByBody {
    request: Request,
    body: Value,
    key: String,
    seen: HashSet<String>,
    over: bool,
}

impl Pages {
    /// Of a request whose body is still missing.
    pub(super) fn by_body(request: Request, body: Value, key: &str) -> Self {
        Self::ByBody(Box::new(ByBody {
            request,
            body,
            key: key.to_owned(),
            seen: HashSet::new(),
            over: false,
        }))
    }

    /// The next page; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Page>, Failure> {
        match self {
            Self::ByQuery(pages) => loop {
                match pages.try_next().await {
                    Ok(page) => {
                        return Ok(page.map(|page| Page {
                            items: page.items,
                            next: page.next_page_token,
                        }));
                    }
                    // The page with the others follows.
                    Err(error) if error.is_record() => tracing::warn!("{error}"),
                    Err(error) => return Err(error.into()),
                }
            },
            Self::ByBody(pages) => pages.next().await,
        }
    }
}

impl ByBody {
    async fn next(&mut self) -> Result<Option<Page>, Failure> {
        if self.over {
            return Ok(None);
        }
        let response = self.request.clone().json(&self.body).send().await?;
        let page = opened(response.value(), &self.key)?;
        match &page.next {
            None => self.over = true,
            Some(token) if self.seen.insert(token.clone()) => {
                self.body["page_token"] = Value::from(token.clone());
            }
            Some(_) => {
                let text = "the token of the next page came before: the list would never end";
                return Err(Failure::new(Exit::Guarded, text));
            }
        }
        Ok(Some(page))
    }
}

/// The records below a key, and the token.
pub(super) fn opened(body: &[u8], key: &str) -> Result<Page, Failure> {
    let wrong = |why: String| {
        let text = format!("the answer is not the list that was asked for: {why}");
        Failure::new(Exit::Failed, text)
    };
    let parsed: Result<BTreeMap<String, Box<RawValue>>, _> = serde_json::from_slice(body);
    let parsed = parsed.map_err(|problem| wrong(problem.to_string()))?;
    let items = parsed
        .get(key)
        .ok_or_else(|| wrong(format!("it has no `{key}`")))?;
    let items = serde_json::from_str(items.get());
    let pagination = parsed.get("pagination").map(|raw| raw.get());
    let pagination: Value = pagination
        .and_then(|raw| serde_json::from_str(raw).ok())
        .unwrap_or_default();
    let next = pagination["next_page_token"]
        .as_str()
        .filter(|token| !token.is_empty());
    Ok(Page {
        items: items.map_err(|problem| wrong(problem.to_string()))?,
        next: next.map(str::to_owned),
    })
}
