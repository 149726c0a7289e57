//! The report: what an officer reads before a bundle crosses, as a page, as Markdown and as JSON.
//!
//! What is said stands in [`sections`], once; [`page`] and [`markdown`] only write it down.

pub mod document;
pub mod facts;
pub(crate) mod figures;
pub mod markdown;
pub mod page;
pub mod sections;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod treemap;
