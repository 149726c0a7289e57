//! What a file is and what its name hides: whatever the bytes, an answer, and the same for the same beginning.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sealift_audit::analysis::anomaly::AnomalyKind;
use sealift_audit::analysis::class::{FileClass, HEAD};
use sealift_audit::analysis::names::{doubles, examine, leads_outside};
use sealift_audit::analysis::{LayerEntry, LayerNode};

fuzz_target!(init: sealift_fuzz::seeds(seeds), |data: &[u8]| {
    let class = FileClass::of(&data[..data.len().min(HEAD)]);
    assert_eq!(class == FileClass::Empty, data.is_empty());
    assert!(!class.as_str().is_empty());
    if let FileClass::Script(program) = &class {
        assert!(data.starts_with(b"#!") && class.is_executable());
        assert!(!program.is_empty() && !program.contains(char::is_whitespace), "{program:?}");
    }
    let text = String::from_utf8_lossy(data);
    let paths: Vec<_> = text.split('\n').collect();
    let mut found = Vec::new();
    for pair in paths.windows(2) {
        let [path, target] = pair else { continue };
        examine(path, &mut found);
        let climbs = target.split('/').any(|name| name == "..");
        assert!(climbs || !leads_outside(path, target), "{path:?} -> {target:?}");
    }
    // At most one anomaly of each kind for a path.
    assert!(found.len() <= paths.len() * 4);
    found.clear();
    let entry = |path: &&str| LayerEntry {
        path: (*path).into(),
        node: LayerNode::Dir,
        mode: 0o755,
        uid: 0,
        gid: 0,
        capabilities: None,
    };
    let entries: Vec<_> = paths.iter().map(entry).collect();
    doubles(&entries, &mut found);
    assert!(found.len() < paths.len() && found.iter().all(|anomaly| anomaly.kind == AnomalyKind::NameTwin));
});

fn seeds() -> Vec<(String, Vec<u8>)> {
    let heads: [(&str, &[u8]); 14] = [
        ("elf", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0"),
        ("pe", &[&b"MZ"[..], &[0; 58], &[64, 0, 0, 0], b"PE\0\0"].concat()),
        ("macho", b"\xcf\xfa\xed\xfe\x07\0\0\x01"),
        ("fat", b"\xca\xfe\xba\xbe\0\0\0\x02"),
        ("java", b"\xca\xfe\xba\xbe\0\0\0\x34"),
        ("script", b"#!/usr/bin/env -S A=1 python3 -u\nprint()\n"),
        ("python", b"\xa7\x0d\x0d\x0a\0\0\0\0"),
        ("wasm", b"\0asm\x01\0\0\0"),
        ("zip", b"PK\x03\x04"),
        ("xz", b"\xfd7zXZ\0"),
        ("tar", &[&[b'a'; 257][..], b"ustar\0"].concat()),
        ("names", "usr/bin/ls\u{202e}\nb\u{430}sh\n\\xff\ne\u{301}\n\u{e9}\nA\na\n".as_bytes()),
        ("links", b"a\n../x\na/b\n../../x\n/../x\nb/../..\n"),
        ("wide", "\u{ff21}b\n\u{fb01}\nfi\n\u{130}\ni\u{307}\n".as_bytes()),
    ];
    heads.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).into()
}
