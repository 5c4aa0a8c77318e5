//! Desired less actual becomes steps; reports what it did.
