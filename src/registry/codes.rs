//! Error codes of registries.

sealift_bundle::codes! {
    REGISTRY_NAME "registry.name" WrongUse
        "An image reference does not say which registry it is in. Short names mean different images on different machines, so none is guessed."
    REGISTRY_FAILED "registry.failed" CouldNot
        "A registry could not be reached or failed while it answered. What has arrived is kept, and the next run goes on from there."
    REGISTRY_MISSING "registry.missing" WrongUse
        "A registry does not have the repository, tag or blob that was asked for. Some registries also say this to those who may not see it."
    REGISTRY_DENIED "registry.denied" CouldNot
        "A registry wants to know who asks, or does not allow it to whoever asks. Credentials are taken from where `podman login` and `docker login` keep them."
    REGISTRY_CONTENT "registry.content" NotBelieved
        "A registry sent something else than what was asked for: another digest, another length, or a document that is no manifest. Nothing of it was kept."
    REGISTRY_CREDENTIALS "registry.credentials" WrongUse
        "A file of credentials or a credential helper cannot be used."
    REGISTRY_CERTIFICATES "registry.certificates" WrongUse
        "A file of certificates cannot be read or holds none."
    REGISTRY_PROXY "registry.proxy" WrongUse
        "A request would go through a proxy that an environment variable names and that cannot be used: its address is no `http://HOST:PORT`, or it is a SOCKS proxy. `NO_PROXY` names hosts that are reached without a proxy; loopback always is."
    REGISTRY_REFUSED "registry.refused" NotAsWanted
        "The registry did not take all of the bundle's images, or not all that refers to them. The message and `mapping.json` say what arrived and what is missing."
    SERVE_LISTEN "serve.listen" CouldNot
        "The address could not be listened on: another program has it, this machine does not have it, or a port below 1024 needs more rights."
    SERVE_TLS "serve.tls" WrongUse
        "The certificate or the key for TLS cannot be used: not PEM, without a certificate or a private key, or the two do not belong together."
    SERVE_CONFLICT "serve.conflict" WrongUse
        "Two of the bundles give one name to different things. Whoever pulls by that name would not know what comes, so nothing is served. Serve one of the two, or each at an address of its own."
}
