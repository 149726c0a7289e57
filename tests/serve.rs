//! `sealift serve` as clients see it: the pull and discovery cases of the OCI conformance suite, pages, hostile
//! requests, damaged bundles, TLS, skopeo, and how much memory it takes.

use crate::support::{self, Authorities, Put, image, tree};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::pack::draft::{BlobSource, Draft, DraftImage, DraftItem};
use sealift_bundle::value::digest::Digest;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LAYER: &[u8] = b"layer one";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Keys, a trust root, and bundles made with them.
struct Site {
    folder: TempDir,
    authorities: Authorities,
}

impl Site {
    fn new() -> Self {
        let (folder, authorities) = (tempfile::tempdir().unwrap(), Authorities::new());
        std::fs::write(folder.path().join("root.json"), authorities.chain.trim_ascii_end()).unwrap();
        Self { folder, authorities }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Packs a bundle of that name.
    fn pack(&self, name: &str, items: Vec<DraftItem>) -> PathBuf {
        let mut draft: Draft = support::draft();
        draft.name = name.parse().unwrap();
        draft.items = items;
        let sealed = self.authorities.pack(&draft, self.folder.path());
        sealed.path
    }

    fn sample(&self) -> PathBuf {
        self.pack("sample", support::sample(self.folder.path()).items)
    }

    fn image(&self, name: &str, reference: &str, layers: &[&[u8]]) -> DraftItem {
        image(self.folder.path(), name, reference, layers)
    }

    fn command(&self, bundles: &[&Path], more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealift"));
        command.arg("serve").args(bundles).arg("--trust").arg(self.path("root.json"));
        if !more.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.arg("--json").args(more).current_dir(self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    fn serve(&self, bundles: &[&Path]) -> Server {
        self.serve_with(bundles, &[])
    }

    fn serve_with(&self, bundles: &[&Path], more: &[&str]) -> Server {
        let talk = self.path("talk");
        let mut command = self.command(bundles, more);
        let mut child =
            command.stdout(Stdio::piped()).stderr(std::fs::File::create(&talk).unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let listening: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("{line}{}", std::fs::read_to_string(&talk).unwrap()));
        assert_eq!(listening["type"], "listening", "{line}");
        let port = u16::try_from(listening["port"].as_u64().unwrap()).unwrap();
        Server { child, port, talk, listening }
    }

    /// Serving has to be refused with this code.
    fn refused(&self, bundles: &[&Path], more: &[&str]) -> String {
        let output = self.command(bundles, more).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    }
}

/// A running server.
struct Server {
    child: Child,
    port: u16,
    talk: PathBuf,
    listening: Value,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends bytes and reads until the server hangs up.
    fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    }

    fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n{headers}\r\n",
            self.port
        );
        Answer::parse(&self.raw(request.as_bytes()))
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.talk).unwrap()
    }

    /// Waits until the operator has been told this.
    fn says(&self, words: &str) {
        let start = Instant::now();
        while !self.said().contains(words) {
            assert!(start.elapsed() < Duration::from_secs(60), "`{words}` is not in: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The most memory it has had, in KiB.
    fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }
}

/// What came back.
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let headers = head.lines().skip(1).map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        });
        Self { status, headers: headers.collect(), body: bytes[end + 4..].to_vec() }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The status, and the code in the error body.
    #[track_caller]
    fn fails(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        let error = self.json();
        assert_eq!(error["errors"][0]["code"], code, "{error}");
        assert!(error["errors"][0]["message"].as_str().is_some_and(|text| !text.is_empty()));
    }

    /// True when as many bytes came as were announced.
    fn is_whole(&self) -> bool {
        self.header("content-length").parse() == Ok(self.body.len())
    }
}

fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64 + seed;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(len.div_ceil(8))
    .flatten()
    .take(len)
    .collect()
}

/// Changes the first place where these bytes stand in a file.
fn damage(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::FileExt as _;
    let content = std::fs::read(path).unwrap();
    let at =
        content.windows(bytes.len()).position(|window| window == bytes).expect("the bytes are in the bundle");
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[bytes[0] ^ 1], at as u64).unwrap();
}

