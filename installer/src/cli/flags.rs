//! Flags that several verbs take.

use std::path::PathBuf;

use clap::{ArgMatches, Args, parser::ValueSource};
use devplat_profile::PlatformName;

use crate::{
    failure::{Exit, Failure},
    request::Asked,
    ui::Format,
};

/// Flags that are also accepted before the verb.
#[derive(Debug, Clone, Args)]
pub(super) struct Before {
    /// Name of the platform
    #[arg(long = "name", id = "before_name", value_name = "NAME", hide = true)]
    name: Option<PlatformName>,
    /// For people or for machines
    #[arg(
        long = "output",
        short = 'o',
        id = "before_output",
        value_enum,
        value_name = "FORMAT",
        hide = true
    )]
    output: Option<Format>,
    /// Print more
    #[arg(long = "verbose", short = 'v', id = "before_verbose", action = clap::ArgAction::Count, hide = true)]
    pub(super) verbose: u8,
}

impl Before {
    pub(super) fn given_name(&self, matches: &ArgMatches) -> Option<PlatformName> {
        given(matches, "before_name").then(|| self.name.clone()).flatten()
    }

    pub(super) fn given_output(&self, matches: &ArgMatches) -> Option<Format> {
        given(matches, "before_output").then_some(self.output).flatten()
    }
}

/// Returns whether the command line has this argument. A value of a variable or a default does not count.
pub(super) fn given(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// Returns whether a flag was given after the verb. A value of a variable or a default does not count: a flag before the
/// verb overrides both.
pub(super) fn given_after(matches: &ArgMatches, id: &str) -> bool {
    let mut level = matches;
    while let Some((_, below)) = level.subcommand() {
        if below.try_contains_id(id).is_ok() && given(below, id) {
            return true;
        }
        level = below;
    }
    false
}

/// The platform.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct NameFlag {
    /// Name of the platform; devplat if missing
    #[arg(long, env = "DEVPLAT_NAME", value_name = "NAME")]
    name: Option<PlatformName>,
}

impl NameFlag {
    /// Returns the name that the command line or its variable gives.
    pub(super) fn get(&self) -> Option<PlatformName> {
        self.name.clone()
    }

    /// Takes the flag before the verb.
    pub(super) fn settle(&mut self, before: PlatformName) {
        self.name = Some(before);
    }
}

/// The format of the output, for verbs that run no commands, so that `-v` has nothing to show.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct OutputFormat {
    /// For people, or for machines: JSON, one document or event per line
    #[arg(long, short, env = "DEVPLAT_OUTPUT", value_enum, value_name = "FORMAT", default_value_t)]
    output: Format,
}

/// The format of the output and its detail.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct OutputArgs {
    #[command(flatten)]
    format: OutputFormat,
    /// Print more: -v the commands that are run, -vv everything
    #[arg(long, short, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// The flags of a verb that also stand before it.
pub(super) struct OutputFlags<'a> {
    pub(super) format: &'a mut OutputFormat,
    /// The number of `-v`, if the verb uses it.
    pub(super) verbose: Option<&'a mut u8>,
}

impl OutputFormat {
    pub(super) fn get(&self) -> Format {
        self.output
    }

    /// Takes the flag before the verb.
    pub(super) fn settle(&mut self, before: Format) {
        self.output = before;
    }

    pub(super) fn flags(&mut self) -> OutputFlags<'_> {
        OutputFlags { format: self, verbose: None }
    }
}

impl OutputArgs {
    pub(super) fn flags(&mut self) -> OutputFlags<'_> {
        OutputFlags { format: &mut self.format, verbose: Some(&mut self.verbose) }
    }
}

/// The profile, with further values.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct LayerFlags {
    /// Profile: the name of a shipped one (`devplat profiles list`), a file, or `-` for standard input
    #[arg(long, env = "DEVPLAT_PROFILE", value_name = "NAME|FILE")]
    pub(super) profile: Option<String>,
    /// Set one value of the profile, such as operator.replicas=1; `\.` is a dot within a key
    #[arg(long, value_name = "PATH=VALUE")]
    pub(super) set: Vec<String>,
}

impl LayerFlags {
    /// Fails if values are given without a profile, for verbs that read only a given profile.
    pub(super) fn refuse_values_alone(&self, verb: &str) -> Result<(), Failure> {
        if self.set.is_empty() || self.profile.is_some() {
            return Ok(());
        }
        Err(Failure::new(Exit::Usage, format!("`devplat {verb}` uses --set only with --profile"))
            .hint(format!("run `devplat {verb} --help` for the arguments")))
    }
}

/// Remembered values to forget, for verbs that change the platform or show a change.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct UnsetFlag {
    /// Forget a value that an earlier `up` remembered, such as operator.replicas, and all below it
    #[arg(long, value_name = "PATH")]
    pub(super) unset: Vec<String>,
}

/// An existing cluster.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ContextFlag {
    /// Context of an existing cluster
    #[arg(long, env = "DEVPLAT_CONTEXT", value_name = "NAME")]
    pub(super) context: Option<String>,
}

/// The input of a platform.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Platform {
    #[command(flatten)]
    pub(super) name: NameFlag,
    #[command(flatten)]
    pub(super) layers: LayerFlags,
    #[command(flatten)]
    pub(super) context: ContextFlag,
    /// Folder with templates in place of devplat's own; remembered until an empty one is named
    #[arg(long, env = "DEVPLAT_TEMPLATES", value_name = "DIR")]
    pub(super) templates: Option<PathBuf>,
}

/// Answers to questions.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct AnswerFlags {
    /// Answer questions with yes
    #[arg(long, short, env = "DEVPLAT_YES", value_parser = clap::builder::FalseyValueParser::new())]
    pub(super) yes: bool,
}

/// A platform of another account.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct TakeOver {
    /// Continue with a platform that another account of this machine created
    #[arg(long)]
    pub(super) take_over: bool,
}

/// Losses of data that the user agrees to.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Losing {
    /// Change or delete this resource even if data is lost, such as `cluster`
    #[arg(long, value_name = "RESOURCE")]
    pub(super) lose: Vec<String>,
}

impl Platform {
    pub(super) fn asked(&self) -> Asked {
        Asked {
            name: self.name.get(),
            profile: self.layers.profile.clone(),
            set: self.layers.set.clone(),
            context: self.context.context.clone(),
            templates: self.templates.clone(),
            ..Asked::default()
        }
    }
}
