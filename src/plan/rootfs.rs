//! Compares the layers in the configuration of an image with those of its manifest.
//!
//! Engines build the root file system from both; if they disagree, the image does not start, or starts without its
//! files. Docker 25.0.0 wrote such images.

use sealift_bundle::format::oci::{Descriptor, OCI_LAYER, is_image_config};
use sealift_bundle::value::digest::Digest;
use serde::Deserialize;

/// A layer of Docker's that is a plain tar.
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

#[derive(Deserialize)]
struct RootFsConfig {
    rootfs: Option<RootFs>,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Option<Vec<Digest>>,
}

/// A manifest with what it announces.
#[derive(Debug, Clone)]
pub(super) struct ImageLayers {
    pub(super) manifest: Digest,
    pub(super) config: Descriptor,
    pub(super) listed: Vec<Descriptor>,
}

impl ImageLayers {
    /// True when the configuration is that of an image, and so has something to say about layers.
    pub(super) fn is_image(&self) -> bool {
        is_image_config(&self.config.media_type)
    }

    /// Compares the layers with the configuration, whose bytes these are: their number, and the digests of those that are
    /// not compressed. Compressed layers would have to be unpacked for that, which `sealift analyze` does.
    ///
    /// A configuration that says nothing of layers is that of an artifact, or of a tool that leaves them out.
    pub(super) fn compare(&self, config: &[u8]) -> Result<(), String> {
        let manifest = self.manifest;
        let config: RootFsConfig = serde_json::from_slice(config)
            .map_err(|error| format!("the configuration of {manifest} cannot be read: {error}"))?;
        let Some(stated) = config.rootfs.and_then(|rootfs| rootfs.diff_ids) else { return Ok(()) };
        let (found, expected) = (self.listed.len(), stated.len());
        if found != expected {
            return Err(format!(
                "{manifest} lists {found} layers, and its configuration says that there are {expected}"
            ));
        }
        let is_plain = |layer: &Descriptor| matches!(layer.media_type.as_str(), OCI_LAYER | DOCKER_LAYER);
        let wrong = |(layer, stated): &(&Descriptor, &Digest)| is_plain(layer) && layer.digest != **stated;
        match self.listed.iter().zip(&stated).enumerate().find(|(_, pair)| wrong(pair)) {
            None => Ok(()),
            Some((number, (layer, stated))) => Err(format!(
                "layer {} of {manifest} is {}, and its configuration says {stated}",
                number + 1,
                layer.digest
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealift_bundle::format::oci::OCI_CONFIG;

    fn layers(media_type: &str, contents: &[&str]) -> ImageLayers {
        let descriptor = |media_type: &str, content: &str| Descriptor {
            media_type: media_type.to_owned(),
            digest: Digest::of(content.as_bytes()),
            size: 1,
            platform: None,
        };
        let layers = contents.iter().map(|content| descriptor(media_type, content)).collect();
        ImageLayers {
            manifest: Digest::of(b"manifest"),
            config: descriptor(OCI_CONFIG, "config"),
            listed: layers,
        }
    }

    #[test]
    fn f_field_02_layers_are_those_of_the_configuration() {
        let ids = ["a", "b"].map(|content| format!("\"{}\"", Digest::of(content.as_bytes()))).join(",");
        let config = format!(r#"{{"rootfs":{{"type":"layers","diff_ids":[{ids}]}}}}"#);
        let compare = |media_type: &str, contents: &[&str]| {
            layers(media_type, contents).compare(config.as_bytes()).is_ok()
        };
        for plain in [OCI_LAYER, DOCKER_LAYER] {
            assert!(compare(plain, &["a", "b"]));
            assert!(!compare(plain, &["b", "a"]));
            assert!(!compare(plain, &["a"]) && !compare(plain, &[]) && !compare(plain, &["a", "b", "b"]));
        }
        let gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
        assert!(compare(gzip, &["x", "y"]));
        assert!(!compare(gzip, &["x"]));
        assert!(layers(OCI_LAYER, &["a"]).compare(b"{}").is_ok());
        assert!(layers(OCI_LAYER, &["a"]).compare(b"no JSON").is_err());
    }
}
