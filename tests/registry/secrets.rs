//! Passwords and tokens: shown to whom they are for, and to nobody else.

use super::images::{Simple, noise, simple};
use super::real;
use super::scripted::{Asked, Bench, Reply, Scripted};
use sealift_registry::credentials::Credentials;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// `ann:opensesame`
const BASIC: &str = "Basic YW5uOm9wZW5zZXNhbWU=";

fn sample() -> Simple {
    simple(&noise(300_000, 7))
}

/// A bench that has this entry for a host.
fn bench(host: &str, entry: &str) -> Bench {
    let mut bench = Bench::new();
    let file = bench.folder.path().join("auth.json");
    std::fs::write(&file, format!(r#"{{"auths":{{"{host}":{entry}}}}}"#)).unwrap();
    bench.access.credentials = Credentials { files: vec![file] };
    bench
}

fn with_password(host: &str) -> Bench {
    bench(host, r#"{"auth":"YW5uOm9wZW5zZXNhbWU="}"#)
}

fn shows(asked: &Asked, proof: &str) -> bool {
    asked.header("authorization") == Some(proof)
}

/// A registry that wants `Bearer TOKEN`, and gives it as `token` says.
fn bearer(sample: &Simple, token: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Scripted {
    Scripted::new(sample.content.clone(), move |asked, before| {
        if asked.path.starts_with("/token") {
            return Some(token(asked, before));
        }
        let host = asked.header("host").unwrap();
        let scope = r#"service="the registry",scope="repository:app:pull""#;
        let ask = format!(r#"WWW-Authenticate: Bearer realm="http://{host}/token",{scope}"#);
        (!shows(asked, "Bearer T0KEN")).then(|| Reply::new(401, &ask, b""))
    })
}

#[test]
fn a_token_for_a_password() {
    let sample = sample();
    let server = bearer(&sample, |_, _| Reply::new(200, "", br#"{"access_token":"T0KEN"}"#));
    let bench = with_password(&server.host);
    bench.lock(&server, "app:1").unwrap();
    let tokens: Vec<_> =
        server.asked().into_iter().filter(|asked| asked.path.starts_with("/token")).collect();
    // One for all requests, give or take those that are under way together.
    assert!((1..=6).contains(&tokens.len()), "{}", tokens.len());
    for asked in tokens {
        assert!(shows(&asked, BASIC), "{asked:?}");
        assert!(asked.path.contains("scope=repository%3Aapp%3Apull&"), "{}", asked.path);
        assert!(asked.path.contains("service=the%20registry"), "{}", asked.path);
    }
    assert!(server.asked().iter().all(|asked| asked.path.starts_with("/token") || !shows(asked, BASIC)));
}

#[test]
fn a_token_for_anybody_and_for_a_token() {
    let sample = sample();
    let server = bearer(&sample, |asked, _| {
        assert!(asked.header("authorization").is_none());
        Reply::new(200, "", br#"{"token":"T0KEN"}"#)
    });
    Bench::new().lock(&server, "app:1").unwrap();
    bench(&server.host, r#"{"identitytoken":"REFRESH"}"#).lock(&server, "app:1").unwrap();
}

#[test]
fn a_token_that_runs_out_is_fetched_anew() {
    let sample = sample();
    let layer = sample.layer.to_string();
    let server = Scripted::new(sample.content.clone(), move |asked, before| {
        let host = asked.header("host").unwrap();
        let ask = format!(r#"WWW-Authenticate: Bearer realm="http://{host}/token""#);
        match asked.path.as_str() {
            path if path.starts_with("/token") => {
                Some(Reply::new(200, "", format!(r#"{{"token":"T{before}"}}"#).as_bytes()))
            }
            path if path.ends_with(&layer) && before == 0 => Some(Reply::new(401, &ask, b"")),
            _ => asked.header("authorization").is_none().then(|| Reply::new(401, &ask, b"")),
        }
    });
    Bench::new().lock(&server, "app:1").unwrap();
}

#[test]
fn registries_that_are_never_content() {
    let sample = sample();
    let basic = "WWW-Authenticate: Basic realm=\"x\"";
    let server = Scripted::new(sample.content.clone(), move |_, _| Some(Reply::new(401, basic, b"")));
    let said = with_password(&server.host).lock(&server, "app:1").unwrap_err();
    for word in ["[registry.denied]", "`ann`", "status 401", "next: log in: `podman login 127.0.0.1"] {
        assert!(said.contains(word), "{said}");
    }
    assert_eq!(server.asked().len(), 2);
    let said = Bench::new().lock(&server, "app:1").unwrap_err();
    assert!(said.contains("[registry.denied]") && said.contains("an anonymous user"), "{said}");

    let loops = bearer(&sample, |_, _| Reply::new(200, "", br#"{"token":"OTHER"}"#));
    let said = with_password(&loops.host).lock(&loops, "app:1").unwrap_err();
    assert!(said.contains("[registry.denied]"), "{said}");
    assert_eq!(loops.asked().len(), 3);

    for (header, word) in [
        ("WWW-Authenticate: Negotiate", "neither `Bearer` nor `Basic`"),
        ("X-Nothing: said", "neither `Bearer` nor `Basic`"),
        ("WWW-Authenticate: Bearer service=\"x\"", "it names no `realm`"),
        ("WWW-Authenticate: Bearer realm=\"x", "cannot be read"),
    ] {
        let server = Scripted::new(sample.content.clone(), move |_, _| Some(Reply::new(401, header, b"")));
        let said = with_password(&server.host).lock(&server, "app:1").unwrap_err();
        assert!(said.contains("[registry.denied]") && said.contains(word), "{said}");
    }
}

#[test]
fn what_gives_tokens_fails() {
    let sample = sample();
    let cases: [(fn() -> Reply, &[&str]); 6] = [
        (|| Reply::new(500, "", b"out of tokens"), &["[registry.failed]", "status 500", "out of tokens"]),
        (|| Reply::new(401, "", b"who?"), &["[registry.denied]", "`ann`", "who?"]),
        (|| Reply::endless("application/json"), &["[registry.denied]", "answers with something else"]),
        (|| Reply::new(200, "", b"<html>"), &["[registry.denied]", "answers with something else"]),
        (|| Reply::new(200, "", br#"{"token":""}"#), &["[registry.denied]", "answers with something else"]),
        (|| Reply::new(200, "", br#"{"token":"a\nb"}"#), &["[registry.", "next:"]),
    ];
    for (reply, words) in cases {
        let server = bearer(&sample, move |_, _| reply());
        let begun = Instant::now();
        let said = with_password(&server.host).lock(&server, "app:1").unwrap_err();
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{said}");
    }
}

#[test]
fn another_host_sees_no_password() {
    let sample = sample();
    let store = Scripted::new(sample.content.clone(), |_, _| None);
    let (to, layer) = (format!("http://{}", store.host), sample.layer.to_string());
    let guarded = move |asked: &Asked, _: usize| {
        if !shows(asked, BASIC) {
            return Some(Reply::new(401, "WWW-Authenticate: Basic", b""));
        }
        asked.path.ends_with(&layer).then(|| Reply::redirect(&format!("{to}{}", asked.path)))
    };
    let server = Scripted::new(sample.content.clone(), guarded);
    with_password(&server.host).lock(&server, "app:1").unwrap();
    assert_eq!(store.asked_for(&sample.layer.to_string()).len(), 1);
    assert!(store.asked().iter().all(|asked| asked.header("authorization").is_none()), "{:?}", store.asked());
}

#[test]
fn another_host_may_not_ask_for_a_password() {
    let sample = sample();
    let thief = Scripted::new(sample.content.clone(), |asked, _| {
        let ask =
            format!("WWW-Authenticate: Bearer realm=\"http://{}/token\"", asked.header("host").unwrap());
        Some(Reply::new(401, &ask, br#"{"token":"x"}"#))
    });
    let to = format!("http://{}/", thief.host);
    let layer = sample.layer.to_string();
    let server = Scripted::new(sample.content.clone(), move |asked, _| {
        asked.path.ends_with(&layer).then(|| Reply::redirect(&to))
    });
    let said = with_password(&server.host).lock(&server, "app:1").unwrap_err();
    assert!(said.contains("[registry.denied]"), "{said}");
    assert!(thief.asked().iter().all(|asked| asked.header("authorization").is_none()), "{:?}", thief.asked());
}

#[test]
fn redirects_without_an_end() {
    let server = Scripted::new(sample().content, move |asked, _| {
        asked.path.ends_with("manifests/1").then(|| Reply::redirect("/v2/app/manifests/1"))
    });
    let said = Bench::new().lock(&server, "app:1").unwrap_err();
    assert!(said.contains("[registry.failed]") && said.contains("it redirects more than 5 times"), "{said}");
    // Nothing that a further attempt would change.
    assert!(server.asked_for("manifests/1").len() <= 6, "{}", server.asked().len());
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_begins_with_tls_stays_with_tls() {
    let sample = sample();
    let plain = Scripted::new(sample.content, |_, _| None);
    let mut bench = Bench::new();
    real::certificates(bench.folder.path());
    bench.access.authorities = vec![bench.folder.path().join("ca.crt")];
    let port = real::free_port();
    let moved = format!("HTTP/1.0 302 Found\r\nLocation: http://{}/v2/app/manifests/1\r\n\r\n", plain.host);
    std::fs::create_dir_all(bench.folder.path().join("v2/app/manifests")).unwrap();
    std::fs::write(bench.folder.path().join("v2/app/manifests/1"), moved).unwrap();
    let server = Command::new("openssl")
        .args(["s_server", "-HTTP", "-quiet", "-cert", "srv.crt", "-key", "srv.key", "-accept"])
        .arg(format!("127.0.0.1:{port}"))
        .current_dir(bench.folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _ended = Ended(server.unwrap());
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(20));
    }
    let said = bench.lock_with(&format!("reference = \"127.0.0.1:{port}/app:1\"")).unwrap_err();
    assert!(said.contains("[registry.failed]") && said.contains("from https to http"), "{said}");
    assert!(plain.asked().is_empty());
}

#[test]
fn without_tls_only_where_it_is_allowed() {
    let sample = sample();
    let server = Scripted::new(sample.content, |_, _| None);
    // This address leads to the same server, and is not a loopback address.
    let host = server.host.replace("127.0.0.1", "0.0.0.0");
    let reference = format!("reference = \"{host}/app:1\"");
    let mut bench = Bench::new();
    let said = bench.lock_with(&reference).unwrap_err();
    assert!(said.contains("[registry.failed]") && said.contains("it speaks no TLS"), "{said}");
    assert!(said.contains("--plain-http") && server.asked().is_empty(), "{said}");
    bench.access.plain_http = vec![host];
    bench.lock_with(&reference).unwrap();
}
