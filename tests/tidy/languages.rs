//! The page speaks English and Chinese: every word it shows stands in `hub/web/src/text`, in both.
//!
//! Belongs here: finding words written anywhere else (`time` formats dates and may say year and day). Does not: whether the two catalogues have the same keys, which
//! the compiler and `text.test.ts` keep.

use crate::tree::{Offence, Source, Tree};

/// Attributes whose value a person reads or hears.
const SPOKEN: &[&str] = &["label=\"", "title=\"", "placeholder=\"", "alt=\"", "description=\"", "aria-description=\""];

pub fn words_outside_the_catalogues(tree: &Tree) -> Vec<Offence> {
    let page = |source: &&Source| {
        let path = source.path.strip_prefix("hub/web/src/");
        path.is_some_and(|path| {
            !path.starts_with("text/")
                && !path.starts_with("time/")
                && !path.contains(".test.")
                && !path.starts_with("api/schema")
        })
    };
    let mut offences = Vec::new();
    for source in tree.sources.iter().filter(page) {
        for (number, line) in source.lines() {
            // The switch names each language in itself.
            let names_languages = line.contains("中文") && source.path.ends_with("/Shell.tsx");
            if line.chars().any(is_chinese) && !names_languages {
                offences.push(source.offence(number, "holds Chinese words; they belong in text/zh.ts"));
            }
            if source.path.ends_with(".tsx") && SPOKEN.iter().any(|attribute| has_words_after(line, attribute)) {
                offences.push(source.offence(number, "says words in an attribute; they belong in text/"));
            }
            if source.path.ends_with(".tsx") && has_words_between_tags(line) {
                offences.push(source.offence(number, "says words between tags; they belong in text/"));
            }
        }
    }
    offences
}

fn is_chinese(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

fn has_words_after(line: &str, attribute: &str) -> bool {
    line.match_indices(attribute).any(|(at, _)| {
        let value = line[at + attribute.len()..].split('"').next().unwrap_or_default();
        is_words(value)
    })
}

/// `<b>Some words</b>`, all on one line and without an expression in braces.
fn has_words_between_tags(line: &str) -> bool {
    line.match_indices("</").any(|(end, _)| {
        let Some(start) = line[..end].rfind('>') else { return false };
        let inside = &line[start + 1..end];
        !inside.contains(['{', '}', '=', ';']) && !line[..start].ends_with('=') && is_words(inside)
    })
}

/// At least one word of three letters; shorter ones are signs and units.
fn is_words(text: &str) -> bool {
    text.split(|c: char| !c.is_alphabetic()).any(|word| word.len() >= 3)
}
