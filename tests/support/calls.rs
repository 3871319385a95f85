//! A call of each of the 92 operations and the legacy ones, with samples for all values.

use std::collections::BTreeMap;
use std::pin::Pin;

use huntress::{AccountOperations, Client, Error, jiff, types};

/// The managed account that scoped calls are for.
pub const ACCOUNT: i64 = 9_007_199_254_740_993;

/// Gives the result as `Debug` shows it.
type Call = Pin<Box<dyn Future<Output = Result<String, Error>> + Send>>;

/// By method and path, as in the contract; each can be made any number of times.
pub type Calls = BTreeMap<String, Box<dyn Fn() -> Call>>;

/// Collects calls below `/v1/`, or below what stands there for a managed account.
struct Table {
    root: &'static str,
    calls: Calls,
}

impl Table {
    fn add<C, T>(&mut self, place: &str, call: C)
    where
        C: IntoFuture<Output = Result<T, Error>, IntoFuture: Send> + Clone + Send + 'static,
        T: std::fmt::Debug,
    {
        let make = move || {
            let call = call.clone();
            Box::pin(async move { call.await.map(|result| format!("{result:?}")) }) as Call
        };
        let place = place.replacen("/v1/", self.root, 1);
        let known = self.calls.insert(place, Box::new(make));
        assert!(known.is_none(), "twice");
    }
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

/// All of them, of this client and of one managed account of it.
pub fn calls(client: &Client) -> Calls {
    let mut table = Table {
        root: "/v1/",
        calls: Calls::new(),
    };
    own(client, &mut table);
    shared(client, &mut table);
    table.root = "/v1/accounts/{account_id}/";
    shared(&client.for_account(ACCOUNT), &mut table);
    table.calls
}

/// What the API has without a scope only.
fn own(c: &Client, calls: &mut Table) {
    calls.add("GET /v1/account", c.get_account());
    calls.add("GET /v1/actor", c.get_actor());
    calls.add(
        "GET /v1/accounts",
        sorted!(c.list_accounts())
            .status("enabled")
            .name("a b")
            .subdomain("a b"),
    );
    calls.add(
        "POST /v1/accounts",
        c.create_account(
            types::CreateAccount::new(
                "a b",
                "a b",
                "a b",
                types::AccountAdmin::new("a b", "a b", "a b"),
            )
            .support_type("huntress_supported")
            .additional_admin_emails(["a b"])
            .products(["edr"])
            .product_trials([types::Product::Edr])
            .product_trials_start_date(day())
            .billing_address(address())
            .shipping_address(address()),
        ),
    );
    calls.add(
        "GET /v1/accounts/{account_id}",
        c.get_account_by_id(ACCOUNT),
    );
    calls.add(
        "PATCH /v1/accounts/{account_id}",
        c.update_account(
            ACCOUNT,
            types::UpdateAccount::new()
                .name("a b")
                .subdomain("a b")
                .phone_number("a b")
                .support_type("huntress_supported")
                .billing_address(address())
                .shipping_address(address()),
        ),
    );
    calls.add(
        "DELETE /v1/accounts/{account_id}",
        c.disable_account(ACCOUNT),
    );
    calls.add(
        "GET /v1/reseller/invoices",
        paged!(c.list_reseller_invoices()).status("open"),
    );
    calls.add("GET /v1/reseller/invoices/{id}", c.get_reseller_invoice(7));
    calls.add(
        "GET /v1/reseller/invoices/{id}/account_usage_line_items",
        paged!(c.list_account_usage_line_items(7)),
    );
    calls.add(
        "GET /v1/reseller/invoices/{id}/organization_usage_line_items",
        paged!(c.list_organization_usage_line_items(7)),
    );
    calls.add(
        "GET /v1/reseller/subscriptions",
        sorted!(c.list_reseller_subscriptions())
            .product("edr")
            .status("draft"),
    );
    calls.add(
        "POST /v1/reseller/subscriptions",
        c.create_reseller_subscription(
            types::CreateResellerSubscription::new(7, types::Product::Edr, 7, "a b")
                .billing_interval("monthly"),
        ),
    );
    calls.add(
        "GET /v1/reseller/subscriptions/{id}",
        c.get_reseller_subscription(7),
    );
    calls.add(
        "PATCH /v1/reseller/subscriptions/{id}",
        c.update_reseller_subscription(
            7,
            types::UpdateResellerSubscription::new()
                .minimum(7)
                .purchase_order("a b")
                .billing_interval("monthly")
                .additional_units(7)
                .auto_renew(true),
        ),
    );
    calls.add(
        "POST /v1/reseller/subscriptions/{id}/upgrade",
        c.upgrade_reseller_subscription(
            7,
            types::UpgradeResellerSubscription::new(7)
                .purchase_order("a b")
                .on_renewal(true),
        ),
    );
    calls.add(
        "POST /v1/siem/query",
        c.query_siem(types::QuerySiem::new("a b", moment(), moment()).page_token("a b")),
    );
    calls.add(
        "GET /v1/escalations",
        sorted!(c.list_escalations())
            .status("open")
            .severity("low")
            .subtype("a b")
            .organization_id(7),
    );
    calls.add("GET /v1/escalations/{id}", c.get_escalation(7));
    calls.add(
        "POST /v1/escalations/{id}/resolution",
        c.resolve_escalation(
            7,
            types::ResolveEscalation::new()
                .determination("expected")
                .scope("account"),
        ),
    );
    calls.add(
        "GET /v1/identities",
        sorted!(c.list_identities())
            .organization_id(7)
            .tenant_type("microsoft_365")
            .billable(true)
            .enabled(true)
            .external(true)
            .risk_level("none")
            .mfa_enabled(true)
            .escalation_id(7),
    );
    calls.add("GET /v1/identities/{id}", c.get_identity(7));
    calls.add(
        "GET /v1/platform_actions",
        sorted!(c.list_platform_actions())
            .status("open")
            .severity("low")
            .subtype("a b")
            .organization_id(7),
    );
    calls.add("GET /v1/platform_actions/{id}", c.get_platform_action(7));
    calls.add(
        "GET /v1/unwanted_access_rules",
        paged!(c.list_unwanted_access_rules())
            .organization_id(7)
            .identity_id(7)
            .type_("expected")
            .status("active")
            .scope("account")
            .category("country")
            .country_code("a b")
            .vpn("a b")
            .ip_address("a b")
            .logic("standard"),
    );
    calls.add(
        "POST /v1/unwanted_access_rules",
        c.create_unwanted_access_rule(
            types::CreateUnwantedAccessRule::new(types::AccessDetermination::Expected)
                .identity_id(7)
                .country_code(["a b"])
                .starts_at(day())
                .expires_at(day())
                .notes("a b")
                .category("country"),
        ),
    );
    calls.add(
        "GET /v1/unwanted_access_rules/{id}",
        c.get_unwanted_access_rule(7),
    );
    calls.add(
        "DELETE /v1/unwanted_access_rules/{id}",
        c.delete_unwanted_access_rule(7),
    );
    calls.add(
        "PATCH /v1/unwanted_access_rules/{id}",
        c.update_unwanted_access_rule(
            7,
            types::UpdateUnwantedAccessRule::new()
                .starts_at(day())
                .expires_at(day())
                .notes("a b"),
        ),
    );
    calls.add("GET /v1/known_vpns", c.list_known_vpns());
}

/// What the API also has for a managed account.
#[allow(deprecated)]
fn shared(c: &impl AccountOperations, calls: &mut Table) {
    calls.add(
        "GET /v1/agents",
        sorted!(c.list_agents())
            .organization_id(7)
            .platform("windows")
            .hostname("a b")
            .os("a b")
            .version("a b"),
    );
    calls.add("GET /v1/agents/{id}", c.get_agent(7));
    calls.add(
        "PATCH /v1/agents/{id}",
        c.update_agent(
            7,
            types::UpdateAgent::new()
                .tags(["a b"])
                .tamper_protection_configured(true),
        ),
    );
    calls.add("DELETE /v1/agents/{id}", c.uninstall_agent(7));
    calls.add(
        "POST /v1/agents/{id}/isolation",
        c.isolate_agent(
            7,
            types::IsolateAgent::new()
                .reason("a b")
                .strict_isolation(true),
        ),
    );
    calls.add("DELETE /v1/agents/{id}/isolation", c.release_agent(7));
    calls.add(
        "GET /v1/external_ports",
        sorted!(c.list_external_ports())
            .organization_id(7)
            .protocol("TCP")
            .port(7_u16)
            .risky_service(true)
            .service("a b"),
    );
    calls.add("GET /v1/external_ports/{id}", c.get_external_port(7));
    calls.add(
        "GET /v1/invoices",
        sorted!(c.list_invoices()).status("open").has_usage(true),
    );
    calls.add("GET /v1/invoices/{id}", c.get_invoice(7));
    calls.add(
        "GET /v1/billing_reports",
        sorted!(c.list_billing_reports()).status("open"),
    );
    calls.add("GET /v1/billing_reports/{id}", c.get_billing_report(7));
    calls.add(
        "GET /v1/incident_reports",
        sorted!(c.list_incident_reports())
            .indicator_type("footholds")
            .status("sent")
            .severity(types::Severity::Low)
            .platform("windows")
            .organization_id(7)
            .agent_id(7),
    );
    calls.add("GET /v1/incident_reports/{id}", c.get_incident_report(7));
    calls.add(
        "POST /v1/incident_reports/{id}/resolution",
        c.resolve_incident_report(7),
    );
    calls.add(
        "GET /v1/incident_reports/{incident_report_id}/remediations",
        sorted!(c.list_remediations(7))
            .types(["assisted", "manual"])
            .statuses(["unapproved", "approved"]),
    );
    calls.add(
        "GET /v1/incident_reports/{incident_report_id}/remediations/{remediation_id}",
        c.get_remediation(7, 7),
    );
    calls.add(
        "POST /v1/incident_reports/{incident_report_id}/remediations/bulk_approval",
        c.approve_remediations(7),
    );
    calls.add(
        "POST /v1/incident_reports/{incident_report_id}/remediations/bulk_rejection",
        c.reject_remediations(
            7,
            types::RejectRemediations::new("a b", true)
                .name("a b")
                .phone_number("a b")
                .email("a b"),
        ),
    );
    calls.add(
        "GET /v1/memberships",
        sorted!(c.list_memberships())
            .organization_id(7)
            .user_id(7)
            .permissions("Admin"),
    );
    calls.add(
        "POST /v1/memberships",
        c.create_membership(
            types::CreateMembership::new("a b", "a b", "a b", types::Permissions::Admin)
                .organization_id(7),
        ),
    );
    calls.add("GET /v1/memberships/{id}", c.get_membership(7));
    calls.add(
        "PATCH /v1/memberships/{id}",
        c.update_membership(7, types::UpdateMembership::new().permissions("Admin")),
    );
    calls.add("DELETE /v1/memberships/{id}", c.delete_membership(7));
    calls.add(
        "GET /v1/organizations",
        sorted!(c.list_organizations()).name("a b").key("a b"),
    );
    calls.add(
        "POST /v1/organizations",
        c.create_organization(types::CreateOrganization::new("a b", "a b")),
    );
    calls.add("GET /v1/organizations/{id}", c.get_organization(7));
    calls.add(
        "PATCH /v1/organizations/{id}",
        c.update_organization(
            7,
            types::UpdateOrganization::new()
                .name("a b")
                .key("a b")
                .report_recipients(["a b"]),
        ),
    );
    calls.add("DELETE /v1/organizations/{id}", c.delete_organization(7));
    calls.add(
        "GET /v1/reports",
        sorted!(c.list_summary_reports())
            .period_min(day())
            .period_max(day())
            .organization_id(7)
            .type_("monthly_summary"),
    );
    calls.add("GET /v1/reports/{id}", c.get_summary_report(7));
    calls.add(
        "GET /v1/signals",
        sorted!(c.list_signals())
            .investigated_at_min(moment())
            .investigated_at_max(moment())
            .entity_type("user_entity")
            .entity_id(7)
            .organization_id(7)
            .types(["Antivirus", "Process Insights"])
            .statuses(["reported", "closed"]),
    );
    calls.add("GET /v1/signals/{id}", c.get_signal(7));
}
