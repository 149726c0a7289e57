//! A read-only registry and a page, straight from bundle files in place.
//!
//! It speaks the pull and the discovery part of the OCI distribution spec 1.1, and nothing that writes. What it hands
//! out has been compared with its digest: an answer that turns out wrong is cut off before its end. Everything async
//! in this project is in this directory, and all memory is bounded by the constants in it.
//!
//! | file | what it decides |
//! |---|---|
//! | `route` | what a request asks for |
//! | `names`, `document`, `catalog` | what the bundles offer, under which names |
//! | `respond`, `files`, `page` | what the answer is |
//! | `answer`, `body` | how it is sent |
//! | `state` | what connections share: the bundles, and which blobs are proved |
//! | `listen`, `peers`, `guard`, `hosts`, `tls` | who may connect, by which name, and for how long |

mod answer;
mod body;
mod catalog;
mod document;
pub mod error;
mod files;
mod guard;
mod hosts;
mod listen;
mod names;
mod page;
mod peers;
mod respond;
mod route;
mod state;
mod tls;

pub use error::ServeError;
pub use listen::Server;
pub use tls::TlsIdentity;

use catalog::{Catalog, ServedBundle};
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::value::limits::Limits;
use std::net::SocketAddr;

/// How to serve.
pub struct Options {
    /// The address to listen on; with port 0, the system chooses one.
    pub listen: SocketAddr,
    /// Certificate and key; plain HTTP without.
    pub tls: Option<TlsIdentity>,
    /// Threads that answer.
    pub threads: usize,
    /// Names by which clients may call this server, beside those that cannot deceive.
    pub hosts: Vec<String>,
}

/// Who runs the server.
pub trait Operator: Sync {
    /// Something of a bundle was refused to a client.
    fn warn(&self, line: &str);

    /// True when the server is to stop; asked some times a second.
    fn is_stopped(&self) -> bool;
}

/// Bundles that go together, and what they offer.
pub struct Library {
    bundles: Vec<ServedBundle>,
    catalog: Catalog,
}

impl Library {
    /// Takes bundles that are verified. Two that give one name to different things are refused; a bundle that is given
    /// twice counts once.
    pub fn new(places: Vec<OpenBundle<'static>>, limits: &Limits) -> Result<Self, ServeError> {
        let mut bundles: Vec<ServedBundle> = Vec::new();
        for place in places {
            let predicate = &place.trusted.statement().predicate;
            let key = format!("{}-{}", predicate.name, predicate.version);
            match bundles.iter().find(|other| other.key == key) {
                None => bundles.push(ServedBundle { key, place }),
                Some(other) if other.place.trusted.id() == place.trusted.id() => {}
                Some(other) => {
                    return Err(ServeError::Conflict {
                        name: key.clone(),
                        one: format!("the statement {}", other.place.trusted.id()),
                        first: "named first".to_owned(),
                        other: format!("the statement {}", place.trusted.id()),
                        second: "named after it".to_owned(),
                    });
                }
            }
        }
        let catalog = Catalog::of(&bundles, limits)?;
        Ok(Self { bundles, catalog })
    }

    /// The bundles, each with `NAME-VERSION`.
    pub fn bundles(&self) -> impl Iterator<Item = (&str, &OpenBundle<'static>)> {
        self.bundles.iter().map(|bundle| (bundle.key.as_str(), &bundle.place))
    }

    /// The names of all repositories.
    #[must_use]
    pub fn repositories(&self) -> Vec<&str> {
        self.catalog.names(&catalog::ListPage::default()).0
    }

    /// What is allowed, and should be said all the same.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.catalog.warnings
    }
}
