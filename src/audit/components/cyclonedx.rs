//! `CycloneDX` in JSON, read as a stream.

use super::{ComponentQuery, Findings, Items, SearchedComponent};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The property of an SBOM that says which bundle it is about.
const STATEMENT: &str = "sealift:statement";
/// The property of a component that names an item it was found in. CycloneDX lets names of properties repeat: a package
/// of several items has one property for each.
const ITEM: &str = "sealift:item";

/// Looks for a component in an SBOM; what is kept of it does not grow with it.
pub fn search(sbom: &[u8], query: &ComponentQuery) -> Result<Findings, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(sbom);
    let mut findings = Findings::default();
    CycloneDxDocument { query, findings: &mut findings }.deserialize(&mut json)?;
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

struct CycloneDxDocument<'a> {
    query: &'a ComponentQuery,
    findings: &'a mut Findings,
}

seed!(CycloneDxDocument, (), deserialize_map);

impl<'de> Visitor<'de> for CycloneDxDocument<'_> {
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
            return Err(A::Error::custom("it is not an SBOM in CycloneDX: `bomFormat` does not say so"));
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

/// `metadata`: the value of the one property of this name.
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
                "properties" => {
                    let (mut values, mut one) = (Vec::new(), None);
                    map.next_value_seed(Properties(self.0, &mut |text| values.push(text)))?;
                    values.into_iter().try_for_each(|text| once(&mut one, self.0, text))?;
                    once(&mut value, &key, one)?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(value.flatten())
    }
}

/// `properties`: each value of those of this name is handed on.
struct Properties<'a>(&'a str, &'a mut dyn FnMut(String));

seed!(Properties, (), deserialize_seq);

impl<'de> Visitor<'de> for Properties<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of properties")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(property) = list.next_element::<Property>()? {
            if property.name == self.0 {
                (self.1)(property.value.unwrap_or_default());
            }
        }
        Ok(())
    }
}

#[derive(serde::Deserialize)]
struct Property {
    name: String,
    value: Option<String>,
}

/// `components`: what matches goes to the findings, and nothing else is kept.
struct Components<'a> {
    query: &'a ComponentQuery,
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
    query: &'a ComponentQuery,
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
        let (mut items, mut properties, mut inner) = (Items::default(), None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "name" => once(&mut name, &key, map.next_value::<String>()?)?,
                "group" => once(&mut group, &key, map.next_value::<Option<String>>()?)?,
                "version" => once(&mut version, &key, map.next_value::<Option<String>>()?)?,
                "purl" => once(&mut purl, &key, map.next_value::<Option<String>>()?)?,
                "properties" => {
                    once(&mut properties, &key, ())?;
                    map.next_value_seed(Properties(ITEM, &mut |name| items.add(name)))?;
                }
                "components" => {
                    once(&mut inner, &key, ())?;
                    map.next_value_seed(Components { query, findings: &mut *findings })?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let name = name.ok_or_else(|| A::Error::custom("a component has no `name`"))?;
        // What is inside a component is in the same items, unless it says others.
        for inner in findings.found.iter_mut().skip(first).filter(|inner| inner.items.is_empty()) {
            inner.items.clone_from(&items);
        }
        let component = SearchedComponent {
            name,
            group: group.flatten().filter(|group| !group.is_empty()),
            version: version.flatten(),
            purl: purl.flatten(),
            items,
        };
        findings.take(component, query);
        Ok(())
    }
}
