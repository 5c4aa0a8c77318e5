//! The lines on the disk, in one object for everybody who acts on them: the agent's retention and the recorder's guard cannot
//! disagree about them (an argument of two thresholds has stopped other recorders altogether).
//!
//! Belongs here: what the lines are and how they follow from `min_free`. Does not: measuring, or acting.
//!
//! From much room to none: `enough` > `min_free` > `hard_floor` > `stop`.

use farwatch_shared::size::ByteSize;
use serde::{Deserialize, Serialize};

/// The line below which recording is in danger, at most.
const HARD_FLOOR: ByteSize = ByteSize::gib(1);
/// Most that is cleared beyond `min_free` in one go.
const BEYOND: u64 = 1 << 30;

/// Free bytes at which something begins or ends. Made once, from the policy, and handed to both processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lines {
    /// Below this the agent clears footage over its floor.
    pub min_free: ByteSize,
    /// Below this the declared order of giving way holds: for the agent, and for the recorder when the agent is silent.
    pub hard_floor: ByteSize,
}

impl Lines {
    #[must_use]
    pub fn of(min_free: ByteSize) -> Self {
        Self { min_free, hard_floor: ByteSize((min_free.0 / 2).min(HARD_FLOOR.0)) }
    }

    /// Clearing that began ends above this: a tenth more, so that it does not begin anew with every segment.
    #[must_use]
    pub fn enough(&self) -> ByteSize {
        ByteSize(self.min_free.0.saturating_add((self.min_free.0 / 10).min(BEYOND)))
    }

    /// Giving way ends above this.
    #[must_use]
    pub fn relieved(&self) -> ByteSize {
        ByteSize(self.hard_floor.0.saturating_add(self.hard_floor.0 / 20))
    }

    /// Below this nothing is recorded any more: what is left is for the logs, which must be able to say so. Recording
    /// begins again at [`Self::hard_floor`].
    #[must_use]
    pub fn stop(&self) -> ByteSize {
        ByteSize(self.hard_floor.0 / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_lines_keep_their_order_for_every_policy(min_free in 0u64..1 << 50) {
            let lines = Lines::of(ByteSize(min_free));
            prop_assert!(lines.stop() <= lines.hard_floor && lines.hard_floor <= lines.relieved());
            prop_assert!(lines.relieved() <= lines.min_free.max(ByteSize(1)) && lines.min_free <= lines.enough());
        }
    }
}
