//! Finds a component in CycloneDX SBOMs, read as a stream.
//!
//! An SBOM is only as reliable as its author: it is not signed, and the bundle is not opened. The property
//! `sealift:statement` names the bundle by the digest of its statement.

mod cyclonedx;

pub use cyclonedx::search;

use crate::packages::unversioned;
use sealift_bundle::value::digest::Digest;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// How many components that match are kept of one SBOM; the rest is counted.
const MATCHES: usize = 1000;
/// How many names that are like the one asked for are kept.
const LIKE: usize = 8;
/// How many items are kept of one component; the rest is counted.
const ITEMS: usize = 100;
/// Characters of the longest text that is kept.
const TEXT: usize = 500;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentQuery {
    /// A name, `GROUP/NAME`, or a purl without its version.
    name: String,
    /// The version, exactly.
    version: Option<String>,
}

/// A component that was looked for and found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SearchedComponent {
    /// What it is called.
    pub name: String,
    /// The group of a Java artifact, the scope of an npm package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its package URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// The items that it was found in: one package of a base image is in every image on top of it.
    #[serde(skip_serializing_if = "Items::is_empty")]
    pub items: Items,
}

/// The items that hold a component: as many as are kept, sorted, and how many more there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Items {
    /// Their names.
    pub names: BTreeSet<String>,
    /// How many more an SBOM names.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Items {
    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.more == 0
    }

    fn add(&mut self, name: String) {
        if self.names.len() < ITEMS {
            self.names.insert(cut(name));
        } else if !self.names.contains(&name) {
            self.more += 1;
        }
    }
}

/// What an SBOM says about what is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// The bundle that it is about; nothing when it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<Digest>,
    /// How many components it has.
    pub components: u64,
    /// How many of them are what is looked for.
    pub matching: u64,
    /// Those, or as many of them as are kept.
    pub found: Vec<SearchedComponent>,
    /// Names that contain the one that is looked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub like: Vec<String>,
}

impl ComponentQuery {
    /// What the user typed: `NAME` or `NAME@VERSION`. An `@` in front belongs to the name, as in `@scope/name`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let split = text.rfind('@').filter(|at| *at > 0).and_then(|at| {
            let (name, version) = (text.get(..at)?, text.get(at + 1..)?);
            // `group/@scope` has no version, and neither has `name@`.
            (!version.is_empty() && !version.contains('/')).then(|| (name.to_owned(), version.to_owned()))
        });
        match split {
            Some((name, version)) => Self { name: unversioned(&name).to_owned(), version: Some(version) },
            None => Self { name: unversioned(text).to_owned(), version: None },
        }
    }

    fn is(&self, component: &SearchedComponent) -> bool {
        let grouped = component.group.as_ref().map(|group| format!("{group}/{}", component.name));
        let purl = component.purl.as_deref().map(unversioned);
        let is_named = self.name == component.name
            || grouped.as_ref() == Some(&self.name)
            || purl == Some(self.name.as_str());
        is_named && self.version.as_ref().is_none_or(|version| component.version.as_ref() == Some(version))
    }

    fn is_like(&self, component: &SearchedComponent) -> bool {
        let needle = self.name.rsplit('/').next().unwrap_or_default().to_lowercase();
        !needle.is_empty() && component.name.to_lowercase().contains(&needle)
    }
}

impl fmt::Display for ComponentQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.version.iter().try_for_each(|version| write!(f, "@{version}"))
    }
}

impl Findings {
    fn take(&mut self, component: SearchedComponent, query: &ComponentQuery) {
        self.components += 1;
        if query.is(&component) {
            self.matching += 1;
            if self.found.len() < MATCHES {
                self.found.push(component.cut());
            }
        } else if self.like.len() < LIKE && query.is_like(&component) {
            let cut = component.cut();
            let like = cut.version.map_or(cut.name.clone(), |version| format!("{}@{version}", cut.name));
            if !self.like.contains(&like) {
                self.like.push(like);
            }
        }
    }
}

impl SearchedComponent {
    /// The same, with texts of a length that the user reads.
    fn cut(self) -> Self {
        Self {
            name: cut(self.name),
            group: self.group.map(cut),
            version: self.version.map(cut),
            purl: self.purl.map(cut),
            items: self.items,
        }
    }
}

