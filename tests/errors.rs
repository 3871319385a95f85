//! What a failed call says, and what it never says.

mod support;

use std::error::Error as _;
use std::time::Duration;

use huntress::{Client, Credentials, Error, types};
use support::{KEY, SECRET, Server, predicates};

#[tokio::test]
async fn every_status_has_its_predicate() {
    let server = Server::start().await;
    let client = server.client();
    for (status, expected) in [
        (400, "invalid_request"),
        (401, "authentication"),
        (403, "permission"),
        (404, "not_found"),
        (408, "timeout"),
        (409, "conflict"),
        (422, "invalid_request"),
        (429, "rate_limited"),
        (500, "server"),
        (502, "server"),
        (503, "server"),
        (504, "server"),
    ] {
        server.answer(status, r#"{"message":"because"}"#);
        let error = client.get_agent(7).send().await.unwrap_err();
        assert_eq!(predicates(&error), [expected], "{status}");
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(error.message().as_deref(), Some("because"));
        assert_eq!(error.operation(), Some("get_agent"));
        assert_eq!(error.body(), Some(&br#"{"message":"because"}"#[..]));
    }
}

#[tokio::test]
async fn an_error_says_what_was_called_what_came_back_and_what_to_do() {
    let server = Server::start().await;
    let client = server.client();
    server.answer(
        401,
        r#"{"error":"Missing or incorrect authorization scheme"}"#,
    );
    let error = client.get_agent(7).send().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "get_agent (GET /v1/agents/7): 401 Unauthorized: Missing or incorrect authorization scheme; \
         check the API key and secret, and whether the key was revoked"
    );
    server.answer(404, "{}");
    let error = client.for_account(7).get_agent(7).send().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "get_agent (GET /v1/accounts/7/agents/7): 404 Not Found; \
         check the id, and whether this key may see it"
    );
    server.answer_as("text/html", 502, "<html><title>Bad Gateway</title></html>");
    let error = client.get_agent(7).send().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "get_agent (GET /v1/agents/7): 502 Bad Gateway: an HTML page, \"Bad Gateway\"; \
         the server failed, try again later"
    );
    server.answer(200, r#"{"agents":[]}"#);
    let error = client.get_agent(7).send().await.unwrap_err();
    assert_eq!(predicates(&error), ["decode"]);
    assert_eq!(
        error.to_string(),
        "get_agent (GET /v1/agents/7): 200 OK, but the body is not what was asked for: \
         it has no key `agent`; please report it with the shape of the body"
    );
}

#[tokio::test]
async fn its_debug_text_tells_the_kind_and_the_status() {
    let server = Server::start().await;
    let client = server.client();
    server.answer(404, "{}");
    let error = client.get_agent(7).send().await.unwrap_err();
    assert_eq!(
        format!("{error:?}"),
        format!(
            "Error {{ kind: status, status: 404, text: {:?} }}",
            error.to_string()
        )
    );
    let error = client.get_agent(0).send().await.unwrap_err();
    let text = format!("{error:?}");
    assert!(
        text.starts_with("Error { kind: invalid_request, text: "),
        "{text}"
    );
}

/// A call that fails before it is sent, for this reason.
#[track_caller]
fn not_sent<T: std::fmt::Debug>(result: Result<T, Error>, why: &str) {
    let error = result.unwrap_err();
    assert_eq!(predicates(&error), ["invalid_request"]);
    let text = error.to_string();
    assert!(text.ends_with(&format!(": not sent: {why}")), "{text}");
    assert_eq!(error.status(), None);
}

#[tokio::test]
async fn a_value_outside_its_limits_is_refused_before_a_request_is_sent() {
    let server = Server::start().await;
    let c = server.client();
    not_sent(
        c.list_agents().page_size(501).send().await,
        "`page_size` is 501; it must be from 1 to 500",
    );
    not_sent(
        c.list_agents().page_size(0).send().await,
        "`page_size` is 0; it must be from 1 to 500",
    );
    not_sent(
        c.list_agents().page_size(-1).send().await,
        "`page_size`: it must be from 1 to 500",
    );
    not_sent(
        c.get_agent(0).send().await,
        "`id` is 0, which cannot be an id",
    );
    let blank = types::CreateOrganization::new(" ", "k");
    not_sent(c.create_organization(blank).send().await, "`name` is blank");
    let zero = types::UpgradeResellerSubscription::new(0);
    not_sent(
        c.upgrade_reseller_subscription(1, zero).send().await,
        "`minimum` is 0; it must be at least 1",
    );
    assert!(server.take_requests().is_empty());
}

#[tokio::test]
async fn a_value_that_nobody_knows_is_refused_before_a_request_is_sent() {
    let server = Server::start().await;
    let c = server.client();
    not_sent(
        c.list_incident_reports().severity("medium").send().await,
        "`severity`: \"medium\" is not a known Severity; known are critical, high, low; \
         to send it all the same, use Severity::other",
    );
    let types = c.list_remediations(1).types(["manual", "magic"]);
    not_sent(
        types.send().await,
        "`types`: \"magic\" is not a known RemediationType; known are assisted, containment, manual; \
         to send it all the same, use RemediationType::other",
    );
    assert!(server.take_requests().is_empty());
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let server = Server::start().await;
    let agents = server.client().list_agents().page_size(0).platform("beos");
    not_sent(
        agents.version("1").send().await,
        "`platform`: \"beos\" is not a known Platform; known are darwin, email_security, google, \
         linux, microsoft_365, other, windows; \
         to send it all the same, use Platform::other; `page_size` is 0; it must be from 1 to 500",
    );
    assert!(server.take_requests().is_empty());
}

#[tokio::test]
async fn any_value_can_be_sent_on_purpose() {
    let server = Server::start().await;
    let status = types::IncidentReportStatus::other("of next year");
    drop(
        server
            .client()
            .list_incident_reports()
            .status(status)
            .send()
            .await,
    );
    assert_eq!(
        server.take_only_request().uri.query(),
        Some("status=of+next+year")
    );
}

#[tokio::test]
async fn null_and_absent_are_different_things() {
    let server = Server::start().await;
    let clear = types::UpdateUnwantedAccessRule::new()
        .clear_expires_at()
        .notes("n");
    drop(
        server
            .client()
            .update_unwanted_access_rule(1, clear)
            .send()
            .await,
    );
    assert_eq!(
        server.take_only_request().body,
        r#"{"expires_at":null,"notes":"n"}"#
    );
}

/// An empty list erases what is there; a list that was not set leaves it as it is.
#[tokio::test]
async fn a_list_that_was_not_set_is_not_sent() {
    let server = Server::start().await;
    let client = server.client();
    let update = types::UpdateAgent::new;
    for (body, sent) in [
        (
            update().tamper_protection_configured(true),
            r#"{"tamper_protection_configured":true}"#,
        ),
        (update().tags(Vec::<String>::new()), r#"{"tags":[]}"#),
    ] {
        drop(client.update_agent(1, body).send().await);
        assert_eq!(server.take_only_request().body, sent);
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (server, elsewhere) = (Server::start().await, Server::start().await);
    server.redirect_to(elsewhere.base_url());
    let error = server.client().get_account().send().await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 302);
    assert!(
        error.to_string().contains("redirects are not followed"),
        "{error}"
    );
    assert!(elsewhere.take_requests().is_empty());
}

#[tokio::test]
async fn a_refused_connection_and_a_silent_server_are_told_apart() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = |timeout| {
        let builder = support::builder(&format!("http://{address}"));
        builder.timeout(timeout).build().unwrap()
    };
    // It is bound, but never accepts a connection.
    let error = client(Duration::from_millis(50))
        .get_account()
        .send()
        .await
        .unwrap_err();
    assert_eq!(predicates(&error), ["timeout"]);
    drop(listener);
    let error = client(Duration::from_secs(5))
        .get_account()
        .send()
        .await
        .unwrap_err();
    assert_eq!(predicates(&error), ["connect"]);
    assert!(error.source().is_some());
}

#[test]
fn a_client_is_not_made_without_usable_credentials() {
    let error = Client::builder().build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "no credentials were given to the client's builder"
    );
    let error = Client::builder()
        .credentials(Credentials::new(KEY, ""))
        .build()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the credentials cannot be used")
    );
    assert_eq!(support::innermost(&error), "the API secret is empty");
    let builder = Client::builder()
        .credentials(Credentials::new(KEY, SECRET))
        .user_agent("a\nb");
    assert_eq!(
        builder.build().unwrap_err().to_string(),
        "the user agent is not a header value"
    );
}

#[tokio::test]
async fn the_user_agent_names_the_program_and_this_crate() {
    let server = Server::start().await;
    let builder = Client::builder()
        .base_url(server.base_url())
        .user_agent("acme-sync/1.0");
    let client = builder
        .credentials(Credentials::new(KEY, SECRET))
        .build()
        .unwrap();
    drop(client.get_account().send().await);
    let agent = server.take_only_request().headers["user-agent"].clone();
    assert_eq!(
        agent,
        concat!("acme-sync/1.0 huntress-rs/", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn calls_can_be_spawned() {
    fn is_send<T: Send + 'static>(_: &T) {}
    let client = Client::builder()
        .credentials(Credentials::new(KEY, SECRET))
        .build()
        .unwrap();
    is_send(&client.list_agents().send());
    is_send(
        &client
            .for_account(7)
            .isolate_agent(7, types::IsolateAgent::new())
            .send_with_response(),
    );
}
