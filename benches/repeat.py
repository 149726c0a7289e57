"""Work that grows with the number of things, and work done a second time. Started by repeat.sh.

`SEALIFT` is what is measured. Where `BASE` names another build, that one is the rival of every row.
"""
import hashlib, io, json, os, random, shutil, statistics, sys, tarfile
from measure import MIB, RUNS, Run, fresh, keys, start
from registry_process import Registry

SEALIFT = os.environ["SEALIFT"]
BASE = os.environ.get("BASE")
ROWS = sys.argv[1:] or ["images", "small", "again", "load"]
COUNT = int(os.environ.get("COUNT", "1000"))
WORK = start(os.path.realpath(os.environ.get("WORK", "target/repeat")))
OCI = "application/vnd.oci.image."
HEAD = '[bundle]\nname = "{name}"\nscenario = "bench"\nversion = "1"\n'
PACK = "{tool} pack {name}.toml --store {store} --key packer.key --passphrase-fd 0 -o out < pass"


def row(title, ours, theirs, before=lambda: None):
    """Two commands in turn, after a warm-up of each."""
    one, two = [], []
    for count in range(RUNS + 1):
        for command, results in ((ours, one), (theirs, two)):
            before()
            done = Run("set -e\n" + command)
            if count:
                results.append(done)
    middle = lambda runs, what: statistics.median(getattr(run, what) for run in runs)
    a, b = ((middle(runs, "wall"), middle(runs, "cpu"), middle(runs, "memory")) for runs in (one, two))
    print(f"| {title} | {a[0]:.2f} / {b[0]:.2f} | {a[0] / b[0]:.2f} | {a[1]:.2f} / {b[1]:.2f} | {a[1] / b[1]:.2f} "
          f"| {a[2] / MIB:.0f} / {b[2] / MIB:.0f} |", flush=True)


