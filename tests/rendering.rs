//! Templates filled at a site, with what the site says and with what somebody would like to say.

use crate::cli::{Outcome, Shop};
use crate::environment::{each, names};
use crate::support::{self, Authorities, Put, tree};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::site_inputs::{Parameter, Selection, SiteInputs, SiteSecret};
use sealift_bundle::pack::draft::{Draft, DraftItem};
use sealift_bundle::value::format::Format;
use serde_json::Value;

const TEMPLATE: &[u8] = b"url = {{ site_url }}\nregistry = {{ registry }}\nport = {{ port }}\n";
const LOGO: &[u8] = b"\x89PNG\xff{{ port }}";
const PARAMETERS: &str = "site-url = \"https://chat.site.example\"\nregistry = \"10.0.0.7:5000\"\n";
const RENDERED: &str = "site/current/air-gapped/rendered/server";

/// A shop, and a site that trusts whoever signs here.
struct Workshop {
    shop: Shop,
    authorities: Authorities,
}

fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

fn needs() -> SiteInputs {
    let parameter = |name: &str, format, default: Option<&str>| Parameter {
        name: self::name(name),
        description: format!("the {name} of the site"),
        format,
        choices: Vec::new(),
        default: default.map(str::to_owned),
    };
    SiteInputs {
        parameters: vec![
            parameter("port", Format::Number, Some("8065")),
            parameter("registry", Format::Registry, None),
            parameter("site-url", Format::Url, None),
        ],
        secrets: vec![SiteSecret {
            name: name("license"),
            description: "licence file, from the customer portal".to_owned(),
        }],
    }
}

impl Workshop {
    fn new() -> Self {
        let (shop, authorities) = (Shop::new(), Authorities::new());
        std::fs::write(shop.path("root.json"), &authorities.chain).unwrap();
        shop.done(
            "sealift site init site --trust root.json --scenario air-gapped --fingerprint \"$(sealift trust show root.json --json | jq -r .words)\"",
        );
        Self { shop, authorities }
    }

    /// A site with a file of parameters and the bundle `1.0.sealift`.
    fn ready() -> Self {
        let workshop = Self::new();
        workshop.pack("1.0", 1, &[("app.conf", Put::File(TEMPLATE))], |_| {});
        workshop.set(PARAMETERS);
        workshop
    }

