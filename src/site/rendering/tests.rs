use super::*;
use crate::parameters::Given;
use sealift_bundle::format::site_inputs::{Parameter, SiteInputs};
use sealift_bundle::value::format::Format;
use sealift_bundle::value::progress::NoProgress;

fn renderer() -> Renderer {
    let parameter = |name: &str, format, value: &str| Parameter {
        name: name.parse().unwrap(),
        description: "x".into(),
        format,
        choices: Vec::new(),
        default: Some(value.into()),
    };
    let parameters = vec![
        parameter("mode", Format::Text, "on"),
        parameter("site-url", Format::Url, "https://c.example/?a=1"),
    ];
    let needs = SiteInputs { parameters, secrets: Vec::new() };
    let given = Given::of_site(std::path::Path::new("/nowhere"), &"ddil".parse().unwrap()).unwrap();
    let values = Values::resolve(&needs, &given).unwrap();
    Renderer::new(values, Some(&"office-1".parse().unwrap())).unwrap()
}

fn filled(text: &str) -> Result<String, String> {
    // As small as the stacks of the threads on which templates are filled.
    let text = text.to_owned();
    let work = move || {
        let made = renderer().render(&"app".parse().unwrap(), "a.conf", text.into_bytes(), &NoProgress);
        made.map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|error| error.to_string())
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap()
}

#[test]
fn templates_are_filled_and_nothing_around_them_changes() {
    for (template, made) in [
        ("url = {{ site_url }}\n", "url = https://c.example/?a=1\n"),
        ("no newline {{ mode }}", "no newline on"),
        ("a\r\n{{ mode }}\r\n\r\n", "a\r\non\r\n\r\n"),
        ("{{ mode }}\n\n\n", "on\n\n\n"),
        ("<a href='{{ site_url }}'>", "<a href='https://c.example/?a=1'>"),
        ("{% if mode == \"on\" %}yes{% else %}no{% endif %}", "yes"),
        ("{% raw %}{{ left_alone }}{% endraw %}", "{{ left_alone }}"),
        ("{# a note #}x", "x"),
        ("{{ site }}", "office-1"),
        ("{% set two = mode ~ mode %}{{ two }}", "onon"),
        ("", ""),
        ("\u{feff}x\n", "\u{feff}x\n"),
    ] {
        assert_eq!(filled(template).as_deref(), Ok(made), "{template}");
    }
}

#[test]
fn what_is_no_text_is_copied() {
    let renderer = renderer();
    let item = "app".parse().unwrap();
    let made = renderer.render(&item, "logo.png", b"\xff{{ mode }}".to_vec(), &NoProgress).unwrap();
    assert_eq!(made, b"\xff{{ mode }}");
    renderer.render(&item, "a", b"{{ mode }}".to_vec(), &NoProgress).unwrap();
    let rendering = renderer.finish();
    assert_eq!(rendering.items(), [RenderedItem { item, files: 1, copied: 1 }]);
    let record = rendering.record().unwrap();
    assert_eq!((record.count, record.files.len(), record.list), (2, 2, None));
    assert_eq!(record.files[0].path, "app/a");
    assert_eq!(record.files[0].sha256, Digest::of(b"on"));
}

#[test]
fn many_files_are_one_digest_in_the_journal() {
    let renderer = renderer();
    for number in 0..=NAMED {
        renderer
            .render(&"app".parse().unwrap(), &format!("{number:04}"), b"x".to_vec(), &NoProgress)
            .unwrap();
    }
    let record = renderer.finish().record().unwrap();
    assert_eq!((record.count, record.files.len()), (201, 0));
    assert!(record.list.is_some());
}

#[test]
fn names_that_nobody_declared_are_refused_with_their_line() {
    for (template, said) in [
        ("one\ntwo {{ regsitry }}\n", "`app/a.conf`, line 2: it names `regsitry`"),
        ("\n{% if mode == 'off' %}\n{{ other }}\n{% endif %}", "line 3: it names `other`"),
        ("range\n{% for x in range(3) %}{% endfor %}", "line 2: it names `range`"),
        ("{{ namespace(a=1) }}", "line 1: it names `namespace`"),
        ("{{ debug() }}", "line 1: it names `debug`"),
        ("{{ env.HOME }}", "line 1: it names `env`"),
        ("{{ self }}", "line 1: "),
        ("{{ mode.real }}", "line 1: "),
        ("{{ mode", "line 1: a tag has braces in it, or no end"),
        ("a\n{% if mode %}", "line 2: it is not a template"),
        ("a\n{{ {'b': 1} }}", "line 2: a tag has braces in it"),
    ] {
        let error = filled(template).unwrap_err();
        assert!(error.contains(said), "{template}: {error}");
    }
}

#[test]
fn nothing_is_read_and_nothing_is_called() {
    for template in [
        "{% include '/etc/passwd' %}",
        "{% include 'a.conf' %}",
        "{% extends 'base' %}",
        "{% import 'x' as x %}",
        "{% from 'x' import y %}",
        "{% block a %}{% endblock %}",
        "{% macro a() %}{% endmacro %}",
        "{{ mode | tojson }}",
        "{{ mode | replace('o', 'x') }}",
        "{{ mode.__class__ }}",
        "{{ mode.upper() }}",
        "{% do mode %}",
    ] {
        let error = filled(template).unwrap_err();
        assert!(error.contains("`app/a.conf`"), "{template}: {error}");
    }
}

