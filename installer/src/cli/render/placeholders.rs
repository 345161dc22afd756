//! The explanation of placeholders in rendered manifests, as comments. Pure.

/// The placeholder for a public key that `devplat up` has not generated yet.
pub(super) const KEY: &str = "ssh-ed25519 AAAA generated-by-devplat-up";

/// The placeholders that manifests may contain, besides [`KEY`].
#[derive(Debug, Default)]
pub(super) struct Placeholders {
    /// The references that stand for images.
    pub(super) images: Vec<String>,
}

impl Placeholders {
    /// Returns the manifests with comments at their top that name the placeholders in them.
    pub(super) fn explain(&self, yaml: &str) -> String {
        let mut text = String::new();
        for image in self.images.iter().filter(|image| yaml.contains(image.as_str())) {
            text.extend([
                "# placeholder: ",
                image,
                " stands for an image; `devplat up` decides its reference, and --images gives one\n",
            ]);
        }
        if yaml.contains(KEY) {
            text.extend(["# placeholder: ", KEY, " stands for a key that `devplat up` generates\n"]);
        }
        text + yaml
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(yaml: &str) -> String {
        let images = ["agent", "bastion", "operator"].map(|name| format!("devplat.local/{name}")).into();
        Placeholders { images }.explain(yaml)
    }

    #[test]
    fn manifests_with_placeholders_begin_with_their_names() {
        let yaml =
            "image: devplat.local/operator\n- name: A\n  value: devplat.local/agent\n- devplat.local/agent\n";
        let text = explained(yaml);
        let comments: Vec<&str> =
            text.lines().take_while(|line| line.starts_with("# placeholder: ")).collect();
        assert_eq!(comments.len(), 2, "{text}");
        assert!(comments[0].starts_with("# placeholder: devplat.local/agent stands for an image"), "{text}");
        assert!(text.ends_with(yaml));
        assert!(explained(&format!("- {KEY}\n")).starts_with("# placeholder: ssh-ed25519 AAAA"));
    }

    #[test]
    fn manifests_without_placeholders_have_no_comment() {
        let yaml = "image: registry.example/operator@sha256:00\n";
        assert_eq!(explained(yaml), yaml);
    }
}
