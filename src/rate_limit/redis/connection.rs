//! The connection to Redis: made when it is needed, kept, and made anew after any trouble.
//!
//! The `redis` crate speaks over a stream that is made here, since its own TLS panics in a
//! program that has two providers of cryptography, and trusts other certificates than the rest
//! of this crate. Its `ConnectionManager` keeps an error for good that is not one of I/O, such as
//! a wrong password that is put right, and a connection whose answers do not come.

use std::fmt;
use std::io;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo as _,
    RedisError, Script, ServerErrorKind,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::step::{Message, Reply};
use crate::error::{Error, Kind, innermost};

/// How long a step may take, with connecting where that is needed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where Redis is, and how to log in.
pub(super) struct Target {
    info: ConnectionInfo,
    tls: Option<TlsSettings>,
    /// As it may be shown: no user, no password.
    shown: String,
}

#[cfg(feature = "rustls")]
type TlsSettings = std::sync::Arc<rustls::ClientConfig>;
#[cfg(not(feature = "rustls"))]
type TlsSettings = std::convert::Infallible;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why a step failed.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// Redis cannot be reached, or cannot serve now.
    Away(String),
    /// It says that this cannot work, whenever it is tried.
    Refused(String),
}

impl Target {
    /// Reads a URL. It may contain a password, so no error shows it.
    pub(super) fn parse(url: &str, roots: &[Vec<u8>]) -> Result<Self, Error> {
        let wrong = |why: &str| {
            let problem = format!(
                "the URL of Redis {why}; write it as redis://host:6379, or rediss:// for TLS, with \
                 user:password@ before the host where Redis asks for a login"
            );
            Error::new(Kind::Configuration(problem))
        };
        let url = url.trim();
        if url.ends_with("#insecure") {
            return Err(wrong(
                "turns off the check of certificates, which is not offered",
            ));
        }
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        let (tls, plain) = match scheme {
            "rediss" | "valkeys" => (true, format!("redis{}", &url[scheme.len()..])),
            "redis" | "valkey" | "unix" | "redis+unix" | "valkey+unix" => (false, url.to_owned()),
            _ => return Err(wrong("has none of the schemes redis, rediss and unix")),
        };
        // What it says of the URL may quote it.
        let info = plain.as_str().into_connection_info();
        let info = info.map_err(|_| wrong("cannot be read"))?;
        let shown = match info.addr() {
            ConnectionAddr::Tcp(host, port) if host.contains(':') => format!("[{host}]:{port}"),
            other => other.to_string(),
        };
        let tls = if tls { Some(settings(roots)?) } else { None };
        Ok(Self { info, tls, shown })
    }

    async fn connect(&self) -> Result<MultiplexedConnection, Trouble> {
        let stream = self.stream().await?;
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let login = self.info.redis_settings();
        let made = MultiplexedConnection::new_with_config(login, stream, config).await;
        let (connection, driver) = made.map_err(|error| self.trouble(&error))?;
        tokio::spawn(driver);
        Ok(connection)
    }

    async fn stream(&self) -> Result<Box<dyn Stream>, Trouble> {
        let away = |error: io::Error| Trouble::Away(format!("cannot connect: {error}"));
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port));
                let stream = stream.await.map_err(away)?;
                stream.set_nodelay(true).map_err(away)?;
                match &self.tls {
                    None => Ok(Box::new(stream)),
                    Some(settings) => secured(settings, host, stream).await,
                }
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => {
                let stream = tokio::net::UnixStream::connect(path).await;
                Ok(Box::new(stream.map_err(away)?))
            }
            _ => Err(Trouble::Refused(
                "this system cannot connect in that way".to_owned(),
            )),
        }
    }

    /// What an error means. The server's words never have the password in them, which is sent
    /// and not answered.
    fn trouble(&self, error: &RedisError) -> Trouble {
        let text = match (error.code(), error.detail()) {
            (Some(code), Some(detail)) => format!("it says {code}: {detail}"),
            _ => innermost(error),
        };
        match error.kind() {
            ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig => {
                Trouble::Refused(text)
            }
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Trouble::Refused(format!(
                "its answer is not one of Redis, or of a later release of this crate ({text})"
            )),
            ErrorKind::Server(ServerErrorKind::ResponseError)
                if text.contains("max number of clients") =>
            {
                Trouble::Away(text)
            }
            ErrorKind::Server(
                ServerErrorKind::ResponseError
                | ServerErrorKind::NoPerm
                | ServerErrorKind::Moved
                | ServerErrorKind::CrossSlot,
            ) => Trouble::Refused(text),
            ErrorKind::Extension => match error.code() {
                Some("NOAUTH" | "WRONGPASS" | "WRONGTYPE" | "DENIED") => Trouble::Refused(text),
                Some("HUNTRESSFOREIGN") => Trouble::Refused(
                    "the account's key holds something else, which is left alone".to_owned(),
                ),
                Some("HUNTRESSNEWER") => Trouble::Refused(
                    "a later release has written the quota, which all programs need then"
                        .to_owned(),
                ),
                _ => Trouble::Away(text),
            },
            _ => Trouble::Away(text),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(feature = "rustls")]
fn settings(roots: &[Vec<u8>]) -> Result<TlsSettings, Error> {
    let needed = true;
    let config = crate::tls::Tls { needed, roots }.config()?;
    Ok(std::sync::Arc::new(config))
}

#[cfg(not(feature = "rustls"))]
fn settings(_: &[Vec<u8>]) -> Result<TlsSettings, Error> {
    let problem = "TLS to Redis needs the feature `rustls` of this crate";
    Err(Error::new(Kind::Configuration(problem.to_owned())))
}

#[cfg(feature = "rustls")]
async fn secured(
    settings: &TlsSettings,
    host: &str,
    stream: TcpStream,
) -> Result<Box<dyn Stream>, Trouble> {
    use rustls::pki_types::ServerName;

    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|_| Trouble::Refused("TLS needs a host's name".to_owned()))?;
    let connector = tokio_rustls::TlsConnector::from(settings.clone());
    match connector.connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            let why = innermost(&error);
            Err(Trouble::Refused(format!("TLS cannot be agreed on: {why}")))
        }
        Err(error) => Err(Trouble::Away(format!("cannot connect: {error}"))),
    }
}

#[cfg(not(feature = "rustls"))]
async fn secured(
    settings: &TlsSettings,
    _: &str,
    _: TcpStream,
) -> Result<Box<dyn Stream>, Trouble> {
    match *settings {}
}

/// One connection, for one step at a time.
#[derive(Default)]
pub(super) struct Connection(Option<MultiplexedConnection>);

impl Connection {
    pub(super) async fn step(
        &mut self,
        target: &Target,
        script: &Script,
        key: &str,
        message: &Message,
    ) -> Result<Reply, Trouble> {
        // What is not put back is closed, also where this is given up.
        let connection = self.0.take();
        let step = async {
            let mut connection = match connection {
                Some(connection) => connection,
                None => target.connect().await?,
            };
            let mut call = script.key(key);
            let reply = call.arg(message.text()).invoke_async(&mut connection);
            let reply = reply.await.map_err(|error| target.trouble(&error))?;
            Ok((connection, reply))
        };
        let (connection, reply) = match tokio::time::timeout(PATIENCE, step).await {
            Ok(done) => done?,
            Err(_) => return Err(Trouble::Away(format!("no answer in {PATIENCE:?}"))),
        };
        self.0 = Some(connection);
        Ok(reply)
    }
}
