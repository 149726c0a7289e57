use super::judge::{entropy, is_placeholder};
use super::{find, masked};
use crate::finding::LintFile;
use crate::finding::{LintFinding, LintRule};
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn of(path: &str, text: &[u8]) -> Vec<LintFinding> {
    find(&LintFile { item: "item", path, bytes: text })
}

/// Random-looking text of our own: no secret of anybody.
fn noise(length: usize, alphabet: &[u8]) -> String {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        alphabet[state as usize % alphabet.len()] as char
    };
    (0..length).map(|_| next()).collect()
}

const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

#[test]
fn secrets_are_found_on_their_line_and_not_repeated() {
    let word = |n: usize| noise(n, BASE64).replace(['+', '/'], "x");
    let upper = |n: usize| noise(n, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    let lower = |n: usize| noise(n, LOWER);
    let user = {
        use base64::Engine as _;
        STANDARD.encode("robot:s3cr3t-Of-Robot")
    };
    for (what, path, text) in [
        (
            "private key",
            "tls.key",
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", word(64)),
        ),
        (
            "private key",
            "tls.key",
            format!(
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n{}\n",
                word(64)
            ),
        ),
        ("private key", "id", format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n", word(70))),
        ("private key", "k.asc", format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{}\n", word(64))),
        ("private key", "v.yaml", format!("key: |\n  -----BEGIN EC PRIVATE KEY-----\n  {}\n", word(64))),
        ("private key", "sa.json", format!("{{\"k\": \"-----BEGIN PRIVATE KEY-----\\n{}\\n\"}}", word(64))),
        ("PuTTY", "k.ppk", "PuTTY-User-Key-File-3: ssh-ed25519\n".to_owned()),
        ("age", "k.txt", format!("AGE-SECRET-KEY-1{}", noise(58, b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"))),
        ("AWS", "a.md", format!("use AKIA{} now", upper(16))),
        ("GitHub", "a.sh", format!("curl -H 'x: ghp_{}'", word(36))),
        ("GitHub", "a.sh", format!("github_pat_{}", word(82))),
        ("GitLab", "a.sh", format!("glpat-{}", word(20))),
        ("Slack", "a.sh", format!("xoxb-{}", word(30))),
        ("Web Token", "a.txt", format!("ey{}.ey{}.{}", word(30), word(30), word(43))),
        ("hash", "htpasswd", format!("admin:$2y$10${}", word(53))),
        ("hash", "htpasswd", format!("admin:$apr1${}${}", word(8), word(22))),
        ("address", "a.yaml", "url: postgres://mmuser:hunter22@db.internal/mm".to_owned()),
        ("data source", "a.yaml", "x: mmuser:hunter22@tcp(db:3306)/mm".to_owned()),
        ("webhook", "a.yaml", format!("url: https://chat.site.test/hooks/{}", lower(26))),
        ("kubeconfig", "config", format!("users:\n- user:\n    client-key-data: {}\n", word(60))),
        ("registry", "config.json", format!("{{\"auths\": {{\"r.test\": {{\"auth\": \"{user}\"}}}}}}")),
        ("licence", "mattermost.license", format!("eyJpZCI6I{}", noise(900, BASE64))),
        ("a secret", ".env", "POSTGRES_PASSWORD=mmuser_password\n".to_owned()),
        ("a secret", "a.env", format!("export MM_FILESETTINGS_AMAZONS3SECRETACCESSKEY='{}'\n", word(40))),
        (
            "a secret",
            "config.json",
            format!(
                "{{\"SqlSettings\": {{\"AtRestEncryptKey\": \"x\", \"PublicLinkSalt\": \"y\"}}, \"EmailSettings\": {{\"SMTPPassword\": \"{}\"}}}}",
                word(12)
            ),
        ),
        ("a secret", "a.toml", format!("api_key = \"{}\"\n", word(24))),
        ("a secret", "a.xml", "<password>hunter22</password>".to_owned()),
        (
            "environment",
            "cr.yaml",
            "env:\n- name: MM_BOT_TOKEN\n  value: \"".to_owned() + &lower(26) + "\"\n",
        ),
        ("Google", "a.js", format!("AIza{}", word(35))),
        ("model provider", "a.yaml", format!("apiKey: sk-{}", word(48))),
    ] {
        let found = of(path, format!("# first\n{text}").as_bytes());
        assert_eq!(found.len(), 1, "{what}: {text}: {found:?}");
        assert_eq!(found[0].rule, LintRule::ContentSecret);
        assert!(found[0].message.contains(what), "{what}: {}", found[0].message);
        assert!(found[0].place.as_ref().unwrap().line.unwrap() >= 2, "{what}");
        // Nothing of five characters of the secret is in what users see.
        let shown = format!("{} {}", found[0].message, found[0].fix);
        for part in text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|part| part.len() > 12 && part.contains(|c: char| c.is_ascii_digit()))
        {
            assert!(!shown.contains(&part[..5]), "{what}: {shown} repeats {part}");
        }
        assert!(!shown.contains("hunte"), "{shown}");
    }
}

#[test]
fn stores_of_keys_are_known_by_their_first_bytes() {
    for (bytes, what) in [
        (&b"\x30\x82\x0a\x01\x02\x01\x03\x30\x82"[..], "PKCS#12"),
        (b"\x30\x82\x04\xbd\x02\x01\x00\x30\x0d", "private key"),
        (b"\x30\x82\x04\xa4\x02\x01\x00\x02\x82", "private key"),
        (b"\xfe\xed\xfe\xed\x00\x00\x00\x02", "Java"),
        (b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5\x01", "KeePass"),
    ] {
        let found = of("store.bin", bytes);
        assert!(found.len() == 1 && found[0].message.contains(what), "{what}: {found:?}");
    }
    // A certificate is a sequence of sequences.
    assert_eq!(of("ca.der", b"\x30\x82\x03\x01\x30\x82\x01\xe9\xa0\x03\x02\x01\x02"), []);
}

#[test]
fn invitations_are_found() {
    let code = noise(200, BASE64).replace('+', "-");
    for text in [
        format!("/secure-connection accept --name x --displayname y --password z1 --invite {code}"),
        format!("Invitation code:\n\n{code}\n"),
        format!("the invite code is `{code}`"),
        format!("invitation: \"{code}\""),
        format!("https://chat.site.test/signup_user_complete/?id={}&md=link", noise(26, LOWER)),
        format!("{{\"invite_id\": \"{}\"}}", noise(26, LOWER)),
    ] {
        let found = of("join.md", text.as_bytes());
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!(found[0].rule, LintRule::ContentInvitation);
        assert!(!found[0].message.contains(&code[..5]));
    }
    for text in [
        "Send the invitation code and the password apart.",
        "Invite people at https://chat.site.test/signup_user_complete/?id=TEAM_INVITE_ID",
        "see invitations at docs/source/administration-guide/onboard/connected-workspaces/how-to-invite-a-remote-server-to-yours.rst",
    ] {
        assert_eq!(of("join.md", text.as_bytes()), [], "{text}");
    }
}

#[test]
fn what_stands_for_a_secret_is_none() {
    for (path, text) in [
        (
            ".env",
            "A_PASSWORD=\nB_PASSWORD=CHANGE_ME\nC_PASSWORD=${DB_PASSWORD}\nD_PASSWORD=$DB\nE_PASSWORD=<password>\nF_PASSWORD={{ db_password }}\nG_PASSWORD_FILE=/run/secrets/db\nH_TOKEN=%TOKEN%\nI_SECRET=xxxxxxxx\nJ_PASSWORD=********\n",
        ),
        (
            "a.yaml",
            "password: \"\"\npasswordSecretRef: db-credentials-1\nexistingSecret: mattermost-db-1\nsecretName: tls-secret-2026\ntokenExpiry: 3600\nmax_tokens: 4096\nvalueFrom:\n  secretKeyRef:\n    name: db-secret-1\n    key: password\n",
        ),
        ("a.yaml", "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: x\n"),
        ("a.yaml", "- name: DB_PASSWORD\n  value: \"{{ .Values.db.password }}\"\n"),
        (
            "values.yaml",
            "dataSource: postgres://mmuser:{{ db_password }}@db:5432/mm\nother: postgres://mmuser:${PW}@db/mm\nthird: postgres://<user>:<password>@db/mm\nplain: http://proxy:8080/a@b\n",
        ),
        (
            "config.json",
            "{\"ServiceSettings\": {\"EnableUserAccessTokens\": false, \"MinimumPasswordLength\": \"14\", \"EnablePostUsernameOverride\": \"x\"}, \"PasswordSettings\": {\"MinimumLength\": 14, \"Lowercase\": true}, \"PasswordEnableForgotLink\": true}",
        ),
        (
            "guide.md",
            "Set the password: use at least 14 characters. The token is written to the log. PASSWORD=secretvalue\n`-----BEGIN PRIVATE KEY-----` begins a key.\n AKIAIOSFODNN7EXAMPLE\n",
        ),
        ("cli.rs", "use super::passphrase::{Passphrase, Prompt};\npassword: Passphrase,\n"),
        ("Cargo.toml", "rpassword = \"7.5.4\"\n"),
        ("main.go", "password := getPassword(ctx)\ntoken = os.Getenv(\"TOKEN\")\nsecretKey: key.Bytes(),\n"),
        (
            "ca.pem",
            "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ\n-----END CERTIFICATE-----\n-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n",
        ),
        ("config.json", "{\"auths\": {\"r.test\": {}}, \"auth\": \"bearer1x\"}"),
        (
            "plugin.json",
            "{\"settings_schema\": {\"settings\": [{\"key\": \"encryptionkey\", \"display_name\": \"At Rest Encryption Key:\", \"type\": \"generated\", \"secret\": true}]}}",
        ),
        ("lock.toml", "sha256 = \"a22e631ae4a1f704c2bcf45ad8dcc377184081c50954a9269b7f62bd663a7a04\"\n"),
        ("nginx.conf", "ssl_session_tickets off;\nssl_certificate_key /key.pem;\n"),
        // What distributions ship.
        ("usr/share/lintian/overrides/passwd", "passwd: elevated-privileges 4755 root/root [usr/bin/chfn]\n"),
        ("usr/share/locale/de/LC_MESSAGES/initdb-15.mo", "Password: \0Passwort: \0Enter it again: \0"),
        ("usr/lib/x86_64-linux-gnu/perl/5.36.0/Config_heavy.pl", "d_passwd='undef'\nd_pwpasswd='define'\n"),
        ("usr/share/perl/5.36.0/Pod/Token.pm", "token => ', $type, $tagname, '\npassword => ' . $x . ' y'\n"),
        ("CoreList.yaml", "token_tracker: https://rt.cpan.org/Public/Dist/Display\n"),
        ("usr/share/postgresql/15/postgresql.conf.sample", "#password_encryption = scram-sha-256\n"),
    ] {
        assert_eq!(of(path, text.as_bytes()), [], "{path}: {text}");
    }
}

#[test]
fn a_secret_among_what_distributions_ship_is_one_too() {
    for (path, text) in [
        ("usr/share/doc/app/setup", "password: s3cr3t-Of-Robot\n"),
        ("usr/share/elasticsearch/config/app.yml", "password: hunter2\n"),
        ("opt/login.pl", "password => 's3cr3t-Of-Robot'\n"),
        ("a.yaml", "token: https://robot:hunter22@site.test/x\n"),
    ] {
        assert_eq!(of(path, text.as_bytes()).len(), 1, "{path}: {text}");
    }
}

#[test]
fn a_secret_in_utf16_is_one_too() {
    let text = "\r\nPASSWORD=hunter22\r\n";
    let mut wide = vec![0xff, 0xfe];
    wide.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let found = of("a.reg", &wide);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].place.as_ref().unwrap().line, Some(2));
}

#[test]
fn a_mask_shows_a_quarter_and_no_more_than_four() {
    for (secret, shown) in [
        ("abc", "`..` of 3 characters"),
        ("\"hunter22\"", "`hu..` of 8 characters"),
        ("\x1b[31m0123456789abcdef", "`\\u{1b}[31..` of 21 characters"),
    ] {
        assert_eq!(masked(secret), shown);
    }
    assert!(is_placeholder("") && is_placeholder("{{ x }}") && !is_placeholder("hunter22"));
    assert!(entropy("aaaa") < 0.1 && entropy("abcd") > 1.9);
}

#[test]
fn many_secrets_are_counted() {
    let lines: Vec<_> = (0..50).map(|n| format!("P{n}_PASSWORD=hunter{n:04}")).collect();
    let text = lines.join("\n");
    let found = of(".env", text.as_bytes());
    assert_eq!(found.len(), super::MAX_LISTED + 1);
    assert!(found.iter().any(|finding| finding.message.starts_with("30 more")));
}

#[test]
fn large_and_hostile_texts_take_linear_time() {
    assert_eq!(of("x", &vec![b'x'; super::MAX_BYTES + 1])[0].rule, LintRule::ContentUnread);
    for part in [
        "-----BEGIN PRIVATE KEY-----\n",
        "password",
        "invite ",
        "a:b@",
        "https://",
        "name: password\n",
        "token=\"",
        "ey.",
        "\n\n\n",
    ] {
        let text = part.repeat(1_000_000 / part.len());
        let start = Instant::now();
        let _ = of("x.yaml", text.as_bytes());
        assert!(start.elapsed() < Duration::from_secs(30), "{part}: {:?}", start.elapsed());
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), like in "[a-zA-Z0-9:=@/\"' \n$<>{}-]{0,200}") {
        let _ = of("a.yaml", &bytes);
        let _ = of("a.yaml", like.as_bytes());
    }
}
