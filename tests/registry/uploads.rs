//! Uploads that are cut, refused, sent elsewhere, or that find no room. What has arrived is whole or not there.

use super::front::{Asked, Front, Then};
use super::images::{Content, OCI_GZIP, digest, noise};
use super::load::{LOAD, PACK, carried, log_in};
use super::pull::{LOCK, images, reference};
use super::real::{Door, PASSWORD, Real};
use crate::cli::Shop;
use sealift_bundle::value::digest::Digest;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// An image with a layer of 20 MiB, which takes three pieces, in a bundle.
struct Large {
    shop: Shop,
    site: Real,
    manifest: Digest,
    layer: Digest,
}

fn large() -> Large {
    let (real, shop) = (Real::new(), Shop::new());
    let mut content = Content::default();
    let layer = content.blob(OCI_GZIP, &noise(20 << 20, 5));
    let manifest = content.manifest("amd64", std::slice::from_ref(&layer), json!({}));
    content.tag(&manifest, "1");
    real.push("app", &content);
    images(&shop, &[("app", reference(&real.open, "app:1"))]);
    shop.done(LOCK);
    shop.done(PACK);
    Large { shop, site: Real::new(), manifest: digest(&manifest), layer: digest(&layer) }
}

impl Large {
    fn arrived(&self) -> bool {
        let pull = format!(
            "rm -rf out; skopeo copy -q --src-tls-verify=false docker://{}/app:1 dir:out",
            self.site.open
        );
        let outcome = self.shop.run(&pull);
        let whole = || {
            Digest::of(&self.shop.read("out/manifest.json")) == self.manifest
                && Digest::of(&self.shop.read(&format!("out/{}", self.layer.hex()))) == self.layer
        };
        outcome.code == Some(0) && whole()
    }

    /// Loads into a new registry, through a front that does what a script says.
    fn through(&mut self, script: impl Fn(&Asked, usize) -> Then + Send + Sync + 'static) -> Front {
        self.site = Real::new();
        let front = Front::new(&self.site.open, script);
        self.shop.done(&format!("{LOAD} {}", front.host));
        assert!(self.arrived());
        front
    }
}

/// Does something with one request, the `number`th of its method that has a body of some size.
fn once(
    method: &'static str,
    number: usize,
    then: impl Fn() -> Then + Send + Sync + 'static,
) -> impl Fn(&Asked, usize) -> Then {
    move |asked, before| if asked.method == method && before == number { then() } else { Then::Pass }
}

#[test]
fn each_blob_is_sent_once() {
    let (carried, site) = (carried(""), Real::new());
    let front = Front::noting(&site.open);
    let load = format!("{LOAD} {}", front.host);
    let outcome = carried.shop.done(&load);
    let mut blobs = carried.hello.content.blobs.clone();
    let shared = blobs.keys().filter(|blob| carried.greeter.content.blobs.contains_key(blob)).count();
    blobs.extend(carried.greeter.content.blobs.clone());
    assert_eq!(shared, 1);
    for blob in blobs.keys() {
        assert_eq!(front.count("PUT", &format!("digest={blob}")), 1, "{blob}");
    }
    assert_eq!(front.count("POST", "mount="), 1);
    let bytes: usize = blobs.values().map(Vec::len).sum();
    let sent = front
        .asked()
        .iter()
        .filter(|asked| asked.path.contains("/blobs/"))
        .map(|asked| asked.len())
        .sum::<usize>();
    assert_eq!(sent, bytes);
    assert!(outcome.out.contains(&format!("pushed {} blobs", blobs.len())), "{}", outcome.out);
    front.forget();
    carried.shop.done(&load);
    assert_eq!(
        front.asked().iter().filter(|asked| asked.writes() && asked.path.contains("/blobs/")).count(),
        0
    );
}

#[test]
fn of_a_bundle_that_is_damaged_nothing_is_sent() {
    let (carried, site) = (carried(""), Real::new());
    let front = Front::noting(&site.open);
    let mut bytes = carried.shop.read("pulled-1.sealift");
    let end = bytes.len();
    for at in [end - 2000, end / 2, 3000] {
        bytes[at] ^= 1;
        std::fs::write(carried.shop.path("pulled-1.sealift"), &bytes).unwrap();
        bytes[at] ^= 1;
        let outcome = carried.shop.run(&format!("{LOAD} {}", front.host));
        assert_eq!(outcome.code, Some(3), "{at} {}", outcome.shown());
        let only_questions =
            front.asked().iter().all(|asked| matches!(asked.method.as_str(), "GET" | "HEAD"));
        assert!(only_questions && !carried.shop.path("settings").exists(), "{at}");
    }
}

