//! The files of `sample/`, by name without ending.

include!(concat!(env!("OUT_DIR"), "/sample.rs"));
