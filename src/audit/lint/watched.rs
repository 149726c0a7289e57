//! The settings that call out, as data. Sources: the Mattermost settings reference and the air-gapped deployment page
//! (mattermost/docs 9dd1c713), the sample proxy of mattermost/docker, and the references of the programs named.

use super::finding::LintRule;
use super::settings::Setting;

/// What of a value is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    Part(&'static [&'static str]),
}

/// A setting to look for.
#[derive(Debug)]
pub(super) struct Watched {
    /// Its section and name, or its name alone, joined by `.`; capitals do not matter.
    pub(super) key: &'static str,
    /// What stands in front of it in the environment, as in `MM_SECTION_NAME`.
    prefix: &'static str,
    pub(super) unwanted: Unwanted,
    /// True where the software calls out when nothing is set.
    pub(super) by_default: bool,
    pub(super) rule: LintRule,
    pub(super) why: &'static str,
    pub(super) fix: &'static str,
}

const fn server(
    key: &'static str,
    unwanted: Unwanted,
    rule: LintRule,
    why: &'static str,
    fix: &'static str,
) -> Watched {
    Watched { key, prefix: "MM_", unwanted, by_default: false, rule, why, fix }
}

const fn grafana(
    key: &'static str,
    unwanted: Unwanted,
    rule: LintRule,
    why: &'static str,
    fix: &'static str,
) -> Watched {
    Watched { key, prefix: "GF_", unwanted, by_default: false, rule, why, fix }
}

const fn named(
    key: &'static str,
    unwanted: Unwanted,
    rule: LintRule,
    why: &'static str,
    fix: &'static str,
) -> Watched {
    Watched { key, prefix: "", unwanted, by_default: false, rule, why, fix }
}

impl Watched {
    const fn by_default(self) -> Self {
        Self { by_default: true, ..self }
    }

    /// True where the setting is this one, in a file of keys or in the environment.
    pub(super) fn is(&self, setting: &Setting) -> bool {
        if setting.ends_with(self.key) {
            return true;
        }
        let Some(rest) = setting.name().strip_prefix(self.prefix).filter(|_| !self.prefix.is_empty()) else {
            return false;
        };
        let mut key =
            self.key.bytes().map(|byte| if byte == b'.' { b'_' } else { byte.to_ascii_uppercase() });
        rest.len() == self.key.len() && rest.bytes().all(|byte| key.next() == Some(byte))
    }
}

use Unwanted::{Any, No, Part, PublicHost, Yes};

/// The push proxies that Mattermost runs.
pub(super) const PUSH_SWITCH: &str = "EmailSettings.SendPushNotifications";
/// Where push notifications are sent.
pub(super) const PUSH_SERVER: &str = "EmailSettings.PushNotificationServer";

