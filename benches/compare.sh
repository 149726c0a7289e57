#!/usr/bin/env bash
# compare.sh [DATA]: prints the table of sealift against the tools people use today, each pair run in turn on this
# machine. DATA is a folder made by data.sh (made first if it is not there). Needs: openssl, zstd, tar, python3.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
data=$(realpath -m "${1:-$here/target/bench-data}")
[ -e "$data/model/weights.bin" ] || bash "$here/benches/data.sh" "$data"
cargo build --release --quiet --manifest-path "$here/Cargo.toml"
SEALIFT=${SEALIFT:-${CARGO_TARGET_DIR:-$here/target}/release/sealift} exec python3 -B "$here/benches/compare.py" "$data"
