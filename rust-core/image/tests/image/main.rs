//! What the crate promises of whole files: their pixels are Pillow's, damaged ones are refused, and nothing in bytes from
//! outside makes it panic or take memory beyond its limits.

mod damage;
mod files;
mod fuzz;
mod pixels;
