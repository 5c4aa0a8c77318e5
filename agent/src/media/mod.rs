//! The worker that alone speaks GStreamer: odd cameras, AAC, previews.
//!
//! Two halves. The parent's half (`worker`, `audio`, `preview`) starts `farwatch-agent media` as a child and speaks `protocol`
//! with it over its standard input and output; the child's half (`child`) shuts itself in (`sandbox`) and runs one task.
//! Belongs here: everything that names GStreamer, and how a worker is started, bounded and given up. Does not: when a
//! camera is tried again (`camera`), what is recorded (`record`), who may see a preview (`footage`).
//!
//! A fault in a codec costs one camera a moment: one worker serves one stream, and its parent only loses a pipe.

pub mod audio;
pub mod child;
pub mod preview;
pub mod protocol;
pub mod sandbox;
pub mod worker;
