use crate::lint::references::{How, Mention, Variables, mentions};
use crate::lint::tarball::packed;
use sealift_audit::finding::LintFile;

fn of(files: &[(&str, &str)]) -> Vec<Mention> {
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    mentions(&LintFile { item: "i", path: "x.tgz", bytes: &packed(&files) }, &Variables::new())
}

fn list(found: &[Mention]) -> Vec<(&str, &str)> {
    let how = |mention: &Mention| match mention.how {
        How::Named => "named",
        How::Test => "test",
        How::Unclear(_) => "unclear",
        How::Chart => "chart",
    };
    found.iter().map(|mention| (mention.reference.as_str(), how(mention))).collect()
}

const OPERATOR: &str = r#"{{- if .Values.mattermostOperator.enabled }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ template "mattermost-operator.name" . }}
spec:
  template:
    spec:
      containers:
      - args:
        {{- if .Values.mattermostOperator.args }}
{{ toYaml .Values.mattermostOperator.args | indent 10 }}
        {{- end }}
        image: "{{ .Values.mattermostOperator.image.repository }}:{{ .Values.mattermostOperator.image.tag }}"
        imagePullPolicy: "{{ .Values.mattermostOperator.image.pullPolicy }}"
        env:
        - name: RELATED_IMAGE_MINIO
          value: "minio/mc:{{ .Chart.AppVersion }}"
{{- end }}
"#;

