//! The questions that people would write first, as views.
//!
//! `docs/store.md` says what each shows. Where the two databases say a thing differently, the
//! text has a word in braces, which [`in_dialect`] replaces.

use super::column::{Kind, quoted};
use super::schema::Existing;
use crate::database::{Dialect, Transaction};
use crate::failure::Failure;

/// What people may set, in one row.
pub(super) const SETTINGS: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS store_settings (
        id bigint PRIMARY KEY CHECK (id = 1),
        stale_after_days bigint NOT NULL DEFAULT 14,
        risk_levels text NOT NULL DEFAULT 'high',
        without_mfa boolean NOT NULL DEFAULT true)",
    "INSERT INTO store_settings (id) VALUES (1) ON CONFLICT DO NOTHING",
];

/// A column without which a text makes no sense.
pub(super) type Need = (&'static str, &'static str, Kind);

struct View {
    name: &'static str,
    needs: &'static [Need],
    sql: &'static str,
}

/// What makes an incident open.
pub const OPEN_INCIDENT: &str = "status IN ('sent', 'auto_remediating')";

/// What puts an identity that is enabled at risk, where `i` is the identity and `s` the settings.
pub const AT_RISK: &str = "(',' || s.risk_levels || ',' LIKE '%,' || i.risk_level || ',%' \
     OR (s.without_mfa AND NOT i.mfa_enabled))";

