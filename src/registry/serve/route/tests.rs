use super::*;

fn get(path: &str, query: &str) -> Result<AskedRoute, Refusal> {
    route("GET", path, Some(query))
}

fn repo(name: &str) -> Repo {
    Repo { name: name.to_owned(), origin: None }
}

fn zeros() -> String {
    format!("sha256:{}", "0".repeat(64))
}

#[test]
fn every_address_of_the_specification() {
    let digest: Digest = zeros().parse().unwrap();
    for path in ["/v2", "/v2/"] {
        assert_eq!(get(path, ""), Ok(AskedRoute::Version));
    }
    let tag = Reference::Tag("1.2".to_owned());
    assert_eq!(get("/v2/team/app/manifests/1.2", ""), Ok(AskedRoute::Manifest(repo("team/app"), tag)));
    let by_digest = AskedRoute::Manifest(repo("a"), Reference::Digest(digest));
    assert_eq!(get(&format!("/v2/a/manifests/{}", zeros()), ""), Ok(by_digest));
    assert_eq!(
        get(&format!("/v2/a/blobs/{}", zeros().replace(':', "%3A")), ""),
        Ok(AskedRoute::Blob(repo("a"), digest))
    );
    let page = ListPage { count: Some(2), last: Some("b".to_owned()) };
    assert_eq!(get("/v2/a/tags/list", "n=2&last=b"), Ok(AskedRoute::Tags(repo("a"), page.clone())));
    assert_eq!(get("/v2/_catalog", "last=b&n=2"), Ok(AskedRoute::Catalog(page)));
    let found = get(&format!("/v2/a/referrers/{}", zeros()), "artifactType=application/a+b");
    assert_eq!(found, Ok(AskedRoute::Referrers(repo("a"), digest, Some("application/a+b".to_owned()))));
    let through = Repo { name: "a".to_owned(), origin: Some("localhost:5000".to_owned()) };
    assert_eq!(
        get("/v2/a/tags/list", "ns=localhost%3A5000"),
        Ok(AskedRoute::Tags(through, ListPage::default()))
    );
}

#[test]
fn what_writes_is_refused_whatever_it_writes() {
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "get"] {
        assert_eq!(route(method, "/v2/a/blobs/uploads/", None), Err(READ_ONLY), "{method}");
    }
}

#[test]
fn malformed_requests() {
    for (path, query, status, code) in [
        ("/v2/a/blobs/sha256:0", "", 400, "DIGEST_INVALID"),
        ("/v2/a/blobs/md5:0", "", 400, "DIGEST_INVALID"),
        ("/v2/a/blobs/..", "", 400, "DIGEST_INVALID"),
        ("/v2/a/manifests/sha256:x", "", 400, "DIGEST_INVALID"),
        ("/v2/a/tags/list", "n=-1", 400, "PAGINATION_NUMBER_INVALID"),
        ("/v2/%zz", "", 400, "NAME_INVALID"),
        ("/v2/%ff/", "", 400, "NAME_INVALID"),
        ("/v2/a", "", 404, "NAME_UNKNOWN"),
        ("/v2/a/b/c/d", "", 404, "NAME_UNKNOWN"),
        ("/etc/passwd", "", 404, "NOT_FOUND"),
        ("/files/a", "", 404, "NOT_FOUND"),
        ("", "", 404, "NOT_FOUND"),
        ("*", "", 404, "NOT_FOUND"),
    ] {
        let refusal = get(path, query).unwrap_err();
        assert_eq!((refusal.status, refusal.code), (status, code), "{path}?{query}");
    }
    let long = format!("/v2/a/blobs/sha512:{}", "0".repeat(128));
    assert_eq!(get(&long, "").unwrap_err(), NO_BLOB);
}

#[test]
fn files_are_named_by_bundle_item_and_path() {
    let file = |path: Option<&str>| AskedRoute::File {
        bundle: "a-1".to_owned(),
        item: "doc".to_owned(),
        path: path.map(str::to_owned),
        after: None,
    };
    assert_eq!(get("/files/a-1/doc", ""), Ok(file(None)));
    assert_eq!(get("/files/a-1/doc/", ""), Ok(file(Some(""))));
    assert_eq!(get("/files/a-1/doc/b%20c/d.md", ""), Ok(file(Some("b c/d.md"))));
    assert_eq!(get("/files/a-1/doc/../x", ""), Ok(file(Some("../x"))), "no tree has such a path");
}

#[test]
fn ranges_of_ten_bytes() {
    for (header, expected) in [
        ("bytes=0-0", Ok(Some(0..1))),
        ("bytes=2-5", Ok(Some(2..6))),
        ("bytes=2-", Ok(Some(2..10))),
        ("bytes=-3", Ok(Some(7..10))),
        ("bytes=-99", Ok(Some(0..10))),
        ("bytes=5-99", Ok(Some(5..10))),
        ("bytes=5-18446744073709551615", Ok(Some(5..10))),
        ("bytes=10-", Err(())),
        ("bytes=10-12", Err(())),
        ("bytes=-0", Err(())),
        ("bytes=5-4", Ok(None)),
        ("bytes=0-1,3-4", Ok(None)),
        ("bytes=-", Ok(None)),
        ("bytes=x-1", Ok(None)),
        ("bytes=+1-2", Ok(None)),
        ("lines=1-2", Ok(None)),
    ] {
        assert_eq!(range(Some(header), 10), expected, "{header}");
    }
    assert_eq!(range(None, 10), Ok(None));
    assert_eq!(range(Some("bytes=0-"), 0), Err(()));
}
