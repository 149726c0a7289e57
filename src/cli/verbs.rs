//! The table of verbs: the group in `sealift --help`, the short help, the arguments, and the names that error messages
//! of the verb may use.

use super::context::Named;
use super::error::CliError;
use super::term::Term;
use super::{
    analyze, approve, cat, cosign, diff, doctor, evidence, explain, fleet, inspect, install, journal, key,
    ls, manual, policy, receipt, report, rollback, sbom, scan, site, status, trust, unpack, util, verify,
    waive,
};
#[cfg(feature = "connected")]
use super::{check, demo, init, lock, pack};
#[cfg(feature = "registry")]
use super::{load, publish, pull, serve};

/// Declares [`Verb`] from groups of rows `Name(args: type) => named`, where `named` is what its errors may name.
macro_rules! verbs {
    ($($group:literal {
        $($(#[doc = $doc:literal])* $(#[cfg($cfg:meta)])? $name:ident($args:ident: $type:ty) => $named:expr;)*
    })*) => {
        #[derive(clap::Subcommand)]
        pub(super) enum Verb {
            $($($(#[doc = $doc])* $(#[cfg($cfg)])? $name($type),)*)*
        }

        impl Verb {
            /// The bundle, site or manifest that error messages of this verb may name.
            pub(super) fn named(&self) -> Named {
                match self {
                    $($($(#[cfg($cfg)])? Self::$name($args) => $named,)*)*
                }
            }

            pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
                match self {
                    $($($(#[cfg($cfg)])? Self::$name(args) => args.run(term),)*)*
                }
            }
        }

        /// The groups of `sealift --help` with the verbs of this build, in order.
        const GROUPS: &[(&str, &[&str])] = &[
            $(($group, &[$($(#[cfg($cfg)])? stringify!($name),)*]),)*
        ];
    };
}

verbs! {
    "Start" {
        /// Run a guided tour in a temporary directory: pack, verify, reject a changed byte, unpack
        #[cfg(feature = "connected")]
        Demo(_args: demo::Args) => Named::Nothing;
        /// Write a commented manifest for the content of a directory
        #[cfg(feature = "connected")]
        Init(_args: init::Args) => Named::Nothing;
        /// Read the manual
        Manual(_args: manual::Args) => Named::Nothing;
        /// Explain an error code or a finding
        Explain(_args: explain::Args) => Named::Nothing;
        /// Print shell completions, the manifest schema or the format specification
        Util(_args: util::Args) => Named::Nothing;
    }
    "Build" {
        /// Pin every source of a manifest to a digest and size
        #[cfg(feature = "connected")]
        Lock(args: lock::Args) => Named::Manifest(args.manifest.clone());
        /// Find what would fail at an isolated site
        #[cfg(feature = "connected")]
        Check(args: check::Args) => Named::Manifest(args.manifest.clone());
        /// Build and sign a bundle from a lock
        #[cfg(feature = "connected")]
        Pack(args: pack::Args) => Named::Manifest(args.manifest.clone());
        /// Add another packer's signature to a bundle
        Cosign(args: cosign::Args) => Named::Bundle(args.bundle.clone());
        /// Push a bundle to a registry, with its seal as a referrer
        #[cfg(feature = "registry")]
        Publish(args: publish::Args) => Named::Bundle(args.bundle.clone());
    }
    "Verify" {
        /// Verify a bundle's signatures and every byte of it
        Verify(args: verify::Args) => Named::Bundle(args.source.bundle.clone());
        /// Show the content of a bundle
        Inspect(args: inspect::Args) => Named::Bundle(args.bundle.clone());
        /// List the files in a bundle
        Ls(args: ls::Args) => Named::Bundle(args.bundle.clone());
        /// Write one file of a bundle to standard output
        Cat(args: cat::Args) => Named::Bundle(args.bundle.clone());
        /// Verify a bundle and write its content to a new directory
        Unpack(args: unpack::Args) => Named::Bundle(args.source.bundle.clone());
    }
    "Run a site" {
        /// Set up a site and manage the trust root it pins
        Site(args: site::Args) => Named::Site(args.site().to_owned());
        /// Check whether a bundle can be unpacked here
        Doctor(args: doctor::Args) => args.named().map_or(Named::Nothing, Named::Bundle);
        /// Verify a bundle and put it into use, atomically
        Install(args: install::Args) => Named::Site(args.site.clone());
        /// Switch back to the previous release
        Rollback(args: rollback::Args) => Named::Site(args.site.clone());
        /// Remove old releases that are not in use
        Prune(args: rollback::Prune) => Named::Site(args.site.clone());
        /// Show what a site trusts and has installed
        Status(args: status::Args) => Named::Site(args.site.clone());
        /// Verify a bundle and push its images to the site's registry
        #[cfg(feature = "registry")]
        Load(args: load::Args) => Named::Bundle(args.source.bundle.clone());
        /// Serve bundles as a read-only registry and a web page
        #[cfg(feature = "registry")]
        Serve(_args: serve::Args) => Named::Nothing;
        /// Download a published bundle into a file
        #[cfg(feature = "registry")]
        Pull(args: pull::Args) => Named::Bundle(args.source.bundle.clone());
        /// Verify and export the journal of a site
        Journal(args: journal::Args) => Named::Site(args.site().to_owned());
        /// Create and check receipts: what a site installed, signed by the site
        Receipt(args: receipt::Args) => args.site().map_or(Named::Nothing, |site| Named::Site(site.to_owned()));
        /// Create and check requests: what a site holds, signed by the site
        Request(args: receipt::RequestArgs) => {
            args.site().map_or(Named::Nothing, |site| Named::Site(site.to_owned()))
        };
    }
    "Approve and audit" {
        /// Compare two bundles, locks or sites, most severe changes first
        Diff(_args: diff::Args) => Named::Nothing;
        /// Analyze the content of a bundle: executables, privileges, packages, secrets
        Analyze(args: analyze::Args) => Named::Bundle(args.bundle.clone());
        /// Write the SBOM of a bundle
        Sbom(args: sbom::Args) => Named::Bundle(args.bundle.clone());
        /// Run a malware scanner over everything in a bundle
        Scan(args: scan::Args) => args.bundle().map_or(Named::Nothing, Named::Bundle);
        /// Write a one-page HTML report for an approver
        Report(args: report::Args) => Named::Bundle(args.bundle.clone());
        /// Check a bundle against a policy, and list the rules a policy can use
        Policy(args: policy::Args) => {
            args.bundle().map_or(Named::Nothing, |bundle| Named::Bundle(bundle.clone()))
        };
        /// Waive a policy violation, with a reason and an expiry date
        Waive(args: waive::Args) => Named::Bundle(args.bundle.clone());
        /// Approve a bundle: sign a file that travels beside it
        Approve(args: approve::Args) => Named::Bundle(args.bundle.clone());
        /// Export the evidence that a bundle was verified, for later audits
        Evidence(args: evidence::Args) => Named::Bundle(args.bundle().clone());
        /// Show which site holds what, from receipts and requests
        Fleet(_args: fleet::Args) => Named::Nothing;
    }
    "Keys" {
        /// Create and show keys
        Key(_args: key::Args) => Named::Nothing;
        /// Create, change and show trust roots
        Trust(_args: trust::Args) => Named::Nothing;
    }
}

/// Groups the verbs in `sealift --help`; clap itself prints one flat list.
pub(super) fn with_groups(command: clap::Command) -> clap::Command {
    let header = |text: &str| format!("\x1b[1m\x1b[4m{text}:\x1b[0m\n");
    let mut groups = String::new();
    for (group, verbs) in GROUPS {
        groups += &header(group);
        for verb in *verbs {
            let name = verb.to_lowercase();
            let about = command.find_subcommand(&name).and_then(clap::Command::get_about);
            groups += &format!(
                "  \x1b[1m{name:<10}\x1b[0m{}\n",
                about.map(ToString::to_string).unwrap_or_default()
            );
        }
        groups.push('\n');
    }
    let options = header("Options");
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{options}{{options}}{{after-help}}"
    ))
}
