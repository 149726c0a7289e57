//! Small files and images in the shape of what the manifests name.

use crate::registry::images::{Content, OCI_GZIP, noise, with};
use sealift_bundle::format::oci;
use sealift_plan::manifest::ManifestItem;
use serde_json::{Value, json};
use std::io::Write as _;

/// A tar of texts.
pub fn tar(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, &bytes[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A number that differs from name to name.
fn seed(name: &str) -> u64 {
    name.bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

/// An index for amd64 and arm64; both share a layer that all images share.
pub fn image(name: &str, tag: &str) -> (Content, Value) {
    let mut content = Content::default();
    let file = |path: &str, bytes: Vec<u8>| gzip(&tar(&[(path.to_owned(), bytes)]));
    let base = content.blob(OCI_GZIP, &file("etc/os-release", b"NAME=stand-in\n".to_vec()));
    let mut of = |architecture: &str| {
        let own = file("program", noise(3000, seed(name) ^ seed(architecture)));
        let own = content.blob(OCI_GZIP, &own);
        let manifest = content.manifest(architecture, &[base.clone(), own], json!({}));
        with(manifest, json!({ "platform": { "os": "linux", "architecture": architecture } }))
    };
    let (amd64, arm64) = (of("amd64"), of("arm64"));
    let index = content.index(&[amd64, arm64]);
    content.tag(&index, tag);
    (content, index)
}

/// A chart as `helm push` puts it into a registry.
pub fn chart_in_a_registry(name: &str, version: &str, packed: &[u8]) -> Content {
    let mut content = Content::default();
    let about = json!({ "name": name, "version": version, "apiVersion": "v2" }).to_string();
    let config = content.blob("application/vnd.cncf.helm.config.v1+json", about.as_bytes());
    let layer = content.blob("application/vnd.cncf.helm.chart.content.v1.tar+gzip", packed);
    let manifest = content.document(&json!({
        "schemaVersion": 2, "mediaType": oci::OCI_MANIFEST, "config": config, "layers": [layer],
    }));
    content.tag(&manifest, version);
    content
}

/// What a download is; its form follows from the end of its name.
pub fn download(item: &ManifestItem, address: &str) -> Vec<u8> {
    let name = item.name.as_str();
    let version = item.labels.version.clone().unwrap_or_else(|| "1.0.0".to_owned());
    let program = || [b"\x7fELF".to_vec(), noise(2000, seed(name))].concat();
    let headed = |head: &[u8]| [head.to_vec(), noise(2000, seed(name))].concat();
    let file = address.rsplit('/').next().unwrap();
    let ending = |text: &str| file.ends_with(text);
    if ending(".sig") || ending(".gpg") {
        return headed(b"\x89\x02\x33\x04\x00");
    }
    if ending(".tar.gz") && is_plugin(item) {
        let (id, about) = plugin(name, &version);
        let about = serde_json::to_vec_pretty(&about).unwrap();
        let server = format!("{id}/server/dist/plugin-linux-amd64");
        return gzip(&tar(&[(format!("{id}/plugin.json"), about), (server, program())]));
    }
    if ending(".tar.gz") || ending(".tar") {
        let folder = file.trim_end_matches(".gz").trim_end_matches(".tar");
        let readme = format!("{name} {version}\n").into_bytes();
        let packed =
            tar(&[(format!("{folder}/README.md"), readme), (format!("{folder}/bin/{name}"), program())]);
        return if ending(".gz") { gzip(&packed) } else { packed };
    }
    if ending(".zip") {
        // The end of an archive that lists nothing: APPNOTE 6.3.10, section 4.3.16.
        return [b"PK\x05\x06".to_vec(), vec![0; 18]].concat();
    }
    if name.starts_with("dashboard-") {
        let panels = json!([{ "type": "timeseries", "title": name, "datasource": "${DS_PROMETHEUS}" }]);
        return json!({ "title": name, "uid": name, "panels": panels }).to_string().into_bytes();
    }
    if ending(".json") {
        let packages = json!([{ "name": name, "versionInfo": version, "SPDXID": "SPDXRef-1" }]);
        let sbom = json!({ "spdxVersion": "SPDX-2.3", "name": name, "packages": packages });
        return sbom.to_string().into_bytes();
    }
    if ending(".msi") {
        return headed(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    }
    if ending(".deb") {
        return headed(b"!<arch>\ndebian-binary   ");
    }
    if ending(".rpm") {
        return headed(b"\xed\xab\xee\xdb\x03\x00");
    }
    if ending(".dmg") {
        return headed(b"");
    }
    // What is left are programs: their names end in a machine, or in nothing.
    assert!(ending("linux-amd64") || ending("kubectl"), "`{name}`: no stand-in is like `{address}`");
    program()
}

fn is_plugin(item: &ManifestItem) -> bool {
    item.labels.file_kind.is_some_and(|kind| kind.as_str() == "plugin")
}

/// The folder in the archive, and `plugin.json`.
fn plugin(name: &str, version: &str) -> (&'static str, Value) {
    let (id, server) = match name {
        "calls-plugin" => ("com.mattermost.calls", "10.0.0"),
        "legal-hold" => ("com.mattermost.plugin-legal-hold", "9.3.0"),
        "ms-embedded" => ("com.mattermost.ms-embedded", "10.7.1"),
        "matrix-bridge" => ("com.mattermost.plugin-matrix-bridge", "10.7.1"),
        "channel-translations" => ("mattermost-channel-translations", "10.0.0"),
        other => panic!("no stand-in for the plugin `{other}`"),
    };
    let mut about = json!({
        "id": id, "name": name, "version": version, "min_server_version": server,
        "server": { "executables": { "linux-amd64": "server/dist/plugin-linux-amd64" } },
    });
    if name == "calls-plugin" {
        about["props"] = json!({
            "min_rtcd_version": "v0.17.0", "min_offloader_version": "v0.9.0",
            "calls_recorder_version": "v0.8.13", "calls_transcriber_version": "v0.7.2",
        });
    }
    (id, about)
}
