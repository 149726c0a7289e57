//! The settings that call the internet, from `rules/settings.toml`.

use super::settings::FileSetting;
use sealift_audit::finding::LintRule;
use sealift_audit::rules::{self, Source};
use serde::Deserialize;
use std::sync::LazyLock;

/// What of a value is not wanted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Unwanted {
    /// Yes, in whatever words.
    Yes,
    /// No, in whatever words.
    No,
    /// Anything at all.
    Any,
    /// A host on the internet, with or without a scheme and a port.
    PublicHost,
    /// A text that has one of these in it.
    Contains(Vec<String>),
}

/// A setting to look for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WatchedSetting {
    /// Its section and name, or its name alone, joined by `.`; capitals do not matter.
    pub(super) key: String,
    /// What is in front of it in the environment, as in `MM_SECTION_NAME`.
    #[serde(default)]
    environment: String,
    pub(super) unwanted: Unwanted,
    /// True where the software calls out when nothing is set.
    #[serde(default)]
    pub(super) by_default: bool,
    pub(super) rule: LintRule,
    pub(super) why: String,
    pub(super) fix: String,
    #[serde(rename = "source")]
    _source: Source,
}

impl WatchedSetting {
    /// True where the setting is this one, in a file of keys or in the environment.
    pub(super) fn is(&self, setting: &FileSetting) -> bool {
        if setting.ends_with(&self.key) {
            return true;
        }
        let Some(rest) =
            setting.name().strip_prefix(&self.environment).filter(|_| !self.environment.is_empty())
        else {
            return false;
        };
        let mut key =
            self.key.bytes().map(|byte| if byte == b'.' { b'_' } else { byte.to_ascii_uppercase() });
        rest.len() == self.key.len() && rest.bytes().all(|byte| key.next() == Some(byte))
    }
}

/// Whether push notifications are sent at all.
pub(super) const PUSH_SWITCH: &str = "EmailSettings.SendPushNotifications";
/// Where push notifications are sent.
pub(super) const PUSH_SERVER: &str = "EmailSettings.PushNotificationServer";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingRules {
    setting: Vec<WatchedSetting>,
}

/// Every setting that is looked for.
pub(super) static WATCHED: LazyLock<Vec<WatchedSetting>> =
    LazyLock::new(|| rules::parse::<SettingRules>(include_str!("rules/settings.toml")).setting);

/// True, in the words of Go's `strconv.ParseBool`, of nginx, and of users.
pub(super) fn yes(value: &str) -> bool {
    ["true", "1", "t", "on", "yes", "enabled"].iter().any(|word| value.trim().eq_ignore_ascii_case(word))
}

/// False, in the same words.
pub(super) fn no(value: &str) -> bool {
    ["false", "0", "f", "off", "no", "disabled"].iter().any(|word| value.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::{PUSH_SERVER, PUSH_SWITCH, WATCHED};

    #[test]
    fn the_rules_know_the_settings_that_the_code_names() {
        for key in [PUSH_SWITCH, PUSH_SERVER] {
            assert!(WATCHED.iter().any(|watched| watched.key == key), "{key}");
        }
        assert!(WATCHED.iter().all(|watched| !watched.why.is_empty() && !watched.fix.is_empty()));
    }
}
