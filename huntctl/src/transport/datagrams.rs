//! UDP, which says nothing about what arrived, but for "nobody listens".

use std::io;

use tokio::net::UdpSocket;

use super::{Delivered, Endpoint, Later};

/// A socket of UDP.
pub(super) struct Datagrams {
    endpoint: Endpoint,
    port: u16,
    socket: Option<UdpSocket>,
    /// How many times nobody listened: a name may have addresses of which only one is right.
    failures: usize,
}

impl Datagrams {
    pub(super) fn open(endpoint: &Endpoint, port: u16) -> Self {
        Self {
            endpoint: endpoint.clone(),
            port: endpoint.port_or(port),
            socket: None,
            failures: 0,
        }
    }

    /// Sends each, and looks whether a machine on the way has said that nobody listens.
    pub(super) async fn send(&mut self, datagrams: &[Vec<u8>]) -> Result<Delivered, Later> {
        let sent = self.attempt(datagrams).await;
        if let Err(error) = sent {
            self.socket = None;
            self.failures += 1;
            return Err(Later::because(format!("{}: {error}", self.endpoint)));
        }
        Ok(Delivered::HandedOver)
    }

    async fn attempt(&mut self, datagrams: &[Vec<u8>]) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.connect().await?,
        };
        // What is told now is about datagrams of an earlier batch.
        let _ = socket.take_error();
        for datagram in datagrams {
            socket.send(datagram).await?;
        }
        tokio::task::yield_now().await;
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        self.socket = Some(socket);
        Ok(())
    }

    async fn connect(&self) -> io::Result<UdpSocket> {
        let address = (self.endpoint.host(), self.port);
        let addresses: Vec<_> = tokio::net::lookup_host(address).await?.collect();
        let address = addresses
            .get(self.failures % addresses.len().max(1))
            .ok_or_else(|| io::Error::other("the name has no address"))?;
        let any = if address.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(address).await?;
        Ok(socket)
    }
}
