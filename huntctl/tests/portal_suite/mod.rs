//! The tests of the portal, each a function over a store.

pub mod alone;
pub mod ground;
pub mod made_up;
pub mod shown;
mod verb;