    /// Makes `VERSION.sealift` with these templates, a document and an image.
    fn pack(
        &self,
        version: &str,
        sequence: u64,
        templates: &[(&str, Put<'_>)],
        change: impl FnOnce(&mut Draft),
    ) {
        let folder = self.shop.path(format!("work-{version}"));
        std::fs::create_dir_all(&folder).unwrap();
        let mut server = tree(&folder, "server", ItemKind::Config, templates);
        if let DraftItem::Tree(server) = &mut server {
            server.head.labels.template = true;
        }
        let mut draft = support::draft();
        draft.version = name(version);
        draft.sequence = sequence;
        draft.needs = needs();
        draft.items = vec![
            server,
            tree(&folder, "plain", ItemKind::Config, &[("left.conf", Put::File(b"{{ alone }}\n"))]),
            support::image(&folder, "hello", "registry.example.com/tools/hello:1", &[b"layer one"]),
        ];
        change(&mut draft);
        let sealed = self.authorities.pack(&draft, &folder);
        std::fs::rename(sealed.path, self.shop.path(format!("{version}.sealift"))).unwrap();
    }

    fn set(&self, text: &str) {
        std::fs::write(self.shop.path("site/air-gapped.parameters.toml"), text).unwrap();
    }

    fn text(&self, path: &str) -> String {
        String::from_utf8(self.shop.read(path)).unwrap()
    }

    fn json(&self, script: &str) -> Value {
        serde_json::from_str(&self.shop.done(script).out).unwrap()
    }

    /// The last act in the journal.
    fn last(&self) -> Value {
        let journal = self.text("site/journal.jsonl");
        serde_json::from_str::<Value>(journal.lines().last().unwrap()).unwrap()["act"].clone()
    }
}

#[test]
fn a_site_fills_the_templates() {
    let workshop = Workshop::new();
    let shop = &workshop.shop;
    workshop.pack(
        "1.0",
        1,
        &[
            ("app.conf", Put::File(TEMPLATE)),
            ("logo.png", Put::File(LOGO)),
            ("start.conf", Put::Link("app.conf")),
            ("sub", Put::Dir),
            ("sub/run.sh", Put::Program(b"#!/bin/sh\necho {{ site }}\n")),
        ],
        |draft| draft.selection.without = vec![name("calls"), name("push")],
    );
    // Everything that is missing at once, as lines that can be pasted; nothing is installed.
    let asked = shop.fails("sealift install site 1.0.sealift", 2, "site.parameters");
    for line in
        ["\n# the registry of the site: a registry, like ", "\nregistry = \"\"\n", "\nsite-url = \"\""]
    {
        assert!(asked.err.contains(line), "{}", asked.shown());
    }
    assert_eq!(names(&shop.path("site/current")), [""; 0]);
    assert_eq!(workshop.last()["refused"]["code"], "site.parameters");
    let doctor = shop.run("sealift doctor site 1.0.sealift --trust root.json");
    assert!(doctor.out.contains("parameters") && doctor.is("doctor.problems"), "{}", doctor.shown());
    workshop.set(PARAMETERS);
    let doctor = shop.done("sealift doctor site 1.0.sealift --trust root.json");
    assert!(doctor.out.contains("still to provide: license"), "{}", doctor.shown());

    let drilled = shop.done("sealift install site 1.0.sealift --drill");
    assert!(drilled.out.contains("  rendered   2 files of `server`"), "{}", drilled.shown());
    assert_eq!(names(&shop.path("site/current")), [""; 0]);

    let installed = shop.done("sealift install site 1.0.sealift");
    for said in [
        "\n  rendered   2 files of `server`, and 1 file copied that are not text\n",
        "\n  still to provide: license - licence file, from the customer portal\n",
        "\n  left out: calls, push\n",
    ] {
        assert!(installed.out.contains(said), "{}", installed.shown());
    }
    let made = "url = https://chat.site.example\nregistry = 10.0.0.7:5000\nport = 8065\n";
    assert_eq!(workshop.text(&format!("{RENDERED}/app.conf")), made);
    assert_eq!(workshop.text(&format!("{RENDERED}/start.conf")), made);
    assert_eq!(workshop.text(&format!("{RENDERED}/sub/run.sh")), "#!/bin/sh\necho site\n");
    assert_eq!(shop.read(&format!("{RENDERED}/logo.png")), LOGO);
    // What was sealed is there as it was sealed, and what is not a template is only there.
    assert_eq!(shop.read("site/current/air-gapped/config/server/app.conf"), TEMPLATE);
    assert_eq!(workshop.text("site/current/air-gapped/config/plain/left.conf"), "{{ alone }}\n");
    assert_eq!(names(&shop.path("site/current/air-gapped/rendered")), ["server"]);
    shop.done(&format!(
        "test \"$(stat -L -c %a {RENDERED} {RENDERED}/app.conf {RENDERED}/sub {RENDERED}/sub/run.sh | xargs)\" = '755 644 755 755'
         test \"$(readlink {RENDERED}/start.conf)\" = app.conf"
    ));
    // The journal says with what, and what came of it.
    let rendered = &workshop.last()["installed"]["rendered"];
    assert_eq!(rendered["values"]["registry"], "10.0.0.7:5000");
    assert_eq!((&rendered["values"]["port"], &rendered["count"]), (&"8065".into(), &3.into()));
    let values = r#"{"port":"8065","registry":"10.0.0.7:5000","site-url":"https://chat.site.example"}"#;
    let digest = shop.done(&format!("printf '{values}' | sha256sum | cut -d' ' -f1")).out;
    assert_eq!(rendered["parameters"].as_str().unwrap(), format!("sha256:{}", digest.trim()));
    for file in rendered["files"].as_array().unwrap() {
        let (path, digest) = (file["path"].as_str().unwrap(), file["sha256"].as_str().unwrap());
        shop.done(&format!("echo '{digest}  site/current/air-gapped/rendered/{path}' | sha256sum -c"));
    }
    shop.done("sealift journal verify site; sealift journal verify site --json");
    let status = workshop.json("sealift status site --json");
    assert_eq!(status["scenarios"][0]["releases"][0]["parameters"], rendered["parameters"]);
}

#[test]
fn other_values_are_another_release_of_the_same_bundle() {
    let workshop = Workshop::ready();
    let shop = &workshop.shop;
    let port = || workshop.text(&format!("{RENDERED}/app.conf")).lines().last().unwrap().to_owned();
    let releases = || names(&shop.path("site/releases/air-gapped")).len();
    shop.done("sealift install site 1.0.sealift");
    // The same, also when it is said in other words: nothing happens.
    workshop.set(&format!("{PARAMETERS}# the default\nport = 8065\n"));
    let journal = shop.read("site/journal.jsonl");
    let again = shop.done("sealift install site 1.0.sealift");
    assert!(again.out.contains("is already in use"), "{}", again.shown());
    assert_eq!(shop.read("site/journal.jsonl"), journal);
    workshop.set(&format!("{PARAMETERS}port = 443\n"));
    let other = shop.done("sealift install site 1.0.sealift --json");
    let other: Value = serde_json::from_str(&other.out).unwrap();
    assert_eq!(
        (&other["outcome"], &other["rendered"]["values"]["port"]),
        (&"installed".into(), &"443".into())
    );
    assert_eq!((port().as_str(), releases()), ("port = 443", 2));
    let folder = other["release"].as_str().unwrap();
    let digest = other["rendered"]["parameters"].as_str().unwrap();
    assert!(folder.ends_with(&format!("-{}", &digest[7..19])), "{folder} {digest}");
    // Back to the former values and forward again, as with bundles.
    shop.done("sealift rollback site");
    assert_eq!((port().as_str(), releases()), ("port = 8065", 2));
    let forward = shop.done("sealift install site 1.0.sealift");
    assert!(forward.out.contains("was already installed; switched to it"), "{}", forward.shown());
    assert_eq!((port().as_str(), releases()), ("port = 443", 2));
    // Back by saying the former values.
    workshop.set(PARAMETERS);
    shop.done("sealift install site 1.0.sealift");
    assert_eq!((port().as_str(), releases()), ("port = 8065", 2));
    // A newer bundle, then the older one in use: its values can change, and it is not let in as the newest.
    workshop.pack("1.1", 2, &[("app.conf", Put::File(TEMPLATE))], |_| {});
    shop.done("sealift install site 1.1.sealift; sealift rollback site");
    workshop.set(&format!("{PARAMETERS}port = 80\n"));
    let said = shop.done("sealift install site 1.0.sealift");
    assert!(said.out.starts_with("installed sample-1.0 with other parameters\n"), "{}", said.shown());
    assert_eq!(port(), "port = 80");
    shop.done("sealift install site 1.1.sealift");
    workshop.set(&format!("{PARAMETERS}port = 81\n"));
    // That it is too old is said before what it would ask for.
    shop.fails("sealift install site 1.0.sealift", 3, "site.rollback");
    workshop.set("nonsense = 1\n");
    shop.fails("sealift install site 1.0.sealift", 3, "site.rollback");
    shop.fails("sealift install site 1.1.sealift", 2, "site.parameters");
    shop.done("sealift journal verify site; sealift status site; sealift prune site --keep 1");
    assert_eq!((port().as_str(), releases()), ("port = 80", 1));
}

/// A site with two scenarios says something else to each, and what one asks for is unknown to the other.
#[test]
fn each_scenario_has_its_own_parameters() {
    let workshop = Workshop::new();
    let shop = &workshop.shop;
    shop.done(
        "rm -r site; sealift site init site --trust root.json --scenario air-gapped --scenario ddil --fingerprint \"$(sealift trust show root.json --json | jq -r .words)\"",
    );
    workshop.pack("1.0", 1, &[("app.conf", Put::File(TEMPLATE))], |_| {});
    workshop.pack("2.0", 1, &[("idp.conf", Put::File(b"{{ idp_host }}\n"))], |draft| {
        draft.scenario = name("ddil");
        draft.needs.parameters = vec![Parameter {
            name: name("idp-host"),
            description: "who knows the people".to_owned(),
            format: Format::Host,
            choices: Vec::new(),
            default: None,
        }];
    });
    workshop.set(PARAMETERS);
    shop.done("sealift install site 1.0.sealift");
    for command in ["sealift install site 2.0.sealift", "sealift doctor site 2.0.sealift --trust root.json"] {
        let said = shop.run(command);
        assert!(
            said.code != Some(0) && said.shown().contains("site/ddil.parameters.toml"),
            "{}",
            said.shown()
        );
    }
    shop.done("echo 'idp-host = \"people.edge.example\"' > site/ddil.parameters.toml");
    shop.done("sealift doctor site 2.0.sealift --trust root.json; sealift install site 2.0.sealift");
    assert_eq!(workshop.text("site/current/ddil/rendered/server/idp.conf"), "people.edge.example\n");
    assert!(workshop.text(&format!("{RENDERED}/app.conf")).contains("10.0.0.7:5000"));
    // A file without a scenario in its name is nobody's.
    shop.done("mv site/ddil.parameters.toml site/parameters.toml");
    shop.fails("sealift install site 2.0.sealift", 2, "site.parameters");
}

#[test]
fn unpack_fills_templates_where_it_is_told_to() {
    let workshop = Workshop::ready();
    let shop = &workshop.shop;
    let plain = shop.done("sealift unpack 1.0.sealift --trust root.json --to plain");
    let note = "note: the templates of `server` were not rendered; pass `--parameters FILE` to render them";
    assert!(plain.err.contains(note), "{}", plain.shown());
    assert!(!shop.path("plain/rendered").exists());
    let filled = "sealift unpack 1.0.sealift --trust root.json --to filled --parameters";
    shop.fails(&format!("{filled} nowhere.toml"), 2, "site.parameters");
    shop.fails(&format!("echo 'port = 1' > few.toml; {filled} few.toml"), 2, "site.parameters");
    let said = shop.done(&format!("{filled} site/air-gapped.parameters.toml"));
    assert!(said.out.contains("  rendered   1 file of `server`\n"), "{}", said.shown());
    assert!(!said.err.contains("stay as they are"), "{}", said.shown());
    assert!(workshop.text("filled/rendered/server/app.conf").ends_with("port = 8065\n"));
    // From a pipe it is the same, and but for what is rendered it is what it is without.
    shop.done(
        "sealift unpack - --trust root.json --to piped --parameters site/air-gapped.parameters.toml < 1.0.sealift",
    );
    assert_eq!(support::listing(&shop.path("filled")), support::listing(&shop.path("piped")));
    shop.done("rm -r filled/rendered; diff -r plain filled");
    let json = workshop.json(
        "sealift unpack 1.0.sealift --trust root.json --to json --parameters site/air-gapped.parameters.toml --json",
    );
    assert_eq!(json["rendered"]["files"][0]["path"], "server/app.conf");
    // Only a site has a name.
    workshop.pack("1.1", 2, &[("a", Put::File(b"{{ site }}"))], |_| {});
    let error = shop.fails(
        "sealift unpack 1.1.sealift --trust root.json --to named --parameters site/air-gapped.parameters.toml",
        4,
        "site.rendering",
    );
    assert!(error.err.contains("`server/a`, line 1: it names `site`, and only a site"), "{}", error.shown());
    assert!(!shop.path("named").exists());
}

/// J20: whoever may write the file of parameters may set parameters, and nothing else.
#[test]
fn j20_a_file_of_parameters_can_say_nothing_else() {
    let workshop = Workshop::ready();
    let shop = &workshop.shop;
    shop.done("sealift install site 1.0.sealift");
    let before = std::fs::read_link(shop.path("site/current/air-gapped")).unwrap();
    for text in [
        "scenario = \"other\"",
        "keep = 1",
        "[bundle]\nversion = \"2\"",
        "port = \"{{ registry }}\"",
        "port = \"80\\n[section]\"",
        "port = '80\"'",
        "port = \"80\"\nport = \"81\"",
        "port = true",
        "regstry = \"a\"",
        "license = \"abc\"",
        "site = \"elsewhere\"",
        "\"../../x\" = \"y\"",
        "include = \"/etc/passwd\"",
        "port = 80\n= ",
    ] {
        workshop.set(&format!("{PARAMETERS}{text}\n"));
        let error = shop.fails("sealift install site 1.0.sealift", 2, "site.parameters");
        assert!(error.err.contains("line ") && !error.err.contains("panicked"), "{text}: {}", error.shown());
    }
    let misspelled = {
        workshop.set("regstry = \"a\"\nsite-url = \"http://a\"\n");
        shop.fails("sealift install site 1.0.sealift", 2, "site.parameters")
    };
    assert!(
        misspelled.err.contains("line 1: the bundle has no parameter `regstry`; did you mean `registry`?")
    );
    for make in [
        "ln -s ../elsewhere.toml site/air-gapped.parameters.toml; cp good.toml elsewhere.toml",
        "mkfifo site/air-gapped.parameters.toml",
        "mkdir site/air-gapped.parameters.toml",
        "head -c 70000 /dev/zero | tr '\\0' '#' > site/air-gapped.parameters.toml",
        "printf 'port = \"\\xff\"\\n' > site/air-gapped.parameters.toml",
    ] {
        shop.done(&format!("rm -rf site/air-gapped.parameters.toml good.toml; echo > good.toml; {make}"));
        let error = shop.run("timeout 20 sealift install site 1.0.sealift");
        assert!(error.code == Some(2) && error.is("site.parameters"), "{make}: {}", error.shown());
    }
    assert_eq!(std::fs::read_link(shop.path("site/current/air-gapped")).unwrap(), before);
    shop.done("sealift journal verify site");
}

/// Whatever a template says: a bundle is there with its rendering, or it is not there.
#[test]
fn templates_that_cannot_be_filled_leave_nothing() {
    let workshop = Workshop::ready();
    let shop = &workshop.shop;
    let many = "x".repeat(400);
    let endless = format!(
        "{}{{% endfor %}}{{% endfor %}}{{% endfor %}}",
        ["a", "b", "c"].map(|v| format!("{{% for {v} in '{many}' %}}")).concat()
    );
    let bomb = format!("{{% set a = 'xxxxxxxx' %}}{}{{{{ a }}}}", "{% set a = a ~ a %}".repeat(60));
    let large = "#".repeat((1 << 20) + 1);
    for (template, said) in [
        ("one\n{{ regsitry }}\n", "`server/app.conf`, line 2: it names `regsitry`"),
        ("{% include '/etc/passwd' %}", "`server/app.conf`, line 1: "),
        ("{% for x in range(9) %}{% endfor %}", "line 1: it names `range`"),
        ("{{ port", "line 1: a tag has braces in it, or no end"),
        (endless.as_str(), "it does more than a template may do"),
        (bomb.as_str(), "it does more than a template may do"),
        (large.as_str(), "it has 1048577 bytes, and a file of an item with templates has at most 1048576"),
    ] {
        let good = ("good.conf", Put::File(TEMPLATE));
        workshop.pack("2.0", 2, &[("app.conf", Put::File(template.as_bytes())), good], |_| {});
        let error = shop.fails("sealift install site 2.0.sealift", 4, "site.rendering");
        assert!(error.err.contains(said), "{said}: {}", error.shown());
        assert_eq!(names(&shop.path("site/releases/air-gapped")), [""; 0], "{said}");
        assert_eq!(workshop.last()["refused"]["code"], "site.rendering");
        let unpack = "sealift unpack 2.0.sealift --trust root.json --to out --parameters site/air-gapped.parameters.toml";
        shop.fails(unpack, 4, "site.rendering");
        assert!(!shop.run("ls -A | grep -F staging").out.contains("out"), "{said}");
        shop.done("test ! -e out; rm -r work-2.0");
    }
}

#[test]
fn inspect_and_verify_say_what_a_bundle_is_made_for() {
    let workshop = Workshop::new();
    let shop = &workshop.shop;
    workshop.pack("1.0", 1, &[("app.conf", Put::File(TEMPLATE))], |draft| {
        draft.selection = Selection {
            variant: Some(name("kubernetes")),
            features: vec![name("calls"), name("push")],
            without: vec![name("search")],
            audience: Some(name("partner-a")),
            withheld: vec![sealift_bundle::value::digest::Digest::of(b"x")],
        };
        for item in &mut draft.items {
            if let DraftItem::Tree(tree) = item {
                tree.head.labels.version = Some("1.2".to_owned());
                tree.head.labels.priority = 10;
                tree.head.labels.audience = Some(vec![name("partner-a")]);
            }
        }
    });
    for command in ["inspect", "verify"] {
        let outcome = shop.done(&format!("sealift {command} 1.0.sealift --trust root.json"));
        for line in [
            "  variant    kubernetes\n",
            "  features   calls, push\n",
            "  left out   search, intentionally\n",
            "  audience   partner-a; 1 item withheld from it\n",
            "  parameter  port (number; default `8065`): the port of the site\n",
            "  parameter  registry (registry; set by the site): the registry of the site\n",
            "  secret     license: licence file, from the customer portal\n",
        ] {
            assert!(outcome.out.contains(line), "{command}: {line}{}", outcome.shown());
        }
        let json = workshop.json(&format!("sealift {command} 1.0.sealift --trust root.json --json"));
        assert_eq!(json["selection"]["variant"], "kubernetes");
        assert_eq!(json["needs"]["parameters"][0]["name"], "port");
        assert_eq!(json["needs"]["secrets"][0]["name"], "license");
        let item = |name: &str| {
            let mut items = json["items"].as_array().unwrap().iter();
            items.find(|item| item["name"] == name).unwrap()
        };
        let (server, hello) = (item("server"), item("hello"));
        assert_eq!((&server["template"], &server["priority"]), (&true.into(), &10.into()));
        assert_eq!((&server["version"], &hello["template"]), (&"1.2".into(), &Value::Null));
    }
    let inspected = shop.done("sealift inspect 1.0.sealift --trust root.json");
    assert!(
        inspected.out.contains("  version 1.2  template  priority 10  only for partner-a\n"),
        "{}",
        inspected.shown()
    );
}

/// Killed anywhere, an installation with other values leaves the former ones or the new ones, each whole.
#[test]
fn e02_rendering_killed_at_every_step() {
    let workshop = Workshop::ready();
    let shop = &workshop.shop;
    let install = "sealift install site 1.0.sealift --threads 1";
    shop.done(install);
    let listing = || support::listing(&shop.path("site/current/air-gapped/."));
    workshop.set(&format!("{PARAMETERS}port = 443\n"));
    shop.done("cp -a site kept");
    let old = listing();
    shop.done(install);
    let new = listing();
    assert_ne!(old, new);
    let mut counts = [0; 3];
    let afresh = || shop.done("rm -r site; cp -a kept site");
    afresh();
    for call in ["write", "openat2", "mkdirat", "fchmod", "syncfs", "fsync", "rename", "renameat2"] {
        counts[0] += each(shop, install, call, "signal=KILL", |case, outcome: &Outcome| {
            assert!(matches!(outcome.code, None | Some(0)), "{case}: {}", outcome.shown());
            let found = listing();
            assert!(found == old || found == new, "{case}");
            counts[if found == new { 2 } else { 1 }] += 1;
            shop.done("sealift status site; sealift journal verify site");
            assert!(listing() == old || listing() == new, "{case}");
            shop.done(install);
            assert!(listing() == new, "{case}");
            assert_eq!(names(&shop.path("site/releases/air-gapped")).len(), 2, "{case}");
            afresh();
        });
    }
    println!("rendering: {} crash points, {} old, {} new", counts[0], counts[1], counts[2]);
    assert!(counts[0] >= 50 && counts[1] >= 40 && counts[2] >= 3, "{counts:?}");
}
