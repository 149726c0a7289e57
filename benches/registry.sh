#!/usr/bin/env bash
# registry.sh [LAYOUT]: `sealift load` beside `skopeo copy --all` of the same images, into empty registries on loopback,
# and prints a table of ratios. LAYOUT is an OCI layout whose images have names with a registry in front, or get one;
# without it, images made of the data of data.sh, which share layers. Needs: docker-registry, skopeo, python3, openssl.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
layout=${1:-}
if [ -z "$layout" ]; then
  data=$here/target/bench-data
  [ -e "$data/model/weights.bin" ] || bash "$here/benches/data.sh" "$data"
fi
cargo build --release --quiet --manifest-path "$here/Cargo.toml"
SEALIFT=${SEALIFT:-${CARGO_TARGET_DIR:-$here/target}/release/sealift} \
  exec python3 -B "$here/benches/registry.py" "${layout:-$data/images}"
