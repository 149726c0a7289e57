"""Runs sealift and its rivals in turn and prints one table. Started by compare.sh."""
import os, subprocess, sys
from measure import MIB, Run, fresh, head, keys, median, pair, start

DATA = sys.argv[1]
SEALIFT = os.environ["SEALIFT"]
WORK = start(os.environ.get("WORK", os.path.join(DATA, "work")))


def size(path):
    return os.path.getsize(os.path.join(WORK, path))


# The rival signs with the same key, encrypted in the same way: opening it takes each of them a third of a second.
SIGN = ("openssl dgst -sha256 -binary {of} > d && "
        "openssl pkeyutl -sign -rawin -inkey packer.key -passin file:pass -in d -out s")
ITEMS = {
    "images": '[[image]]\nname = "stack"\nlayout = "{data}/images"\n',
    "docs": '[[doc]]\nname = "docs"\npath = "{data}/docs"\n',
    "model": '[[file]]\nname = "model"\npath = "{data}/model"\n',
    "small": '[[doc]]\nname = "small"\npath = "{data}/small"\n',
}


def manifest(name, parts):
    text = f'[bundle]\nname = "{name}"\nscenario = "bench"\nversion = "1"\n' + "".join(ITEMS[part] for part in parts)
    open(f"{WORK}/{name}.toml", "w").write(text.replace("{data}", DATA))
    Run(f"{SEALIFT} lock {name}.toml --store store")


def scenario(name, parts):
    manifest(name, parts)
    folders = " ".join(parts)
    bundle, tar = f"out/{name}-1.sealift", f"{name}.tar.zst"
    pack = f"{SEALIFT} pack {name}.toml --store store --key packer.key --passphrase-fd 0 -o out < pass"
    sign = SIGN.format(of=tar)
    rival = f"tar -C {DATA} -cf - {folders} | zstd -q -T0 -3 -f -o {tar}"
    packs = pair(f"pack {name}", pack, f"{rival} && {sign}", "< 1", lambda: fresh(bundle, tar))
    pair(f"pack {name}, rival synced to disk too", pack, f"{rival} && sync {tar} && {sign}", "(for fairness)",
         lambda: fresh(bundle, tar))
    Run(pack)
    ours, theirs = size(bundle), size(tar)
    verify = pair(f"verify {name}", f"{SEALIFT} verify {bundle} --trust root.json",
                  f"openssl dgst -sha256 {bundle}", "<= 1")
    pair(f"verify --deep {name}", f"{SEALIFT} verify --deep {bundle} --trust root.json",
         f"zstd -q -t {tar} && openssl dgst -sha256 {DATA}/images/blobs/sha256/*" if "images" in parts
         else f"zstd -q -t {tar}", "<= 1.1")
    unpacked = pair(f"unpack {name}", f"{SEALIFT} unpack {bundle} --trust root.json --to site",
                    f"mkdir site && zstd -q -dc {tar} | tar -xf - -C site", "<= 1.2", lambda: fresh("site"))
    fresh("site")
    Run(f"{SEALIFT} unpack {bundle} --trust root.json --to site")
    content = sum(os.path.getsize(os.path.join(folder, file)) for folder, _, files in os.walk(f"{WORK}/site")
                  for file in files if not os.path.islink(os.path.join(folder, file)))
    fresh("site")
    notes.append(f"| {name} | {ours:,} | {theirs:,} | **{ours / theirs:.3f}** | "
                 f"{median(packs, 'written') / ours:.3f} | {median(unpacked, 'written') / content:.3f} | "
                 f"{median(verify, 'written'):,.0f} B | {median(packs, 'memory') / MIB:.0f} / "
                 f"{median(verify, 'memory') / MIB:.0f} / {median(unpacked, 'memory') / MIB:.0f} MiB |")


def images_only():
    manifest("images", ["images"])
    pack = f"{SEALIFT} pack images.toml --store store --key packer.key --passphrase-fd 0 -o out < pass"
    copy = (f"cp -r {DATA}/images copy && sync copy/blobs/sha256/* && openssl dgst -sha256 copy/blobs/sha256/* > sums && "
            + SIGN.format(of="sums"))
    fresh_all = lambda: fresh("out/images-1.sealift", "copy")
    pair("pack images only, against cp + dgst + sign", pack, copy.replace(" && sync copy/blobs/sha256/*", ""), "< 1", fresh_all)
    pair("the same, cp synced to disk too", pack, copy, "(for fairness)", fresh_all)


def in_place(names):
    rows = []
    for name, item in names:
        bundle = f"out/{name}-1.sealift"
        listing = subprocess.run([SEALIFT, "ls", bundle, "--trust", "root.json", item], cwd=WORK, check=True,
                                 stdout=subprocess.PIPE, text=True).stdout.splitlines()
        path = next(line.split("  ")[-1].strip() for line in reversed(listing) if line.startswith("0"))
        look = [Run(f"exec {SEALIFT} inspect {bundle} --trust root.json") for _ in range(9)]
        read = [Run(f"exec {SEALIFT} cat {bundle} --trust root.json '{path}'") for _ in range(9)]
        rows.append(f"| {name} | {size(bundle) / MIB:,.0f} MiB | {median(look, 'wall') * 1000:.0f} ms | "
                    f"{median(read, 'wall') * 1000:.0f} ms | {median(look, 'written') + median(read, 'written'):,.0f} B |")
    print("\n| in place | bundle | inspect | cat one file | written (to standard output) |\n|---|---|---|---|---|")
    print("\n".join(rows))


keys(SEALIFT)
notes = []
head()
SCENARIOS = {"mixed": ["images", "docs", "model"], "small": ["small"], "docs": ["docs"]}
wanted = os.environ.get("ROWS", "mixed,small,docs,images").split(",")
for name in SCENARIOS:
    if name in wanted:
        scenario(name, SCENARIOS[name])
if "images" in wanted:
    images_only()
print("\n| bundle | bytes | tar + zstd -3 | ratio | written / bundle, pack | written / content, unpack | written, verify "
      "| memory pack / verify / unpack |\n|---|---|---|---|---|---|---|---|")
print("\n".join(notes))
in_place([(name, "docs") for name in ("docs", "mixed") if name in wanted])
