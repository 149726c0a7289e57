//! The table of `manifests/README.md`.

use super::SCENARIOS;
use super::journey::{Choosing, Traveller};
use sealift_bundle::value::size::ByteSize;

/// `cargo test --test all scenarios::table -- --ignored --nocapture`
#[test]
#[ignore = "prints a table for a person"]
fn table() {
    println!(
        "\n| scenario | variant | features | items | files | bundle | no published digest | explained | pack | install |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for scenario in SCENARIOS {
        let traveller = Traveller::new(scenario);
        for variant in traveller.variants() {
            for choosing in Choosing::ALL {
                let row = traveller.go(variant.as_ref(), choosing);
                println!(
                    "| {scenario} | {} | {} | {} | {} | {} | {} | {} | {:.1} s | {:.1} s |",
                    variant.as_ref().map_or_else(String::new, |name| format!("`{name}`")),
                    choosing.words(),
                    row.items,
                    row.files,
                    ByteSize(row.bytes),
                    row.checked.first_use,
                    row.checked.explained.len(),
                    row.pack.as_secs_f32(),
                    row.install.as_secs_f32()
                );
            }
        }
    }
}
