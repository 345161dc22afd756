//! The file of settings.

use std::{fs, io, path::PathBuf};

use super::Settings;
use crate::failure::{Exit, Failure};

impl Settings {
    /// What the user's file says; nothing where there is none.
    pub(crate) fn of_file(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")));
        let Some(path) = folder.map(|folder| folder.join("devctl/config.yaml")) else {
            return Ok(Self::default());
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                let mut failure = Failure::new(Exit::Usage, format!("cannot read {}", path.display()));
                failure.causes.push(error.to_string());
                return Err(failure);
            }
        };
        serde_saphyr::from_str(&text).map_err(|error| {
            let mut failure = Failure::new(Exit::Usage, format!("{} is wrong", path.display()));
            failure.causes.push(error.to_string());
            failure.hint("it may have context, namespace, user and host, a text each")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_read_where_it_is_and_its_mistakes_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().display().to_string();
        let variable = |name: &str| (name == "HOME").then(|| home.clone());
        assert_eq!(Settings::of_file(variable).unwrap(), Settings::default());

        let file = folder.path().join(".config/devctl/config.yaml");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "host: example.com:2222\nuser: alice\n").unwrap();
        let settings = Settings::of_file(variable).unwrap();
        assert_eq!(settings.host.unwrap().arguments("alice"), ["-p", "2222", "alice@example.com"]);

        fs::write(&file, "hots: example.com\n").unwrap();
        let failure = Settings::of_file(variable).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.causes[0].contains("hots"), "{failure:?}");
    }
}