const VIEWS: [View; 7] = [
    View {
        name: "open_incidents",
        needs: &[
            ("incident_reports", "organization_id", Kind::Integer),
            ("incident_reports", "agent_id", Kind::Integer),
            ("incident_reports", "severity", Kind::Text),
            ("incident_reports", "status", Kind::Text),
            ("incident_reports", "platform", Kind::Text),
            ("incident_reports", "subject", Kind::Text),
            ("incident_reports", "sent_at", Kind::Moment),
            ("incident_reports", "updated_at", Kind::Moment),
            ("organizations", "name", Kind::Text),
            ("agents", "hostname", Kind::Text),
        ],
        sql: "SELECT i.account_id, i.id AS incident_report_id, i.severity, i.status,
                o.name AS organization, a.hostname, i.platform, i.subject,
                i.sent_at, i.updated_at, i.organization_id, i.agent_id
            FROM incident_reports AS i
            LEFT JOIN organizations AS o
                ON o.account_id = i.account_id AND o.id = i.organization_id
            LEFT JOIN agents AS a ON a.account_id = i.account_id AND a.id = i.agent_id
            WHERE i.gone_at IS NULL AND i.status IN ('sent', 'auto_remediating')",
    },
    View {
        name: "incidents_by_organization",
        needs: &[
            ("incident_reports", "organization_id", Kind::Integer),
            ("incident_reports", "severity", Kind::Text),
            ("incident_reports", "status", Kind::Text),
            ("incident_reports", "sent_at", Kind::Moment),
            ("organizations", "name", Kind::Text),
        ],
        sql: "SELECT i.account_id, i.organization_id, o.name AS organization, i.severity,
                count(CASE WHEN i.status IN ('sent', 'auto_remediating') THEN 1 END)
                    AS open_incidents,
                count(*) AS incidents, max(i.sent_at) AS last_sent_at
            FROM incident_reports AS i
            LEFT JOIN organizations AS o
                ON o.account_id = i.account_id AND o.id = i.organization_id
            WHERE i.gone_at IS NULL
            GROUP BY i.account_id, i.organization_id, o.name, i.severity",
    },
    View {
        name: "stale_agents",
        needs: &[
            ("agents", "organization_id", Kind::Integer),
            ("agents", "hostname", Kind::Text),
            ("agents", "platform", Kind::Text),
            ("agents", "version", Kind::Text),
            ("agents", "last_callback_at", Kind::Moment),
            ("agents", "created_at", Kind::Moment),
            ("organizations", "name", Kind::Text),
        ],
        sql: "SELECT a.account_id, a.id AS agent_id, a.hostname, o.name AS organization,
                a.last_callback_at, a.platform, a.version, a.created_at, a.organization_id
            FROM agents AS a
            LEFT JOIN organizations AS o
                ON o.account_id = a.account_id AND o.id = a.organization_id
            WHERE a.gone_at IS NULL
                AND coalesce(a.last_callback_at, a.created_at) < {stale now}",
    },
    View {
        name: "outdated_agents",
        needs: &[
            ("agents", "organization_id", Kind::Integer),
            ("agents", "hostname", Kind::Text),
            ("agents", "platform", Kind::Text),
            ("agents", "version", Kind::Text),
            ("agents", "version_number", Kind::Integer),
            ("agents", "last_callback_at", Kind::Moment),
            ("organizations", "name", Kind::Text),
        ],
        sql: "SELECT a.account_id, a.id AS agent_id, a.hostname, o.name AS organization,
                a.platform, a.version, a.version_number, u.version_number AS usual_version_number,
                a.last_callback_at, a.organization_id
            FROM agents AS a
            JOIN (
                SELECT account_id, platform, version_number FROM (
                    SELECT account_id, platform, version_number, row_number() OVER (
                        PARTITION BY account_id, platform
                        ORDER BY count(*) DESC, version_number DESC) AS place
                    FROM agents WHERE gone_at IS NULL AND version_number IS NOT NULL
                    GROUP BY account_id, platform, version_number) AS counted
                WHERE place = 1) AS u
                ON u.account_id = a.account_id AND u.platform = a.platform
            LEFT JOIN organizations AS o
                ON o.account_id = a.account_id AND o.id = a.organization_id
            WHERE a.gone_at IS NULL AND a.version_number < u.version_number",
    },
    View {
        name: "identities_at_risk",
        needs: &[
            ("identities", "organization_id", Kind::Integer),
            ("identities", "username", Kind::Text),
            ("identities", "email", Kind::Text),
            ("identities", "enabled", Kind::Boolean),
            ("identities", "mfa_enabled", Kind::Boolean),
            ("identities", "risk_level", Kind::Text),
            ("identities", "risk_state", Kind::Text),
            ("identities", "risk_detail", Kind::Text),
            ("organizations", "name", Kind::Text),
        ],
        sql: "SELECT i.account_id, i.id AS identity_id, i.username, i.email,
                o.name AS organization, i.risk_level, i.risk_state, i.risk_detail,
                i.mfa_enabled, i.organization_id
            FROM identities AS i
            CROSS JOIN store_settings AS s
            LEFT JOIN organizations AS o
                ON o.account_id = i.account_id AND o.id = i.organization_id
            WHERE i.gone_at IS NULL AND i.enabled AND {at risk}",
    },
    View {
        name: "unbilled_differences",
        needs: &[
            ("organizations", "name", Kind::Text),
            ("organizations", "agents_count", Kind::Integer),
            ("organizations", "billable_identity_count", Kind::Integer),
            ("organizations", "logs_sources_count", Kind::Integer),
            ("organizations", "sat_learner_count", Kind::Integer),
            ("agents", "organization_id", Kind::Integer),
            ("identities", "organization_id", Kind::Integer),
            ("identities", "billable", Kind::Boolean),
            (
                "organization_usage_line_items",
                "organization_id",
                Kind::Integer,
            ),
            ("organization_usage_line_items", "actual_usage", Kind::Json),
            ("organization_usage_line_items", "period_end", Kind::Moment),
        ],
        sql: "WITH lines AS (
                SELECT organization_id, actual_usage, period_end, row_number() OVER (
                    PARTITION BY organization_id ORDER BY period_end DESC, id DESC) AS place
                FROM organization_usage_line_items WHERE gone_at IS NULL),
            present AS (
                SELECT o.account_id, o.id AS organization_id, o.name AS organization,
                    o.agents_count, o.billable_identity_count, o.logs_sources_count,
                    o.sat_learner_count, l.actual_usage, l.period_end,
                    (SELECT count(*) FROM agents AS a WHERE a.account_id = o.account_id
                        AND a.organization_id = o.id AND a.gone_at IS NULL) AS agents,
                    (SELECT count(*) FROM identities AS i WHERE i.account_id = o.account_id
                        AND i.organization_id = o.id AND i.gone_at IS NULL AND i.billable)
                        AS identities
                FROM organizations AS o
                LEFT JOIN lines AS l ON l.organization_id = o.id AND l.place = 1
                WHERE o.gone_at IS NULL),
            products AS (
                SELECT account_id, organization_id, organization, 'edr' AS product,
                    agents_count AS counted, agents AS listed,
                    {units edr} AS invoiced, period_end FROM present
                UNION ALL
                SELECT account_id, organization_id, organization, 'itdr',
                    billable_identity_count, identities, {units itdr}, period_end FROM present
                UNION ALL
                SELECT account_id, organization_id, organization, 'siem',
                    logs_sources_count, NULL, {units siem}, period_end FROM present
                UNION ALL
                SELECT account_id, organization_id, organization, 'sat',
                    sat_learner_count, NULL, {units sat}, period_end FROM present)
            SELECT account_id, organization_id, organization, product, counted, listed,
                invoiced, period_end AS invoiced_until
            FROM products WHERE counted <> listed OR counted <> invoiced",
    },
    View {
        name: "last_pulls",
        needs: &[
            ("pulls", "account_id", Kind::Integer),
            ("pulls", "run", Kind::Integer),
            ("pulls", "outcome", Kind::Text),
        ],
        sql: "SELECT * FROM pulls AS p
            WHERE p.run = (SELECT max(q.run) FROM pulls AS q WHERE q.account_id = p.account_id)",
    },
];

