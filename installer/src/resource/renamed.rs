//! Containers of the platform that a user has renamed. Their hostname or their mark still identifies them, and a change in
//! place gives them their names back.

use devplat_plan::Physical;
use devplat_tool::docker::Container;

use super::Cx;
use crate::failure::Failure;

/// A renamed container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Renamed {
    /// Its present name.
    pub(super) now: String,
    /// The name with which it was created.
    pub(super) name: String,
    /// Whether another container has that name.
    pub(super) taken: bool,
}

impl Renamed {
    /// Returns the fault, with the command that repairs it.
    pub(super) fn fault(&self) -> String {
        format!("container {} was renamed; {} gives its name back", self.now, self.command())
    }

    /// Returns why it cannot get its name back, or `None` if it can.
    pub(super) fn obstacle(&self) -> Option<String> {
        let Self { now, name, taken } = self;
        taken.then(|| {
            format!(
                "container {now} was renamed, and another container has its name {name}: rename or delete that one, \
                 then {}",
                self.command()
            )
        })
    }

    fn command(&self) -> String {
        format!("`docker rename {} {}`", self.now, self.name)
    }
}

/// Gives a container its name back.
pub(super) async fn rename_back(container: &Container, name: &str, cx: &Cx) -> Result<(), Failure> {
    let Container { id, name: now, .. } = container;
    cx.report(format!("renaming {now} to {name}"));
    let renamed = Some(Physical(id.clone()));
    let work = cx.context.engine()?.rename_container(id, name);
    cx.call(format!("rename container {now} to {name}"), |()| renamed, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renamed_container_is_named_with_the_command_that_repairs_it() {
        let of = |taken| Renamed { now: "x".to_owned(), name: "k3d-a-server-0".to_owned(), taken };
        let fault = "container x was renamed; `docker rename x k3d-a-server-0` gives its name back";
        assert_eq!((of(false).fault().as_str(), of(false).obstacle()), (fault, None));
        let obstacle = of(true).obstacle().unwrap();
        assert!(obstacle.contains("another container has its name k3d-a-server-0"), "{obstacle}");
        assert!(obstacle.ends_with("then `docker rename x k3d-a-server-0`"), "{obstacle}");
    }
}
