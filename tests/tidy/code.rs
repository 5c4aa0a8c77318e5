//! Reads Rust just far enough to see which paths a file names.
//!
//! Belongs here: dropping comments and literals, collecting `a::b::c` and the leaves of `use` trees.
//! Does not: resolving names. A path counts as foreign by its first word alone.

/// A path named in code, and the line of its first word.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    pub line: usize,
    pub words: Vec<String>,
}

impl Named {
    pub fn starts_with(&self, prefix: &[&str]) -> bool {
        self.words.len() >= prefix.len() && self.words.iter().zip(prefix).all(|(word, wanted)| word == wanted)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Join,
    Sign(char),
}

/// Every path of at least two words, and every leaf of every `use`.
pub fn paths(text: &str) -> Vec<Named> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (line, token) = &tokens[at];
        let Token::Word(word) = token else {
            at += 1;
            continue;
        };
        if word == "use" {
            at = use_tree(&tokens, at + 1, &[], &mut found);
            continue;
        }
        let mut words = vec![word.clone()];
        at += 1;
        while let (Some((_, Token::Join)), Some((_, Token::Word(next)))) = (tokens.get(at), tokens.get(at + 1)) {
            words.push(next.clone());
            at += 2;
        }
        if words.len() > 1 {
            found.push(Named { line: *line, words });
        }
    }
    found
}

/// One branch of a `use` declaration; returns where the branch ends.
fn use_tree(tokens: &[(usize, Token)], mut at: usize, prefix: &[String], found: &mut Vec<Named>) -> usize {
    let mut words = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |(line, _)| *line);
    while let Some((_, token)) = tokens.get(at) {
        match token {
            Token::Word(word) if word == "as" => at += 2,
            Token::Word(word) => {
                words.push(word.clone());
                at += 1;
            }
            Token::Join | Token::Sign('*') => at += 1,
            Token::Sign('{') => {
                at += 1;
                while !matches!(tokens.get(at), None | Some((_, Token::Sign('}')))) {
                    at = use_tree(tokens, at, &words, found);
                    if matches!(tokens.get(at), Some((_, Token::Sign(',')))) {
                        at += 1;
                    }
                }
                return at + 1;
            }
            Token::Sign(_) => break,
        }
    }
    // `impl Trait + use<'a>` names nothing.
    if !words.is_empty() {
        found.push(Named { line, words });
    }
    at
}

fn tokens(text: &str) -> Vec<(usize, Token)> {
    let plain = without_comments_and_literals(text);
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = plain.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' => line += 1,
            ':' if rest.peek() == Some(&':') => {
                rest.next();
                tokens.push((line, Token::Join));
            }
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some(next) = rest.next_if(|next| next.is_alphanumeric() || *next == '_') {
                    word.push(next);
                }
                tokens.push((line, Token::Word(word)));
            }
            c if c.is_whitespace() => {}
            c => tokens.push((line, Token::Sign(c))),
        }
    }
    tokens
}

/// The text with comments, strings and character literals blanked out; every line keeps its number.
pub fn without_comments_and_literals(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match (chars[at], chars.get(at + 1)) {
            ('/', Some('/')) => until(&chars, at, |i| chars[i] == '\n'),
            ('/', Some('*')) => block_comment(&chars, at),
            ('"', _) => string(&chars, at + 1),
            ('r', Some('"' | '#')) if !is_word(&chars, at) => raw_string(&chars, at).unwrap_or(at),
            ('\'', _) => character(&chars, at),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.push(' ');
            out.extend(chars[at..end].iter().filter(|c| **c == '\n'));
            at = end;
        }
    }
    out
}

fn is_word(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_') && chars[at - 1] != 'b'
}

fn until(chars: &[char], from: usize, stop: impl Fn(usize) -> bool) -> usize {
    (from..chars.len()).find(|&i| stop(i)).unwrap_or(chars.len())
}

fn block_comment(chars: &[char], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

/// `from` is the first character after the quote.
fn string(chars: &[char], from: usize) -> usize {
    let mut at = from;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn raw_string(chars: &[char], from: usize) -> Option<usize> {
    let hashes = chars[from + 1..].iter().take_while(|c| **c == '#').count();
    let open = from + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None; // r#word
    }
    let closes =
        |i: usize| chars[i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    Some((until(chars, open + 1, closes) + 1 + hashes).min(chars.len()))
}

/// A character literal, or nothing when the quote begins a lifetime.
fn character(chars: &[char], from: usize) -> usize {
    if chars.get(from + 1) == Some(&'\\') {
        return (until(chars, from + 3, |i| chars[i] == '\'') + 1).min(chars.len());
    }
    if chars.get(from + 2) == Some(&'\'') { from + 3 } else { from }
}

#[test]
fn paths_are_found_in_use_trees_and_in_expressions_but_not_in_text() {
    let text = r##"
//! sled::open in a comment
use std::{fs, io::{self, Read as _}, net::*};
fn f<'a>(x: &'a str) -> char { let _ = "retina::x"; let _ = r#"axum::y"#; sqlx::query(x); '\'' }
"##;
    let found: Vec<String> =
        paths(text).iter().map(|named| format!("{}:{}", named.line, named.words.join("::"))).collect();
    assert_eq!(found, ["3:std::fs", "3:std::io::self", "3:std::io::Read", "3:std::net", "4:sqlx::query"]);
}
