//! Converts the source of an item to what locking reads.

use super::super::address::{Address, Scheme};
use super::super::commit::Commit;
use super::super::diagnostic::Diagnostic;
use super::super::error::PlanError;
use super::super::grammar;
use super::super::manifest::{
    ChartPlace, ImageForm, ImageSource, Platforms, PullSource, ReferrerChoice, Source,
};
use super::super::patterns::Patterns;
use super::Text;
use sealift_bundle::value::ValueError;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::platform::Platform;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::rel_path::{Names, RelPath};
use std::ops::Range;
use toml::Spanned;

impl Text<'_> {
    pub(crate) fn image(self, image: &grammar::Image) -> Result<Source, PlanError> {
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
        if let Some(word) = &image.referrers {
            let title = "`referrers` belongs to an image that is pulled";
            return Err(self.item(&word.span(), title, "take it out, or take out `layout` or `archive`"));
        }
        let platforms = self.platforms(image)?;
        let path = self.path(path)?;
        let select = select.transpose()?;
        Ok(Source::Image(ImageSource { form, path, select, reference, platforms }))
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
        let platforms = self.platforms(image)?;
        if let (Platforms::Narrow(_), Some(narrow), None) = (&platforms, &image.narrow, reference.tag()) {
            let title = "`narrow` changes the digest, so the image needs a tag to be known by";
            return Err(self.item(&narrow.span(), title, "add a tag to `reference`"));
        }
        let referrers = match image.referrers.as_ref().map(Spanned::get_ref) {
            Some(false) => ReferrerChoice::Leave,
            Some(true) | None => ReferrerChoice::Carry,
        };
        Ok(Source::Pull(PullSource { reference, platforms, referrers }))
    }

    /// What of an image for several platforms travels.
    fn platforms(self, image: &grammar::Image) -> Result<Platforms, PlanError> {
        let words = image.platforms.as_deref().unwrap_or_default();
        let platforms: Vec<Platform> =
            words.iter().map(|platform| self.word(platform)).collect::<Result<_, _>>()?;
        let narrow = image.narrow.as_ref().filter(|narrow| *narrow.get_ref());
        match (narrow, platforms.as_slice()) {
            (None, []) => Ok(Platforms::All),
            (None, _) => Ok(Platforms::Sparse(platforms)),
            (Some(_), [one]) => Ok(Platforms::Narrow(one.clone())),
            (Some(narrow), _) => {
                let help = "name it: `platforms = [\"linux/amd64\"]`";
                Err(self.item(&narrow.span(), "`narrow` takes the manifest of one platform", help))
            }
        }
    }

    fn two_sources(self, one: &Spanned<String>, other: &Spanned<String>) -> PlanError {
        let (first, second) = if one.span().start < other.span().start { (one, other) } else { (other, one) };
        let earlier = Some((first.span(), "the first one"));
        let title = "an item has one source, and this is the second";
        let drawing = Diagnostic::with_earlier(self.file, self.text, second.span(), title, earlier);
        PlanError::Item(Box::new(drawing.help(Some("keep one of them, or make two items".to_owned()))))
    }

    fn patterns(
        self,
        include: Option<&[Spanned<String>]>,
        exclude: Option<&[Spanned<String>]>,
        names: Option<&Spanned<String>>,
    ) -> Result<Patterns, PlanError> {
        let names = match names {
            None => Names::Portable,
            Some(word) if word.get_ref() == "linux" => Names::Linux,
            Some(word) => return Err(self.value(&word.span(), "the only word for `names` is `linux`")),
        };
        let words = |list: Option<&[Spanned<String>]>| -> Option<Vec<String>> {
            list.map(|list| list.iter().map(|pattern| pattern.get_ref().clone()).collect())
        };
        let (included, excluded) = (words(include), words(exclude));
        let patterns = Patterns::new(included.as_deref(), excluded.as_deref());
        patterns.map(|patterns| patterns.with_names(names)).map_err(|mistake| {
            let list = if mistake.list == 0 { include } else { exclude };
            let place = list.and_then(|list| list.get(mistake.number)).map_or(0..0, Spanned::span);
            self.value(&place, &format!("this is not a pattern: {}", mistake.reason))
        })
    }

    pub(crate) fn tree(self, tree: &grammar::Tree) -> Result<Source, PlanError> {
        let patterns =
            self.patterns(tree.include.as_deref(), tree.exclude.as_deref(), tree.names.as_ref())?;
        match (&tree.path, &tree.git) {
            (Some(path), None) => {
                self.refuse(tree.commit.as_ref(), "`commit` belongs to `git`", "take it out")?;
                Ok(Source::Path { path: self.path(path)?, patterns })
            }
            (None, Some(git)) => self.git(git, tree.commit.as_ref(), patterns),
            (Some(one), Some(other)) => Err(self.two_sources(one, other)),
            (None, None) => {
                let title = format!("the item `{}` has no source", Printable(tree.name.get_ref()));
                let help = "add `path = \"...\"`, or `git = \"https://...\"` with `commit = \"...\"`";
                Err(self.item(&tree.name.span(), &title, help))
            }
        }
    }

    pub(crate) fn file(self, file: &grammar::File) -> Result<Source, PlanError> {
        let sources: Vec<_> = [&file.path, &file.url, &file.chart, &file.git].into_iter().flatten().collect();
        if let [one, other, ..] = sources.as_slice() {
            return Err(self.two_sources(one, other));
        }
        if file.url.is_none() {
            let of_url = [&file.sha256, &file.rename, &file.pin].into_iter().flatten().next();
            let help = "take it out: the lock pins what the source has";
            self.refuse(of_url, "`sha256`, `pin` and `rename` belong to `url`", help)?;
        }
        if file.git.is_none() {
            self.refuse(file.commit.as_ref(), "`commit` belongs to `git`", "take it out")?;
        }
        if file.chart.is_none() {
            self.refuse(file.repository.as_ref(), "`repository` belongs to `chart`", "take it out")?;
        }
        if file.path.is_none() && file.git.is_none() {
            let pattern = [&file.include, &file.exclude].into_iter().flatten().flatten().next();
            let help = "take them out: a download is one file";
            self.refuse(pattern, "`include` and `exclude` belong to `path` and `git`", help)?;
            self.refuse(file.names.as_ref(), "`names` belongs to `path` and `git`", help)?;
        }
        let patterns =
            self.patterns(file.include.as_deref(), file.exclude.as_deref(), file.names.as_ref())?;
        if let Some(path) = &file.path {
            Ok(Source::Path { path: self.path(path)?, patterns })
        } else if let Some(git) = &file.git {
            self.git(git, file.commit.as_ref(), patterns)
        } else if let Some(chart) = &file.chart {
            self.chart(chart, file)
        } else if let Some(url) = &file.url {
            self.url(url, file)
        } else {
            let title = format!("the file `{}` has no source", Printable(file.name.get_ref()));
            let help = "add `path = \"...\"`, or `url = \"...\"` with `sha256 = \"...\"`";
            Err(self.item(&file.name.span(), &title, help))
        }
    }

    /// An error where a word stands that belongs to another source.
    fn refuse(self, word: Option<&Spanned<String>>, title: &str, help: &str) -> Result<(), PlanError> {
        word.map_or(Ok(()), |word| Err(self.item(&word.span(), title, help)))
    }

    fn address(self, url: &Spanned<String>) -> Result<Address, PlanError> {
        Address::parse(url.get_ref()).map_err(|reason| {
            let masked = masked(self.text, &url.span());
            let text = Text { text: &masked, ..self };
            text.value(&url.span(), &format!("this is not an address: {reason}"))
        })
    }

    fn git(
        self,
        git: &Spanned<String>,
        commit: Option<&Spanned<String>>,
        patterns: Patterns,
    ) -> Result<Source, PlanError> {
        let url = self.address(git)?;
        if url.scheme() == Scheme::Http {
            let help = "write `https://`: nothing but its old checksum protects a commit on the way";
            return Err(self.item(&git.span(), "a repository is reached by `https://` or `file://`", help));
        }
        let Some(word) = commit else {
            let help = "add `commit = \"...\"`, the 40 digits that `git rev-parse HEAD` prints";
            return Err(self.item(&git.span(), "a repository needs a `commit`", help));
        };
        let commit = Commit::parse(word.get_ref()).ok_or_else(|| {
            self.value(&word.span(), "a `commit` is 40 lower-case hexadecimal digits and nothing else")
        })?;
        Ok(Source::Git { url, commit, patterns })
    }

    fn chart(self, chart: &Spanned<String>, file: &grammar::File) -> Result<Source, PlanError> {
        let Some(version) = &file.version else {
            let help = "add `version = \"...\"`: which chart is the newest changes without anybody saying so";
            return Err(self.item(&chart.span(), "a chart needs a `version`", help));
        };
        let version = version.get_ref().clone();
        let place = match (chart.get_ref().strip_prefix("oci://"), &file.repository) {
            (Some(name), None) => {
                let tagged = format!("{name}:{}", version.replace('+', "_"));
                let reference: ImageName = tagged
                    .parse()
                    .map_err(|error: ValueError| self.value(&chart.span(), &error.to_string()))?;
                if reference.registry().is_none() {
                    return Err(self.value(&chart.span(), "this does not say which registry the chart is in"));
                }
                ChartPlace::Registry(reference)
            }
            (None, Some(repository)) => {
                let name = chart.get_ref().clone();
                let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
                if name.is_empty() || !name.chars().all(plain) {
                    return Err(self
                        .value(&chart.span(), "the name of a chart has letters, digits, `.`, `_` and `-`"));
                }
                ChartPlace::Repository { url: self.address(repository)?, name }
            }
            (Some(_), Some(repository)) => return Err(self.two_sources(chart, repository)),
            (None, None) => {
                let help =
                    "add `repository = \"https://...\"`, or write the chart as `oci://REGISTRY/REPOSITORY`";
                return Err(self.item(&chart.span(), "this does not say where the chart lies", help));
            }
        };
        Ok(Source::Chart { place, version })
    }

    fn url(self, url: &Spanned<String>, file: &grammar::File) -> Result<Source, PlanError> {
        let address = self.address(url)?;
        let sha256 = match (&file.sha256, &file.pin) {
            (Some(sha256), None) => Some(Digest::from_hex(sha256.get_ref()).map_err(|_| {
                self.value(&sha256.span(), "a `sha256` is 64 lower-case hexadecimal digits and nothing else")
            })?),
            (None, Some(pin)) if pin.get_ref() == "first-use" => None,
            (None, Some(pin)) => {
                return Err(self.value(&pin.span(), "the only word for `pin` is `first-use`"));
            }
            (Some(_), Some(pin)) => {
                let help = "take it out: the `sha256` says what the download has to be";
                return Err(self.item(&pin.span(), "`pin` is for downloads without a `sha256`", help));
            }
            (None, None) => {
                let help = "add the digest that the publisher announces: `sha256 = \"...\"`; where there is none, say so: `pin = \"first-use\"`";
                return Err(self.item(&url.span(), "a `url` needs a `sha256`", help));
            }
        };
        let file_name: RelPath = match &file.rename {
            Some(rename) => self.word(rename)?,
            None => address.file_name().ok_or_else(|| {
                let title = "the last part of this address cannot be a file name on every system";
                self.item(&url.span(), title, "say how the file is called: `rename = \"...\"`")
            })?,
        };
        if let Some(rename) = file.rename.as_ref().filter(|_| file_name.parent().is_some()) {
            return Err(self.value(&rename.span(), "`rename` is a file name, without folders"));
        }
        Ok(Source::Url { url: address, sha256, file_name })
    }
}

/// The text with stars in place of user and password, which no error message repeats.
fn masked(text: &str, span: &Range<usize>) -> String {
    let word = text.get(span.clone()).unwrap_or_default();
    let secret = word.find("://").zip(word.rfind('@')).and_then(|(start, end)| word.get(start + 3..end));
    let (Some(before), Some(secret), Some(after)) = (text.get(..span.start), secret, text.get(span.end..))
    else {
        return text.to_owned();
    };
    format!("{before}{}{after}", word.replacen(secret, &"*".repeat(secret.len()), 1))
}
