//! The check that every image document passes before anything in it is used.
//!
//! JSON parsers disagree about documents that RFC 8259 does not forbid. Go's `encoding/json`, which containerd, Docker,
//! Podman and skopeo use, reads `Layers` as `layers` and keeps the last of two equal keys; others tell the two apart, or
//! keep the first. A document that is read in two ways could be approved for one image and run as another
//! (CVE-2021-41190), so it is refused. FORMAT.md 5.3 has the rules; start at [`check`].

use crate::value::printable::Printable;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

/// How deep objects and arrays of an image document may be nested; the outermost object counts as one.
///
/// Real documents have six levels, and Go stops at 10,000.
pub(crate) const DEPTH: usize = 64;

/// Characters of a key that an error quotes.
const QUOTED: usize = 64;

/// Which keys a document has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageJson {
    /// An index (manifest list) or a manifest.
    Document,
    /// The configuration of an image.
    Config,
}

/// What is at a place of a document.
#[derive(Clone, Copy)]
enum Shape {
    /// An object whose keys engines know, in exactly this case.
    Object(&'static [(&'static str, Shape)]),
    /// An array of such objects.
    Objects(&'static [(&'static str, Shape)]),
    /// An object whose keys are data, so that `Name` and `name` are two of them: Go reads it into a map.
    Map,
    /// A value that no engine takes apart.
    Other,
}

use Shape::{Map, Object, Objects, Other};

// The keys of image-spec 1.1 (`specs-go/v1`), of Docker's schema 2 manifests and of moby's `container.Config`.
const PLATFORM: &[(&str, Shape)] = &[
    ("architecture", Other),
    ("os", Other),
    ("os.version", Other),
    ("os.features", Other),
    ("variant", Other),
    ("features", Other),
];
const DESCRIPTOR: &[(&str, Shape)] = &[
    ("mediaType", Other),
    ("digest", Other),
    ("size", Other),
    ("urls", Other),
    ("annotations", Map),
    ("data", Other),
    ("platform", Object(PLATFORM)),
    ("artifactType", Other),
];
const DOCUMENT: &[(&str, Shape)] = &[
    ("schemaVersion", Other),
    ("mediaType", Other),
    ("artifactType", Other),
    ("manifests", Objects(DESCRIPTOR)),
    ("config", Object(DESCRIPTOR)),
    ("layers", Objects(DESCRIPTOR)),
    ("blobs", Objects(DESCRIPTOR)),
    ("subject", Object(DESCRIPTOR)),
    ("annotations", Map),
];
const HEALTH_CHECK: &[(&str, Shape)] = &[
    ("Test", Other),
    ("Interval", Other),
    ("Timeout", Other),
    ("StartPeriod", Other),
    ("StartInterval", Other),
    ("Retries", Other),
];
const EXECUTION: &[(&str, Shape)] = &[
    ("Hostname", Other),
    ("Domainname", Other),
    ("User", Other),
    ("AttachStdin", Other),
    ("AttachStdout", Other),
    ("AttachStderr", Other),
    ("ExposedPorts", Map),
    ("Tty", Other),
    ("OpenStdin", Other),
    ("StdinOnce", Other),
    ("Env", Other),
    ("Cmd", Other),
    ("Healthcheck", Object(HEALTH_CHECK)),
    ("ArgsEscaped", Other),
    ("Image", Other),
    ("Volumes", Map),
    ("WorkingDir", Other),
    ("Entrypoint", Other),
    ("NetworkDisabled", Other),
    ("MacAddress", Other),
    ("OnBuild", Other),
    ("Labels", Map),
    ("StopSignal", Other),
    ("StopTimeout", Other),
    ("Shell", Other),
    ("Memory", Other),
    ("MemorySwap", Other),
    ("CpuShares", Other),
];
const ROOT_FS: &[(&str, Shape)] = &[("type", Other), ("diff_ids", Other)];
const HISTORY: &[(&str, Shape)] = &[
    ("created", Other),
    ("created_by", Other),
    ("author", Other),
    ("comment", Other),
    ("empty_layer", Other),
];
const CONFIG: &[(&str, Shape)] = &[
    ("created", Other),
    ("author", Other),
    ("architecture", Other),
    ("variant", Other),
    ("os", Other),
    ("os.version", Other),
    ("os.features", Other),
    ("config", Object(EXECUTION)),
    ("container_config", Object(EXECUTION)),
    ("container", Other),
    ("docker_version", Other),
    ("id", Other),
    ("parent", Other),
    ("comment", Other),
    ("rootfs", Object(ROOT_FS)),
    ("history", Objects(HISTORY)),
];

