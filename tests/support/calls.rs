//! A call of each of the 92 operations and the legacy ones, with samples for all values.

use std::collections::BTreeMap;
use std::pin::Pin;

use huntress::{AccountClient, Client, Error, jiff, types};

/// The managed account that scoped calls are for.
pub const ACCOUNT: i64 = 9_007_199_254_740_993;

/// Gives the result as `Debug` shows it.
type Call = Pin<Box<dyn Future<Output = Result<String, Error>> + Send>>;
/// By method and path, as in the contract.
pub type Calls = BTreeMap<String, Box<dyn Fn(&Client) -> Call>>;

macro_rules! call {
    ($calls:ident, $place:literal, |$client:ident| $call:expr) => {
        let make: Box<dyn Fn(&Client) -> Call> = Box::new(|client: &Client| {
            let $client: Client = client.clone();
            Box::pin(async move { $call.send().await.map(|result| format!("{result:?}")) })
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
            Box::pin(async move { $call.send().await.map(|result| format!("{result:?}")) })
        });
        let place = $place.replacen("/v1/", "/v1/accounts/{account_id}/", 1);
        assert!($calls.insert(place, make).is_none());
    };
}

/// Pagination and sorting.
macro_rules! paged {
    ($call:expr) => {
        $call.page_size(7).page_token("t+/=")
    };
}

macro_rules! sorted {
    ($call:expr) => {
        paged!($call)
            .sort_field("id")
            .sort_direction(types::SortDirection::Asc)
    };
}

fn address() -> types::Address {
    let address = types::Address::new().line1("a b").line2("a b").city("a b");
    address.state("a b").postal_code("a b").country("a b")
}

fn day() -> jiff::civil::Date {
    jiff::civil::date(2026, 1, 2)
}

fn moment() -> jiff::Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

