//! The code generator on the document of this repository, and the public surface it makes.
//!
//! The snapshots are what a reviewer reads when the vendor's document has changed;
//! `cargo insta review` accepts a change.

const DOCUMENT: &str = "../spec/openapi.json";

#[test]
fn the_public_surface_is_as_reviewed() {
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let (document, model) = codegen::parse(&text).unwrap();
    let code = codegen::code(&document, &model).unwrap();
    let surface = codegen::surface::surface(&code);
    insta::assert_snapshot!("operations", surface.operations_text());
    insta::assert_snapshot!("types", surface.types_text());
}

#[test]
fn the_generated_code_stays_small() {
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let (document, model) = codegen::parse(&text).unwrap();
    let code = codegen::code(&document, &model).unwrap();
    let lines = code.render().unwrap().lines().count();
    assert!(lines <= 12_500, "{lines} lines");
    assert!(code.enums.len() + code.unions.len() <= 60);
}

#[test]
fn every_page_can_be_streamed() {
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let (document, model) = codegen::parse(&text).unwrap();
    let code = codegen::code(&document, &model).unwrap();
    let pages = model
        .operations
        .values()
        .filter(|operation| matches!(operation.envelope, codegen::model::Envelope::Page(_)));
    let streams = code.render().unwrap().matches("impl List for ").count();
    assert_eq!(streams, pages.count());
    // 18 lists of the document, the legacy one, and the SIEM query.
    assert_eq!(streams, 20);
}

/// What has changed can be found where the records say when, and the list is sorted by that.
#[test]
fn the_lists_that_show_changes_are_those_whose_records_are_dated_and_sorted_by_date() {
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let shown = |text: &str| {
        let (_, model) = codegen::parse(text).unwrap();
        let shown = model.operations.into_values();
        let shown = shown.filter(|operation| operation.changed_since);
        shown.map(|operation| operation.id).collect::<Vec<_>>()
    };
    assert_eq!(
        shown(&text),
        [
            "list_agents",
            // Added by an overlay: ten are in the vendor's document.
            "list_billing_reports",
            "list_escalations",
            "list_identities",
            "list_incident_reports",
            "list_invoices",
            "list_memberships",
            "list_organizations",
            "list_platform_actions",
            "list_signals",
            "list_summary_reports",
        ]
    );
    // Each part of the rule takes its list away, or gives it.
    let changed = |pointer: &str, value: serde_json::Value| {
        let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).expect(parent)[key] = value;
        shown(&document.to_string())
    };
    let gone = |ids: Vec<String>, id: &str| ids.len() == 10 && !ids.iter().any(|one| one == id);
    let schemas = "/components/schemas";
    let without = changed(
        &format!("{schemas}/Signal/properties"),
        serde_json::json!({}),
    );
    assert!(gone(without, "list_signals"));
    let signals = "/paths/~1v1~1signals/get";
    let deprecated = changed(&format!("{signals}/deprecated"), true.into());
    assert_eq!(deprecated, shown(&text), "programs call it");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let parameters = document.pointer(&format!("{signals}/parameters")).unwrap();
    for (place, parameter) in parameters.as_array().unwrap().iter().enumerate() {
        let name = parameter["name"].as_str().unwrap();
        let renamed = changed(
            &format!("{signals}/parameters/{place}/name"),
            "other".into(),
        );
        let needed = ["limit", "page_token", "sort_direction", "sort_field"].contains(&name);
        assert_eq!(gone(renamed, "list_signals"), needed, "{name}");
        if name == "sort_field" {
            let values = format!("{signals}/parameters/{place}/schema/x-huntress-values");
            let by_time_alone = changed(&values, serde_json::json!(["updated_at"]));
            assert!(gone(by_time_alone, "list_signals"));
        }
    }
    let dated = serde_json::json!({"type": "string", "format": "date-time", "nullable": true});
    let remediation = format!("{schemas}/Remediation/properties/updated_at");
    assert!(changed(&remediation, dated).contains(&"list_remediations".to_owned()));
}

#[test]
fn a_broken_document_says_which_operation() {
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
    document["components"]["schemas"]["AgentPage"]["x-huntress-envelope"]["kind"] = "spiral".into();
    let error = codegen::parse(&document.to_string()).unwrap_err();
    assert_eq!(
        error,
        "GET /v1/agents: the envelope AgentPage is of the unknown kind Some(\"spiral\")"
    );
}

/// Sent twice, a write would be done twice: nothing is taken for a read by its looks.
#[test]
fn a_post_reads_only_where_an_overlay_says_so() {
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let surface = |text: &str| {
        let (document, model) = codegen::parse(text).unwrap();
        let code = codegen::code(&document, &model).unwrap();
        (
            codegen::surface::surface(&code).operations_text(),
            code.render().unwrap().matches("Access::Query").count(),
        )
    };
    let (operations, queries) = surface(&text);
    assert_eq!((operations.matches("[reads]").count(), queries), (1, 1));
    let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
    document["paths"]["/v1/siem/query"]["post"]["x-huntress-reads"] = serde_json::Value::Null;
    let (operations, queries) = surface(&document.to_string());
    assert_eq!((operations.matches("[reads]").count(), queries), (0, 0));
}

/// A parameter with the name of an option of every call has another setter, by overlay.
#[test]
fn an_overlay_can_name_a_setter() {
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let parameters = document["paths"]["/v1/agents"]["get"]["parameters"].as_array_mut();
    let timeout = serde_json::json!({
        "in": "query", "name": "timeout", "x-huntress-name": "agent_timeout",
        "schema": {"type": "string"}
    });
    parameters.unwrap().push(timeout);
    let (document, model) = codegen::parse(&document.to_string()).unwrap();
    let code = codegen::code(&document, &model).unwrap();
    let code = code.render().unwrap();
    assert!(code.contains("pub fn agent_timeout<V>(mut self, value: V)"));
    assert!(code.contains(r#"crate::url::pairs("timeout", &timeout)"#));
}
