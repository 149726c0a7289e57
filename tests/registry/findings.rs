//! Locking from registries with the habits of other products, and in environments of other people.

use super::images::{Content, Many, OCI_GZIP, digest, many, noise, simple, with};
use super::listening::Listening;
use super::odd::Odd;
use super::pull::{LOCK, images, reference};
use super::scripted::{Asked, Bench, Reply, Scripted};
use crate::cli::Shop;
use sealift_bundle::format::oci;
use sealift_bundle::value::digest::Digest;
use sealift_registry::credentials::Credentials;
use sealift_registry::proxies::{Proxies, ProxySetting};
use serde_json::{Value, json};
use std::io::Write as _;
use std::time::{Duration, Instant};

/// A proxy that connects nobody, and notes whom it was asked for.
fn proxy() -> Listening {
    Listening::new(Duration::from_secs(5), |_, _, line| {
        line.stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    })
}

fn named(proxy: &Listening) -> Option<ProxySetting> {
    let address = format!("http://ann:opensesame@{}", proxy.host);
    Some(ProxySetting { variable: "HTTPS_PROXY".to_owned(), address })
}

#[test]
fn f_field_04_no_proxy_is_kept_to_and_errors_name_the_proxy() {
    let proxy = proxy();
    let mut bench = Bench::new();
    bench.access.proxies = Proxies { https: named(&proxy), http: None, bypass: String::new() };
    let keys = "reference = \"registry.invalid:1/app:1\"";
    let said = bench.lock_with(keys).unwrap_err();
    assert!(said.contains("cannot reach the registry `registry.invalid:1`"), "{said}");
    assert!(said.contains(&format!("through the proxy `http://{}` of `HTTPS_PROXY`", proxy.host)), "{said}");
    assert!(said.contains("next: check that the proxy is running") && !said.contains("opensesame"), "{said}");
    let asked = proxy.asked();
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|one| one.method == "CONNECT" && one.path == "registry.invalid:1"), "{asked:?}");
    proxy.forget();
    for bypass in ["*", "registry.invalid", ".invalid", "registry.invalid:1"] {
        bench.access.proxies.bypass = bypass.to_owned();
        let said = bench.lock_with(keys).unwrap_err();
        assert!(said.contains("cannot reach the registry") && !said.contains("proxy"), "{bypass}: {said}");
    }
    // Loopback is never behind it.
    bench.access.proxies = Proxies { https: named(&proxy), http: named(&proxy), bypass: String::new() };
    bench.lock(&Scripted::new(simple(b"layer").content, |_, _| None), "app:1").unwrap();
    assert!(proxy.asked().is_empty(), "{:?}", proxy.asked());
}

#[test]
fn f_field_04_a_redirect_takes_its_own_way() {
    // The registry needs no proxy, and what it redirects to does.
    let (proxy, sample) = (proxy(), simple(b"layer"));
    let layer = sample.layer.to_string();
    let server = Scripted::new(sample.content, move |asked, _| {
        asked.path.ends_with(&layer).then(|| Reply::redirect("http://storage.invalid/layer"))
    });
    let mut bench = Bench::new();
    bench.access.proxies = Proxies { https: None, http: named(&proxy), bypass: String::new() };
    let said = bench.lock(&server, "app:1").unwrap_err();
    assert!(said.contains("through the proxy"), "{said}");
    assert!(proxy.asked().iter().all(|one| one.path == "storage.invalid:80"), "{:?}", proxy.asked());
}

fn one_file(shop: &Shop, url: &str) {
    let text = format!(
        "[bundle]\nname = \"pulled\"\nscenario = \"s\"\nversion = \"1\"\n[[file]]\nname = \"f\"\nurl = \"{url}\"\npin = \"first-use\"\n"
    );
    std::fs::write(shop.path("pulled.toml"), text).unwrap();
}

