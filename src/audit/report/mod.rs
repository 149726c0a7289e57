//! The report that an approver reads before a bundle is transferred, as HTML, Markdown and JSON.
//!
//! [`sections`] decides what it says; [`page`] and [`markdown`] only render it.

pub mod document;
pub mod facts;
pub(crate) mod figures;
pub mod markdown;
pub mod page;
pub mod sections;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod treemap;
