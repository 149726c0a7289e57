//! What is packed comes out the same, by every way there is.

use crate::support::{self, Authorities, Put, conditions, image, tree};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::member_reader::MemberReader;
use sealift_bundle::pack::FrameStore;
use sealift_bundle::pack::draft::{DraftImage, DraftItem};
use sealift_bundle::trust::verify::{Depth, Looking, OpenBundle, Trusted, verify_contents};
use sealift_bundle::value::digest::Digest;
use sealift_site::unpack::unpack;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    })
    .take(len)
    .collect()
}

fn verify_both_ways(path: &Path, authorities: &Authorities) {
    let bytes = std::fs::read(path).unwrap();
    for depth in [Depth::Stored, Depth::Decoded] {
        let file = support::open(path);
        for mut tape in [MemberReader::file(&file), support::pipe(&bytes)] {
            let trusted = Trusted::open(&mut tape, &authorities.pinned, &conditions()).unwrap();
            verify_contents(&trusted, &mut tape, &conditions(), &Looking(depth)).unwrap();
        }
    }
}

#[test]
fn a_small_bundle_goes_all_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let authorities = Authorities::new();
    let sealed = authorities.pack(&support::sample(folder.path()), folder.path());
    verify_both_ways(&sealed.path, &authorities);

    let file = support::open(&sealed.path);
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    unpack(&mut MemberReader::file(&file), &authorities.pinned, &one, None, &conditions()).unwrap();
    let bytes = std::fs::read(&sealed.path).unwrap();
    unpack(&mut support::pipe(&bytes), &authorities.pinned, &two, None, &conditions()).unwrap();
    let listing = support::listing(&one);
    assert_eq!(listing, support::listing(&two));
    let names: Vec<_> = listing.iter().map(|(name, mode, _)| format!("{mode:o} {name}")).collect();
    snapbox::assert_data_eq!(
        names.join("\n") + "\n",
        snapbox::str![[r#"
40755 config
40755 config/server
100644 config/server/empty.conf
100755 config/server/run.sh
40755 doc
40755 doc/runbooks
40755 doc/runbooks/empty
40755 doc/runbooks/guide
100644 doc/runbooks/guide/install.md
100644 doc/runbooks/readme.md
120777 doc/runbooks/start.md
40755 images
40755 images/blobs
40755 images/blobs/sha256
100444 images/blobs/sha256/[..]
100444 images/blobs/sha256/[..]
100444 images/blobs/sha256/[..]
100444 images/blobs/sha256/[..]
100644 images/index.json
100644 images/manifest.json
100644 images/oci-layout

"#]]
    );
}

#[test]
fn images_that_do_not_travel_whole_and_what_is_about_them() {
    let folder = tempfile::tempdir().unwrap();
    let authorities = Authorities::new();
    let mut draft = support::sample(folder.path());
    let signed = |name, reference| support::signed_image(folder.path(), name, reference, &[b"layer one"]);
    // Two images share everything; a tree stands between them in the draft.
    draft.items.push(signed("signed", "registry.example.com/tools/signed:1"));
    draft.items.insert(0, signed("again", "registry.example.com/tools/signed:2"));
    let sealed = authorities.pack(&draft, folder.path());
    assert_eq!(sealed.totals.items, 5);
    verify_both_ways(&sealed.path, &authorities);

    let file = support::open(&sealed.path);
    let target = folder.path().join("out");
    unpack(&mut MemberReader::file(&file), &authorities.pinned, &target, None, &conditions()).unwrap();
    let read = |name: &str| -> Vec<u8> { std::fs::read(target.join("images").join(name)).unwrap() };
    let blob = |digest: &str| read(&digest.replace("sha256:", "blobs/sha256/"));
    let index: serde_json::Value = serde_json::from_slice(&read("index.json")).unwrap();
    let entries = index["manifests"].as_array().unwrap();
    let note = |entry: &serde_json::Value, key: &str| entry["annotations"][key].as_str().map(str::to_owned);
    let shown: Vec<_> = entries
        .iter()
        .map(|entry| {
            note(entry, "io.containerd.image.name").or_else(|| note(entry, "dev.sealift.referrer.of"))
        })
        .map(Option::unwrap)
        .collect();
    assert_eq!(
        shown,
        [
            "registry.example.com/tools/signed:2",
            "again",
            "again",
            "registry.example.com/tools/hello:1",
            "registry.example.com/tools/signed:1",
            "signed",
            "signed",
        ]
    );
    for entry in entries {
        blob(entry["digest"].as_str().unwrap());
    }
    let withheld = note(&entries[0], "dev.sealift.item.withheld").unwrap();
    assert_eq!(withheld, Digest::of(b"a manifest that does not travel").to_string());
    assert!(!target.join("images").join(withheld.replace("sha256:", "blobs/sha256/")).exists());
    let tag = note(&entries[1], "dev.sealift.referrer.tag").unwrap();
    assert_eq!(tag, entries[0]["digest"].as_str().unwrap().replace(':', "-") + ".sig");
    let stamp: serde_json::Value =
        serde_json::from_slice(&blob(entries[2]["digest"].as_str().unwrap())).unwrap();
    assert_eq!(stamp["subject"]["digest"], entries[1]["digest"]);
    assert_eq!(blob(stamp["layers"][0]["digest"].as_str().unwrap()), b"time stamp");
}

/// What a reader would refuse is not packed.
#[test]
fn what_does_not_fit_the_documents_is_not_packed() {
    let refused = |change: &dyn Fn(&mut DraftImage)| {
        let folder = tempfile::tempdir().unwrap();
        let mut draft = support::sample(folder.path());
        let item = support::signed_image(folder.path(), "signed", "registry.example.com/tools/signed:1", &[]);
        let DraftItem::Image(mut image) = item else { unreachable!() };
        change(&mut image);
        draft.items.push(DraftItem::Image(image));
        let (authorities, limits) = (Authorities::new(), &support::LIMITS);
        let outcome = authorities.try_pack(&draft, folder.path(), 1, limits);
        outcome.map(drop).expect_err("the draft was packed").to_string()
    };
    let plain = Digest::of(b"layer one");
    let cases: [(&str, &dyn Fn(&mut DraftImage)); 6] = [
        ("no index of its image lists it", &|image| image.withheld.push(plain)),
        ("has no source for", &|image| image.withheld.clear()),
        ("refers to nothing of the image", &|image| image.referrers.reverse()),
        ("refers to nothing of the image", &|image| image.referrers[0].tag = None),
        ("not in ascending order", &|image| image.withheld = image.withheld.repeat(2)),
        ("have one tag", &|image| image.referrers[1].tag = image.referrers[0].tag.clone()),
    ];
    for (reason, change) in cases {
        let said = refused(change);
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn files_larger_than_a_frame_and_many_small_ones() {
    let folder = tempfile::tempdir().unwrap();
    let authorities = Authorities::new();
    let (large, text) = (noise(40 << 20, 7), b"all work and no play makes a dull log\n".repeat(900_000));
    let small: Vec<(String, Vec<u8>)> =
        (0..3000).map(|n| (format!("d{:02}/f{n:04}", n % 17), noise(n % 4000, n as u64))).collect();
    let mut entries: Vec<(&str, Put<'_>)> =
        vec![("b-large", Put::File(&large)), ("z-text", Put::File(&text))];
    let dirs: Vec<String> = (0..17).map(|n| format!("d{n:02}")).collect();
    entries.extend(dirs.iter().map(|dir| (dir.as_str(), Put::Dir)));
    entries.extend(small.iter().map(|(path, content)| (path.as_str(), Put::File(content))));
    entries.sort_by_key(|(path, _)| *path);
    let mut draft = support::draft();
    draft.items = vec![
        tree(folder.path(), "big", ItemKind::File, &entries),
        image(folder.path(), "img", "a/b:1", &[&noise(3 << 20, 3)]),
    ];
    let sealed = authorities.pack(&draft, folder.path());
    verify_both_ways(&sealed.path, &authorities);
    let target = folder.path().join("out");
    let file = support::open(&sealed.path);
    unpack(&mut MemberReader::file(&file), &authorities.pinned, &target, None, &conditions()).unwrap();
    assert_eq!(std::fs::read(target.join("file/big/b-large")).unwrap(), large);
    assert_eq!(std::fs::read(target.join("file/big/z-text")).unwrap(), text);
    for (path, content) in &small {
        assert_eq!(&std::fs::read(target.join("file/big").join(path)).unwrap(), content, "{path}");
    }
    let place = OpenBundle::open(file, &authorities.pinned, conditions()).unwrap();
    assert_eq!(place.inventory("big").unwrap().unwrap().tree.files().count(), 3002);
}

#[test]
fn packing_twice_gives_equal_bytes() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authorities = Authorities::new();
    let first = authorities.pack_with(&support::sample(one.path()), one.path(), 1);
    let second = authorities.pack_with(&support::sample(two.path()), two.path(), 7);
    assert_eq!(std::fs::read(first.path).unwrap(), std::fs::read(second.path).unwrap());
    assert_eq!(first.statement, second.statement);
}

#[test]
fn a_draft_of_any_length_of_name_and_version_can_be_packed() {
    let (authorities, folder) = (Authorities::new(), tempfile::tempdir().unwrap());
    for len in 1..=60 {
        let mut draft = support::sample(folder.path());
        draft.name = "n".repeat(len).parse().unwrap();
        draft.version = "1".repeat(64 - len).parse().unwrap();
        draft.sequence = 10_u64.pow(u32::try_from(len % 15).unwrap());
        let sealed = authorities.pack(&draft, folder.path());
        assert_eq!(std::fs::metadata(&sealed.path).unwrap().len(), sealed.size);
        std::fs::remove_file(&sealed.path).unwrap();
    }
}

/// The kept frames, none of them used for an hour.
fn aged(frames: &Path) -> Vec<(PathBuf, SystemTime)> {
    let before = SystemTime::now() - Duration::from_secs(3600);
    let files = std::fs::read_dir(frames).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(before).unwrap();
            (path, before)
        })
        .collect()
}

#[test]
fn an_unchanged_tree_is_packed_from_kept_frames_to_the_same_bytes() {
    let (authorities, folder) = (Authorities::new(), tempfile::tempdir().unwrap());
    let text: Vec<u8> =
        (0..1_500_000_u32).flat_map(|n| format!("{} ", n.wrapping_mul(7)).into_bytes()).collect();
    let noise = noise(3 << 20, 1);
    let entries = [("noise", Put::File(&noise)), ("text", Put::File(&text))];
    let mut draft = support::draft();
    draft.items = vec![tree(folder.path(), "docs", ItemKind::Doc, &entries)];
    let kept = folder.path().join("frames");
    let packed = |frames: bool| {
        let (out, frames) = (tempfile::tempdir().unwrap(), frames.then(|| FrameStore::open(&kept).unwrap()));
        let sealed = authorities.pack_from(&draft, out.path(), frames.as_ref(), 2);
        std::fs::read(sealed.path).unwrap()
    };
    let expected = packed(false);
    assert!(!kept.exists());
    assert!(packed(true) == expected, "the first time");
    let frames = aged(&kept);
    assert!(frames.len() > 2, "{frames:?}");
    assert!(packed(true) == expected, "the second time");
    let used = |path: &PathBuf| path.metadata().unwrap().modified().unwrap();
    assert!(frames.iter().all(|(path, before)| used(path) > *before), "each frame was used");
    // What a full disk, a power cut or a neighbor made of them.
    for (number, (path, _)) in frames.iter().enumerate() {
        let mut bytes = std::fs::read(path).unwrap();
        match number % 3 {
            0 => bytes.truncate(bytes.len() / 2),
            1 => *bytes.last_mut().unwrap() ^= 1,
            _ => bytes.clear(),
        }
        std::fs::write(path, bytes).unwrap();
    }
    assert!(packed(true) == expected, "damaged frames are made again");
    let whole = frames.iter().map(|(path, _)| std::fs::read(path).unwrap()).collect::<Vec<_>>();
    assert!(whole.iter().all(|bytes| Digest::of(&bytes[32..]).bytes() == &bytes[..32]));
}
