//! TCP and TLS, which say nothing about what arrived, and what can be known of it all the same.
//!
//! A write succeeds as soon as the system has taken the bytes, though the receiver may be gone.
//! So with `confirm`, a batch ends with the end of the stream, and counts as delivered once the
//! receiver has ended its side in return: receivers do so when they have read everything. One
//! that dies before resets the connection, or ends its side before ours has ended, and then
//! the batch is sent again. TLS has a message that says "this is the end", which a program that
//! dies does not send; whether a receiver sends it at all, the first connection tells, on which
//! nothing else is sent. Without `confirm` a connection is kept; it is looked at before it
//! is used again and after each batch, and what is lost is what was written just before the
//! receiver went away, unnoticed.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Delivered, Endpoint, Later, TlsSettings};
use crate::failure::{Exit, Failure};

/// Longest wait for a connection, where the patience for the rest is greater.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long a sign of the receiver may take, beside two times the way to it and back.
const GRACE: Duration = Duration::from_millis(10);
const EARLY: &str = "the receiver has closed the connection before it had everything";
/// Reads of what a receiver says unasked, before it is taken for one that talks for ever.
const READS: usize = 1000;

/// A connection by TCP or TLS, made when it is needed.
pub(super) struct Connection {
    endpoint: Endpoint,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    confirm: bool,
    patience: Duration,
    /// Whether the receiver ends a connection in the way of TLS; `None` until it is known.
    ends_well: Option<bool>,
    open: Option<Open>,
}

struct Open {
    stream: Stream,
    /// How long the connection took: once to the receiver and back.
    trip: Duration,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Whoever reads and writes, encrypted or not.
trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

impl Connection {
    pub(super) fn open(
        endpoint: &Endpoint,
        port: u16,
        tls: Option<&TlsSettings>,
        confirm: bool,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let tls = match tls {
            Some(settings) => {
                let name = ServerName::try_from(endpoint.host().to_owned()).map_err(|error| {
                    Failure::new(
                        Exit::Usage,
                        format!("{endpoint} is no name for TLS: {error}"),
                    )
                })?;
                Some((TlsConnector::from(Arc::new(settings.config()?)), name))
            }
            None => None,
        };
        Ok(Self {
            endpoint: endpoint.clone(),
            port: endpoint.port_or(port),
            tls,
            confirm,
            patience,
            ends_well: None,
            open: None,
        })
    }

    /// Writes these bytes, as a whole or not at all as far as the caller is concerned: after a
    /// failure nobody knows what arrived.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<Delivered, Later> {
        let sent = self.attempt(bytes).await;
        if sent.is_err() {
            self.open = None;
        }
        sent.map_err(|why| Later::because(format!("{}: {why}", self.endpoint)))
    }

    async fn attempt(&mut self, bytes: &[u8]) -> Result<Delivered, String> {
        if self.confirm && self.tls.is_some() && self.ends_well.is_none() {
            let first = self.connect().await?;
            self.ends_well = Some(first.confirm(self.patience).await?);
        }
        // Taken out: where this future is dropped in the middle of a message, so is the
        // connection.
        let mut usable = self.open.take();
        if let Some(open) = &mut usable
            && open.state().await != State::Open
        {
            usable = None;
        }
        let mut open = match usable {
            Some(open) => open,
            None => self.connect().await?,
        };
        write(open.stream.duplex(), bytes, self.patience).await?;
        if self.confirm {
            let well = open.confirm(self.patience).await?;
            if self.ends_well == Some(true) && !well {
                return Err(EARLY.to_owned());
            }
            return Ok(Delivered::Acknowledged);
        }
        if open.state().await == State::Broken {
            return Err("the receiver has closed the connection".to_owned());
        }
        self.open = Some(open);
        Ok(Delivered::HandedOver)
    }

