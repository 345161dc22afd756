//! The prompt: each line is a verb, until `exit`. History is kept in memory only. Where a terminal cannot do more,
//! plain lines are read.

mod complete;
mod editor;
mod line;

use std::{
    pin::pin,
    sync::{Arc, RwLock},
};

use clap::{CommandFactory, Parser};
use kube::ResourceExt;

use crate::{
    cli::{Program, Session},
    failure::{Ended, Exit, Failure},
    place::Place,
};
use complete::Names;
use editor::{Editor, Input};
use line::Line;

/// Shown once.
const WELCOME: &str =
    "`help` lists what can be done here, `create mydev --wait` makes a dev server, `exit` leaves.";

/// Reads and does lines until there are no more.
pub(crate) async fn run(mut session: Session) -> Result<Ended, Failure> {
    let terminal = session.terminal;
    let names: Arc<RwLock<Names>> = Arc::default();
    let mut editor = terminal.can_edit().then(|| Editor::start(Arc::clone(&names), terminal.has_colours()));
    let prompt = match &session.place {
        Place::Bastion(bastion) => format!("{}> ", bastion.user),
        Place::Laptop(_) => "devctl> ".to_owned(),
    };
    terminal.say(WELCOME);
    let mut stale = true;
    loop {
        let input = {
            let mut typed = pin!(read(&session, &mut editor, &prompt));
            tokio::select! {
                input = &mut typed => input,
                // While somebody types, nobody waits for the names.
                () = refresh(&session, &names), if stale => typed.await,
            }
        };
        stale = false;
        let line = match input {
            Input::Line(line) => line,
            Input::Cancelled => continue,
            Input::End => return Ok(Ended::Well),
            Input::Broken(why) => {
                terminal.remark(&format!("lines cannot be edited here ({why})"));
                editor = None;
                continue;
            }
        };
        match Line::of(&line) {
            Line::Nothing => {}
            Line::Leave => return Ok(Ended::Well),
            Line::Help(words) => help(&session, &words),
            Line::Verb(words) => {
                session = session.renewed().await;
                verb(&session, words).await;
                stale = true;
            }
            Line::Unfinished => terminal.tell(&Failure::new(Exit::Usage, "a quotation mark is missing")),
        }
    }
}

async fn read(session: &Session, editor: &mut Option<Editor>, prompt: &str) -> Input {
    if let Some(editor) = editor {
        return editor.read(prompt).await;
    }
    let (terminal, prompt) = (session.terminal, prompt.to_owned());
    let line = tokio::task::spawn_blocking(move || terminal.ask(&prompt)).await;
    line.ok().flatten().map_or(Input::End, Input::Line)
}

/// Asks what there is to complete. Without an answer, less gets completed.
async fn refresh(session: &Session, names: &RwLock<Names>) {
    let Ok(cluster) = session.cluster().await else { return };
    let (servers, flavors) = tokio::join!(cluster.servers(), cluster.flavors());
    let Ok(mut names) = names.write() else { return };
    if let Ok(servers) = servers {
        names.servers = servers.iter().map(ResourceExt::name_any).collect();
    }
    if let Ok(flavors) = flavors {
        names.flavors = flavors.iter().map(ResourceExt::name_any).collect();
    }
}

/// Does one verb. Ctrl-C ends it and not the prompt.
async fn verb(session: &Session, words: Vec<String>) {
    let terminal = session.terminal;
    let program = match Program::try_parse_from(std::iter::once("devctl".to_owned()).chain(words)) {
        Ok(program) => program,
        Err(error) => {
            // clap knows where it belongs, and whether there are colours.
            let _ = error.print();
            return;
        }
    };
    let Some(verb) = program.verb else { return };
    let own = (program.global != session.global).then(|| Session::new(program.global, terminal));
    let session = match &own {
        None => session,
        Some(Ok(own)) => own,
        Some(Err(failure)) => return terminal.tell(failure),
    };
    let outcome = tokio::select! {
        outcome = verb.run(session) => outcome,
        _ = tokio::signal::ctrl_c() => {
            terminal.remark("interrupted");
            return;
        }
    };
    match outcome {
        Ok(Ended::Well) => {}
        Ok(Ended::Remotely(status)) => terminal.remark(&format!("ended with status {status}")),
        Err(failure) => terminal.tell(&failure),
    }
}

fn help(session: &Session, words: &[String]) {
    let mut program = Program::command();
    program.build();
    let found = match words.first() {
        None => Some(&mut program),
        Some(word) => program.find_subcommand_mut(word),
    };
    match found {
        Some(command) => session.terminal.say(&command.render_help().to_string()),
        None => session
            .terminal
            .tell(&Failure::new(Exit::Usage, "there is no such verb").hint("`help` lists them")),
    }
}
