//! Oddities of a stream that are put right while its access units are put together, each counted once per unit.

/// What a camera does that its payload format forbids or advises against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Odd {
    /// The marker bit stands on a parameter set or SEI, before the picture it belongs to.
    MarkerWithinUnit,
    /// A unit ends without the marker bit.
    MarkerMissing,
    /// Parameter sets or SEI carry another timestamp than their picture.
    TimestampWithinUnit,
    /// A fragment without a byte of payload.
    EmptyFragment,
    /// A NAL unit in a single fragment.
    FragmentOfOne,
    /// The fragments of one NAL unit name different kinds.
    FragmentKindChanges,
    /// Several NAL units with start codes between them, sent as one.
    AnnexBInside,
}

const ALL: [Odd; 7] = [
    Odd::MarkerWithinUnit,
    Odd::MarkerMissing,
    Odd::TimestampWithinUnit,
    Odd::EmptyFragment,
    Odd::FragmentOfOne,
    Odd::FragmentKindChanges,
    Odd::AnnexBInside,
];

impl Odd {
    /// The one with this number, as a media worker says it.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        ALL.into_iter().find(|odd| *odd as u8 == number)
    }

    /// The name defects are counted under.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MarkerWithinUnit => "marker_within_unit",
            Self::MarkerMissing => "marker_missing",
            Self::TimestampWithinUnit => "timestamp_within_unit",
            Self::EmptyFragment => "empty_fragment",
            Self::FragmentOfOne => "fragment_of_one",
            Self::FragmentKindChanges => "fragment_kind_changes",
            Self::AnnexBInside => "annex_b_inside",
        }
    }
}

/// Those of one access unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Oddities(u8);

impl Oddities {
    pub(super) fn note(&mut self, odd: Odd) {
        self.0 |= 1 << odd as u8;
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn all(self) -> impl Iterator<Item = Odd> {
        ALL.into_iter().filter(move |odd| self.0 & (1 << *odd as u8) != 0)
    }
}
