"""Looks into a bundle of images and prints one table. Started by audit.sh."""
import glob, gzip, hashlib, io, json, os, subprocess, sys, tarfile
from measure import Run, fresh, head, keys, pair, start

DATA = sys.argv[1]
SEALIFT = os.environ["SEALIFT"]
# Programs in C, Go and Java, two interpreters with their libraries, texts: 202 MB as layers.
PACKAGES = ("postgresql-15 libpython3.11-stdlib perl-modules-5.36 nginx-common git libllvm14 libicu72 "
            "openjdk-17-jre-headless containerd").split()
ENTRIES = 1_000_000


class Layout:
    """An OCI layout that grows in a folder."""

    def __init__(self, folder):
        self.folder, self.images = folder, []
        os.makedirs(f"{folder}/blobs/sha256")

    def blob(self, data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        with open(f"{self.folder}/blobs/sha256/{digest}", "wb") as out:
            out.write(data)
        return {"mediaType": "application/vnd.oci.image." + media_type, "digest": "sha256:" + digest, "size": len(data)}

    def image(self, name, layers):
        """An image of these layers, each given as the bytes of an archive."""
        config = {"architecture": "amd64", "os": "linux", "rootfs": {
            "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]}}
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": self.blob(json.dumps(config).encode(), "config.v1+json"),
                    "layers": [self.blob(gzip.compress(layer, 6, mtime=0), "layer.v1.tar+gzip") for layer in layers]}
        self.images.append({**self.blob(json.dumps(manifest).encode(), "manifest.v1+json"),
                            "annotations": {"org.opencontainers.image.ref.name": f"registry.example.com/bench/{name}:1"}})

    def finish(self):
        json.dump({"schemaVersion": 2, "manifests": self.images}, open(f"{self.folder}/index.json", "w"))
        # What says that the folder is whole, last.
        open(f"{self.folder}/oci-layout", "w").write('{"imageLayoutVersion":"1.0.0"}')


def archive(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def run(*words, **more):
    return subprocess.run(words, stdout=subprocess.PIPE, check=True, **more).stdout


def make_stack(layout):
    """Each layer has the files of one package; the last one announces them all, as distroless images do."""
    debs = f"{DATA}/debs"
    os.makedirs(debs, exist_ok=True)
    if missing := [name for name in PACKAGES if not glob.glob(f"{debs}/{name}_*.deb")]:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "download", "-qq", *missing], cwd=debs, check=True)
    files = [glob.glob(f"{debs}/{name}_*.deb")[0] for name in PACKAGES]
    status = [(f"var/lib/dpkg/status.d/{name}", run("dpkg-deb", "-f", file)) for name, file in zip(PACKAGES, files)]
    system = ("etc/os-release", b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n')
    layout.image("stack", [*(run("dpkg-deb", "--fsys-tarfile", file) for file in files), archive([system, *status])])


def make_crowd(layout):
    """One layer of a million small files."""
    layout.image("crowd", [archive((f"srv/data/{number // 1000:03d}/record-{number:07d}.txt", b"%d\n" % number)
                                   for number in range(ENTRIES))])


ROWS = os.environ.get("ROWS", "stack,crowd").split(",")
for name, make in (("stack", make_stack), ("crowd", make_crowd)):
    if name in ROWS and not os.path.exists(f"{DATA}/{name}/oci-layout"):
        subprocess.run(["rm", "-rf", f"{DATA}/{name}"], check=True)
        layout = Layout(f"{DATA}/{name}")
        make(layout)
        layout.finish()

WORK = start(os.environ.get("WORK", f"{DATA}/work"))
keys(SEALIFT)
for name in ROWS:
    open(f"{WORK}/{name}.toml", "w").write(
        f'[bundle]\nname = "{name}"\nscenario = "bench"\nversion = "1"\n'
        f'[[image]]\nname = "{name}"\nlayout = "{DATA}/{name}"\n')
    Run(f"{SEALIFT} lock {name}.toml --store store && "
        f"{SEALIFT} pack {name}.toml --store store --key packer.key --passphrase-fd 0 < pass")

head()
for name in ROWS:
    blobs = sorted(glob.glob(f"{DATA}/{name}/blobs/sha256/*"), key=os.path.getsize, reverse=True)
    blobs = [blob for blob in blobs if open(blob, "rb").read(2) == b"\x1f\x8b"]
    size = sum(map(os.path.getsize, blobs)) / 1e6
    open(f"{WORK}/{name}.layers", "w").write("".join(f"{blob}\n" for blob in blobs))
    list_all = f"xargs -P {{}} -I @ sh -c 'zcat < @ | tar t' < {name}.layers"
    bundle = f"{name}-1.sealift --trust root.json"
    target = {"stack": "< 2, < 256 MiB", "crowd": "< 256 MiB"}[name]
    title = f"{name}, {size:.0f} MB in {len(blobs)} layers"
    every = list_all.format(os.cpu_count())
    pair(f"analysis and SBOM of {title}, `zcat \\| tar t` on every core", f"{SEALIFT} sbom {bundle} -o bill.json", every, target)
    pair("the same, one core each", f"taskset -c 0 {SEALIFT} sbom {bundle} -o bill.json",
         f'taskset -c 0 bash -c "{list_all.format(1)}"', "")
    pair("analysis alone", f"{SEALIFT} analysis {bundle}", every, "")
    pair("report", f"{SEALIFT} report {bundle} -o report.html", every, "below 2 s" if name == "stack" else "")
    pair("diff with itself", f"{SEALIFT} diff {bundle.split()[0]} {bundle}", every, "")
    fresh("bill.json", "report.html")
