//! The permitted imports of each folder.

/// Folders that [`FOLDERS`] or the list of crates names and that do not exist yet. A test fails once one exists: remove
/// it here then, and its rules hold.
pub(crate) const NOT_YET: &[&str] = &[];

/// A rule for a folder.
pub(crate) struct Folder {
    /// The folder in the workspace.
    pub(crate) place: &'static str,
    /// Files in it that the rule leaves out.
    pub(crate) except: &'static [&'static str],
    /// Paths that may not be imported. `std::fs` forbids everything in it, and `Instant::now` the same path with
    /// any beginning.
    pub(crate) never: &'static [&'static [&'static str]],
    pub(crate) reason: &'static str,
}

const FILES: &[&str] = &["std::fs", "std::os", "tempfile", "tokio::fs"];
const SURROUNDINGS: &[&str] = &["std::env", "std::process", "tokio::process", "std::thread"];
const PROCESSES: &[&str] = &["std::process", "tokio::process", "std::thread"];
const VARIABLES: &[&str] = &["std::env::var", "std::env::var_os", "std::env::vars", "std::env::vars_os"];
const CLOCK: &[&str] = &["Instant::now", "SystemTime", "Timestamp::now", "Zoned::now", "tokio::time::sleep"];
const NETWORK: &[&str] =
    &["std::net::TcpStream", "std::net::TcpListener", "std::net::UdpSocket", "tokio::net"];
const KUBERNETES: &[&str] = &["kube::Client", "kube::Api", "kube::client", "kube::api::Api", "kube::runtime"];
const SSH: &[&str] = &["russh"];
const OUTPUT: &[&str] = &["std::io::stdout", "std::io::stderr", "println", "print", "dbg"];

