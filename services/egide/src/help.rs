//! Help and usage errors in the reader's language. Clap knows English only, so everything it would say by itself is taken
//! over here: headings, descriptions, lists of values, errors.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, CommandFactory as _};

use crate::cli::Cli;
use crate::exit::Exit;
use crate::text::Lang;

/// Values listed in a help text; longer lists are told by completions and errors.
const VALUES_LISTED_MAX: usize = 14;

/// The command tree, explained in `lang`.
#[must_use]
pub fn localised(lang: Lang) -> Command {
    let help = Arg::new("help").long("help").short('h').action(ArgAction::Help).global(true);
    let version = Arg::new("version").long("version").short('V').action(ArgAction::Version);
    explain(Cli::command().arg(help).arg(version), lang, "help")
}

/// The language asked for before anything is parsed: `--lang fr`, `--lang=fr`, or the locale's.
#[must_use]
pub fn lang_of(arguments: &[OsString], variable: impl Fn(&str) -> Option<String>) -> Lang {
    let mut words = arguments.iter().filter_map(|word| word.to_str()).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        let code = match word.strip_prefix("--lang") {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        if let Some(lang) = code.and_then(Lang::from_locale) {
            return lang;
        }
    }
    Lang::from_environment(variable)
}

fn explain(command: Command, lang: Lang, path: &str) -> Command {
    let about = lang.find(path).map(str::to_owned);
    let after = lang.find(&format!("{path}.after")).map(|text| with_exit_codes(text, lang));
    let usage = lang.text("usage.usage");
    let mut command = command
        .help_template(format!("{{about}}\n\n{usage} {{usage}}\n\n{{all-args}}{{after-help}}"))
        .subcommand_help_heading(lang.text("usage.commands"))
        .subcommand_value_name(lang.text("usage.command"))
        .disable_help_flag(true)
        .disable_version_flag(true);
    if let Some(about) = about {
        command = command.about(about);
    }
    if let Some(after) = after {
        command = command.after_help(after);
    }
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    for name in names {
        let inner = format!("{path}.{name}");
        command = command.mut_subcommand(name, |sub| explain(sub, lang, &inner));
    }
    command.mut_args(|argument| explain_argument(argument, lang, path))
}

fn explain_argument(argument: Arg, lang: Lang, path: &str) -> Arg {
    let id = argument.get_id().as_str().to_owned();
    let help = lang.find(&format!("{path}.{id}")).or_else(|| lang.find(&format!("arg.{id}")));
    let mut text = help.unwrap_or(&id).to_owned();
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| value.get_name().to_owned())
        .collect();
    let takes_value = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    if takes_value && !values.is_empty() && values.len() <= VALUES_LISTED_MAX {
        text = format!("{text} [{}]", values.join(", "));
    }
    if let Some(variable) = argument.get_env().and_then(|name| name.to_str()) {
        text = format!("{text} [{variable}]");
    }
    let heading = if argument.is_positional() {
        "usage.arguments"
    } else if argument.is_global_set() {
        "usage.global"
    } else {
        "usage.options"
    };
    let argument = argument.help(text).help_heading(lang.text(heading));
    if takes_value { argument.hide_possible_values(true).hide_env(true).hide_default_value(true) } else { argument }
}

fn with_exit_codes(text: &str, lang: Lang) -> String {
    let codes = Exit::ALL.map(|exit| {
        let key = format!("help.exit.{}", exit.code());
        format!("  {:>2}  {}", exit.code(), lang.text(&key))
    });
    text.replace("{exit_codes}", &codes.join("\n"))
}

/// What each mistake on a command line is called; the rest fall under the last.
const MISTAKES: [(ErrorKind, &str); 11] = [
    (ErrorKind::InvalidValue, "usage.bad_value"),
    (ErrorKind::ValueValidation, "usage.bad_value"),
    (ErrorKind::UnknownArgument, "usage.unknown_argument"),
    (ErrorKind::InvalidSubcommand, "usage.unknown_command"),
    (ErrorKind::MissingRequiredArgument, "usage.missing"),
    (ErrorKind::MissingSubcommand, "usage.no_command"),
    (ErrorKind::ArgumentConflict, "usage.conflict"),
    (ErrorKind::TooManyValues, "usage.too_many"),
    (ErrorKind::TooFewValues, "usage.too_few"),
    (ErrorKind::WrongNumberOfValues, "usage.too_few"),
    (ErrorKind::InvalidUtf8, "usage.not_unicode"),
];

/// What is wrong with a command line, and how it is used, in `lang`.
#[must_use]
pub fn mistake(error: &clap::Error, lang: Lang) -> String {
    let context = |kind| error.get(kind).map(shown).unwrap_or_default();
    let key = MISTAKES.iter().find(|(kind, _)| *kind == error.kind()).map_or("usage.other", |(_, key)| *key);
    let argument = match error.kind() == ErrorKind::InvalidSubcommand {
        true => context(ContextKind::InvalidSubcommand),
        false => context(ContextKind::InvalidArg),
    };
    let places: [(&str, &dyn std::fmt::Display); 3] = [
        ("argument", &argument),
        ("value", &context(ContextKind::InvalidValue)),
        ("other", &context(ContextKind::PriorArg)),
    ];
    let mut lines = vec![format!("{}{}", lang.text("say.error"), lang.fill(key, &places))];
    let valid = match context(ContextKind::ValidValue) {
        values if values.is_empty() => context(ContextKind::ValidSubcommand),
        values => values,
    };
    if !valid.is_empty() {
        lines.push(lang.fill("usage.valid", &[("values", &valid)]));
    }
    let suggestions = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let suggestion = suggestions.into_iter().map(context).find(|text| !text.is_empty());
    if let Some(suggestion) = suggestion {
        lines.push(lang.fill("usage.suggestion", &[("suggestion", &suggestion)]));
    }
    if let Some(usage) = error.get(ContextKind::Usage) {
        let usage = shown(usage);
        let usage = usage.split_once(": ").map_or(usage.as_str(), |(_, rest)| rest);
        lines.push(format!("{} {usage}", lang.text("usage.usage")));
    }
    lines.push(lang.text("usage.try_help").to_owned());
    lines.join("\n")
}

fn shown(value: &ContextValue) -> String {
    match value {
        ContextValue::Strings(words) => words.join(", "),
        ContextValue::StyledStr(text) => text.to_string(),
        ContextValue::StyledStrs(texts) => texts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        ContextValue::None | ContextValue::Bool(_) | ContextValue::String(_) | ContextValue::Number(_) | _ => {
            value.to_string()
        }
    }
}
