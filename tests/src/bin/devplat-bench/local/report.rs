//! The table: each measurement beside its goal, with notes on the method.

use std::fmt::Write as _;

use devplat_tests::bare;

use super::{goal::Goal, image::Delivered, life::Life, maker::Maker};

/// A figure of the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) goal: Goal,
    pub(super) measured: f64,
    /// The series of measurements.
    pub(super) from: String,
}

/// Notes on every run.
pub(super) const NOTES: [&str; 5] = [
    "Medians are compared with the goals.",
    "Tests check that `up` with nothing to do, `status` and `plan` write nothing.",
    "The other operator is the same program with some bytes appended; the time includes the assembly of its image.",
    "The large image is 1 GB of random bytes in one layer, and one more layer with the line that changes. `docker push` \
     to the platform's registry and a pull by the node are compared with `k3d image import --mode direct`.",
    "`./quickstart` is not measured here. Run `time ./quickstart` on a new machine of two cores; the goal is at most 20 min.",
];

/// The figures of one maker's clusters.
pub(super) fn lines(maker: Maker, life: &Life) -> Vec<Line> {
    let Life {
        node_image: _,
        create_bare,
        delete_bare,
        up,
        up_again,
        status,
        plan,
        rollout,
        rollout_whole,
        destroy,
        delivered,
    } = life;
    let (name, creation, deletion) = (maker.name(), maker.creation(), maker.deletion());
    let (over_bare, rollout_from) = match maker {
        Maker::K3d => (2.2, "every replica, from the platform's registry"),
        Maker::Kind => (1.9, "every replica, imported into the node"),
    };
    let mut lines = vec![
        Line {
            name: format!("`up --profile {name}` until the proof, over bare `{creation}`"),
            goal: Goal::Ratio(over_bare),
            measured: up.median() / create_bare.median(),
            from: format!("`up` {}; {name} {}", up.describe(), create_bare.describe()),
        },
        Line {
            name: format!("{name}: `up` with another operator program, until it is running"),
            goal: Goal::Seconds(5.0),
            measured: rollout.median(),
            from: format!("{}, {rollout_from}; all of `up` {}", rollout.describe(), rollout_whole.describe()),
        },
    ];
    lines.extend(delivered.iter().flat_map(delivery));
    for (verb, limit, series) in
        [("`up` with nothing to do", 1.0, up_again), ("`status`", 0.5, status), ("`plan`", 0.5, plan)]
    {
        lines.push(Line {
            name: format!("{name}: {verb}"),
            goal: Goal::Seconds(limit),
            measured: series.median(),
            from: series.describe(),
        });
    }
    lines.push(Line {
        name: format!("`destroy` over bare `{deletion}`"),
        goal: Goal::MoreSeconds(1.5),
        measured: destroy.median() - delete_bare.median(),
        from: format!("`destroy` {}; {name} {}", destroy.describe(), delete_bare.describe()),
    });
    lines
}

fn delivery(delivered: &Delivered) -> [Line; 2] {
    let Delivered { by_registry, by_import, first: (first_by_registry, first_by_import) } = delivered;
    let name = "image of 1 GB, one line changed, until the node has it";
    [
        Line {
            name: name.to_owned(),
            goal: Goal::Seconds(1.0),
            measured: by_registry.median(),
            from: format!("{}; the first time, whole, {first_by_registry:.2} s", by_registry.describe()),
        },
        Line {
            name: format!("{name}, over `k3d image import`"),
            goal: Goal::Ratio(0.1),
            measured: by_registry.median() / by_import.median(),
            from: format!("k3d {}; the first time {first_by_import:.2} s", by_import.describe()),
        },
    ]
}

/// A note on the nodes of a maker's clusters, devplat's and bare ones.
pub(super) fn about_nodes(maker: Maker, node_image: &str) -> String {
    let all = format!("Every node of {}, devplat's and bare, is `{node_image}`", maker.name());
    match maker {
        Maker::K3d if bare::is_stand_in(node_image) => format!(
            "{all}: **a stand-in for k3s** (tests/kubernetes/README.md), because no image registry was reachable when it was built. \
            It has no load balancer, so bare clusters are created with `--no-lb`, like devplat's."
        ),
        Maker::K3d => format!("{all}. Bare clusters are created with `--no-lb`, like devplat's."),
        Maker::Kind => format!("{all}."),
    }
}

