//! What a second implementation of the format found, through the program and at a site. Rules of the format itself have
//! vectors (`tests/vectors/`) and, where they are about one value, tests beside its type.

use crate::cli::Shop;
use crate::site;
use crate::vector_writer::key;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::envelope::Envelope;
use sealift_bundle::trust::key::Signer;
use sealift_bundle::trust::root::{Expiry, Grant, Revoked, Role, Root, RootDraft, RootPolicy};
use sealift_bundle::value::error_code::Fault as _;
use sealift_bundle::value::limits::Limits;

/// Bundles that decoders, compilers or libraries would have judged differently.
#[test]
fn f_fmt_3_2_to_3_9_the_program_refuses_what_readers_would_judge_differently() {
    let shop = Shop::new();
    std::fs::copy("tests/vectors/roots/one.json", shop.path("one.json")).unwrap();
    for (name, code) in [
        ("frame-window", "bundle.frame"),
        ("block-raw-too-large", "bundle.frame"),
        ("block-makes-too-much", "bundle.frame"),
        ("inventory-window", "bundle.format"),
        ("index-reference-port-080", "bundle.format"),
        ("path-unicode-16", "bundle.format"),
        ("root-year-0000", "trust.format"),
        ("root-year-9999", "trust.format"),
    ] {
        std::fs::write(shop.path(name), crate::vectors::bundle(name)).unwrap();
        shop.fails(&format!("sealift verify {name} --trust one.json --deep"), 3, code);
    }
    for name in
        ["ok-odd-paths", "ok-inventory-in-many-frames", "ok-reference-port-65535", "ok-free-annotations"]
    {
        std::fs::write(shop.path(name), crate::vectors::bundle(name)).unwrap();
        shop.done(&format!("sealift verify {name} --trust one.json --deep"));
    }
    // Free annotations stay where the index is written again, and nobody acts on them.
    shop.done("sealift unpack ok-free-annotations --trust one.json --to out");
    shop.done("jq -e '.manifests[0].annotations | has(\"x-a\")' out/images/index.json");
}

fn terms(root: &str, created: &str) -> RootDraft {
    let grant = |role, name: &str| Grant {
        role,
        threshold: 1,
        keys: vec![(name.parse().unwrap(), key(name).public().clone())],
        scenarios: Vec::new(),
    };
    RootDraft {
        epoch: 1,
        created: created.parse().unwrap(),
        expires: None,
        grants: vec![grant(Role::Root, root), grant(Role::Packer, "packer-1")],
        revoked: Revoked::default(),
        policy: RootPolicy { expiry: Expiry::Refuse, approvals: None },
    }
}

fn signed(root: &Root, names: &[&str]) -> Envelope {
    let signers: Vec<&dyn Signer> = names.iter().map(|name| key(name) as &dyn Signer).collect();
    root.sign(&signers).unwrap()
}

fn file(lines: &[Envelope]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.encode().unwrap(), b"\n".to_vec()].concat()).collect()
}

#[test]
fn f_fmt_design_10_nobody_signs_a_root_from_a_clock_that_is_years_ahead() {
    let shop = Shop::new();
    let one = Root::new_v1(terms("root-1", "2026-01-01T00:00:00Z")).unwrap();
    let two = one.next(terms("root-2", "2999-01-01T00:00:00Z")).unwrap();
    let lines = [signed(&one, &["root-1"]), signed(&two, &["root-1"])];
    std::fs::write(shop.path("next.json"), file(&lines)).unwrap();
    std::fs::copy("tests/keys/root-2.key", shop.path("root-2.key")).unwrap();
    let sign =
        "chmod 600 root-2.key; sealift trust sign next.json --key root-2.key --passphrase-fd 0 <<<vectors";
    let refused = shop.fails(sign, 3, "trust.future");
    assert!(
        refused.err.contains("2999-01-01T00:00:00Z") && refused.err.contains("date -u"),
        "{}",
        refused.shown()
    );
    // The same root with the right time is signed.
    let two = one.next(terms("root-2", "2026-01-02T00:00:00Z")).unwrap();
    let lines = [signed(&one, &["root-1"]), signed(&two, &["root-1"])];
    std::fs::write(shop.path("next.json"), file(&lines)).unwrap();
    shop.done(sign);
}

#[test]
fn f_fmt_design_10_no_site_pins_a_root_from_a_clock_that_is_years_ahead() {
    let shop = Shop::new();
    let one = Root::new_v1(terms("root-1", "2026-01-01T00:00:00Z")).unwrap();
    let late = one.next(terms("root-1", "2999-01-01T00:00:00Z")).unwrap();
    std::fs::write(shop.path("one.json"), file(&[signed(&one, &["root-1"])])).unwrap();
    let both = file(&[signed(&one, &["root-1"]), signed(&late, &["root-1"])]);
    std::fs::write(shop.path("late.json"), &both).unwrap();
    let words = |name: &str| format!("$(sealift trust show {name} --json | jq -r .words)");
    let init = |name: &str| {
        format!(
            "sealift site init site --trust {name} --fingerprint \"{}\" --scenario air-gapped",
            words(name)
        )
    };
    shop.fails(&init("late.json"), 3, "trust.future");
    shop.done("! ls site/state.json");
    shop.done(&init("one.json"));
    shop.fails("sealift site trust site late.json", 3, "trust.future");
    // A day is for clocks that differ.
    let root = PinnedRoot::parse(&both, &Limits::v1()).unwrap();
    for (now, holds) in
        [("2998-12-31T00:00:00Z", true), ("2998-12-30T23:59:59Z", false), ("9998-12-31T12:00:00Z", true)]
    {
        let outcome = root.root().check_created(now.parse().unwrap());
        assert_eq!(outcome.is_ok(), holds, "{now}");
    }
    let error = root.root().check_created("2026-01-01T00:00:00Z".parse().unwrap()).unwrap_err();
    assert_eq!(error.code().as_str(), "trust.future");
}

#[test]
fn f_fmt_question_22_the_journal_names_a_bundle_that_lacked_approvals() {
    let shop = site::shop();
    site::done(
        &shop,
        "sealift trust set root.json --require-approvals -o next.json --key root.key --passphrase-fd 0 <<<pw
         mv next.json root.json; rm sample-*; make 2.0.0 5",
    );
    shop.fails("sealift install site sample-2.0.0.sealift", 3, "trust.unapproved");
    let said = shop.done("tail -n 1 site/journal.jsonl | jq -r .act.refused.statement").out;
    let statement =
        shop.done("tar -xOf sample-2.0.0.sealift seal/statement.json | sha256sum | cut -d' ' -f1").out;
    assert_eq!(said.trim(), format!("sha256:{}", statement.trim()));
}

#[test]
fn f_fmt_question_24_the_limits_that_are_written_down_are_those_of_the_code() {
    use sealift_bundle::trust::envelope::PayloadType;
    let limits = Limits::v1();
    let envelope = Envelope::encoded_len(PayloadType::Carrier, limits.carrier, limits.signatures);
    let row = format!("| {} | bytes of the seal outside of an encrypted bundle", limits.roots + envelope + 1);
    assert!(include_str!("../src/bundle/FORMAT.md").contains(&row), "{row}");
}
