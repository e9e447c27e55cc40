//! In what pieces the bytes of a way are sent.

use std::{fmt, sync::OnceLock};

use serde::Serialize;

/// How a process sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Much, in as few calls as the way allows.
    Bulk,
    /// Little by little.
    Small,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Bulk, Self::Small];

    /// Bytes in all, where the way can send as many.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Bulk => 400_000,
            Self::Small => 20_000,
        }
    }

    /// Bytes of a datagram's payload; on some ways a header is a part of it.
    pub(super) const fn piece(self) -> usize {
        match self {
            Self::Bulk => 1_000,
            Self::Small => 40,
        }
    }

    /// Bytes of a call where there are no datagrams.
    pub(super) const fn call(self) -> usize {
        match self {
            Self::Bulk => 32_768,
            Self::Small => 40,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bulk => "bulk",
            Self::Small => "small",
        })
    }
}

/// The one of this process.
static SHAPE: OnceLock<Shape> = OnceLock::new();

/// Chooses, once.
pub(super) fn choose(shape: Shape) {
    // A process sends by one way and ends.
    let _ = SHAPE.set(shape);
}

/// The one that was chosen.
pub(super) fn chosen() -> Shape {
    SHAPE.get().copied().unwrap_or(Shape::Bulk)
}
