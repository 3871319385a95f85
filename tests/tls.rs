//! Whom the client trusts.
#![cfg(any(feature = "rustls", feature = "native-tls"))]

mod support;

use huntress::{Client, Error};
use support::tls::Authority;
use support::{Server, builder, innermost, predicates};

const HOST: &str = "127.0.0.1";
const EMPTY: &str = r#"{"agents":[],"pagination":{}}"#;

async fn call(client: &Client) -> Result<usize, Error> {
    let page = client.list_agents().send().await?;
    Ok(page.items.len())
}

async fn server(certificate: &support::tls::Certificate) -> Server {
    let server = Server::start_tls(certificate).await;
    server.answer(200, EMPTY);
    server
}

#[tokio::test]
async fn a_root_certificate_is_trusted_besides_the_platforms() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let server = server(&ours.certificate(&[HOST])).await;
    let url = server.base_url();
    let both = other.pem() + &ours.pem();
    for builder in [
        builder(url).root_certificate(ours.pem()),
        builder(url).root_certificate(ours.pem().as_bytes()),
        builder(url).root_certificate(&both),
        builder(url)
            .root_certificate(ours.pem())
            .root_certificate(other.pem()),
        builder(url)
            .root_certificate(other.pem())
            .root_certificate(ours.pem()),
    ] {
        assert_eq!(call(&builder.build().unwrap()).await.unwrap(), 0);
    }
    server.take_requests();
    for builder in [builder(url), builder(url).root_certificate(other.pem())] {
        let error = call(&builder.build().unwrap()).await.unwrap_err();
        assert_eq!(predicates(&error), ["connect"]);
        let cause = innermost(&error);
        let causes = ["UnknownIssuer", "unable to get local issuer certificate"];
        assert!(causes.iter().any(|known| cause.contains(known)), "{cause}");
    }
    assert_eq!(server.count(), 0, "nothing was sent");
}

#[tokio::test]
async fn the_cause_of_a_refused_certificate_is_at_the_end_of_the_sources() {
    let ours = Authority::new("ours");
    for (certificate, causes) in [
        (
            ours.expired_certificate(&[HOST]),
            ["certificate expired", "certificate has expired"],
        ),
        (
            ours.certificate(&["elsewhere.example"]),
            ["certificate not valid for name", "mismatch"],
        ),
    ] {
        let server = server(&certificate).await;
        let client = builder(server.base_url()).root_certificate(ours.pem());
        let error = call(&client.build().unwrap()).await.unwrap_err();
        assert_eq!(predicates(&error), ["connect"]);
        let cause = innermost(&error);
        assert!(causes.iter().any(|known| cause.contains(known)), "{cause}");
    }
}

#[test]
fn what_is_not_a_root_certificate_is_refused() {
    let pem = Authority::new("ours").pem();
    let none = "a root certificate is not PEM: it has no `-----BEGIN CERTIFICATE-----`";
    let unreadable = "a root certificate cannot be read";
    let not_base64 = pem.replace('M', "!");
    let not_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let cut: String = pem.chars().take(pem.len() / 2).collect();
    let key = pem.replace("CERTIFICATE", "PRIVATE KEY");
    for (bad, why) in [
        ("", none),
        ("hello", none),
        (key.as_str(), none),
        (not_base64.as_str(), unreadable),
        (not_der, unreadable),
        (cut.as_str(), unreadable),
    ] {
        for url in ["https://a.example", "http://127.0.0.1:1"] {
            let client = builder(url).root_certificate(&pem).root_certificate(bad);
            let error = client.build().unwrap_err().to_string();
            assert!(error.starts_with(why), "{bad}: {error}");
        }
    }
}

#[cfg(feature = "rustls")]
mod with_rustls {
    use super::*;
    use support::tls::KEY_EXCHANGE;

    /// This holds for the whole process, which does not disturb the other tests.
    #[tokio::test]
    async fn an_installed_provider_is_used() {
        let mut provider = rustls::crypto::ring::default_provider();
        provider
            .kx_groups
            .retain(|group| group.name() == rustls::NamedGroup::secp384r1);
        provider.install_default().unwrap();
        let ours = Authority::new("ours");
        let server = server(&ours.certificate(&[HOST])).await;
        let client = builder(server.base_url()).root_certificate(ours.pem());
        let client = client.build().unwrap();
        // Another test's connection may come between.
        for _ in 0..100 {
            call(&client.with_credentials(("hk_other", "hs_other")).unwrap())
                .await
                .unwrap();
            if *KEY_EXCHANGE.lock().unwrap() == Some(rustls::NamedGroup::secp384r1) {
                return;
            }
        }
        panic!("another provider was used");
    }

    /// The environment says where Linux looks for certificates, so this test runs itself again
    /// in another environment.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_machine_without_certificates_can_still_do_what_needs_none() {
        const CHILD: &str = "HUNTRESS_TEST_NO_CERTIFICATES";
        if std::env::var_os(CHILD).is_none() {
            for file in ["/nonexistent", "/dev/null"] {
                let mut child = std::process::Command::new(std::env::current_exe().unwrap());
                child.args([
                    "--exact",
                    "with_rustls::a_machine_without_certificates_can_still_do_what_needs_none",
                ]);
                child.env(CHILD, "1").env("SSL_CERT_FILE", file);
                child.env("SSL_CERT_DIR", "/nonexistent");
                let output = child.output().unwrap();
                let text = String::from_utf8_lossy(&output.stdout);
                assert!(
                    output.status.success() && text.contains("1 passed"),
                    "{file}: {text}"
                );
            }
            return;
        }
        let plain = Server::start().await;
        plain.answer(200, EMPTY);
        assert_eq!(call(&plain.client()).await.unwrap(), 0);

        let error = builder("https://a.example").build().unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(
                "the platform's certificates cannot be used: install them (ca-certificates), \
                 or give some by `root_certificate`"
            ),
            "{text}"
        );
        assert!(innermost(&error).contains("No CA certificates were loaded from the system"));
        let error = plain
            .builder()
            .proxy("https://proxy.example")
            .build()
            .unwrap_err();
        assert!(error.to_string().starts_with("the platform's certificates"));

        let ours = Authority::new("ours");
        let server = server(&ours.certificate(&[HOST])).await;
        let client = builder(server.base_url()).root_certificate(ours.pem());
        assert_eq!(call(&client.build().unwrap()).await.unwrap(), 0);
    }
}
