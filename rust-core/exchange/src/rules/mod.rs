//! One rule a file, pure, the paper's equation in its header.

pub mod mean;
