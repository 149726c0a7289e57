#!/usr/bin/env bash
# repeat.sh [ROW...]: measures work that grows with the number of things, and work that is done a second time, and
# prints one table; rows: images small again load. Needs: zstd, tar, python3; for `load` docker-registry and skopeo.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
[ -n "${SEALIFT:-}" ] || cargo build --release --quiet --manifest-path "$here/Cargo.toml"
export SEALIFT=${SEALIFT:-${CARGO_TARGET_DIR:-$here/target}/release/sealift}
exec python3 -B "$here/benches/repeat.py" "$@"
