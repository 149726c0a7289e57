//! Findings about sources: what a source may lead to, what images in archives are taken for, what lock and check say.

use crate::cli::Shop;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

const HEAD: &str = "[bundle]\nname = \"try\"\nscenario = \"air-gapped\"\nversion = \"1.0.0\"\n";

fn shop(manifest: &str) -> Shop {
    let shop = Shop::new();
    std::fs::write(shop.path("try.toml"), format!("{HEAD}{manifest}")).unwrap();
    shop
}

fn text(shop: &Shop, name: &str) -> String {
    String::from_utf8(shop.read(name)).unwrap()
}

/// Answers each request with what `answer` makes of its path and its headers; returns host and port, and the requests.
fn serve(answer: impl Fn(&str, &[String]) -> Vec<u8> + Send + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(&stream);
            let mut lines = Vec::new();
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                lines.push(line.trim().to_lowercase());
                line.clear();
            }
            let path = lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
            seen.lock().unwrap().push(lines.join("\n"));
            let _ = (&stream).write_all(&answer(&path, &lines));
        }
    });
    (host, requests)
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

fn chart(repository: &str) -> String {
    format!(
        "[[file]]\nname = \"web\"\nkind = \"chart\"\nchart = \"web\"\nrepository = \"{repository}\"\nversion = \"1.0.0\"\n"
    )
}

fn chart_index(url: &str) -> String {
    format!("apiVersion: v1\nentries:\n  web:\n  - name: web\n    version: 1.0.0\n    urls: [\"{url}\"]\n")
}

#[test]
fn f_sec_01_a_chart_repository_leads_to_no_file_of_this_machine() {
    let shop = shop("");
    shop.done("mkdir mirror && echo secret > secret.txt && ln -s ../secret.txt mirror/web-1.0.0.tgz");
    let secret = shop.path("secret.txt").display().to_string();
    let list = chart_index(&format!("file://{secret}"));
    let (host, _) = serve(move |_, _| ok(list.as_bytes()));
    std::fs::write(shop.path("try.toml"), format!("{HEAD}{}", chart(&format!("http://{host}")))).unwrap();
    let refused = shop.fails("sealift lock try.toml --store store", 3, "source.outside");
    assert!(refused.err.contains("a file of this machine"), "{}", refused.err);
    // A repository that is a folder leads to nothing outside of it, by its list, by `..` or by a link.
    let folder = shop.path("mirror").display().to_string();
    std::fs::write(shop.path("try.toml"), format!("{HEAD}{}", chart(&format!("file://{folder}")))).unwrap();
    for url in [format!("file://{secret}"), "%2e%2e/secret.txt".to_owned(), "web-1.0.0.tgz".to_owned()] {
        std::fs::write(shop.path("mirror/index.yaml"), chart_index(&url)).unwrap();
        shop.fails("sealift lock try.toml --store store", 3, "source.outside");
    }
    // So does a folder that is the mirror of a host.
    std::fs::write(shop.path("try.toml"), format!("{HEAD}{}", chart("https://helm.example"))).unwrap();
    for url in ["web-1.0.0.tgz", "https://helm.example/%2e%2e/secret.txt"] {
        std::fs::write(shop.path("mirror/index.yaml"), chart_index(url)).unwrap();
        let lock = "sealift lock try.toml --store store --mirror helm.example=file://$PWD/mirror";
        shop.fails(lock, 3, "source.outside");
    }
    assert!(!shop.path("try.lock.toml").exists());
    shop.done("rm mirror/web-1.0.0.tgz && echo chart > mirror/web-1.0.0.tgz");
    std::fs::write(shop.path("mirror/index.yaml"), chart_index("web-1.0.0.tgz")).unwrap();
    shop.done("sealift lock try.toml --store store --mirror helm.example=file://$PWD/mirror");
}

