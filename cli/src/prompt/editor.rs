//! Lines with editing, history and completion, read in a thread of their own: meanwhile the connection to the API
//! server has to be looked after.

use std::{
    borrow::Cow,
    sync::{Arc, RwLock, mpsc},
    thread,
};

use clap::{Command, CommandFactory};
use reedline::{
    ColumnarMenu, Completer, CompletionResult, DefaultHinter, EditCommand, Emacs, KeyCode, KeyModifiers,
    MenuBuilder, Prompt, PromptEditMode, PromptHistorySearch, Reedline, ReedlineEvent, ReedlineMenu, Signal,
    Span, Suggestion, default_emacs_keybindings,
};
use tokio::sync::oneshot;

use super::complete::{Names, candidates};
use crate::cli::Program;

/// Name of the menu with completions.
const MENU: &str = "completions";

/// The input of the user.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A line.
    Line(String),
    /// Ctrl-C: another line, please.
    Cancelled,
    /// Ctrl-D, or a closed terminal.
    End,
    /// The terminal failed, for this reason.
    Broken(String),
}

/// A prompt to print, the beginning of the line, and the receiver of the input.
type Ask = (String, String, oneshot::Sender<Input>);

/// The thread that reads.
#[derive(Debug)]
pub(super) struct Editor {
    asks: mpsc::Sender<Ask>,
}

impl Editor {
    /// Starts it; it ends when this is dropped.
    pub(super) fn start(names: Arc<RwLock<Names>>, colours: bool) -> Self {
        let (asks, asked) = mpsc::channel::<Ask>();
        thread::spawn(move || {
            let mut editor = editor(names, colours);
            for (prompt, begun, answer) in asked {
                if !begun.is_empty() {
                    editor.run_edit_commands(&[EditCommand::InsertString(begun)]);
                }
                let input = match editor.read_line(&Plain(prompt)) {
                    Ok(Signal::Success(line)) => Input::Line(line),
                    Ok(Signal::CtrlD) => Input::End,
                    Ok(_) => Input::Cancelled,
                    Err(error) => Input::Broken(error.to_string()),
                };
                // The receiver may be gone.
                let _ = answer.send(input);
            }
        });
        Self { asks }
    }

    /// Reads a line, whose beginning is `begun`.
    pub(super) async fn read(&self, prompt: &str, begun: String) -> Input {
        let (answer, answered) = oneshot::channel();
        if self.asks.send((prompt.to_owned(), begun, answer)).is_err() {
            return Input::End;
        }
        answered.await.unwrap_or(Input::End)
    }
}

fn editor(names: Arc<RwLock<Names>>, colours: bool) -> Reedline {
    let mut program = Program::command();
    program.build();
    let mut keys = default_emacs_keybindings();
    keys.add_binding(
        KeyModifiers::NONE,
        KeyCode::Tab,
        ReedlineEvent::UntilFound(vec![ReedlineEvent::Menu(MENU.to_owned()), ReedlineEvent::MenuNext]),
    );
    let menu = ColumnarMenu::default().with_name(MENU);
    Reedline::create()
        .with_completer(Box::new(Completions { program, names }))
        .with_quick_completions(true)
        .with_partial_completions(true)
        .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
        .with_hinter(Box::new(DefaultHinter::default()))
        .with_edit_mode(Box::new(Emacs::new(keys)))
        .with_ansi_colors(colours)
}

struct Completions {
    program: Command,
    names: Arc<RwLock<Names>>,
}

impl Completer for Completions {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let Some(line) = line.get(..pos) else { return CompletionResult::fresh(Vec::new()) };
        let names = self.names.read().map(|names| names.clone()).unwrap_or_default();
        let (start, found) = candidates(line, &self.program, &names);
        let suggestions: Vec<Suggestion> = found
            .into_iter()
            .map(|candidate| Suggestion {
                value: candidate.word,
                description: candidate.about,
                span: Span::new(start, pos),
                append_whitespace: true,
                ..Suggestion::default()
            })
            .collect();
        CompletionResult::fresh(suggestions)
    }
}

/// A prompt that is a text and nothing else.
struct Plain(String);

impl Prompt for Plain {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _mode: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("> ")
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        Cow::Owned(format!("(search {}) ", search.term))
    }
}
