//! Where the programs under test are.

use std::path::PathBuf;

/// Path of a program built in the same workspace: `FARWATCH_BIN_DIR`, else beside the running test.
///
/// # Panics
/// When it was not built, naming the command that builds it.
#[must_use]
pub fn bin(name: &str) -> PathBuf {
    let dir = std::env::var_os("FARWATCH_BIN_DIR").map_or_else(
        || {
            let exe = std::env::current_exe().expect("a running program has a path");
            exe.ancestors().nth(2).expect("target/<profile>/deps/<test>").to_path_buf()
        },
        PathBuf::from,
    );
    // A bench builds only what it measures; the rest of the house may come from the ordinary build beside it.
    let path = [dir.join(name), dir.with_file_name("debug").join(name)].into_iter().find(|path| path.exists());
    let path = path.unwrap_or_else(|| dir.join(name));
    assert!(path.exists(), "{} is not built: cargo build --workspace", path.display());
    path
}

/// Rounds of a repeated test: few by default, the full count under `tests/run --long`.
#[must_use]
pub fn rounds(few: u32, full: u32) -> u32 {
    std::env::var("FARWATCH_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(if std::env::var_os("FARWATCH_LONG").is_some() { full } else { few })
}
