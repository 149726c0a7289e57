//! Settings that make software call the internet, in all formats.

use super::holes::restored;
use super::hosts::{self, is_public};
use super::settings::{self, FileSetting, SettingsFormat};
use super::watched::{PUSH_SERVER, PUSH_SWITCH, Unwanted, WATCHED, WatchedSetting, no, yes};
use sealift_audit::finding::LintFile;
use sealift_audit::finding::{FindingPlace, LintFinding, LintRule};
use sealift_bundle::value::printable::Printable;

pub(crate) use super::hosts::Allowed;

/// Bytes of a value that are shown.
const SHOWN: usize = 80;

/// What of a configuration calls out of the site: known settings of Mattermost and of what stands around it, and hosts
/// on the internet in any value.
///
/// A file that is not a configuration gives nothing; one that cannot be read gives one finding that says so.
#[must_use]
pub(crate) fn lint(file: &LintFile<'_>, allowed: Allowed<'_>) -> Vec<LintFinding> {
    let mut found = match read(file) {
        Ok(Some((form, settings))) => findings(file, form, &settings, allowed),
        Ok(None) => Vec::new(),
        Err(reason) => vec![
            LintFinding::new(
                LintRule::ConfigUnread,
                &file.about(),
                format!("the configuration was not checked: {}", Printable(reason)),
                "fix the file, or explain it with `[[accept]]`",
            )
            .at(FindingPlace::new(file.path, None)),
        ],
    };
    sealift_audit::finding::sort(&mut found);
    found
}

