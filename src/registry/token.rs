//! Secrets that must not be printed.

use std::fmt;
use zeroize::Zeroizing;

/// A password or token: wiped from memory when dropped, and never shown.
#[derive(Clone)]
pub(super) struct RegistrySecret(Zeroizing<String>);

impl RegistrySecret {
    pub(super) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl<'de> serde::Deserialize<'de> for RegistrySecret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl fmt::Debug for RegistrySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[derive(Debug, Clone)]
pub(super) enum Login {
    /// A name and a password.
    Password { user: String, secret: RegistrySecret },
    /// A refresh token, as Docker keeps it under `identitytoken`.
    Identity(RegistrySecret),
}

impl Login {
    /// `Basic ...`, for a password.
    pub(super) fn basic(&self) -> Option<RegistrySecret> {
        use base64::Engine as _;
        match self {
            Self::Password { user, secret } => {
                let both = Zeroizing::new(format!("{user}:{}", secret.expose()));
                let text = base64::engine::general_purpose::STANDARD.encode(both.as_bytes());
                Some(RegistrySecret::new(format!("Basic {text}")))
            }
            Self::Identity(_) => None,
        }
    }

    /// What a server must not make us repeat.
    pub(super) fn words(&self) -> Vec<RegistrySecret> {
        let own = match self {
            Self::Password { secret, .. } | Self::Identity(secret) => secret.clone(),
        };
        let encoded = self.basic().map(|basic| RegistrySecret::new(basic.expose().replacen("Basic ", "", 1)));
        std::iter::once(own).chain(encoded).collect()
    }
}
