//! A call of each of the 92 operations and the legacy ones, with samples for all values.

use std::collections::BTreeMap;
use std::pin::Pin;

use huntress::{AccountClient, Client, Error, jiff, types};

/// The managed account that scoped calls are for.
pub const ACCOUNT: i64 = 9_007_199_254_740_993;

type Call = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;
/// By method and path, as in the contract.
pub type Calls = BTreeMap<String, Box<dyn Fn(&Client) -> Call>>;

macro_rules! call {
    ($calls:ident, $place:literal, |$client:ident| $call:expr) => {
        let make: Box<dyn Fn(&Client) -> Call> = Box::new(|client: &Client| {
            let $client: Client = client.clone();
            Box::pin(async move { $call.send().await.map(drop) })
        });
        assert!($calls.insert($place.to_owned(), make).is_none());
    };
}

/// The same for one managed account, where the API has a mirror.
macro_rules! scoped {
    ($calls:ident, $place:literal, |$client:ident| $call:expr) => {
        call!($calls, $place, |$client| $call);
        let make: Box<dyn Fn(&Client) -> Call> = Box::new(|client: &Client| {
            let $client: AccountClient = client.for_account(ACCOUNT);
            Box::pin(async move { $call.send().await.map(drop) })
        });
        let place = $place.replacen("/v1/", "/v1/accounts/{account_id}/", 1);
        assert!($calls.insert(place, make).is_none());
    };
}

/// Pagination and sorting.
macro_rules! paged {
    ($call:expr) => {
        $call.limit(7).page_token("t+/=")
    };
}

macro_rules! sorted {
    ($call:expr) => {
        paged!($call)
            .sort_field("id")
            .sort_direction(types::SortDirection::Asc)
    };
}

fn address() -> types::builder::Address {
    let address = types::Address::builder()
        .line1("a b")
        .line2("a b")
        .city("a b");
    address.state("a b").postal_code("a b").country("a b")
}

fn day() -> jiff::civil::Date {
    jiff::civil::date(2026, 1, 2)
}

fn moment() -> jiff::Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