#[test]
fn f_field_04_downloads_keep_to_the_same_variables() {
    let (shop, proxy) = (Shop::new(), proxy());
    let server = Scripted::new(Content::default(), |_, _| Some(Reply::new(200, "", b"content")));
    // This address leads to the same server, and is not a loopback address.
    let elsewhere = server.host.replace("127.0.0.1", "0.0.0.0");
    let set = format!("export http_proxy=http://{0} HTTPS_PROXY=http://{0};", proxy.host);
    one_file(&shop, &format!("http://{elsewhere}/a"));
    let outcome = shop.run(&format!("{set} {LOCK}"));
    assert!(outcome.code == Some(1) && outcome.err.contains("of `http_proxy`"), "{}", outcome.shown());
    assert!(!proxy.asked().is_empty());
    proxy.forget();
    shop.done(&format!("{set} NO_PROXY=0.0.0.0/8 {LOCK}"));
    one_file(&shop, &format!("http://{}/b", server.host));
    shop.done(&format!("{set} {LOCK}"));
    assert!(proxy.asked().is_empty(), "{:?}", proxy.asked());
}

#[test]
fn f_field_12_a_proxy_that_cannot_be_used_is_an_error() {
    let shop = Shop::new();
    images(&shop, &[("i", reference("registry.invalid", "a:1"))]);
    for (variable, address) in [
        ("ALL_PROXY", "socks5h://127.0.0.1:1080"),
        ("HTTPS_PROXY", "socks5://ann:opensesame@127.0.0.1:1080"),
        ("https_proxy", "socks4a://127.0.0.1"),
        ("HTTPS_PROXY", "http://"),
        ("HTTPS_PROXY", "://"),
        ("HTTPS_PROXY", "http://ann:open#sesame@127.0.0.1:1"),
        ("HTTPS_PROXY", "$'\\xff\\xfe'"),
    ] {
        let address = if address.starts_with('$') { address.to_owned() } else { format!("'{address}'") };
        let outcome = shop.fails(&format!("{variable}={address} {LOCK}"), 2, "registry.proxy");
        assert!(outcome.err.contains(&format!("`{variable}`")), "{}", outcome.err);
        assert!(!outcome.err.contains("sesame") && outcome.err.contains("`NO_PROXY`"), "{}", outcome.err);
        // Nothing is asked through it.
        let outcome = shop.run(&format!("{variable}={address} sealift inspect nowhere --trust root.json"));
        assert_eq!(outcome.code, Some(2), "{}", outcome.shown());
    }
    one_file(&shop, "https://files.invalid/a");
    shop.fails(&format!("ALL_PROXY=socks5://h:1 {LOCK}"), 2, "registry.proxy");
    // What needs no proxy does not look at it.
    let server = Scripted::new(simple(b"layer").content, |_, _| None);
    images(&shop, &[("i", reference(&server.host, "a:1"))]);
    shop.done(&format!("ALL_PROXY=socks5h://127.0.0.1:1080 {LOCK}"));
}

fn is_optional(asked: &Asked) -> bool {
    asked.path.contains("/referrers/") || asked.path.contains("/manifests/sha256-")
}

#[test]
fn f_field_09_registries_say_in_many_ways_that_nothing_refers_to_an_image() {
    for status in [200, 302, 400, 401, 403, 404, 405, 500, 501] {
        let sample = simple(b"layer");
        let server = Scripted::new(sample.content, move |asked, _| {
            let page =
                || Reply::new(status, "Content-Type: text/html\nLocation: /login", b"<html>log in</html>");
            (is_optional(asked) || asked.path == "/login").then(page)
        });
        let lock = Bench::new().lock(&server, "app:1").unwrap_or_else(|said| panic!("{status}: {said}"));
        assert!(lock.image[0].referrers.is_empty());
        if status == 500 {
            // That it cannot is found out once, with the patience that a fault deserves.
            assert!(server.asked().len() < 20, "{}", server.asked().len());
        }
    }
    // Where nobody answers `HEAD`, tags are found all the same.
    for status in [400, 405, 501] {
        let many = many();
        let server = Scripted::new(many.content, move |asked, _| {
            (asked.method == "HEAD").then(|| Reply::new(status, "", b""))
        });
        assert_eq!(Bench::new().lock(&server, "app:1").unwrap().image[0].referrers.len(), 3, "{status}");
    }
}