#[allow(deprecated)]
pub fn calls() -> Calls {
    let mut calls = Calls::new();
    call!(calls, "GET /v1/account", |c| c.get_account());
    call!(calls, "GET /v1/actor", |c| c.get_actor());
    call!(calls, "GET /v1/accounts", |c| sorted!(c.list_accounts())
        .status("enabled")
        .name("a b")
        .subdomain("a b"));
    call!(calls, "POST /v1/accounts", |c| c.create_account(
        types::CreateAccount::new(
            "a b",
            "a b",
            "a b",
            types::AccountAdmin::new("a b", "a b", "a b")
        )
        .support_type("huntress_supported")
        .additional_admin_emails(["a b"])
        .products(["edr"])
        .product_trials([types::Product::Edr])
        .product_trials_start_date(day())
        .billing_address(address())
        .shipping_address(address())
    ));
    call!(calls, "GET /v1/accounts/{account_id}", |c| c
        .get_account_by_id(ACCOUNT));
    call!(calls, "PATCH /v1/accounts/{account_id}", |c| c
        .update_account(
            ACCOUNT,
            types::UpdateAccount::new()
                .name("a b")
                .subdomain("a b")
                .phone_number("a b")
                .support_type("huntress_supported")
                .billing_address(address())
                .shipping_address(address())
        ));
    call!(calls, "DELETE /v1/accounts/{account_id}", |c| c
        .disable_account(ACCOUNT));
    call!(calls, "GET /v1/reseller/invoices", |c| paged!(
        c.list_reseller_invoices()
    )
    .status("open"));
    call!(calls, "GET /v1/reseller/invoices/{id}", |c| c
        .get_reseller_invoice(7));
    call!(
        calls,
        "GET /v1/reseller/invoices/{id}/account_usage_line_items",
        |c| paged!(c.list_account_usage_line_items(7))
    );
    call!(
        calls,
        "GET /v1/reseller/invoices/{id}/organization_usage_line_items",
        |c| paged!(c.list_organization_usage_line_items(7))
    );
    call!(calls, "GET /v1/reseller/subscriptions", |c| sorted!(
        c.list_reseller_subscriptions()
    )
    .product("edr")
    .status("draft"));
    call!(calls, "POST /v1/reseller/subscriptions", |c| c
        .create_reseller_subscription(
            types::CreateResellerSubscription::new(7, types::Product::Edr, 7, "a b")
                .billing_interval("monthly")
        ));
    call!(calls, "GET /v1/reseller/subscriptions/{id}", |c| c
        .get_reseller_subscription(7));
    call!(calls, "PATCH /v1/reseller/subscriptions/{id}", |c| c
        .update_reseller_subscription(
            7,
            types::UpdateResellerSubscription::new()
                .minimum(7)
                .purchase_order("a b")
                .billing_interval("monthly")
                .additional_units(7)
                .auto_renew(true)
        ));
    call!(calls, "POST /v1/reseller/subscriptions/{id}/upgrade", |c| c
        .upgrade_reseller_subscription(
            7,
            types::UpgradeResellerSubscription::new(7)
                .purchase_order("a b")
                .on_renewal(true)
        ));
    call!(calls, "POST /v1/siem/query", |c| c.query_siem(
        types::QuerySiem::new("a b", moment(), moment()).page_token("a b")
    ));
    scoped!(calls, "GET /v1/agents", |c| sorted!(c.list_agents())
        .organization_id(7)
        .platform("windows")
        .hostname("a b")
        .os("a b")
        .version("a b"));
    scoped!(calls, "GET /v1/agents/{id}", |c| c.get_agent(7));
    scoped!(calls, "PATCH /v1/agents/{id}", |c| c.update_agent(
        7,
        types::UpdateAgent::new()
            .tags(["a b"])
            .tamper_protection_configured(true)
    ));
    scoped!(calls, "DELETE /v1/agents/{id}", |c| c.uninstall_agent(7));
    scoped!(calls, "POST /v1/agents/{id}/isolation", |c| c
        .isolate_agent(
            7,
            types::IsolateAgent::new()
                .reason("a b")
                .strict_isolation(true)
        ));
    scoped!(calls, "DELETE /v1/agents/{id}/isolation", |c| c
        .release_agent(7));
    scoped!(calls, "GET /v1/external_ports", |c| sorted!(
        c.list_external_ports()
    )
    .organization_id(7)
    .protocol("TCP")
    .port(7_u16)
    .risky_service(true)
    .service("a b"));
    scoped!(calls, "GET /v1/external_ports/{id}", |c| c
        .get_external_port(7));
    scoped!(calls, "GET /v1/invoices", |c| sorted!(c.list_invoices())
        .status("open")
        .has_usage(true));
    scoped!(calls, "GET /v1/invoices/{id}", |c| c.get_invoice(7));
    scoped!(calls, "GET /v1/billing_reports", |c| sorted!(
        c.list_billing_reports()
    )
    .status("open"));
    scoped!(calls, "GET /v1/billing_reports/{id}", |c| c
        .get_billing_report(7));
    call!(calls, "GET /v1/escalations", |c| sorted!(
        c.list_escalations()
    )
    .status("open")
    .severity("low")
    .subtype("a b")
    .organization_id(7));
    call!(calls, "GET /v1/escalations/{id}", |c| c.get_escalation(7));
    call!(calls, "POST /v1/escalations/{id}/resolution", |c| c
        .resolve_escalation(
            7,
            types::ResolveEscalation::new()
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
    call!(calls, "GET /v1/identities/{id}", |c| c.get_identity(7));
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
        .get_incident_report(7));
    scoped!(calls, "POST /v1/incident_reports/{id}/resolution", |c| c
        .resolve_incident_report(7));
    scoped!(
        calls,
        "GET /v1/incident_reports/{incident_report_id}/remediations",
        |c| sorted!(c.list_remediations(7))
            .types(["assisted", "manual"])
            .statuses(["unapproved", "approved"])
    );
    scoped!(
        calls,
        "GET /v1/incident_reports/{incident_report_id}/remediations/{remediation_id}",
        |c| c.get_remediation(7, 7)
    );
    scoped!(
        calls,
        "POST /v1/incident_reports/{incident_report_id}/remediations/bulk_approval",
        |c| c.approve_remediations(7)
    );
    scoped!(
        calls,
        "POST /v1/incident_reports/{incident_report_id}/remediations/bulk_rejection",
        |c| c.reject_remediations(
            7,
            types::RejectRemediations::new("a b", true)
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
    scoped!(calls, "POST /v1/memberships", |c| c.create_membership(
        types::CreateMembership::new("a b", "a b", "a b", types::Permissions::Admin)
            .organization_id(7)
    ));
    scoped!(calls, "GET /v1/memberships/{id}", |c| c.get_membership(7));
    scoped!(calls, "PATCH /v1/memberships/{id}", |c| c
        .update_membership(
            7,
            types::UpdateMembership::new().permissions("Admin")
        ));
    scoped!(calls, "DELETE /v1/memberships/{id}", |c| c
        .delete_membership(7));
    scoped!(calls, "GET /v1/organizations", |c| sorted!(
        c.list_organizations()
    )
    .name("a b")
    .key("a b"));
    scoped!(calls, "POST /v1/organizations", |c| c.create_organization(
        types::CreateOrganization::new("a b", "a b")
    ));
    scoped!(calls, "GET /v1/organizations/{id}", |c| c
        .get_organization(7));
    scoped!(calls, "PATCH /v1/organizations/{id}", |c| c
        .update_organization(
            7,
            types::UpdateOrganization::new()
                .name("a b")
                .key("a b")
                .report_recipients(["a b"])
        ));
    scoped!(calls, "DELETE /v1/organizations/{id}", |c| c
        .delete_organization(7));
    call!(calls, "GET /v1/platform_actions", |c| sorted!(
        c.list_platform_actions()
    )
    .status("open")
    .severity("low")
    .subtype("a b")
    .organization_id(7));
    call!(calls, "GET /v1/platform_actions/{id}", |c| c
        .get_platform_action(7));
    scoped!(calls, "GET /v1/reports", |c| sorted!(
        c.list_summary_reports()
    )
    .period_min(day())
    .period_max(day())
    .organization_id(7)
    .type_("monthly_summary"));
    scoped!(calls, "GET /v1/reports/{id}", |c| c.get_summary_report(7));
    scoped!(calls, "GET /v1/signals", |c| sorted!(c.list_signals())
        .investigated_at_min(moment())
        .investigated_at_max(moment())
        .entity_type("user_entity")
        .entity_id(7)
        .organization_id(7)
        .types(["Antivirus", "Process Insights"])
        .statuses(["reported", "closed"]));
    scoped!(calls, "GET /v1/signals/{id}", |c| c.get_signal(7));
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
        .create_unwanted_access_rule(
            types::CreateUnwantedAccessRule::new(types::AccessDetermination::Expected)
                .identity_id(7)
                .country_code(["a b"])
                .starts_at(day())
                .expires_at(day())
                .notes("a b")
                .category("country")
        ));
    call!(calls, "GET /v1/unwanted_access_rules/{id}", |c| c
        .get_unwanted_access_rule(7));
    call!(calls, "DELETE /v1/unwanted_access_rules/{id}", |c| c
        .delete_unwanted_access_rule(7));
    call!(calls, "PATCH /v1/unwanted_access_rules/{id}", |c| c
        .update_unwanted_access_rule(
            7,
            types::UpdateUnwantedAccessRule::new()
                .starts_at(day())
                .expires_at(day())
                .notes("a b")
        ));
    call!(calls, "GET /v1/known_vpns", |c| c.list_known_vpns());
    calls
}
