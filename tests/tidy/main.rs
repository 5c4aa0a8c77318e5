//! Keeps the house tidy: the arrows of the design, the shape of files, what no file may hold.
//!
//! Belongs here: rules that can be read off the sources. Does not: anything that runs our programs.
//! Each rule prints every offence with its file and line, so that one run shows all there is to mend.

mod code;
mod directions;
mod languages;
mod shape;
mod tree;

use tree::{Offence, Tree};

fn none(rule: &str, mut offences: Vec<Offence>) {
    offences.sort();
    let list: String = offences.iter().map(|offence| format!("\n  {offence}")).collect();
    assert!(offences.is_empty(), "{rule}: {} offences{list}", offences.len());
}

#[test]
fn each_foreign_library_has_one_room() {
    none("foreign libraries", directions::foreign_libraries(&Tree::read()));
}

#[test]
fn shared_is_pure() {
    none("shared", directions::shared_is_pure(&Tree::read()));
}

#[test]
fn nothing_imports_run_and_no_program_imports_another() {
    none("direction", directions::run_and_programs(&Tree::read()));
}

#[test]
fn every_module_opens_by_saying_what_it_is() {
    none("module openings", shape::openings(&Tree::read()));
}

#[test]
fn no_file_is_longer_than_six_hundred_lines() {
    none("file lengths", shape::lengths(&Tree::read()));
}

#[test]
fn no_room_is_an_attic_and_no_type_has_a_forbidden_word() {
    none("names", shape::names(&Tree::read()));
}

#[test]
fn nothing_is_marked_as_left_for_later() {
    none("marks of unfinished work", shape::unfinished(&Tree::read()));
}

#[test]
fn no_file_names_a_machine_or_a_registry() {
    none("places", shape::places(&Tree::read()));
}

#[test]
fn a_lifted_ban_says_why() {
    none("lifted bans", shape::lifted_bans(&Tree::read()));
}

#[test]
fn the_top_level_holds_what_the_design_lists_and_nothing_else() {
    none("top level", shape::top_level(&Tree::read()));
}

#[test]
fn lock_files_are_committed_and_versions_are_pinned_once() {
    none("versions", shape::versions(&Tree::read()));
}

#[test]
fn every_word_of_the_page_stands_in_the_catalogues() {
    none("words", languages::words_outside_the_catalogues(&Tree::read()));
}
