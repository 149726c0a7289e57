//! `init --scenario` as a person uses it.

use crate::cli::Shop;

const SCENARIOS: [&str; 5] = ["out-of-band", "mission-partner", "ddil", "sovereign-microsoft", "air-gapped"];

#[test]
fn a_scenario_is_written_and_the_next_command_is_the_real_one() {
    let shop = Shop::new();
    for name in SCENARIOS {
        let said = shop.done(&format!("sealift init {name}/mine.toml --scenario {name}"));
        assert!(
            said.out.starts_with(&format!("{name}/mine.toml\n  scenario   {name}, with ")),
            "{}",
            said.shown()
        );
        let next = said.err.split_once(", then: ").unwrap().1.trim_end();
        let command = next.split("   (or ").next().unwrap();
        // The choice is one, and all that is missing is the lock.
        shop.fails(&format!("{command} --check"), 2, "lock.missing");
        assert_eq!(
            command.contains("--variant"),
            ["out-of-band", "sovereign-microsoft", "air-gapped"].contains(&name)
        );
    }
    shop.done("cp -r ddil before");
    shop.fails("sealift init ddil/mine.toml --scenario ddil", 2, "manifest.exists");
    shop.done("echo '# mine' >> before/parts/docs.toml; cp -r before after");
    let said = shop.fails("sealift init after/other.toml --scenario ddil", 2, "manifest.exists");
    assert!(
        said.err.contains("refusing to overwrite existing files: `after/parts/docs.toml`"),
        "{}",
        said.shown()
    );
    shop.done("diff -r before after");
}

#[test]
fn the_scenarios_are_listed_and_the_nearest_is_offered() {
    let shop = Shop::new();
    let help = shop.done("sealift init --help").out;
    for name in SCENARIOS {
        assert!(help.contains(&format!("- {name}:")), "{help}");
    }
    let said = shop.run("sealift init a.toml --scenario air-gaped");
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("a similar value exists: 'air-gapped'"), "{}", said.err);
    assert!(SCENARIOS.iter().all(|name| said.err.contains(name)), "{}", said.err);
    shop.done("test ! -e a.toml");
}
