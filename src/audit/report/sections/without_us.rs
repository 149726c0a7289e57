//! Section: how to check the bundle with common tools.

use super::super::document::{Basis, Fact, SectionPart};
use super::super::facts::ReportFacts;
use super::super::text::{code, say};

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let overview = facts.overview;
    let fact = |name, value| Fact { name, basis: Basis::Observed, value };
    let commands = |lines: &[&str]| SectionPart::Commands {
        lines: lines.iter().map(|line| facts.command(line)).collect(),
    };
    let paragraph = |text: &str| SectionPart::Paragraph { text: say(text) };
    let statement =
        format!("echo '{}  seal/statement.json' | sha256sum --strict -c", overview.statement.hex());
    let sums = format!("echo '{}  seal/SHA256SUMS' | sha256sum --strict -c", facts.sums.hex());
    let mut blocks = vec![
        SectionPart::Paragraph {
            text: say("These commands need openssl 3, sha256sum, tar, jq and base64, and the public key of a packer (")
                .code("packer.pub")
                .say("), obtained over another channel than the bundle. Each command must succeed; stop at the first that fails. The bundle contains the same instructions in ")
                .code("seal/VERIFY.txt")
                .say("."),
        },
        SectionPart::Facts {
            facts: vec![
                fact("Digest of the statement", code(overview.statement.to_string())),
                fact("Digest of the list", code(facts.sums.to_string())),
                fact("Size of the file", say(super::size::bytes(facts.account.size))),
            ],
        },
        paragraph("1. Extract the seal, and check that it is the one this report is about."),
        commands(&["tar -xf BUNDLE seal/", &statement, &sums]),
        paragraph("2. Check the signature over the statement, once for each packer that your rules require."),
        commands(&[
            "printf 'DSSEv1 28 application/vnd.in-toto+json %d ' \"$(wc -c < seal/statement.json)\" > pae",
            "cat seal/statement.json >> pae",
            "id=$(openssl pkey -pubin -in packer.pub -outform DER | sha256sum | cut -d' ' -f1)",
            "jq -er --arg id \"$id\" '.signatures[] | select(.keyid == $id).sig' seal/bundle.dsse.json | base64 -d > sig",
            "openssl pkeyutl -verify -rawin -pubin -inkey packer.pub -sigfile sig -in pae",
        ]),
        paragraph("3. Extract everything, compare every digest, and check that there are no unlisted files."),
        commands(&[
            "jq -er '.predicate.members[] | select(.name == \"seal/SHA256SUMS\") | .sha256 + \"  \" + .name' seal/statement.json | sha256sum --strict -c",
            "tar -xf BUNDLE",
            "sha256sum --strict -c seal/SHA256SUMS",
            "tar -tf BUNDLE | tail -n +5 | diff - <(cut -c67- seal/SHA256SUMS)",
        ]),
    ];
    for signer in &overview.signers {
        blocks.push(SectionPart::Paragraph {
            text: say("The key of ")
                .out(signer.name.as_str())
                .say(" has the id ")
                .code(&signer.key)
                .say(", in words: ")
                .out(&signer.words)
                .say("."),
        });
    }
    blocks
}
