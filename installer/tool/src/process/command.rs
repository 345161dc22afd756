//! A command line, its environment and its input. This module starts nothing.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    fs::File,
    path::Path,
    sync::Arc,
    time::Duration,
};

use crate::Surroundings;

/// A command line to run: program, arguments, environment and standard input.
#[derive(Clone)]
pub struct Command {
    pub(super) program: String,
    pub(super) args: Vec<OsString>,
    pub(super) variables: BTreeMap<OsString, OsString>,
    pub(super) surroundings: Surroundings,
    pub(super) folder: Option<OsString>,
    pub(super) stdin: ChildInput,
    pub(super) deadline: Option<Duration>,
    /// Whether standard output may hold a secret.
    pub(super) secret: bool,
}

/// The standard input of a child.
#[derive(Clone)]
pub(super) enum ChildInput {
    Nothing,
    Bytes(Vec<u8>),
    File(Arc<File>),
    Terminal,
}

impl Command {
    /// Returns a command with the variables of `surroundings` and without standard input.
    pub fn new(program: &str, surroundings: &Surroundings) -> Self {
        let mut variables = surroundings.variables.clone();
        // The child must search the same folders as devplat: kind starts docker.
        if let Ok(path) = std::env::join_paths(surroundings.folders()) {
            variables.insert("PATH".into(), path);
        }
        Self {
            program: program.to_owned(),
            args: Vec::new(),
            variables,
            surroundings: surroundings.clone(),
            folder: None,
            stdin: ChildInput::Nothing,
            deadline: None,
            secret: false,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the child's environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Sets variables of the child's environment.
    #[must_use]
    pub fn envs<N: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.variables.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Removes a variable from the child's environment.
    #[must_use]
    pub fn env_remove(mut self, name: &str) -> Self {
        self.variables.remove(OsStr::new(name));
        self
    }

    /// Removes all variables whose names begin with `prefix` from the child's environment.
    #[must_use]
    pub fn env_clear_prefix(mut self, prefix: &str) -> Self {
        self.variables.retain(|name, _| !name.as_encoded_bytes().starts_with(prefix.as_bytes()));
        self
    }

    /// Sets the child's working directory.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.as_os_str().to_owned());
        self
    }

    /// Gives the child these bytes as standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = ChildInput::Bytes(bytes.into());
        self
    }

    /// Gives the child this file, from its beginning, as standard input.
    #[must_use]
    pub fn stdin_file(mut self, file: Arc<File>) -> Self {
        self.stdin = ChildInput::File(file);
        self
    }

    /// Gives the child this terminal as standard input and standard error, for programs that ask the user. A question
    /// may have no line end, so nothing reads its standard error, and errors do not quote it.
    #[must_use]
    pub fn on_terminal(mut self) -> Self {
        self.stdin = ChildInput::Terminal;
        self
    }

    /// Declares that standard output may hold a secret. Errors then quote only standard error.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Kills the child and its descendants after `limit`.
    #[must_use]
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = Some(limit);
        self
    }

    /// Returns the command line for messages.
    pub(super) fn line(&self) -> String {
        let mut line = self.program.clone();
        for arg in &self.args {
            line.push(' ');
            line.push_str(&arg.to_string_lossy());
        }
        line
    }
}

/// Names the variables without their values, and the kind of the input without its bytes, because both may be secret.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, args, variables, surroundings: _, folder, stdin, deadline, secret } = self;
        let names: Vec<&OsString> = variables.keys().collect();
        f.debug_struct("Command")
            .field("program", program)
            .field("args", args)
            .field("variables", &names)
            .field("folder", folder)
            .field("stdin", stdin)
            .field("deadline", deadline)
            .field("secret", secret)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ChildInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::File(_) => f.write_str("a file"),
            Self::Terminal => f.write_str("the terminal"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_text_has_no_values_of_variables_and_no_input() {
        let shell = Surroundings::new([("HTTPS_PROXY", "http://ada:s3cret@proxy")], None);
        let command = Command::new("docker", &shell).env("TOKEN", "s3cret").stdin("s3cret");
        let text = format!("{command:?}");
        assert!(!text.contains("s3cret"), "{text}");
        assert!(text.contains("HTTPS_PROXY") && text.contains("TOKEN") && text.contains("6 bytes"), "{text}");
    }
}
