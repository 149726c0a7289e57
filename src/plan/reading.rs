//! From the words of a manifest to values; each mistake is drawn where it stands.

use super::address::Address;
use super::drawing::Drawing;
use super::error::PlanError;
use super::grammar;
use super::manifest::{ImageForm, ImageSource, Platforms, PullSource, Referrers, Source};
use super::patterns::Patterns;
use crate::value::ValueError;
use crate::value::digest::Digest;
use crate::value::image_name::ImageName;
use crate::value::platform::Platform;
use crate::value::printable::Printable;
use crate::value::rel_path::RelPath;
use serde::de::DeserializeOwned;
use std::ops::Range;
use std::str::FromStr;
use toml::Spanned;

/// A text and the name of its file.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Text<'_> {
    pub(super) fn draw(self, span: Range<usize>, title: &str) -> Drawing {
        Drawing::new(self.file, self.text, span, title)
    }

    /// Draws an error of the TOML parser.
    pub(super) fn draw_toml(self, error: &toml::de::Error) -> Drawing {
        self.draw(error.span().unwrap_or(0..0), error.message())
    }

    /// From TOML to the words of a grammar.
    pub(super) fn parse<T: DeserializeOwned>(self) -> Result<T, PlanError> {
        toml::from_str(self.text).map_err(|error: toml::de::Error| {
            let drawing = self.draw_toml(&error);
            // These are serde's own words; what the text contributes comes behind them.
            if let Some(rest) = error.message().strip_prefix("unknown field `") {
                let drawing = drawing.help(nearest(rest));
                PlanError::UnknownKey(Box::new(drawing))
            } else if let Some(rest) = error.message().strip_prefix("missing field `") {
                let help = match rest.trim_end_matches('`') {
                    "bundle" => "begin with `[bundle]` and its `name`, `scenario` and `version`".to_owned(),
                    key => format!("add `{key} = \"...\"` to the table"),
                };
                PlanError::Item(Box::new(drawing.help(Some(help))))
            } else {
                let table = error.message() == "invalid type: map, expected a sequence";
                let help = "items are lists: write the name of the table in two brackets, like `[[doc]]`";
                PlanError::Syntax(Box::new(drawing.help(table.then(|| help.to_owned()))))
            }
        })
    }

    fn value(self, place: &Range<usize>, title: &str) -> PlanError {
        PlanError::Value(Box::new(self.draw(place.clone(), title)))
    }

    fn item(self, place: &Range<usize>, title: &str, help: &str) -> PlanError {
        PlanError::Item(Box::new(self.draw(place.clone(), title).help(Some(help.to_owned()))))
    }

    /// A word of `value/`.
    pub(super) fn word<T: FromStr<Err = ValueError>>(self, word: &Spanned<String>) -> Result<T, PlanError> {
        word.get_ref().parse().map_err(|error: ValueError| self.value(&word.span(), &error.to_string()))
    }

    pub(super) fn sequence(self, sequence: &Spanned<u64>) -> Result<u64, PlanError> {
        match *sequence.get_ref() {
            0 => Err(self.value(&sequence.span(), "`sequence` counts from 1")),
            // TOML and JSON readers elsewhere do not all go further.
            number if number > i64::MAX as u64 => {
                Err(self.value(&sequence.span(), "`sequence` is too large"))
            }
            number => Ok(number),
        }
    }

    pub(super) fn license(self, license: Spanned<String>) -> Result<String, PlanError> {
        let text = license.get_ref();
        if (1..=256).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            Ok(license.into_inner())
        } else {
            Err(self.value(&license.span(), "a licence is 1 to 256 characters of ASCII, like `Apache-2.0`"))
        }
    }

    fn path(self, path: &Spanned<String>) -> Result<String, PlanError> {
        let text = path.get_ref();
        if text.is_empty() || text.contains(crate::value::printable::is_deceptive) {
            return Err(self.value(&path.span(), "the path is empty or has a character that cannot be seen"));
        }
        Ok(text.clone())
    }

    pub(super) fn image(self, image: &grammar::Image) -> Result<Source, PlanError> {
        let reference = image.reference.as_ref().map(|reference| self.word(reference)).transpose()?;
        let (form, path) = match (&image.layout, &image.archive) {
            (Some(layout), None) => (ImageForm::Layout, layout),
            (None, Some(archive)) => (ImageForm::Archive, archive),
            (None, None) if let (Some(name), Some(word)) = (reference.clone(), &image.reference) => {
                return self.pull(image, word, name);
            }
            (None, None) => {
                let name = Printable(image.name.get_ref());
                let title = format!("the image `{name}` has no source");
                let help = "add `reference = \"REGISTRY/REPOSITORY:TAG\"` to pull it, or `layout = \"FOLDER-OR-TAR\"` (OCI image layout) or `archive = \"TAR\"` (docker save)";
                return Err(self.item(&image.name.span(), &title, help));
            }
            (Some(layout), Some(archive)) => return Err(self.two_sources(layout, archive)),
        };
        let select = image.select.as_ref().map(|select| match select.get_ref().as_str() {
            "" => Err(self.value(&select.span(), "`select` is empty")),
            text => Ok(text.to_owned()),
        });
        let pulling = [
            image.platforms.as_ref().and_then(|all| all.first()).map(Spanned::span),
            image.narrow.as_ref().map(Spanned::span),
            image.referrers.as_ref().map(Spanned::span),
        ];
        if let Some(place) = pulling.into_iter().flatten().next() {
            let title = "`platforms`, `narrow` and `referrers` belong to an image that is pulled";
            return Err(self.item(&place, title, "take it out, or take out `layout` or `archive`"));
        }
        let path = self.path(path)?;
        Ok(Source::Image(ImageSource { form, path, select: select.transpose()?, reference }))
    }

    fn pull(
        self,
        image: &grammar::Image,
        word: &Spanned<String>,
        reference: ImageName,
    ) -> Result<Source, PlanError> {
        if let Some(select) = &image.select {
            let title = "`select` belongs to `layout` and `archive`";
            return Err(self.item(&select.span(), title, "take it out: `reference` names the image"));
        }
        if reference.registry().is_none() {
            let title = "this does not say which registry the image is in";
            return Err(self.item(
                &word.span(),
                title,
                "write it in full, like `docker.io/library/nginx:1.27`",
            ));
        }
        if reference.tag().is_none() && reference.digest().is_none() {
            let help =
                "add `:TAG` or `@sha256:...`; which image `latest` is changes without anybody saying so";
            return Err(self.item(&word.span(), "this names neither a tag nor a digest", help));
        }
        let words = image.platforms.as_deref().unwrap_or_default();
        let platforms: Vec<Platform> =
            words.iter().map(|platform| self.word(platform)).collect::<Result<_, _>>()?;
        let narrow = image.narrow.as_ref().filter(|narrow| *narrow.get_ref());
        let platforms = match (narrow, platforms.as_slice()) {
            (None, []) => Platforms::All,
            (None, _) => Platforms::Sparse(platforms),
            (Some(narrow), _) if reference.tag().is_none() => {
                let title = "`narrow` changes the digest, so the image needs a tag to be known by";
                return Err(self.item(&narrow.span(), title, "add a tag to `reference`"));
            }
            (Some(_), [one]) => Platforms::Narrow(one.clone()),
            (Some(narrow), _) => {
                let help = "name it: `platforms = [\"linux/amd64\"]`";
                return Err(self.item(&narrow.span(), "`narrow` takes the manifest of one platform", help));
            }
        };
        let referrers = match image.referrers.as_ref().map(Spanned::get_ref) {
            Some(false) => Referrers::Leave,
            Some(true) | None => Referrers::Carry,
        };
        Ok(Source::Pull(PullSource { reference, platforms, referrers }))
    }

    fn two_sources(self, one: &Spanned<String>, other: &Spanned<String>) -> PlanError {
        let (first, second) = if one.span().start < other.span().start { (one, other) } else { (other, one) };
        let earlier = Some((first.span(), "the first one"));
        let title = "an item has one source, and this is the second";
        let drawing = Drawing::with_earlier(self.file, self.text, second.span(), title, earlier);
        PlanError::Item(Box::new(drawing.help(Some("keep one of them, or make two items".to_owned()))))
    }

    pub(super) fn tree(
        self,
        path: &Spanned<String>,
        include: Option<&[Spanned<String>]>,
        exclude: Option<&[Spanned<String>]>,
    ) -> Result<Source, PlanError> {
        let words = |list: Option<&[Spanned<String>]>| -> Option<Vec<String>> {
            list.map(|list| list.iter().map(|pattern| pattern.get_ref().clone()).collect())
        };
        let (included, excluded) = (words(include), words(exclude));
        let patterns = Patterns::new(included.as_deref(), excluded.as_deref()).map_err(|mistake| {
            let list = if mistake.list == 0 { include } else { exclude };
            let place = list.and_then(|list| list.get(mistake.number)).map_or(path.span(), Spanned::span);
            self.value(&place, &format!("this is no pattern: {}", mistake.reason))
        })?;
        Ok(Source::Path { path: self.path(path)?, patterns })
    }

    pub(super) fn file(self, file: &grammar::File) -> Result<Source, PlanError> {
        match (&file.path, &file.url) {
            (Some(path), None) => {
                if let Some(word) = file.sha256.as_ref().or(file.rename.as_ref()) {
                    let title = "`sha256` and `rename` belong to `url`";
                    return Err(self.item(
                        &word.span(),
                        title,
                        "take it out: the lock pins what `path` names",
                    ));
                }
                self.tree(path, file.include.as_deref(), file.exclude.as_deref())
            }
            (None, Some(url)) => {
                if let Some(pattern) = [&file.include, &file.exclude].into_iter().flatten().flatten().next() {
                    let title = "`include` and `exclude` belong to `path`";
                    return Err(self.item(&pattern.span(), title, "take them out: a download is one file"));
                }
                self.url(url, file.sha256.as_ref(), file.rename.as_ref())
            }
            (None, None) => {
                let title = format!("the file `{}` has no source", Printable(file.name.get_ref()));
                let help = "add `path = \"...\"`, or `url = \"...\"` with `sha256 = \"...\"`";
                Err(self.item(&file.name.span(), &title, help))
            }
            (Some(path), Some(url)) => Err(self.two_sources(path, url)),
        }
    }

    fn url(
        self,
        url: &Spanned<String>,
        sha256: Option<&Spanned<String>>,
        rename: Option<&Spanned<String>>,
    ) -> Result<Source, PlanError> {
        let address = Address::parse(url.get_ref()).map_err(|reason| {
            let masked = masked(self.text, &url.span());
            let text = Text { text: &masked, ..self };
            text.value(&url.span(), &format!("this is no address: {reason}"))
        })?;
        let Some(sha256) = sha256 else {
            let help =
                "download it once, look at it, and add what `sha256sum FILE` prints: `sha256 = \"...\"`";
            return Err(self.item(&url.span(), "a `url` needs a `sha256`", help));
        };
        let digest = Digest::from_hex(sha256.get_ref()).map_err(|_| {
            self.value(&sha256.span(), "a `sha256` is 64 lower-case hexadecimal digits and nothing else")
        })?;
        let file_name: RelPath = match rename {
            Some(rename) => self.word(rename)?,
            None => address.file_name().ok_or_else(|| {
                let title = "the last part of this address cannot be a file name on every system";
                self.item(&url.span(), title, "say how the file is called: `rename = \"...\"`")
            })?,
        };
        if let Some(rename) = rename.filter(|_| file_name.parent().is_some()) {
            return Err(self.value(&rename.span(), "`rename` is a file name, without folders"));
        }
        Ok(Source::Url { url: address, sha256: digest, file_name })
    }
}

