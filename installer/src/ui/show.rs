//! Formats events, errors and verdicts as lines of text.

use std::fmt::Write as _;

use devplat_plan::Verdict;
use jiff::{
    SignedDuration,
    fmt::friendly::{Designator, Spacing, SpanPrinter},
};
use owo_colors::OwoColorize;

use super::Event;

/// Returns an event as one or more plain lines; `None` for events that are shown in another way.
pub(super) fn plain(event: &Event) -> Option<String> {
    Some(match event {
        Event::Planned { changes: 0, .. } => "nothing to change".to_owned(),
        Event::Planned { changes: 1, usual_seconds } => format!("1 step, {}", estimate(*usual_seconds)),
        Event::Planned { changes, usual_seconds } => format!("{changes} steps, {}", estimate(*usual_seconds)),
        Event::Begun { step, action, usual_seconds } => {
            format!("{action} {step} ({})", estimate(*usual_seconds))
        }
        Event::Waiting { step, what, detail: false } => format!("{step}: {what}"),
        Event::Done { step, action, seconds } => format!("{step}: {action} done in {}", duration(*seconds)),
        Event::Failed { step, why } => format!("{step}: failed: {why}"),
        Event::Stopping { running, limit_seconds: _ } if running.is_empty() => "stopping".to_owned(),
        Event::Stopping { running, limit_seconds } => {
            let finished = match limit_seconds {
                None => "are finished".to_owned(),
                Some(seconds) => format!("have at most {seconds} s more"),
            };
            let steps = running.join(", ");
            format!(
                "stopping {steps}: waits end now, calls that were made {finished}; Ctrl-C again to abandon them"
            )
        }
        Event::Ready { name, next, seconds, changed } => {
            let how = if *changed { "in" } else { "unchanged, checked in" };
            format!("ready: platform {name} ({how} {})\n\nnext:\n  {next}", duration(*seconds))
        }
        Event::Destroyed { name, deleted, kept, images, seconds } => {
            let (what, time) = (deleted.join(", "), duration(*seconds));
            let done = format!("destroyed: {what} of platform {name}");
            match (kept, images) {
                (None, None) => format!("{done}; nothing is left ({time})"),
                (None, Some(images)) => format!("{done}; nothing is left but {images} ({time})"),
                (Some(kept), None) => format!("{done} ({time}); kept: {kept}"),
                (Some(kept), Some(images)) => format!("{done} ({time}); kept: {kept}; also {images}"),
            }
        }
        Event::Listening { name, address } => {
            format!("{address} leads to the bastion of platform {name}; Ctrl-C ends it")
        }
        // With -v details are printed as well.
        Event::Waiting { detail: true, .. } | Event::Error { .. } => return None,
    })
}

/// Formats a duration: tenths of seconds below a minute, then minutes and seconds.
pub fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = SignedDuration::try_from_secs_f64(seconds.round()).unwrap_or(SignedDuration::MAX);
    let printer = SpanPrinter::new().designator(Designator::Compact).spacing(Spacing::BetweenUnits);
    printer.duration_to_string(&whole).replace('m', " min").replace('s', " s").replace('h', " h")
}

/// Formats the estimate of a duration, without the tenths of seconds that it cannot know.
pub fn estimate(seconds: f64) -> String {
    let whole = seconds.round();
    if seconds < 1.0 {
        "under 1 s".to_owned()
    } else if whole < 60.0 {
        format!("about {whole} s")
    } else {
        format!("about {}", duration(whole))
    }
}

/// Formats a verdict.
pub fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Same => "as wanted".to_owned(),
        Verdict::Differs(changes) => changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        Verdict::Unfit(why) => why.join("; "),
        Verdict::Unknown(why) => why.clone(),
    }
}

/// Formats the chain of an error, then its hints.
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
    fn durations_are_in_seconds_or_minutes() {
        assert_eq!(duration(3.04), "3.0 s");
        assert_eq!(duration(75.2), "1 min 15 s");
        assert_eq!(duration(3600.0), "1 h");
    }

    #[test]
    fn estimate_is_in_whole_seconds_and_never_zero() {
        for (seconds, text) in [
            (0.0, "under 1 s"),
            (0.9, "under 1 s"),
            (1.0, "about 1 s"),
            (25.4, "about 25 s"),
            (59.9, "about 1 min"),
            (77.0, "about 1 min 17 s"),
        ] {
            assert_eq!(estimate(seconds), text);
        }
    }

    #[test]
    fn end_of_destroy_names_everything_that_stays() {
        let line = |kept: Option<&str>, images: Option<&str>| {
            let (kept, images) = (kept.map(str::to_owned), images.map(str::to_owned));
            let deleted = vec!["release operator".to_owned()];
            let event = Event::Destroyed { name: "a".to_owned(), deleted, kept, images, seconds: 2.0 };
            plain(&event).unwrap().split_once("platform a").unwrap().1.to_owned()
        };
        let (home, images) = (Some("1 home (dev-b/c)"), Some("the images in the nodes"));
        assert_eq!(line(None, None), "; nothing is left (2.0 s)");
        assert_eq!(line(None, images), "; nothing is left but the images in the nodes (2.0 s)");
        assert_eq!(line(home, None), " (2.0 s); kept: 1 home (dev-b/c)");
        assert_eq!(line(home, images), " (2.0 s); kept: 1 home (dev-b/c); also the images in the nodes");
    }

    #[test]
    fn stop_does_not_promise_that_steps_are_finished() {
        let line = |running: &[&str]| {
            let running = running.iter().map(|step| (*step).to_owned()).collect();
            plain(&Event::Stopping { running, limit_seconds: None }).unwrap()
        };
        let of_proof = "stopping create proof: waits end now, calls that were made are finished; Ctrl-C again to \
                        abandon them";
        assert_eq!(line(&["create proof"]), of_proof);
        assert_eq!(line(&[]), "stopping");
        let limited = Event::Stopping { running: vec!["delete server".to_owned()], limit_seconds: Some(5.0) };
        let line = plain(&limited).unwrap();
        assert!(line.contains("have at most 5 s more; Ctrl-C again"), "{line}");
    }

    #[test]
    fn forwarded_port_is_shown_with_its_platform() {
        let event = Event::Listening { name: "work".to_owned(), address: ([127, 0, 0, 1], 22985).into() };
        let line = "127.0.0.1:22985 leads to the bastion of platform work; Ctrl-C ends it";
        assert_eq!(plain(&event).as_deref(), Some(line));
    }

    #[test]
    fn line_for_a_pipe_has_the_whole_reason_and_no_details() {
        let what = format!("waiting for Deployment a/b: {}", "image pull ".repeat(20));
        let line = |detail| {
            plain(&Event::Waiting { step: "release bastion".to_owned(), what: what.clone(), detail })
        };
        assert_eq!(line(false), Some(format!("release bastion: {what}")));
        assert_eq!(line(true), None);
    }
}
