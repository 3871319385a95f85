//! Where a document comes from: a URL or a file, read with a time-out and a size limit.

use std::convert::Infallible;
use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

/// The largest document that is read, in bytes: the vendor's has 0.2 MiB, and one of this size
/// takes some seconds and 350 MB.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A place to read a document from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An http or https URL.
    Url(String),
    /// A file.
    Path(PathBuf),
}

impl FromStr for Source {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(
            if text.starts_with("http://") || text.starts_with("https://") {
                Self::Url(text.to_owned())
            } else {
                Self::Path(text.into())
            },
        )
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Source {
    /// Reads the whole document as text.
    ///
    /// Fails with one sentence that names the source when it cannot be reached,
    /// answers with anything but 200, takes longer than `timeout`, is larger
    /// than [`MAX_BYTES`] or is not UTF-8.
    pub fn read(&self, timeout: Duration) -> Result<String> {
        let bytes = match self {
            Self::Url(url) => download(url, timeout)?,
            Self::Path(path) => {
                let file =
                    std::fs::File::open(path).with_context(|| format!("cannot open {self}"))?;
                read_limited(file).map_err(|problem| problem.explain(self, timeout))?
            }
        };
        String::from_utf8(bytes).map_err(|_| anyhow!("{self} is not UTF-8 text"))
    }
}

fn download(url: &str, timeout: Duration) -> Result<Vec<u8>> {
    let source = Source::Url(url.to_owned());
    let client = reqwest::blocking::Client::builder()
        .tls_backend_preconfigured(tls()?)
        .timeout(timeout)
        // A document that has moved is for a person to see.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent("huntress-rs xtask")
        .build()?;
    let response = client.get(url).send().map_err(|error| {
        if error.is_timeout() {
            anyhow!("{source} did not answer within {timeout:?}")
        } else {
            anyhow!("cannot reach {source}: {}", innermost(&error))
        }
    })?;
    let status = response.status();
    if status.is_redirection() {
        let target = response.headers().get(reqwest::header::LOCATION);
        let target = target.and_then(|target| target.to_str().ok());
        bail!(
            "{source} answered {status}, a redirect to {}; pass that address if it is right",
            target.unwrap_or("nowhere")
        );
    }
    if status != reqwest::StatusCode::OK {
        bail!("{source} answered {status}; expected 200 OK");
    }
    read_limited(response).map_err(|problem| problem.explain(&source, timeout))
}

fn tls() -> Result<rustls::ClientConfig> {
    use rustls_platform_verifier::BuilderVerifierExt as _;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth())
}

enum ReadProblem {
    TooLarge,
    Io(std::io::Error),
}

impl ReadProblem {
    fn explain(self, source: &Source, timeout: Duration) -> anyhow::Error {
        match self {
            Self::TooLarge => anyhow!("{source} is larger than {} MiB", MAX_BYTES >> 20),
            Self::Io(error) if error.to_string().contains("timed out") => {
                anyhow!("{source} did not finish within {timeout:?}")
            }
            Self::Io(error) => anyhow!("{source} broke off: {}", innermost(&error)),
        }
    }
}

fn read_limited(reader: impl Read) -> Result<Vec<u8>, ReadProblem> {
    let mut bytes = Vec::new();
    reader
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(ReadProblem::Io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ReadProblem::TooLarge);
    }
    Ok(bytes)
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
