use super::{How, Mention, Variables, below_site, mentions, normalised, variables};
use proptest::prelude::*;
use sealift_audit::finding::LintFile;

fn of(path: &str, text: &str, variables: &Variables) -> Vec<Mention> {
    mentions(&LintFile { item: "i", path, bytes: text.as_bytes() }, variables)
}

/// Reference and line of each mention that is clear, in the order of lines.
fn named(path: &str, text: &str) -> Vec<(String, u32)> {
    let mut list: Vec<_> = of(path, text, &Variables::new())
        .into_iter()
        .inspect(|mention| assert_eq!(mention.how, How::Named, "{mention:?}"))
        .map(|mention| (mention.reference, mention.place.line.unwrap()))
        .collect();
    list.sort_by_key(|(_, line)| *line);
    list
}

fn pair(reference: &str, line: u32) -> (String, u32) {
    (reference.to_owned(), line)
}

#[test]
fn short_names_are_completed() {
    let digest = format!("sha256:{}", "a".repeat(64));
    for (text, full) in [
        ("nginx", "docker.io/library/nginx:latest".to_owned()),
        ("postgres:13", "docker.io/library/postgres:13".to_owned()),
        ("docker.io/nginx:1", "docker.io/library/nginx:1".to_owned()),
        ("index.docker.io/library/nginx:1", "docker.io/library/nginx:1".to_owned()),
        ("mattermost/rtcd:v1", "docker.io/mattermost/rtcd:v1".to_owned()),
        ("quay.io/keycloak/keycloak:26.4.0", "quay.io/keycloak/keycloak:26.4.0".to_owned()),
        ("localhost:5000/a", "localhost:5000/a:latest".to_owned()),
        (&format!("a/b:1@{digest}"), format!("docker.io/a/b:1@{digest}")),
        (&format!("a/b@{digest}"), format!("docker.io/a/b@{digest}")),
    ] {
        assert_eq!(normalised(text), Some(full), "{text}");
    }
    assert_eq!(normalised("A b"), None);
}

#[test]
fn a_registry_of_the_site_is_a_hole() {
    for (text, path) in [
        ("{{ registry }}/mattermost/x:1", Some("mattermost/x:1")),
        ("{{ registry_host }}:5000/x", Some("x:latest")),
        ("{{registry}}{{prefix}}/mattermost/x:1", Some("mattermost/x:1")),
        ("mattermost/x:{{ tag }}", None),
        ("{{ registry }}/x:{{ tag }}", None),
        ("{{ image }}", None),
        ("nginx:1", None),
    ] {
        assert_eq!(below_site(text).as_deref(), path, "{text}");
    }
    let found = of("a.yaml", "image: {{ registry }}/mattermost/x:1\n", &Variables::new());
    assert!(found[0].site && found[0].reference == "mattermost/x:1" && found[0].how == How::Named);
    let unclear = of("a.yaml", "image: mattermost/x:{{ tag }}\n", &Variables::new());
    assert!(matches!(&unclear[0].how, How::Unclear(reason) if reason.contains("parameter")));
    assert_eq!(unclear[0].reference, "mattermost/x:{{ .. }}");
}

const COMPOSE: &str = "services:
  postgres:
    image: postgres:${POSTGRES_IMAGE_TAG}
  mattermost:
    image: mattermost/${MATTERMOST_IMAGE}:${MATTERMOST_IMAGE_TAG:-11.7.9}
    environment:
      - TZ
      - MM_SQLSETTINGS_DRIVERNAME
  proxy:
    image: nginx:${NGINX_IMAGE_TAG}
#  watchtower:
#    image: containrrr/watchtower:latest
";

#[test]
fn a_compose_file_and_its_environment() {
    let env = "# c\nPOSTGRES_IMAGE_TAG=14-alpine\nMATTERMOST_IMAGE=mattermost-enterprise-edition\nPOSTGRES_USER=mmuser\n";
    let env = LintFile { item: "i", path: ".env", bytes: env.as_bytes() };
    assert_eq!(mentions(&env, &Variables::new()), []);
    let found = of("docker-compose.yml", COMPOSE, &variables(&env));
    let list: Vec<_> = found
        .iter()
        .map(|m| (m.reference.as_str(), m.place.line.unwrap(), matches!(m.how, How::Named)))
        .collect();
    assert_eq!(
        list,
        [
            ("docker.io/library/postgres:14-alpine", 3, true),
            ("docker.io/mattermost/mattermost-enterprise-edition:11.7.9", 5, true),
            ("nginx:${NGINX_IMAGE_TAG}", 10, false),
        ]
    );
    assert!(matches!(&found[2].how, How::Unclear(reason) if reason.contains("NGINX_IMAGE_TAG")));
}

