//! Writes the settings that keep old image names working with the site's registry.

use super::destination::{Destination, LoadedImage, PushOutcome, TargetNames};
use super::endpoints::Repository;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::escaped::escape_json;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// A file to be written: its path below the output directory, and its text.
pub(crate) type SettingsFile = (String, String);

/// Whose bundle it was, for the head of every file.
#[derive(Debug, Clone)]
pub struct Origin {
    /// `NAME-VERSION`
    pub bundle: String,
    /// Its statement.
    pub statement: Digest,
}

/// All files: `mapping.json`, `containerd/REGISTRY/hosts.toml`, `registries.conf`, `docker.md` and
/// `kustomization.yaml`.
#[must_use]
pub fn all(
    origin: &Origin,
    destination: &Destination,
    outcome: &PushOutcome,
    plain: bool,
) -> Vec<SettingsFile> {
    let sources = sources(outcome);
    let mut files = vec![("mapping.json".to_owned(), mapping(origin, outcome))];
    for source in &sources {
        files.push((
            format!("containerd/{source}/hosts.toml"),
            hosts_toml(origin, destination, source, plain),
        ));
    }
    files.push(("registries.conf".to_owned(), registries_conf(origin, destination, &sources, plain)));
    files.push(("docker.md".to_owned(), docker(origin, destination, outcome, plain)));
    files.push(("kustomization.yaml".to_owned(), kustomization(origin, outcome)));
    files
}

/// The registries that the images came from.
fn sources(outcome: &PushOutcome) -> BTreeSet<String> {
    outcome.loaded.iter().filter_map(|image| Some(Repository::of(&image.from).ok()?.host)).collect()
}

fn head(origin: &Origin, what: &str) -> String {
    format!("# {what}\n# Written by `sealift load` from {}, statement {}.\n", origin.bundle, origin.statement)
}

fn mapping(origin: &Origin, outcome: &PushOutcome) -> String {
    let value = json!({
        "version": 1, "bundle": origin.bundle, "statement": origin.statement,
        "images": outcome.loaded, "not_pushed": outcome.refused,
    });
    // A value made of texts and numbers is always written.
    escape_json(&(serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"))
}

fn hosts_toml(origin: &Origin, destination: &Destination, source: &str, plain: bool) -> String {
    let (host, prefix) = (&destination.host, destination.folder(Some(source)));
    let scheme = if plain { "http" } else { "https" };
    let server = if source == "docker.io" { "registry-1.docker.io" } else { source };
    let mut text =
        head(origin, &format!("containerd: put this at /etc/containerd/certs.d/{source}/hosts.toml"));
    text += &format!("server = \"https://{server}\"\n\n");
    if prefix.is_empty() {
        text += &format!("[host.\"{scheme}://{host}\"]\n  capabilities = [\"pull\", \"resolve\"]\n");
    } else {
        text += &format!(
            "[host.\"{scheme}://{host}/v2/{prefix}\"]\n  capabilities = [\"pull\", \"resolve\"]\n  override_path = true\n"
        );
    }
    if !plain {
        text += "  # ca = \"/etc/ssl/certs/site-ca.pem\"\n";
    }
    text
}

fn registries_conf(
    origin: &Origin,
    destination: &Destination,
    sources: &BTreeSet<String>,
    plain: bool,
) -> String {
    let what = "podman, CRI-O, skopeo: put this at /etc/containers/registries.conf.d/50-sealift.conf";
    let mut text = head(origin, what);
    for source in sources {
        let (host, prefix) = (&destination.host, destination.folder(Some(source)));
        let location = if prefix.is_empty() { host.clone() } else { format!("{host}/{prefix}") };
        text += &format!("\n[[registry]]\nprefix = \"{source}\"\nlocation = \"{source}\"\n");
        text += &format!("\n[[registry.mirror]]\nlocation = \"{location}\"\n");
        if plain {
            text += "insecure = true\n";
        }
    }
    text
}

fn docker(origin: &Origin, destination: &Destination, outcome: &PushOutcome, plain: bool) -> String {
    let host = &destination.host;
    let mut text = format!(
        "# Docker Engine\n\nWritten by `sealift load` from {}, statement {}.\n\n",
        origin.bundle, origin.statement
    );
    if plain {
        text += &format!("In `/etc/docker/daemon.json`: `{{ \"insecure-registries\": [\"{host}\"] }}`\n\n");
    }
    let hub = destination.prefix.is_empty() && destination.names == TargetNames::Path;
    if hub && sources(outcome).contains("docker.io") {
        let scheme = if plain { "http" } else { "https" };
        text += &format!(
            "Images of Docker Hub keep their names with this in `/etc/docker/daemon.json`:\n\n    \
             {{ \"registry-mirrors\": [\"{scheme}://{host}\"] }}\n\n"
        );
    }
    text += "Docker Engine mirrors only Docker Hub, and only without a prefix. Give other images their old names:\n\n";
    for image in &outcome.loaded {
        // An image without a tag is known by its digest, which no new name changes.
        if image.from.tag().is_some() {
            text += &format!(
                "    docker pull {0} && docker tag {0} {1}\n",
                image.to,
                image.from.without_digest()
            );
        } else {
            text += &format!("    docker pull {}\n", image.to);
        }
    }
    text
}

fn kustomization(origin: &Origin, outcome: &PushOutcome) -> String {
    let what =
        "Kubernetes: `images` for a kustomization.yaml; every name becomes the one of the site, by digest";
    let mut text = head(origin, what);
    text += "images:\n";
    // kustomize takes one entry a name; where a name has several tags, it must stay a tag.
    let mut names: BTreeMap<&str, Vec<&LoadedImage>> = BTreeMap::new();
    for image in &outcome.loaded {
        names.entry(image.from.repository()).or_default().push(image);
    }
    for (name, images) in names {
        text += &format!("- name: {name}\n");
        if let [one] = images.as_slice() {
            text += &format!("  newName: {}\n  digest: {}\n", one.repository, one.digest);
        } else if let Some(first) = images.first() {
            text += &format!("  newName: {}\n", first.repository);
        }
    }
    text
}
