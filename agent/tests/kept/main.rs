//! What a box has kept stays what it was, and is found when it was.

mod clocks;
mod scrub;
mod site;
