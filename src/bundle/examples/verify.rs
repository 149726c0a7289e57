//! Verifies a bundle and lists its items: `cargo run -p sealift-bundle --example verify ROOT BUNDLE TIME`.
//!
//! The time, in UTC like `2026-12-01T00:00:00Z`, decides whether root and bundle have expired.

use sealift_bundle::value::limits::Limits;
use sealift_bundle::{Conditions, PinnedRoot, verify};
use std::env::args_os;
use std::error::Error;
use std::fs::File;
use std::io::{Write as _, stdout};
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = args_os().skip(1).collect();
    let [root, bundle, now] = arguments.as_slice() else {
        return Err("usage: verify ROOT BUNDLE TIME".into());
    };
    let root = PinnedRoot::open(Path::new(root), &Limits::v1())?;
    let conditions = Conditions::at(now.to_string_lossy().parse()?);
    let bundle = verify(File::open(bundle)?, &root, conditions)?;
    let statement = bundle.trusted.statement();
    writeln!(stdout(), "verified: {}-{}", statement.predicate.name, statement.predicate.version)?;
    for item in &bundle.contents.items {
        writeln!(stdout(), "  {} {}", item.item.head.kind, item.item.head.name)?;
    }
    Ok(())
}
