//! The generated key of a user whose files were lost or damaged.

use std::fs;

use devplat_keys::UserKey;

use crate::{answers::engine, machine::Machine, trouble::planned};

#[tokio::test]
async fn plan_names_the_fault_of_a_generated_key() {
    let (machine, engine) = (Machine::new(), engine());
    let key = UserKey::from_seed([1; 32], "demo@devplat");
    let (private, public) = (key.private_text(), key.public_text());
    let cut = &private[..private.len() / 2];
    let cases: [(Option<&str>, Option<&str>, &str); 5] = [
        (Some(&private), Some(&public), "keep as wanted"),
        (None, Some(&public), "update its private key is missing, so `up` generates a new pair"),
        (Some(cut), Some(&public), "update its private key is damaged, so `up` generates a new pair"),
        (Some(&private), None, "update its public key is missing"),
        (Some(&private), Some("rubbish"), "update the file of its public key has no key"),
    ];
    for (private, public, expected) in cases {
        let folder = "home/.local/state/devplat/devplat/ssh";
        let _ = fs::remove_dir_all(machine.at(folder));
        for (name, text) in [("demo.key", private), ("demo.pub", public)] {
            if let Some(text) = text {
                machine.write(&format!("{folder}/{name}"), text);
            }
        }
        let before = machine.home();
        let image = "--set=devServers.image=registry.example/dev:1";
        let plan = planned(&machine, &engine, &["--profile", "kind", image]).await;
        assert!(plan.contains(&format!("\nkey of user demo {expected}")), "{expected}: {plan}");
        assert_eq!(machine.home(), before);
    }
}
