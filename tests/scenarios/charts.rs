//! Charts with the values and the lines of templates that name images in the published ones.

use super::stand_ins::{gzip, tar};

/// A packed chart; `pins` are the digests that the published one has in its values, and those of the stand-ins.
pub fn packed(name: &str, version: &str, pins: &[(String, String)]) -> Vec<u8> {
    let (app, values, template) = parts(name);
    let about = format!(
        "apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: \"{app}\"\ntype: application\n"
    );
    let values = pins.iter().fold(values.to_owned(), |text, (old, new)| text.replace(old, new));
    let deployment = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{{{ include \"{name}.fullname\" . }}}}\nspec:\n  \
         template:\n    spec:\n      containers:\n        - name: {{{{ .Chart.Name }}}}\n{template}"
    );
    let helper = format!("{{{{- define \"{name}.fullname\" -}}}}\n{{{{ .Release.Name }}}}\n{{{{- end }}}}\n");
    let files = [
        ("Chart.yaml", about),
        ("values.yaml", values),
        ("templates/_helpers.tpl", helper),
        ("templates/deployment.yaml", deployment),
    ];
    gzip(&tar(&files.map(|(path, text)| (format!("{name}/{path}"), text.into_bytes()))))
}

/// The version of what it installs, its values, and the end of its deployment.
fn parts(name: &str) -> (&'static str, &'static str, &'static str) {
    match name {
        "mattermost-operator" => ("1.25.4", OPERATOR, OPERATOR_IMAGE),
        "mattermost" => (
            "11.6.1",
            SERVER,
            "          image: \"{{ .Values.mattermostApp.image.repository }}:{{ .Values.mattermostApp.image.tag }}\"\n",
        ),
        "mattermost-rtcd" => ("latest", RTCD, TAG_OR_APP),
        "mattermost-calls-offloader" => ("v0.9.0", OFFLOADER, TAG_OR_APP),
        "mattermost-push-proxy" => ("6.3.0", PUSH, TAG_OR_APP),
        "cloudnative-pg" => ("1.30.0", CNPG, TAG_OR_APP),
        "velero" => (
            "1.18.1",
            VELERO,
            "          image: \"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"\n",
        ),
        "ingress-nginx" => ("1.15.1", INGRESS_NGINX, INGRESS_NGINX_IMAGE),
        "nginx-ingress" => ("5.2.0", INGRESS_F5, TAG_OR_APP_OF_CONTROLLER),
        "eck-operator" => ("3.1.0", ECK, ECK_IMAGE),
        other => panic!("no stand-in for the chart `{other}`"),
    }
}

const TAG_OR_APP: &str = "          image: \"{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}\"\n";
const TAG_OR_APP_OF_CONTROLLER: &str = "          image: \"{{ .Values.controller.image.repository }}:{{ .Values.controller.image.tag | default .Chart.AppVersion }}\"\n";

const OPERATOR: &str = "\
mattermostOperator:
  enabled: true
  image:
    repository: mattermost/mattermost-operator
    tag: v1.25.4
    pullPolicy: IfNotPresent
minioOperator:
  enabled: false
  image:
    repository: minio/k8s-operator
    tag: 1.0.7
mysqlOperator:
  enabled: false
  image:
    repository: quay.io/presslabs/mysql-operator
    tag: 0.4.0
  sidecar:
    image:
      repository: quay.io/presslabs/mysql-operator-sidecar
      tag: 0.4.0
  orchestrator:
    image:
      repository: quay.io/presslabs/mysql-operator-orchestrator
      tag: 0.4.0
";
const OPERATOR_IMAGE: &str = "          image: \"{{ .Values.mattermostOperator.image.repository }}:{{ .Values.mattermostOperator.image.tag }}\"\n          imagePullPolicy: \"{{ .Values.mattermostOperator.image.pullPolicy }}\"\n";

const SERVER: &str = "\
global:
  siteUrl: http://mattermost.example.com
mattermostApp:
  replicaCount: 2
  image:
    repository: mattermost/mattermost-enterprise-edition
    tag: 11.6.1@sha256:613672d138cbda4d9b47823602a1e89ab23ea5dbb2d2f43cb9da37403221f8ab
    pullPolicy: IfNotPresent
";

const RTCD: &str = "\
image:
  repository: mattermost/rtcd
  pullPolicy: IfNotPresent
  # Overrides the image tag whose default is the chart appVersion.
  tag: \"\"
deploymentType: deployment
";

const OFFLOADER: &str = "\
replicaCount: 2
image:
  repository: mattermost/calls-offloader
  pullPolicy: IfNotPresent
  tag: v0.9.0
config:
  - name: JOBS_APITYPE
    value: kubernetes
";

const PUSH: &str = "\
image:
  repository: mattermost/mattermost-push-proxy
  tag: 6.3.0
  pullPolicy: Always
";

const CNPG: &str = "\
replicaCount: 1
image:
  repository: ghcr.io/cloudnative-pg/cloudnative-pg
  pullPolicy: IfNotPresent
  tag: \"\"
";

const VELERO: &str = "\
image:
  repository: velero/velero
  tag: v1.18.1
  pullPolicy: IfNotPresent
initContainers:
kubectl:
  image:
    repository: docker.io/bitnamilegacy/kubectl
upgradeCRDs: true
";

const INGRESS_NGINX: &str = "\
controller:
  image:
    chroot: false
    registry: registry.k8s.io
    image: ingress-nginx/controller
    tag: v1.15.1
    digest: sha256:594ceea76b01c592858f803f9ff4d2cb40542cae2060410b2c95f75907d659e1
    pullPolicy: IfNotPresent
  admissionWebhooks:
    enabled: true
    patch:
      enabled: true
      image:
        registry: registry.k8s.io
        image: ingress-nginx/kube-webhook-certgen
        tag: v1.6.9
        digest: sha256:01038e7de14b78d702d2849c3aad72fd25903c4765af63cf16aa3398f5d5f2dd
defaultBackend:
  enabled: false
  image:
    registry: registry.k8s.io
    image: defaultbackend-amd64
    tag: \"1.5\"
";
const INGRESS_NGINX_IMAGE: &str = "\
          {{- with .Values.controller.image }}
          image: {{ .registry }}/{{ include \"ingress-nginx.image\" . }}:{{ .tag }}{{ include \"ingress-nginx.imageDigest\" . }}
          {{- end }}
";

const INGRESS_F5: &str = "\
controller:
  kind: deployment
  image:
    repository: nginx/nginx-ingress
    # tag: 5.2.0
    pullPolicy: IfNotPresent
  appprotect:
    enable: false
    v5: false
    enforcer:
      image:
        repository: private-registry.nginx.com/nap/waf-enforcer
        tag: 5.8.0
    configManager:
      image:
        repository: private-registry.nginx.com/nap/waf-config-mgr
        tag: 5.8.0
";

const ECK: &str = "\
replicaCount: 1
image:
  repository: docker.elastic.co/eck/eck-operator
  pullPolicy: IfNotPresent
  tag: null
config:
  ubiOnly: false
  containerRegistry: docker.elastic.co
";
const ECK_IMAGE: &str = "          image: \"{{ .Values.image.repository }}{{- if .Values.config.ubiOnly -}}-ubi{{- end -}}:{{ default .Chart.AppVersion .Values.image.tag }}\"\n";
