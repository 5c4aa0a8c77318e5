//! Who asks: people, their passwords and sessions.
//!
//! Belongs here: set-up by the one-time link, passwords, session secrets, the limit on tries, whose a session is.
//! Does not: finding it in a request (`api::who`), what a person may do to a thing (a later issue's permission
//! policies), the agents' certificates (`intake`).
//!
//! There is one kind of person in this version, the administrator; routes already say [`Admin`] or [`Person`], so that
//! further kinds need no route changed.

pub mod cookie;
mod enter;
pub mod limit;
pub mod password;
mod person;
pub mod session;

pub use enter::{EnterError, Entered, leave, set_up, sign_in};
pub use limit::Limit;
pub use password::Passwords;
pub use person::{Admin, Person};
pub use session::{IDLE_MS, LIFE_MS, Secrets, expires, still_there};