/// Refuses a document that two parsers may read differently: not a JSON object in UTF-8, a lone surrogate, nested too
/// deep, a key twice, two keys that differ in case only, a known key in another case, an array in place of an object.
pub fn check(kind: ImageJson, bytes: &[u8]) -> Result<(), String> {
    let keys = match kind {
        ImageJson::Document => DOCUMENT,
        ImageJson::Config => CONFIG,
    };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let walk = JsonWalk { shape: Object(keys), depth: 0 };
    walk.deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| error.to_string())?;
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        return Ok(());
    }
    Err("it is not a JSON object".to_owned())
}

/// Walks a value and everything in it, and keeps nothing but the keys of the objects it is in.
#[derive(Clone, Copy)]
struct JsonWalk {
    shape: Shape,
    /// Objects and arrays around the value.
    depth: usize,
}

impl JsonWalk {
    fn below<E: Error>(self, shape: Shape) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > DEPTH {
            return Err(E::custom(format_args!("objects and arrays are nested deeper than {DEPTH} levels")));
        }
        Ok(Self { shape, depth })
    }
}

impl<'de> DeserializeSeed<'de> for JsonWalk {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonWalk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let below = match self.shape {
            // serde fills a struct from an array as well, and Go does not.
            Object(_) | Map => return Err(A::Error::custom("expected an object, found an array")),
            Objects(keys) => self.below(Object(keys))?,
            Other => self.below(Other)?,
        };
        while seq.next_element_seed(below)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let known = match self.shape {
            Object(keys) => keys,
            Objects(_) => return Err(A::Error::custom("expected an array, found an object")),
            Map | Other => &[],
        };
        let is_map = matches!(self.shape, Map);
        let mut seen = HashSet::new();
        while let Some(mut key) = map.next_key::<String>()? {
            let shape = if is_map { Other } else { shape_of(known, &key).map_err(A::Error::custom)? };
            if !is_map {
                key.make_ascii_lowercase();
            }
            if seen.contains(&key) {
                let how = if is_map { "" } else { ", compared without regard to case" };
                return Err(A::Error::custom(format_args!("duplicate key `{}`{how}", quoted(&key))));
            }
            seen.insert(key);
            map.next_value_seed(self.below(shape)?)?;
        }
        Ok(())
    }
}

