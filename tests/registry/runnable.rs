//! Images that hold something that runs: Debian's static busybox, and a greeting.

use super::images::{Content, OCI_GZIP, digest, with};
use crate::cli::Shop;
use sealift_bundle::format::oci;
use sealift_bundle::value::digest::Digest;
use serde_json::{Value, json};

/// An image and what it is known by.
pub struct Image {
    pub content: Content,
    pub root: Digest,
    /// The configuration of its amd64 manifest.
    pub config: Digest,
}

/// Makes one layer from files of the shop: the busybox, or a greeting.
fn layer(shop: &Shop, name: &str, script: &str) -> (Vec<u8>, Digest) {
    shop.done(&format!(
        "rm -rf {name}; mkdir -p {name}/bin; cd {name}
         busybox=$(command -v busybox) || {{ echo 'this test needs apt-get install busybox-static' >&2; exit 1; }}
         {script}
         tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf ../{name}.tar .
         gzip -nkf ../{name}.tar"
    ));
    (shop.read(&format!("{name}.tar.gz")), Digest::of(&shop.read(&format!("{name}.tar"))))
}

/// A manifest whose command says `greeting`, above the layer that all of them share.
fn manifest(shop: &Shop, content: &mut Content, architecture: &str, greeting: &str) -> (Value, Digest) {
    let base = layer(shop, "base", "cp \"$busybox\" bin/busybox");
    let top = layer(shop, "top", &format!("rmdir bin; echo '{greeting}' > greeting"));
    let config = json!({
        "os": "linux", "architecture": architecture, "created": "2026-01-01T00:00:00Z",
        "config": { "Cmd": ["/bin/busybox", "cat", "/greeting"] },
        "rootfs": { "type": "layers", "diff_ids": [base.1, top.1] },
    });
    let config = content.blob(oci::OCI_CONFIG, config.to_string().as_bytes());
    let layers = [content.blob(OCI_GZIP, &base.0), content.blob(OCI_GZIP, &top.0)];
    let manifest = content.document(&json!({
        "schemaVersion": 2, "mediaType": oci::OCI_MANIFEST, "config": config, "layers": layers,
    }));
    (manifest, digest(&config))
}

/// An index for amd64 and arm64, as `1`, with an SBOM and a signature as cosign writes it.
pub fn hello(shop: &Shop) -> Image {
    speaking(shop, "hello", "1")
}

/// As [`hello`], under another name and tag.
pub fn speaking(shop: &Shop, name: &str, tag: &str) -> Image {
    let mut content = Content::default();
    let (amd64, config) = manifest(shop, &mut content, "amd64", &format!("hello from {name}"));
    let (arm64, _) = manifest(shop, &mut content, "arm64", "hello from arm64");
    let platform =
        |architecture: &str| json!({ "platform": { "os": "linux", "architecture": architecture } });
    let index = content.index(&[with(amd64, platform("amd64")), with(arm64, platform("arm64"))]);
    content.tag(&index, tag);
    let sbom = content.referrer(&index, "application/spdx+json", b"{\"spdxVersion\":\"SPDX-2.3\"}");
    content.refer(&index, std::slice::from_ref(&sbom));
    let payload = content.blob("application/vnd.dev.cosign.simplesigning.v1+json", b"{\"critical\":{}}");
    let cosign = content.manifest("", &[payload], json!({}));
    content.tag(&cosign, &format!("sha256-{}.sig", digest(&index).hex()));
    Image { root: digest(&index), content, config }
}

/// One manifest, as `2`; its lowest layer is that of [`hello`].
pub fn greeter(shop: &Shop) -> Image {
    let mut content = Content::default();
    let (root, config) = manifest(shop, &mut content, "amd64", "hello from greeter");
    content.tag(&root, "2");
    Image { root: digest(&root), content, config }
}
