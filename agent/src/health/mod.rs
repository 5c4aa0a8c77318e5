//! One sampler per file, one health sample.
