//! Keys that an `ssh-agent` holds: with OpenSSH's agent, and with agents that lie.

use crate::cli::{Outcome, Shop};
use sealift_bundle::codes;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::key::Signer as _;
use sealift_bundle::trust::secret::SecretKey;
use sealift_bundle::value::error_code::Fault as _;
use sealift_net::agent::{Agent, AgentKey};
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

/// A shop with three keys of `ssh-keygen` beside its own.
fn shop() -> Shop {
    let shop = Shop::new();
    let tools = shop.run("command -v ssh-agent && command -v ssh-add && command -v ssh-keygen");
    assert_eq!(tools.code, Some(0), "this test needs OpenSSH's tools: apt-get install openssh-client");
    shop.done(
        "for name in alice bob carol; do ssh-keygen -q -t ed25519 -N '' -C \"$name at work\" -f $name; done",
    );
    shop
}

/// Runs a script beside a fresh agent, which ends with it.
fn beside_agent(shop: &Shop, script: &str) -> Outcome {
    std::fs::write(shop.path("script"), format!("set -euo pipefail\n{script}")).unwrap();
    shop.run("ssh-agent bash script")
}

#[test]
fn an_agent_signs_root_and_bundle_with_keys_that_stay_with_it() {
    let shop = shop();
    let outcome = beside_agent(
        &shop,
        "ssh-add -q alice bob
         mkdir away && mv alice bob away
         sealift trust init --key agent:alice.pub --packer bob.pub -o agents.json
         sealift key show bob.pub
         sealift pack site.toml --key agent:bob.pub --trust agents.json --store store -o out",
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.shown());
    assert!(outcome.out.contains("    alice  ") && outcome.out.contains("    bob  "), "{}", outcome.out);
    // Where it is verified, there is no agent.
    let verified = shop.done("sealift verify out/sample-1.0.0.sealift --trust agents.json");
    assert!(verified.out.contains("sealed by  bob (packer"), "{}", verified.out);
    shop.done("sealift unpack out/sample-1.0.0.sealift --trust agents.json --to site");
    // Ed25519 is deterministic, and a file of OpenSSH is the same key as the agent's.
    let again = beside_agent(
        &shop,
        "ssh-add -q away/bob
         sealift pack site.toml --key agent:bob.pub --trust agents.json --store store -o again
         cmp out/*.sealift again/*.sealift",
    );
    assert_eq!(again.code, Some(0), "{}", again.shown());
}

#[test]
fn an_agent_and_a_key_file_sign_together() {
    let shop = shop();
    let outcome = beside_agent(
        &shop,
        "ssh-add -q bob
         sealift trust init --key root.key --packer packer.pub --packer bob.pub --packer-threshold 2 -o two.json \
             --passphrase-fd 0 <<<pw
         sealift pack site.toml --key packer.key --key agent:bob.pub --trust two.json --store store \
             --passphrase-fd 0 <<<pw
         sealift verify sample-1.0.0.sealift --trust two.json",
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.shown());
    let alone = beside_agent(
        &shop,
        "ssh-add -q bob; sealift pack site.toml --key agent:bob.pub --trust two.json --store store -o alone",
    );
    assert_eq!(alone.code, Some(3), "{}", alone.shown());
    assert!(alone.is("trust.threshold") && !shop.path("alone/sample-1.0.0.sealift").exists());
}

#[test]
fn an_agent_that_does_not_sign_says_why() {
    let shop = shop();
    let init = "sealift trust init --key agent:alice.pub --packer bob.pub -o agents.json";
    let refused = |before: &str, said: &str, next: &str| {
        let outcome = beside_agent(&shop, &format!("{before}\n{init}"));
        assert_eq!(outcome.code, Some(1), "{before} {}", outcome.shown());
        assert!(outcome.is("trust.agent"), "{before} {}", outcome.shown());
        assert!(outcome.err.contains(said) && outcome.err.contains(next), "{before} {}", outcome.shown());
        assert!(!shop.path("agents.json").exists());
    };
    refused("true", "it holds none or is locked", "ssh-add KEY");
    refused("ssh-add -q bob carol", "only 2 others", "ssh-add KEY");
    shop.done(
        "printf '#!/bin/sh\necho lock\n' > askpass; printf '#!/bin/sh\nexit 1\n' > no; chmod 755 askpass no",
    );
    let lock = "ssh-add -q alice; export SSH_ASKPASS_REQUIRE=force; SSH_ASKPASS=$PWD/askpass ssh-add -q -x";
    refused(lock, "it holds none or is locked", "ssh-add -X");
    // A key that asks its owner, who says no.
    std::fs::write(
        shop.path("script"),
        format!("set -euo pipefail; eval \"$(ssh-agent)\" >&2; trap 'kill $SSH_AGENT_PID' EXIT; ssh-add -q -c alice\n{init}"),
    )
    .unwrap();
    let outcome = shop.run("export SSH_ASKPASS=$PWD/no DISPLAY=:0; bash script");
    assert_eq!(outcome.code, Some(1), "{}", outcome.shown());
    assert!(outcome.err.contains("refused to sign"), "{}", outcome.shown());
    // And one that says yes.
    shop.done("ln -sf /bin/true yes; export SSH_ASKPASS=$PWD/yes DISPLAY=:0; bash script");
}

#[test]
fn without_an_agent_there_is_a_next_step() {
    let shop = shop();
    let init = "sealift trust init --key agent:alice.pub --packer bob.pub -o agents.json";
    let said = |before: &str, said: &str| {
        let outcome = shop.fails(&format!("{before} {init}"), 1, "trust.agent");
        assert!(outcome.err.contains(said) && outcome.err.contains("next: "), "{}", outcome.shown());
        assert!(!shop.path("agents.json").exists());
    };
    said("", "SSH_AUTH_SOCK is not set");
    said("SSH_AUTH_SOCK=", "SSH_AUTH_SOCK is not set");
    said("SSH_AUTH_SOCK=nowhere", "cannot ask the ssh-agent at `nowhere`");
    said("SSH_AUTH_SOCK=alice.pub", "cannot ask the ssh-agent at `alice.pub`");
    let absent = init.replace("alice", "nobody");
    shop.fails(&format!("SSH_AUTH_SOCK=nowhere {absent}"), 2, "trust.key-file");
    shop.fails(&format!("SSH_AUTH_SOCK=nowhere {}", init.replace("alice.pub", "alice")), 3, "trust.key");
}

/// What a lying agent does when it is asked to sign this.
type Lie = dyn Fn(&mut UnixStream, &[u8]) + Send + Sync;

/// Long enough for an agent that answers, however busy the machine is.
const PATIENT: Duration = Duration::from_secs(60);

/// Asks an agent that does this with each connection, and waits this long for it; gives the error.
fn lied_to(key: &SecretKey, patience: Duration, lie: &Lie) -> TrustError {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let agent = Agent { socket: socket.clone(), patience };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while let Ok((mut stream, _)) = listener.accept() {
                let Ok(request) = read_request(&mut stream) else { return };
                lie(&mut stream, &request);
            }
        });
        let outcome = AgentKey::new(agent, key.public().clone()).sign(b"what is signed");
        drop(UnixStream::connect(&socket));
        outcome.expect_err("a lie was verified")
    })
}

/// The message of one request. An agent that hangs up before it has read one breaks the connection.
fn read_request(stream: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut request = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut request)?;
    Ok(request)
}

fn long(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn signed(kind: &[u8], signature: &[u8]) -> Vec<u8> {
    [&[14][..], &long(&[long(kind), long(signature)].concat())].concat()
}

#[test]
fn a_lying_agent_gets_nothing_sealed() {
    let (key, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    let right = key.sign(b"what is signed").unwrap();
    let good = signed(b"ssh-ed25519", &right);
    // The same way of asking, without a lie.
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let honest = good.clone();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream).unwrap();
        // In small pieces: that alone is not a lie.
        for byte in long(&honest) {
            stream.write_all(&[byte]).unwrap();
        }
    });
    let agent = Agent { socket, patience: PATIENT };
    assert_eq!(AgentKey::new(agent, key.public().clone()).sign(b"what is signed").unwrap(), right);
    server.join().unwrap();

    let refused = |case: &str, answer: Vec<u8>, is: fn(&TrustError) -> bool| {
        let error = lied_to(&key, PATIENT, &move |stream, _| drop(stream.write_all(&answer)));
        assert!(is(&error), "{case}: {error}");
        assert_eq!(error.code(), codes::TRUST_AGENT, "{case}");
    };
    let is_answer = |error: &TrustError| matches!(error, TrustError::AgentAnswer { .. });
    let is_forged = |error: &TrustError| matches!(error, TrustError::AgentSignature { .. });
    let is_failed = |error: &TrustError| matches!(error, TrustError::AgentFailed { .. });

    let of = |key: &SecretKey, message: &[u8]| signed(b"ssh-ed25519", &key.sign(message).unwrap());
    refused("another key's signature", long(&of(&other, b"what is signed")), is_forged);
    refused("a signature of something else", long(&of(&key, b"what is not signed")), is_forged);
    refused("zeros", long(&signed(b"ssh-ed25519", &[0; 64])), is_forged);
    for at in 0..64 {
        let mut wrong = right;
        wrong[at] ^= 1;
        refused("a changed signature", long(&signed(b"ssh-ed25519", &wrong)), is_forged);
    }
    refused("4 GiB", vec![0xff; 4], is_answer);
    refused("4 GiB and some of it", vec![0xff; 100], is_answer);
    refused(
        "one byte more than any answer",
        [&(256_u32 * 1024 + 1).to_be_bytes()[..], &[14]].concat(),
        is_answer,
    );
    refused("nothing", Vec::new(), is_failed);
    refused("half a length", vec![0, 0], is_failed);
    refused("less than it says", [&1000_u32.to_be_bytes()[..], &good].concat(), is_failed);
    refused("an empty answer", long(b""), is_answer);
    refused("success", long(&[6]), is_answer);
    refused("an extension's failure", long(&[28]), is_answer);
    refused("failure and more", long(&[5, 0]), is_answer);
    refused("another type", long(&signed(b"ssh-rsa", &right)), is_answer);
    refused("a security key's type", long(&signed(b"sk-ssh-ed25519@openssh.com", &right)), is_answer);
    refused("a short signature", long(&signed(b"ssh-ed25519", &right[..63])), is_answer);
    refused("a long signature", long(&signed(b"ssh-ed25519", &[&right[..], &[0]].concat())), is_answer);
    refused("bytes behind", long(&[&good[..], &[0]].concat()), is_answer);
    let inner = [long(b"ssh-ed25519"), long(&right), vec![0]].concat();
    refused("bytes behind, inside", long(&[&[14][..], &long(&inner)].concat()), is_answer);
    for end in 1..good.len() {
        refused("a cut answer", long(&good[..end]), is_answer);
    }
    // Every length field at its largest.
    for at in [1, 5, 20] {
        let mut wrong = good.clone();
        wrong[at..at + 4].fill(0xff);
        refused("a length inside", long(&wrong), is_answer);
    }
}

#[test]
fn an_agent_that_refuses_and_lies_about_what_it_holds() {
    let key = SecretKey::generate().unwrap();
    let refuses = |list: Vec<u8>| {
        lied_to(&key, PATIENT, &move |stream, request| {
            let answer = if request == [11] { list.clone() } else { vec![5] };
            drop(stream.write_all(&long(&answer)));
        })
    };
    let blob = [long(b"ssh-ed25519"), long(key.public().bytes())].concat();
    let listed = |count: u32, keys: &[&[u8]]| {
        let keys: Vec<u8> = keys.iter().flat_map(|key| [long(key), long(b"a comment")].concat()).collect();
        [&[12][..], &count.to_be_bytes(), &keys].concat()
    };
    assert!(matches!(refuses(listed(0, &[])), TrustError::AgentEmpty { .. }));
    assert!(matches!(refuses(listed(1, &[b"another"])), TrustError::AgentWithout { held: 1, .. }));
    assert!(matches!(refuses(listed(2, &[b"another", &blob])), TrustError::AgentRefused { .. }));
    let lists = [listed(u32::MAX, &[&blob]), listed(2, &[&blob]), listed(0, &[&blob]), vec![5], vec![12]];
    for list in lists {
        let error = refuses(list);
        assert!(matches!(error, TrustError::AgentAnswer { .. }), "{error}");
    }
}

#[test]
fn an_agent_that_is_silent_or_slow_is_not_waited_for() {
    let key = SecretKey::generate().unwrap();
    let (started, short) = (Instant::now(), Duration::from_millis(300));
    let silent = lied_to(&key, short, &|stream, _| drop(stream.read(&mut [0])));
    assert!(silent.to_string().contains("cannot ask"), "{silent}");
    // Time is for the whole answer, not for each piece of it.
    let slow = lied_to(&key, short, &|stream, _| {
        for byte in [0, 0, 0, 200].into_iter().chain([14; 200]) {
            std::thread::sleep(Duration::from_millis(50));
            if stream.write_all(&[byte]).is_err() {
                return;
            }
        }
    });
    let cause = std::error::Error::source(&slow).unwrap().to_string();
    assert!(cause.contains("took too long"), "{cause}");
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
}

#[test]
fn what_no_agent_takes_is_not_sent() {
    let key = SecretKey::generate().unwrap();
    let agent = Agent { socket: "nowhere".into(), patience: Duration::from_secs(1) };
    let error = AgentKey::new(agent, key.public().clone()).sign(&vec![0; 256 << 10]).unwrap_err();
    assert_eq!(error.code(), codes::TRUST_LIMIT);
}
