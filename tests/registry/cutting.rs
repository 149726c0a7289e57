//! Connections that are cut: what has arrived is kept, and is not asked for again.

use super::images::{Simple, noise, simple};
use super::scripted::{Asked, Bench, Reply, Scripted};
use std::sync::atomic::Ordering::Relaxed;

const SIZE: usize = 300_000;

fn sample() -> Simple {
    simple(&noise(SIZE, 7))
}

/// A registry that answers to requests for the layer like this.
fn server(
    sample: &Simple,
    layer: impl Fn(&Asked, usize) -> Option<Reply> + Send + Sync + 'static,
) -> Scripted {
    let end = sample.layer.to_string();
    Scripted::new(sample.content.clone(), move |asked, before| {
        asked.path.ends_with(&end).then(|| layer(asked, before)).flatten()
    })
}

fn ranges(server: &Scripted, sample: &Simple) -> Vec<String> {
    let asked = server.asked_for(&sample.layer.to_string());
    asked.iter().map(|asked| asked.header("range").unwrap_or("all").to_owned()).collect()
}

fn whole() -> Reply {
    Reply::new(200, "", &noise(SIZE, 7))
}

#[test]
fn a_transfer_goes_on_where_it_was_cut() {
    let sample = sample();
    let server = server(&sample, |_, before| (before == 0).then(|| whole().cut(100_000)));
    let bench = Bench::new();
    bench.lock(&server, "app:1").unwrap();
    assert_eq!(ranges(&server, &sample), ["all", "bytes=200000-"]);
    assert!(bench.is_sound() && bench.store.get(&sample.layer).is_some());
    assert!(!bench.partial(&sample.layer).exists());
}

#[test]
fn a_transfer_that_is_cut_again_and_again() {
    let sample = sample();
    // Every time, the rest without its last bytes: it comes to an end as long as something comes.
    let inner = sample.content.clone();
    let server = server(&sample, move |asked, before| (before < 12).then(|| inner.answer(asked).cut(1000)));
    Bench::new().lock(&server, "app:1").unwrap_err();
    let inner = sample.content.clone();
    let halves = self::server(&sample, move |asked, before| {
        let from = asked.header("range").map_or(0, |range| range[6..range.len() - 1].parse().unwrap());
        (before < 12).then(|| inner.answer(asked).cut((SIZE - from) / 2))
    });
    Bench::new().lock(&halves, "app:1").unwrap();
    assert_eq!(ranges(&halves, &sample).len(), 13);
}

#[test]
fn a_transfer_that_never_goes_on() {
    let sample = sample();
    let server = server(&sample, |asked, before| {
        Some(match asked.header("range") {
            None if before == 0 => whole().cut(100_000),
            _ => Reply::raw(206, "Content-Range: bytes 200000-299999/300000\nContent-Length: 100000", b""),
        })
    });
    let bench = Bench::new();
    let said = bench.lock(&server, "app:1").unwrap_err();
    for word in ["[registry.failed]", "cannot reach the registry", "next:", "what was transferred is kept"] {
        assert!(said.contains(word), "{said}");
    }
    assert_eq!(ranges(&server, &sample).len(), 4);
    assert!(bench.store.get(&sample.layer).is_none());
    assert_eq!(std::fs::metadata(bench.partial(&sample.layer)).unwrap().len(), 200_000);
    // The next run, with the registry sound again, goes on from there.
    let sound = self::server(&sample, |_, _| None);
    bench.lock(&sound, "app:1").unwrap();
    assert_eq!(ranges(&sound, &sample), ["bytes=200000-"]);
}