#[test]
fn f_sec_01_a_chart_repository_leads_to_no_weaker_protocol() {
    let shop = shop(&chart("https://helm.example"));
    let (host, requests) = serve(|path, _| match path {
        "/index.yaml" => ok(chart_index("http://plain.example/web.tgz").as_bytes()),
        _ => ok(b"chart"),
    });
    let lock = format!(
        "sealift lock try.toml --store store --mirror helm.example={host} --mirror plain.example={host}"
    );
    shop.fails(&lock, 3, "source.outside");
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[test]
fn f_sec_04_a_link_in_an_archive_that_is_a_folder_does_not_lead_out() {
    let shop = shop("[[image]]\nname = \"i\"\narchive = \"arch\"\nreference = \"r.example/a:1\"\n");
    shop.done(
        r#"mkdir -p arch/l arch/m private && echo private > private/x && tar -C private -czf private/b.tgz x
        D=sha256:$(printf '%064d' 0)
        echo '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["'$D'"]}}' > arch/config.json
        echo '[{"Config":"config.json","RepoTags":[],"Layers":["l/layer.tar"]}]' > arch/manifest.json
        ln -s "$PWD/private/b.tgz" arch/l/layer.tar"#,
    );
    let refused = shop.fails("sealift lock try.toml --store store", 3, "source.outside");
    assert!(refused.err.contains("private/b.tgz"), "{}", refused.err);
    shop.done("rm -r arch/l && ln -s ../private arch/l && mv private/b.tgz private/layer.tar");
    shop.fails("sealift lock try.toml --store store", 3, "source.outside");
    // Old archives, taken apart, hold links from one layer to another.
    shop.done("rm arch/l && mkdir arch/l && mv private/layer.tar arch/m/layer.tar");
    shop.done("ln -s ../m/layer.tar arch/l/layer.tar && sealift lock try.toml --store store");
}

#[test]
fn f_sec_05_a_git_that_complains_without_end_does_not_stop_the_lock() {
    let shop = shop(
        "[[doc]]\nname = \"g\"\ngit = \"https://git.example/x\"\ncommit = \"1111111111111111111111111111111111111111\"\n",
    );
    shop.done(
        r#"mkdir bin && cat > bin/git <<'END'
#!/bin/sh
case " $* " in *" fetch "*) ;; *" init "*) exit 0 ;; *) exit 1 ;; esac
yes 'remote: this server has much to say' | head -n 20000 >&2
echo 'fatal: remote error: bye' >&2
echo 'and the repository exists.' >&2
exit 128
END
chmod 755 bin/git"#,
    );
    let refused =
        shop.fails("PATH=$PWD/bin:$PATH timeout 20 sealift lock try.toml --store store", 1, "source.fetch");
    assert!(refused.err.contains("fatal: remote error: bye"), "{}", refused.err);
}

#[test]
fn f_field_22_a_chart_repository_names_charts_by_any_address_that_helm_takes() {
    let shop = shop("");
    let (host, _) = serve(|path, _| match path {
        "/sub/index.yaml" => ok(chart_index("/sub/c/web-1.0.0.tgz").as_bytes()),
        "/sub/c/web-1.0.0.tgz" => ok(b"chart"),
        "/oci/index.yaml" => ok(chart_index("oci://127.0.0.1:1/charts/web:1.0.0").as_bytes()),
        _ => NOT_FOUND.to_vec(),
    });
    std::fs::write(shop.path("try.toml"), format!("{HEAD}{}", chart(&format!("http://{host}/sub/"))))
        .unwrap();
    shop.done("sealift lock try.toml --store store");
    // Nothing listens at that registry: what matters is that it is asked.
    std::fs::write(shop.path("try.toml"), format!("{HEAD}{}", chart(&format!("http://{host}/oci")))).unwrap();
    let asked = shop.run("rm try.lock.toml && sealift lock try.toml --store store");
    assert!(asked.is("registry.failed") && asked.err.contains("127.0.0.1:1"), "{}", asked.shown());
}

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:0000000000000000000000000000000000000000000000000000000000000007\nsize 48211234\n";

#[test]
fn f_field_14_pointers_of_git_lfs_do_not_travel_in_the_place_of_files() {
    let shop = shop("[[doc]]\nname = \"d\"\npath = \"r\"\n");
    shop.done(
        "git init --quiet r && git -C r config user.email x@example.org && git -C r config user.name x",
    );
    std::fs::write(shop.path("r/manual.pdf"), POINTER).unwrap();
    std::fs::write(shop.path("r/about.md"), format!("A pointer looks like this:\n{POINTER}")).unwrap();
    let refused = shop.fails("sealift lock try.toml --store store", 2, "source.lfs");
    assert!(refused.err.contains("manual.pdf") && refused.err.contains("git lfs pull"), "{}", refused.err);
    shop.done("cd r && git add . && git commit --quiet -m one && git rev-parse HEAD > ../commit");
    let commit = text(&shop, "commit");
    let git = format!("git = \"file://{}\"\ncommit = \"{}\"", shop.path("r").display(), commit.trim());
    let manifest = format!("{HEAD}[[doc]]\nname = \"d\"\n{git}\n");
    std::fs::write(shop.path("try.toml"), &manifest).unwrap();
    let refused = shop.fails("sealift lock try.toml --store store", 2, "source.lfs");
    assert!(refused.err.contains("manual.pdf"), "{}", refused.err);
    std::fs::write(shop.path("try.toml"), format!("{manifest}exclude = [\"*.pdf\"]\n")).unwrap();
    shop.done("sealift lock try.toml --store store");
}