/// A text in the words of a database.
pub(super) fn in_dialect(dialect: Dialect, sql: &str) -> String {
    // Each is (word, SQLite, PostgreSQL).
    let days = "(SELECT stale_after_days FROM store_settings)";
    let stale = |sqlite: &str, postgres: &str| {
        let sqlite = format!("strftime('%Y-%m-%dT%H:%M:%fZ', {sqlite}, '-' || {days} || ' days')");
        (sqlite, format!("({postgres} - {days} * interval '1 day')"))
    };
    // The end of the day that is counted, unless that is still to come.
    let end = "min({end}, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))";
    let mut words = vec![
        ("{stale now}", stale("'now'", "now()")),
        ("{stale then}", stale(end, "least({end}, now())")),
        ("{at risk}", (AT_RISK.to_owned(), AT_RISK.to_owned())),
    ];
    let units = |product: &str| {
        let column = "actual_usage";
        let sqlite = format!(
            "CASE json_type({column}, '$.{product}') WHEN 'integer' THEN {column} ->> '{product}' END"
        );
        let postgres = format!(
            "CASE jsonb_typeof({column} -> '{product}') WHEN 'number' \
             THEN round(({column} ->> '{product}')::numeric)::bigint END"
        );
        (sqlite, postgres)
    };
    words.extend([
        ("{units edr}", units("edr")),
        ("{units itdr}", units("itdr")),
        ("{units siem}", units("siem")),
        ("{units sat}", units("sat")),
    ]);
    words
        .into_iter()
        .fold(sql.to_owned(), |sql, (word, (sqlite, postgres))| {
            let text = match dialect {
                Dialect::Sqlite => sqlite,
                Dialect::Postgres => postgres,
            };
            sql.replace(word, &text)
        })
}

/// Whether all of these are there, with the type that is needed.
pub(super) fn met(needs: &[Need], existing: &Existing) -> bool {
    needs.iter().all(|(table, column, kind)| {
        let columns = existing.get(*table);
        columns.and_then(|columns| columns.get(*column)) == Some(kind)
    })
}

/// What [`make`] would do.
pub(super) fn fingerprint(dialect: Dialect, existing: &Existing) -> String {
    let views = VIEWS.iter().filter(|view| met(view.needs, existing));
    let views = views.map(|view| format!("{} {}", view.name, in_dialect(dialect, view.sql)));
    SETTINGS
        .into_iter()
        .map(str::to_owned)
        .chain(views)
        .collect()
}

/// Makes the views, or replaces those that are there. A view of which the document lacks a column
/// is left out; one that was made before it went stays, as its columns do.
pub(super) async fn make(
    tx: &mut Transaction,
    dialect: Dialect,
    existing: &Existing,
) -> Result<(), Failure> {
    for sql in SETTINGS {
        tx.execute(sql, &[]).await?;
    }
    for view in &VIEWS {
        if met(view.needs, existing) {
            make_one(tx, dialect, view).await?;
        } else if view.name != "last_pulls" {
            tracing::warn!(view = view.name, "the document lacks a column of this view");
        }
    }
    Ok(())
}

async fn make_one(tx: &mut Transaction, dialect: Dialect, view: &View) -> Result<(), Failure> {
    let (name, sql) = (quoted(view.name), in_dialect(dialect, view.sql));
    let (create, drop) = (
        format!("CREATE VIEW {name} AS {sql}"),
        format!("DROP VIEW IF EXISTS {name}"),
    );
    if dialect == Dialect::Postgres {
        // So that it keeps what it grants; that is refused where a column is another one.
        tx.execute("SAVEPOINT before", &[]).await?;
        let replace = format!("CREATE OR REPLACE VIEW {name} AS {sql}");
        if tx.execute(&replace, &[]).await.is_ok() {
            tx.execute("RELEASE before", &[]).await?;
            return Ok(());
        }
        tx.execute("ROLLBACK TO before", &[]).await?;
    }
    tx.execute(&drop, &[]).await?;
    let made = tx.execute(&create, &[]).await;
    made.map_err(|error| error.at(format_args!("the view {name}")))?;
    Ok(())
}