#[test]
fn conformance_pull() {
    let site = Site::new();
    let server = site.serve(&[&site.sample()]);
    for path in ["/v2/", "/v2"] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.header("docker-distribution-api-version")), (200, "registry/2.0"));
    }
    for name in ["tools/hello", "registry.example.com/tools/hello"] {
        let by_tag = server.get(&format!("/v2/{name}/manifests/1"));
        assert_eq!((by_tag.status, by_tag.header("content-type")), (200, OCI_MANIFEST));
        let digest = Digest::of(&by_tag.body).to_string();
        assert_eq!(by_tag.header("docker-content-digest"), digest);
        let by_digest = server.get(&format!("/v2/{name}/manifests/{digest}"));
        assert_eq!((by_digest.status, &by_digest.body), (200, &by_tag.body));
        for reference in ["1", &digest] {
            let head = server.ask("HEAD", &format!("/v2/{name}/manifests/{reference}"), "");
            assert_eq!((head.status, head.body.len(), head.header("content-type")), (200, 0, OCI_MANIFEST));
            assert_eq!(head.header("content-length"), by_tag.body.len().to_string());
            assert_eq!(head.header("docker-content-digest"), digest);
        }
        let manifest = by_tag.json();
        let config = manifest["config"]["digest"].as_str().unwrap();
        let layer = manifest["layers"][0]["digest"].as_str().unwrap();
        let (config, layer) = (format!("/v2/{name}/blobs/{config}"), format!("/v2/{name}/blobs/{layer}"));
        assert!(server.get(&config).text().contains("rootfs"));
        let whole = server.get(&layer);
        assert_eq!(
            (whole.status, whole.body.as_slice(), whole.header("accept-ranges")),
            (200, LAYER, "bytes")
        );
        let head = server.ask("HEAD", &layer, "");
        assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, "9"));
        assert_eq!(head.header("docker-content-digest"), Digest::of(LAYER).to_string());
        for (range, expected, shown) in [
            ("bytes=0-4", "layer", "bytes 0-4/9"),
            ("bytes=6-", "one", "bytes 6-8/9"),
            ("bytes=-3", "one", "bytes 6-8/9"),
            ("bytes=6-99", "one", "bytes 6-8/9"),
        ] {
            let part = server.ask("GET", &layer, &format!("Range: {range}\r\n"));
            assert_eq!((part.status, part.text().as_str()), (206, expected), "{range}");
            assert_eq!(part.header("content-range"), shown);
        }
        let beyond = server.ask("GET", &layer, "Range: bytes=9-\r\n");
        assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */9"));
        let other = server.ask("GET", &layer, "Range: bytes=0-4\r\nIf-Range: \"other\"\r\n");
        assert_eq!((other.status, other.body.as_slice()), (200, LAYER));
        let known = server.ask("GET", &layer, &format!("If-None-Match: {}\r\n", whole.header("etag")));
        assert_eq!((known.status, known.body.len()), (304, 0));
    }
}

#[test]
fn conformance_errors() {
    let site = Site::new();
    let server = site.serve(&[&site.sample()]);
    let nothing = Digest::of(b"nothing");
    for (path, status, code) in [
        ("/v2/tools/none/manifests/1".to_owned(), 404, "NAME_UNKNOWN"),
        ("/v2/tools/none/tags/list".to_owned(), 404, "NAME_UNKNOWN"),
        (format!("/v2/tools/none/referrers/{nothing}"), 404, "NAME_UNKNOWN"),
        ("/v2/tools/hello/manifests/2".to_owned(), 404, "MANIFEST_UNKNOWN"),
        ("/v2/tools/hello/manifests/.INVALID".to_owned(), 404, "MANIFEST_UNKNOWN"),
        (format!("/v2/tools/hello/manifests/{nothing}"), 404, "MANIFEST_UNKNOWN"),
        (format!("/v2/tools/hello/blobs/{nothing}"), 404, "BLOB_UNKNOWN"),
        ("/v2/tools/hello/manifests/sha256:12".to_owned(), 400, "DIGEST_INVALID"),
        ("/v2/tools/hello/blobs/sha256:12".to_owned(), 400, "DIGEST_INVALID"),
        ("/v2/tools/hello/referrers/sha256:12".to_owned(), 400, "DIGEST_INVALID"),
    ] {
        server.get(&path).fails(status, code);
        let head = server.ask("HEAD", &path, "");
        assert_eq!((head.status, head.body.len()), (status, 0), "{path}");
    }
    for (method, path) in [
        ("POST", "/v2/tools/hello/blobs/uploads/".to_owned()),
        ("PATCH", "/v2/tools/hello/blobs/uploads/1".to_owned()),
        ("PUT", "/v2/tools/hello/manifests/1".to_owned()),
        ("DELETE", "/v2/tools/hello/manifests/1".to_owned()),
        ("DELETE", format!("/v2/tools/hello/blobs/{}", Digest::of(LAYER))),
        ("POST", "/".to_owned()),
    ] {
        let answer = server.ask(method, &path, "Content-Length: 3\r\n");
        answer.fails(405, "UNSUPPORTED");
        assert_eq!(answer.header("allow"), "GET, HEAD");
    }
    // A layer of one repository is not to be had by way of another, and a tree is not an image.
    let other = site.pack("other", vec![site.image("other", "a.example/other:1", &[b"other"])]);
    let server = site.serve(&[&site.sample(), &other]);
    server.get(&format!("/v2/other/blobs/{}", Digest::of(LAYER))).fails(404, "BLOB_UNKNOWN");
    server.get(&format!("/v2/other/manifests/{}", Digest::of(b"other"))).fails(404, "MANIFEST_UNKNOWN");
}

