//! `devplat doctor`: what this machine has and lacks, with the remedy.

use serde::Serialize;

use crate::{
    failure::{Exit, Failure},
    process::Command,
    programs::AllPrograms,
    tool::{docker, kind},
    ui::Ui,
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    name: &'static str,
    /// Whether profiles need it; a lack of what is only useful is no failure.
    needed: bool,
    has: Option<String>,
    remedy: Option<String>,
}

pub(super) async fn run(ui: &Ui) -> Result<(), Failure> {
    let findings = vec![
        finding("Docker engine", true, docker::version().await),
        finding("kind", true, kind::version().await),
        finding("devplat's own programs", true, AllPrograms::find().map(|_| "beside devplat".to_owned())),
        finding("kubectl", false, first_line("kubectl", &["version", "--client"]).await),
        finding("mmdebstrap", false, first_line("mmdebstrap", &["--version"]).await),
    ];
    if ui.is_json() {
        ui.document(&findings);
    } else {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING).set_header(["", "HAS", "REMEDY"]);
        for Finding { name, needed, has, remedy } in &findings {
            let has = has
                .clone()
                .unwrap_or_else(|| if *needed { "no".to_owned() } else { "no (only useful)".to_owned() });
            table.add_row([(*name).to_owned(), has, remedy.clone().unwrap_or_default()]);
        }
        ui.say(&table.to_string());
    }
    let lacking: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.needed && finding.has.is_none())
        .map(|finding| finding.name)
        .collect();
    if lacking.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(Exit::Missing, format!("this machine lacks: {}", lacking.join(", "))))
    }
}

fn finding(name: &'static str, needed: bool, found: Result<String, Failure>) -> Finding {
    match found {
        Ok(has) => Finding { name, needed, has: Some(has), remedy: None },
        Err(failure) => {
            let hint = failure.hints.first().cloned().unwrap_or_default();
            Finding { name, needed, has: None, remedy: Some(format!("{}: {hint}", failure.message)) }
        }
    }
}

async fn first_line(program: &str, args: &[&str]) -> Result<String, Failure> {
    let output = Command::new(program).args(args.iter().copied()).run().await.map_err(|error| {
        Failure::of(Exit::Missing, &error).hint(format!("install {program}; ./quickstart does"))
    })?;
    Ok(output.stdout.lines().next().unwrap_or_default().to_owned())
}
