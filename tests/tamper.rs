//! A small bundle, changed in every place there is: nothing is verified, nothing is written.

use crate::forge::{self, Forge, Judge, Way};
use crate::support::Authorities;
use sealift_bundle::codes;
use sealift_bundle::format::member::{self, blob_name};
use sealift_bundle::trust::verify::Depth;
use sealift_bundle::value::error_code::{Class, Code};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// For every how many bytes the slower ways are taken too.
const STRIDE: usize = 61;

/// Which of `count` changed bundles are verified. Each is read from a pipe, and every `stride`th in every way.
fn verified(
    authorities: &Authorities,
    count: usize,
    stride: usize,
    make: impl Fn(usize) -> Vec<u8> + Sync,
) -> Vec<usize> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let judge = Judge::new(authorities);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let bundle = make(number);
                    let ways = if number % stride == 0 { &Way::ALL[..] } else { &[Way::Pipe(Depth::Stored)] };
                    for way in ways {
                        match judge.code(*way, &bundle).map(Code::class) {
                            None => found.lock().unwrap().push(number),
                            class => assert_eq!(class, Some(Class::Rejected), "change {number}, {way:?}"),
                        }
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort_unstable();
    found.dedup();
    found
}

#[track_caller]
fn none(verified: &[usize], case: &str) {
    assert!(verified.is_empty(), "{case}: {verified:?} were verified");
}

/// All of these bundles are refused in every way.
#[track_caller]
fn all_refused(authorities: &Authorities, expected: usize, bundles: &[Vec<u8>]) {
    assert_eq!(bundles.len(), expected);
    none(&verified(authorities, bundles.len(), 1, |number| bundles[number].clone()), "of all");
}

/// Where the contents of members lie.
fn places(forge: &Forge) -> Vec<(&str, Range<usize>)> {
    let mut at = 0;
    let place = |(_, content): &(String, Vec<u8>)| {
        let begins = at + 512;
        at += 512 + content.len().next_multiple_of(512);
        begins..begins + content.len()
    };
    let ranges: Vec<_> = forge.members.iter().map(place).collect();
    forge.members.iter().map(|(name, _)| name.as_str()).zip(ranges).collect()
}

fn flipped(bundle: &[u8], at: usize, mask: u8) -> Vec<u8> {
    let mut bundle = bundle.to_vec();
    bundle[at] ^= mask;
    bundle
}

#[test]
fn z01_no_byte_can_change() {
    let authorities = Authorities::new();
    let bundle = forge::sample(&authorities);
    let forge = Forge::of(&bundle);
    assert!(bundle.len() > 30_000, "every byte of {}", bundle.len());
    let passed = verified(&authorities, bundle.len(), STRIDE, |at| flipped(&bundle, at, 0x01));
    none(&passed, "flipped");
    // Other bits where text that nobody certifies yet is read: case, white space, and bytes beyond ASCII.
    let (_, seal) = places(&forge).swap_remove(1);
    for mask in [0x20, 0x80] {
        let passed = verified(&authorities, seal.end, STRIDE, |at| flipped(&bundle, at, mask));
        none(&passed, &format!("mask {mask:#x}"));
    }
    // Headers, edges of contents and padding, in every way.
    let edges: Vec<_> = places(&forge)
        .into_iter()
        .flat_map(|(_, place)| {
            [place.start - 512, place.start - 364, place.start - 1, place.start, place.end - 1, place.end]
        })
        .chain([bundle.len() - 1024, bundle.len() - 1])
        .collect();
    let passed = verified(&authorities, edges.len(), 1, |number| flipped(&bundle, edges[number], 0x01));
    none(&passed, "edges");
}

#[test]
fn z02_no_prefix_is_believed() {
    let authorities = Authorities::new();
    let bundle = forge::sample(&authorities);
    let passed = verified(&authorities, bundle.len(), STRIDE, |len| bundle[..len].to_vec());
    none(&passed, &format!("of {} prefixes", bundle.len()));
    let judge = Judge::new(&authorities);
    for len in [0, 1, 511, 512, 513, bundle.len() - 1024, bundle.len() - 512, bundle.len() - 1] {
        judge.refuses(&format!("Z02 {len}"), &bundle[..len], codes::BUNDLE_TRUNCATED);
    }
}

#[test]
fn z03_z04_nothing_may_follow() {
    let authorities = Authorities::new();
    let bundle = forge::sample(&authorities);
    let judge = Judge::new(&authorities);
    let member = &bundle[..1024];
    for tail in [&b"x"[..], &[0], &[0; 512], &[0; 1024], &[0; 10_240], member, &bundle] {
        let longer = [&bundle[..], tail].concat();
        judge.refuses(&format!("Z03 {} bytes behind", tail.len()), &longer, codes::BUNDLE_TRAILING);
        let before = [tail, &bundle[..]].concat();
        assert!(
            Way::ALL.iter().all(|way| judge.code(*way, &before).is_some()),
            "Z03 {} bytes before",
            tail.len()
        );
    }
    // P43: one of the two closing blocks is not enough, three are too many.
    judge.refuses("P43 one block", &bundle[..bundle.len() - 512], codes::BUNDLE_TRUNCATED);
}

