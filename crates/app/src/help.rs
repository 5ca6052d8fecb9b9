//! The command line's own help and its answers to wrong usage, in the reader's language.
//!
//! The command line is read by `clap`'s English description. Only where `clap` itself would speak, and the reader is
//! Chinese, the same description is built once more with Chinese texts.

mod chinese;

use crate::cli::Cli;
use crate::exit;
use crate::words::{Words, words};
use clap::builder::{Resettable, StyledStr};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory, Error, Parser};
use hivemind_words::Language;
use std::ffi::OsString;
use std::process::ExitCode;

/// Reads the command line; where that cannot be, or help was asked for, says so and gives the exit code.
pub(crate) fn read(arguments: &[OsString]) -> Result<Cli, ExitCode> {
    let error = match Cli::try_parse_from(arguments) {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let words = words();
    match words.0 {
        Language::English => drop(error.print()),
        Language::TraditionalChinese => {
            // The same mistake is made once more, so that usage and help are in Chinese too.
            let error = in_chinese().try_get_matches_from(arguments).err().unwrap_or(error);
            let page = matches!(
                error.kind(),
                ErrorKind::DisplayHelp
                    | ErrorKind::DisplayVersion
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            );
            if page {
                drop(error.print());
            } else {
                crate::output::notes(words.wrong_usage(&error));
            }
        }
    }
    Err(if asked { ExitCode::SUCCESS } else { ExitCode::from(exit::USAGE) })
}

/// The command line's description with Chinese texts.
fn in_chinese() -> Command {
    let mut command = Cli::command();
    // Help for the help itself, and the flags that every command has, come into being only now.
    command.build();
    translated(command)
}

fn text(english: &str) -> String {
    let bare = english.trim_end_matches('.');
    let known = chinese::TEXTS.iter().find(|(english, _)| *english == bare);
    known.map_or_else(|| english.to_owned(), |(_, chinese)| (*chinese).to_owned())
}

fn translated(command: Command) -> Command {
    let alias = command.get_visible_aliases().next().map(str::to_owned);
    let about = command.get_about().map(|about| text(&about.to_string()));
    let about = match (about, &alias) {
        (Some(about), Some(alias)) => Some(format!("{about} [別名：{alias}]")),
        (about, _) => about,
    };
    let long = command.get_long_about().map(|about| text(&about.to_string()));
    let command = command
        .help_template("{before-help}{about-with-newline}\n用法: {usage}\n\n{all-args}{after-help}")
        .subcommand_help_heading("指令")
        .subcommand_value_name("指令")
        .about(resettable(about))
        .long_about(resettable(long))
        .mut_args(argument)
        .mut_subcommands(translated);
    match alias {
        // `clap` would name it with an English word.
        Some(alias) => command.visible_alias(None).alias(alias),
        None => command,
    }
}

fn argument(argument: Arg) -> Arg {
    let mut behind = String::new();
    let takes_values = argument.get_action().takes_values();
    if let Some(name) = argument.get_env() {
        behind.push_str(&format!(" [環境變數：{}]", name.to_string_lossy()));
    }
    if takes_values && !argument.get_default_values().is_empty() {
        let values = argument.get_default_values().iter().map(|value| value.to_string_lossy());
        behind.push_str(&format!(" [預設：{}]", values.collect::<Vec<_>>().join(",")));
    }
    let possible = argument.get_possible_values();
    if takes_values && !possible.is_empty() {
        let values = possible.iter().map(|value| value.get_name().to_owned());
        behind.push_str(&format!(" [可用值：{}]", values.collect::<Vec<_>>().join(", ")));
    }
    let help = argument.get_help().map(|help| format!("{}{behind}", text(&help.to_string())));
    let long = argument.get_long_help().map(|help| format!("{}{behind}", text(&help.to_string())));
    let heading = if argument.is_positional() { "引數" } else { "選項" };
    argument
        .hide_env(true)
        .hide_default_value(true)
        .hide_possible_values(true)
        .help_heading(heading)
        .help(resettable(help))
        .long_help(resettable(long))
}

fn resettable(text: Option<String>) -> Resettable<StyledStr> {
    text.map(StyledStr::from).into()
}

impl Words {
    /// What is wrong with the command line, in Chinese, with the right usage and where to read more.
    fn wrong_usage(self, error: &Error) -> String {
        let named = |kind| error.get(kind).map(shown).unwrap_or_default();
        let (argument, value) = (named(ContextKind::InvalidArg), named(ContextKind::InvalidValue));
        let mut lines = vec![format!("錯誤：{}", wrong(error.kind(), &argument, &value, &named))];
        let valid = named(ContextKind::ValidValue);
        if !valid.is_empty() {
            lines.push(format!("  可用值：{valid}"));
        }
        for kind in [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue]
        {
            let suggested = named(kind);
            if !suggested.is_empty() {
                lines.push(format!("  您是否想輸入 {suggested}？"));
            }
        }
        let usage = named(ContextKind::Usage);
        if !usage.is_empty() {
            lines.push(format!("\n用法: {}", usage.trim_start_matches("Usage:").trim()));
        }
        lines.push("\n`--help` 會顯示說明。".to_owned());
        lines.join("\n")
    }
}

/// The mistake in one sentence.
fn wrong(kind: ErrorKind, argument: &str, value: &str, named: &dyn Fn(ContextKind) -> String) -> String {
    match kind {
        ErrorKind::InvalidValue if value.is_empty() => format!("{argument} 需要一個值"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            format!("{argument} 的值「{value}」不被允許")
        }
        ErrorKind::UnknownArgument => format!("沒有 {argument} 這個參數"),
        ErrorKind::InvalidSubcommand => {
            format!("沒有「{}」這個指令", named(ContextKind::InvalidSubcommand))
        }
        ErrorKind::NoEquals => format!("{argument} 與值之間必須有等號"),
        ErrorKind::TooManyValues => format!("{argument} 不接受更多的值「{value}」"),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => format!("{argument} 的值數目不對"),
        ErrorKind::ArgumentConflict => {
            let prior = named(ContextKind::PriorArg);
            if prior == argument || prior.is_empty() {
                format!("{argument} 只能使用一次")
            } else {
                format!("{argument} 不能與 {prior} 一起使用")
            }
        }
        ErrorKind::MissingRequiredArgument => format!("缺少必要的引數：{argument}"),
        ErrorKind::MissingSubcommand => "缺少指令".to_owned(),
        ErrorKind::InvalidUtf8 => "引數不是 UTF-8 文字".to_owned(),
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayVersion
        | ErrorKind::Io
        | ErrorKind::Format
        | _ => "無法理解這個命令列".to_owned(),
    }
}

fn shown(value: &ContextValue) -> String {
    match value {
        ContextValue::Strings(values) => values.join(", "),
        ContextValue::StyledStr(text) => text.to_string(),
        ContextValue::StyledStrs(texts) => {
            texts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        ContextValue::None => String::new(),
        ContextValue::Bool(_) | ContextValue::String(_) | ContextValue::Number(_) | _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(command: &Command, look: &mut dyn FnMut(&Command)) {
        look(command);
        for sub in command.get_subcommands() {
            walk(sub, look);
        }
    }

    #[test]
    fn every_help_text_is_translated_and_every_translation_is_used() {
        let mut english = Vec::new();
        let mut command = Cli::command();
        command.build();
        walk(&command, &mut |command| {
            english.extend(command.get_about().map(ToString::to_string));
            english.extend(command.get_long_about().map(ToString::to_string));
            for argument in command.get_arguments() {
                english.extend(argument.get_help().map(ToString::to_string));
                english.extend(argument.get_long_help().map(ToString::to_string));
            }
        });
        let missing: Vec<_> = english.iter().filter(|text| super::text(text) == **text).collect();
        assert!(missing.is_empty(), "{missing:#?}");
        let bare: Vec<_> = english.iter().map(|text| text.trim_end_matches('.')).collect();
        let unused: Vec<_> = chinese::TEXTS.iter().filter(|(text, _)| !bare.contains(text)).collect();
        assert!(unused.is_empty(), "{unused:#?}");
    }

    #[test]
    fn no_help_page_has_an_english_sentence() {
        let mut pages = Vec::new();
        walk(&in_chinese(), &mut |command| {
            pages.push((command.get_name().to_owned(), command.clone().render_long_help().to_string()));
        });
        assert!(pages.len() > 40, "{}", pages.len());
        for (name, page) in pages {
            assert!(page.contains("用法: "), "{name}: {page}");
            for line in page.lines().filter(|line| !line.starts_with("用法: ")) {
                let english = crate::words::tests::english(line);
                assert!(english.is_none(), "{name}: {english:?} in {line}");
            }
        }
    }

    #[test]
    fn the_translated_description_reads_the_same_command_lines() {
        for line in [
            "hivemind-worker status",
            "hivemind-worker resume --json",
            "hivemind-worker tasks t-1 --attempt 2 --debug-data",
            "hivemind-worker --language zh-tw settings set cpu_only true",
            "hivemind-worker pool submit a.zip --user u --password p --array 3",
        ] {
            let mine = in_chinese().try_get_matches_from(line.split(' '));
            let theirs = Cli::command().try_get_matches_from(line.split(' '));
            assert_eq!(mine.unwrap(), theirs.unwrap(), "{line}");
        }
    }

    #[test]
    fn wrong_usage_is_told_in_chinese() {
        for (line, expected) in [
            ("hivemind-worker nonsense", "沒有「nonsense」這個指令"),
            ("hivemind-worker status --nonsense", "沒有 --nonsense 這個參數"),
            ("hivemind-worker snooze", "缺少必要的引數：<LENGTH>"),
            ("hivemind-worker timeline --hours 0", "--hours <HOURS> 的值「0」不被允許"),
            ("hivemind-worker --language fr status", "--language <LANGUAGE> 的值「fr」不被允許"),
            ("hivemind-worker support --preview --out x", "--preview 不能與 --out <FILE> 一起使用"),
        ] {
            let error = in_chinese().try_get_matches_from(line.split(' ')).unwrap_err();
            let told = Words(Language::TraditionalChinese).wrong_usage(&error);
            assert!(told.contains(expected), "{line}: {told}");
            assert!(!told.contains("Usage"), "{told}");
        }
    }
}