#[allow(deprecated, clippy::too_many_lines)]
pub fn calls() -> Calls {
    let mut calls = Calls::new();
    call!(calls, "GET /v1/account", |c| c.get_account());
    call!(calls, "GET /v1/actor", |c| c.get_actor());
    call!(calls, "GET /v1/accounts", |c| sorted!(c.list_accounts())
        .status("enabled")
        .name("a b")
        .subdomain("a b"));
    call!(calls, "POST /v1/accounts", |c| c.create_account().body(
        types::CreateAccount::builder()
            .name("a b")
            .subdomain("a b")
            .phone_number("a b")
            .support_type("huntress_supported")
            .admin(
                types::AccountAdmin::builder()
                    .first_name("a b")
                    .last_name("a b")
                    .email("a b")
            )
            .additional_admin_emails(["a b"])
            .products(["edr"])
            .product_trials([types::Product::Edr])
            .product_trials_start_date("a b")
            .billing_address(address())
            .shipping_address(address())
    ));
    call!(calls, "GET /v1/accounts/{account_id}", |c| c
        .get_account_by_id()
        .account_id(ACCOUNT));
    call!(calls, "PATCH /v1/accounts/{account_id}", |c| c
        .update_account()
        .account_id(ACCOUNT)
        .body(
            types::UpdateAccount::builder()
                .name("a b")
                .subdomain("a b")
                .phone_number("a b")
                .support_type("huntress_supported")
                .billing_address(address())
                .shipping_address(address())
        ));
    call!(calls, "DELETE /v1/accounts/{account_id}", |c| c
        .disable_account()
        .account_id(ACCOUNT));
    call!(calls, "GET /v1/reseller/invoices", |c| paged!(
        c.list_reseller_invoices()
    )
    .status("open"));
    call!(calls, "GET /v1/reseller/invoices/{id}", |c| c
        .get_reseller_invoice()
        .id(7));
    call!(
        calls,
        "GET /v1/reseller/invoices/{id}/account_usage_line_items",
        |c| paged!(c.list_account_usage_line_items().id(7))
    );
    call!(
        calls,
        "GET /v1/reseller/invoices/{id}/organization_usage_line_items",
        |c| paged!(c.list_organization_usage_line_items().id(7))
    );
    call!(calls, "GET /v1/reseller/subscriptions", |c| sorted!(
        c.list_reseller_subscriptions()
    )
    .product("edr")
    .status("draft"));
    call!(calls, "POST /v1/reseller/subscriptions", |c| c
        .create_reseller_subscription()
        .body(
            types::CreateResellerSubscription::builder()
                .account_id(7)
                .product("edr")
                .minimum(7)
                .purchase_order("a b")
                .billing_interval("monthly")
        ));
    call!(calls, "GET /v1/reseller/subscriptions/{id}", |c| c
        .get_reseller_subscription()
        .id(7));
    call!(calls, "PATCH /v1/reseller/subscriptions/{id}", |c| c
        .update_reseller_subscription()
        .id(7)
        .body(
            types::UpdateResellerSubscription::builder()
                .minimum(7)
                .purchase_order("a b")
                .billing_interval("monthly")
                .additional_units(7)
                .auto_renew(true)
        ));
    call!(calls, "POST /v1/reseller/subscriptions/{id}/upgrade", |c| c
        .upgrade_reseller_subscription()
        .id(7)
        .body(
            types::UpgradeResellerSubscription::builder()
                .minimum(7)
                .purchase_order("a b")
                .on_renewal(true)
        ));
    call!(calls, "POST /v1/siem/query", |c| c.query_siem().body(
        types::QuerySiem::builder()
            .esql("a b")
            .range_start(moment())
            .range_end(moment())
            .page_token("a b")
    ));
    scoped!(calls, "GET /v1/agents", |c| sorted!(c.list_agents())
        .organization_id(7)
        .platform("windows")
        .hostname("a b")
        .os("a b")
        .version("a b"));
    scoped!(calls, "GET /v1/agents/{id}", |c| c.get_agent().id(7));
    scoped!(calls, "PATCH /v1/agents/{id}", |c| c
        .update_agent()
        .id(7)
        .body(
            types::UpdateAgent::builder()
                .tags(["a b"])
                .tamper_protection_configured(true)
        ));
    scoped!(calls, "DELETE /v1/agents/{id}", |c| c
        .uninstall_agent()
        .id(7));
    scoped!(calls, "POST /v1/agents/{id}/isolation", |c| c
        .isolate_agent()
        .id(7)
        .body(
            types::IsolateAgent::builder()
                .reason("a b")
                .strict_isolation(true)
        ));
    scoped!(calls, "DELETE /v1/agents/{id}/isolation", |c| c
        .release_agent()
        .id(7));
    scoped!(calls, "GET /v1/external_ports", |c| sorted!(
        c.list_external_ports()
    )
    .organization_id(7)
    .protocol("TCP")
    .port(7_u16)
    .risky_service(true)
    .service("a b"));
    scoped!(calls, "GET /v1/external_ports/{id}", |c| c
        .get_external_port()
        .id(7));
    scoped!(calls, "GET /v1/invoices", |c| sorted!(c.list_invoices())
        .status("open")
        .has_usage(true));
    scoped!(calls, "GET /v1/invoices/{id}", |c| c.get_invoice().id(7));
    scoped!(calls, "GET /v1/billing_reports", |c| sorted!(
        c.list_billing_reports()
    )
    .status("open"));
    scoped!(calls, "GET /v1/billing_reports/{id}", |c| c
        .get_billing_report()
        .id(7));
    call!(calls, "GET /v1/escalations", |c| sorted!(
        c.list_escalations()
    )
    .status("open")
    .severity("low")
    .subtype("a b")
    .organization_id(7));
    call!(calls, "GET /v1/escalations/{id}", |c| c
        .get_escalation()
        .id(7));
    call!(calls, "POST /v1/escalations/{id}/resolution", |c| c
        .resolve_escalation()
        .id(7)
        .body(
            types::ResolveEscalation::builder()
                .determination("expected")
                .scope("account")
        ));
    call!(calls, "GET /v1/identities", |c| sorted!(
        c.list_identities()
    )
    .organization_id(7)
    .tenant_type("microsoft_365")
    .billable(true)
    .enabled(true)
    .external(true)
    .risk_level("none")
    .mfa_enabled(true)
    .escalation_id(7));
    call!(calls, "GET /v1/identities/{id}", |c| c.get_identity().id(7));
    scoped!(calls, "GET /v1/incident_reports", |c| sorted!(
        c.list_incident_reports()
    )
    .indicator_type("footholds")
    .status("sent")
    .severity(types::Severity::Low)
    .platform("windows")
    .organization_id(7)
    .agent_id(7));
    scoped!(calls, "GET /v1/incident_reports/{id}", |c| c
        .get_incident_report()
        .id(7));
    scoped!(calls, "POST /v1/incident_reports/{id}/resolution", |c| c
        .resolve_incident_report()
        .id(7));
    scoped!(
        calls,
        "GET /v1/incident_reports/{incident_report_id}/remediations",
        |c| sorted!(c.list_remediations().incident_report_id(7))
            .types(["assisted", "manual"])
            .statuses(["unapproved", "approved"])
    );
    scoped!(
        calls,
        "GET /v1/incident_reports/{incident_report_id}/remediations/{remediation_id}",
        |c| c.get_remediation().incident_report_id(7).remediation_id(7)
    );
    scoped!(
        calls,
        "POST /v1/incident_reports/{incident_report_id}/remediations/bulk_approval",
        |c| c.approve_remediations().incident_report_id(7)
    );
    scoped!(
        calls,
        "POST /v1/incident_reports/{incident_report_id}/remediations/bulk_rejection",
        |c| c.reject_remediations().incident_report_id(7).body(
            types::RejectRemediations::builder()
                .comment("a b")
                .useful(true)
                .name("a b")
                .phone_number("a b")
                .email("a b")
        )
    );
    scoped!(calls, "GET /v1/memberships", |c| sorted!(
        c.list_memberships()
    )
    .organization_id(7)
    .user_id(7)
    .permissions("Admin"));
    scoped!(calls, "POST /v1/memberships", |c| c
        .create_membership()
        .body(
            types::CreateMembership::builder()
                .email("a b")
                .first_name("a b")
                .last_name("a b")
                .permissions("Admin")
                .organization_id(7)
        ));
    scoped!(calls, "GET /v1/memberships/{id}", |c| c
        .get_membership()
        .id(7));
    scoped!(calls, "PATCH /v1/memberships/{id}", |c| c
        .update_membership()
        .id(7)
        .body(types::UpdateMembership::builder().permissions("Admin")));
    scoped!(calls, "DELETE /v1/memberships/{id}", |c| c
        .delete_membership()
        .id(7));
    scoped!(calls, "GET /v1/organizations", |c| sorted!(
        c.list_organizations()
    )
    .name("a b")
    .key("a b"));
    scoped!(calls, "POST /v1/organizations", |c| c
        .create_organization()
        .body(
            types::CreateOrganization::builder().name("a b").key("a b")
        ));
    scoped!(calls, "GET /v1/organizations/{id}", |c| c
        .get_organization()
        .id(7));
    scoped!(calls, "PATCH /v1/organizations/{id}", |c| c
        .update_organization()
        .id(7)
        .body(
            types::UpdateOrganization::builder()
                .name("a b")
                .key("a b")
                .report_recipients(["a b"])
        ));
    scoped!(calls, "DELETE /v1/organizations/{id}", |c| c
        .delete_organization()
        .id(7));
    call!(calls, "GET /v1/platform_actions", |c| sorted!(
        c.list_platform_actions()
    )
    .status("open")
    .severity("low")
    .subtype("a b")
    .organization_id(7));
    call!(calls, "GET /v1/platform_actions/{id}", |c| c
        .get_platform_action()
        .id(7));
    scoped!(calls, "GET /v1/reports", |c| sorted!(
        c.list_summary_reports()
    )
    .period_min("a b")
    .period_max("a b")
    .organization_id(7)
    .type_("monthly_summary"));
    scoped!(calls, "GET /v1/reports/{id}", |c| c
        .get_summary_report()
        .id(7));
    scoped!(calls, "GET /v1/signals", |c| sorted!(c.list_signals())
        .investigated_at_min("a b")
        .investigated_at_max("a b")
        .entity_type("user_entity")
        .entity_id("a b")
        .organization_id(7)
        .types(["Antivirus", "Process Insights"])
        .statuses(["reported", "closed"]));
    scoped!(calls, "GET /v1/signals/{id}", |c| c.get_signal().id(7));
    call!(calls, "GET /v1/unwanted_access_rules", |c| paged!(
        c.list_unwanted_access_rules()
    )
    .organization_id(7)
    .identity_id(7)
    .type_("expected")
    .status("active")
    .scope("account")
    .category("country")
    .country_code("a b")
    .vpn("a b")
    .ip_address("a b")
    .logic("standard"));
    call!(calls, "POST /v1/unwanted_access_rules", |c| c
        .create_unwanted_access_rule()
        .body(
            types::CreateUnwantedAccessRule::builder()
                .identity_id(7)
                .organization_id(7)
                .country_code("a b")
                .vpn("a b")
                .logic("catchall")
                .type_("expected")
                .starts_at(day())
                .expires_at(day())
                .notes("a b")
                .category("country")
        ));
    call!(calls, "GET /v1/unwanted_access_rules/{id}", |c| c
        .get_unwanted_access_rule()
        .id(7));
    call!(calls, "DELETE /v1/unwanted_access_rules/{id}", |c| c
        .delete_unwanted_access_rule()
        .id(7));
    call!(calls, "PATCH /v1/unwanted_access_rules/{id}", |c| c
        .update_unwanted_access_rule()
        .id(7)
        .body(
            types::UpdateUnwantedAccessRule::builder()
                .starts_at(day())
                .expires_at(day())
                .notes("a b")
        ));
    call!(calls, "GET /v1/known_vpns", |c| c.list_known_vpns());
    calls
}