#[test]
fn f_field_09_the_operator_hears_of_it_once() {
    let (shop, many) = (Shop::new(), many());
    let server = Scripted::new(many.content, |asked, _| is_optional(asked).then(|| Reply::new(403, "", b"")));
    images(&shop, &[("app", reference(&server.host, "app:1"))]);
    let outcome = shop.done(LOCK);
    let said = outcome.err.matches("answers with status 403").count();
    assert!(said == 1 && outcome.err.contains("`referrers = false`"), "{}", outcome.err);
}

#[test]
fn f_field_10_an_image_that_answers_for_its_list_of_referrers_is_no_list() {
    let mut many = many();
    many.content.tags.retain(|tag, _| !tag.starts_with("sha256-"));
    for (_, digest) in many.content.tags.clone() {
        many.content.tags.insert(format!("sha256-{}", digest.hex()), digest);
    }
    let server = Scripted::new(many.content, |_, _| None);
    let keys = |more: &str| format!("reference = \"{}/app:1\"\n{more}", server.host);
    for more in ["", "platforms = [\"linux/amd64\"]"] {
        let lock = Bench::new().lock_with(&keys(more)).unwrap();
        assert!(lock.image[0].referrers.is_empty(), "{more}");
    }
}

#[test]
fn f_field_13_empty_credentials_are_none() {
    for config in [r#"{"auths":{},"credsStore":""}"#, "", "{\"credsStore\":\"not-here\"}", "{\"auths\":null}"]
    {
        let server = Scripted::new(simple(b"layer").content, |asked, _| {
            if asked.path.starts_with("/token") {
                return Some(Reply::new(200, "", br#"{"token":"T"}"#));
            }
            let ask =
                format!("WWW-Authenticate: Bearer realm=\"http://{}/token\"", asked.header("host").unwrap());
            asked.header("authorization").is_none().then(|| Reply::new(401, &ask, b""))
        });
        let shop = Shop::new();
        std::fs::create_dir(shop.path(".docker")).unwrap();
        std::fs::write(shop.path(".docker/config.json"), config).unwrap();
        images(&shop, &[("app", reference(&server.host, "app:1"))]);
        let outcome = shop.done(LOCK);
        assert_eq!(
            outcome.err.contains("cannot run `docker-credential-not-here`"),
            config.contains("not-here")
        );
    }
}

/// An index whose two attestations name what they are about.
fn attested() -> (Content, [Value; 2], [Value; 2]) {
    let mut content = Content::default();
    let mut children = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let layer = content.blob(OCI_GZIP, architecture.as_bytes());
        let image = content.manifest(architecture, &[layer], json!({}));
        let statement = content.blob("application/vnd.in-toto+json", architecture.as_bytes());
        let about = content.manifest("unknown", &[statement], json!({}));
        children.push((image, about, architecture));
    }
    let platform =
        |os: &str, architecture: &str| json!({ "platform": { "os": os, "architecture": architecture } });
    let listed: Vec<_> = children
        .iter()
        .flat_map(|(image, about, architecture)| {
            let notes = json!({ "annotations": {
                "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"],
            } });
            // Before what they are about, which is unusual and allowed.
            let about = with(with(about.clone(), platform("unknown", "unknown")), notes);
            [about, with(image.clone(), platform("linux", architecture))]
        })
        .collect();
    let index = content.index(&listed);
    content.tag(&index, "1");
    let of = |at: usize| [children[at].0.clone(), children[at].1.clone()];
    (content, of(0), of(1))
}

#[test]
fn f_field_16_an_attestation_shares_the_fate_of_what_it_is_about() {
    let (content, [amd64, about_amd64], [arm64, about_arm64]) = attested();
    let server = Scripted::new(content.clone(), |_, _| None);
    let keys = format!("reference = \"{}/app:1\"\nplatforms = [\"linux/amd64\"]", server.host);
    let lock = Bench::new().lock_with(&keys).unwrap();
    let mut expected = [digest(&arm64), digest(&about_arm64)];
    expected.sort();
    assert_eq!(lock.image[0].withheld, expected);
    let travels = |wanted: &Value| lock.image[0].blobs.iter().any(|blob| blob.digest == digest(wanted));
    assert!(travels(&amd64) && travels(&about_amd64) && !travels(&about_arm64));

    // One that the registry has lost.
    let mut lost = content;
    lost.documents.remove(&digest(&about_amd64));
    let server = Scripted::new(lost, |_, _| None);
    for (more, withheld) in
        [("", 1), ("platforms = [\"linux/amd64\"]", 3), ("platforms = [\"linux/arm64\"]", 2)]
    {
        let keys = format!("reference = \"{}/app:1\"\n{more}", server.host);
        let lock = Bench::new().lock_with(&keys).unwrap();
        assert_eq!(lock.image[0].withheld.len(), withheld, "{more}");
    }
    // An image that is lost is another matter.
    let (mut content, [amd64, _], _) = attested();
    content.documents.remove(&digest(&amd64));
    let said = Bench::new().lock(&Scripted::new(content, |_, _| None), "app:1").unwrap_err();
    assert!(said.contains("[registry.missing]"), "{said}");
}

#[test]
fn f_field_r3_a_blob_that_fails_names_its_image() {
    let sample = simple(b"layer");
    let layer = sample.layer.to_string();
    let server = Scripted::new(sample.content, move |asked, _| {
        asked.path.ends_with(&layer).then(|| Reply::new(404, "", b""))
    });
    let said = Bench::new().lock(&server, "app:1").unwrap_err();
    assert!(said.contains("cannot pin the image `app`") && said.contains("of `app`"), "{said}");
}

#[test]
fn f_field_r4_each_manifest_is_got_once_and_the_rest_is_free() {
    let mut content = Content::default();
    let layer = content.blob(OCI_GZIP, b"layer");
    let mut children = Vec::new();
    for number in 0..8 {
        let more = json!({ "annotations": { "number": number.to_string() } });
        let image = content.manifest("amd64", std::slice::from_ref(&layer), more);
        let platform = json!({ "platform": { "os": "linux", "architecture": format!("a{number}") } });
        children.push(with(image, platform));
        let about =
            content.manifest("unknown", &[], json!({ "annotations": { "about": number.to_string() } }));
        children.push(with(about, json!({ "platform": { "os": "unknown", "architecture": "unknown" } })));
    }
    let index = content.index(&children);
    content.tag(&index, "1");
    let server = Scripted::new(content, |_, _| None);
    Bench::new().lock(&server, "app:1").unwrap();
    let got = |asked: &Asked| asked.method == "GET" && asked.path.contains("/manifests/");
    assert_eq!(server.asked().iter().filter(|asked| got(asked)).count(), 17);
}

/// Runs a command, sends a signal when a server was asked, and waits for the end.
fn interrupted(shop: &Shop, script: &str, asked: impl Fn() -> bool) -> (Option<i32>, Duration) {
    let mut child = shop.command(&format!("exec {script}")).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !asked() {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(10));
    }
    let begun = Instant::now();
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    (child.wait().unwrap().code(), begun.elapsed())
}

