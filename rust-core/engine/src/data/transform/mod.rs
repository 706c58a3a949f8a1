//! What is done to the pixels of an image: brought to the shape of the run when it is loaded, augmented and normalised when
//! it is trained on.

mod augment;
mod change;
mod load;
mod normalize;

pub use augment::Augment;
pub use load::{ImageLoader, Refusal};
pub use normalize::{Normalize, Normalizer};
