//! devplat as its users run it, on a real kind cluster that it makes and destroys itself; and everything that can be
//! wrong with a machine, a profile or a cluster, with what devplat says to it and its exit status.

#[path = "kind/bootstrap.rs"]
mod bootstrap;
#[path = "kind/cache.rs"]
mod cache;
#[path = "kind/developers.rs"]
mod developers;
#[path = "kind/existing.rs"]
mod existing;
#[path = "kind/input.rs"]
mod input;
#[path = "kind/killed.rs"]
mod killed;
#[path = "kind/lane.rs"]
mod lane;
#[path = "kind/life.rs"]
mod life;
#[path = "kind/machine.rs"]
mod machine;
#[path = "kind/readme.rs"]
mod readme;
#[path = "kind/shared.rs"]
mod shared;
#[path = "kind/ssh/mod.rs"]
mod ssh;
#[path = "kind/text.rs"]
mod text;

use std::{process::ExitCode, time::Instant};

use lane::{Lane, Place};
use ssh::{bulk, certificates, clients, laptop, logins, network, openssh, outage, restart};

use libtest_mimic::{Arguments, Trial};

/// A test, as a function that says what it saw when it fails.
type Test = fn() -> anyhow::Result<()>;

/// Names the functions that are tests, in the order in which they run.
macro_rules! tests {
    ($($module:ident::{$($name:ident),* $(,)?})*) => {
        vec![$($((concat!(stringify!($module), "::", stringify!($name)), $module::$name as Test)),*),*]
    };
}

/// All of them, each lane in its order.
fn tests() -> [(Lane, Vec<(&'static str, Test)>); 3] {
    [(Lane::Life, of_the_platform()), (Lane::WayIn, of_the_way_in()), (Lane::Ends, of_the_end())]
}

/// What needs no platform, what makes one, how it stays, and how it goes.
fn of_the_platform() -> Vec<(&'static str, Test)> {
    tests! {
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
        bootstrap::{a_user_who_joins_the_docker_group_goes_on_with_what_was_asked_for}
        cache::{
            two_at_once_make_a_thing_once,
            killed_maker_leaves_nothing_half_made,
        }
        killed::{images_are_put_together_while_the_cluster_starts, killed_at_any_step_the_next_up_converges}
        life::{
            status_names_every_part_and_the_next_line,
            line_to_type_next_works,
            second_server_of_the_same_name_is_refused,
            unknown_flavor_is_a_condition_of_its_server,
            full_disk_is_told_and_leaves_nothing_half_made,
            two_runs_at_once_do_not_meet,
            journal_cut_off_or_gone_changes_nothing,
            events_are_json_a_line,
            bars_are_drawn_on_a_terminal_and_plain_lines_in_a_pipe,
            drift_is_mended,
            stopped_node_is_started_and_homes_are_there,
            user_without_rights_is_told_which_are_missing,
            second_up_writes_nothing,
        }
        killed::{killed_while_it_destroys_the_next_destroy_leaves_nothing}
    }
}

/// Everything over SSH. What needs processors more than patience comes when the other lanes are over.
fn of_the_way_in() -> Vec<(&'static str, Test)> {
    tests! {
        openssh::{
            commands_run_with_status_streams_and_environment,
            terminals_have_modes_and_sizes,
            ports_and_sockets_are_forwarded_both_ways,
            one_connection_carries_many_sessions_and_an_agent,
            jump_goes_end_to_end_with_the_users_own_key,
            devctl_answers_over_ssh,
        }
        clients::{
            files_are_copied_by_scp_sftp_rsync_and_git,
            a_home_is_mounted_by_sshfs,
            paramiko_asyncssh_and_plink_come_in,
            vs_codes_way_in_works,
            ssh_audit_finds_no_failure,
        }
        logins::{
            strangers_learn_nothing,
            random_bytes_in_place_of_a_handshake_harm_nobody,
            a_key_taken_away_ends_sessions_and_logins,
            a_file_that_is_no_key_is_told,
            servers_that_cannot_be_used_say_why,
            a_full_home_keeps_nobody_out,
            half_open_connections_keep_nobody_out,
        }
        network::{
            a_servers_ports_are_out_of_reach_of_other_pods,
            a_pod_reaches_the_api_server_and_the_metadata_address,
        }
        laptop::{
            devctl_on_a_laptop_leads_into_the_dev_server,
            devctl_on_a_laptop_asks_the_api_server_with_a_kubeconfig_of_the_bastions,
        }
        certificates::{certificates_of_the_profiles_authority_let_in_and_wrong_ones_do_not}
        restart::{an_agent_killed_in_its_pod_is_told_and_comes_back}
        developers::{every_section_is_run_or_marked, commands_of_the_page_work}
        outage::{
            a_pod_deleted_under_a_session_ends_it_and_comes_back,
            sessions_outlive_a_drained_replica_and_end_with_a_killed_one_alone,
            open_relays_outlive_the_api_server_and_other_replicas,
        }
        bulk::{
            a_gib_goes_each_way_unharmed_while_other_channels_are_busy,
            short_commands_come_by_the_thousand,
        }
    }
}

/// What takes a platform away in the end, and what is told before anything is made.
fn of_the_end() -> Vec<(&'static str, Test)> {
    tests! {
        readme::{commands_of_the_readme_work}
        existing::{
            platform_comes_into_a_cluster_of_somebody_else_and_goes_without_a_trace,
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
            cluster_of_somebody_else_is_left_alone,
        }
        killed::{
            killed_while_it_is_made_the_next_destroy_leaves_nothing,
            interrupted_up_says_how_to_go_on_and_destroy_takes_it_away,
        }
    }
}

#[expect(clippy::print_stderr, reason = "libtest-mimic prints as well, and has no place for this")]
fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let mut trials = Vec::new();
    let mut ways_in = 0;
    for (lane, tests) in tests() {
        let mut before = 0;
        for (name, test) in tests {
            // The longest lane first; what it puts together for its platform is used by others after it.
            let after = (lane == Lane::Ends).then_some((Lane::WayIn, ways_in.min(1)));
            let place = Place { lane, before, after };
            let trial = Trial::test(name, move || {
                place.run(|| {
                    let begun = Instant::now();
                    let outcome = test().map_err(|error| format!("{error:#}").into());
                    // All of them are to take minutes: who looks for some sees where they went.
                    eprintln!("{name}: {:.1} s", begun.elapsed().as_secs_f64());
                    outcome
                })
            });
            // Nobody waits for one that is left out.
            before += usize::from(!arguments.is_filtered_out(&trial));
            trials.push(trial);
        }
        if lane == Lane::WayIn {
            ways_in = before;
        }
    }
    // Each has a thread to wait in for its turn.
    arguments.test_threads = Some(trials.len());
    let conclusion = libtest_mimic::run(&arguments, trials);
    match (shared::clear_up(), conclusion.has_failed()) {
        (Ok(()), false) => ExitCode::SUCCESS,
        (Ok(()), true) => ExitCode::from(101),
        (Err(error), _) => {
            eprintln!("cannot clear up: {error:#}");
            ExitCode::from(101)
        }
    }
}
