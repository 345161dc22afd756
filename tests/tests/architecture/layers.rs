//! The permitted imports between the installer's own modules.

/// The modules of the installer, each with the other ones that it may import. They are layers: each imports only modules
/// above it in this list.
pub(crate) const INSTALLER: &[(&str, &[&str])] = &[
    ("command_line", &[]),
    ("state", &["command_line"]),
    ("text_file", &[]),
    ("long_wait", &[]),
    ("stdin", &["text_file", "long_wait"]),
    ("journal", &[]),
    ("failure", &["journal", "state"]),
    ("ui", &["stdin", "failure", "long_wait"]),
    ("plugins", &["failure", "ui"]),
    ("platform_context", &["command_line", "state", "failure", "long_wait"]),
    ("platform", &["state", "failure"]),
    ("signals", &["failure", "platform_context"]),
    ("tools", &["failure", "platform_context"]),
    (
        "host",
        &[
            "state",
            "text_file",
            "long_wait",
            "stdin",
            "failure",
            "ui",
            "plugins",
            "platform_context",
            "platform",
        ],
    ),
    ("resource", &["command_line", "state", "journal", "failure", "ui", "platform_context", "platform"]),
    (
        "request",
        &["command_line", "state", "text_file", "failure", "ui", "platform_context", "platform", "host"],
    ),
    ("observe", &["failure", "platform_context", "resource"]),
    ("check", &["failure", "platform_context", "tools", "resource"]),
    (
        "planning",
        &[
            "command_line",
            "journal",
            "failure",
            "platform_context",
            "platform",
            "resource",
            "observe",
            "check",
        ],
    ),
    ("apply", &["journal", "failure", "ui", "platform_context", "resource", "check"]),
    (
        "cli",
        &[
            "state",
            "journal",
            "failure",
            "ui",
            "platform_context",
            "platform",
            "signals",
            "tools",
            "host",
            "resource",
            "request",
            "observe",
            "planning",
            "check",
            "apply",
        ],
    ),
];

/// The modules of the installer's command line that verbs share. Every other one is a verb, which no module but the
/// parent imports.
pub(crate) const SHARED_BY_VERBS: &[&str] =
    &["cluster", "confirm", "flags", "log", "outcome", "usage", "variables"];
