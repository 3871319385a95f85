//! A server by TCP or TLS, or of UDP, that can go wrong.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;

use super::{Fault, Log, gelf, syslog};

pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}
pub type Connection = Box<dyn Duplex>;

/// How a server shows who it is, rightly and wrongly.
#[derive(Clone)]
pub struct Tls {
    pub right: TlsAcceptor,
    pub wrong_name: TlsAcceptor,
    pub self_signed: TlsAcceptor,
}

/// How messages are told apart: those that are whole, and how many bytes they are.
pub type Split = fn(&[u8]) -> Result<(Vec<&[u8]>, usize), String>;
/// The stable id of a message.
pub type Id = fn(&[u8]) -> Result<String, String>;

#[derive(Clone, Copy)]
pub struct Protocol {
    pub split: Split,
    pub id: Id,
}

pub const GELF: Protocol = Protocol {
    split: gelf::split,
    id: gelf::id,
};
pub const SYSLOG: Protocol = Protocol {
    split: syslog::split_counted,
    id: syslog::id,
};
pub const SYSLOG_LINES: Protocol = Protocol {
    split: syslog::split_lines,
    id: syslog::id,
};

/// Messages one after the other.
pub async fn messages(protocol: Protocol, tls: Option<Tls>, log: Log) -> SocketAddr {
    listen(log, tls, move |connection, log| {
        read(connection, protocol, log)
    })
    .await
}

/// Listens at a port of its own whenever it is not down, and handles each connection.
pub async fn listen<F>(
    log: Log,
    tls: Option<Tls>,
    handle: impl Fn(Connection, Log) -> F + Clone + Send + Sync + 'static,
) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let socket = bound(SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let address = socket.local_addr().unwrap();
    let (mut deaf, mut listening) = match log.fault() {
        Some(Fault::Down) => (Some(socket), None),
        _ => (None, Some(socket.listen(64).unwrap())),
    };
    tokio::spawn(async move {
        loop {
            // Bound and deaf, so that nobody else gets the port.
            log.until(|fault| *fault != Some(Fault::Down)).await;
            let listener = match (listening.take(), deaf.take()) {
                (Some(listener), _) => listener,
                (None, Some(socket)) => socket.listen(64).unwrap(),
                (None, None) => unreachable!(),
            };
            loop {
                tokio::select! {
                    () = log.until(|fault| *fault == Some(Fault::Down)) => break,
                    accepted = listener.accept() => {
                        let (stream, _) = accepted.unwrap();
                        tokio::spawn(serve(stream, tls.clone(), log.clone(), handle.clone()));
                    }
                }
            }
            drop(listener);
            deaf = Some(bound(address).await);
        }
    });
    address
}

async fn bound(address: SocketAddr) -> TcpSocket {
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        match socket.bind(address) {
            Ok(()) => return socket,
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

async fn serve<F: Future<Output = ()>>(
    stream: TcpStream,
    tls: Option<Tls>,
    log: Log,
    handle: impl Fn(Connection, Log) -> F,
) {
    match log.fault() {
        Some(Fault::Refusing) => return,
        Some(Fault::Slow) => log.until(|fault| *fault != Some(Fault::Slow)).await,
        _ => {}
    }
    let Some(tls) = tls else {
        return handle(Box::new(stream), log).await;
    };
    let acceptor = match log.fault() {
        Some(Fault::WrongName) => tls.wrong_name,
        Some(Fault::SelfSigned) => tls.self_signed,
        _ => tls.right,
    };
    // It is the other side that does not like it.
    if let Ok(stream) = acceptor.accept(stream).await {
        handle(Box::new(stream), log).await;
    }
}

async fn read(mut connection: Connection, protocol: Protocol, log: Log) {
    let mut unread = Vec::new();
    let mut count = 0;
    // Little at a time, so that something is left unread where it stops.
    let mut piece = [0; 256];
    // A connection that breaks off is nothing to complain about, nor is half a message then.
    while let Ok(length @ 1..) = connection.read(&mut piece).await {
        unread.extend_from_slice(&piece[..length]);
        let (messages, whole) = match (protocol.split)(&unread) {
            Ok(split) => split,
            Err(text) => return log.complain(text),
        };
        for message in messages {
            match (protocol.id)(message) {
                Ok(_) if log.fault() == Some(Fault::Dying) => {}
                Ok(id) => log.take(&id),
                Err(text) => log.complain(text),
            }
            count += 1;
            match log.fault() {
                Some(Fault::Closing(after)) if count >= after => return,
                Some(Fault::Restarting) if count >= 2 => {
                    return log.set_fault(Some(Fault::Down));
                }
                _ => {}
            }
        }
        unread.drain(..whole);
    }
    if log.fault() == Some(Fault::Dying) && count > 0 {
        return;
    }
    // Says that this is the end, as a program that dies does not.
    let _ = connection.shutdown().await;
}

/// A socket of UDP that takes messages of this kind.
pub async fn datagrams(id: Id, log: Log) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut socket = socket;
        let mut buffer = vec![0; 65_536];
        let mut chunks = gelf::Chunks::default();
        loop {
            match log.fault() {
                Some(Fault::Down) => {
                    // Connected to somebody else, it is deaf for all others, and nobody else
                    // gets the port.
                    drop(socket);
                    let deaf = UdpSocket::bind(address).await.unwrap();
                    deaf.connect("127.0.0.1:1").await.unwrap();
                    log.until(|fault| *fault != Some(Fault::Down)).await;
                    drop(deaf);
                    socket = UdpSocket::bind(address).await.unwrap();
                }
                Some(Fault::Slow) => log.until(|fault| *fault != Some(Fault::Slow)).await,
                _ => {}
            }
            let length = tokio::select! {
                () = log.until(|fault| matches!(fault, Some(Fault::Down | Fault::Slow))) => continue,
                received = socket.recv(&mut buffer) => received.unwrap(),
            };
            match chunks.add(&buffer[..length]) {
                Ok(Some(message)) => match id(&message) {
                    Ok(id) => log.take(&id),
                    Err(text) => log.complain(text),
                },
                Ok(None) => {}
                Err(text) => log.complain(text),
            }
            if log.fault() == Some(Fault::Restarting) && log.taken().len() >= 2 {
                log.set_fault(Some(Fault::Down));
            }
        }
    });
    address
}
