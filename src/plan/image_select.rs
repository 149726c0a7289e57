//! Selects one image of a source, and decides its name at the site.

use super::error::PlanError;
use super::manifest::{ImageForm, ImageSource};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::image_name::ImageName;
use std::collections::HashMap;
use std::ops::Deref;
use std::path::Path;

/// An image that a source offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// Every name the source gives it, the fullest first.
    pub(super) names: Vec<String>,
}

impl Candidate {
    /// How the user selects it: by its first name, or by its digest.
    pub(super) fn label(&self) -> String {
        self.names.first().cloned().unwrap_or_else(|| self.digest.to_string())
    }
}

/// The images that a source offers. One of a thousand is found as fast as one of two.
#[derive(Debug)]
pub(super) struct Candidates {
    all: Vec<Candidate>,
    /// Which of them have a name or a digest.
    selected: HashMap<String, Vec<usize>>,
}

impl Candidates {
    pub(super) fn new(all: Vec<Candidate>) -> Self {
        let mut selected: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, candidate) in all.iter().enumerate() {
            for name in candidate.names.iter().cloned().chain([candidate.digest.to_string()]) {
                let numbers = selected.entry(name).or_default();
                if numbers.last() != Some(&number) {
                    numbers.push(number);
                }
            }
        }
        Self { all, selected }
    }

    /// Whether `select` is a name or the digest of any of them.
    pub(super) fn has(&self, select: &str) -> bool {
        self.selected.contains_key(select)
    }
}

impl Deref for Candidates {
    type Target = [Candidate];

    fn deref(&self) -> &[Candidate] {
        &self.all
    }
}

/// The image that `select` names, or the only one.
pub(super) fn choose<'a>(
    candidates: &'a Candidates,
    select: Option<&str>,
    path: &Path,
) -> Result<&'a Candidate, PlanError> {
    let path = || path.to_owned();
    let names = |all: &[&Candidate]| all.iter().map(|candidate| candidate.label()).collect::<Vec<_>>();
    let matching: Vec<&Candidate> = match select {
        None => candidates.iter().collect(),
        Some(select) => {
            let numbers = candidates.selected.get(select).into_iter().flatten();
            numbers.filter_map(|number| candidates.get(*number)).collect()
        }
    };
    match (matching.as_slice(), select) {
        ([one], _) => Ok(one),
        ([], Some(select)) if !candidates.is_empty() => {
            let names = names(&candidates.iter().collect::<Vec<_>>());
            Err(PlanError::NotSelected { path: path(), select: select.to_owned(), names })
        }
        ([], _) => Err(PlanError::Empty { path: path(), reason: "there is no image in it" }),
        // One name on two images: only the digest tells them apart.
        (several, Some(_)) => {
            let names = several.iter().map(|candidate| candidate.digest.to_string()).collect();
            Err(PlanError::Several { path: path(), names })
        }
        (several, None) => Err(PlanError::Several { path: path(), names: names(several) }),
    }
}

/// What the image will be called at the site: what the manifest says, or else the name that was selected, or else
/// the first name that is more than a tag.
pub(super) fn reference(
    image: &Candidate,
    source: &ImageSource,
    path: &Path,
) -> Result<ImageName, PlanError> {
    if let Some(reference) = &source.reference {
        return Ok(reference.clone());
    }
    let selected = source.select.iter().filter(|select| image.names.contains(select));
    // `latest` alone would be read as a repository of that name.
    let full = |name: &&String| name.contains([':', '/']);
    let mut names = selected.chain(&image.names).filter(full);
    let parse = |name: &String| match source.form {
        ImageForm::Archive => normalized(name),
        ImageForm::Layout => name.parse().ok(),
    };
    names.find_map(parse).ok_or_else(|| {
        let found = image.names.first().cloned();
        PlanError::Nameless { path: path.to_owned(), found }
    })
}

/// A name as docker writes it into an archive: it leaves the registry and the directory out that every engine adds again
/// (`nginx:1` is `docker.io/library/nginx:1`).
fn normalized(name: &str) -> Option<ImageName> {
    let parsed: ImageName = name.parse().ok()?;
    if parsed.registry().is_some() {
        return Some(parsed);
    }
    let library = if parsed.path().contains('/') { "" } else { "library/" };
    format!("docker.io/{library}{name}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;
    use crate::manifest::Platforms;
    use sealift_bundle::value::error_code::Fault as _;

    fn image(content: &str, names: &[&str]) -> Candidate {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Candidate { media_type: String::new(), digest: Digest::of(content.as_bytes()), size: 1, names }
    }

    #[test]
    fn one_image_is_chosen_or_the_names_are_listed() {
        let all = Candidates::new(vec![
            image("1", &["a:1", "a:latest"]),
            image("2", &[]),
            image("3", &["b:1", "x"]),
            image("4", &["x"]),
        ]);
        let chosen = |select: &str| choose(&all, Some(select), Path::new("x.tar")).map(|one| one.digest);
        assert_eq!(chosen("a:latest").unwrap(), all[0].digest);
        assert_eq!(chosen(&all[1].digest.to_string()).unwrap(), all[1].digest);
        let error = choose(&all, None, Path::new("x.tar")).unwrap_err();
        assert_eq!(
            (error.code(), error.hint().unwrap().to_string().contains("select = \"a:1\"")),
            (codes::MANIFEST_ITEM, true)
        );
        assert!(error.to_string().contains(&all[1].digest.to_string()), "{error}");
        assert_eq!(chosen("nothing").unwrap_err().code(), sealift_bundle::codes::SOURCE_MISSING);
        assert_eq!(chosen("x").unwrap_err().code(), codes::MANIFEST_ITEM);
        assert_eq!(
            choose(&Candidates::new(Vec::new()), None, Path::new("x")).unwrap_err().code(),
            codes::SOURCE_EMPTY
        );
        let one = Candidates::new(all[..1].to_vec());
        assert!(choose(&one, None, Path::new("x")).is_ok());
    }

    #[test]
    fn f_field_06_names_of_docker_are_completed_and_a_tag_alone_is_no_reference() {
        let source = |select: Option<&str>, reference: Option<&str>| ImageSource {
            form: ImageForm::Layout,
            path: "x".to_owned(),
            select: select.map(str::to_owned),
            reference: reference.map(|text| text.parse().unwrap()),
            platforms: Platforms::All,
        };
        let named = |names: &[&str], source: &ImageSource| {
            reference(&image("1", names), source, Path::new("x")).map(|name| name.to_string())
        };
        assert_eq!(named(&["latest", "a/b:1"], &source(None, None)).unwrap(), "a/b:1");
        assert_eq!(named(&["a:1", "a:2"], &source(Some("a:2"), None)).unwrap(), "a:2");
        assert_eq!(named(&["a:1"], &source(None, Some("r.org/b:2"))).unwrap(), "r.org/b:2");
        let archive = ImageSource { form: ImageForm::Archive, ..source(None, None) };
        for (name, full) in [
            ("nginx:1", "docker.io/library/nginx:1"),
            ("rancher/rancher:2", "docker.io/rancher/rancher:2"),
            ("r.org/a:1", "r.org/a:1"),
            ("localhost/a:1", "localhost/a:1"),
        ] {
            assert_eq!(named(&[name], &archive).unwrap(), full);
        }
        let error = named(&["latest"], &source(None, None)).unwrap_err();
        assert_eq!(error.code(), codes::MANIFEST_ITEM);
        assert!(error.hint().unwrap().to_string().contains("REPOSITORY:latest"));
    }
}
