//! A bundle as it lies, read by the engines that people run. What they find must be what was packed.

use super::engine::{DOCKER, Daemon, PODMAN};
use super::images::digest;
use super::load::Carried;
use super::runnable::Image;
use sealift_bundle::value::digest::Digest;

/// The bundle, also unpacked to `site`.
fn carried() -> Carried {
    let carried = super::load::carried("");
    carried.shop.done(super::pull::CARRY);
    carried
}

impl Carried {
    fn names(&self) -> [(String, &Image, &'static str); 2] {
        [
            (format!("{}/tools/hello:1", self.from), &self.hello, "hello from hello\n"),
            (format!("{}/apps/greeter:2", self.from), &self.greeter, "hello from greeter\n"),
        ]
    }
}

#[test]
fn podman_loads_and_runs() {
    let carried = carried();
    let shop = &carried.shop;
    shop.done("tar -cf unpacked.tar -C site/images .");
    for archive in ["pulled-1.sealift", "unpacked.tar"] {
        shop.done(&format!("{PODMAN} podman load -q -i {archive}"));
        for (name, image, greeting) in carried.names() {
            let found = shop.done(&format!("{PODMAN} podman image inspect {name} --format '{{{{.Id}}}}'"));
            assert_eq!(found.out.trim(), image.config.hex(), "{name}");
            assert_eq!(shop.done(&format!("{PODMAN} run {name}")).out, greeting);
        }
        shop.done(&format!("{PODMAN} podman rmi -af"));
    }
    // The way that keeps the digest of what was packed.
    for (name, image, greeting) in carried.names() {
        shop.done(&format!("{PODMAN} pull oci-archive:pulled-1.sealift:{name}"));
        let digests = format!("{PODMAN} podman image inspect {name} --format '{{{{.RepoDigests}}}}'");
        assert!(shop.done(&digests).out.contains(&image.root.to_string()), "{name}");
        assert_eq!(shop.done(&format!("{PODMAN} run {name}")).out, greeting);
    }
}

#[test]
fn skopeo_copies() {
    let carried = carried();
    let shop = &carried.shop;
    for (name, image, _) in carried.names() {
        for (number, from) in ["oci-archive:pulled-1.sealift", "oci:site/images"].into_iter().enumerate() {
            let copy = "skopeo --insecure-policy copy -q --all";
            shop.done(&format!("rm -rf out; {copy} {from}:{name} dir:out"));
            assert_eq!(Digest::of(&shop.read("out/manifest.json")), image.root, "{number} {name}");
            // Every layer of every platform came along.
            for layer in image.content.documents.values().filter_map(|(_, bytes)| {
                let document: serde_json::Value = serde_json::from_slice(bytes).unwrap();
                document.get("layers").filter(|_| document.get("subject").is_none()).cloned()
            }) {
                for one in layer.as_array().unwrap() {
                    let blob = digest(one);
                    let signature = one["mediaType"].as_str().unwrap().contains("cosign");
                    assert!(signature || shop.path("out").join(blob.hex()).exists(), "{name} {blob}");
                }
            }
        }
    }
}

#[test]
fn containerd_imports_and_runs() {
    let carried = carried();
    let shop = &carried.shop;
    let containerd = Daemon::containerd(shop);
    shop.done("tar -cf unpacked.tar -C site/images .");
    for (space, archive) in [("bundle", "pulled-1.sealift"), ("unpacked", "unpacked.tar")] {
        let ctr = format!("ctr -a $PWD/ctd.sock -n {space}");
        shop.done(&format!("{ctr} images import --snapshotter native {archive}"));
        let listed = shop.done(&format!("{ctr} images ls")).out;
        assert_eq!(listed.lines().count(), 3, "{listed}");
        for (name, image, greeting) in carried.names() {
            let line = listed.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
            assert!(line.contains(&image.root.to_string()), "{line}");
            let said = shop.done(&format!("{ctr} run --rm --snapshotter native {name} one")).out;
            assert_eq!(said, greeting);
        }
    }
    drop(containerd);
}

#[test]
fn docker_loads_and_runs() {
    let carried = carried();
    let shop = &carried.shop;
    let docker = Daemon::docker(shop);
    shop.done("tar -cf unpacked.tar -C site/images .");
    for archive in ["pulled-1.sealift", "unpacked.tar"] {
        let loaded = shop.done(&format!("{DOCKER}\ndocker load -i {archive}")).out;
        for (name, image, greeting) in carried.names() {
            assert!(loaded.contains(&format!("Loaded image: {name}")), "{loaded}");
            let found = shop.done(&format!("{DOCKER}\ndocker image inspect {name} --format '{{{{.Id}}}}'"));
            assert_eq!(found.out.trim(), image.config.to_string(), "{name}");
            assert_eq!(shop.done(&format!("{DOCKER}\ndocker run --rm --net=none {name}")).out, greeting);
            shop.done(&format!("{DOCKER}\ndocker rmi -f {name}"));
        }
    }
    drop(docker);
}
