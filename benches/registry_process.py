"""A registry of the reference implementation, on loopback."""
import shutil, socket, subprocess, sys, tempfile, time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Registry:
    """An empty registry, until it is left."""

    def __init__(self, work):
        self.work = work

    def __enter__(self):
        self.host, self.data = f"127.0.0.1:{free_port()}", tempfile.mkdtemp(dir=self.work)
        open(f"{self.data}/config.yml", "w").write(
            f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
            f"storage: {{filesystem: {{rootdirectory: {self.data}/data}}}}\n"
            f"http: {{addr: '{self.host}', secret: fixed}}\n")
        self.child = subprocess.Popen(["docker-registry", "serve", f"{self.data}/config.yml"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(self.host.split(":")[1]))) == 0:
                    return self
            time.sleep(0.05)
        sys.exit("the registry does not start")

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        shutil.rmtree(self.data)

    def empty(self):
        """Forgets everything it holds."""
        shutil.rmtree(f"{self.data}/data", ignore_errors=True)
