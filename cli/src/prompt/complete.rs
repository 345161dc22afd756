//! What could follow in a line. Pure: names of servers and flavors are given.

use clap::{Arg, Command};

/// What is there to be named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) servers: Vec<String>,
    pub(super) flavors: Vec<String>,
}

/// Something that could stand at the end of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The word.
    pub(super) word: String,
    /// What it means, where that is not plain.
    pub(super) about: Option<String>,
}

/// What could be the last word of `line`, and where that word begins. `program` has been built.
pub(super) fn candidates(line: &str, program: &Command, names: &Names) -> (usize, Vec<Candidate>) {
    let start = line.rfind(char::is_whitespace).map_or(0, |space| space + 1);
    let last = &line[start..];
    let mut before: Vec<&str> = line[..start].split_whitespace().collect();
    if before.first() == Some(&"devctl") {
        before.remove(0);
    }
    let all = match before.split_first() {
        None | Some((&("help" | "?"), [])) => verbs(program),
        // What follows belongs to another program.
        Some((_, rest)) if rest.contains(&"--") => Vec::new(),
        Some((verb, rest)) => match program.find_subcommand(verb) {
            Some(verb) => of_verb(verb, rest, last, names),
            None => Vec::new(),
        },
    };
    (start, all.into_iter().filter(|candidate| candidate.word.starts_with(last)).collect())
}

fn verbs(program: &Command) -> Vec<Candidate> {
    let verb = |verb: &Command| Candidate {
        word: verb.get_name().to_owned(),
        about: verb.get_about().map(ToString::to_string),
    };
    let exit = Candidate { word: "exit".to_owned(), about: None };
    program.get_subcommands().map(verb).chain([exit]).collect()
}

fn of_verb(verb: &Command, before: &[&str], last: &str, names: &Names) -> Vec<Candidate> {
    let option = |word: &str| verb.get_arguments().find(|argument| is_option(argument, word));
    let takes_value = |argument: &&Arg| argument.get_action().takes_values();
    if let Some(argument) = before.last().and_then(|word| option(word)).filter(takes_value) {
        return values(argument, names);
    }
    if last.starts_with('-') {
        let visible = verb.get_arguments().filter(|argument| !argument.is_hide_set());
        return visible.filter_map(flag).collect();
    }
    // The first word that is neither an option nor an option's value is the name.
    let mut plain = 0;
    let mut words = before.iter();
    while let Some(word) = words.next() {
        match option(word) {
            Some(argument) if takes_value(&argument) => {
                words.next();
            }
            _ if word.starts_with('-') => {}
            _ => plain += 1,
        }
    }
    match verb.get_positionals().find(|argument| !argument.is_last_set()) {
        // A new server has a name that none has yet.
        Some(argument) if plain == 0 && verb.get_name() != "create" => values(argument, names),
        _ => Vec::new(),
    }
}

fn is_option(argument: &Arg, word: &str) -> bool {
    let long = word.strip_prefix("--").filter(|long| !long.is_empty());
    let short = word.strip_prefix('-').filter(|short| short.chars().count() == 1);
    long.is_some_and(|long| argument.get_long() == Some(long))
        || short.is_some_and(|short| argument.get_short() == short.chars().next())
}

fn flag(argument: &Arg) -> Option<Candidate> {
    let about = argument.get_help().map(ToString::to_string);
    Some(Candidate { word: format!("--{}", argument.get_long()?), about })
}

fn values(argument: &Arg, names: &Names) -> Vec<Candidate> {
    let plain = |word: &String| Candidate { word: word.clone(), about: None };
    match argument.get_id().as_str() {
        "name" => names.servers.iter().map(plain).collect(),
        "flavor" => names.flavors.iter().map(plain).collect(),
        _ => {
            let possible = argument.get_possible_values();
            possible
                .iter()
                .map(|value| Candidate {
                    word: value.get_name().to_owned(),
                    about: value.get_help().map(ToString::to_string),
                })
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Program;

    fn words(line: &str) -> Vec<String> {
        let mut program = Program::command();
        program.build();
        let names = Names {
            servers: vec!["mydev".into(), "myother".into(), "train".into()],
            flavors: vec!["cpu-large".into(), "cpu-small".into()],
        };
        candidates(line, &program, &names).1.into_iter().map(|candidate| candidate.word).collect()
    }

    #[test]
    fn verbs_are_completed_at_the_beginning() {
        assert_eq!(words("des"), ["describe"]);
        assert_eq!(words("devctl l"), ["list", "logs"]);
        assert_eq!(words("help cr"), ["create"]);
        assert!(words("").contains(&"exit".to_owned()));
        assert_eq!(words("hel"), ["help"]);
    }

    #[test]
    fn servers_are_completed_where_one_is_named() {
        assert_eq!(words("ssh my"), ["mydev", "myother"]);
        assert_eq!(words("logs --follow --tail 5 t"), ["train"]);
        assert_eq!(words("delete --force "), ["mydev", "myother", "train"]);
        assert_eq!(words("ssh mydev "), [""; 0]);
        assert_eq!(words("create my"), [""; 0]);
    }

    #[test]
    fn values_of_options_are_completed() {
        assert_eq!(words("create new --flavor "), ["cpu-large", "cpu-small"]);
        assert_eq!(words("list -o w"), ["wide"]);
        assert_eq!(words("list --output j"), ["json"]);
        assert!(words("create new --fl").contains(&"--flavor".to_owned()));
    }

    #[test]
    fn nothing_is_known_of_other_programs_and_other_verbs() {
        assert_eq!(words("exec mydev -- my"), [""; 0]);
        assert_eq!(words("nosuch my"), [""; 0]);
    }

    #[test]
    fn last_word_begins_behind_the_last_space() {
        let mut program = Program::command();
        program.build();
        assert_eq!(candidates("ssh my", &program, &Names::default()).0, 4);
        assert_eq!(candidates("ssh é ", &program, &Names::default()).0, 7);
    }
}
