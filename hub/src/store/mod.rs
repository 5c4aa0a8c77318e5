//! SQL ends here, one file per table family.