/// The rules. A path is listed at most once per folder and every folder below it.
pub(crate) const FOLDERS: &[Folder] = &[
    Folder {
        place: "installer/plan/src",
        except: &[],
        never: &[
            FILES,
            SURROUNDINGS,
            CLOCK,
            NETWORK,
            &["std::io", "std::time::Instant", "kube", "k8s_openapi", "tokio", "jiff"],
            OUTPUT,
        ],
        reason: "the same input gives the same plan on any machine",
    },
    Folder {
        place: "installer/profile/src",
        except: &[],
        never: &[FILES, SURROUNDINGS, CLOCK, NETWORK, &["kube", "tokio"], OUTPUT],
        reason: "a profile is read from texts that the caller brings",
    },
    Folder {
        place: "installer/render/src",
        except: &[],
        never: &[FILES, SURROUNDINGS, CLOCK, NETWORK, KUBERNETES, &["tokio"], OUTPUT],
        reason: "manifests depend on profile, images and templates alone",
    },
    Folder {
        place: "installer/image/src",
        except: &[],
        never: &[SURROUNDINGS, NETWORK, &["kube", "tokio"], OUTPUT],
        reason: "an image depends on its input alone, byte for byte",
    },
    Folder {
        place: "installer/aws/src",
        except: &[],
        never: &[VARIABLES, PROCESSES, OUTPUT, &["Timestamp::now", "SystemTime::now", "kube"]],
        reason: "the caller passes variables and clock in, and prints",
    },
    Folder {
        place: "installer/tool/src",
        except: &[],
        never: &[OUTPUT, &["kube"]],
        reason: "tools answer in types; the caller decides and prints",
    },
    Folder {
        place: "installer/src",
        except: &["ui"],
        never: &[OUTPUT],
        reason: "ui is the one place that prints",
    },
    Folder {
        place: "installer/src",
        except: &["host.rs"],
        never: &[VARIABLES, &["Timestamp::now", "SystemTime::now"]],
        reason: "variables and clock come from `Host`, so that a test can choose them",
    },
    Folder {
        place: "installer/src",
        except: &["request"],
        never: &[
            &["Engine::connect", "Endpoint::of", "devplat_profile::load"],
            &["devplat_kubernetes::kubeconfig::load", "devplat_kubernetes::connect::kubeconfig::load"],
        ],
        reason: "`request` alone loads the profile and connects, so that a run decides once",
    },
    Folder {
        place: "installer/src/resource",
        except: &[],
        never: &[&["crate::cli"]],
        reason: "verbs use resources, not the other way round",
    },
    Folder {
        place: "installer/src/ui",
        except: &[],
        never: &[&["crate::cli", "crate::resource", "crate::apply"], KUBERNETES],
        reason: "ui shows events and knows none of their sources",
    },
    Folder {
        place: "installer/kubernetes/src",
        except: &[],
        never: &[SURROUNDINGS, FILES, OUTPUT, &["Timestamp::now", "SystemTime::now"]],
        reason: "only the crate that connects reads files, and the caller passes the clock in",
    },
    Folder {
        place: "connect/src",
        except: &[],
        never: &[VARIABLES, PROCESSES, OUTPUT, &["Timestamp::now", "SystemTime::now"]],
        reason: "the caller passes variables, clock and plugins in",
    },
    Folder {
        place: "tests/fake-aws/src",
        except: &["http_server.rs", "main.rs", "tests"],
        never: &[FILES, SURROUNDINGS, CLOCK, NETWORK, &["kube", "tokio"], OUTPUT],
        reason: "the same calls at the same times give the same answers",
    },
    Folder {
        place: "operator/api/src",
        except: &[],
        never: &[FILES, SURROUNDINGS, CLOCK, NETWORK, KUBERNETES, &["tokio"], OUTPUT],
        reason: "the API is types and names",
    },
    Folder {
        place: "operator/src/observed",
        except: &[],
        never: &[FILES, SURROUNDINGS, CLOCK, NETWORK, KUBERNETES, &["tokio"], OUTPUT],
        reason: "an observed object is reduced to facts, without a client",
    },
    Folder {
        place: "operator/src/server",
        except: &["reconcile", "reconcile.rs"],
        never: &[FILES, SURROUNDINGS, CLOCK, NETWORK, KUBERNETES, &["tokio"], OUTPUT],
        reason: "decisions are pure; reconcile fetches and applies",
    },
    Folder {
        place: "operator/src/user",
        except: &["reconcile.rs"],
        never: &[FILES, SURROUNDINGS, CLOCK, NETWORK, KUBERNETES, &["tokio"], OUTPUT],
        reason: "decisions are pure; reconcile.rs fetches and applies",
    },
    Folder {
        place: "operator/src/flavor",
        except: &["reconcile.rs"],
        never: &[FILES, SURROUNDINGS, CLOCK, NETWORK, KUBERNETES, &["tokio"], OUTPUT],
        reason: "decisions are pure; reconcile.rs fetches and applies",
    },
    Folder {
        place: "operator/src/lease",
        except: &["mod.rs"],
        // `tokio::time::Instant` is a value here; only the caller asks for the time.
        never: &[FILES, SURROUNDINGS, CLOCK, NETWORK, KUBERNETES, OUTPUT],
        reason: "the decision about the Lease is pure; mod.rs reads and writes it",
    },
    Folder {
        place: "bastion/keys/src",
        except: &[],
        never: &[FILES, SURROUNDINGS, CLOCK, NETWORK, SSH, &["kube", "tokio"], OUTPUT],
        reason: "certificates are checked without a clock, a file or an SSH library",
    },
    Folder {
        place: "bastion/src/policy",
        except: &[],
        never: &[FILES, SURROUNDINGS, CLOCK, NETWORK, SSH, KUBERNETES, &["tokio", "rustix"], OUTPUT],
        reason: "policies decide from facts that the caller brings",
    },
    Folder {
        place: "bastion/src/directory",
        except: &["watch.rs"],
        // The directory reports changes to waiting sessions through a channel of tokio's.
        never: &[
            FILES,
            SURROUNDINGS,
            CLOCK,
            NETWORK,
            SSH,
            KUBERNETES,
            &["tokio::io", "tokio::spawn", "tokio::task", "tokio::time"],
            OUTPUT,
        ],
        reason: "facts are read from objects; only watch.rs has a client",
    },
    Folder {
        place: "bastion/transport/src",
        except: &[],
        never: &[FILES, SURROUNDINGS, &["kube"], OUTPUT],
        reason: "both ends set SSH up from constants",
    },
    Folder {
        place: "bastion/agent/src",
        except: &["ssh", "terminal.rs"],
        never: &[SSH, &["devplat_transport"]],
        reason: "the processes of a pod need no SSH",
    },
    Folder {
        place: "bastion/agent/src",
        except: &["leader.rs", "log.rs"],
        never: &[OUTPUT],
        reason: "log.rs writes the log, and leader.rs the addresses that its parent reads",
    },
    Folder {
        place: "cli/src",
        except: &["terminal"],
        never: &[OUTPUT],
        reason: "terminal is the one place that prints",
    },
    Folder {
        place: "cli/src",
        except: &["cluster"],
        never: &[KUBERNETES],
        reason: "cluster alone calls the API server",
    },
    Folder {
        place: "cli/src",
        except: &["process", "process.rs"],
        never: &[&["tokio::process", "std::process::Command"]],
        reason: "process alone starts programs",
    },
    Folder {
        place: "cli/src/object",
        except: &[],
        never: &[FILES, &["std::env"], CLOCK, NETWORK, &["tokio"]],
        reason: "objects are made and read without a client",
    },
    Folder {
        place: "cli/src/view",
        except: &[],
        never: &[FILES, &["std::env"], CLOCK, NETWORK, &["tokio"]],
        reason: "the shown text depends on the objects and the time that the caller passes in",
    },
    Folder {
        place: "tests/src",
        except: &["bin"],
        never: &[OUTPUT, &["devctl"]],
        reason: "fixtures return what they see; tests and the benchmark report it",
    },
    Folder {
        place: "tests/src",
        except: &["bin", "control_plane"],
        never: &[&["kube"]],
        reason: "control_plane alone has a client; the other fixtures call kubectl, as users do",
    },
];

impl Folder {
    /// Whether the rule holds for `file`.
    pub(crate) fn holds(&self, file: &str) -> bool {
        let Some(rest) = file.strip_prefix(self.place) else { return false };
        let inside = rest.is_empty() || rest.starts_with('/');
        let rest = rest.trim_start_matches('/');
        inside
            && !self.except.iter().any(|out| {
                rest.strip_prefix(out).is_some_and(|after| after.is_empty() || after.starts_with('/'))
            })
    }

    /// The pattern that forbids `path`.
    pub(crate) fn forbids(&self, path: &[String]) -> Option<&'static str> {
        self.never.iter().flat_map(|group| group.iter()).copied().find(|pattern| {
            let parts: Vec<&str> = pattern.split("::").collect();
            // A pattern in lower case is the beginning of a path; one that begins with a type is any part of it.
            let anywhere = parts[0].starts_with(char::is_uppercase);
            path.windows(parts.len())
                .take(if anywhere { usize::MAX } else { 1 })
                .any(|window| window.iter().zip(&parts).all(|(segment, part)| segment == part))
        })
    }
}

/// The member of the workspace that `folder` belongs to.
pub(crate) fn member_of(folder: &str) -> &str {
    folder.split_once("/src").map_or(folder, |(member, _)| member)
}
