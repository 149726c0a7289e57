"""Runs sealift and its rivals in turn and prints one table. Started by compare.sh."""
import glob, os, shutil, statistics, subprocess, sys, time

DATA = sys.argv[1]
SEALIFT = os.environ["SEALIFT"]
RUNS = int(os.environ.get("RUNS", "3"))
WORK = os.environ.get("WORK", os.path.join(DATA, "work"))
MIB = 1 << 20


class Run:
    """One finished command: seconds of wall and CPU, peak memory of its largest process, bytes it wrote."""

    def __init__(self, command, output=None):
        os.sync()
        start = time.monotonic()
        child = subprocess.Popen(["bash", "-c", command], cwd=WORK, stdout=subprocess.DEVNULL,
                                 stderr=open(f"{WORK}/stderr", "wb"))
        written = 0
        while True:
            # The process is still there as a zombie when its counters are read for the last time.
            done = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            try:
                for line in open(f"/proc/{child.pid}/io"):
                    if line.startswith("wchar"):
                        written = int(line.split()[1])
            except OSError:
                pass
            if done:
                break
            time.sleep(0.002)
        _, status, usage = os.wait4(child.pid, 0)
        self.wall = time.monotonic() - start
        if status:
            sys.exit(f"failed: {command}\n{open(f'{WORK}/stderr').read()}")
        self.cpu = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss * 1024
        self.written = written


def fresh(*names):
    for name in names:
        path = os.path.join(WORK, name)
        shutil.rmtree(path, ignore_errors=True)
        if os.path.isfile(path):
            os.remove(path)


def median(runs, what):
    return statistics.median(getattr(run, what) for run in runs)


def pair(title, ours, theirs, target, before=lambda: None):
    """The two in turn, after one warm-up of each."""
    a, b = [], []
    for count in range(RUNS + 1):
        before()
        one = Run(ours)
        before()
        two = Run(theirs)
        if count:
            a.append(one), b.append(two)
    ratio = statistics.median(one.wall / two.wall for one, two in zip(a, b))
    cpu = statistics.median(one.cpu / two.cpu for one, two in zip(a, b))
    print(f"| {title} | {median(a, 'wall'):.2f} s | {median(b, 'wall'):.2f} s | **{ratio:.2f}** | {cpu:.2f} "
          f"| {target} | {median(a, 'memory') / MIB:.0f} MiB |", flush=True)
    return a


def size(path):
    return os.path.getsize(os.path.join(WORK, path))


def setup():
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(WORK)
    open(f"{WORK}/pass", "w").write("bench\n")
    run = lambda command: Run(command)
    run(f"{SEALIFT} key new root --passphrase-fd 0 < pass && {SEALIFT} key new packer --passphrase-fd 0 < pass")
    run(f"{SEALIFT} trust init --key root.key --packer packer.pub --passphrase-fd 0 < pass")


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


setup()
notes = []
print(f"{os.cpu_count()} cores, medians of {RUNS} pairs after a warm-up\n")
print("| work | sealift | rival | ratio of wall | of CPU | target | peak memory |\n|---|---|---|---|---|---|---|")
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
