"""Loads a bundle's images into registries and prints one table. Started by registry.sh."""
import hashlib, json, os, shutil, socket, statistics, subprocess, sys, tempfile, threading, time
from measure import MIB, RUNS, Run, keys, start
from registry_process import Registry

LAYOUT = os.path.realpath(sys.argv[1])
SEALIFT = os.environ["SEALIFT"]
REF = "org.opencontainers.image.ref.name"
top = tempfile.TemporaryDirectory(prefix="registry-", dir=os.environ.get("WORK"))
WORK = start(top.name)
os.environ["PATH"] = os.path.dirname(SEALIFT) + ":" + os.environ["PATH"]


class Counter:
    """Counts the bytes that go to a registry."""

    def __init__(self, behind):
        self.behind, self.sent = behind, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", int(self.behind.split(":")[1])))
            for source, sink, counts in ((near, far, True), (far, near, False)):
                threading.Thread(target=self.pass_on, args=(source, sink, counts), daemon=True).start()

    def pass_on(self, source, sink, counts):
        try:
            while data := source.recv(1 << 16):
                self.sent += len(data) * counts
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def run(command):
    """Seconds of wall and CPU, and the peak memory of the largest process."""
    done = Run("set -e\n" + command)
    return done.wall, done.cpu, done.memory


def put(document):
    """Adds a document to the layout in WORK."""
    data = json.dumps(document).encode()
    digest = hashlib.sha256(data).hexdigest()
    open(f"{WORK}/images/blobs/sha256/{digest}", "wb").write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def read(digest):
    return json.load(open(f"{WORK}/images/blobs/" + digest.replace(":", "/")))


def prepare():
    """A layout in WORK with the same blobs; one image becomes four that share layers. Returns the names."""
    os.makedirs(f"{WORK}/images/blobs/sha256")
    for name in os.listdir(f"{LAYOUT}/blobs/sha256"):
        os.symlink(f"{LAYOUT}/blobs/sha256/{name}", f"{WORK}/images/blobs/sha256/{name}")
    index = json.load(open(f"{LAYOUT}/index.json"))
    wanted = os.environ.get("IMAGES", "").split()
    found = [one for one in index["manifests"] if REF in one.get("annotations", {})]
    found = [one for one in found if not wanted or one["annotations"][REF] in wanted]
    if len(found) == 1 and not wanted:
        root, name = found[0], found[0]["annotations"][REF].rsplit(":", 1)[0]
        manifest = read(root["digest"])
        config = read(manifest["config"]["digest"])
        for layers in range(2, len(manifest["layers"]), 2):
            part = {**config, "rootfs": {**config["rootfs"], "diff_ids": config["rootfs"]["diff_ids"][:layers]}}
            part = {**manifest, "config": {**manifest["config"], **put(part)}, "layers": manifest["layers"][:layers]}
            found.append({"mediaType": root["mediaType"], **put(part), "annotations": {REF: f"{name}-{layers}:1"}})
    names = []
    for one in found:
        name = one["annotations"][REF]
        first = name.split("/")[0]
        names.append(name if "." in first or ":" in first and "/" in name else "registry.example.com/" + name)
        one["annotations"] = {REF: names[-1]}
    json.dump({**index, "manifests": found}, open(f"{WORK}/images/index.json", "w"))
    shutil.copy(f"{LAYOUT}/oci-layout", f"{WORK}/images/oci-layout")
    return names


names = prepare()
text = '[bundle]\nname = "bench"\nscenario = "air-gapped"\nversion = "1"\n'
for number, name in enumerate(names):
    text += f'[[image]]\nname = "i{number}"\nlayout = "images"\nselect = "{name}"\n'
open(f"{WORK}/bench.toml", "w").write(text)
keys("sealift")
run("sealift lock bench.toml --store store\nsealift pack bench.toml --store store --key packer.key --passphrase-fd 0 < pass")


def ours(host):
    return f"sealift load bench-1.sealift --trust root.json --registry {host} -o settings"


def verified(_):
    return "sealift verify bench-1.sealift --trust root.json"


def theirs(host):
    copy = "skopeo --insecure-policy copy -q --all --dest-tls-verify=false"
    path = lambda name: name.split("/", 1)[1]
    return "\n".join(f"{copy} oci:images:{name} docker://{host}/{path(name)}" for name in names)


def measure(command):
    """Into an empty registry, and once more into the same."""
    with Registry(WORK) as registry:
        return run(command(registry.host)), run(command(registry.host))


def bytes_sent(command):
    sent = []
    with Registry(WORK) as registry:
        for _ in range(2):
            counter = Counter(registry.host)
            run(command(counter.host))
            sent.append(counter.sent)
    return sent


table = {command: [] for command in (ours, theirs, verified)}
for count in range(RUNS + 1):
    for command, results in table.items():
        result = measure(command)
        if count:
            results.append(result)
sent = {command: bytes_sent(command) for command in (ours, theirs)}
size = os.path.getsize(f"{WORK}/bench-1.sealift")
print(f"{len(names)} images, a bundle of {size / MIB:.0f} MiB\n")
print("| work | load s | skopeo s | wall ratio | CPU ratio | bytes sent, ratio | peak MiB, load | skopeo |")
print("|---|---|---|---|---|---|---|---|")
for again, title in enumerate(("into an empty registry", "once more")):
    middle = lambda command, what: statistics.median(result[again][what] for result in table[command])
    a, b = ([middle(command, what) for what in range(3)] for command in (ours, theirs))
    print(f"| {title} | {a[0]:.2f} | {b[0]:.2f} | {a[0] / b[0]:.2f} | {a[1] / b[1]:.2f} "
          f"| {sent[ours][again] / MIB:.2f} / {sent[theirs][again] / MIB:.2f} MiB "
          f"= {sent[ours][again] / sent[theirs][again]:.2f} | {a[2] / MIB:.0f} | {b[2] / MIB:.0f} |")
alone = statistics.median(result[0][0] for result in table[verified])
print(f"\nof load's time, `verify` alone takes {alone:.2f} s; skopeo verifies no signature")
