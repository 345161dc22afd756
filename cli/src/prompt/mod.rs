//! The prompt: each line is a verb, until `exit`. History is kept in memory only. On a terminal that does not report its
//! cursor, the prompt reads plain lines.

mod ahead;
mod complete;
mod editor;
mod line;

use std::{
    ffi::OsString,
    pin::pin,
    sync::{Arc, RwLock},
};

use clap::{CommandFactory, Parser};
use kube::ResourceExt;

use crate::{
    cli::{Program, Session, usage_failure},
    failure::{Ended, Exit, Failure},
    place::Place,
    terminal::{Asked, Terminal},
};
use ahead::Ahead;
use complete::Names;
use editor::{Editor, Input};
use line::Line;

/// Shown once.
const WELCOME: &str =
    "`help` lists what can be done here, `create mydev --wait` makes a dev server, `exit` leaves.";

/// Reads and does lines until there are no more.
pub(crate) async fn run(session: Session) -> Result<Ended, Failure> {
    let mut session = session.at_prompt();
    let terminal = session.terminal;
    let names: Arc<RwLock<Names>> = Arc::default();
    let prompt = match &session.place {
        Place::Bastion(bastion) => format!("{}> ", bastion.user),
        Place::Laptop(_) => "devctl> ".to_owned(),
    };
    terminal.say(WELCOME);
    // A credential plugin may ask the user, so it has to end before lines are read.
    if let Err(failure) = session.cluster().await {
        terminal.tell(&failure, &session.invocation);
    }
    let Asked { answered, typed } = asked(terminal);
    let mut ahead = Ahead::new(typed);
    let mut editor = answered.then(|| Editor::start(Arc::clone(&names), terminal.has_colours()));
    let mut stale = true;
    loop {
        let input = if let Some(input) = ahead.take_input() {
            if let Input::Line(line) = &input {
                terminal.remark(&format!("{prompt}{line}"));
            }
            input
        } else {
            let mut typed = pin!(read(terminal, &mut editor, &prompt, ahead.begun()));
            let fetched = stale;
            stale = false;
            tokio::select! {
                input = &mut typed => input,
                // The user types meanwhile.
                () = refresh(&session, &names), if fetched => typed.await,
            }
        };
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
            Line::Unfinished => {
                let failure = Failure::new(Exit::Usage, "a quotation mark is missing");
                terminal.tell(&failure, &session.invocation);
            }
        }
    }
}

/// Returns whether lines can be edited, and what the user has typed so far. The runtime has nothing else to do yet, so this
/// may block it for a second.
fn asked(terminal: Terminal) -> Asked {
    if !terminal.can_edit() {
        return Asked::default();
    }
    let asked = terminal.ask_cursor();
    if !asked.answered {
        terminal.remark("lines cannot be edited here (the terminal does not report its cursor)");
    }
    asked
}

async fn read(terminal: Terminal, editor: &mut Option<Editor>, prompt: &str, begun: String) -> Input {
    if let Some(editor) = editor {
        return editor.read(prompt, begun).await;
    }
    let prompt = format!("{prompt}{begun}");
    let line = tokio::task::spawn_blocking(move || terminal.ask(&prompt)).await;
    line.ok().flatten().map_or(Input::End, |rest| Input::Line(begun + &rest))
}

/// Asks what there is to complete. Without an answer, less gets completed.
async fn refresh(session: &Session, names: &RwLock<Names>) {
    let Some(cluster) = session.opened() else { return };
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
    let tell = |failure: &Failure| terminal.tell(failure, &session.invocation);
    let arguments: Vec<OsString> =
        std::iter::once("devctl".to_owned()).chain(words).map(OsString::from).collect();
    let program = match Program::try_parse_from(&arguments) {
        Ok(program) => program,
        Err(error) if !error.use_stderr() => {
            // A closed terminal is not a failure of devctl.
            let _ = error.print();
            return;
        }
        Err(error) => return tell(&usage_failure(&error, &arguments, &Program::command())),
    };
    let Some(verb) = program.verb else { return };
    let given = program.global.given(|name| std::env::var(name).ok());
    let invocation = session.invocation.clone().with_flags(&given.words());
    let global = given.or(&session.global);
    let own = (global != session.global).then(|| Session::new(global, invocation, terminal));
    let session = match &own {
        None => session,
        Some(Ok(own)) => own,
        Some(Err(failure)) => return tell(failure),
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
        Err(failure) => terminal.tell(&failure, &session.invocation),
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
        None => {
            let failure = Failure::new(Exit::Usage, "there is no such verb").run("help", "for the verbs");
            session.terminal.tell(&failure, &session.invocation);
        }
    }
}
