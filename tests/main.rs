//! One test binary, so that there is one link on a small machine.

mod forge;
mod format_doc;
mod hostile_documents;
mod hostile_frames;
mod hostile_seals;
mod hostile_streams;
mod hostile_trees;
mod roundtrip;
mod support;
mod tamper;
mod vector_cases;
mod vector_writer;
mod vectors;
