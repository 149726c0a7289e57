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
