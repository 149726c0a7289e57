use super::{Allowed, lint, unset};
use proptest::prelude::*;
use sealift_audit::finding::LintFile;
use sealift_audit::finding::{LintFinding, LintRule};

fn of(path: &str, text: &str) -> Vec<LintFinding> {
    lint(&LintFile { item: "item", path, bytes: text.as_bytes() }, Allowed::default())
}

fn rules(path: &str, text: &str) -> Vec<(LintRule, u32)> {
    let mut found: Vec<_> =
        of(path, text).iter().map(|f| (f.rule, f.place.as_ref().and_then(|p| p.line).unwrap_or(0))).collect();
    found.sort_by_key(|(rule, line)| (*line, *rule));
    found
}

const BASELINE: &str = r#"{
  "EmailSettings": { "SendPushNotifications": false, "RequireEmailVerification": false },
  "ServiceSettings": {
    "SiteURL": "https://chat.mission.mil",
    "EnableEmailInvitations": false, "EnableLinkPreviews": false, "EnableGifPicker": false,
    "EnableSecurityFixAlert": false, "UseLetsEncrypt": false
  },
  "AnnouncementSettings": { "AdminNoticesEnabled": false, "UserNoticesEnabled": false },
  "LogSettings": { "EnableDiagnostics": false, "EnableSentry": false },
  "PluginSettings": {
    "EnableRemoteMarketplace": false, "EnableUploads": false, "RequirePluginSignature": true,
    "Plugins": { "com.mattermost.calls": { "iceserversconfigs": "[]" } }
  }
}"#;

#[test]
fn the_baseline_for_sites_without_a_network_is_clean() {
    assert_eq!(of("config/offline.json", BASELINE), []);
    assert_eq!(unset(&[LintFile { item: "i", path: "c.json", bytes: BASELINE.as_bytes() }]), []);
}

#[test]
fn each_setting_of_the_baseline_is_found_when_it_is_turned_on() {
    for (key, rule) in [
        ("SendPushNotifications", LintRule::ConfigOutward),
        ("EnableLinkPreviews", LintRule::ConfigOutward),
        ("EnableGifPicker", LintRule::ConfigOutward),
        ("EnableSecurityFixAlert", LintRule::ConfigUpdateCheck),
        ("UseLetsEncrypt", LintRule::ConfigAcme),
        ("AdminNoticesEnabled", LintRule::ConfigOutward),
        ("UserNoticesEnabled", LintRule::ConfigOutward),
        ("EnableDiagnostics", LintRule::ConfigOutward),
        ("EnableSentry", LintRule::ConfigOutward),
        ("EnableRemoteMarketplace", LintRule::ConfigOutward),
        ("EnableUploads", LintRule::ConfigConflict),
    ] {
        let text = BASELINE.replace(&format!("\"{key}\": false"), &format!("\"{key}\": true"));
        let found = of("config/offline.json", &text);
        assert_eq!(found.len(), 1, "{key}: {found:?}");
        assert_eq!(found[0].rule, rule, "{key}");
        assert!(found[0].message.contains(key) && !found[0].fix.is_empty(), "{key}");
        let line = text.lines().position(|line| line.contains(&format!("\"{key}\": true"))).unwrap() + 1;
        assert_eq!(found[0].place.as_ref().unwrap().line, Some(u32::try_from(line).unwrap()), "{key}");
        assert_eq!(found[0].about, "item/config/offline.json");
    }
}