#[test]
fn the_operators_chart() {
    let found = of(&[
        (
            "mattermost-operator/Chart.yaml",
            "apiVersion: v2\nname: mattermost-operator\nversion: 1.0.5\nappVersion: 1.25.4\n",
        ),
        (
            "mattermost-operator/values.yaml",
            "mattermostOperator:\n  enabled: true\n  args: [--x]\n  image:\n    repository: mattermost/mattermost-operator\n    tag: v1.25.4\n    pullPolicy: IfNotPresent\nmysqlOperator:\n  enabled: false\n  image: {repository: mysql/op, tag: \"2\"}\n",
        ),
        ("mattermost-operator/templates/mattermost-operator/deployment.yaml", OPERATOR),
        (
            "mattermost-operator/templates/mysql.yaml",
            "{{- if .Values.mysqlOperator.enabled }}\nspec:\n  image: \"{{ .Values.mysqlOperator.image.repository }}:{{ .Values.mysqlOperator.image.tag }}\"\n{{- end }}\n",
        ),
        (
            "mattermost-operator/crds/crd.yaml",
            "spec:\n  properties:\n    image:\n      description: the image\n      type: string\n",
        ),
    ]);
    assert_eq!(
        list(&found),
        [
            ("docker.io/minio/mc:1.25.4", "named"),
            ("docker.io/mattermost/mattermost-operator:v1.25.4", "named"),
            ("docker.io/mysql/op:2", "unclear"),
        ]
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
    let operator = found.iter().find(|mention| mention.reference.contains("operator:")).unwrap();
    assert_eq!(
        operator.place.path,
        "x.tgz!mattermost-operator/templates/mattermost-operator/deployment.yaml"
    );
    assert_eq!(operator.place.line, Some(14));
}

#[test]
fn defaults_tests_and_hooks() {
    let found = of(&[
        ("mattermost-rtcd/Chart.yaml", "name: mattermost-rtcd\nversion: 1.4.1\nappVersion: v1.2.6\n"),
        (
            "mattermost-rtcd/values.yaml",
            "image:\n  repository: mattermost/rtcd\n  pullPolicy: IfNotPresent\n  tag: \"\"\nglobal: {}\n",
        ),
        (
            "mattermost-rtcd/templates/deployment.yaml",
            "      containers:\n        - name: {{ .Chart.Name }}\n          image: \"{{ .Values.image.repository }}:{{ .Values.image.tag | default \"latest\" }}\"\n",
        ),
        ("mattermost-rtcd/templates/job.yaml", "  image: {{ include \"rtcd.image\" . }}\n"),
        (
            "mattermost-rtcd/templates/tests/test.yaml",
            "metadata:\n  annotations:\n    \"helm.sh/hook\": test-success\nspec:\n  initContainers:\n  - name: x\n    image: \"bats/bats:v1.1.0\"\n  containers:\n  - image: cosmintitei/bash-curl:latest # tool\n",
        ),
    ]);
    assert_eq!(
        list(&found),
        [
            ("docker.io/bats/bats:v1.1.0", "test"),
            ("docker.io/cosmintitei/bash-curl:latest", "test"),
            ("docker.io/mattermost/rtcd:latest", "named"),
            ("{{ include \"rtcd.image\" . }}", "unclear"),
        ]
    );
}

#[test]
fn charts_in_charts_take_their_parents_values() {
    let inner = packed(&[
        ("redis/Chart.yaml", b"name: redis\nappVersion: 7.2.0\n"),
        ("redis/values.yaml", b"image: {registry: docker.io, repository: bitnami/redis, tag: 7.2.0}\n"),
        ("redis/templates/x.yaml", b"image: {{ include \"common.images.image\" (dict \"imageRoot\" .Values.image \"global\" .Values.global) }}\n"),
    ]);
    let chart = packed(&[
        ("push/Chart.yaml", b"name: push\nversion: 0.14.3\nappVersion: 6.3.0\ndependencies:\n- name: redis\n  alias: cache\n- name: es\n  condition: es.enabled\nannotations:\n  artifacthub.io/images: |\n    - name: push\n      image: mattermost/mattermost-push-proxy:6.3.0\n"),
        ("push/values.yaml", b"global:\n  imageRegistry: mirror.test\nimage:\n  repository: mattermost/mattermost-push-proxy\n  tag:\ncache:\n  image: {tag: 7.4.1}\nes:\n  enabled: false\nmetricsImage: prom/exporter:v1\n"),
        ("push/templates/d.yaml", b"image: \"{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}\"\n"),
        ("push/charts/redis-1.tgz", &inner),
        ("push/charts/es/Chart.yaml", b"name: es\nappVersion: 9.0.0\n"),
        ("push/charts/es/values.yaml", b"image: elastic/es:9.0.0\n"),
        ("push/charts/es/templates/d.yaml", b"image: {{ .Values.image }}\n"),
    ]);
    let found = mentions(&LintFile { item: "i", path: "push.tgz", bytes: &chart }, &Variables::new());
    let mut shown = list(&found);
    shown.dedup();
    assert_eq!(
        shown,
        [
            ("docker.io/elastic/es:9.0.0", "unclear"),
            ("docker.io/mattermost/mattermost-push-proxy:6.3.0", "named"),
            ("docker.io/prom/exporter:v1", "named"),
            ("mirror.test/bitnami/redis:7.4.1", "named"),
        ]
    );
}

#[test]
fn images_in_values_that_no_template_explains() {
    let found = of(&[
        ("ingress-nginx/Chart.yaml", "name: ingress-nginx\nappVersion: 1.15.1\n"),
        (
            "ingress-nginx/values.yaml",
            &format!(
                "controller:\n  image:\n    registry: registry.k8s.io\n    image: ingress-nginx/controller\n    tag: v1.15.1\n    digest: sha256:{}\n  other: {{repository: a/b}}\ncharts: {{repository: https://x.test/charts}}\n",
                "5".repeat(64)
            ),
        ),
    ]);
    assert_eq!(
        list(&found),
        [
            ("a/b", "unclear"),
            (
                &*format!("registry.k8s.io/ingress-nginx/controller:v1.15.1@sha256:{}", "5".repeat(64)),
                "named"
            )
        ]
    );
}

#[test]
fn p52_charts_too_deep_in_charts_are_refused() {
    let mut inner = packed(&[("c/Chart.yaml", b"name: c\n"), ("c/values.yaml", b"image: a/b:1\n")]);
    for _ in 0..8 {
        inner = packed(&[("c/Chart.yaml", b"name: c\n"), ("c/charts/c.tgz", &inner)]);
    }
    let found = mentions(&LintFile { item: "i", path: "x.tgz", bytes: &inner }, &Variables::new());
    assert!(
        found.len() == 1 && matches!(&found[0].how, How::Unclear(reason) if reason.contains("too deep")),
        "{found:?}"
    );
    let deep = format!("{}Chart.yaml", "c/charts/".repeat(8));
    let found = of(&[(&deep, "name: c\n")]);
    assert!(found.len() == 1 && matches!(&found[0].how, How::Unclear(_)));
}

#[test]
fn what_is_no_chart_or_damaged() {
    let plugin = of(&[("plugin/plugin.json", "{}"), ("plugin/x.yaml", "image: a/b:1")]);
    assert!(plugin.len() == 1 && matches!(&plugin[0].how, How::Unclear(why) if why.contains("Chart.yaml")));
    let damaged =
        mentions(&LintFile { item: "i", path: "x.tgz", bytes: b"\x1f\x8bxxxxxxxxxxxx" }, &Variables::new());
    assert!(damaged.len() == 1 && matches!(damaged[0].how, How::Unclear(_)));
    let broken = of(&[("c/Chart.yaml", "a: [1"), ("c/values.yaml", "b: {")]);
    assert_eq!(broken.iter().filter(|mention| matches!(mention.how, How::Unclear(_))).count(), 2);
}
