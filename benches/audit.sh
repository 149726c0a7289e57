#!/usr/bin/env bash
# audit.sh [DATA]: how long it takes to know what is in some 200 MB of images, beside `zcat | tar t` of the same layers,
# and with how much memory; then a layer of a million entries. DATA is a folder for the images, made of Debian packages
# the first time. Needs: tar, gzip, python3, dpkg-deb and, the first time, a Debian with a network.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
data=$(realpath -m "${1:-$here/target/bench-audit}")
cargo build --release --quiet --manifest-path "$here/Cargo.toml"
SEALIFT=${SEALIFT:-${CARGO_TARGET_DIR:-$here/target}/release/sealift} exec python3 -B "$here/benches/audit.py" "$data"