#[test]
fn f_field_15_a_file_that_was_added_after_the_lock_is_noticed() {
    let shop = shop("[[doc]]\nname = \"d\"\npath = \"d\"\nexclude = [\"*.tmp\"]\nlicense = \"MIT\"\n");
    shop.done("mkdir d && echo a > d/a.md && sealift lock try.toml --store store");
    let pack = "sealift pack try.toml --key packer.key --store store --passphrase-fd 0 <<<pw";
    shop.done("touch d/x.tmp && sealift check try.toml --store store");
    shop.done("echo 'read me first' > d/HOTFIX.md");
    for command in ["sealift check try.toml --store store", pack] {
        let refused = shop.fails(command, 3, "source.changed");
        assert!(refused.err.contains("`HOTFIX.md`") && !refused.err.contains("a.md"), "{}", refused.err);
    }
    assert!(!shop.path("try-1.0.0.sealift").exists());
    shop.done(&format!("rm d/HOTFIX.md && {pack}"));
}

#[test]
fn a_partner_is_packed_for_where_the_rest_is_not_at_hand() {
    let doc = |name: &str, more: &str| {
        format!("[[doc]]\nname = \"{name}\"\npath = \"{name}\"\nlicense = \"MIT\"\n{more}")
    };
    let audiences =
        "[audience.lead]\ndescription = \"packs\"\n[audience.partner-a]\ndescription = \"a partner\"\n";
    let shop = shop(&format!("{audiences}{}{}", doc("all", ""), doc("few", "audience = [\"lead\"]\n")));
    shop.done(
        "mkdir all few && echo a > all/a.md && echo b > few/b.md && sealift lock try.toml --store store",
    );
    shop.done("rm -r few");
    let pack = "sealift pack try.toml --key packer.key --store store --passphrase-fd 0 <<<pw";
    shop.fails(pack, 2, "source.missing");
    shop.done(&pack.replace("try.toml", "try.toml --audience partner-a"));
}

#[test]
fn f_field_21_a_download_that_is_cut_goes_on_where_it_stopped() {
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let digest = sealift_bundle::value::digest::Digest::of(&content).hex();
    let whole = content.clone();
    let (host, requests) = serve(move |path, headers| {
        let range = headers.iter().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-'));
        let from: usize = range.map_or(0, |from| from.parse().unwrap());
        let (status, from) =
            if path == "/ranges" && from > 0 { ("206 Partial Content", from) } else { ("200 OK", 0) };
        let length = whole.len() - from;
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nContent-Range: bytes {from}-{}/{}\r\nConnection: close\r\n\r\n",
            whole.len() - 1,
            whole.len()
        );
        let end = whole.len().min(from + 500_000);
        [head.as_bytes(), &whole[from..end]].concat()
    });
    let file = |path: &str| {
        format!("{HEAD}[[file]]\nname = \"f\"\nurl = \"http://{host}/{path}\"\nsha256 = \"{digest}\"\n")
    };
    let shop = shop("");
    std::fs::write(shop.path("try.toml"), file("ranges")).unwrap();
    shop.done("sealift lock try.toml --store store");
    let ranges: Vec<_> = requests
        .lock()
        .unwrap()
        .iter()
        .map(|one| one.lines().find_map(|line| line.strip_prefix("range: ").map(str::to_owned)))
        .collect();
    assert_eq!(ranges, [None, Some("bytes=500000-".to_owned()), Some("bytes=1000000-".to_owned())]);
    assert_eq!(std::fs::read(shop.path(format!("store/blobs/sha256/{digest}"))).unwrap(), content);
}

