//! What is packed comes out the same, by every way there is.

use crate::support::{self, Authorities, Put, conditions, image, tree};
use sealift::bundle::item::ItemKind;
use sealift::bundle::read::Tape;
use sealift::site::unpack::unpack;
use sealift::trust::verify::{Depth, InPlace, Looking, Trusted, receive};
use std::path::Path;

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
        for mut tape in [Tape::file(&file), support::pipe(&bytes)] {
            let trusted = Trusted::open(&mut tape, &authorities.pinned, &conditions()).unwrap();
            receive(&trusted, &mut tape, &conditions(), &Looking(depth)).unwrap();
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
    unpack(&mut Tape::file(&file), &authorities.pinned, &one, &conditions()).unwrap();
    let bytes = std::fs::read(&sealed.path).unwrap();
    unpack(&mut support::pipe(&bytes), &authorities.pinned, &two, &conditions()).unwrap();
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
100644 images/blobs/sha256/[..]
100644 images/blobs/sha256/[..]
100644 images/blobs/sha256/[..]
100644 images/blobs/sha256/[..]
100644 images/index.json
100644 images/oci-layout

"#]]
    );
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
    unpack(&mut Tape::file(&file), &authorities.pinned, &target, &conditions()).unwrap();
    assert_eq!(std::fs::read(target.join("file/big/b-large")).unwrap(), large);
    assert_eq!(std::fs::read(target.join("file/big/z-text")).unwrap(), text);
    for (path, content) in &small {
        assert_eq!(&std::fs::read(target.join("file/big").join(path)).unwrap(), content, "{path}");
    }
    let place = InPlace::open(file, &authorities.pinned, conditions()).unwrap();
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
