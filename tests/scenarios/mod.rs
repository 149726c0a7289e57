//! The five reference scenarios, from their manifests to a site, with stand-ins for everything that they name.

mod charts;
mod coverage;
mod farm;
mod journey;
mod rendered;
mod stand_ins;
mod table;

use journey::{Choosing, Traveller};

pub const SCENARIOS: [&str; 5] =
    ["out-of-band", "mission-partner", "ddil", "sovereign-microsoft", "air-gapped"];

/// Every variant of one scenario, with every choice of features.
fn travels(scenario: &str) {
    let traveller = Traveller::new(scenario);
    for variant in traveller.variants() {
        for choosing in Choosing::ALL {
            traveller.go(variant.as_ref(), choosing);
        }
    }
}

#[test]
fn out_of_band_travels() {
    travels("out-of-band");
}

#[test]
fn mission_partner_travels() {
    travels("mission-partner");
}

#[test]
fn ddil_travels() {
    travels("ddil");
}

#[test]
fn sovereign_microsoft_travels() {
    travels("sovereign-microsoft");
}

#[test]
fn air_gapped_travels() {
    travels("air-gapped");
}
