//! The steps of a push, as its caller shows them.

/// A step of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A helper is asked for credentials, and takes its time.
    AskingHelper {
        /// The helper.
        program: &'a str,
    },
    /// A part is there already.
    Present(Part),
    /// A part is pushed.
    Pushing {
        /// The part.
        part: Part,
        /// Its bytes.
        bytes: u64,
    },
    /// The manifest is pushed, which comes last.
    Manifest,
}

/// A part of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A layer.
    Layer {
        /// Its number, from 1 on.
        number: usize,
        /// The number of layers.
        of: usize,
    },
    /// The configuration.
    Configuration,
}