/// Whatever a template says, it ends soon and takes little memory.
#[test]
fn bombs_do_not_go_off() {
    let loops = || {
        let many = "x".repeat(400);
        let open: String =
            ["a", "b", "c", "d"].map(|name| format!("{{% for {name} in '{many}' %}}")).concat();
        format!("{open}y{}", "{% endfor %}".repeat(4))
    };
    let doubled = format!("{{% set a = 'xxxxxxxx' %}}{}{{{{ a }}}}", "{% set a = a ~ a %}".repeat(60));
    let captured = format!(
        "{{% set a %}}xxxxxxxx{{% endset %}}{}{{{{ a }}}}",
        "{% set a %}{{ a }}{{ a }}{% endset %}".repeat(60)
    );
    let folded = "{{ 'aaaaaaaaaa' * 9999999 }}".repeat(1000);
    let large = format!("{}{}", "z".repeat(1 << 20), "{{ 'a' * 4000000 }}");
    let recursive = "{% for x in 'a' recursive %}{{ loop('a') }}{% endfor %}".to_owned();
    let deep = |open: &str, close: &str, count: usize| {
        format!("{{{{ {}1{} }}}}", open.repeat(count), close.repeat(count))
    };
    let nested = format!("{}{}", "{% if 1 %}".repeat(50_000), "{% endif %}".repeat(50_000));
    for (case, template) in [
        ("loops", loops()),
        ("doubled", doubled),
        ("captured", captured),
        ("folded", folded),
        ("large", large),
        ("recursive", recursive),
        ("parentheses", deep("(", ")", 100_000)),
        ("lists", deep("[", "]", 100_000)),
        ("minus", deep("-", "", 100_000)),
        ("not", deep("not ", "", 100_000)),
        ("nested", nested),
        ("elif", format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(50_000))),
        ("sum", deep("1+", "", 100_000)),
        ("filters", deep("", "|safe", 100_000)),
        ("attributes", deep("", ".a", 100_000)),
        ("items", deep("", "[0]", 100_000)),
        ("compared", deep("1<", "", 100_000)),
        ("otherwise", deep("1 if 1 else ", "", 100_000)),
        ("power", "{{ 9 ** 9 ** 9 ** 9 }}".to_owned()),
        ("product", "{{ [1] * 99999999999 }}".to_owned()),
        ("f_sec_18 folded search", "{{ 5 in [0] * 100000000 }}".to_owned()),
        ("f_sec_18 folded text", "{{ '' ~ [0] * 100000000 }}".to_owned()),
        ("f_sec_18 folded comparison", "{{ [0] * 100000000 == [0] * 100000000 }}".to_owned()),
        (
            "f_sec_18 joined lists",
            format!("{{% set l = [0] %}}{}{{{{ l }}}}", "{% set l = l + [0] %}".repeat(40_000)),
        ),
        (
            "f_sec_18 nested lists",
            format!("{{% set l = [0] %}}{}{{{{ l == l }}}}", "{% set l = [l, l, l, l] %}".repeat(40)),
        ),
    ] {
        let begun = Instant::now();
        let error = filled(&template).err();
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(20), "{case} took {took:?}");
        assert!(error.is_some(), "{case} was rendered");
    }
    // As deep as a tag can make it, in as many tags as there can be around it.
    let deepest = ["-", "not ", "1+", "(", "[", "a if a else "].map(|part| part.repeat(480 / part.len()));
    for part in
        deepest.iter().flat_map(|part| [format!("{{{{ {part}mode }}}}"), format!("{{% if {part} 1 %}}")])
    {
        let _ = filled(&format!("{}{part}", "{% if mode %}".repeat(140)));
    }
    assert_eq!(filled(&"{{ mode }}".repeat(50_000)).map(|made| made.len()), Ok(100_000));
}

/// What the engine does not count takes no longer than someone waits for it, and ends when it is told to.
#[test]
fn f_sec_18_a_template_that_takes_long_is_left() {
    struct Stopped;
    impl Progress for Stopped {
        fn advance(&self, _: u64) {}
        fn expect(&self, _: u64) {}
        fn is_stopped(&self) -> bool {
            true
        }
    }
    let compare = "{% if s == t %}{% endif %}".repeat(40_000);
    let template = format!("{{% set s = 'x' * 20000000 %}}{{% set t = s ~ '' %}}{compare}");
    let begun = Instant::now();
    let item: Name = "app".parse().unwrap();
    let error = renderer().render(&item, "a", template.into_bytes(), &Stopped).unwrap_err();
    assert_eq!(sealift_bundle::value::error_code::Fault::code(&error).as_str(), "interrupted");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn all_templates_together_have_a_limit() {
    let renderer = renderer();
    let item: Name = "app".parse().unwrap();
    let template = "{{ 'a' * 4000000 }}".to_owned().into_bytes();
    let outcomes: Vec<_> =
        (0..20).map(|n| renderer.render(&item, &n.to_string(), template.clone(), &NoProgress)).collect();
    assert!(outcomes[0].is_ok() && outcomes[15].is_ok());
    let error = outcomes[19].as_ref().unwrap_err().to_string();
    assert!(error.contains("the templates make more than"), "{error}");
}

#[test]
fn two_parameters_of_one_name_are_refused() {
    let parameter = |name: &str| Parameter {
        name: name.parse().unwrap(),
        description: "x".into(),
        format: Format::Word,
        choices: Vec::new(),
        default: Some("v".into()),
    };
    let needs = SiteInputs { parameters: vec![parameter("a-b"), parameter("a_b")], secrets: Vec::new() };
    let given = Given::of_site(std::path::Path::new("/nowhere"), &"ddil".parse().unwrap()).unwrap();
    let values = Values::resolve(&needs, &given).unwrap();
    assert!(Renderer::new(values, None).is_err());
}
