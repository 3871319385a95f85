//! The API as any program meets it, a file for each behaviour. One program, since each would
//! be linked with everything that an HTTP server needs.

mod access;
mod control;
mod data;
mod faults;
mod filters;
mod odd_shapes;
mod pages;
mod quota;
mod rows;
mod siem;
mod support;
mod webhooks;
mod writes;
