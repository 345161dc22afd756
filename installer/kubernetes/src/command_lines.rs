//! The command lines that remedies name. The caller brings them, because it knows the user's arguments.

/// The command lines that remedies name, for one platform and its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLines {
    /// The `devplat up` of the platform, with the arguments that the user gave.
    pub up: String,
    /// The beginning of each `kubectl` command line, with the options that lead to the cluster.
    pub kubectl: String,
}

impl CommandLines {
    /// Returns `remedy` with the command line for kubectl, with these arguments, that carries it out. Without `lines`, the
    /// remedy stands alone, because kubectl would act on the current context.
    pub(crate) fn by_kubectl(lines: Option<&Self>, remedy: &str, arguments: &str) -> String {
        match lines {
            Some(Self { up: _, kubectl }) => format!("{remedy}: `{kubectl} {arguments}`"),
            None => remedy.to_owned(),
        }
    }
}

#[cfg(test)]
impl CommandLines {
    /// Returns those of platform team-a in the cluster of context prod.
    pub(crate) fn example() -> Self {
        Self { up: "devplat up --name team-a".to_owned(), kubectl: "kubectl --context prod".to_owned() }
    }
}
