//! The output of the program.

/// The only function that prints.
#[expect(clippy::print_stdout, reason = "the program's answer")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}
