//! Looking for a component in SBOMs that somebody carried here: `CycloneDX` in JSON, read as a stream.
//!
//! What an SBOM says is believed as far as whoever made it: it is not signed, and nothing here looks into the bundle. It
//! speaks of one bundle, which it names by the digest of its statement in the property `sealift:statement`.

use crate::value::digest::Digest;
use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The property of an SBOM that says which bundle it is about.
const STATEMENT: &str = "sealift:statement";
/// The property of a component that says in which item it was found.
const ITEM: &str = "sealift:item";
/// How many components that match are kept of one SBOM; the rest is counted.
const MATCHES: usize = 1000;
/// How many names that are like the one asked for are kept.
const LIKE: usize = 8;
/// Characters of the longest text that is kept.
const TEXT: usize = 500;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// A name, `GROUP/NAME`, or a purl without its version.
    name: String,
    /// The version, exactly.
    version: Option<String>,
}

/// A component that was looked for and found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Component {
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
    /// The item that it was found in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
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
    pub found: Vec<Component>,
    /// Names that contain the one that is looked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub like: Vec<String>,
}

impl Query {
    /// What a person typed: `NAME` or `NAME@VERSION`. An `@` in front belongs to the name, as in `@scope/name`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let split = text.rfind('@').filter(|at| *at > 0).and_then(|at| {
            let (name, version) = (text.get(..at)?, text.get(at + 1..)?);
            // `group/@scope` has no version, and neither has `name@`.
            (!version.is_empty() && !version.contains('/')).then(|| (name.to_owned(), version.to_owned()))
        });
        match split {
            Some((name, version)) => Self { name: plain_purl(&name), version: Some(version) },
            None => Self { name: plain_purl(text), version: None },
        }
    }

    fn is(&self, component: &Component) -> bool {
        let grouped = component.group.as_ref().map(|group| format!("{group}/{}", component.name));
        let purl = component.purl.as_deref().map(plain_purl);
        let is_named = self.name == component.name
            || grouped.as_ref() == Some(&self.name)
            || purl.as_ref() == Some(&self.name);
        is_named && self.version.as_ref().is_none_or(|version| component.version.as_ref() == Some(version))
    }

    fn is_like(&self, component: &Component) -> bool {
        let needle = self.name.rsplit('/').next().unwrap_or_default().to_lowercase();
        !needle.is_empty() && component.name.to_lowercase().contains(&needle)
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.version.iter().try_for_each(|version| write!(f, "@{version}"))
    }
}

/// A purl without version, qualifiers and subpath; other texts as they are.
fn plain_purl(text: &str) -> String {
    if !text.starts_with("pkg:") {
        return text.to_owned();
    }
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let front = text.get(..end).unwrap_or_default();
    front.rsplit_once('@').map_or(front, |(name, _)| name).to_owned()
}

/// Looks for a component in an SBOM; what is kept of it does not grow with it.
pub fn search(sbom: &[u8], query: &Query) -> Result<Findings, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(sbom);
    let mut findings = Findings::default();
    Document { query, findings: &mut findings }.deserialize(&mut json)?;
    json.end()?;
    Ok(findings)
}

/// Takes what may stand once.
fn once<T, E: serde::de::Error>(place: &mut Option<T>, key: &str, value: T) -> Result<(), E> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::custom(format!("`{key}` stands twice"))),
    }
}

/// Makes a visitor of objects or arrays a seed as well.
macro_rules! seed {
    ($type:ident, $value:ty, $method:ident) => {
        impl<'de> DeserializeSeed<'de> for $type<'_> {
            type Value = $value;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<$value, D::Error> {
                deserializer.$method(self)
            }
        }
    };
}

struct Document<'a> {
    query: &'a Query,
    findings: &'a mut Findings,
}

seed!(Document, (), deserialize_map);

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an SBOM in CycloneDX")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { query, findings } = self;
        let (mut format, mut version, mut statement, mut components) = (None, None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "bomFormat" => once(&mut format, &key, map.next_value::<String>()?)?,
                "specVersion" => once(&mut version, &key, map.next_value::<String>()?)?,
                "metadata" => once(&mut statement, &key, map.next_value_seed(Metadata(STATEMENT))?)?,
                "components" => {
                    once(&mut components, &key, ())?;
                    map.next_value_seed(Components { query, findings: &mut *findings })?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if format.as_deref() != Some("CycloneDX") {
            return Err(A::Error::custom("it is no SBOM in CycloneDX: `bomFormat` does not say so"));
        }
        // What is read here is the same in every version that begins with 1.
        if version.is_none_or(|version| !version.starts_with("1.")) {
            return Err(A::Error::custom("its `specVersion` is not one this build knows"));
        }
        let statement = statement.flatten().map(|text| text.parse().map_err(A::Error::custom));
        findings.statement = statement.transpose()?;
        Ok(())
    }
}