#[test]
fn f_field_r9_a_first_signal_is_seen_while_a_host_or_a_helper_is_silent() {
    let (shop, sample) = (Shop::new(), simple(&noise(300_000, 7)));
    // Before the head of an answer, in the middle of a document, and in the middle of a blob.
    for (end, lost) in
        [("manifests/1", None), ("manifests/1", Some(5)), (&*sample.layer.to_string(), Some(100))]
    {
        let (content, path) = (sample.content.clone(), end.to_owned());
        let server = Scripted::new(sample.content.clone(), move |asked, _| {
            let silent = asked.path.ends_with(&path);
            silent.then(|| match lost {
                None => Reply::silence(),
                Some(lost) => content.answer(asked).cut(lost).hold(),
            })
        });
        images(&shop, &[("app", reference(&server.host, "app:1"))]);
        let (code, took) = interrupted(&shop, LOCK, || !server.asked_for(end).is_empty());
        assert!(code == Some(130) && took < Duration::from_secs(8), "{end} {lost:?}: {code:?} {took:?}");
    }
    // A helper that waits for somebody.
    let server = Scripted::new(sample.content, |_, _| Some(Reply::new(401, "WWW-Authenticate: Basic", b"")));
    images(&shop, &[("app", reference(&server.host, "app:1"))]);
    std::fs::create_dir(shop.path("helpers")).unwrap();
    std::fs::write(shop.path("helpers/docker-credential-slow"), "#!/bin/sh\ntouch asked\nexec sleep 30\n")
        .unwrap();
    std::fs::write(shop.path("auth.json"), "{\"credsStore\":\"slow\"}").unwrap();
    shop.done("chmod 755 helpers/docker-credential-slow");
    let script = format!("env PATH=\"$PWD/helpers:$PATH\" {LOCK} --authfile auth.json");
    let (code, took) = interrupted(&shop, &script, || shop.path("asked").exists());
    assert!(code == Some(130) && took < Duration::from_secs(8), "{code:?} {took:?}");
}

