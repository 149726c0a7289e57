use super::*;
use crate::codes;
use crate::test_support::Bench;
use sealift_bundle::value::error_code::Fault as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Answers each request with what `answer` makes of its path; counts requests.
fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut reader = BufReader::new(&stream);
            let mut line = String::new();
            let _ = reader.read_line(&mut line);
            let mut header = String::new();
            while reader.read_line(&mut header).is_ok_and(|read| read > 2) {
                header.clear();
            }
            let path = line.split(' ').nth(1).unwrap_or_default();
            let _ = (&stream).write_all(&answer(path));
        }
    });
    (address, count)
}

fn ok(body: &str, length: usize) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").into_bytes()
}

fn get(bench: &Bench, url: &str, content: &str) -> Result<u64, PlanError> {
    let url = Address::parse(url).unwrap();
    bench.with(1, |work| {
        fetch(&url, Some(&Digest::of(content.as_bytes())), &Task::new(work)).map(|(_, size)| size)
    })
}

fn is_stored(bench: &Bench, content: &str) -> bool {
    bench.with(1, |work| work.store.get(&Digest::of(content.as_bytes())).is_some())
}

#[test]
fn a_download_is_stored_once() {
    let bench = Bench::new();
    let (address, count) = serve(|path| match path {
        "/start" => {
            b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
        }
        _ => ok("hello", 5),
    });
    assert_eq!(get(&bench, &format!("{address}/start"), "hello").unwrap(), 5);
    assert!(is_stored(&bench, "hello"));
    assert_eq!(count.load(Ordering::SeqCst), 2);
    assert_eq!(get(&bench, &format!("{address}/start"), "hello").unwrap(), 5);
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn wrong_cut_and_surplus_bytes_are_never_kept() {
    let bench = Bench::new();
    let (address, _) = serve(|path| match path {
        "/cut" => ok("hel", 5),
        "/long" => ok("hello and more", 5),
        "/huge" => ok("hello", usize::MAX),
        _ => ok("olleh", 5),
    });
    let code = |path: &str| get(&bench, &format!("{address}{path}"), "hello").map_err(|error| error.code());
    assert_eq!(code("/wrong"), Err(sealift_bundle::codes::SOURCE_DIGEST));
    assert_eq!(code("/cut"), Err(codes::SOURCE_FETCH));
    assert_eq!(code("/huge"), Err(codes::SOURCE_LIMIT));
    assert!(!is_stored(&bench, "hello") && !is_stored(&bench, "olleh") && !is_stored(&bench, "hel"));
    // What follows the announced length belongs to no file.
    assert_eq!(code("/long"), Ok(5));
    let error = get(&bench, &format!("{address}/wrong?token=secret"), "hallo").unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    let expected = format!("expected {}, found {}", Digest::of(b"hallo"), Digest::of(b"olleh"));
    assert!(error.to_string().contains(&expected), "{error}");
}

#[test]
fn servers_that_refuse_loop_or_are_not_there() {
    let bench = Bench::new();
    let (address, count) = serve(|path| {
        match path {
        "/missing" => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
        _ => b"HTTP/1.1 302 Found\r\nLocation: /loop?token=secret\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
    }
    });
    let error = |url: &str| {
        let error = get(&bench, url, "hello").unwrap_err();
        assert_eq!(error.code(), codes::SOURCE_FETCH, "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        error.to_string()
    };
    assert!(error(&format!("{address}/missing")).contains("status 404"));
    assert!(error(&format!("{address}/loop?token=secret")).contains("redirected more than 5 times"));
    assert!(count.load(Ordering::SeqCst) <= 8);
    error("http://127.0.0.1:1/x");
}

#[test]
fn files_of_this_machine() {
    let bench = Bench::new();
    let path = bench.file("a b.bin", "hello");
    let url = format!("file://{}", path.to_str().unwrap().replace(' ', "%20"));
    assert_eq!(get(&bench, &url, "hello").unwrap(), 5);
    assert_eq!(get(&bench, &url, "other").unwrap_err().code(), sealift_bundle::codes::SOURCE_DIGEST);
    assert_eq!(
        get(&bench, "file:///nowhere/x", "x").unwrap_err().code(),
        sealift_bundle::codes::SOURCE_MISSING
    );
    let folder = format!("file://{}", bench.folder().display());
    assert_eq!(get(&bench, &folder, "x").unwrap_err().code(), codes::SOURCE_TYPE);
}

#[test]
fn f_field_21_a_server_without_ranges_begins_again_and_what_was_kept_wrong_is_forgotten() {
    let bench = Bench::new();
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let (address, _) = serve(move |_| match seen.fetch_add(1, Ordering::SeqCst) {
        0 => ok("hel", 5),
        1 => ok("hell", 5),
        _ => ok("hello", 5),
    });
    assert_eq!(get(&bench, &format!("{address}/x"), "hello").unwrap(), 5);
    // What an earlier run left is of another file.
    let rest = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 3-4/5\r\nContent-Length: 2\r\nConnection: close\r\n\r\nlo";
    let (address, _) = serve(move |path| if path == "/x" { rest.as_bytes().to_vec() } else { ok("x", 1) });
    let begin = |bytes: &[u8]| {
        let digest = Digest::of(b"other");
        bench.with(1, |work| work.store.resume(&digest).unwrap().unwrap().append(bytes).unwrap());
    };
    begin(b"oth");
    assert_eq!(
        get(&bench, &format!("{address}/x"), "other").unwrap_err().code(),
        sealift_bundle::codes::SOURCE_DIGEST
    );
    begin(b"othlo");
    let error = get(&bench, &format!("{address}/x"), "other").unwrap_err();
    assert_eq!(error.code(), codes::SOURCE_FETCH, "{error}");
}