def write(path, content):
    path = os.path.join(WORK, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def tar_of(name, content):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        head = tarfile.TarInfo(name)
        head.size = len(content)
        tar.addfile(head, io.BytesIO(content))
    return out.getvalue()


def make_images(count):
    """`count` images of one shared and one own layer: as a layout, and as an archive of `docker save` without one."""
    layout, docker = f"layout-{count}", f"docker-{count}"
    listed, saved = [], []

    def blob(content):
        digest = hashlib.sha256(content).hexdigest()
        write(f"{layout}/blobs/sha256/{digest}", content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    shared = tar_of("shared", random.Random(1).randbytes(1 << 20))
    write(f"{docker}/shared/layer.tar", shared)
    for number in range(count):
        own = tar_of("own", b"%d\n" % number)
        layers = [{"mediaType": f"{OCI}layer.v1.tar", **blob(layer)} for layer in (shared, own)]
        config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {
            "type": "layers", "diff_ids": [layer["digest"] for layer in layers]}}).encode()
        described = {"mediaType": f"{OCI}config.v1+json", **blob(config)}
        manifest = {"schemaVersion": 2, "mediaType": f"{OCI}manifest.v1+json", "config": described, "layers": layers}
        name = f"registry.example.com/team/app-{number}:1"
        listed.append({"mediaType": f"{OCI}manifest.v1+json", **blob(json.dumps(manifest).encode()),
                       "annotations": {"org.opencontainers.image.ref.name": name}})
        own_config = described["digest"][7:] + ".json"
        write(f"{docker}/{own_config}", config)
        write(f"{docker}/{number}/layer.tar", own)
        saved.append({"Config": own_config, "RepoTags": [name], "Layers": ["shared/layer.tar", f"{number}/layer.tar"]})
    write(f"{layout}/oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    write(f"{layout}/index.json", json.dumps({"schemaVersion": 2, "manifests": listed}).encode())
    write(f"{docker}/manifest.json", json.dumps(saved).encode())
    Run(f"set -e\ntar -C {docker} -cf {docker}.tar . && rm -r {docker}\n"
        # As `docker save` writes since version 25: a layout with a `manifest.json`.
        f"cp -r {layout} both-{count}")
    for image in saved:
        image["Config"] = "blobs/sha256/" + image["Config"].removesuffix(".json")
    for image, entry in zip(saved, listed):
        image["Layers"] = ["blobs/sha256/" + hashlib.sha256(layer).hexdigest()
                           for layer in (shared, tar_of("own", b"%d\n" % saved.index(image)))]
    write(f"both-{count}/manifest.json", json.dumps(saved).encode())
    Run(f"tar -C both-{count} -cf both-{count}.tar .")
    sources = {"layout": ("layout", layout), "both": ("archive", f"both-{count}.tar"), "docker": ("archive", f"{docker}.tar")}
    for kind, (form, path) in sources.items():
        name = f"{kind}-{count}"
        text = HEAD.format(name=name) + "".join(
            f'[[image]]\nname = "i{number}"\n{form} = "{path}"\nselect = "registry.example.com/team/app-{number}:1"\n'
            for number in range(count))
        write(f"{name}.toml", text.encode())


def images():
    half = COUNT // 2
    make_images(half), make_images(COUNT)
    for kind in ("layout", "both", "docker"):
        lock = lambda tool, count: f"{tool} lock {kind}-{count}.toml --store store"
        clean = lambda: fresh(f"{kind}-{half}.lock.toml", f"{kind}-{COUNT}.lock.toml")
        title = f"lock {COUNT} images of one source ({kind})"
        if BASE:
            row(f"{title}, against the other build", lock(SEALIFT, COUNT), lock(BASE, COUNT), clean)
        else:
            row(f"{title}, against {half}", lock(SEALIFT, COUNT), lock(SEALIFT, half), clean)
    name = f"layout-{COUNT}"
    Run(f"{SEALIFT} lock {name}.toml --store store")
    pack = lambda tool, count: PACK.format(tool=tool, name=f"layout-{count}", store="store")
    clean = lambda: fresh("out")
    if BASE:
        row(f"pack {COUNT} images, against the other build", pack(SEALIFT, COUNT), pack(BASE, COUNT), clean)
    else:
        Run(f"{SEALIFT} lock layout-{half}.toml --store store")
        row(f"pack {COUNT} images, against {half}", pack(SEALIFT, COUNT), pack(SEALIFT, half), clean)


def words(random, size):
    return " ".join(random.choices(WORDS, k=size // 7)).encode()[:size]


WORDS = [f"{first}{last}" for first in ("net", "sea", "lift", "bund", "site", "key", "fram", "pack") for last in
         ("ing", "ed", "er", "le", "", "ion", "able", "work", "s", "time", "less", "ful", "port", "line", "ment", "ness")]


def small():
    rng = random.Random(2)
    for number in range(50_000):
        write(f"small/{number // 250:03}/{number:05}.md", words(rng, rng.randrange(200, 3000)))
    write("small.toml", (HEAD.format(name="small") + '[[doc]]\nname = "small"\npath = "small"\n').encode())
    ours = lambda tool: f"{tool} lock small.toml --store store && " + PACK.format(tool=tool, name="small", store="store")
    clean = lambda: fresh("out", "small.lock.toml", "small.tar.zst", "store/frames")
    row("lock and pack 50,000 small files, against `tar | zstd -3`", ours(SEALIFT),
        "tar -cf - small | zstd -q -3 -f -o small.tar.zst", clean)
    if BASE:
        row("the same, against the other build", ours(SEALIFT), ours(BASE), clean)


def again():
    """200 MiB of what is installed here: programs, libraries and documents."""
    left = 200 * MIB
    for top in ("/usr/bin", "/usr/share/perl", "/usr/lib"):
        share = left if top == "/usr/lib" else left // 3
        for folder, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(folder, name)
                if os.path.islink(path) or not os.path.isfile(path) or not name.isascii() or ":" in path or name == "copyright":
                    continue
                size = os.path.getsize(path)
                if size <= share and size < 32 * MIB:
                    share, left = share - size, left - size
                    os.makedirs(f"{WORK}/tree{folder}", exist_ok=True)
                    shutil.copyfile(path, f"{WORK}/tree{path}")
    write("tree.toml", (HEAD.format(name="tree") + '[[file]]\nname = "tree"\npath = "tree"\nnames = "linux"\n').encode())
    Run(f"{SEALIFT} lock tree.toml --store store")
    clean = lambda: fresh("out")
    pack = lambda tool, store: PACK.format(tool=tool, name="tree", store=store)
    Run(pack(SEALIFT, "store"))
    first = lambda: fresh("out", "empty")
    size = 200 - left / MIB
    # The first pack is one into a store that is not there.
    for count, (tool, title) in enumerate(((SEALIFT, "the first"), (BASE, "the other build"))):
        if tool:
            store = ("empty", "base-store")[count]
            row(f"pack an unchanged tree of {size:.0f} MiB again, against {title}", pack(SEALIFT, "store"),
                pack(tool, store), (first, clean)[count])
    row(f"pack a tree of {size:.0f} MiB first, against `tar | zstd -T0 -3`", pack(SEALIFT, "empty"),
        "tar -cf - tree | zstd -q -T0 -3 -f -o tree.tar.zst", first)


def load():
    rng = random.Random(4)
    layout, listed = "images", []

    def blob(content):
        digest = hashlib.sha256(content).hexdigest()
        write(f"{layout}/blobs/sha256/{digest}", content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    for number in range(5):
        layers = [{"mediaType": f"{OCI}layer.v1.tar", **blob(tar_of("own", rng.randbytes(40 << 20)))} for _ in range(3)]
        config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {
            "type": "layers", "diff_ids": [layer["digest"] for layer in layers]}}).encode()
        manifest = {"schemaVersion": 2, "mediaType": f"{OCI}manifest.v1+json",
                    "config": {"mediaType": f"{OCI}config.v1+json", **blob(config)}, "layers": layers}
        listed.append({"mediaType": f"{OCI}manifest.v1+json", **blob(json.dumps(manifest).encode()),
                       "annotations": {"org.opencontainers.image.ref.name": f"registry.example.com/team/app-{number}:1"}})
    write(f"{layout}/oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    write(f"{layout}/index.json", json.dumps({"schemaVersion": 2, "manifests": listed}).encode())
    write("five.toml", (HEAD.format(name="five") + "".join(
        f'[[image]]\nname = "i{number}"\nlayout = "{layout}"\nselect = "registry.example.com/team/app-{number}:1"\n'
        for number in range(5))).encode())
    Run(f"{SEALIFT} lock five.toml --store store")
    Run(PACK.format(tool=SEALIFT, name="five", store="store"))
    with Registry(WORK) as registry:
        host = registry.host
        load = lambda tool: f"{tool} load out/five-1.sealift --trust root.json --registry {host} -o settings"
        publish = lambda tool: f"{tool} publish out/five-1.sealift oci://{host}/bundles/five --trust root.json"
        copy = "\n".join(f"skopeo --insecure-policy copy -q --all --dest-tls-verify=false "
                         f"oci:{layout}:registry.example.com/team/app-{number}:1 docker://{host}/team/app-{number}:1"
                         for number in range(5))
        row("load 600 MiB of images that are there, against `skopeo copy --all`", load(SEALIFT), copy)
        if BASE:
            row("the same, against the other build", load(SEALIFT), load(BASE))
            row("publish a bundle that is there, against the other build", publish(SEALIFT), publish(BASE))
    with Registry(WORK) as one, Registry(WORK) as two:
        if BASE:
            empty = lambda: (one.empty(), two.empty())
            into = lambda tool, host: f"{tool} load out/five-1.sealift --trust root.json --registry {host} -o settings"
            row("load them into an empty registry, against the other build", into(SEALIFT, one.host), into(BASE, two.host), empty)


keys(SEALIFT)
print(f"{os.cpu_count()} cores, medians of {RUNS} pairs after a warm-up; each figure is sealift / rival\n")
print("| work | wall s | ratio | CPU s | ratio | peak MiB |\n|---|---|---|---|---|---|")
for name in ROWS:
    {"images": images, "small": small, "again": again, "load": load}[name]()