/// The table and its notes, in Markdown.
pub(super) fn table(lines: &[Line], notes: &[String]) -> String {
    let mut text = "| figure | goal | measured | verdict | from |\n|---|---|---|---|---|\n".to_owned();
    for Line { name, goal, measured, from } in lines {
        let (shown, verdict) = (goal.show(*measured), goal.verdict(*measured));
        let _ = writeln!(text, "| {name} | {goal} | {shown} | {verdict} | {from} |");
    }
    text.push('\n');
    for note in notes {
        let _ = writeln!(text, "- {note}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Series;

    fn life() -> Life {
        let series = |seconds: &[f64]| Series(seconds.to_vec());
        Life {
            node_image: "node:1".to_owned(),
            create_bare: series(&[9.0, 10.0, 30.0]),
            delete_bare: series(&[1.0]),
            up: series(&[20.0, 25.0, 19.0]),
            up_again: series(&[0.9]),
            status: series(&[0.4]),
            plan: series(&[0.6]),
            rollout: series(&[4.0]),
            rollout_whole: series(&[9.0]),
            destroy: series(&[2.5]),
            delivered: None,
        }
    }

    /// Name, value and verdict of each figure.
    fn summary(maker: Maker, life: &Life) -> Vec<String> {
        let figure = |Line { name, goal, measured, from: _ }: &Line| {
            format!("{name}: {}, {}", goal.show(*measured), goal.verdict(*measured))
        };
        lines(maker, life).iter().map(figure).collect()
    }

    #[test]
    fn medians_are_compared_with_those_of_the_peer() {
        assert_eq!(
            summary(Maker::Kind, &life()),
            [
                "`up --profile kind` until the proof, over bare `kind create cluster`: 2.00, missed",
                "kind: `up` with another operator program, until it is running: 4.00 s, met",
                "kind: `up` with nothing to do: 0.90 s, met",
                "kind: `status`: 0.40 s, met",
                "kind: `plan`: 0.60 s, missed",
                "`destroy` over bare `kind delete cluster`: +1.50 s, met",
            ]
        );
        assert!(summary(Maker::K3d, &life())[0].ends_with("over bare `k3d cluster create`: 2.00, met"));
    }

    #[test]
    fn changed_image_has_two_goals() {
        let delivered =
            Delivered { by_registry: Series(vec![0.8]), by_import: Series(vec![7.0]), first: (40.0, 12.0) };
        let all = summary(Maker::K3d, &Life { delivered: Some(delivered), ..life() });
        assert_eq!(
            all[2..4],
            [
                "image of 1 GB, one line changed, until the node has it: 0.80 s, met",
                "image of 1 GB, one line changed, until the node has it, over `k3d image import`: 0.11, missed",
            ]
        );
    }

    #[test]
    fn stand_in_for_k3s_is_named() {
        let note = about_nodes(Maker::K3d, "devplat/k3s-stand-in:v1.34.3");
        assert!(note.contains("`devplat/k3s-stand-in:v1.34.3`: **a stand-in for k3s**"), "{note}");
        let note = about_nodes(Maker::K3d, "docker.io/rancher/k3s:v1.34.3-k3s1");
        assert!(note.contains("rancher/k3s") && !note.contains("stand-in"), "{note}");
    }

    #[test]
    fn every_row_has_its_goal_and_verdict() {
        let line =
            Line { name: "x".to_owned(), goal: Goal::Seconds(1.0), measured: 2.0, from: "n = 1".to_owned() };
        assert_eq!(
            table(&[line], &["a note".to_owned()]),
            "| figure | goal | measured | verdict | from |\n|---|---|---|---|---|\n\
             | x | at most 1 s | 2.00 s | missed | n = 1 |\n\n- a note\n"
        );
    }
}
