//! devplat as its users run it, on real kind and k3d clusters that it creates and destroys itself; and faults of a
//! machine, a profile or a cluster, with devplat's messages and exit status.

#[path = "kind/bootstrap.rs"]
mod bootstrap;
#[path = "kind/cache.rs"]
mod cache;
#[path = "kind/developers.rs"]
mod developers;
#[path = "kind/engine.rs"]
mod engine;
#[path = "kind/existing.rs"]
mod existing;
#[path = "kind/expiry.rs"]
mod expiry;
#[path = "kind/failed.rs"]
mod failed;
#[path = "kind/halfway.rs"]
mod halfway;
#[path = "kind/input.rs"]
mod input;
#[path = "kind/k3d.rs"]
mod k3d;
#[path = "kind/keys.rs"]
mod keys;
#[path = "kind/killed.rs"]
mod killed;
#[path = "kind/lane.rs"]
mod lane;
#[path = "kind/life.rs"]
mod life;
#[path = "kind/machine.rs"]
mod machine;
#[path = "kind/nodes.rs"]
mod nodes;
#[path = "kind/readme.rs"]
mod readme;
#[path = "kind/registry.rs"]
mod registry;
#[path = "kind/restarts.rs"]
mod restarts;
#[path = "kind/shared.rs"]
mod shared;
#[path = "kind/shell.rs"]
mod shell;
#[path = "kind/silence.rs"]
mod silence;
#[path = "kind/ssh/mod.rs"]
mod ssh;
#[path = "kind/steps.rs"]
mod steps;
#[path = "kind/text.rs"]
mod text;
#[path = "kind/traces.rs"]
mod traces;
#[path = "kind/trouble.rs"]
mod trouble;