#[test]
fn f_new_a_06_lock_names_every_source_that_fails() {
    let shop = shop(
        "[[image]]\nname = \"i\"\nlayout = \"no-layout\"\n[[image]]\nname = \"p\"\nreference = \"127.0.0.1:1/a:1\"\n[[doc]]\nname = \"d\"\npath = \"no-docs\"\n[[config]]\nname = \"good\"\npath = \"config\"\n",
    );
    let refused = shop.run("sealift lock try.toml --store store");
    for word in ["3 sources cannot be pinned", "no-layout", "no-docs", "127.0.0.1:1", "`i`", "`p`", "`d`"] {
        assert!(refused.err.contains(word), "{word}: {}", refused.err);
    }
    assert!(!refused.err.contains("good"), "{}", refused.err);
    assert_ne!(refused.code, Some(0));
}

#[test]
fn f_new_a_07_errors_name_the_mirror_that_was_asked() {
    let digest = "0".repeat(64);
    let shop = shop(&format!(
        "[[file]]\nname = \"f\"\nurl = \"https://files.example/x.bin\"\nsha256 = \"{digest}\"\n"
    ));
    shop.done("mkdir mirror");
    let refused = shop.fails(
        "sealift lock try.toml --store store --mirror files.example=file://$PWD/mirror",
        2,
        "source.missing",
    );
    assert!(
        refused.err.contains("mirror/x.bin") && refused.err.contains("into the mirror directory"),
        "{}",
        refused.err
    );
    let (host, _) = serve(|_, _| NOT_FOUND.to_vec());
    let refused = shop.fails(
        &format!("sealift lock try.toml --store store --mirror files.example={host}"),
        1,
        "source.fetch",
    );
    assert!(refused.err.contains(&format!("http://{host}/x.bin")), "{}", refused.err);
    let image = format!("{HEAD}[[image]]\nname = \"i\"\nreference = \"docker.io/library/a:17.6\"\n");
    std::fs::write(shop.path("try.toml"), image).unwrap();
    let refused = shop.run(&format!("sealift lock try.toml --store store --mirror docker.io={host}/hub"));
    assert!(refused.err.contains(&host) && refused.err.contains("hub/library/a"), "{}", refused.err);
    assert!(!refused.err.contains("registry `docker.io`"), "{}", refused.err);
}

#[test]
fn f_new_a_09_13_the_lock_says_which_mirror_content_came_from_and_keeps_it() {
    let digest = sealift_bundle::value::digest::Digest::of(b"content").hex();
    let shop = shop(&format!(
        "[[file]]\nname = \"f\"\nurl = \"https://files.example/x.bin\"\nsha256 = \"{digest}\"\n"
    ));
    shop.done("mkdir mirror other && printf content | tee mirror/x.bin > other/x.bin");
    let lock = |store: &str, mirror: &str| {
        format!("sealift lock try.toml --store {store} --mirror files.example=file://$PWD/{mirror}")
    };
    shop.done(&lock("store", "mirror"));
    let first = text(&shop, "try.lock.toml");
    let mirror = shop.path("mirror").display().to_string();
    assert!(
        first.contains(&format!("https://files.example/x.bin, by way of the mirror file://{mirror}\"")),
        "{first}"
    );
    // The same content from another mirror, or found in a store, is the same lock, and has the same number.
    shop.done(&format!("{} | grep -q unchanged", lock("another", "other")));
    shop.done("sealift lock try.toml --store store | grep -q unchanged");
    assert_eq!(text(&shop, "try.lock.toml"), first);
    // A new lock from a store says where the content of the store came from.
    shop.done("rm try.lock.toml && sealift lock try.toml --store another");
    let other = shop.path("other").display().to_string();
    assert!(text(&shop, "try.lock.toml").contains(&format!("file://{other}\"")));
}

#[test]
fn f_new_a_04_12_what_was_meant_is_offered_and_a_list_of_images_is_no_document() {
    let shop = shop("[[image]]\nname = \"i\"\nimage = \"docker.io/library/nginx:1.27\"\n");
    let refused = shop.fails("sealift lock try.toml --store store", 2, "manifest.unknown-key");
    assert!(refused.err.contains("did you mean `reference`?"), "{}", refused.err);
    std::fs::write(
        shop.path("try.toml"),
        format!("{HEAD}[[doc]]\nname = \"d\"\npath = \"docs\"\nqqqqqqqqqq = 1\n"),
    )
    .unwrap();
    let refused = shop.fails("sealift lock try.toml --store store", 2, "manifest.unknown-key");
    assert!(refused.err.contains("sealift util schema"), "{}", refused.err);
    shop.done("mkdir new && echo docker.io/library/nginx:1.27 > new/images.txt && echo '# a' > new/read.md");
    shop.done("cd new && sealift init try.toml --images images.txt");
    let manifest = text(&shop, "new/try.toml");
    assert!(manifest.contains("docker.io/library/nginx:1.27") && manifest.contains("read.md"), "{manifest}");
    assert!(!manifest.contains("path = \"images.txt\""), "{manifest}");
}