#[test]
fn kubernetes_resources() {
    let text = "apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      initContainers:
      - image: appropriate/curl:latest
      containers:
      - name: a
        image: \"mattermost/mattermost-operator:v1.25.4\"
        env:
        - name: RELATED_IMAGE_POSTGRES
          value: postgres:13
        - name: PROXY_IMAGE
          value: quay.io/x/y:1
        - name: BASE_IMAGE
          value: word
---
kind: Pod
spec:
  ephemeralContainers: [{image: busybox:1.36}]
---
kind: Cluster
apiVersion: postgresql.cnpg.io/v1
spec: {imageName: ghcr.io/cloudnative-pg/postgresql:17.2}
";
    assert_eq!(
        named("deploy.yaml", text),
        [
            pair("docker.io/appropriate/curl:latest", 7),
            pair("docker.io/mattermost/mattermost-operator:v1.25.4", 10),
            pair("docker.io/library/postgres:13", 13),
            pair("quay.io/x/y:1", 15),
            pair("docker.io/library/busybox:1.36", 21),
            pair("ghcr.io/cloudnative-pg/postgresql:17.2", 25),
        ]
    );
}

#[test]
fn the_operators_resource_has_image_and_version_apart() {
    let digest = format!("sha256:{}", "b".repeat(64));
    let head = "apiVersion: installation.mattermost.com/v1beta1\nkind: Mattermost\nspec:\n";
    let full = "docker.io/mattermost/mattermost-enterprise-edition";
    for (spec, reference) in [
        ("  version: 11.7.9\n".to_owned(), format!("{full}:11.7.9")),
        (format!("  image: {full}\n  version: {digest}\n"), format!("{full}@{digest}")),
        (
            "  image: r.test/mm/fips\n  version: \"11.7.9\"\n  mattermostEnv:\n  - {name: MM_X, value: y}\n"
                .to_owned(),
            "r.test/mm/fips:11.7.9".to_owned(),
        ),
    ] {
        let found = of("cr.yaml", &format!("{head}{spec}"), &Variables::new());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].reference, reference);
    }
    let found = of("cr.yaml", &format!("{head}  size: 100users\n"), &Variables::new());
    assert!(matches!(&found[0].how, How::Unclear(reason) if reason.contains("operator")));
    let site = of(
        "cr.yaml",
        &format!("{head}  image: \"{{{{ registry }}}}/mattermost/mm\"\n  version: 11.7.9\n"),
        &Variables::new(),
    );
    assert!(site[0].site && site[0].reference == "mattermost/mm:11.7.9");
}

#[test]
fn values_definitions_and_other_forms() {
    let values = "image:\n  repository: mattermost/rtcd\n  tag: v1.2.6\nsidecar:\n  image: {registry: quay.io, repository: a/b, tag: \"1\"}\n";
    assert_eq!(
        named("values.yaml", values),
        [pair("docker.io/mattermost/rtcd:v1.2.6", 2), pair("quay.io/a/b:1", 5)]
    );
    let crd = "spec:\n  properties:\n    image:\n      default: mattermost/x:1\n      type: string\n      description: the image\n";
    assert_eq!(named("crd.yaml", crd), [pair("docker.io/mattermost/x:1", 4)]);
    assert_eq!(named("x.container", "[Container]\nImage=docker.io/a/b:1\n"), [pair("docker.io/a/b:1", 2)]);
    assert_eq!(named("x.env", "PROXY_IMAGE=quay.io/a/b:1\n"), [pair("quay.io/a/b:1", 1)]);
    assert_eq!(named("x.json", "{\"image\":\n\"a/b:1\"}"), [pair("docker.io/a/b:1", 2)]);
    assert_eq!(named("notes.md", "image: a/b:1"), []);
}

#[test]
fn what_cannot_be_read_is_unclear() {
    for (path, text) in [("a.yaml", "a: [1"), ("a.json", "{"), ("a.yaml", "image: Not An Image\n")] {
        let found = of(path, text, &Variables::new());
        assert!(found.len() == 1 && matches!(found[0].how, How::Unclear(_)), "{path}: {found:?}");
    }
    let escape = of("a.yaml", "image: \"a\\e[2Jb\"\n", &Variables::new());
    assert!(!escape[0].reference.contains('\x1b'));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), like in "[a-z:${}/@\\- \n]{0,120}") {
        for path in ["a.yaml", "a.json", "a.env", "a.toml", "a"] {
            let _ = mentions(&LintFile { item: "i", path, bytes: &bytes }, &Variables::new());
            let _ = mentions(&LintFile { item: "i", path, bytes: like.as_bytes() }, &Variables::new());
        }
        let _ = (normalised(&like), below_site(&like));
    }
}
