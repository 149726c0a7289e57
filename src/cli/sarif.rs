//! Findings as SARIF 2.1.0 (OASIS, 2020).

use sealift_audit::finding::{LintFinding, LintRule};
use sealift_bundle::value::escaped::escape_json;
use sealift_bundle::value::percent::encoded;
use sealift_plan::check::CheckReport;
use serde_json::{Value, json};

/// The SARIF document, with a trailing line break.
pub(super) fn document(report: &CheckReport) -> String {
    let rules: Vec<Value> = LintRule::ALL.iter().map(|rule| rule_of(*rule)).collect();
    let open = report.findings.iter().map(result);
    let accepted = report.accepted.iter().map(|one| {
        let mut value = result(&one.finding);
        if let Some(object) = value.as_object_mut() {
            let suppression = json!([{ "kind": "external", "justification": one.because }]);
            object.insert("suppressions".to_owned(), suppression);
        }
        value
    });
    let document = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "sealift", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "results": open.chain(accepted).collect::<Vec<_>>(),
        }],
    });
    escape_json(&format!("{document:#}\n"))
}

fn rule_of(rule: LintRule) -> Value {
    json!({
        "id": rule.as_str(),
        "shortDescription": { "text": rule.why() },
        "defaultConfiguration": { "level": rule.severity().as_str() },
    })
}

fn result(finding: &LintFinding) -> Value {
    let mut result = json!({
        "ruleId": finding.rule.as_str(),
        "level": finding.severity().as_str(),
        "message": { "text": format!("{}: {}. Fix: {}", finding.about, finding.message, finding.fix) },
    });
    if let (Some(place), Some(object)) = (&finding.place, result.as_object_mut()) {
        // RFC 3986: reserved characters are percent-encoded.
        let uri = encoded(&place.path, b"/!@");
        let mut location = json!({ "artifactLocation": { "uri": uri } });
        if let (Some(line), Some(location)) = (place.line, location.as_object_mut()) {
            location.insert("region".to_owned(), json!({ "startLine": line }));
        }
        object.insert("locations".to_owned(), json!([{ "physicalLocation": location }]));
    }
    result
}
