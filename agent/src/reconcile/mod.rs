//! Desired less actual becomes steps; reports what it did.
//!
//! Belongs here: the recorder's plan made of the desired state (`plan`, pure), keeping a recorder running and told
//! (`keeper`), taking in new desired states (`intake`), the report (`report`). Does not: whether a document is believed
//! (`desired`), recording (`recorder`).

mod intake;
mod keeper;
mod plan;
mod report;

pub use intake::{Applied, Intake, IntakeParts, Wanted};
pub use keeper::{Keeper, KeeperConfig, RecorderView, Starts};
pub use plan::{Made, make_plan};
pub use report::report;
