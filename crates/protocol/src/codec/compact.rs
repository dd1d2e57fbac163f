//! The binary encoding once more, without serde: server frames read, client frames written.
//!
//! For the SDK, where it is a third of the size of what serde makes of the same types. Tests hold both to the same
//! bytes and the same frames.

mod reader;
mod writer;

pub use reader::decode;
pub use writer::append;
