"""Runs commands, one or two in turn, and says what they took."""
import os, shutil, statistics, subprocess, sys, time

RUNS = int(os.environ.get("RUNS", "3"))
MIB = 1 << 20
WORK = None


def start(work):
    """Everything happens in this folder, emptied first."""
    global WORK
    WORK = work
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(WORK)
    return WORK


class Run:
    """One finished command: seconds of wall and CPU, peak memory of its largest process, bytes it wrote."""

    def __init__(self, command):
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
    """Removes files and folders below the folder of the work."""
    for name in names:
        path = os.path.join(WORK, name)
        shutil.rmtree(path, ignore_errors=True)
        if os.path.isfile(path):
            os.remove(path)


def median(runs, what):
    return statistics.median(getattr(run, what) for run in runs)


def head():
    """The head of the table whose rows `pair` prints."""
    print(f"{os.cpu_count()} cores, medians of {RUNS} pairs after a warm-up\n")
    print("| work | sealift | rival | ratio of wall | of CPU | target | peak memory |\n|---|---|---|---|---|---|---|")


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


def keys(sealift):
    """A trust root with one packer, and the passphrase of both keys in the file `pass`."""
    open(f"{WORK}/pass", "w").write("bench\n")
    Run(f"{sealift} key new root --passphrase-fd 0 < pass && {sealift} key new packer --passphrase-fd 0 < pass")
    Run(f"{sealift} trust init --key root.key --packer packer.pub --passphrase-fd 0 < pass")
