//! Error codes of registries.

sealift_bundle::codes! {
    REGISTRY_NAME "registry.name" Usage
        "An image reference does not name a registry. Short names mean different images on different machines, so none is guessed."
    REGISTRY_FAILED "registry.failed" Failed
        "A registry could not be reached or failed while it answered. What was transferred is kept, and the next run continues from there."
    REGISTRY_MISSING "registry.missing" Usage
        "A registry does not have the requested repository, tag or blob. Some registries also answer this to users who may not see it."
    REGISTRY_DENIED "registry.denied" Failed
        "A registry requires credentials, or denies access to this user. Credentials are read from where `podman login` and `docker login` store them."
    REGISTRY_CONTENT "registry.content" Rejected
        "A registry sent something other than requested: another digest, another length, or an invalid manifest. Nothing of it was kept."
    REGISTRY_CREDENTIALS "registry.credentials" Usage
        "A credentials file or a credential helper cannot be used."
    REGISTRY_CERTIFICATES "registry.certificates" Usage
        "A certificate file cannot be read or contains no certificate."
    REGISTRY_PROXY "registry.proxy" Usage
        "A request would use a proxy named by an environment variable, and that proxy cannot be used: its address is not `http://HOST:PORT`, or it is a SOCKS proxy. `NO_PROXY` lists hosts that are reached without a proxy; loopback always is."
    REGISTRY_REFUSED "registry.refused" Findings
        "The registry did not accept all images of the bundle, or not everything that refers to them. The message and `mapping.json` list what was pushed and what is missing."
    SERVE_LISTEN "serve.listen" Failed
        "Cannot listen on the address: it is in use, this machine does not have it, or a port below 1024 needs more privileges."
    SERVE_TLS "serve.tls" Usage
        "The TLS certificate or key cannot be used: not PEM, without a certificate or a private key, or the two do not match."
    SERVE_CONFLICT "serve.conflict" Usage
        "Two of the bundles give the same name to different things, so a pull of that name would be ambiguous. Nothing is served. Serve one of the two, or each at its own address."
}
