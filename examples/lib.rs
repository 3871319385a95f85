//! The examples are the programs beside this file; cargo asks for a library in every package.