/// What follows a key of an object that is not a map.
///
/// No key that an engine reads has a character outside ASCII. Go takes U+017F for `s` and U+212A for `k`, and which other
/// letters are one in every case depends on the version of Unicode, so no such key is let in.
fn shape_of(known: &[(&'static str, Shape)], key: &str) -> Result<Shape, String> {
    if !key.is_ascii() {
        return Err(format!("key `{}` contains a character that is not ASCII", quoted(key)));
    }
    match known.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
        None => Ok(Other),
        Some((name, shape)) if *name == key => Ok(*shape),
        Some((name, _)) => Err(format!("ambiguous key `{}`: Go programs read it as `{name}`", quoted(key))),
    }
}

fn quoted(key: &str) -> String {
    Printable(key.chars().take(QUOTED).collect::<String>()).to_string()
}

#[cfg(test)]
mod tests {
    use super::{DEPTH, ImageJson, check};

    const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","config":{"User":"1000","Cmd":["/bin/good"],"Labels":{"Maintainer":"a","maintainer":"b","größe":"1"},"ExposedPorts":{"80/tcp":{},"80/TCP":{}},"Volumes":{"/Data":{},"/data":{}},"Healthcheck":{"Test":["CMD","x"]}},"rootfs":{"type":"layers","diff_ids":[]},"history":[{"created_by":"x"}],"moby.buildkit.buildinfo.v1":"e30="}"#;
    const MANIFEST: &str = r#"{"schemaVersion":2,"config":{"mediaType":"a","digest":"b","size":2,"annotations":{"K":"1","k":"2"}},"layers":[{"mediaType":"a","platform":{"os":"linux","architecture":"amd64"}}],"annotations":{"Org":"1","org":"2","ſ":"3","s":"4"},"x":{"deep":[{"a":1}]}}"#;

    #[test]
    fn f_sec_09_real_documents_pass_with_whatever_keys_maps_have() {
        assert_eq!(check(ImageJson::Config, CONFIG.as_bytes()), Ok(()));
        assert_eq!(check(ImageJson::Document, MANIFEST.as_bytes()), Ok(()));
    }

    #[test]
    fn f_sec_09_a_configuration_that_go_reads_differently_is_refused() {
        for (from, to) in [
            (r#""User":"1000""#, r#""User":"1000","user":"0""#),
            (r#""User":"1000""#, r#""user":"0""#),
            (r#""User":"1000""#, r#""User":"1000","u\u017fer":"0""#),
            (r#""User":"1000""#, r#""uſer":"0""#),
            (r#""User":"1000""#, r#""User":"1000","User":"0""#),
            (r#""User":"1000""#, r#""User":"1000","\u0055ser":"0""#),
            (r#""Cmd""#, r#""cmd":["/bin/evil"],"Cmd""#),
            (r#""Test""#, r#""test":[],"Test""#),
            (r#""diff_ids":[]"#, r#""diff_ids":[],"Diff_ids":[]"#),
            (r#""created_by""#, r#""Created_By":"y","created_by""#),
            (r#""config":{"#, r#""container_config":{"user":"0"},"config":{"#),
            (r#""config":{"#, r#""Config":{},"config":{"#),
            (r#""Maintainer":"a""#, r#""Maintainer":"a","Maintainer":"b""#),
            (r#""80/tcp":{}"#, r#""80/tcp":{},"80/tcp":{}"#),
            (r#""80/tcp":{}"#, r#""80/tcp":{"a":1,"A":2}"#),
            (r#""moby"#, r#""unknown":{"One":1,"one":2},"moby"#),
            (r#""rootfs":{"type":"layers","diff_ids":[]}"#, r#""rootfs":["layers",[]]"#),
            (r#""history":[{"created_by":"x"}]"#, r#""history":{"created_by":"x"}"#),
        ] {
            let text = CONFIG.replacen(from, to, 1);
            assert_ne!(text, CONFIG, "{to}");
            assert!(check(ImageJson::Config, text.as_bytes()).is_err(), "{to}");
        }
    }

    #[test]
    fn f_fmt_3_1_a_manifest_that_go_reads_differently_is_refused() {
        for (from, to) in [
            (r#""layers""#, r#""LAYERS":[],"layers""#),
            (r#""layers""#, r#""layer\u017f":[],"layers""#),
            (r#""layers""#, r#""Config":{},"layers""#),
            (r#""layers""#, r#""MANIFESTS":[],"layers""#),
            (r#""size":2"#, r#""size":2,"Size":3"#),
            (r#""size":2"#, r#""size":2,"URLs":["https://x"]"#),
            (r#""os":"linux""#, r#""os":"linux","OS":"windows""#),
            (r#""layers""#, r#""subject":{"digest":"a","size":1,"size":2},"layers""#),
            (r#""a":1"#, r#""a":1,"a":2"#),
            (r#""a":1"#, r#""K":1,"\u212a":2"#),
            (r#""Org":"1""#, r#""Org":"1","Org":"2""#),
        ] {
            let text = MANIFEST.replacen(from, to, 1);
            assert_ne!(text, MANIFEST, "{to}");
            assert!(check(ImageJson::Document, text.as_bytes()).is_err(), "{to}");
        }
    }

    #[test]
    fn f_fmt_3_7_text_that_is_no_unicode_is_refused_wherever_it_stands() {
        for (case, value) in [
            ("bytes", b"\"\xff\"".as_slice()),
            ("overlong", b"\"\xc0\xaf\""),
            ("bytes in a key", b"{\"\xff\":1}"),
            ("lone surrogate", br#""\ud800""#),
            ("lone surrogate in a key", br#"{"\udc00":1}"#),
            ("surrogates in the wrong order", br#""\udc00\ud800""#),
        ] {
            let text = [br#"{"annotations":{"a":"#.as_slice(), value, b"}}"].concat();
            assert!(check(ImageJson::Document, &text).is_err(), "{case}");
            let text = [br#"{"unknown":["#.as_slice(), value, b"]}"].concat();
            assert!(check(ImageJson::Document, &text).is_err(), "{case}, unknown");
        }
        assert!(check(ImageJson::Document, br#"{"unknown":"\ud83d\ude00"}"#).is_ok());
    }

    #[test]
    fn f_fmt_3_8_nesting_has_a_limit() {
        let nested = |arrays: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(arrays), "]".repeat(arrays));
        assert!(check(ImageJson::Document, nested(DEPTH - 1).as_bytes()).is_ok());
        let reason = check(ImageJson::Document, nested(DEPTH).as_bytes()).unwrap_err();
        assert!(reason.contains("deeper than 64"), "{reason}");
        assert!(check(ImageJson::Document, nested(2_000_000).as_bytes()).is_err());
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for text in ["", "[]", "null", "\"x\"", "{} {}", "{}x", "\u{feff}{}", "{\"a\":1,}", "{\"a\":01}"] {
            assert!(check(ImageJson::Config, text.as_bytes()).is_err(), "{text}");
        }
        assert!(check(ImageJson::Config, b" {} \n").is_ok());
    }
}