/// A document about another one, with one layer and the empty configuration of OCI artifacts.
fn about(
    site: &Site,
    name: &str,
    subject: (&Digest, usize),
    artifact_type: &str,
    content: &[u8],
) -> DraftItem {
    let mut blobs = Vec::new();
    let mut put = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        let path = site.path(&format!("blob-{}", digest.hex()));
        std::fs::write(&path, bytes).unwrap();
        blobs.push(BlobSource { digest, size: bytes.len() as u64, path, offset: 0 });
        digest
    };
    let (config, layer) = (put(b"{}"), put(content));
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}",{artifact_type}"config":{{"mediaType":"application/vnd.example.config","digest":"{config}","size":2}},"layers":[{{"mediaType":"text/spdx","digest":"{layer}","size":{}}}],"subject":{{"mediaType":"{OCI_MANIFEST}","digest":"{}","size":{}}},"annotations":{{"org.example.name":"{name}"}}}}"#,
        content.len(),
        subject.0,
        subject.1
    );
    let root = put(manifest.as_bytes());
    let reference = format!("elsewhere.example/about/{name}:1").parse().unwrap();
    let head = support::head(name, ItemKind::Image);
    let (withheld, referrers) = (Vec::new(), Vec::new());
    let media_type = OCI_MANIFEST.to_owned();
    DraftItem::Image(DraftImage { head, reference, media_type, root, blobs, withheld, referrers })
}