#[test]
fn registries_that_cannot_go_on() {
    let sample = sample();
    let mid = |range: &'static str| {
        move |_: &Asked, before| {
            Some(match before {
                0 => whole().cut(100_000),
                1 => Reply::new(206, range, &noise(SIZE, 7)[200_000..]),
                _ => whole(),
            })
        }
    };
    for (server, asked) in [
        // The whole blob in the place of the rest.
        (server(&sample, |_, before| Some(if before == 0 { whole().cut(100_000) } else { whole() })), 2),
        (server(&sample, mid("Content-Range: bytes 0-99999/300000")), 3),
        (server(&sample, mid("X-Nothing: said")), 3),
        (
            server(&sample, |_, before| {
                Some(match before {
                    0 => whole().cut(100_000),
                    1 => Reply::new(416, "", b""),
                    _ => whole(),
                })
            }),
            3,
        ),
    ] {
        let bench = Bench::new();
        bench.lock(&server, "app:1").unwrap();
        assert_eq!(ranges(&server, &sample).len(), asked);
        assert!(bench.is_sound() && bench.store.get(&sample.layer).is_some());
    }
}

#[test]
fn the_rest_of_another_blob() {
    let sample = sample();
    let other = |asked: &Asked, before| match asked.header("range") {
        None if before == 0 => Some(whole().cut(100_000)),
        None => None,
        Some(_) => Some(Reply::new(206, "Content-Range: bytes 200000-299999/300000", &noise(100_000, 9))),
    };
    let (wrong, bench) = (server(&sample, other), Bench::new());
    let said = bench.lock(&wrong, "app:1").unwrap_err();
    assert!(said.contains("[registry.content]") && said.contains("digest mismatch"), "{said}");
    assert!(bench.store.get(&sample.layer).is_none() && !bench.partial(&sample.layer).exists());
    // What lies there from an earlier run is not what it should be: the blob is fetched anew.
    std::fs::write(bench.partial(&sample.layer), noise(200_000, 9)).unwrap();
    let sound = server(&sample, |_, _| None);
    bench.lock(&sound, "app:1").unwrap();
    assert_eq!(ranges(&sound, &sample), ["bytes=200000-", "all"]);
    // Longer than the blob is.
    std::fs::remove_file(bench.store.get(&sample.layer).unwrap()).unwrap();
    std::fs::write(bench.partial(&sample.layer), noise(SIZE + 1, 7)).unwrap();
    bench.lock(&sound, "app:1").unwrap();
    assert!(bench.is_sound() && bench.store.get(&sample.layer).is_some());
}

#[test]
fn two_at_once_fetch_once() {
    let sample = sample();
    let server = server(&sample, |_, _| {
        std::thread::sleep(std::time::Duration::from_millis(300));
        None
    });
    let bench = Bench::new();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| bench.lock(&server, "app:1").unwrap());
        }
    });
    assert_eq!(ranges(&server, &sample), ["all"]);
    assert!(bench.is_sound() && !bench.partial(&sample.layer).exists());
}

#[test]
fn the_largest_length_there_is() {
    let sample = sample();
    let server = server(&sample, |_, before| {
        Some(match before {
            0 => whole().cut(100_000),
            _ => Reply::raw(
                206,
                "Content-Range: bytes 200000-299999/300000\nContent-Length: 18446744073709551615",
                b"x",
            ),
        })
    });
    let said = Bench::new().lock(&server, "app:1").unwrap_err();
    assert!(said.contains("[registry.content]") && said.contains("size mismatch"), "{said}");
}

#[test]
fn a_manifest_that_is_cut_is_asked_for_again() {
    let sample = sample();
    for (cuts, fine) in [(1, true), (u32::MAX, false)] {
        let content = sample.content.clone();
        let left = std::sync::atomic::AtomicU32::new(cuts);
        let server = Scripted::new(sample.content.clone(), move |asked, _| {
            let cut = asked.path.ends_with("manifests/1")
                && left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok();
            cut.then(|| content.answer(asked).cut(10))
        });
        let outcome = Bench::new().lock(&server, "app:1");
        assert_eq!(outcome.is_ok(), fine, "{cuts}");
        if let Err(said) = outcome {
            assert!(
                said.contains("[registry.failed]") && said.contains("closed the connection in the middle"),
                "{said}"
            );
        }
    }
}
