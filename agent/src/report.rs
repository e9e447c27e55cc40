//! How a record looks to a person: a line, an explanation on a terminal, a page.

pub mod terminal;
pub mod told;
mod columns;
mod times;
mod family;
mod sum;
pub mod explain;
pub mod page;
