//! The size of the images that a net sees. It is a fact of a run and belongs to the data set, the normaliser and the
//! statistics; nothing else in this folder knows a number of pixels.

/// Red, green, blue: every net reads three channels, and a grey image is repeated to them.
pub const CHANNELS: usize = 3;

/// Channels, height and width of every image of a run, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl Shape {
    /// CIFAR's images, and those of every run that does not set `size`.
    pub const CIFAR: Shape = Shape::square(32);

    /// Square images of three channels.
    pub const fn square(side: usize) -> Self {
        Self { channels: CHANNELS, height: side, width: side }
    }

    /// Pixels of one channel.
    pub const fn plane(self) -> usize {
        self.height * self.width
    }

    /// Values of one line.
    pub const fn line(self) -> usize {
        self.width * self.channels
    }

    /// Values of one image.
    pub const fn values(self) -> usize {
        self.plane() * self.channels
    }
}