/// Settings that call out when no one sets them, and that none of the files sets: findings about their names.
///
/// Gives nothing when none of the files configures a Mattermost server.
#[must_use]
pub(crate) fn unset(files: &[LintFile<'_>]) -> Vec<LintFinding> {
    let settings: Vec<FileSetting> = files
        .iter()
        .filter_map(|file| read(file).ok().flatten())
        .flat_map(|(_, settings)| settings)
        .collect();
    let is_server = |setting: &FileSetting| {
        setting.name().starts_with("MM_")
            || setting.path.iter().rev().nth(1).is_some_and(|above| above == "ServiceSettings")
    };
    if !settings.iter().any(is_server) {
        return Vec::new();
    }
    let unset = WATCHED
        .iter()
        .filter(|watched| watched.by_default && !settings.iter().any(|setting| watched.is(setting)));
    let mut found: Vec<_> = unset
        .map(|watched| {
            let key = &watched.key;
            LintFinding::new(
                LintRule::ConfigUnset,
                key,
                format!("no configuration of the bundle sets `{key}`, and without it {}", watched.why),
                watched.fix.as_str(),
            )
        })
        .collect();
    sealift_audit::finding::sort(&mut found);
    found
}

fn read(file: &LintFile<'_>) -> Result<Option<(SettingsFormat, Vec<FileSetting>)>, String> {
    let Some(text) = sealift_audit::secrets::text_of(file.bytes) else {
        // A name that promises a configuration, and bytes that are no text.
        let is_other = matches!(SettingsFormat::of(file, ""), SettingsFormat::Other);
        return if is_other { Ok(None) } else { Err("it is not text".to_owned()) };
    };
    match SettingsFormat::of(file, &text) {
        SettingsFormat::Other => Ok(None),
        form => Ok(Some((form, settings::of(form, &text)?))),
    }
}

fn findings(
    file: &LintFile<'_>,
    form: SettingsFormat,
    settings: &[FileSetting],
    allowed: Allowed<'_>,
) -> Vec<LintFinding> {
    let mut found = Vec::new();
    let mut report = |rule: LintRule, line: u32, message: String, fix: &str| {
        found
            .push(LintFinding::new(rule, &file.about(), message, fix).at(FindingPlace::new(file.path, line)));
    };
    for setting in settings {
        let mut is_known = false;
        for watched in WATCHED.iter().filter(|watched| watched.is(setting)) {
            if unwanted(watched, setting, settings, allowed) {
                is_known = true;
                let (name, value) = (setting.shown(), shown(&setting.value));
                let message = format!("`{}` is `{value}`: {}", Printable(name), watched.why);
                report(watched.rule, setting.line, message, &watched.fix);
            }
        }
        if !is_known {
            for (rule, message, fix) in addresses(setting, allowed) {
                report(rule, setting.line, message, fix);
            }
        }
        if let Some((message, fix)) = web_search(setting) {
            report(LintRule::ConfigOutward, setting.line, message, fix);
        }
    }
    if let Some(line) = uploads_and_signatures(settings) {
        let message = "`PluginSettings.EnableUploads` and `PluginSettings.RequirePluginSignature` are both true: the server takes no uploads while it asks for signatures";
        report(LintRule::ConfigConflict, line, message.to_owned(), "set one of the two to false");
    }
    if form == SettingsFormat::Caddy && !settings.iter().any(is_own_certificate) {
        let message = "Caddy fetches certificates by itself unless it is told not to";
        report(
            LintRule::ConfigAcme,
            1,
            message.to_owned(),
            "name the certificate with `tls CERT KEY`, or write `tls internal` or `auto_https off`",
        );
    }
    found
}

fn unwanted(
    watched: &WatchedSetting,
    setting: &FileSetting,
    all: &[FileSetting],
    allowed: Allowed<'_>,
) -> bool {
    let value = setting.value.trim();
    match &watched.unwanted {
        // With a push proxy of the site, push notifications stay there.
        Unwanted::Yes if watched.key == PUSH_SWITCH => yes(value) && !has_own_proxy(all, allowed),
        Unwanted::Yes => yes(value),
        Unwanted::No => no(value),
        Unwanted::Any => !setting.is_empty() && value != "0",
        Unwanted::PublicHost => public_host(value, allowed).is_some(),
        Unwanted::Contains(parts) => {
            let value = value.to_ascii_lowercase();
            parts.iter().any(|part| value.contains(part.as_str()))
        }
    }
}

fn has_own_proxy(all: &[FileSetting], allowed: Allowed<'_>) -> bool {
    let Some(server) = WATCHED.iter().find(|watched| watched.key == PUSH_SERVER) else {
        return false;
    };
    all.iter()
        .any(|other| server.is(other) && !other.is_empty() && public_host(&other.value, allowed).is_none())
}

/// The first host on the internet among the words of a value.
fn public_host(value: &str, allowed: Allowed<'_>) -> Option<String> {
    let named = hosts::named(value);
    if named.is_empty() {
        let words = value.split([' ', ',']).map(|word| hosts::without_port(word.trim()));
        return words.filter(|host| is_public(host, allowed)).map(str::to_owned).next();
    }
    named.into_iter().map(|named| named.host).find(|host| is_public(host, allowed))
}

/// Addresses on the internet in the value of a setting that no rule knows.
fn addresses(setting: &FileSetting, allowed: Allowed<'_>) -> Vec<(LintRule, String, &'static str)> {
    let name = setting.name().to_ascii_lowercase();
    if hosts::is_no_address(&name) {
        return Vec::new();
    }
    // Names in lists: `sources` of a chart.
    let public = hosts::named(&setting.value).into_iter().filter(|named| is_public(&named.host, allowed));
    public
        .map(|named| {
            let (key, host, scheme) =
                (setting.shown(), Printable(restored(&named.host)).to_string(), named.scheme);
            let key = Printable(key);
            if hosts::is_relay(&scheme) {
                let message =
                    format!("`{key}` names `{scheme}:{host}`: Calls asks it for the address of each caller");
                (LintRule::ConfigStun, message, "set it to `[]`, or to a TURN server of the site")
            } else if hosts::is_acme(&host) {
                let message = format!("`{key}` names `{host}`: certificates are fetched from there");
                (LintRule::ConfigAcme, message, "use an issuer of the site's own authority")
            } else {
                let message = format!("`{key}` names `{host}`, which looks like a host on the internet");
                (
                    LintRule::ConfigHost,
                    message,
                    "name a host of the site, or a parameter; or allow the host in the manifest",
                )
            }
        })
        .collect()
}

/// What Agents does with the internet, by services of others and by search.
fn web_search(setting: &FileSetting) -> Option<(String, &'static str)> {
    let is_agents = setting.path.iter().any(|part| part == "mattermost-ai");
    let (name, value) = (setting.name().to_ascii_lowercase(), setting.value.to_ascii_lowercase());
    match (name.as_str(), value.as_str()) {
        (_, "web_search") if is_agents => {
            Some(("Agents may search the web".to_owned(), "take `web_search` out"))
        }
        ("type", service) if is_agents && hosts::is_agents_service(service) => Some((
            format!("Agents uses a service of type `{value}`, which is on the internet"),
            "use the type `openaicompatible` with the address of a model of the site",
        )),
        _ => None,
    }
}

fn uploads_and_signatures(settings: &[FileSetting]) -> Option<u32> {
    let line = |name: &str| {
        let environment = format!("MM_PLUGINSETTINGS_{}", name.to_ascii_uppercase());
        let of_plugins = |setting: &&FileSetting| {
            let above = setting.path.iter().rev().nth(1);
            (setting.name() == name && above.is_some_and(|above| above == "PluginSettings"))
                || setting.name() == environment
        };
        settings.iter().find(|setting| of_plugins(setting) && yes(&setting.value)).map(|setting| setting.line)
    };
    line("EnableUploads").and(line("RequirePluginSignature"))
}

fn is_own_certificate(setting: &FileSetting) -> bool {
    match setting.name() {
        "tls" => !setting.value.is_empty() && !setting.value.contains('@'),
        "auto_https" => setting.value.starts_with("off"),
        _ => false,
    }
}

/// A value as it is shown: short, and without a password that may be in an address.
fn shown(value: &str) -> String {
    let value = restored(value.trim());
    let start: String = value.chars().take(SHOWN).collect();
    let more = if start.len() < value.len() { ".." } else { "" };
    let whole = match (start.find("://"), start.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!(
                "{}://***{}",
                start.get(..scheme).unwrap_or_default(),
                start.get(at..).unwrap_or_default()
            )
        }
        _ => start,
    };
    format!("{}{more}", Printable(whole))
}

#[cfg(test)]
mod tests;
