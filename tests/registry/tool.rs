//! The same from the command line: what is written, what is said, and what is not.

use super::images::{Simple, noise, simple};
use super::scripted::{Reply, Scripted, is_sound};
use crate::cli::Shop;
use std::time::{Duration, Instant};

const LOCK: &str = "sealift lock app.toml --store pulled";

fn sample() -> Simple {
    simple(&noise(300_000, 7))
}

/// A shop with a manifest of one image in a registry.
fn shop(server: &Scripted) -> Shop {
    let shop = Shop::new();
    let host = &server.host;
    let text = format!(
        "[bundle]\nname = \"app\"\nscenario = \"air-gapped\"\nversion = \"1\"\n\n[[image]]\nname = \"app\"\nreference = \"{host}/app:1\"\n"
    );
    std::fs::write(shop.path("app.toml"), text).unwrap();
    shop
}

#[test]
fn what_is_wrong_is_not_locked() {
    let sample = sample();
    let layer = sample.layer.to_string();
    let server = Scripted::new(sample.content, move |asked, _| {
        asked.path.ends_with(&layer).then(|| Reply::new(200, "", &noise(300_000, 8)))
    });
    let shop = shop(&server);
    let outcome = shop.fails(LOCK, 3, "registry.content");
    assert!(outcome.err.contains("digest mismatch for a blob of `app`"), "{}", outcome.err);
    assert!(outcome.err.contains("the registry or a proxy changes content"), "{}", outcome.err);
    assert!(!shop.path("app.lock.toml").exists() && is_sound(&shop.path("pulled")));
    assert!(!shop.path("pulled/blobs/sha256").join(sample.layer.hex()).exists());
}

#[test]
fn a_disk_that_is_full() {
    let sample = sample();
    let server = Scripted::new(sample.content, |_, _| None);
    let shop = shop(&server);
    let alone = crate::environment::alone(&shop);
    std::fs::create_dir(shop.path("pulled")).unwrap();
    let outcome = shop.run(&format!(
        "{alone} bash -c 'mount -t tmpfs -o size=128k tmpfs pulled; code=0; {LOCK} || code=$?
         ls -A pulled/blobs/sha256; exit $code'"
    ));
    assert!(outcome.code == Some(1) && outcome.is("store.io"), "{}", outcome.shown());
    assert!(outcome.err.contains("No space left on device"), "{}", outcome.err);
    let kept = outcome.out.lines().any(|name| name == sample.layer.hex());
    assert!(!kept && !shop.path("app.lock.toml").exists(), "{}", outcome.out);
    // At any write that the system refuses.
    let mut failures = 0;
    for when in [1, 2, 3, 4, 6, 8] {
        shop.done("rm -rf pulled app.lock.toml; mkdir pulled");
        let inject = format!("inject=write:error=ENOSPC:when={when}");
        let outcome = shop.run(&format!("strace -f -o trace -e {inject} {LOCK}"));
        // The message itself may be what cannot be written.
        let written = ["store.io", "cli.output", "cli.write"];
        let known = outcome.err.is_empty() || written.into_iter().any(|code| outcome.is(code));
        assert!(matches!(outcome.code, Some(0 | 1)), "{when} {}", outcome.shown());
        assert!(outcome.code == Some(0) || known, "{when} {}", outcome.shown());
        assert!(is_sound(&shop.path("pulled")), "{when} {}", outcome.shown());
        failures += usize::from(outcome.code == Some(1));
        shop.done(LOCK);
    }
    assert!(failures >= 2, "{failures}");
}

#[test]
fn a_pull_that_is_killed_goes_on() {
    let sample = sample();
    let layer = sample.layer.to_string();
    let server = Scripted::new(sample.content, move |asked, before| {
        let first = asked.path.ends_with(&layer) && before == 0;
        first.then(|| Reply::new(200, "", &noise(300_000, 7)).cut(100_000).hold())
    });
    let shop = shop(&server);
    let mut child = shop.command(&format!("exec {LOCK}")).spawn().unwrap();
    let partial = shop.path("pulled/blobs/sha256").join(format!(".partial-{}", sample.layer.hex()));
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::fs::metadata(&partial).map_or(0, |found| found.len()) < 200_000 {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!shop.path("app.lock.toml").exists());
    shop.done(LOCK);
    let asked = server.asked_for(&sample.layer.to_string());
    assert_eq!(asked[1].header("range"), Some("bytes=200000-"));
    assert_eq!(asked.len(), 2);
    assert!(is_sound(&shop.path("pulled")) && !partial.exists());
}

#[test]
fn secrets_that_a_registry_gives_back_are_not_shown() {
    // `ann:opensesame`
    let basic = "YW5uOm9wZW5zZXNhbWU=";
    let secrets = ["opensesame", basic, "T0KEN-OF-ANN"];
    // With the end of what is repeated in the middle of each of them.
    for (token, padding) in [(false, 0), (false, 280), (false, 261), (true, 0), (true, 280), (true, 268)] {
        let server = Scripted::new(sample().content, move |asked, _| {
            let proof = asked.header("authorization").unwrap_or_default().to_owned();
            let said = format!("{}{proof} opensesame", "x".repeat(padding));
            if asked.path.starts_with("/token") {
                return Some(Reply::new(200, "", br#"{"token":"T0KEN-OF-ANN"}"#));
            }
            let host = asked.header("host").unwrap();
            let scheme =
                if token { format!("Bearer realm=\"http://{host}/token\"") } else { "Basic".to_owned() };
            let status = if proof.is_empty() { 401 } else { 403 };
            let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"{said}"}}]}}"#);
            Some(Reply::new(status, &format!("WWW-Authenticate: {scheme}"), body.as_bytes()))
        });
        let shop = shop(&server);
        let auth = format!(r#"{{"auths":{{"{}":{{"auth":"{basic}"}}}}}}"#, server.host);
        std::fs::write(shop.path("auth.json"), auth).unwrap();
        for flag in ["", "--json"] {
            let outcome = shop.fails(&format!("{LOCK} --authfile auth.json {flag}"), 1, "registry.denied");
            let all = format!("{}{}", outcome.out, outcome.err);
            assert!(all.contains("DENIED") && all.contains("`ann`"), "{all}");
            for secret in secrets {
                // Not even the beginning of it.
                assert!(!all.contains(&secret[..5]), "{padding} {secret}: {all}");
            }
        }
        assert!(!shop.path("app.lock.toml").exists());
    }
}