use std::{
    process::ExitCode,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use lane::{Lane, Place};
use ssh::{bulk, certificates, clients, laptop, logins, network, openssh, outage, restart};

use libtest_mimic::{Arguments, Trial};

/// A test: a function whose error describes what it saw.
type Test = fn() -> anyhow::Result<()>;

/// Lists the test functions in the order in which they run.
macro_rules! tests {
    ($($module:ident::{$($name:ident),* $(,)?})*) => {
        vec![$($((concat!(stringify!($module), "::", stringify!($name)), $module::$name as Test)),*),*]
    };
}

/// Returns all tests, each lane in its order.
fn tests() -> [(Lane, Vec<(&'static str, Test)>); 3] {
    [(Lane::Life, of_the_platform()), (Lane::WayIn, of_the_way_in()), (Lane::Ends, of_the_end())]
}

/// The tests without a platform, then those that create, use and destroy one.
fn of_the_platform() -> Vec<(&'static str, Test)> {
    tests! {
        text::{
            help_of_every_verb_is_as_reviewed,
            completions_are_printed_for_every_shell,
            shipped_profiles_are_listed_and_shown_with_origins,
            schema_in_the_repository_is_current,
            manifests_are_rendered_to_a_folder,
        }
        input::{
            five_mistakes_of_a_profile_are_reported_together,
            unknown_variable_of_an_overridden_template_is_reported,
            unknown_default_flavor_is_reported,
            name_that_is_not_a_dns_label_is_rejected,
            malformed_quantity_is_reported,
            unknown_profile_is_reported_with_the_nearest,
            journal_of_a_newer_version_is_not_changed,
            damaged_journal_is_reported_with_its_line,
            unreadable_journal_is_reported,
            destroy_asks_before_it_deletes,
        }
        bootstrap::{script_continues_after_the_user_joins_the_docker_group}
        cache::{
            concurrent_runs_make_an_entry_once,
            killed_maker_leaves_no_partial_entry,
        }
        killed::{images_are_assembled_while_the_cluster_starts, up_converges_after_a_kill_in_any_step}
        trouble::{k3d_platform_beside_a_kind_platform_survives_its_troubles}
        life::{
            status_lists_every_part_and_the_next_line,
            next_command_line_works,
            second_server_of_the_same_name_is_rejected,
            unknown_flavor_is_a_condition_of_its_server,
            full_disk_is_reported_and_leaves_no_partial_file,
            concurrent_run_is_rejected,
        }
        silence::{truncated_or_lost_journal_changes_nothing}
        life::{
            events_are_json_lines,
            bars_are_drawn_on_a_terminal_and_plain_lines_in_a_pipe,
            drift_is_repaired,
            namespaces_that_are_being_deleted_are_created_again,
            key_of_a_dropped_user_is_deleted,
            stopped_node_is_started_and_homes_are_kept,
            expired_certificate_is_fetched_again,
            missing_rights_are_listed,
        }
        keys::{lost_or_damaged_keys_are_restored}
        shell::{
            variables_of_the_shell_have_no_effect,
            read_only_verbs_change_no_file_of_the_user,
            platform_of_another_engine_or_account_is_not_changed,
            state_folder_may_have_any_name,
        }
        engine::{engine_meets_devplats_assumptions}
        silence::{read_only_verbs_write_nothing_in_the_cluster, second_up_writes_nothing}
        killed::{destroy_finishes_after_a_kill_in_destroy}
    }
}

/// The tests over SSH. Those that need the processors run last, when the other lanes have ended.
fn of_the_way_in() -> Vec<(&'static str, Test)> {
    tests! {
        openssh::{
            commands_run_with_status_streams_and_environment,
            terminals_have_modes_and_sizes,
            ports_and_sockets_are_forwarded_both_ways,
            one_connection_has_many_sessions_and_an_agent,
            jump_is_end_to_end_encrypted_with_the_users_own_key,
            devctl_answers_over_ssh,
        }
        clients::{
            files_are_copied_by_scp_sftp_rsync_and_git,
            home_is_mounted_by_sshfs,
            paramiko_asyncssh_and_plink_sign_in,
            connections_of_vs_code_work,
            ssh_audit_finds_no_failure,
        }
        logins::{
            strangers_learn_nothing,
            random_bytes_in_place_of_a_handshake_do_no_harm,
            removed_key_ends_sessions_and_logins,
            file_that_is_not_a_key_is_rejected,
            unusable_servers_report_the_reason,
            full_home_does_not_block_logins,
            half_open_connections_do_not_block_logins,
        }
        network::{
            other_pods_cannot_reach_a_servers_ports,
            pod_reaches_the_api_server_and_the_metadata_address,
        }
        laptop::{
            devctl_on_a_laptop_connects_to_the_dev_server,
            devctl_on_a_laptop_uses_the_bastions_kubeconfig,
        }
        certificates::{only_valid_certificates_of_the_profiles_authority_are_accepted}
        restart::{killed_agent_is_reported_and_comes_back}
        developers::{every_section_is_run_or_marked, commands_of_the_page_work}
        outage::{
            deleted_pod_ends_its_session_and_comes_back,
            sessions_outlive_a_drained_replica_but_not_a_killed_one,
            open_relays_outlive_the_api_server_and_other_replicas,
        }
        bulk::{
            gib_each_way_is_intact_beside_busy_channels,
            thousands_of_short_commands_work,
        }
    }
}

/// The tests that end without a platform, and those of failures before the first step.
fn of_the_end() -> Vec<(&'static str, Test)> {
    tests! {
        readme::{commands_of_the_readme_work}
        existing::{
            platform_in_an_existing_cluster_is_removed_without_a_trace,
        }
        k3d::{
            commands_of_the_readme_work_and_leave_no_trace,
            destroy_leaves_nothing_after_a_kill_in_up,
            up_and_destroy_converge_after_a_kill_in_any_step,
        }
        trouble::{
            absent_k3d_is_reported_before_the_first_step,
            foreign_k3d_cluster_gets_images_and_is_not_changed,
        }
        machine::{
            absent_docker_is_reported,
            stopped_docker_is_reported,
            docker_without_permission_is_reported,
            absent_kind_is_reported,
            taken_port_is_reported_before_the_first_step,
            doctor_lists_missing_programs,
            absent_context_is_reported,
            context_without_an_answer_is_reported,
            context_of_an_unsupported_version_is_reported,
            current_cluster_is_recognised_and_not_changed,
            foreign_cluster_is_not_changed,
        }
        killed::{
            destroy_leaves_nothing_after_a_kill_in_up,
            interrupted_up_can_be_continued_or_destroyed,
        }
        halfway::{
            kind_platform_converges_after_kills_in_the_first_second,
            k3d_platform_converges_after_kills_in_the_first_second,
        }
        failed::{log_of_an_ended_node_is_quoted_before_its_deletion}
        nodes::{cluster_has_the_nodes_of_the_users_file_and_of_the_profile}
        restarts::{
            engine_restart_during_up_is_reported_and_up_converges,
            k3d_servers_restart_in_another_order,
        }
    }
}

/// The name of each failed test with the last lines of its message.
static FAILURES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps the last lines of a failure, for the short list at the end of the run.
fn keep(name: &str, message: &str) {
    const LINES: usize = 12;
    const COLUMNS: usize = 200;
    let mut last: Vec<String> = message
        .lines()
        .rev()
        .filter(|line| !line.trim().is_empty())
        .take(LINES)
        .map(|line| line.chars().take(COLUMNS).collect())
        .collect();
    last.push(format!("==== {name} ===="));
    last.reverse();
    FAILURES.lock().unwrap_or_else(PoisonError::into_inner).push(last.join("\n"));
}

#[expect(clippy::print_stderr, reason = "libtest-mimic prints as well, and has no place for this")]
fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let mut trials = Vec::new();
    let mut ways_in = 0;
    for (lane, tests) in tests() {
        let mut before = 0;
        for (name, test) in tests {
            // The longest lane first, because later tests use the images that it assembles.
            let after = (lane == Lane::Ends).then_some((Lane::WayIn, ways_in.min(1)));
            let place = Place { lane, before, after };
            let trial = Trial::test(name, move || {
                place.run(|| {
                    let begun = Instant::now();
                    let outcome = test().map_err(|error| {
                        let message = format!("{error:#}");
                        keep(name, &message);
                        message.into()
                    });
                    // The suite takes minutes; this shows which tests need them.
                    eprintln!("{name}: {:.1} s", begun.elapsed().as_secs_f64());
                    outcome
                })
            });
            // A filtered test does not run, so no test must wait for it.
            before += usize::from(!arguments.is_filtered_out(&trial));
            trials.push(trial);
        }
        if lane == Lane::WayIn {
            ways_in = before;
        }
    }
    // Each test has its own thread, in which it waits for its turn.
    arguments.test_threads = Some(trials.len());
    let conclusion = libtest_mimic::run(&arguments, trials);
    let cleared = shared::clear_up();
    for failure in FAILURES.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        eprintln!("{failure}");
    }
    match (cleared, conclusion.has_failed()) {
        (Ok(()), false) => ExitCode::SUCCESS,
        (Ok(()), true) => ExitCode::from(101),
        (Err(error), _) => {
            eprintln!("cannot clear up: {error:#}");
            ExitCode::from(101)
        }
    }
}
