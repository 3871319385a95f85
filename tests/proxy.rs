//! The way through a proxy that the program names.

mod support;

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use huntress::{Client, Error};
use support::{Server, builder, predicates};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Passes everything on to one server, whatever was asked for.
struct Proxy {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct Rules {
    to: String,
    /// Without this in its head, a request is refused.
    wanted: Option<String>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start(to: &Server, wanted: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let to = to.base_url().split_once("://").unwrap().1.to_owned();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let rules = Rules {
            to,
            wanted: wanted.map(str::to_owned),
            heads: Arc::clone(&heads),
        };
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(pass(connection, rules.clone()));
            }
        });
        Self { address, heads }
    }

    /// The heads of the requests since the last call of this, in small letters.
    fn take_heads(&self) -> Vec<String> {
        std::mem::take(&mut *self.heads.lock().unwrap())
    }
}

async fn pass(mut client: impl AsyncRead + AsyncWrite + Unpin, rules: Rules) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let text = String::from_utf8(head.clone()).unwrap();
    rules.heads.lock().unwrap().push(text.to_ascii_lowercase());
    if rules.wanted.is_some_and(|wanted| !text.contains(&wanted)) {
        let answer = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        let _ = client.write_all(answer.as_bytes()).await;
        return;
    }
    let mut server = TcpStream::connect(rules.to).await.unwrap();
    if text.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    } else {
        server.write_all(&head).await.unwrap();
    }
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

async fn call(client: &Client) -> Result<usize, Error> {
    let page = client.list_agents().send().await?;
    Ok(page.items.len())
}

async fn prepared(server: Server) -> Server {
    server.answer(200, r#"{"agents":[],"pagination":{}}"#);
    server
}

const PASSWORD: &str = "p@ss:word";

fn basic() -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("user:{PASSWORD}"));
    format!("Basic {encoded}")
}

#[tokio::test]
async fn plain_http_goes_through_it_with_its_password_and_loopback_does_not() {
    let server = prepared(Server::start().await).await;
    let proxy = Proxy::start(&server, Some(&basic())).await;
    let url = format!("http://user:p%40ss%3Aword@{}", proxy.address);
    let builder = builder("http://simulator.example/v1")
        .allow_plain_http()
        .proxy(url.clone());
    call(&builder.build().unwrap()).await.unwrap();
    let head = proxy.take_heads().remove(0);
    assert!(
        head.starts_with("get http://simulator.example/v1/agents http/1.1\r\n"),
        "{head}"
    );
    assert_eq!(
        server.take_only_request().headers["host"],
        "simulator.example"
    );

    let direct = server.builder().proxy(url).build().unwrap();
    call(&direct).await.unwrap();
    assert_eq!(server.count(), 1);
    assert_eq!(proxy.take_heads(), [""; 0]);
}

#[tokio::test]
async fn a_407_of_plain_http_is_a_status() {
    let server = prepared(Server::start().await).await;
    let proxy = Proxy::start(&server, Some(&basic())).await;
    let client = builder("http://simulator.example").allow_plain_http();
    let client = client
        .proxy(format!("user:wrong@{}", proxy.address))
        .build()
        .unwrap();
    let error = call(&client).await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(407));
    assert_eq!(server.count(), 0);
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test]
async fn a_socks_proxy_looks_up_the_host() {
    let server = prepared(Server::start().await).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("socks5h://{}", listener.local_addr().unwrap());
    let client = builder("http://simulator.example:81")
        .allow_plain_http()
        .proxy(url);
    let client = client.build().unwrap();
    let proxy = async {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut greeting = [0; 3];
        client.read_exact(&mut greeting).await.unwrap();
        client.write_all(&[5, 0]).await.unwrap();
        let mut request = [0; 5 + "simulator.example".len() + 2];
        client.read_exact(&mut request).await.unwrap();
        assert_eq!(request[..5], [5, 1, 0, 3, 17]);
        assert_eq!(request[5..], *b"simulator.example\x00\x51");
        client
            .write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
            .await
            .unwrap();
        let to = server.base_url().trim_start_matches("http://");
        let mut server = TcpStream::connect(to).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    };
    tokio::select! {
        result = call(&client) => assert_eq!(result.unwrap(), 0),
        () = proxy => panic!("the proxy has ended"),
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn no_text_shows_its_password() {
    let url = "http://user:s3cret@127.0.0.1:1";
    let plain = builder("http://simulator.example")
        .allow_plain_http()
        .proxy(url);
    let mut texts = vec![format!("{plain:?}")];
    let client = plain.build().unwrap();
    texts.push(format!("{client:?}"));
    let error = call(&client).await.unwrap_err();
    assert_eq!(predicates(&error), ["connect"]);
    texts.push(format!("{error} {error:?}"));
    for bad in [
        "ftp://user:s3cret@host",
        "http://user:s3cret@host/s3cret",
        "user:s3cret",
    ] {
        let error = builder("https://a.example").proxy(bad).build().unwrap_err();
        assert!(error.to_string().starts_with("the proxy's URL "), "{error}");
        texts.push(format!("{error} {error:?}"));
    }
    for text in texts {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod with_tls {
    use super::*;
    use support::innermost;
    use support::tls::Authority;

    const HOST: &str = "api.huntress.example";

    fn through(address: &str) -> huntress::ClientBuilder {
        builder(&format!("https://{HOST}")).proxy(address)
    }

    #[tokio::test]
    async fn https_goes_through_a_tunnel_that_the_credentials_are_not_shown_to() {
        let ours = Authority::new("ours");
        let server = prepared(Server::start_tls(&ours.certificate(&[HOST])).await).await;
        let proxy = Proxy::start(&server, Some(&basic())).await;
        let url = format!("http://user:p%40ss%3Aword@{}", proxy.address);
        let client = through(&url).root_certificate(ours.pem());
        call(&client.build().unwrap()).await.unwrap();
        let head = proxy.take_heads().remove(0);
        assert!(
            head.starts_with(&format!("connect {HOST}:443 http/1.1\r\n")),
            "{head}"
        );
        assert!(!head.contains("\r\nauthorization:"), "{head}");
        assert_eq!(server.take_only_request().headers["host"], HOST);
    }

    #[tokio::test]
    async fn the_proxy_itself_can_speak_tls() {
        let ours = Authority::new("ours");
        let certificate = ours.certificate(&[HOST, "127.0.0.1"]);
        let server = prepared(Server::start_tls(&certificate).await).await;
        let inner = Proxy::start(&server, None).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let rules = Rules {
            to: server.base_url().trim_start_matches("https://").to_owned(),
            wanted: None,
            heads: Arc::clone(&inner.heads),
        };
        tokio::spawn(async move {
            let (connection, _) = listener.accept().await.unwrap();
            pass(
                certificate.acceptor().accept(connection).await.unwrap(),
                rules,
            )
            .await;
        });
        let client = through(&url).root_certificate(ours.pem()).build().unwrap();
        call(&client).await.unwrap();
        assert!(inner.take_heads().remove(0).starts_with("connect "));
    }

    #[tokio::test]
    async fn a_407_of_a_tunnel_is_named_by_the_last_cause() {
        let server = Server::start().await;
        let proxy = Proxy::start(&server, Some(&basic())).await;
        let error = call(&through(&proxy.address).build().unwrap())
            .await
            .unwrap_err();
        assert_eq!(predicates(&error), ["connect"]);
        assert_eq!(
            innermost(&error),
            "tunnel error: proxy authorization required"
        );
        assert_eq!(server.count(), 0);
    }
}