/// `metadata`: the value of the property of this name.
struct Metadata<'a>(&'a str);

seed!(Metadata, Option<String>, deserialize_map);

impl<'de> Visitor<'de> for Metadata<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the metadata of an SBOM")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<String>, A::Error> {
        let mut value = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "properties" => once(&mut value, &key, map.next_value_seed(Properties(self.0))?)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(value.flatten())
    }
}

/// `properties`: the value of the one of this name.
struct Properties<'a>(&'a str);

seed!(Properties, Option<String>, deserialize_seq);

impl<'de> Visitor<'de> for Properties<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of properties")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<String>, A::Error> {
        let mut value = None;
        while let Some(property) = list.next_element::<Property>()? {
            if property.name == self.0 {
                once(&mut value, self.0, property.value.unwrap_or_default())?;
            }
        }
        Ok(value)
    }
}

#[derive(serde::Deserialize)]
struct Property {
    name: String,
    value: Option<String>,
}

/// `components`: what matches goes to the findings, and nothing else is kept.
struct Components<'a> {
    query: &'a Query,
    findings: &'a mut Findings,
}

seed!(Components, (), deserialize_seq);

impl<'de> Visitor<'de> for Components<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of components")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { query, findings } = self;
        while list.next_element_seed(One { query, findings: &mut *findings })?.is_some() {}
        Ok(())
    }
}

/// One component, with those inside it.
struct One<'a> {
    query: &'a Query,
    findings: &'a mut Findings,
}

seed!(One, (), deserialize_map);

impl<'de> Visitor<'de> for One<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a component")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { query, findings } = self;
        let first = findings.found.len();
        let (mut name, mut group, mut version, mut purl) = (None, None, None, None);
        let (mut item, mut inner) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "name" => once(&mut name, &key, map.next_value::<String>()?)?,
                "group" => once(&mut group, &key, map.next_value::<Option<String>>()?)?,
                "version" => once(&mut version, &key, map.next_value::<Option<String>>()?)?,
                "purl" => once(&mut purl, &key, map.next_value::<Option<String>>()?)?,
                "properties" => once(&mut item, &key, map.next_value_seed(Properties(ITEM))?)?,
                "components" => {
                    once(&mut inner, &key, ())?;
                    map.next_value_seed(Components { query, findings: &mut *findings })?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let name = name.ok_or_else(|| A::Error::custom("a component has no `name`"))?;
        let item = item.flatten();
        // What lies inside a component lies in the same item, unless it says another one.
        for inner in findings.found.iter_mut().skip(first).filter(|inner| inner.item.is_none()) {
            inner.item.clone_from(&item);
        }
        let component = Component {
            name,
            group: group.flatten().filter(|group| !group.is_empty()),
            version: version.flatten(),
            purl: purl.flatten(),
            item,
        };
        findings.take(component, query);
        Ok(())
    }
}

impl Findings {
    fn take(&mut self, component: Component, query: &Query) {
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

impl Component {
    /// The same, with texts of a length that a person reads.
    fn cut(self) -> Self {
        let cut = |text: String| text.chars().take(TEXT).collect::<String>();
        Self {
            name: cut(self.name),
            group: self.group.map(cut),
            version: self.version.map(cut),
            purl: self.purl.map(cut),
            item: self.item.map(cut),
        }
    }
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
        search(text.as_bytes(), &Query::parse(query)).map_err(|error| error.to_string())
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
        let items = |query| ask(query, &text).unwrap().found.first().and_then(|one| one.item.clone());
        assert_eq!(items("openssl").as_deref(), Some("base"), "that of the component around it");
        assert_eq!(items("core").as_deref(), Some("web"));
        assert_eq!(items("log4j-core"), None);
        assert_eq!(ask("log4j", &text).unwrap().like, ["log4j-core@2.14.1", "log4j-core@2.17.1"]);
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
