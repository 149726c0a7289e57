//! The canonical JSON of a trust root.

use super::TrustError;
use super::envelope::{PayloadType, decode};
use super::key::{KeyId, PublicKey};
use super::root::{KeyEntry, Revoked, RoleEntry, Root, RootPolicy};
use crate::value::name::Name;
use crate::value::timestamp::Timestamp;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

const TYPE: &str = "https://sealift.dev/root/v1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RootForm {
    #[serde(rename = "_type")]
    kind: String,
    version: u64,
    epoch: u64,
    created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    keys: Vec<KeyForm>,
    roles: Vec<RoleEntry>,
    revoked: Revoked,
    policy: RootPolicy,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyForm {
    id: KeyId,
    #[serde(rename = "type")]
    kind: String,
    public: String,
    name: Name,
}

impl From<&Root> for RootForm {
    fn from(root: &Root) -> Self {
        let key = |key: &KeyEntry| KeyForm {
            id: key.id,
            kind: "ed25519".to_owned(),
            public: STANDARD.encode(key.public.bytes()),
            name: key.name.clone(),
        };
        Self {
            kind: TYPE.to_owned(),
            version: root.version,
            epoch: root.epoch,
            created: root.created,
            expires: root.expires,
            keys: root.keys.iter().map(key).collect(),
            roles: root.roles.clone(),
            revoked: root.revoked.clone(),
            policy: root.policy.clone(),
        }
    }
}

impl RootForm {
    /// The root that is written here, its rules not yet looked at.
    pub(super) fn into_root(self) -> Result<Root, TrustError> {
        let version = self.version;
        let refuse = |reason: String| TrustError::Root { version, reason };
        if self.kind != TYPE {
            return Err(refuse(format!("its type is not `{TYPE}`")));
        }
        let mut keys = Vec::with_capacity(self.keys.len());
        for key in self.keys {
            // Refused, not skipped: a role that counts on a key no one can check is not what was agreed (S31).
            if key.kind != "ed25519" {
                return Err(refuse(format!(
                    "the key of `{}` is of a type this build does not know",
                    key.name
                )));
            }
            let raw = decode(&key.public, PayloadType::Root, "bytes of a public key", 32)?;
            let raw = <[u8; 32]>::try_from(raw)
                .map_err(|_| refuse(format!("the key of `{}` does not have 32 bytes", key.name)))?;
            let public = PublicKey::from_bytes(&raw)?;
            if public.id() != key.id {
                return Err(refuse(format!("the id of the key of `{}` is not its SHA-256", key.name)));
            }
            keys.push(KeyEntry { id: key.id, public, name: key.name });
        }
        Ok(Root {
            version,
            epoch: self.epoch,
            created: self.created,
            expires: self.expires,
            keys,
            roles: self.roles,
            revoked: self.revoked,
            policy: self.policy,
        })
    }
}