/// Every setting that is looked for.
pub(super) static WATCHED: &[Watched] = &[
    server(
        PUSH_SWITCH,
        Yes,
        LintRule::ConfigOutward,
        "the server sends every notification to a push proxy, and the ones of Mattermost and the phone makers are on the internet",
        "set it to false, or name a push proxy of your own in `EmailSettings.PushNotificationServer` of the same file",
    )
    .by_default(),
    server(PUSH_SERVER, PublicHost, LintRule::ConfigOutward, "the push proxy is on the internet", "name a push proxy of your own, or leave it empty and turn push notifications off"),
    server(
        "ServiceSettings.EnableLinkPreviews",
        Yes,
        LintRule::ConfigOutward,
        "the server fetches every link that somebody writes",
        "set it to false",
    )
    .by_default(),
    server(
        "ServiceSettings.EnableGifPicker",
        Yes,
        LintRule::ConfigOutward,
        "clients ask Giphy on the internet",
        "set it to false",
    )
    .by_default(),
    server("GiphySettings.SdkKey", Any, LintRule::ConfigOutward, "clients ask Giphy on the internet with this key", "leave it empty"),
    server(
        "AnnouncementSettings.AdminNoticesEnabled",
        Yes,
        LintRule::ConfigOutward,
        "the server fetches notices for administrators from notices.mattermost.com",
        "set it to false",
    )
    .by_default(),
    server(
        "AnnouncementSettings.UserNoticesEnabled",
        Yes,
        LintRule::ConfigOutward,
        "the server fetches notices for users from notices.mattermost.com",
        "set it to false",
    )
    .by_default(),
    server(
        "ServiceSettings.EnableSecurityFixAlert",
        Yes,
        LintRule::ConfigUpdateCheck,
        "the server asks Mattermost for security updates, and tells its version and number of users",
        "set it to false",
    )
    .by_default(),
    server(
        "LogSettings.EnableDiagnostics",
        Yes,
        LintRule::ConfigOutward,
        "the server sends diagnostics and errors to Mattermost",
        "set it to false",
    )
    .by_default(),
    server(
        "LogSettings.EnableSentry",
        Yes,
        LintRule::ConfigOutward,
        "the server sends crash reports to Sentry on the internet",
        "set it to false",
    )
    .by_default(),
    server(
        "PluginSettings.EnableRemoteMarketplace",
        Yes,
        LintRule::ConfigOutward,
        "the server asks the plugin marketplace on the internet",
        "set it to false; plugins travel as items",
    )
    .by_default(),
    server(
        "PluginSettings.MarketplaceUrl",
        PublicHost,
        LintRule::ConfigOutward,
        "the plugin marketplace is on the internet",
        "leave it empty and set `PluginSettings.EnableRemoteMarketplace` to false",
    ),
    server(
        "ServiceSettings.UseLetsEncrypt",
        Yes,
        LintRule::ConfigAcme,
        "the server fetches its certificate from Let's Encrypt",
        "set it to false, and carry a certificate of the site's own authority",
    ),
    server("EmailSettings.SMTPServer", PublicHost, LintRule::ConfigOutward, "mail goes through a server on the internet", "name the mail relay of the site, or set `EmailSettings.SendEmailNotifications` to false"),
    server("FileSettings.AmazonS3Endpoint", PublicHost, LintRule::ConfigOutward, "files are kept on the internet", "name the object storage of the site"),
    server("SamlSettings.Verify", No, LintRule::ConfigUnverified, "the signature of the identity provider is not checked, so anybody can log in as anybody", "set it to true and carry the provider's certificate, or explain it with `[[accept]]`"),
    server("ServiceSettings.EnableInsecureOutgoingConnections", Yes, LintRule::ConfigUnverified, "certificates of the services that the server calls are not checked", "set it to false, and add the site's authority to the system's trust store"),
    server("LdapSettings.SkipCertificateVerification", Yes, LintRule::ConfigUnverified, "the certificate of the directory is not checked", "set it to false, and add the site's authority to the system's trust store"),
    server("ElasticsearchSettings.SkipTLSVerification", Yes, LintRule::ConfigUnverified, "the certificate of the search engine is not checked", "set it to false and name the authority in `ElasticsearchSettings.CA`"),
    server("EmailSettings.SkipServerCertificateVerification", Yes, LintRule::ConfigUnverified, "the certificate of the mail relay is not checked", "set it to false, and add the site's authority to the system's trust store"),
    grafana(
        "analytics.check_for_updates",
        Yes,
        LintRule::ConfigUpdateCheck,
        "Grafana asks grafana.com for newer versions",
        "set it to false",
    ),
    grafana(
        "analytics.check_for_plugin_updates",
        Yes,
        LintRule::ConfigUpdateCheck,
        "Grafana asks grafana.com for newer plugins",
        "set it to false",
    ),
    grafana("analytics.reporting_enabled", Yes, LintRule::ConfigOutward, "Grafana sends usage statistics to its maker", "set it to false"),
    grafana("analytics.feedback_links_enabled", Yes, LintRule::ConfigOutward, "Grafana shows links that lead to the internet", "set it to false"),
    grafana("news.news_feed_enabled", Yes, LintRule::ConfigOutward, "Grafana fetches news from the internet", "set it to false"),
    grafana("security.disable_gravatar", No, LintRule::ConfigOutward, "Grafana fetches pictures of users from Gravatar", "set it to true"),
    grafana("snapshots.external_enabled", Yes, LintRule::ConfigOutward, "Grafana offers to publish dashboards on the internet", "set it to false"),
    named("EnableAutoUpdates", Yes, LintRule::ConfigUpdateCheck, "the desktop app looks for newer versions", "set it to 0 in the group policy; newer versions travel as items"),
    named("ssl_stapling", Yes, LintRule::ConfigOcsp, "nginx asks the authority that made the certificate", "set it to off, or name a responder of the site in `ssl_stapling_responder`"),
    named("resolver", PublicHost, LintRule::ConfigHost, "names are asked of a name server on the internet", "name a name server of the site"),
    named("geoip.downloader.enabled", Yes, LintRule::ConfigUpdateCheck, "Elasticsearch fetches GeoIP databases from the internet", "set it to false"),
    named("ingest.geoip.downloader.enabled", Yes, LintRule::ConfigUpdateCheck, "Elasticsearch fetches GeoIP databases from the internet", "set it to false"),
    named("image", Part(&["containrrr/watchtower", "/watchtower:", "v2tec/watchtower"]), LintRule::ConfigUpdateCheck, "watchtower replaces running containers by whatever a registry has", "take the service out"),
    named("image", Part(&["certbot/", "/certbot", "goacme/lego", "neilpang/acme.sh", "acme-companion"]), LintRule::ConfigAcme, "the service fetches certificates from an authority on the internet", "take the service out, and carry a certificate of the site's own authority"),
    named("ssl_certificate", Part(&["/letsencrypt/"]), LintRule::ConfigAcme, "the certificate is one that certbot fetches", "name a file that the site's own authority made"),
    named("ssl_certificate_key", Part(&["/letsencrypt/"]), LintRule::ConfigAcme, "the key is one that certbot makes", "name a file that the site's own authority made"),
    named("location", Part(&["/.well-known/acme-challenge"]), LintRule::ConfigAcme, "the proxy answers an authority on the internet that wants to check the name", "take the location out, and carry a certificate of the site's own authority"),
    named("cert-manager.io/cluster-issuer", Part(&["letsencrypt", "acme", "zerossl"]), LintRule::ConfigAcme, "the certificate is fetched from an authority on the internet", "name an issuer of the site's own authority"),
    named("cert-manager.io/issuer", Part(&["letsencrypt", "acme", "zerossl"]), LintRule::ConfigAcme, "the certificate is fetched from an authority on the internet", "name an issuer of the site's own authority"),
    named("acme.server", PublicHost, LintRule::ConfigAcme, "certificates are fetched from an authority on the internet", "use an issuer of the site's own authority"),
];

/// True, in the words of Go's `strconv.ParseBool`, of nginx, and of people.
pub(super) fn yes(value: &str) -> bool {
    ["true", "1", "t", "on", "yes", "enabled"].iter().any(|word| value.trim().eq_ignore_ascii_case(word))
}

/// False, in the same words.
pub(super) fn no(value: &str) -> bool {
    ["false", "0", "f", "off", "no", "disabled"].iter().any(|word| value.trim().eq_ignore_ascii_case(word))
}