#[test]
fn a_key_for_giphy_is_found_in_a_file_and_in_the_environment() {
    let expected = [(LintRule::ConfigOutward, 1)];
    assert_eq!(rules("c.json", r#"{"ServiceSettings": {"GiphySdkKey": "s0glx"}}"#), expected);
    assert_eq!(rules("m.env", "MM_SERVICESETTINGS_GIPHYSDKKEY=s0glx\n"), expected);
    assert_eq!(rules("c.json", r#"{"ServiceSettings": {"GiphySdkKey": ""}}"#), []);
}

#[test]
fn the_three_delivery_forms_are_one() {
    for (path, text) in [
        ("patch.json", "{\"LogSettings\":\n{\"EnableSentry\": true}}"),
        ("mattermost.env", "# baseline\nMM_LOGSETTINGS_ENABLESENTRY=true\n"),
        ("mattermost.env", "\nexport MM_LOGSETTINGS_ENABLESENTRY=\"true\"\n"),
        ("mattermost.env", "\nMM_LOGSETTINGS_ENABLESENTRY='1' # why\n"),
        ("cr.yaml", "spec: {mattermostEnv: [{name: MM_LOGSETTINGS_ENABLESENTRY,\n  value: \"true\"}]}\n"),
        ("docker-compose.yml", "services: {m: {environment: {\n  MM_LOGSETTINGS_ENABLESENTRY: \"true\"}}}\n"),
        ("docker-compose.yml", "services: {m: {environment: [\n MM_LOGSETTINGS_ENABLESENTRY=true]}}\n"),
        ("defaults.json", "{\"logsettings\": {\n\"enablesentry\": true}}"),
        ("mattermost.service", "[Service]\nEnvironment=MM_LOGSETTINGS_ENABLESENTRY=true\n"),
        (
            "config.json.tmpl",
            "{% if x %}\n{\"LogSettings\": {\"EnableSentry\": true, \"N\": {{ n }}}}{% endif %}",
        ),
    ] {
        assert_eq!(rules(path, text), [(LintRule::ConfigOutward, 2)], "{path}: {text}");
    }
}

#[test]
fn push_may_stay_within_the_site() {
    let own = "MM_EMAILSETTINGS_SENDPUSHNOTIFICATIONS=true\nMM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER=http://push-proxy:8066\n";
    assert_eq!(of("a.env", own), []);
    let public = own.replace("http://push-proxy:8066", "https://push.mattermost.com");
    assert_eq!(rules("a.env", &public), [(LintRule::ConfigOutward, 1), (LintRule::ConfigOutward, 2)]);
}

#[test]
fn public_stun_is_found_in_json_within_json_within_the_environment() {
    let calls = r#"{"com.mattermost.calls": {"iceserversconfigs": "[{\"urls\":[\"stun:stun.global.calls.mattermost.com:3478\"]}]"}}"#;
    let config = format!("{{\"PluginSettings\": {{\"Plugins\":\n{calls}}}}}");
    assert_eq!(rules("config.json", &config), [(LintRule::ConfigStun, 2)]);
    let env = format!("\nMM_PLUGINSETTINGS_PLUGINS='{calls}'\n");
    assert_eq!(rules("a.env", &env), [(LintRule::ConfigStun, 2)]);
    let rtcd = "[rtc]\nice_servers = [{ urls = [\"stun:stun.l.google.com:19302\"] }]\n";
    assert_eq!(rules("rtcd.toml", rtcd), [(LintRule::ConfigStun, 2)]);
    assert_eq!(of("rtcd.toml", &rtcd.replace("stun.l.google.com", "turn.site.internal")), []);
    assert_eq!(of("rtcd.toml", "[rtc]\nice_servers = []\n[jobs]\nimage_registry = \"{{ registry }}\"\n"), []);
}

#[test]
fn what_stands_around_the_server() {
    for (path, text, expected) in [
        (
            "nginx/conf.d/default.conf",
            "server {\n  ssl_stapling on;\n  resolver 8.8.8.8 1.1.1.1;\n  proxy_pass http://backend;\n  return 301 https://$host$request_uri;\n}\n",
            vec![(LintRule::ConfigOcsp, 2), (LintRule::ConfigHost, 3)],
        ),
        (
            "nginx.conf",
            "server {\n  #ssl_stapling on;\n  ssl_stapling off;\n  resolver 10.0.0.53 127.0.0.11;\n  location ^~ /.well-known/acme-challenge {\n  }\n  ssl_certificate /etc/letsencrypt/live/x/fullchain.pem;\n}\n",
            vec![(LintRule::ConfigAcme, 5), (LintRule::ConfigAcme, 7)],
        ),
        (
            "grafana.ini",
            "[analytics]\ncheck_for_updates = true\nreporting_enabled = true\n[security]\ndisable_gravatar = false\n",
            vec![
                (LintRule::ConfigUpdateCheck, 2),
                (LintRule::ConfigOutward, 3),
                (LintRule::ConfigOutward, 5),
            ],
        ),
        ("grafana.ini", "[analytics]\ncheck_for_updates = false\nreporting_enabled = false\n", vec![]),
        ("grafana.env", "GF_ANALYTICS_CHECK_FOR_UPDATES=true\n", vec![(LintRule::ConfigUpdateCheck, 1)]),
        (
            "desktop.reg",
            "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Mattermost]\n\"EnableAutoUpdates\"=dword:00000001\n",
            vec![(LintRule::ConfigUpdateCheck, 2)],
        ),
        (
            "desktop.reg",
            "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Mattermost]\n\"EnableAutoUpdates\"=dword:00000000\n",
            vec![],
        ),
        (
            "docker-compose.yml",
            "services:\n  w:\n    image: containrrr/watchtower:1.7.1\n  c:\n    image: docker.io/certbot/certbot:v3\n",
            vec![(LintRule::ConfigUpdateCheck, 3), (LintRule::ConfigAcme, 5)],
        ),
        (
            "ingress.yaml",
            "metadata:\n  annotations:\n    cert-manager.io/cluster-issuer: letsencrypt-prod\n",
            vec![(LintRule::ConfigAcme, 3)],
        ),
        (
            "issuer.yaml",
            "spec:\n  acme:\n    server: https://acme-v02.api.letsencrypt.org/directory\n",
            vec![(LintRule::ConfigAcme, 3)],
        ),
        (
            "elasticsearch.yml",
            "ingest.geoip.downloader.enabled: true\n",
            vec![(LintRule::ConfigUpdateCheck, 1)],
        ),
        (
            "Caddyfile",
            "chat.site.internal {\n  reverse_proxy mattermost:8065\n}\n",
            vec![(LintRule::ConfigAcme, 1)],
        ),
        ("Caddyfile", "chat.site.internal {\n  tls /cert.pem /key.pem\n}\n", vec![]),
        ("saml.json", "{\"SamlSettings\": {\"Verify\": false}}", vec![(LintRule::ConfigUnverified, 1)]),
        (
            "agents.json",
            "{\"PluginSettings\": {\"Plugins\": {\"mattermost-ai\": {\"config\": {\"services\": [\n{\"name\": \"x\", \"type\": \"openai\",\n\"enabledNativeTools\": [\"web_search\"]},\n{\"type\": \"openaicompatible\", \"apiURL\": \"http://llm:8000\"}]}}}}}",
            vec![(LintRule::ConfigOutward, 2), (LintRule::ConfigOutward, 3)],
        ),
        ("mail.env", "MM_EMAILSETTINGS_SMTPSERVER=smtp.gmail.com\n", vec![(LintRule::ConfigOutward, 1)]),
        (
            "offloader.toml",
            "[api]\nhttp.listen_address = \":4545\"\n[store]\ndata_source = \"/tmp/x\"\n",
            vec![],
        ),
    ] {
        assert_eq!(rules(path, text), expected, "{path}: {text}");
    }
}

#[test]
fn hosts_on_the_internet_are_named_unless_they_are_allowed() {
    let text = "tenant: https://login.microsoftonline.com/x\nown: https://chat.{{ domain }}/\ndb: postgres://u:p@db.internal:5432/x\n";
    assert_eq!(rules("m365.yaml", text), [(LintRule::ConfigHost, 1)]);
    let allowed = ["*.microsoftonline.com".to_owned()];
    let file = LintFile { item: "i", path: "m365.yaml", bytes: text.as_bytes() };
    assert_eq!(lint(&file, Allowed(&allowed)), []);
}

#[test]
fn what_cannot_be_read_is_said() {
    for (path, bytes) in
        [("a.json", &b"{"[..]), ("b.yaml", b"a: [1"), ("c.toml", b"= 1"), ("d.json", b"\xff\x00\x01")]
    {
        let found = lint(&LintFile { item: "i", path, bytes }, Allowed::default());
        assert_eq!(found.len(), 1, "{path}");
        assert_eq!(found[0].rule, LintRule::ConfigUnread);
    }
    for (path, bytes) in [("a.md", &b"https://mattermost.com"[..]), ("b.bin", b"\xff\x00"), ("c.pem", b"x")] {
        assert_eq!(lint(&LintFile { item: "i", path, bytes }, Allowed::default()), []);
    }
}

#[test]
fn settings_that_nobody_sets_call_out_too() {
    let little = LintFile {
        item: "i",
        path: "a.env",
        bytes: b"MM_SERVICESETTINGS_SITEURL=https://x.test\nMM_LOGSETTINGS_ENABLESENTRY=false\n",
    };
    let patch =
        LintFile { item: "i", path: "a.json", bytes: b"{\"ServiceSettings\": {\"EnableGifPicker\": false}}" };
    let found = unset(&[little, patch]);
    let keys: Vec<_> = found.iter().map(|finding| finding.about.as_str()).collect();
    assert!(keys.contains(&"LogSettings.EnableDiagnostics"));
    assert!(
        !keys.contains(&"LogSettings.EnableSentry") && !keys.contains(&"ServiceSettings.EnableGifPicker")
    );
    assert!(found.iter().all(|finding| finding.rule == LintRule::ConfigUnset));
    assert_eq!(unset(&[LintFile { item: "i", path: "nginx.conf", bytes: b"server {\n}\n" }]), []);
}

#[test]
fn passwords_and_escapes_are_not_shown() {
    let found = of(
        "a.env",
        "MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER=https://user:hunter2@push.x.org\nX=https://u:hunter2@a.\x1b[2Jb.org\n",
    );
    assert!(!found.is_empty());
    for finding in found {
        assert!(
            !finding.message.contains("hunter2") && !finding.message.contains('\x1b'),
            "{}",
            finding.message
        );
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for path in ["a.json", "a.yaml", "a.toml", "a.env", "a.ini", "a.conf", "Caddyfile", "a"] {
            let _ = lint(&LintFile { item: "i", path, bytes: &bytes }, Allowed::default());
        }
    }
}
