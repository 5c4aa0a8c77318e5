//! Makes sure there is a page to embed.
//!
//! The page is built by `npm run build` in `hub/web` into `hub/web/dist`, which is not in version control. Where it was not
//! built, cargo still works: a page of one sentence stands in its place, and the build says so.

use std::fs;
use std::path::Path;

const STAND_IN: &str = "<!doctype html>\n<meta charset=\"utf-8\">\n<title>Farwatch</title>\n\
    <p>The page was not built into this hub. Build it with: cd hub/web &amp;&amp; npm ci &amp;&amp; npm run build, then build the \
    hub again. The interface at /api/v1 works.</p>\n";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=web/dist");
    let index = Path::new("web/dist/index.html");
    let built = fs::read_to_string(index).is_ok_and(|text| text != STAND_IN);
    if built {
        return;
    }
    println!(
        "cargo:warning=the web page is not built; the hub will show a stand-in (cd hub/web && npm ci && npm run build)"
    );
    let made = index.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(index, STAND_IN));
    if let Err(e) = made {
        println!("cargo:warning=cannot write {}: {e}", index.display());
    }
}
