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