    async fn connect(&self) -> Result<Open, String> {
        let begun = Instant::now();
        let patience = self.patience.min(CONNECTING);
        let address = (self.endpoint.host(), self.port);
        let stream = match timeout(patience, TcpStream::connect(address)).await {
            Ok(connected) => connected.map_err(|error| format!("no connection: {error}"))?,
            Err(_) => return Err(format!("no connection within {} s", patience.as_secs())),
        };
        let trip = begun.elapsed();
        // Batches are written as a whole, so nothing is gained by waiting for more.
        let _ = stream.set_nodelay(true);
        let Some((connector, name)) = &self.tls else {
            let stream = Stream::Plain(stream);
            return Ok(Open { stream, trip });
        };
        let stream = match timeout(patience, connector.connect(name.clone(), stream)).await {
            Ok(connected) => connected.map_err(|error| format!("no TLS: {error}"))?,
            Err(_) => return Err(format!("no TLS within {} s", patience.as_secs())),
        };
        let stream = Stream::Tls(Box::new(stream));
        Ok(Open { stream, trip })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The receiver sends nothing any more; it may still read.
    Ended,
    Broken,
}

impl Stream {
    fn duplex(&mut self) -> &mut dyn Duplex {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.as_mut(),
        }
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// An error that has come since, such as a reset.
    fn error(&self) -> Option<io::Error> {
        self.socket().take_error().unwrap_or_else(Some)
    }
}

impl Open {
    /// What the receiver has done until now.
    async fn state(&mut self) -> State {
        // Lets the runtime look at the sockets.
        tokio::task::yield_now().await;
        let mut waste = [0; 1024];
        for _ in 0..READS {
            let state = match self.stream.duplex().read(&mut waste).now_or_never() {
                None => State::Open,
                // What it says is of no interest.
                Some(Ok(1..)) => continue,
                Some(Ok(0)) => State::Ended,
                Some(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => State::Ended,
                Some(Err(_)) => State::Broken,
            };
            // After an end a reset is not told by reading.
            return if self.stream.error().is_some() {
                State::Broken
            } else {
                state
            };
        }
        State::Broken
    }

    /// Ends the stream and waits until the receiver has, too. Says whether it did so in the way
    /// of TLS.
    async fn confirm(mut self, patience: Duration) -> Result<bool, String> {
        // Once our side has ended, its end says nothing any more, so one that comes of a message
        // that it does not like has to be seen before.
        let pause = self.trip * 2 + GRACE;
        sleep(pause).await;
        if self.state().await != State::Open {
            return Err(EARLY.to_owned());
        }
        let stream = self.stream.duplex();
        let ended = async {
            stream.shutdown().await?;
            let mut waste = [0; 1024];
            for _ in 0..READS {
                match stream.read(&mut waste).await {
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        return Ok(false);
                    }
                    Ok(0) => return Ok(true),
                    other => other?,
                };
            }
            Err(io::Error::other("it does not stop talking"))
        };
        let well = match timeout(patience, ended).await {
            Ok(ended) => ended.map_err(|error| format!("{EARLY}: {error}"))?,
            Err(_) => {
                return Err(format!(
                    "the receiver did not close the connection within {} s after everything was \
                     sent; if it never does, switch `confirm` off",
                    patience.as_secs()
                ));
            }
        };
        // Its end may have crossed ours, with our last bytes on the way to nobody. Then they
        // are answered by a reset.
        sleep(pause).await;
        match self.stream.error() {
            None => Ok(well),
            Some(error) => Err(format!("{EARLY}: {error}")),
        }
    }
}

async fn write(stream: &mut dyn Duplex, bytes: &[u8], patience: Duration) -> Result<(), String> {
    let stuck = |_| format!("the receiver has read nothing for {} s", patience.as_secs());
    let failed = |error: io::Error| format!("cannot write: {error}");
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = timeout(patience, stream.write(rest)).await;
        let written = written.map_err(stuck)?.map_err(failed)?;
        if written == 0 {
            return Err("cannot write".to_owned());
        }
        rest = &rest[written..];
    }
    let flushed = timeout(patience, stream.flush()).await;
    flushed.map_err(stuck)?.map_err(failed)
}