fn cut(text: String) -> String {
    if text.len() <= TEXT { text } else { text.chars().take(TEXT).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sbom(components: &str) -> String {
        let statement = Digest::of(b"statement");
        format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","x":[{{}}],"metadata":{{"tools":{{}},"properties":[
            {{"name":"other","value":"x"}},{{"name":"sealift:statement","value":"{statement}"}}]}},"components":{components}}}"#
        )
    }

    fn ask(query: &str, text: &str) -> Result<Findings, String> {
        search(text.as_bytes(), &ComponentQuery::parse(query)).map_err(|error| error.to_string())
    }

    const COMPONENTS: &str = r#"[
        {"type":"library","components":[
            {"name":"openssl","version":"3.0.17-1~deb12u2","purl":"pkg:deb/debian/openssl@3.0.17-1~deb12u2?arch=amd64"},
            {"name":"core","group":"@babel","version":"7.0.0","purl":"pkg:npm/%40babel/core@7.0.0",
             "properties":[{"name":"sealift:item","value":"web"}]}],
         "name":"debian","version":"12","properties":[{"name":"sealift:item","value":"base"}]},
        {"name":"log4j-core","group":"org.apache.logging.log4j","version":"2.14.1",
         "purl":"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"},
        {"name":"log4j-core","group":"org.apache.logging.log4j","version":"2.17.1"}]"#;

    #[test]
    fn a_component_is_found_by_name_group_and_purl() {
        let text = sbom(COMPONENTS);
        for (query, found) in [
            ("openssl", 1),
            ("openssl@3.0.17-1~deb12u2", 1),
            ("openssl@3.0.17", 0),
            ("OpenSSL", 0),
            ("openss", 0),
            ("pkg:deb/debian/openssl", 1),
            ("pkg:deb/debian/openssl@3.0.17-1~deb12u2", 1),
            ("pkg:deb/debian/openssl?arch=arm64", 1),
            ("@babel/core", 1),
            ("@babel/core@7.0.0", 1),
            ("@babel/core@7", 0),
            ("pkg:npm/%40babel/core", 1),
            ("core", 1),
            ("log4j-core", 2),
            ("log4j-core@2.14.1", 1),
            ("org.apache.logging.log4j/log4j-core@2.17.1", 1),
            ("other/log4j-core", 0),
            ("debian", 1),
        ] {
            let findings = ask(query, &text).unwrap();
            assert_eq!(findings.found.len(), found, "{query}: {findings:?}");
            assert_eq!((findings.components, findings.matching), (5, found as u64), "{query}");
            assert_eq!(findings.statement, Some(Digest::of(b"statement")), "{query}");
        }
        let items = |query| {
            let found = ask(query, &text).unwrap().found;
            found.first().map(|one| one.items.names.iter().cloned().collect::<Vec<_>>().join(" "))
        };
        assert_eq!(items("openssl").as_deref(), Some("base"), "that of the component around it");
        assert_eq!(items("core").as_deref(), Some("web"));
        assert_eq!(items("log4j-core").as_deref(), Some(""));
        assert_eq!(ask("log4j", &text).unwrap().like, ["log4j-core@2.14.1", "log4j-core@2.17.1"]);
    }

    #[test]
    fn f_new_c_a_component_of_several_items_names_all_of_them() {
        let item = |name: &str| format!(r#"{{"name":"sealift:item","value":"{name}"}}"#);
        let components = |items: &[String]| {
            let properties = items.iter().map(|name| item(name)).collect::<Vec<_>>().join(",");
            sbom(&format!(r#"[{{"name":"openssl","version":"3","properties":[{properties}]}}]"#))
        };
        let few =
            ask("openssl", &components(&["web".to_owned(), "db".to_owned(), "web".to_owned()])).unwrap();
        let names: Vec<_> = few.found[0].items.names.iter().map(String::as_str).collect();
        assert_eq!((names.as_slice(), few.found[0].items.more), (["db", "web"].as_slice(), 0));
        let many: Vec<String> = (0..ITEMS + 7).map(|number| format!("item-{number:04}")).collect();
        let items = ask("openssl", &components(&many)).unwrap().found.swap_remove(0).items;
        assert_eq!((items.names.len(), items.more), (ITEMS, 7));
    }

    #[test]
    fn what_is_no_sbom_is_said_to_be_none() {
        let good = sbom("[]");
        assert!(ask("x", &good).is_ok());
        let deep = r#"[{"name":"a","components":"#.repeat(200) + "[]" + &"}]".repeat(200);
        for (case, text) in [
            ("J07 nothing", String::new()),
            ("J07 two documents", good.clone() + &good),
            ("another format", good.replace("CycloneDX", "SPDX")),
            ("a later edition", good.replace("\"1.6\"", "\"2.0\"")),
            ("J01 components twice", good.replacen('{', "{\"components\":[],", 1)),
            ("J01 a name twice", sbom(r#"[{"name":"a","name":"b"}]"#)),
            ("no name", sbom(r#"[{"version":"1"}]"#)),
            ("a name that is none", sbom(r#"[{"name":1}]"#)),
            ("J04 an array", "[]".to_owned()),
            ("J08 nested without end", sbom(&deep)),
            ("J21 another digest", good.replace("sha256:", "md5:")),
            ("two bundles", good.replace("\"other\"", "\"sealift:statement\"")),
            ("cut off", good[..good.len() - 1].to_owned()),
        ] {
            assert!(ask("x", &text).is_err(), "{case}: {text}");
        }
        let loose = good.replace("sealift:statement", "sealift:other");
        assert_eq!(ask("x", &loose).unwrap().statement, None);
    }

    #[test]
    fn j08_what_is_kept_does_not_grow_with_the_sbom() {
        let many = vec![r#"{"name":"a"}"#; 5000].join(",");
        let findings = ask("a", &sbom(&format!("[{many}]"))).unwrap();
        assert_eq!((findings.matching, findings.found.len()), (5000, MATCHES));
        let long = sbom(&format!(r#"[{{"name":"a","version":"{}"}}]"#, "9".repeat(100_000)));
        let found = ask("a", &long).unwrap().found;
        assert_eq!(found[0].version.as_ref().map(String::len), Some(TEXT));
    }
}
