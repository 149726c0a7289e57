//! Wraps long lines between words. A terminal wraps within words, which makes fingerprints and digests hard to read
//! aloud and compare.

/// Wraps lines wider than `width` between words; continuation lines are indented by four more columns. A longer word
/// stays whole. Escape sequences for colours take no width.
pub(super) fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        if shown(line) <= width {
            out += line;
        } else {
            broken(line, width, &mut out);
        }
        out += end;
    }
    out
}

fn broken(line: &str, width: usize, out: &mut String) {
    let indent = line.chars().take_while(|c| *c == ' ').count();
    let more = " ".repeat(indent + 4);
    let (mut at, mut gap) = (0, 0);
    for word in line.split(' ') {
        let wide = shown(word);
        if word.is_empty() {
            gap += 1;
            continue;
        }
        if at > indent + 4 && at + gap + wide > width {
            *out += "\n";
            *out += &more;
            at = more.len();
        } else {
            *out += &" ".repeat(gap);
            at += gap;
        }
        *out += word;
        at += wide;
        gap = 1;
    }
}

/// The number of characters, without escape sequences.
fn shown(text: &str) -> usize {
    let mut count = 0;
    let mut escape = false;
    for character in text.chars() {
        match (escape, character) {
            (false, '\x1b') => escape = true,
            (true, 'a'..='z' | 'A'..='Z') => escape = false,
            (true, _) => {}
            (false, _) => count += 1,
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f_new_b_ten_words_and_digests_are_not_broken() {
        let words = "risk scheme quiz bulk brother vivid agree chimney tattoo uniform";
        let line = format!("  journal    entry 12345 of 2026-11-22T06:00:00Z: {words}\n");
        let text = wrapped(&line, 80);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(text.split_whitespace().collect::<Vec<_>>(), line.split_whitespace().collect::<Vec<_>>());
        assert!(text.contains("\n      "), "{text}");
        let digest = format!("sha256:{}", "0".repeat(64));
        let text = wrapped(&format!("             {digest}\n"), 80);
        assert!(text.contains(&digest), "{text}");
        let text = wrapped(&format!("  bundle  epoch 1, and then {digest}"), 80);
        assert_eq!(text, format!("  bundle  epoch 1, and then\n      {digest}"));
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        for text in ["", "\n", "a  b\n\n  c\n", "\x1b[31;1mred\x1b[0m\n"] {
            assert_eq!(wrapped(text, 3 + 3), text);
        }
    }
}
