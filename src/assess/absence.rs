//! Why a figure has no value, or stands at nothing, as a word for programs.

/// The kind of an absence. The note of a figure says it at length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Absence {
    /// None at all: the supplier said that there was nothing, and the figure is 0.
    NilReturn,
    /// Nothing came, and it is not past its due day.
    NotSupplied,
    /// Nothing came, and its due day is past.
    Late,
    /// The period is not over.
    NotOver,
    /// The supplier said that none will come.
    KnownGap,
    /// The sharing agreement does not let it be used, or not be shown to this audience.
    NotPermitted,
    /// Rows of the period were erased, or could not be kept, under the agreement.
    Erased,
    /// What came breaks its contract as a whole.
    Refused,
    /// What came waits until somebody looks at it.
    Held,
    /// What came is only a part of the period.
    Partial,
    /// No feed covers the area then.
    NotCovered,
    /// The code of the area is no more, or its parts cannot be put together.
    AreaChanged,
    /// It takes time until it can be known.
    NotMature,
    /// The supplier withheld it.
    SuppressedBySupplier,
    /// The supplier says that there can be no such number.
    NotApplicable,
    /// The denominator is zero, or there was no case.
    DenominatorZero,
    /// How many people live there is not known.
    ResidentsUnknown,
    /// The base year of an index is not complete, or a break lies between it and the period.
    BaseYear,
    /// It stands on fewer answers or cases than a value needs.
    BaseTooSmall,
    /// The measure failed or did not pass its checks.
    NotCalculated,
    /// Withheld by us so that nobody can be identified.
    Suppressed,
}

impl Absence {
    /// Every one.
    pub const ALL: [Self; 21] = [
        Self::NilReturn,
        Self::NotSupplied,
        Self::Late,
        Self::NotOver,
        Self::KnownGap,
        Self::NotPermitted,
        Self::Erased,
        Self::Refused,
        Self::Held,
        Self::Partial,
        Self::NotCovered,
        Self::AreaChanged,
        Self::NotMature,
        Self::SuppressedBySupplier,
        Self::NotApplicable,
        Self::DenominatorZero,
        Self::ResidentsUnknown,
        Self::BaseYear,
        Self::BaseTooSmall,
        Self::NotCalculated,
        Self::Suppressed,
    ];

    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NilReturn => "nil_return",
            Self::NotSupplied => "not_supplied",
            Self::Late => "late",
            Self::NotOver => "not_over",
            Self::KnownGap => "known_gap",
            Self::NotPermitted => "not_permitted",
            Self::Erased => "erased",
            Self::Refused => "refused",
            Self::Held => "held",
            Self::Partial => "partial",
            Self::NotCovered => "not_covered",
            Self::AreaChanged => "area_changed",
            Self::NotMature => "not_mature",
            Self::SuppressedBySupplier => "suppressed_by_supplier",
            Self::NotApplicable => "not_applicable",
            Self::DenominatorZero => "denominator_zero",
            Self::ResidentsUnknown => "residents_unknown",
            Self::BaseYear => "base_year",
            Self::BaseTooSmall => "base_too_small",
            Self::NotCalculated => "not_calculated",
            Self::Suppressed => "suppressed",
        }
    }

    /// The absence that tables call so.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|absence| absence.name() == word)
    }

    /// What a SELECT says of a number that the supplier did not give, by the words of a dataset's `<name>_status`.
    #[must_use]
    pub fn of_supplier(word: &str) -> Option<Self> {
        match word {
            "suppressed" | "suppressed_by_supplier" => Some(Self::SuppressedBySupplier),
            "not_applicable" => Some(Self::NotApplicable),
            "unavailable" | "not_available" | "missing" | "not_supplied" => Some(Self::NotSupplied),
            _ => None,
        }
    }

    /// What the supplier did, in words.
    #[must_use]
    pub fn by_supplier(self) -> &'static str {
        match self {
            Self::SuppressedBySupplier => "withheld by the supplier",
            Self::NotApplicable => "not applicable, as the supplier says",
            _ => "not given by the supplier",
        }
    }
}

/// Why a month is missing: the kind, and the words for the note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The kind.
    pub absence: Absence,
    /// In words.
    pub note: String,
}

impl Reason {
    /// A reason with its words.
    #[must_use]
    pub fn new(absence: Absence, note: impl Into<String>) -> Self {
        Self { absence, note: note.into() }
    }

    /// Nothing came, and nothing more is known.
    #[must_use]
    pub fn not_supplied() -> Self {
        Self::new(Absence::NotSupplied, "not supplied")
    }
}
