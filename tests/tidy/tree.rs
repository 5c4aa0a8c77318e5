//! The sources as the rules see them: every text file of the clone, with its path and lines.
//!
//! Belongs here: what is read and what is passed over. Does not: any rule.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place where a rule is broken; prints as `file:line what`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offence {
    pub file: String,
    pub line: usize,
    pub what: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {}", self.file, self.line, self.what)
    }
}

/// A text file; `path` is relative to the clone, with forward slashes.
pub struct Source {
    pub path: String,
    pub text: String,
}

impl Source {
    /// Lines are counted from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    pub fn offence(&self, line: usize, what: impl Into<String>) -> Offence {
        Offence { file: self.path.clone(), line, what: what.into() }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Written by a program: lock files, and what says so in its first lines.
    pub fn is_generated(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let opening = self.text.lines().take(6).collect::<Vec<_>>().join("\n").to_lowercase();
        matches!(name, "Cargo.lock" | "package-lock.json")
            || opening.contains("auto-generated")
            || opening.contains("generated from")
    }
}

pub struct Tree {
    pub root: PathBuf,
    pub sources: Vec<Source>,
}

impl Tree {
    /// Reads the clone this test was built from.
    pub fn read() -> Self {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests crate lies in the clone").to_owned();
        let mut sources = Vec::new();
        walk(&root, &root, &mut sources);
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        assert!(sources.len() > 50, "only {} files found under {}", sources.len(), root.display());
        Self { root, sources }
    }

    pub fn rust(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| source.is_rust())
    }

    pub fn get(&self, path: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.path == path)
    }
}

fn walk(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let entry = entry.expect("a readable folder entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().expect("a file type");
        if kind.is_dir() {
            // What tools leave behind; the same names stand in .gitignore.
            if !matches!(name.as_str(), ".git" | "target" | "node_modules" | "dist") {
                walk(root, &entry.path(), sources);
            }
        } else if kind.is_file() && name != ".git" {
            // Anything that is not UTF-8 is a picture or a clip, and no rule reads it.
            if let Ok(text) = std::fs::read_to_string(entry.path()) {
                let path = entry.path().strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
                sources.push(Source { path, text });
            }
        }
    }
}
