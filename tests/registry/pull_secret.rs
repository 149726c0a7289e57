//! From a registry that wants a password, shows a certificate, or stands in for another.

use super::images::{digest, many};
use super::pull::{CARRY, LOCK, images, reference};
use super::real::{Door, PASSWORD, Real, USER};
use crate::cli::{Outcome, Shop};
use base64::Engine as _;
use std::os::unix::fs::PermissionsExt as _;

fn auth_file(shop: &Shop, name: &str, host: &str, password: &str) {
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{password}"));
    let path = shop.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!(r#"{{"auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#)).unwrap();
}

/// The password is in nothing that people read or carry.
fn keeps_quiet(shop: &Shop, outcome: &Outcome) {
    assert!(!format!("{}{}", outcome.out, outcome.err).contains(PASSWORD));
    for name in ["pulled.lock.toml", "pulled-1.sealift"] {
        let bytes = std::fs::read(shop.path(name)).unwrap_or_default();
        assert!(!bytes.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes()), "{name}");
    }
}

#[test]
fn with_a_password() {
    let (mut real, shop, many) = (Real::new(), Shop::new(), many());
    real.push("app", &many.content);
    let host = real.start(Door::Password);
    images(&shop, &[("app", reference(&host, "app:1"))]);

    let outcome = shop.fails(LOCK, 1, "registry.denied");
    let words = ["denied manifest `1` of `app` to an anonymous user", &format!("podman login {host}")];
    assert!(words.iter().all(|word| outcome.err.contains(word)), "{}", outcome.err);
    auth_file(&shop, "wrong.json", &host, "guessed");
    let outcome = shop.fails(&format!("REGISTRY_AUTH_FILE=wrong.json {LOCK}"), 1, "registry.denied");
    assert!(outcome.err.contains(&format!("to `{USER}`")), "{}", outcome.err);
    assert!(!outcome.err.contains("guessed"));
    std::fs::write(shop.path("torn.json"), format!(r#"{{"auths":{{"{host}":{{"auth":"{PASSWORD}"}}}}}}"#))
        .unwrap();
    let outcome = shop.fails(&format!("{LOCK} --authfile torn.json"), 2, "registry.credentials");
    keeps_quiet(&shop, &outcome);

    auth_file(&shop, "auth.json", &host, PASSWORD);
    let outcome = shop.done(&format!("REGISTRY_AUTH_FILE=auth.json {LOCK}"));
    keeps_quiet(&shop, &outcome);
    let fresh = format!("rm -rf pulled pulled.lock.toml; {LOCK}");
    shop.done(&format!("{fresh} --authfile auth.json"));
    auth_file(&shop, ".docker/config.json", &host, PASSWORD);
    shop.done(&fresh);
    std::fs::rename(shop.path(".docker"), shop.path(".away")).unwrap();
    auth_file(&shop, "run/containers/auth.json", &host, PASSWORD);
    shop.done(&format!("export XDG_RUNTIME_DIR=$PWD/run; {fresh}"));

    // A helper, which is asked for the host.
    std::fs::create_dir_all(shop.path("bin")).unwrap();
    let helper = shop.path("bin/docker-credential-vault");
    let answer = format!(r#"{{"ServerURL":"{host}","Username":"{USER}","Secret":"{PASSWORD}"}}"#);
    std::fs::write(&helper, format!("#!/bin/sh\necho \"$1 $(cat)\" >> asked\necho '{answer}'\n")).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(shop.path("helped.json"), format!(r#"{{"credHelpers":{{"{host}":"vault"}}}}"#)).unwrap();
    let outcome = shop.done(&format!("export PATH=$PWD/bin:$PATH; {fresh} --authfile helped.json"));
    assert_eq!(shop.read("asked"), format!("get {host}\n").as_bytes());
    keeps_quiet(&shop, &outcome);
    std::fs::write(&helper, format!("#!/bin/sh\necho '{PASSWORD}'\nexit 1\n")).unwrap();
    let outcome = shop.fails(
        &format!("export PATH=$PWD/bin:$PATH; {fresh} --authfile helped.json"),
        2,
        "registry.credentials",
    );
    assert!(outcome.err.contains("the credential helper `vault` failed"), "{}", outcome.err);
    keeps_quiet(&shop, &outcome);

    shop.done(&format!("{LOCK} --authfile auth.json"));
    shop.done("rm -rf pulled");
    let carry = CARRY.replace("sealift pack", "REGISTRY_AUTH_FILE=auth.json sealift pack");
    let outcome = shop.done(&carry);
    keeps_quiet(&shop, &outcome);
    assert!(shop.path("site/images/blobs/sha256").join(digest(&many.index).hex()).exists());
}

#[test]
fn with_a_certificate_of_the_site() {
    let (mut real, shop, many) = (Real::new(), Shop::new(), many());
    real.push("app", &many.content);
    let host = real.start(Door::Tls);
    std::fs::copy(real.path("ca.crt"), shop.path("ca.crt")).unwrap();
    auth_file(&shop, "auth.json", &host, PASSWORD);
    images(&shop, &[("app", reference(&host, "app:1"))]);
    let lock = format!("{LOCK} --authfile auth.json");
    let outcome = shop.fails(&lock, 1, "registry.failed");
    for word in ["cannot reach the registry", "certificate", "UnknownIssuer", "--ca-cert FILE"] {
        assert!(outcome.err.contains(word), "{word}: {}", outcome.err);
    }
    assert!(!shop.path("pulled.lock.toml").exists());
    shop.fails(&format!("{lock} --ca-cert site.toml"), 2, "registry.certificates");
    shop.fails(&format!("{lock} --ca-cert nowhere.crt"), 2, "registry.certificates");
    let outcome = shop.done(&format!("{lock} --ca-cert ca.crt"));
    keeps_quiet(&shop, &outcome);
    shop.done(CARRY);
    assert!(shop.path("site/images/blobs/sha256").join(digest(&many.index).hex()).exists());
}

#[test]
fn in_the_place_of_another() {
    let (real, shop, many) = (Real::new(), Shop::new(), many());
    real.push("library/app", &many.content);
    real.push("quay/team/app", &many.content);
    images(&shop, &[("hub", reference("docker.io", "app:1")), ("quay", reference("quay.io", "team/app:1"))]);
    let mirrors = format!("--mirror docker.io={0} --mirror quay.io={0}/quay", real.open);
    shop.done(&format!("{LOCK} {mirrors}"));
    let text = String::from_utf8(shop.read("pulled.lock.toml")).unwrap();
    assert!(text.contains("docker.io/app:1") && text.contains("quay.io/team/app:1"), "{text}");
    // f_new_a_09: what was asked in their place is part of where they came from.
    assert!(
        text.contains(&format!("registry docker.io/app:1, by way of the mirror {}\"", real.open)),
        "{text}"
    );
    shop.done("rm -rf pulled");
    shop.done(&CARRY.replace("--store pulled", &format!("--store pulled {mirrors}")));
    assert!(shop.path("site/images/blobs/sha256").join(digest(&many.index).hex()).exists());
}
