//! Events and errors as lines of text.

use std::fmt::Write as _;

use owo_colors::OwoColorize;

use super::Event;

/// An event as one or more plain lines; nothing where a person needs no word of it.
pub(super) fn plain(event: &Event) -> Option<String> {
    Some(match event {
        Event::Planned { changes: 0, .. } => "nothing to change".to_owned(),
        Event::Planned { changes, usual_seconds } => {
            format!("{changes} to do, usually {}", duration(*usual_seconds))
        }
        Event::Begun { step, action, usual_seconds } => {
            format!("{action} {step} (usually {})", duration(*usual_seconds))
        }
        Event::Waiting { step, what } => format!("{step}: {what}"),
        Event::Done { step, action, seconds } => format!("{step}: {action} done in {}", duration(*seconds)),
        Event::Failed { step, why } => format!("{step}: failed: {why}"),
        Event::Stopping { running } if running.is_empty() => "stopping".to_owned(),
        Event::Stopping { running } => {
            format!("stopping: finishing {} first; Ctrl-C again to abandon", running.join(", "))
        }
        Event::Ready { name, next, seconds, changed } => {
            let how = if *changed { "in" } else { "unchanged, checked in" };
            format!("ready: platform {name} ({how} {})\n\nnext:\n  {next}", duration(*seconds))
        }
        Event::Destroyed { name, seconds } => {
            format!("destroyed: nothing of platform {name} is left ({})", duration(*seconds))
        }
        Event::Error { .. } => return None,
    })
}

/// A time as people say it.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:.0} s", (seconds / 60.0).floor(), seconds % 60.0)
    }
}

/// A number of bytes as people say it.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000.. => format!("{} MB", (bytes + 500_000) / 1_000_000),
    }
}

/// The chain of an error, then its hints.
pub(super) fn error(message: &str, causes: &[String], hints: &[String], colours: bool) -> String {
    let (error, hint) = if colours {
        ("error:".red().bold().to_string(), "hint:".cyan().bold().to_string())
    } else {
        ("error:".to_owned(), "hint:".to_owned())
    };
    let mut text = format!("{error} {message}");
    for cause in causes {
        let _ = write!(text, "\n  because: {}", cause.replace('\n', "\n    "));
    }
    for line in hints {
        let _ = write!(text, "\n{hint} {line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_shows_its_chain_and_then_its_hints() {
        insta::assert_snapshot!(
            error(
                "cannot create cluster devplat",
                &["kind create cluster: exit status: 1: no space\nleft".to_owned()],
                &["free some space, then run `devplat up` again".to_owned()],
                false
            ),
            @r"
        error: cannot create cluster devplat
          because: kind create cluster: exit status: 1: no space
            left
        hint: free some space, then run `devplat up` again
        "
        );
    }

    #[test]
    fn times_are_said_as_people_do() {
        assert_eq!(duration(3.04), "3.0 s");
        assert_eq!(duration(75.2), "1 min 15 s");
    }

    #[test]
    fn sizes_are_said_as_people_do() {
        for (bytes, said) in
            [(0, "0 kB"), (12, "1 kB"), (999_999, "1000 kB"), (1_000_000, "1 MB"), (59_600_000, "60 MB")]
        {
            assert_eq!(size(bytes), said);
        }
    }
}