#[test]
fn z13_members_come_in_one_order() {
    let authorities = Authorities::new();
    let forge = Forge::of(&forge::sample(&authorities));
    let count = forge.members.len();
    let mut bundles = Vec::new();
    for one in 0..count {
        for two in 0..one {
            let mut swapped = forge.clone();
            swapped.members.swap(one, two);
            bundles.push(swapped.bytes());
            // The names stay where they are, and the contents change places.
            let mut swapped = forge.clone();
            swapped.members[one].1 = forge.members[two].1.clone();
            swapped.members[two].1 = forge.members[one].1.clone();
            bundles.push(swapped.bytes());
        }
    }
    all_refused(&authorities, count * (count - 1), &bundles);
}

#[test]
fn z14_z15_no_member_is_missing_doubled_or_added() {
    let authorities = Authorities::new();
    let forge = Forge::of(&forge::sample(&authorities));
    let count = forge.members.len();
    let stranger = Forge::of(&forge::sample(&Authorities::new()));
    let mut bundles = Vec::new();
    for at in 0..count {
        let mut change = |change: &dyn Fn(&mut Vec<(String, Vec<u8>)>)| {
            let mut changed = forge.clone();
            change(&mut changed.members);
            bundles.push(changed.bytes());
        };
        change(&|members| drop(members.remove(at)));
        change(&|members| members.insert(at, members[at].clone()));
        change(&|members| members.push(members[at].clone()));
        change(&|members| members.insert(at, ("blobs/sha256/extra".to_owned(), b"extra".to_vec())));
        change(&|members| members[at].1.clear());
        change(&|members| members[at].1.push(0));
        change(&|members| members[at].0.push('x'));
    }
    all_refused(&authorities, 7 * count, &bundles);
    // The same content under another root, and roots or seal of one bundle in the other.
    let mixed = |at: usize| {
        let mut mixed = forge.clone();
        mixed.members[at] = stranger.members[at].clone();
        mixed.bytes()
    };
    all_refused(&authorities, 3, &[stranger.bytes(), mixed(0), mixed(1)]);
}

#[test]
fn z01_frames_stay_where_they_are() {
    let authorities = Authorities::new();
    let judge = Judge::new(&authorities);
    let mut good = Forge::of(&forge::sample(&authorities));
    let stream = good.stream("runbooks");
    good.set_stream("runbooks", &stream, 512);
    judge.trusts("many frames", &good.sealed(&authorities));
    let frames = forge::frames(&stream, 512);
    let layer = good.parts("runbooks").1;
    let mut pairs = 0;
    for one in 0..frames.len() {
        for two in 0..one {
            if frames[one].1 == frames[two].1 {
                continue;
            }
            pairs += 1;
            let case = format!("frames {two} and {one}");
            let mut swapped = frames.clone();
            swapped.swap(one, two);
            forge::place(&mut swapped);
            let bytes: Vec<u8> = swapped.iter().flat_map(|(_, stored)| stored.clone()).collect();
            // On the medium: the layer is not the signed one.
            let mut damaged = good.clone();
            damaged.set(&blob_name(&layer), bytes.clone());
            judge.refuses(&case, &rejoined(&damaged, &good, &authorities), codes::BUNDLE_DIGEST);
            // By a packer who signs it: the layer fits, the frames do not.
            let mut careless = good.clone();
            careless.swap(layer, bytes);
            judge.refuses_decoded(&case, &careless.sealed(&authorities), codes::BUNDLE_DIGEST);
            // By a packer who lists them so: the frames fit, the stream does not.
            let mut hostile = good.clone();
            hostile.set_frames("runbooks", &swapped);
            let hostile = hostile.sealed(&authorities);
            // Which of the two frames is read first, and so what it is refused for, is for the threads to say.
            for way in Way::ALL {
                match judge.take(way, &hostile).map_err(|error| error.code()) {
                    Ok(()) => assert!(!way.decodes(), "{case}, {way:?} is verified"),
                    Err(codes::BUNDLE_FORMAT | codes::BUNDLE_DIGEST | codes::BUNDLE_FRAME)
                        if way.decodes() => {}
                    Err(other) => panic!("{case}, {way:?}: {other:?}"),
                }
            }
        }
    }
    assert!(pairs > 20, "{pairs} pairs");
}

/// Changed contents behind the front of a good bundle.
fn rejoined(changed: &Forge, good: &Forge, authorities: &Authorities) -> Vec<u8> {
    let mut sealed = Forge::of(&good.sealed(authorities));
    for ((_, into), (_, from)) in
        sealed.members.iter_mut().zip(&changed.members).skip(3 + member::FIXED.len())
    {
        into.clone_from(from);
    }
    sealed.bytes()
}
