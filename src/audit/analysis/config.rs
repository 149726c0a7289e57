//! How a container of an image is started (OCI image spec 1.1, "Image Configuration").

use sealift_bundle::format::image_json::{self, ImageJson};
use sealift_bundle::value::digest::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the configuration of an image says; it is signed as part of the image, and verified only as far as that.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ImageConfig {
    /// Digest of the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The machine it was built for.
    pub architecture: String,
    /// The operating system it was built for.
    pub os: String,
    /// When it was built, as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who programs run as; empty is root.
    pub user: String,
    /// What is started.
    pub entrypoint: Vec<String>,
    /// Its arguments, or what is started where there is no entrypoint.
    pub cmd: Vec<String>,
    /// Environment as `NAME=VALUE`.
    pub env: Vec<String>,
    /// Where it is started.
    pub working_dir: String,
    /// Ports like `80/tcp`.
    pub ports: Vec<String>,
    /// Directories that are kept apart from the image.
    pub volumes: Vec<String>,
    /// The signal that ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What its layers hash to when decompressed, lowest first.
    pub diff_ids: Vec<Digest>,
    /// What made its layers, as written.
    pub history: Vec<String>,
    /// Names that the image's `etc/passwd` gives to root.
    #[serde(skip)]
    pub root_users: Vec<String>,
}

impl ImageConfig {
    /// Reads a configuration. Unknown keys are passed over: there are many.
    pub fn parse(digest: Digest, bytes: &[u8]) -> Result<Self, String> {
        image_json::check(ImageJson::Config, bytes)?;
        let raw: RawConfig = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let inner = raw.config.unwrap_or_default();
        let keys =
            |map: Option<BTreeMap<String, serde_json::Value>>| map.unwrap_or_default().into_keys().collect();
        Ok(Self {
            digest: Some(digest),
            architecture: raw.architecture.unwrap_or_default(),
            os: raw.os.unwrap_or_default(),
            created: raw.created,
            user: inner.user.unwrap_or_default(),
            entrypoint: inner.entrypoint.unwrap_or_default(),
            cmd: inner.cmd.unwrap_or_default(),
            env: inner.env.unwrap_or_default(),
            working_dir: inner.working_dir.unwrap_or_default(),
            ports: keys(inner.exposed_ports),
            volumes: keys(inner.volumes),
            stop_signal: inner.stop_signal,
            labels: inner.labels.unwrap_or_default(),
            diff_ids: raw.rootfs.and_then(|rootfs| rootfs.diff_ids).unwrap_or_default(),
            history: raw.history.unwrap_or_default().into_iter().filter_map(|step| step.created_by).collect(),
            root_users: Vec::new(),
        })
    }

    /// Whether programs run as root: no one is named, or root is, or the number of root in any spelling, or a name that
    /// `etc/passwd` of the image gives to root.
    ///
    /// Engines read what precedes the colon with Go's `strconv.Atoi`, so `00`, `+0` and `-0` are 0. A number outside
    /// of 0 to 2^31 - 1 is not a user to most of them, and older ones run it as 0 (CVE-2024-40635).
    #[must_use]
    pub fn runs_as_root(&self) -> bool {
        let user = self.user.split(':').next().unwrap_or_default();
        let digits = user.strip_prefix(['+', '-']).unwrap_or(user);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        match user {
            "" | "root" => true,
            number if is_number => number.parse::<i32>().ok().is_none_or(|number| number <= 0),
            name => self.root_users.iter().any(|root| root == name),
        }
    }
}

#[derive(Deserialize)]
struct RawConfig {
    architecture: Option<String>,
    os: Option<String>,
    created: Option<String>,
    config: Option<RawInner>,
    rootfs: Option<RawRootFs>,
    history: Option<Vec<RawStep>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct RawInner {
    user: Option<String>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    working_dir: Option<String>,
    exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
    volumes: Option<BTreeMap<String, serde_json::Value>>,
    stop_signal: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct RawRootFs {
    diff_ids: Option<Vec<Digest>>,
}

#[derive(Deserialize)]
struct RawStep {
    created_by: Option<String>,
}
