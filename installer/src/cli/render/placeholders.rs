//! The explanation of placeholders in rendered manifests, as comments. Pure.

use std::collections::BTreeSet;

use crate::platform::STAND_IN_HOST;

/// The placeholder for a public key that `devplat up` has not generated yet.
pub(super) const KEY: &str = "ssh-ed25519 AAAA generated-by-devplat-up";

/// Returns the manifests with comments at their top that name the placeholders in them.
pub(super) fn explained(yaml: String) -> String {
    let start = format!("{STAND_IN_HOST}/");
    let images: BTreeSet<&str> = yaml
        .match_indices(&start)
        .filter_map(|(at, _)| yaml[at..].split(|c: char| !is_of_reference(c)).next())
        .collect();
    let mut comments = String::new();
    for image in images {
        comments.extend([
            "# placeholder: ",
            image,
            " stands for an image; `devplat up` decides its reference, and --images gives one\n",
        ]);
    }
    if yaml.contains(KEY) {
        comments.extend(["# placeholder: ", KEY, " stands for a key that `devplat up` generates\n"]);
    }
    if comments.is_empty() { yaml } else { comments + &yaml }
}

fn is_of_reference(c: char) -> bool {
    c.is_ascii_alphanumeric() || "/.-_:@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_with_placeholders_begin_with_their_names() {
        let yaml =
            "image: devplat.local/operator\n- name: A\n  value: devplat.local/agent\n- devplat.local/agent\n";
        let text = explained(yaml.to_owned());
        let comments: Vec<&str> =
            text.lines().take_while(|line| line.starts_with("# placeholder: ")).collect();
        assert_eq!(comments.len(), 2, "{text}");
        assert!(comments[0].starts_with("# placeholder: devplat.local/agent stands for an image"), "{text}");
        assert!(text.ends_with(yaml));
        assert!(explained(format!("- {KEY}\n")).starts_with("# placeholder: ssh-ed25519 AAAA"));
    }

    #[test]
    fn manifests_without_placeholders_have_no_comment() {
        let yaml = "image: registry.example/operator@sha256:00\n";
        assert_eq!(explained(yaml.to_owned()), yaml);
    }
}
