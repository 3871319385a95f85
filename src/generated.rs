// The code that `build.rs` makes of `spec/openapi.json`. In a release it stands in this file.
include!(concat!(env!("OUT_DIR"), "/generated.rs"));