#[test]
fn pieces_that_are_cut() {
    let mut large = large();
    // The registry had all of it, and nobody heard so.
    let front = large.through(once("PATCH", 1, || Then::Mute));
    // This registry knows an upload only by the place it gave after its last piece: it begins anew.
    assert_eq!(front.count("PATCH", ""), 5);
    // The registry had a part of it.
    let front = large.through(once("PATCH", 1, || Then::Cut(3 << 20)));
    let sent: usize = front.asked().iter().map(|asked| asked.len()).sum();
    assert!(sent < 45 << 20, "{sent}");
    // A small blob is cut.
    let cut = AtomicBool::new(false);
    large.through(move |asked, _| {
        let small = asked.method == "PUT" && asked.path.contains("digest=") && asked.len() > 10;
        if small && !cut.swap(true, Ordering::Relaxed) { Then::Cut(10) } else { Then::Pass }
    });
    // The end was not heard.
    large.through(|asked, _| {
        let end = asked.method == "PUT" && asked.path.contains("digest=") && asked.len() == 0;
        if end { Then::Mute } else { Then::Pass }
    });
}

#[test]
fn registries_that_take_no_pieces() {
    let mut large = large();
    for status in [404, 405, 501] {
        let front = large.through(move |asked, _| match asked.method.as_str() {
            "PATCH" => Then::Say(status, String::new(), ""),
            _ => Then::Pass,
        });
        let whole =
            front.asked().iter().filter(|asked| asked.method == "PUT" && asked.len() == 20 << 20).count();
        assert_eq!((whole, front.count("PATCH", "")), (1, 1), "{status}");
    }
    // The whole blob is cut, or its answer is not heard, or it passes.
    for then in [|| Then::Cut(5 << 20), || Then::Mute, || Then::Say(503, String::new(), "")] {
        let cut = AtomicBool::new(false);
        large.through(move |asked, _| match asked.method.as_str() {
            "PATCH" => Then::Say(405, String::new(), ""),
            "PUT" if asked.len() == 20 << 20 && !cut.swap(true, Ordering::Relaxed) => then(),
            _ => Then::Pass,
        });
    }
}

#[test]
fn statuses_that_pass_and_that_stay() {
    let mut large = large();
    for (method, status) in [("POST", 503), ("PATCH", 500), ("PATCH", 429), ("PUT", 502)] {
        large.through(once(method, 0, move || Then::Say(status, "Retry-After: 0".to_owned(), "later")));
    }
    large.site = Real::new();
    large.shop.done("rm -r settings");
    let front = Front::new(&large.site.open, |asked, _| match asked.method.as_str() {
        "PATCH" => Then::Say(405, String::new(), ""),
        "PUT" if asked.path.contains("/blobs/") => {
            Then::Say(507, String::new(), r#"{"errors":[{"code":"UNKNOWN","message":"no luck"}]}"#)
        }
        _ => Then::Pass,
    });
    let outcome = large.shop.fails(&format!("{LOAD} {}", front.host), 4, "registry.refused");
    assert!(outcome.out.contains("status 507") && outcome.out.contains("UNKNOWN no luck"), "{}", outcome.out);
    assert!(!large.arrived() && large.shop.path("settings/mapping.json").exists());
}

#[test]
fn an_upload_on_another_host_gets_no_credentials() {
    let mut large = large();
    let locked = large.site.start(Door::Password);
    let other = Front::noting(&large.site.open);
    let elsewhere = other.host.clone();
    let front = Front::new(&locked, move |asked, _| match asked.method.as_str() {
        "POST" => {
            Then::Change(format!("http://{}/", asked.header("host").unwrap()), format!("http://{elsewhere}/"))
        }
        _ => Then::Pass,
    });
    log_in(&large.shop, &front.host, PASSWORD);
    large.shop.done(&format!("{LOAD} {} --authfile auth.json", front.host));
    assert!(large.arrived());
    assert!(front.asked().iter().any(|asked| asked.header("authorization").is_some()));
    assert!(other.count("PATCH", "") > 0);
    assert!(other.asked().iter().all(|asked| asked.header("authorization").is_none()));
}

#[test]
fn a_load_that_is_stopped_goes_on() {
    let large = large();
    let front = Front::new(&large.site.open, once("PATCH", 1, || Then::Hold));
    let load = format!("{LOAD} {}", front.host);
    let mut child = large.shop.command(&format!("exec {load}")).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while front.count("PATCH", "") < 2 {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!large.arrived() && !large.shop.path("settings").exists());
    front.forget();
    large.shop.done(&load);
    assert!(large.arrived());
    // The configuration was there already.
    assert_eq!(front.count("PUT", "digest="), 1);
}

#[test]
fn a_registry_whose_disk_is_full() {
    let large = large();
    let data = large.site.path("data");
    std::fs::create_dir_all(&data).unwrap();
    let data = data.display().to_string();
    large.shop.done(&format!("mount -t tmpfs -o size=12m tmpfs {data}"));
    let outcome = large.shop.run(&format!("{LOAD} {}", large.site.open));
    large.shop.done(&format!("umount -l {data}"));
    assert!(outcome.code == Some(4) && outcome.is("registry.refused"), "{}", outcome.shown());
    assert!(outcome.out.contains("re-run the command"), "{}", outcome.out);
}
