//! The program `huntctl`.

fn main() {}