/// The text with stars in the place of user and password, which no error message repeats.
fn masked(text: &str, span: &Range<usize>) -> String {
    let word = text.get(span.clone()).unwrap_or_default();
    let secret = word.find("://").zip(word.rfind('@')).and_then(|(start, end)| word.get(start + 3..end));
    let (Some(before), Some(secret), Some(after)) = (text.get(..span.start), secret, text.get(span.end..))
    else {
        return text.to_owned();
    };
    format!("{before}{}{after}", word.replacen(secret, &"*".repeat(secret.len()), 1))
}

/// `imagee`, expected one of `bundle`, `image`...: the word that was probably meant.
fn nearest(rest: &str) -> Option<String> {
    let (word, expected) = rest.rsplit_once("`, expected ")?;
    let known = expected.split('`').skip(1).step_by(2);
    let close = known
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    let (distance, candidate) = close;
    (distance <= 2.max(candidate.len() / 3)).then(|| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_word_is_offered_only_when_it_is_near() {
        let rest = |word: &str| format!("{word}`, expected one of `bundle`, `image`, `doc`");
        assert_eq!(nearest(&rest("imagee")).as_deref(), Some("did you mean `image`?"));
        assert_eq!(nearest(&rest("bundel")).as_deref(), Some("did you mean `bundle`?"));
        assert_eq!(nearest(&rest("parameters")), None);
    }
}
