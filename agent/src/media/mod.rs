//! The worker that alone speaks GStreamer: odd cameras, AAC, previews.
