//! Debian's registry on loopback: open, with a password, and with TLS. All three serve the same content.

use super::images::Content;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const USER: &str = "pusher";
pub const PASSWORD: &str = "s3cret-of-the-site";
/// What `htpasswd -Bbn` makes of the two.
const HTPASSWD: &str = "pusher:$2y$05$h0bHg9icpeC.0RJn5AxBmu9a0PSUDHKKqUx0lYN3EXHW6N68kEQDq\n";

pub const CERTIFICATES: &str = r#"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=Test Root CA' \
    -keyout ca.key -out ca.crt -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign'
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=registry.site.test' \
    -keyout srv.key -out srv.csr
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n' > ext
openssl x509 -req -in srv.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out srv.crt
"#;

/// Makes `ca.crt`, `srv.crt` and `srv.key` in a folder.
pub fn certificates(folder: &Path) {
    let script = format!("set -e\n{CERTIFICATES}");
    let output = Command::new("bash").args(["-c", &script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What it takes to reach a registry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Open,
    Password,
    /// TLS of a private authority, and a password.
    Tls,
}

/// A folder of content, and registries that serve it.
pub struct Real {
    folder: TempDir,
    running: Vec<Child>,
    /// Where content is pushed to.
    pub open: String,
}

impl Real {
    pub fn new() -> Self {
        let mut real =
            Self { folder: tempfile::tempdir().unwrap(), running: Vec::new(), open: String::new() };
        real.open = real.start(Door::Open);
        real
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts one more process in front of the content; returns host and port.
    pub fn start(&mut self, door: Door) -> String {
        let (port, folder) = (free_port(), self.folder.path().display().to_string());
        let mut config = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {folder}/data}}\n  \
             delete: {{enabled: true}}\nhttp:\n  addr: 127.0.0.1:{port}\n  secret: fixed\n"
        );
        if door == Door::Tls {
            certificates(self.folder.path());
            config += &format!("  tls: {{certificate: {folder}/srv.crt, key: {folder}/srv.key}}\n");
        }
        if door != Door::Open {
            std::fs::write(self.path("htpasswd"), HTPASSWD).unwrap();
            config += &format!("auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}\n");
        }
        let path = self.path(&format!("{port}.yml"));
        std::fs::write(&path, config).unwrap();
        let log = std::fs::File::create(self.path(&format!("{port}.log"))).unwrap();
        let child = Command::new("docker-registry")
            .args(["serve".as_ref(), path.as_os_str()])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .env_clear()
            .spawn();
        self.running.push(child.expect("this test needs a registry: apt-get install docker-registry"));
        let host = format!("127.0.0.1:{port}");
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(&host).is_err() {
            let log = self.log(&host);
            assert!(Instant::now() < deadline, "the registry does not start: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
        host
    }

    /// What a registry wrote about itself and its requests.
    pub fn log(&self, host: &str) -> String {
        let port = host.rsplit(':').next().unwrap();
        std::fs::read_to_string(self.path(&format!("{port}.log"))).unwrap()
    }

    /// How often something was asked for; at least once, and the line about that may come a little late.
    pub fn asked(&self, host: &str, line: &str) -> usize {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let count = self.log(host).lines().filter(|logged| logged.contains(line)).count();
            if count > 0 || Instant::now() > deadline {
                return count;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Puts content into a repository.
    pub fn push(&self, repository: &str, content: &Content) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let base = format!("http://{}/v2/{repository}", self.open);
        for (digest, bytes) in &content.blobs {
            let begun = agent.post(format!("{base}/blobs/uploads/")).send_empty().unwrap();
            let place = begun.headers()["location"].to_str().unwrap().to_owned();
            let ended = agent.put(format!("{place}&digest={digest}")).send(&bytes[..]).unwrap();
            assert_eq!(ended.status(), 201, "{digest}");
        }
        let put = |name: &str, media_type: &str, bytes: &[u8]| {
            let request = agent.put(format!("{base}/manifests/{name}")).header("content-type", media_type);
            let mut answer = request.send(bytes).unwrap();
            let said = answer.body_mut().read_to_string().unwrap();
            assert_eq!(answer.status(), 201, "{name}: {said}");
        };
        for digest in &content.order {
            let (media_type, bytes) = &content.documents[digest];
            put(&digest.to_string(), media_type, bytes);
        }
        for (tag, digest) in &content.tags {
            let (media_type, bytes) = &content.documents[digest];
            put(tag, media_type, bytes);
        }
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        for child in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
