//! Container engines of Debian, each with folders of its own.

use crate::cli::Shop;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Settings for podman below a folder of the shop, as the beginning of a script.
///
/// runc and cgroupfs run where systemd does not; limits and locks are those that nobody else shares.
pub const PODMAN: &str = r#"
mkdir -p podman
for part in podman runc; do
    command -v $part >/dev/null || { echo "this test needs apt-get install $part" >&2; exit 1; }
done
cat > podman/containers.conf <<END
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
tmp_dir = "$PWD/podman/tmp"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
END
cat > podman/storage.conf <<END
[storage]
driver = "vfs"
graphroot = "$PWD/podman/graph"
runroot = "$PWD/podman/run"
END
[ -e podman/registries.conf ] || : > podman/registries.conf
echo '{"default":[{"type":"insecureAcceptAnything"}]}' > podman/policy.json
export CONTAINERS_CONF=$PWD/podman/containers.conf CONTAINERS_STORAGE_CONF=$PWD/podman/storage.conf
export CONTAINERS_REGISTRIES_CONF=$PWD/podman/registries.conf
podman() { command podman "$@"; }
pull() { podman pull -q --signature-policy podman/policy.json "$@"; }
run() { podman run --rm --network none --pull never "$@"; }
"#;

/// A daemon, until it is dropped.
pub struct Daemon(Child);

impl Daemon {
    fn start(shop: &Shop, script: &str, socket: &str) -> Self {
        let log = std::fs::File::create(shop.path(format!("{socket}.log"))).unwrap();
        let mut command = shop.command(script);
        command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::os::unix::net::UnixStream::connect(shop.path(socket)).is_err() {
            let log = || String::from_utf8_lossy(&shop.read(&format!("{socket}.log"))).into_owned();
            assert!(child.try_wait().unwrap().is_none() && Instant::now() < deadline, "{script}: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Self(child)
    }

    /// containerd, at `ctd.sock`.
    pub fn containerd(shop: &Shop) -> Self {
        let script = r#"
            command -v containerd >/dev/null || { echo 'this test needs apt-get install containerd'; exit 1; }
            cat > ctd.toml <<END
version = 2
root = "$PWD/ctd/root"
state = "$PWD/ctd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$PWD/ctd.sock"
[ttrpc]
  address = "$PWD/ctd.ttrpc"
END
            exec containerd -c ctd.toml"#;
        Self::start(shop, script, "ctd.sock")
    }

    /// Docker Engine, at `docker.sock`.
    pub fn docker(shop: &Shop) -> Self {
        let script = format!(
            "{DOCKER}
             command -v dockerd >/dev/null || {{ echo 'this test needs dockerd: see .ci/run'; exit 1; }}
             exec dockerd --data-root $PWD/docker/data --exec-root $PWD/docker/exec -p $PWD/docker.pid \
                 -H unix://$PWD/docker.sock --bridge=none --iptables=false --storage-driver vfs"
        );
        Self::start(shop, &script, "docker.sock")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A signal lets them take down their mounts and children.
        let _ = std::process::Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// Docker's programs, which `.ci/run` puts below `target` without installing a service.
pub const DOCKER: &str = concat!(
    "export PATH=",
    env!("CARGO_MANIFEST_DIR"),
    "/target/docker/usr/sbin:",
    env!("CARGO_MANIFEST_DIR"),
    "/target/docker/usr/bin:$PATH\n",
    "docker() { command docker -H unix://$PWD/docker.sock \"$@\"; }"
);
