//! Sources that are fetched: commits of git, Helm charts, and downloads that nobody publishes a digest of.

use crate::cli::Shop;

const HEAD: &str = "[bundle]\nname = \"try\"\nscenario = \"air-gapped\"\nversion = \"1.0.0\"\n";

fn shop(manifest: &str) -> Shop {
    let shop = Shop::new();
    std::fs::write(shop.path("try.toml"), format!("{HEAD}{manifest}")).unwrap();
    shop
}

/// A repository with a commit, whose id stands in `$COMMIT` of `commit.env`.
const REPOSITORY: &str = r#"
mkdir work && cd work
git init --quiet --initial-branch=main
git config user.email x@example.org && git config user.name x
mkdir -p source/guide scripts
echo 'install' > source/guide/install.md
echo 'picture' > source/guide/picture.png
printf '#!/bin/sh\n' > scripts/run.sh && chmod 755 scripts/run.sh
ln -s install.md source/guide/start.md
printf 'source/guide/install.md export-ignore\n*.md export-subst\n' > .gitattributes
git add -A && git commit --quiet -m one
echo 'later' > source/guide/install.md && git commit --quiet -am two
cd .. && git clone --quiet --bare work served/docs
git -C work rev-parse HEAD~ > commit
"#;

fn git_manifest(shop: &Shop, more: &str) {
    let commit = String::from_utf8(shop.read("commit")).unwrap();
    let text = format!(
        "{HEAD}[[doc]]\nname = \"docs\"\ngit = \"https://git.example/docs\"\ncommit = \"{}\"\n{more}",
        commit.trim()
    );
    std::fs::write(shop.path("try.toml"), text).unwrap();
}

const LOCK: &str = "sealift lock try.toml --store store --mirror git.example=file://$PWD/served";

#[test]
fn files_of_a_commit_travel_as_they_are() {
    let shop = shop("");
    shop.done(REPOSITORY);
    git_manifest(&shop, "include = [\"source/**\", \"scripts/*\"]\nexclude = [\"**/*.png\"]\n");
    shop.done(LOCK);
    let lock = String::from_utf8(shop.read("try.lock.toml")).unwrap();
    assert!(lock.contains("git = \"https://git.example/docs\""), "{lock}");
    assert!(lock.contains(r#""path":"scripts/run.sh","type":"file","mode":"0755""#), "{lock}");
    assert!(lock.contains(r#""path":"source/guide/start.md","type":"link","target":"install.md""#), "{lock}");
    assert!(!lock.contains("picture") && !lock.contains("gitattributes"), "{lock}");
    // Neither the lock nor packing needs the repository again.
    shop.done("rm -rf served work");
    shop.done("sealift lock try.toml --store store | grep -q unchanged");
    shop.done("sealift pack try.toml --key packer.key --store store --passphrase-fd 0 <<<pw");
    shop.done("sealift unpack try-1.0.0.sealift --trust root.json --to out");
    assert_eq!(shop.read("out/doc/docs/source/guide/install.md"), b"install\n");
    assert_eq!(shop.read("out/doc/docs/source/guide/start.md"), b"install\n");
}

#[test]
fn a_commit_that_is_not_there_and_a_submodule_are_refused() {
    let shop = shop("");
    shop.done(REPOSITORY);
    git_manifest(&shop, "");
    shop.done("sed -i 's/commit = \"....../commit = \"000000/' try.toml");
    shop.fails(LOCK, 1, "source.fetch");
    shop.done(
        "cd work && git -c protocol.file.allow=always submodule --quiet add ../served/docs sub 2>/dev/null
         git commit --quiet -m sub && git rev-parse HEAD > ../commit && cd .. && rm -rf served/docs
         git clone --quiet --bare work served/docs",
    );
    git_manifest(&shop, "");
    let refused = shop.fails(LOCK, 1, "source.fetch");
    assert!(refused.err.contains("`sub` is a submodule"), "{}", refused.err);
    git_manifest(&shop, "exclude = [\"sub\", \".gitmodules\"]\n");
    shop.done(LOCK);
}

const CHARTS: &str = r#"
mkdir -p charts/operator served/charts
printf 'apiVersion: v2\nname: operator\nversion: 1.0.5\nappVersion: 1.25.4\n' > charts/operator/Chart.yaml
printf 'image:\n  repository: mattermost/operator\n  tag: v1.25.4\n' > charts/operator/values.yaml
mkdir charts/operator/templates
printf 'kind: Deployment\nspec:\n  containers:\n    - image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"\n' \
    > charts/operator/templates/deployment.yaml
tar -C charts -czf served/charts/operator-1.0.5.tgz operator
digest=$(sha256sum served/charts/operator-1.0.5.tgz | cut -d' ' -f1)
cat > served/charts/index.yaml <<END
apiVersion: v1
entries:
  operator:
    - version: 1.0.5
      urls: [operator-1.0.5.tgz]
      digest: $digest
END
"#;

const CHART: &str = r#"
[[file]]
name = "operator-chart"
kind = "chart"
chart = "operator"
repository = "https://helm.example/charts"
version = "1.0.5"
license = "Apache-2.0"
"#;

#[test]
fn a_chart_travels_as_its_repository_has_it_and_its_images_are_looked_for() {
    let shop = shop(CHART);
    shop.done(CHARTS);
    let lock = "sealift lock try.toml --store store --mirror helm.example=file://$PWD/served";
    shop.done(lock);
    let text = String::from_utf8(shop.read("try.lock.toml")).unwrap();
    assert!(text.contains("chart = \"operator https://helm.example/charts\""), "{text}");
    assert!(text.contains(r#""path":"operator-1.0.5.tgz""#), "{text}");
    let missing = shop.fails("sealift check try.toml --store store", 4, "check.findings");
    assert!(
        missing.out.contains("reference.missing  docker.io/mattermost/operator:v1.25.4"),
        "{}",
        missing.out
    );
    // What was pinned is what travels, also when the repository has something else under that name.
    shop.done("tar -C charts -czf served/charts/operator-1.0.5.tgz --mtime=@1 operator; rm -rf store");
    shop.fails(lock, 3, "source.digest");
}

#[test]
fn a_version_that_a_repository_lacks_is_said_with_those_it_has() {
    let shop = shop(&CHART.replace("1.0.5", "1.0.6"));
    shop.done(CHARTS);
    let refused = shop.fails(
        "sealift lock try.toml --store store --mirror helm.example=file://$PWD/served",
        1,
        "source.fetch",
    );
    assert!(refused.err.contains("has no version `1.0.6` of `operator`; it has `1.0.5`"), "{}", refused.err);
}

#[test]
fn what_was_pinned_at_first_use_stays_pinned() {
    let shop = shop(
        "[[file]]\nname = \"client\"\nurl = \"https://files.example/client.msi\"\npin = \"first-use\"\nlicense = \"MIT\"\n",
    );
    let lock = "sealift lock try.toml --store store --mirror files.example=file://$PWD/served";
    shop.done("mkdir served; echo one > served/client.msi");
    shop.done(lock);
    assert!(String::from_utf8(shop.read("try.lock.toml")).unwrap().contains("pin = \"first-use\""));
    let found = shop.fails("sealift check try.toml --store store", 4, "check.findings");
    assert!(found.out.contains("source.first-use  client"), "{}", found.out);
    shop.done("echo two > served/client.msi; rm -rf store");
    shop.fails(lock, 3, "source.digest");
    shop.done("rm try.lock.toml");
    shop.done(lock);
}
