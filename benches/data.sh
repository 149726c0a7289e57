#!/usr/bin/env bash
# data.sh DIR: makes the data that compare.sh measures with, from Debian packages and generated text (about 3.5 GB).
#   DIR/images  an OCI layout: each layer the files of one Debian package, compressed by gzip
#   DIR/docs    a documentation tree of some thousand files
#   DIR/model   one file of 2 GiB, half of it text, half already compressed
#   DIR/small   50,000 text files of 1 to 8 KiB
set -euo pipefail
D=$(realpath -m "$1")
mkdir -p "$D"/{debs,images/blobs/sha256,docs,model,small}
cd "$D/debs"
IMAGE=(postgresql-15 libpython3.11-stdlib perl-modules-5.36 nginx-common git libllvm14 libicu72 gcc-12)
DOCS=(postgresql-doc-15 git-doc python3.11-doc)
[ -e .done ] || { apt-get update -qq; apt-get download -qq "${IMAGE[@]}" "${DOCS[@]}"; touch .done; }
for name in "${DOCS[@]}"; do dpkg-deb -x "$name"_*.deb "$D/docs/$name"; done
# What cannot travel is not part of the measurement: links out of a package, and names that Windows refuses.
find "$D/docs" -type l -delete
find "$D/docs" -name '*[:*?"<>|\\]*' -delete
python3 - "$D" "${IMAGE[@]}" <<'PY'
import glob, gzip, hashlib, json, os, random, subprocess, sys
top, names = sys.argv[1], sys.argv[2:]

def blob(data):
    digest = hashlib.sha256(data).hexdigest()
    with open(f"{top}/images/blobs/sha256/{digest}", "wb") as out:
        out.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}

layers, diffs = [], []
for name in names:
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", glob.glob(f"{top}/debs/{name}_*.deb")[0]],
                         stdout=subprocess.PIPE, check=True).stdout
    diffs.append("sha256:" + hashlib.sha256(tar).hexdigest())
    layers.append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **blob(gzip.compress(tar, 6, mtime=0))})
config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diffs}}
config = {"mediaType": "application/vnd.oci.image.config.v1+json", **blob(json.dumps(config).encode())}
manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers}
root = {"mediaType": manifest["mediaType"], **blob(json.dumps(manifest).encode()),
        "annotations": {"org.opencontainers.image.ref.name": "registry.example.com/bench/stack:1"}}
json.dump({"schemaVersion": 2, "manifests": [root]}, open(f"{top}/images/index.json", "w"))
open(f"{top}/images/oci-layout", "w").write('{"imageLayoutVersion":"1.0.0"}')

chance = random.Random(1)
words = ["%s%s" % (chance.choice("bcdfglmnprst") + chance.choice("aeiou"), "".join(chance.choice("abcdefghilmnoprstu")
         for _ in range(chance.randint(1, 8)))) for _ in range(6000)]
text = lambda size: (" ".join(chance.choices(words, weights=range(6000, 0, -1), k=size // 5)))[:size].encode()
for number in range(50_000):
    folder = f"{top}/small/{number % 250:03d}"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/{number:05d}.txt", "wb") as out:
        out.write(text(chance.randint(1024, 8192)))
packed = b"".join(open(path, "rb").read() for path in sorted(glob.glob(f"{top}/debs/*.deb")))
with open(f"{top}/model/weights.bin", "wb") as out:
    while out.tell() < 2 << 30:
        out.write(text(16 << 20))
        start = chance.randrange(len(packed) - (16 << 20))
        out.write(bytes(byte ^ 0x5a for byte in packed[start:start + (1 << 16)]) + packed[start:start + (16 << 20) - (1 << 16)])
    out.truncate(2 << 30)
PY
du -sm "$D"/{images,docs,model,small}
