//! Single facts: metadata of a side or an item, and how an image is started.

use super::redact::masked;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

macro_rules! fields {
    ($($name:ident $text:literal)*) => {
        /// What a fact is about. The order is that in which changes are shown.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field { $(#[doc = $text] $name,)* }

        impl Field {
            /// The name as it is printed.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

fields! {
    Scenario "scenario"
    Signer "sealed by"
    Epoch "epoch"
    RootVersion "root version"
    Name "name"
    Version "version"
    Sequence "sequence"
    Expires "expires"
    Variant "variant"
    Feature "feature"
    LeftOut "left out"
    Audience "audience"
    Withheld "withheld"
    Parameter "parameter"
    Secret "secret"
    Disk "on the disk"
    Created "created"
    Previous "previous"
    Lock "lock"
    Tool "made by"
    Reference "reference"
    Origin "origin"
    License "licence"
    FileKind "kind of file"
    Template "template"
    Priority "priority"
    Platform "platform"
    Referrer "referrer"
    User "user"
    Environment "environment"
    WorkingDir "working folder"
    Volume "volume"
    StopSignal "stop signal"
    System "operating system"
    Machine "machine"
    Label "label"
    Built "built"
}

impl Field {
    /// A value as it may be shown: what others wrote into an image may hold secrets.
    fn shown(self, key: &str, value: &str) -> String {
        let line = format!("{key}={value}");
        match masked(&line) {
            Cow::Owned(hidden) if matches!(self, Self::Environment | Self::Label) => hidden,
            Cow::Owned(_) | Cow::Borrowed(_) => value.to_owned(),
        }
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What one side states. A field that was never told of is unknown, which is not the same as having no value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ItemFacts {
    known: BTreeSet<Field>,
    values: BTreeMap<(Field, String), String>,
}

/// A fact that two sides state in different ways.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FactChange {
    /// What it is about.
    pub field: Field,
    /// Which one, where there can be several: the name of a variable, a label, a parameter.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// What the first side says; nothing if it does not have it.
    pub from: Option<String>,
    /// What the second side says.
    pub to: Option<String>,
}

impl ItemFacts {
    /// States a value, or that there is none.
    pub fn put(&mut self, field: Field, value: Option<impl ToString>) {
        self.known.insert(field);
        if let Some(value) = value {
            self.values.insert((field, String::new()), value.to_string());
        }
    }

    /// States all values of a field that can have several under names; what is not among them is missing.
    pub(crate) fn put_named<K: ToString, V: ToString>(
        &mut self,
        field: Field,
        values: impl IntoIterator<Item = (K, V)>,
    ) {
        self.known.insert(field);
        let values = values.into_iter().map(|(key, value)| ((field, key.to_string()), value.to_string()));
        self.values.extend(values);
    }

    /// States all members of a set.
    pub fn put_all<K: ToString>(&mut self, field: Field, members: impl IntoIterator<Item = K>) {
        self.put_named(field, members.into_iter().map(|member| (member, "")));
    }

    /// The value of a field that has one.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        self.values.get(&(field, String::new())).map(String::as_str)
    }

    /// What both state in different ways, and what only one states at all.
    #[must_use]
    pub fn changes_to(&self, other: &Self) -> (Vec<FactChange>, BTreeSet<Field>) {
        let is_known = |field: &Field| self.known.contains(field) && other.known.contains(field);
        let keys: BTreeSet<_> = self.values.keys().chain(other.values.keys()).collect();
        let changes = keys.into_iter().filter(|(field, _)| is_known(field)).filter_map(|at| {
            let (from, to) = (self.values.get(at), other.values.get(at));
            let shown = |value: Option<&String>| value.map(|value| at.0.shown(&at.1, value));
            let change = || FactChange { field: at.0, key: at.1.clone(), from: shown(from), to: shown(to) };
            (from != to).then(change)
        });
        (changes.collect(), self.known.symmetric_difference(&other.known).copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_does_not_know_is_no_difference_and_is_told() {
        let (mut a, mut b) = (ItemFacts::default(), ItemFacts::default());
        a.put(Field::Name, Some("x"));
        a.put(Field::Expires, None::<&str>);
        a.put_all(Field::Platform, ["linux/amd64"]);
        a.put(Field::Lock, Some("1"));
        b.put(Field::Name, Some("y"));
        b.put(Field::Expires, Some("2027"));
        b.put_all(Field::Platform, ["linux/amd64", "linux/arm64"]);
        let (changes, unknown) = a.changes_to(&b);
        let shown: Vec<_> =
            changes.iter().map(|one| (one.field, one.key.as_str(), one.to.as_deref())).collect();
        let expected = [
            (Field::Name, "", Some("y")),
            (Field::Expires, "", Some("2027")),
            (Field::Platform, "linux/arm64", Some("")),
        ];
        assert_eq!(shown, expected);
        assert_eq!(unknown.into_iter().collect::<Vec<_>>(), [Field::Lock]);
    }
}
