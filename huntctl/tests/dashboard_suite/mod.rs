//! What the tests of the pages have in common, and the tests themselves by subject.

pub mod fixture;
pub mod hostile;
pub mod html;
pub mod links;
pub mod lists;
pub mod pages;
pub mod review;
pub mod site;
pub mod training;
