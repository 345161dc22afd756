//! The steps of a push, for display by the caller.

/// A step of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushStep<'a> {
    /// A credential helper has not answered for a while.
    AskingHelper {
        /// The helper.
        program: &'a str,
    },
    /// The registry already has a part.
    Present(ImagePart),
    /// A part is being pushed.
    Pushing {
        part: ImagePart,
        /// Its size in bytes.
        bytes: u64,
    },
    /// The manifest is being pushed, which is the last step.
    Manifest,
}

/// A part of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImagePart {
    Layer {
        /// Its number, starting from 1.
        number: usize,
        /// The number of layers.
        of: usize,
    },
    Configuration,
}