#[test]
fn f_field_r11_an_ipv6_address_is_a_registry() {
    let sample = simple(b"layer");
    let serve = sample.content.clone();
    let odd = Odd::at("[::1]:0", move |request| Some(serve.answer(request.asked)));
    let lock = Bench::new().lock_with(&format!("reference = \"{}/team/app:1\"", odd.host)).unwrap();
    assert_eq!(lock.image[0].digest, sample.manifest);
}

#[test]
fn f_sec_suspected_a_password_goes_to_no_further_host_in_the_clear() {
    let thief = Scripted::new(Content::default(), |_, _| Some(Reply::new(200, "", br#"{"token":"T"}"#)));
    // This address leads to the same server, and is not a loopback address.
    let realm = format!("http://{}/token", thief.host.replace("127.0.0.1", "0.0.0.0"));
    let server = Scripted::new(simple(b"layer").content, move |asked, _| {
        let ask = format!("WWW-Authenticate: Bearer realm=\"{realm}\"");
        asked.header("authorization").is_none().then(|| Reply::new(401, &ask, b""))
    });
    let mut bench = Bench::new();
    let file = bench.folder.path().join("auth.json");
    std::fs::write(&file, format!(r#"{{"auths":{{"{}":{{"auth":"YW5uOm9wZW5zZXNhbWU="}}}}}}"#, server.host))
        .unwrap();
    bench.access.credentials = Credentials { files: vec![file] };
    let said = bench.lock(&server, "app:1").unwrap_err();
    assert!(said.contains("[registry.denied]") && said.contains("`--plain-http HOST`"), "{said}");
    assert!(thief.asked().is_empty(), "{:?}", thief.asked());
    // Who has no password gives none away; and who names the host wants it so.
    let host = thief.host.replace("127.0.0.1", "0.0.0.0");
    bench.access.plain_http.push(host);
    bench.lock(&server, "app:1").unwrap();
}

#[test]
fn f_field_17_what_is_listed_as_a_referrer_and_is_none_stays_behind() {
    let Many { mut content, index, .. } = many();
    let stranger = content.referrer(&with(index.clone(), json!({ "size": 1 })), "application/x-old", b"old");
    let old = json!({ "mediaType": "application/vnd.cncf.oras.artifact.manifest.v1+json",
        "digest": Digest::of(b"old").to_string(), "size": 3 });
    let missing =
        json!({ "mediaType": oci::OCI_MANIFEST, "digest": Digest::of(b"gone").to_string(), "size": 4 });
    content.refer(&index, &[old, missing, stranger.clone()]);
    let lock = Bench::new().lock(&Scripted::new(content, |_, _| None), "app:1").unwrap();
    let found: Vec<Digest> = lock.image[0].referrers.iter().map(|referrer| referrer.digest).collect();
    assert!(found.contains(&digest(&stranger)), "{found:?}");
}