#[test]
fn f_field_r12_the_history_of_a_clone_stays_behind() {
    let shop = shop("[[doc]]\nname = \"d\"\npath = \"r\"\n");
    shop.done(
        "mkdir -p r/.git r/sub && echo token > r/.git/config && echo a > r/a.md && echo gitdir > r/sub/.git",
    );
    shop.done("echo '*.x' > r/.gitignore && sealift lock try.toml --store store");
    let lock = text(&shop, "try.lock.toml");
    assert!(!lock.contains(".git/") && !lock.contains("\"sub"), "{lock}");
    assert!(lock.contains("a.md") && lock.contains(".gitignore"), "{lock}");
    let manifest = format!("{HEAD}[[doc]]\nname = \"d\"\npath = \"r\"\ninclude = [\".git/**\"]\n");
    std::fs::write(shop.path("try.toml"), manifest).unwrap();
    shop.done("sealift lock try.toml --store store");
    assert!(text(&shop, "try.lock.toml").contains(".git/config"));
}

#[test]
fn f_field_06_short_names_of_docker_are_locked_as_docker_reads_them() {
    let shop = shop("[[image]]\nname = \"i\"\narchive = \"a.tar.gz\"\n");
    shop.done(
        r#"mkdir a && echo hello > a/f && tar -C a -cf a/layer.tar f
        D=sha256:$(sha256sum a/layer.tar | cut -c-64)
        echo '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["'$D'"]}}' > a/c.json
        echo '[{"Config":"c.json","RepoTags":["nginx:1"],"Layers":["layer.tar"]}]' > a/manifest.json
        tar -C a -czf a.tar.gz c.json manifest.json layer.tar"#,
    );
    shop.done("sealift lock try.toml --store store");
    assert!(text(&shop, "try.lock.toml").contains("reference = \"docker.io/library/nginx:1\""));
    // f_field_r07: what was compressed is packed from the store.
    shop.done("sealift pack try.toml --key packer.key --store store --passphrase-fd 0 <<<pw");
    shop.done("sealift verify try-1.0.0.sealift --trust root.json --deep");
}

#[test]
fn f_field_r01_names_for_linux_alone_travel_when_the_manifest_says_so() {
    let item = "[[doc]]\nname = \"d\"\npath = \"r\"\n";
    let shop = shop(item);
    shop.done(r#"mkdir -p r/nested && cd r && echo 1 > 'a:b' && echo 2 > README && echo 3 > readme && echo 4 > 'nested/q?"\x' && ln -s 'a:b' link"#);
    let refused = shop.fails("sealift lock try.toml --store store", 2, "source.name");
    for part in ["a:b", "readme", "nested/q?", "names = \"linux\""] {
        assert!(refused.err.contains(part), "{part}: {}", refused.err);
    }
    std::fs::write(shop.path("try.toml"), format!("{HEAD}{item}names = \"windows\"\n")).unwrap();
    shop.fails("sealift lock try.toml --store store", 2, "manifest.value");
    std::fs::write(shop.path("try.toml"), format!("{HEAD}{item}names = \"linux\"\n")).unwrap();
    shop.done("sealift lock try.toml --store store");
    let lock = text(&shop, "try.lock.toml");
    assert!(lock.contains("names = \"linux\""), "{lock}");
    shop.done("sealift lock try.toml --store store | grep -q unchanged");
    shop.done("sealift pack try.toml --key packer.key --store store --passphrase-fd 0 <<<pw");
    shop.done("sealift verify try-1.0.0.sealift --trust root.json --deep");
    shop.done("sealift unpack try-1.0.0.sealift --trust root.json --to out && diff -r r out/doc/d");
    // A lock that loses the word is refused: its names are no longer allowed.
    std::fs::write(shop.path("try.lock.toml"), lock.replace("names = \"linux\"\n", "")).unwrap();
    let pack =
        "rm try-1.0.0.sealift; sealift pack try.toml --key packer.key --store store --passphrase-fd 0 <<<pw";
    shop.fails(pack, 2, "lock.syntax");
}
