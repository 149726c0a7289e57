//! Loading into registries with the habits of other products. What one image meets never stops the others, and the end
//! says exactly what arrived.

use super::odd::{Odd, Request, bundle};
use super::scripted::Reply;
use crate::cli::Outcome;
use crate::support::{LIMITS, conditions};
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::verify::{Conditions, OpenBundle};
use sealift_bundle::value::progress::NoProgress;
use sealift_registry::client::Client;
use sealift_registry::destination::{Destination, ReferrerSupport, TargetNames};
use sealift_registry::endpoints::{Patience, RegistryAccess};
use sealift_registry::load::Load;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A folder for the settings of one load.
fn folder() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("settings-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

fn load(odd: &Odd, folder: &str, more: &str) -> Outcome {
    bundle().run(&format!(
        "sealift load pulled-1.sealift --trust root.json -o {folder} --registry {} {more}",
        odd.host
    ))
}

fn mapping(folder: &str) -> Value {
    serde_json::from_slice(&bundle().read(&format!("{folder}/mapping.json"))).unwrap()
}

fn names(list: &Value) -> Vec<String> {
    let names = list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Loads all of it, and everything arrives.
fn arrives(habit: impl Fn(&Request<'_>) -> Option<Reply> + Send + Sync + 'static, more: &str) -> Odd {
    let (odd, folder) = (Odd::new(habit), folder());
    let outcome = load(&odd, &folder, more);
    assert_eq!(outcome.code, Some(0), "{}", outcome.shown());
    for image in mapping(&folder)["images"].as_array().unwrap() {
        let repository = image["repository"].as_str().unwrap().split_once('/').unwrap().1;
        let tag = image["to"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        assert_eq!(odd.tag(repository, &tag).unwrap().to_string(), image["digest"].as_str().unwrap());
    }
    odd
}

fn refuse(status: u16, code: &str) -> Reply {
    let body = format!("{{\"errors\":[{{\"code\":\"{code}\",\"message\":\"not here\"}}]}}");
    Reply::new(status, "Content-Type: application/json", body.as_bytes())
}

#[test]
fn f_field_05_one_image_that_fails_does_not_stop_the_others() {
    for (kind, method, status, next) in [
        ("blobs/uploads", "POST", 404, "create the repository"),
        ("blobs/uploads", "POST", 403, "log in"),
        ("blobs/uploads", "PUT", 413, "request size limit"),
        ("manifests", "PUT", 404, "check that the registry is running"),
        ("manifests", "PUT", 403, "log in"),
    ] {
        let odd = Odd::new(move |request| {
            let it = request.is(method, kind) && request.repository == "app/two";
            it.then(|| refuse(status, "NAME_UNKNOWN"))
        });
        let folder = folder();
        let outcome = load(&odd, &folder, "");
        let case = format!("{method} {kind} {status}: {}", outcome.shown());
        assert!(outcome.code == Some(4) && outcome.is("registry.refused"), "{case}");
        assert!(outcome.err.contains("1 of 4 images were not pushed"), "{case}");
        let mapping = mapping(&folder);
        assert_eq!(names(&mapping["images"]), ["hub", "large", "one"], "{case}");
        assert_eq!(names(&mapping["not_pushed"]), ["two"], "{case}");
        let reason = mapping["not_pushed"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(&status.to_string()) && reason.contains("app/two"), "{case}");
        assert!(reason.contains("NAME_UNKNOWN not here") && reason.contains(next), "{case}");
        assert!(odd.tag("app/two", "two").is_none() && odd.tag("app/one", "one").is_some(), "{case}");
    }
}

#[test]
fn f_field_05_where_nobody_may_in_that_is_the_error() {
    let odd = Odd::new(|request| request.is("POST", "blobs/uploads").then(|| refuse(403, "DENIED")));
    let folder = folder();
    let outcome = load(&odd, &folder, "--only one");
    assert!(outcome.code == Some(1) && outcome.is("registry.denied"), "{}", outcome.shown());
    // Nothing arrived, so there is nothing to write down.
    assert!(!bundle().path(&folder).exists());
}

#[test]
fn f_field_07_registries_that_take_a_blob_in_one_piece_only() {
    for status in [403, 404, 411, 416] {
        for from in [0, 1] {
            let pieces = AtomicUsize::new(0);
            let odd = arrives(
                move |request| {
                    let piece = request.is("PATCH", "blobs/uploads");
                    let refused = piece
                        && pieces.fetch_add(1, Ordering::Relaxed) >= from
                        && (from == 0 || status != 404);
                    refused.then(|| refuse(status, "BLOB_UPLOAD_INVALID"))
                },
                "--only large",
            );
            let whole =
                odd.asked().iter().filter(|asked| asked.method == "PUT" && asked.len() == 9 << 20).count();
            assert_eq!(whole, usize::from(from == 0 || status != 404), "{status} {from}");
        }
    }
}

#[test]
fn f_field_07_a_shortest_piece_is_kept_to() {
    for least in ["9000000", "16777216", "1073741824"] {
        let odd = arrives(
            move |request| {
                let long = request.body.len() as u64 >= least.parse().unwrap();
                let next = request.asked.path.clone();
                if request.is("POST", "blobs/uploads") {
                    let to = format!("Location: {next}u\nOCI-Chunk-Min-Length: {least}");
                    return Some(Reply::new(202, &to, b""));
                }
                // The last piece may be shorter, and nothing here says which it is.
                (request.is("PATCH", "blobs/uploads") && !long && request.body.len() > 1 << 20)
                    .then(|| refuse(416, "SIZE_INVALID"))
            },
            "--only large",
        );
        // What is shorter than a piece goes with the request that ends the upload.
        assert!(odd.count("PATCH", "") <= 2, "{least}");
    }
}

#[test]
fn f_field_08_a_mount_that_is_refused_is_an_upload() {
    for status in [400, 401, 403, 404, 405, 500] {
        let odd = arrives(
            move |request| {
                let mount = request.asked.path.contains("mount=");
                let ask = if status == 401 { "WWW-Authenticate: Basic realm=\"x\"" } else { "" };
                mount.then(|| Reply::new(status, ask, b""))
            },
            "--only one --only two",
        );
        assert!(odd.count("POST", "mount=") > 0, "{status}");
    }
}

#[test]
fn f_field_09_what_is_asked_before_a_push_need_not_be_answered() {
    for status in [400, 401, 403, 405, 500] {
        let habit =
            move |request: &Request<'_>| (request.asked.method == "HEAD").then(|| refuse(status, "X"));
        arrives(habit, "--only one --only two");
    }
}

#[test]
fn f_field_10_an_image_that_answers_for_its_list_of_referrers_is_no_list() {
    // GitLab reads the tag `sha256-HEX` as the digest.
    let odd = Odd::new(|request| {
        let kept = request.kept.lock().unwrap();
        let key = |name: &str| (request.repository.clone(), name.to_owned());
        let read = request.kind == "manifests" && request.asked.method != "PUT";
        if !read || kept.manifests.contains_key(&key(&request.name)) {
            return None;
        }
        let (kind, bytes) = kept.manifests.get(&key(&request.name.replacen("sha256-", "sha256:", 1)))?;
        Some(Reply::new(200, &format!("Content-Type: {kind}"), bytes))
    });
    let folder = folder();
    let outcome = load(&odd, &folder, "--only one");
    assert_eq!(outcome.code, Some(0), "{}", outcome.shown());
    let mapping = mapping(&folder);
    let tag = mapping["images"][0]["digest"].as_str().unwrap().replace(':', "-");
    let list = odd.kept.lock().unwrap().manifests[&("app/one".to_owned(), tag)].1.clone();
    let list: Value = serde_json::from_slice(&list).unwrap();
    assert_eq!(list["manifests"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list["manifests"][0]["artifactType"], "application/spdx+json");
}

#[test]
fn f_field_11_an_image_has_arrived_although_its_signature_has_not() {
    type Habit = fn(&Request<'_>) -> bool;
    let cases: [(Habit, u16, usize); 3] = [
        // ECR: no `subject`.
        (|request| String::from_utf8_lossy(request.body).contains("\"subject\""), 405, 1),
        // Quay: no tag of that form.
        (|request| request.name.starts_with("sha256-"), 400, 2),
        // Harbor: the blob of a signature is refused.
        (|request| request.is("PUT", "blobs/uploads") && request.body.starts_with(b"{\"critical"), 403, 1),
    ];
    for (habit, status, missing) in cases {
        let odd = Odd::new(move |request| {
            (request.asked.method == "PUT" && habit(request)).then(|| refuse(status, "MANIFEST_INVALID"))
        });
        let folder = folder();
        let outcome = load(&odd, &folder, "--only one");
        assert!(outcome.code == Some(4) && outcome.is("registry.refused"), "{}", outcome.shown());
        assert!(outcome.err.contains("all images were pushed, but"), "{}", outcome.err);
        assert!(outcome.err.contains("`--referrers leave`"), "{}", outcome.err);
        let mapping = mapping(&folder);
        assert_eq!(names(&mapping["images"]), ["one"]);
        let refused = mapping["images"][0]["referrers_not_pushed"].as_array().unwrap();
        assert_eq!(refused.len(), missing, "{mapping}");
        assert!(refused[0]["reason"].as_str().unwrap().contains(&status.to_string()), "{mapping}");
        assert!(odd.tag("app/one", "one").is_some());
        assert!(bundle().path(format!("{folder}/registries.conf")).exists());
        assert_eq!(load(&odd, &folder, "--only one --referrers leave").code, Some(0));
    }
}

#[test]
fn f_field_24_other_names_of_docker_hub_are_docker_hub() {
    let (odd, folder) = (Odd::new(|_| None), folder());
    let outcome = load(&odd, &folder, "--only hub");
    assert_eq!(outcome.code, Some(0), "{}", outcome.shown());
    let text = |name: &str| String::from_utf8(bundle().read(&format!("{folder}/{name}"))).unwrap();
    assert!(text("registries.conf").contains("prefix = \"docker.io\""), "{}", text("registries.conf"));
    assert!(text("containerd/docker.io/hosts.toml").contains("server = \"https://registry-1.docker.io\""));
    assert!(!bundle().path(format!("{folder}/containerd/index.docker.io")).exists());
    assert!(text("docker.md").contains("registry-mirrors"));
    load(&odd, &folder, "--only hub --full-names");
    assert!(odd.tag("docker.io/library/hello", "1").is_some());
}

#[test]
fn f_field_25_a_folder_that_cannot_be_written_is_noticed_first() {
    let odd = Odd::new(|_| None);
    std::fs::write(bundle().path("a-file"), "").unwrap();
    let outcome = load(&odd, "a-file/settings", "");
    assert!(outcome.code == Some(1) && outcome.is("cli.write"), "{}", outcome.shown());
    assert!(odd.asked().is_empty(), "{:?}", odd.asked());
}

#[test]
fn f_field_r9_a_first_signal_is_seen_while_the_registry_is_silent() {
    let odd = Odd::new(|request| {
        if request.is("PUT", "blobs/uploads") {
            std::thread::sleep(Duration::from_secs(15));
        }
        None
    });
    let script = format!(
        "exec sealift load pulled-1.sealift --trust root.json -o {} --registry {} --only one",
        folder(),
        odd.host
    );
    let mut child = bundle().command(&script).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while odd.count("PUT", "/blobs/uploads/") == 0 {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(10));
    }
    stops(child);
    // The first member of a seal, and the first blob behind it.
    for number in [0, 7] {
        let got = Arc::new(AtomicUsize::new(usize::MAX / 2));
        let count = Arc::clone(&got);
        let odd = Odd::new(move |request| {
            if request.is("GET", "blobs") && count.fetch_add(1, Ordering::Relaxed) == number {
                std::thread::sleep(Duration::from_secs(15));
            }
            None
        });
        let address = format!("oci://{}/bundles/pulled", odd.host);
        bundle().done(&format!("sealift publish --trust root.json pulled-1.sealift {address}"));
        got.store(0, Ordering::Relaxed);
        let script = format!("exec sealift pull --trust root.json {address}:1 -o never-{number}");
        let child = bundle().command(&script).spawn().unwrap();
        while got.load(Ordering::Relaxed) <= number {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(10));
        }
        stops(child);
    }
}

/// Ends a command by one signal, soon.
fn stops(mut child: std::process::Child) {
    let begun = Instant::now();
    assert!(std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn f_field_05_a_registry_that_goes_away_leaves_an_account() {
    // It hangs up on everybody as soon as one image has its tag.
    let gone = Arc::new(AtomicBool::new(false));
    let odd = Odd::new(move |request| {
        if gone.load(Ordering::Relaxed) {
            return Some(Reply::silence());
        }
        let tags = request.is("PUT", "manifests") && !request.name.starts_with("sha256");
        gone.fetch_or(tags, Ordering::Relaxed);
        None
    });
    let pinned = PinnedRoot::parse(&bundle().read("root.json"), &LIMITS).unwrap();
    let file = std::fs::File::open(bundle().path("pulled-1.sealift")).unwrap();
    let conditions = Conditions { now: "2027-01-01T00:00:00Z".parse().unwrap(), ..conditions() };
    let place = OpenBundle::open(file, &pinned, conditions).unwrap();
    let (pause, longest) = (Duration::from_millis(5), Duration::from_millis(5));
    let access =
        RegistryAccess { patience: Patience { attempts: 2, pause, longest }, ..RegistryAccess::default() };
    let (client, host) = (Client::new(access).unwrap(), odd.host.clone());
    let (prefix, names, referrers) = (String::new(), TargetNames::Path, ReferrerSupport::Push);
    let destination = Destination { host, prefix, names, referrers, fallback: None };
    let load = Load {
        place: &place,
        client: &client,
        destination: &destination,
        limits: &LIMITS,
        watch: &NoProgress,
    };
    let outcome = load.run(&[]).unwrap();
    assert_eq!((outcome.loaded.len(), outcome.refused.len()), (1, 3), "{outcome:?}");
    assert!(
        outcome.refused.iter().all(|one| one.reason.contains("cannot reach the registry")),
        "{outcome:?}"
    );
}

#[test]
fn f_field_r11_an_ipv6_address_is_a_host() {
    let odd = Odd::at("[::1]:0", |_| None);
    assert!(odd.host.starts_with("[::1]:"), "{}", odd.host);
    let folder = folder();
    let outcome = load(&odd, &folder, "--only one");
    assert_eq!(outcome.code, Some(0), "{}", outcome.shown());
    let to = mapping(&folder)["images"][0]["to"].as_str().unwrap().to_owned();
    assert_eq!(to, format!("{}/app/one:one", odd.host));
    assert!(odd.tag("app/one", "one").is_some());
}

#[test]
fn f_sec_13_no_document_is_asked_for_before_the_seal_is_judged() {
    let (shop, odd) = (bundle(), Odd::new(|_| None));
    let address = format!("oci://{}/bundles/pulled", odd.host);
    shop.done(&format!("sealift publish --trust root.json pulled-1.sealift {address}"));
    shop.done(
        "mkdir strange; cd strange
         sealift trust init --key ../packer.key --packer ../root.pub --passphrase-fd 0 <<<pw",
    );
    let asked = || odd.asked().len();
    let before = asked();
    for verb in ["verify", "unpack --to never", "pull -o never"] {
        let outcome = shop.run(&format!("sealift {verb} {address}:1 --trust strange/root.json"));
        assert_eq!(outcome.code, Some(3), "{verb} {}", outcome.shown());
    }
    // The tag, the list of seals by HEAD and GET, the referrers API, the seal, and six members of it.
    assert!(asked() - before <= 3 * 14, "{}", asked() - before);
    shop.done(&format!("sealift verify {address}:1 --trust root.json --deep"));
    shop.done(&format!(
        "sealift pull {address}:1 --trust root.json -o back; cmp back/pulled-1.sealift pulled-1.sealift"
    ));
}

/// The bundle once more, with a byte changed in the middle of its layers.
fn damaged(name: &str) -> String {
    let mut bytes = bundle().read("pulled-1.sealift");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(bundle().path(name), bytes).unwrap();
    name.to_owned()
}

#[test]
fn load_and_publish_read_no_layer_where_the_registry_has_all() {
    let (shop, odd, folder) = (bundle(), Odd::new(|_| None), folder());
    let name = damaged("damaged-for-there.sealift");
    let verbs = |file: &str| {
        [
            format!("sealift load {file} --trust root.json -o {folder} --registry {}", odd.host),
            format!("sealift publish {file} oci://{}/bundles/there --trust root.json", odd.host),
        ]
    };
    shop.fails(&format!("sealift verify {name} --trust root.json"), 3, "bundle.digest");
    for (whole, damaged) in verbs("pulled-1.sealift").iter().zip(verbs(&name)) {
        let sent = odd.count("PUT", "/blobs/uploads/");
        shop.fails(&damaged, 3, "bundle.digest");
        assert_eq!(odd.count("PUT", "/blobs/uploads/"), sent, "{damaged}: not a blob before all is verified");
        shop.done(whole);
        // Nothing of the layers is sent, so nothing of them is read.
        let again = shop.done(&damaged);
        assert!(again.out.contains("0 blobs, 0 B"), "{}", again.out);
        odd.kept.lock().unwrap().blobs.retain(|_, bytes| bytes.len() < 1 << 20);
        shop.fails(&damaged, 3, "bundle.digest");
    }
}