#[test]
fn conformance_content_discovery() {
    let site = Site::new();
    let layers: [&[u8]; 6] = [b"1", b"2", b"3", b"4", b"5", b"6"];
    let tags = ["v10", "v9", "latest", "Alpha", "1.0", "0_9"];
    let mut items: Vec<_> = std::iter::zip(tags, layers)
        .enumerate()
        .map(|(number, (tag, layer))| {
            site.image(&format!("i{number}"), &format!("a.example/app:{tag}"), &[layer])
        })
        .collect();
    let DraftItem::Image(subject) = &items[0] else { unreachable!() };
    let (digest, size) = (subject.root, 500);
    let sbom =
        about(&site, "sbom", (&digest, size), r#""artifactType":"application/spdx+json","#, b"an SBOM");
    let DraftItem::Image(of_sbom) = &sbom else { unreachable!() };
    let signature = about(&site, "signature", (&of_sbom.root, 400), "", b"a signature of the SBOM");
    let plain = about(&site, "plain", (&digest, size), "", b"no type of its own");
    items.extend([sbom, signature, plain]);
    let server = site.serve(&[&site.pack("discovery", items)]);

    let all = server.get("/v2/app/tags/list").json();
    assert_eq!(
        all,
        serde_json::json!({"name": "app", "tags": ["0_9", "1.0", "Alpha", "latest", "v10", "v9"]})
    );
    let (mut seen, mut next) = (Vec::new(), "/v2/app/tags/list?n=4".to_owned());
    loop {
        let answer = server.get(&next);
        let tags = answer.json()["tags"].as_array().unwrap().clone();
        seen.extend(tags.iter().map(|tag| tag.as_str().unwrap().to_owned()));
        let Some(link) = answer.headers.get("link") else { break };
        let (address, relation) = link.split_once(">; ").unwrap();
        assert_eq!(relation, "rel=\"next\"");
        next = address.trim_start_matches('<').to_owned();
    }
    assert_eq!(serde_json::json!(seen), all["tags"]);
    let tail = server.get("/v2/app/tags/list?last=latest&n=1");
    assert_eq!(tail.json()["tags"], serde_json::json!(["v10"]));
    let none = server.get("/v2/app/tags/list?n=0");
    assert_eq!((none.json()["tags"].as_array().unwrap().len(), none.header("link")), (0, ""));
    server.get("/v2/app/tags/list?n=x").fails(400, "PAGINATION_NUMBER_INVALID");
    let catalog = server.get("/v2/_catalog").json();
    assert_eq!(catalog["repositories"].as_array().unwrap().len(), 8, "{catalog}");
    let part = server.get("/v2/_catalog?n=1&last=a.example/app");
    assert_eq!(part.json()["repositories"], serde_json::json!(["about/plain"]));
    assert!(part.header("link").contains("last=about/plain"));

    let answer = server.get(&format!("/v2/app/referrers/{digest}"));
    assert_eq!((answer.status, answer.header("content-type")), (200, OCI_INDEX));
    assert_eq!(answer.header("oci-filters-applied"), "");
    let found = answer.json();
    assert_eq!((&found["schemaVersion"], &found["mediaType"]), (&2.into(), &OCI_INDEX.into()));
    let mut types: Vec<_> = found["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["artifactType"].as_str().unwrap())
        .collect();
    types.sort_unstable();
    assert_eq!(types, ["application/spdx+json", "application/vnd.example.config"]);
    let answer = server.get(&format!("/v2/app/referrers/{digest}?artifactType=application%2Fspdx%2Bjson"));
    assert_eq!(answer.header("oci-filters-applied"), "artifactType");
    let found = answer.json();
    let [one] = found["manifests"].as_array().unwrap().as_slice() else { panic!("{found}") };
    assert_eq!(one["annotations"]["org.example.name"], "sbom");
    assert_eq!(one["mediaType"], OCI_MANIFEST);
    // What is about an image, and what is about that, is to be had from the image's own repository.
    let sbom = one["digest"].as_str().unwrap();
    let manifest = server.get(&format!("/v2/app/manifests/{sbom}"));
    assert_eq!(manifest.body.len() as u64, one["size"].as_u64().unwrap());
    let layer = manifest.json()["layers"][0]["digest"].as_str().unwrap().to_owned();
    assert_eq!(server.get(&format!("/v2/app/blobs/{layer}")).text(), "an SBOM");
    let signatures = server.get(&format!("/v2/app/referrers/{sbom}")).json();
    let signature = signatures["manifests"][0]["digest"].as_str().unwrap().to_owned();
    assert_eq!(server.get(&format!("/v2/app/manifests/{signature}")).status, 200);
    let empty = server.get(&format!("/v2/app/referrers/{}", Digest::of(b"nothing")));
    assert_eq!((empty.status, empty.json()["manifests"].as_array().unwrap().len()), (200, 0));
}

#[test]
fn names_with_and_without_their_registry() {
    let site = Site::new();
    let bundle = site.pack(
        "names",
        vec![
            site.image("one", "a.example/team/app:1", &[b"from a"]),
            site.image("two", "b.example:5000/team/app:1", &[b"from b"]),
            site.image("three", "b.example:5000/team/app:2", &[b"second from b"]),
            site.image("four", "docker.io/nginx:1", &[b"nginx"]),
        ],
    );
    let server = site.serve(&[&bundle]);
    let layer = |path: &str| {
        let answer = server.get(path);
        let digest = (answer.status == 200).then(|| answer.json()["layers"][0]["digest"].clone());
        digest.map_or_else(|| answer.status.to_string(), |digest| digest.as_str().unwrap().to_owned())
    };
    let (a, b, b2) = (b"from a".as_slice(), b"from b".as_slice(), b"second from b".as_slice());
    let [a, b, b2, nginx] = [a, b, b2, b"nginx"].map(|bytes| Digest::of(bytes).to_string());
    for (path, expected) in [
        ("/v2/a.example/team/app/manifests/1", &a),
        ("/v2/team/app/manifests/1?ns=a.example", &a),
        ("/v2/team/app/manifests/1?ns=b.example%3A5000", &b),
        ("/v2/team/app/manifests/2", &b2),
        ("/v2/nginx/manifests/1", &nginx),
        ("/v2/library/nginx/manifests/1", &nginx),
        ("/v2/docker.io/library/nginx/manifests/1", &nginx),
        ("/v2/library/nginx/manifests/1?ns=docker.io", &nginx),
        // Two registries have it, and the bundle does not say which one is meant.
        ("/v2/team/app/manifests/1", &"404".to_owned()),
        // The same path of a registry that no image came from.
        ("/v2/team/app/manifests/1?ns=c.example", &"404".to_owned()),
    ] {
        assert_eq!(&layer(path), expected, "{path}");
    }
    server.says("`team/app:1` is not offered");
    let repositories = &server.listening["repositories"];
    assert!(repositories.as_array().unwrap().iter().all(|name| !name.as_str().unwrap().contains(':')));
    let page = server.get("/").text();
    assert!(page.contains(&format!("127.0.0.1:{}/a.example/team/app:1\n", server.port)), "{page}");
    assert!(page.contains(&format!("127.0.0.1:{}/nginx:1\n", server.port)), "{page}");
}

#[test]
fn one_name_for_two_things_is_refused_at_the_start() {
    let site = Site::new();
    let one = site.pack("one", vec![site.image("app", "a.example/app:1", &[b"one"])]);
    let two = site.pack("two", vec![site.image("app", "a.example/app:1", &[b"two"])]);
    let said = site.refused(&[&one, &two], &[]);
    for word in ["serve.conflict", "a.example/app:1", "one-1.0", "two-1.0"] {
        assert!(said.contains(word), "{word} is not in {said}");
    }
    // The same bundle twice is not a conflict, and nor is the same image in two.
    let same = site.pack("same", vec![site.image("app", "a.example/app:1", &[b"one"])]);
    let server = site.serve(&[&one, &one, &same]);
    assert_eq!(server.listening["bundles"].as_array().unwrap().len(), 2);
    let again = TempDir::new_in(site.folder.path()).unwrap();
    let mut draft = support::draft();
    draft.name = "one".parse().unwrap();
    draft.items = vec![site.image("app", "a.example/app:1", &[b"another content"])];
    let other = site.authorities.pack(&draft, again.path()).path;
    assert!(site.refused(&[&one, &other], &[]).contains("serve.conflict"));
    // Taken addresses and other trust roots end it too.
    let listen = format!("127.0.0.1:{}", server.port);
    assert!(site.refused(&[&one], &["--listen", &listen]).contains("serve.listen"));
    let open = site.serve_with(&[&one], &["--listen", "0.0.0.0:0"]);
    assert!(open.said().contains("plain HTTP"), "{}", open.said());
    std::fs::write(site.path("root.json"), Authorities::new().chain.trim_ascii_end()).unwrap();
    assert!(site.refused(&[&one], &[]).contains("trust.foreign"));
}

#[test]
fn bad_requests_do_not_end_it() {
    let site = Site::new();
    let server = site.serve(&[&site.sample()]);
    let mut half_open: Vec<_> = (0..40).map(|_| server.connect()).collect();
    for (number, stream) in half_open.iter_mut().enumerate() {
        stream.write_all(&b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Slow: "[..3 + number % 30]).unwrap();
    }
    let many: String = (0..2000).map(|number| format!("X-{number}: y\r\n")).collect();
    for request in [
        b"\0\x01\x02\xff\xfe garbage \r\n\r\n".to_vec(),
        noise(5000, 1),
        b"GET\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(1 << 20)).into_bytes(),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n").into_bytes(),
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a/".repeat(100_000)).into_bytes(),
        b"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n".to_vec(),
        b"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n"
            .to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
    ] {
        let answer = server.raw(&request);
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
    }
    let old = server.raw(b"GET /v2/ HTTP/1.0\r\n\r\n");
    assert!(old.starts_with(b"HTTP/1.0 200") || old.starts_with(b"HTTP/1.1 200"));
    assert!(server.raw(b"GET / HTTP/1.0\r\n\r\n").windows(7).any(|part| part == b"</html>"));
    for path in [
        "/../../etc/passwd",
        "/files/../../etc/passwd",
        "/files/sample-1.0/runbooks/../../../etc/passwd",
        "/files/sample-1.0/runbooks/%2e%2e/%2e%2e/etc/passwd",
        "/files/sample-1.0/runbooks//etc/passwd",
        "/files/sample-1.0/runbooks/guide/..",
        "/files/sample-1.0/runbooks/%00",
        "/files/sample-1.0/hello/",
        "/v2/../../../etc/passwd/manifests/1",
        "/v2//manifests/1",
        "/%2e%2e/",
        "/favicon.ico",
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
    assert_eq!(server.get("/files/%ff").status, 400);
    // Whoever says nothing more is hung up on.
    let start = Instant::now();
    let mut rest = Vec::new();
    let _ = half_open.remove(3).read_to_end(&mut rest);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert_eq!(server.get("/v2/tools/hello/manifests/1").status, 200);
    assert_eq!(server.said(), "");
}

#[test]
fn what_was_damaged_after_the_start_never_arrives_as_a_whole() {
    let site = Site::new();
    let (large, small, other) = (noise(3 << 20, 2), noise(70_000, 3), noise(400_000, 4));
    let files = tree(
        site.folder.path(),
        "files",
        ItemKind::File,
        &[("large", Put::File(&noise(9 << 20, 5))), ("note.txt", Put::File(b"a note"))],
    );
    let image = site.image("app", "a.example/app:1", &[&large, &small, &other]);
    let bundle = site.pack("damaged", vec![image, files]);
    let server = site.serve(&[&bundle]);
    let blob = |bytes: &[u8]| format!("/v2/app/blobs/{}", Digest::of(bytes));
    // Proved before the damage, asked for after it.
    let early = server.ask("GET", &blob(&other), "Range: bytes=0-9\r\n");
    assert_eq!((early.status, early.body.as_slice()), (206, &other[..10]));
    assert!(server.get(&blob(&large)).body == large);

    damage(&bundle, &large[2_500_000..2_500_064]);
    damage(&bundle, &small[10..74]);
    damage(&bundle, &other[10..74]);
    let cut = server.get(&blob(&large));
    assert_eq!((cut.status, cut.header("content-length")), (200, (3 << 20).to_string().as_str()));
    assert!(!cut.is_whole() && cut.body.len() > 1 << 20, "{} bytes", cut.body.len());
    server.get(&blob(&small)).fails(500, "UNKNOWN");
    for bytes in [&large, &other] {
        server.ask("GET", &blob(bytes), "Range: bytes=0-9\r\n").fails(500, "UNKNOWN");
    }
    server.says(&format!("damaged-1.0: digest mismatch for `blobs/sha256/{}`", Digest::of(&large).hex()));
    assert_eq!(server.get("/files/damaged-1.0/files/note.txt").text(), "a note");
    // Frames of noise are stored as they are. What was read before may still be in memory, so this one was not.
    damage(&bundle, &noise(9 << 20, 5)[500..564]);
    let cut = server.get("/files/damaged-1.0/files/large");
    assert!(cut.status == 500 || !cut.is_whole(), "{} {} bytes", cut.status, cut.body.len());
    server.says("frame");
    // A manifest that is no longer there.
    let manifest = server.get("/v2/app/manifests/1").body;
    damage(&bundle, &manifest[..100]);
    server.get("/v2/app/manifests/1").fails(500, "UNKNOWN");
    assert_eq!(server.get("/v2/").status, 200);
}

#[test]
fn pages_show_bundles_and_their_documents() {
    let site = Site::new();
    let html = b"<img src=pic.svg><link rel=stylesheet href=style.css><script>alert(1)</script>";
    let app = site.image("app", "registry.example.com/team/app:1.2", &[b"app"]);
    let doc = tree(
        site.folder.path(),
        "manual",
        ItemKind::Doc,
        &[
            ("a&b 'c' #%.txt", Put::File(b"odd name")),
            ("book", Put::Dir),
            ("book/index.html", Put::File(html)),
            ("book/style.css", Put::File(b"body { color: red }")),
            ("empty", Put::File(b"")),
            ("latest", Put::Link("book")),
            ("start.html", Put::Link("book/index.html")),
        ],
    );
    let server = site.serve(&[&site.pack("docs", vec![app, doc]), &site.sample()]);
    let page = server.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let text = page.text();
    for word in [
        &format!("podman pull --tls-verify=false 127.0.0.1:{}/team/app:1.2\n", server.port),
        &format!("podman pull --tls-verify=false 127.0.0.1:{}/team/app@sha256:", server.port),
        "href=\"/files/docs-1.0/manual/\"",
        "<dt>Statement</dt><dd><code>sha256:",
        "packer (packer, key <code>",
        "2026-11-01T00:00:00Z",
        "sample <small>1.0</small>",
    ] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    assert!(!text.contains("<script"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(server.get("/files/docs-1.0/manual").header("location"), "/files/docs-1.0/manual/");
    let list = server.get("/files/docs-1.0/manual/").text();
    for word in [
        "href=\"./a%26b%20%27c%27%20%23%25.txt\">a&amp;b &#39;c&#39; #%.txt<",
        "href=\"./book/\">book/<",
        "→ book",
    ] {
        assert!(list.contains(word), "{word} is not in {list}");
    }
    assert_eq!(server.get("/files/docs-1.0/manual/a%26b%20%27c%27%20%23%25.txt").text(), "odd name");
    assert_eq!(
        server.get("/files/docs-1.0/manual/latest").header("location"),
        "/files/docs-1.0/manual/book/"
    );
    assert_eq!(server.get("/files/docs-1.0/manual/book").header("location"), "/files/docs-1.0/manual/book/");
    for path in ["book/", "book/index.html", "start.html"] {
        let answer = server.get(&format!("/files/docs-1.0/manual/{path}"));
        assert_eq!((answer.status, answer.body.as_slice()), (200, html.as_slice()), "{path}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("sandbox") && !policy.contains("script"), "{policy}");
        assert!(
            policy.contains(&format!("img-src 127.0.0.1:{}/files/docs-1.0/manual/ ", server.port)),
            "{policy}"
        );
    }
    assert_eq!(server.get("/files/docs-1.0/manual/empty").body.len(), 0);
    let css = server.get("/files/docs-1.0/manual/book/style.css");
    assert_eq!(css.header("content-type"), "text/css; charset=utf-8");
    let head = server.ask("HEAD", "/files/docs-1.0/manual/book/style.css", "");
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "19", 0));
    assert_eq!(server.get("/files/sample-1.0/server/run.sh").text(), "#!/bin/sh\nexit 0\n");
    // A host that is none does not come back in the page.
    let odd = server.raw(b"GET / HTTP/1.1\r\nHost: a\"<b>\r\nConnection: close\r\n\r\n");
    assert!(!String::from_utf8_lossy(&odd).contains("<b>"));
}

/// Runs a script that has to succeed; says which package is missing when a tool is.
fn shell(folder: &Path, tools: &[&str], script: &str) -> String {
    for tool in tools {
        let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().unwrap();
        assert!(found.status.success(), "this test needs {tool}: apt-get install {tool}");
    }
    let output = Command::new("bash")
        .args(["-c", &format!("set -euo pipefail\n{script}")])
        .current_dir(folder)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{error}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn tls_with_a_certificate_of_the_site() {
    let site = Site::new();
    let bundle = site.sample();
    shell(
        site.folder.path(),
        &["openssl", "curl"],
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 \
           -subj '/CN=Site CA' -addext basicConstraints=critical,CA:TRUE 2>/dev/null
         openssl req -newkey rsa:2048 -nodes -keyout site.key -out site.csr -subj '/CN=registry.site' 2>/dev/null
         openssl x509 -req -in site.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out site.pem \
           -extfile <(printf 'subjectAltName=IP:127.0.0.1,DNS:registry.site') 2>/dev/null",
    );
    let server = site.serve_with(&[&bundle], &["--tls-cert", "site.pem", "--tls-key", "site.key"]);
    let url = server.listening["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let curl = format!("curl -sSf --cacert ca.pem {url}v2/tools/hello/blobs/{}", Digest::of(LAYER));
    for version in ["--tlsv1.3", "--tls-max 1.2"] {
        assert_eq!(shell(site.folder.path(), &[], &format!("{curl} {version}")).as_bytes(), LAYER);
    }
    let without = "curl -sS -o /dev/null -w '%{http_code}' ";
    let refused = shell(site.folder.path(), &[], &format!("{without} {url}v2/ 2>&1 || true"));
    assert!(refused.contains("certificate"), "{refused}");
    assert!(!server.raw(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n").starts_with(b"HTTP"));
    assert!(
        shell(site.folder.path(), &[], &format!("curl -sSf --cacert ca.pem {url}"))
            .contains("podman pull 127")
    );
    for (certificate, key) in [("ca.pem", "site.key"), ("site.key", "site.key"), ("site.pem", "ca.pem")] {
        let said = site.refused(&[&bundle], &["--tls-cert", certificate, "--tls-key", key]);
        assert!(said.contains("serve.tls"), "{said}");
    }
    assert!(site.refused(&[&bundle], &["--tls-cert", "site.pem"]).contains("--tls-key"));
}

#[test]
fn skopeo_copies_the_same_digests() {
    let site = Site::new();
    let (one, two) = (noise(300_000, 6), noise(1000, 7));
    let bundle =
        site.pack("pulled", vec![site.image("app", "registry.example.com/team/app:1.2", &[&one, &two])]);
    let server = site.serve(&[&bundle]);
    let manifest = server.get("/v2/team/app/manifests/1.2").body;
    let digest = Digest::of(&manifest);
    let skopeo = "skopeo --insecure-policy --registries.d . --tmpdir .";
    for name in [
        "team/app:1.2".to_owned(),
        "registry.example.com/team/app:1.2".to_owned(),
        format!("team/app@{digest}"),
    ] {
        let script = format!(
            "rm -rf copy; {skopeo} copy -q --src-tls-verify=false --preserve-digests \
             docker://127.0.0.1:{}/{name} oci:copy:x; cat copy/index.json",
            server.port
        );
        let index: Value = serde_json::from_str(&shell(site.folder.path(), &["skopeo"], &script)).unwrap();
        assert_eq!(index["manifests"][0]["digest"], digest.to_string(), "{name}");
        for bytes in [&manifest, &one, &two] {
            let copied =
                std::fs::read(site.path(&format!("copy/blobs/sha256/{}", Digest::of(bytes).hex()))).unwrap();
            assert!(copied == *bytes, "{name}");
        }
    }
    let script = format!("{skopeo} list-tags --tls-verify=false docker://127.0.0.1:{}/team/app", server.port);
    assert!(shell(site.folder.path(), &["skopeo"], &script).contains("\"1.2\""));
}

#[test]
fn many_pulls_at_once_take_little_memory() {
    let site = Site::new();
    let layer = noise(48 << 20, 8);
    let server = site.serve(&[&site.pack("heavy", vec![site.image("app", "a.example/app:1", &[&layer])])]);
    let request =
        format!("GET /v2/app/blobs/{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", Digest::of(&layer));
    let pull = |headers: &str, expected: usize| {
        let mut stream = server.connect();
        stream.write_all(format!("{request}{headers}\r\n").as_bytes()).unwrap();
        let (mut len, mut buffer) = (0, vec![0; 64 << 10]);
        loop {
            match stream.read(&mut buffer).unwrap() {
                0 => break,
                read => len += read,
            }
        }
        assert!((expected..expected + 1000).contains(&len), "{len} of {expected}");
    };
    // Some who take nothing for a while are among them.
    let mut idle: Vec<_> = (0..16).map(|_| server.connect()).collect();
    for stream in &mut idle {
        stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
    }
    std::thread::scope(|scope| {
        for number in 0..48 {
            let pull = &pull;
            scope.spawn(move || match number % 4 {
                0 => pull("Range: bytes=1000-20000999\r\n", 20_000_000),
                _ => pull("", 48 << 20),
            });
        }
    });
    let peak = server.peak();
    assert!(peak < 128 << 10, "{peak} KiB");
    for stream in idle {
        stream.shutdown(Shutdown::Both).unwrap();
    }
    assert_eq!(server.get("/v2/").status, 200);
}

#[test]
fn a_stop_lets_running_answers_finish() {
    let site = Site::new();
    let layer = noise(32 << 20, 9);
    let bundle = site.pack("stopped", vec![site.image("app", "a.example/app:1", &[&layer])]);
    let mut server = site.serve(&[&bundle]);
    let mut stream = server.connect();
    let idle = server.connect();
    let path = format!("/v2/app/blobs/{}", Digest::of(&layer));
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    let mut first = [0; 1000];
    stream.read_exact(&mut first).unwrap();
    server.signal("TERM");
    std::thread::sleep(Duration::from_millis(500));
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    let answer = Answer::parse(&[&first[..], &rest].concat());
    assert!(answer.is_whole() && answer.body == layer);
    drop(idle);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    // And one that takes nothing does not keep it for ever.
    let mut server = site.serve(&[&bundle]);
    let mut stream = server.connect();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    stream.read_exact(&mut first).unwrap();
    let start = Instant::now();
    server.signal("INT");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(15));
}
