//! devplat as its users run it, on a real kind cluster that it makes and destroys itself; and everything that can be
//! wrong with a machine, a profile or a cluster, with what devplat says to it and its exit status.

#[path = "kind/cache.rs"]
mod cache;
#[path = "kind/existing.rs"]
mod existing;
#[path = "kind/input.rs"]
mod input;
#[path = "kind/killed.rs"]
mod killed;
#[path = "kind/life.rs"]
mod life;
#[path = "kind/machine.rs"]
mod machine;
#[path = "kind/readme.rs"]
mod readme;
#[path = "kind/shared.rs"]
mod shared;
#[path = "kind/text.rs"]
mod text;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// A test, as a function that says what it saw when it fails.
type Test = fn() -> anyhow::Result<()>;

/// Names the functions that are tests, in the order in which they run.
macro_rules! tests {
    ($($module:ident::{$($name:ident),* $(,)?})*) => {
        vec![$($((concat!(stringify!($module), "::", stringify!($name)), $module::$name as Test)),*),*]
    };
}

#[expect(clippy::print_stderr, reason = "libtest-mimic prints as well, and has no place for this")]
fn main() -> ExitCode {
    let tests: Vec<(&str, Test)> = tests! {
        text::{
            help_of_every_verb_is_as_reviewed,
            completions_are_made_for_every_shell,
            shipped_profiles_are_listed_and_shown_with_origins,
            schema_is_the_one_that_is_checked_in,
            manifests_are_rendered_to_a_folder,
        }
        input::{
            five_mistakes_of_a_profile_are_told_at_once,
            unknown_variable_of_an_overridden_template_is_told,
            unknown_default_flavor_is_told,
            name_that_is_no_dns_label_is_told,
            quantity_that_does_not_parse_is_told,
            unknown_profile_is_told_with_the_nearest,
            journal_of_a_newer_version_is_left_alone,
            journal_damaged_in_the_middle_is_told_with_its_line,
            journal_that_cannot_be_read_is_told,
            destroy_asks_before_it_deletes,
        }
        machine::{
            absent_docker_is_told,
            stopped_docker_is_told,
            docker_without_permission_is_told,
            absent_kind_is_told,
            taken_port_is_told_before_anything_is_made,
            doctor_names_what_is_missing,
            context_that_is_not_there_is_told,
            context_that_does_not_answer_is_told,
            context_of_an_unsupported_version_is_told,
            current_cluster_is_recognised_and_left_alone,
        }
        cache::{
            two_at_once_make_a_thing_once,
            killed_maker_leaves_nothing_half_made,
        }
        killed::{killed_at_any_step_the_next_up_converges}
        life::{
            second_up_writes_nothing,
            status_names_every_part_and_the_next_line,
            line_to_type_next_works,
            second_server_of_the_same_name_is_refused,
            unknown_flavor_is_a_condition_of_its_server,
            full_disk_is_told_and_leaves_nothing_half_made,
            two_runs_at_once_do_not_meet,
            journal_cut_off_or_gone_changes_nothing,
            events_are_json_a_line,
            drift_is_mended,
            stopped_node_is_started_and_homes_are_there,
            user_without_rights_is_told_which_are_missing,
        }
        machine::{cluster_of_somebody_else_is_left_alone}
        killed::{killed_while_it_destroys_the_next_destroy_leaves_nothing}
        readme::{commands_of_the_readme_work}
        killed::{interrupted_up_says_how_to_go_on_and_destroy_takes_it_away}
        existing::{
            platform_comes_into_a_cluster_of_somebody_else_and_goes_without_a_trace,
        }
    };
    let trials = tests
        .into_iter()
        .map(|(name, test)| Trial::test(name, move || test().map_err(|error| format!("{error:#}").into())));
    let mut arguments = Arguments::from_args();
    // They share a cluster, two cores and an order.
    arguments.test_threads = Some(1);
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    match (shared::clear_up(), conclusion.has_failed()) {
        (Ok(()), false) => ExitCode::SUCCESS,
        (Ok(()), true) => ExitCode::from(101),
        (Err(error), _) => {
            eprintln!("cannot clear up: {error:#}");
            ExitCode::from(101)
        }
    }
}
