//! The fMP4 vocabulary: build, parse and check init segments, fragments and our `uuid` box.
