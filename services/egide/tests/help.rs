//! Help and usage errors in both languages: everything is explained, nothing is left in clap's English.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use clap::Command;
use egide::help::{lang_of, localised, mistake};
use egide::text::Lang;

fn each(command: &Command, path: &str, visit: &mut impl FnMut(&str, &Command)) {
    visit(path, command);
    for inner in command.get_subcommands() {
        each(inner, &format!("{path}.{}", inner.get_name()), visit);
    }
}

#[test]
fn every_command_and_argument_is_explained_in_both_languages() {
    for lang in Lang::ALL {
        let mut count = 0;
        each(&localised(lang), "help", &mut |path, command| {
            assert!(lang.find(path).is_some(), "`{path}` has no text");
            for argument in command.get_arguments() {
                let id = argument.get_id().as_str();
                let own = lang.find(&format!("{path}.{id}")).or_else(|| lang.find(&format!("arg.{id}")));
                assert!(own.is_some(), "`{path}.{id}` has no text");
                assert!(argument.get_help().unwrap().to_string().starts_with(own.unwrap()), "{path}.{id}");
                count += 1;
            }
        });
        assert!(count > 100);
    }
}

#[test]
fn every_explanation_explains_something() {
    let mut used = BTreeSet::new();
    each(&localised(Lang::English), "help", &mut |path, command| {
        used.extend(["", ".after"].map(|part| format!("{path}{part}")));
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            let own = format!("{path}.{id}");
            used.insert(if Lang::English.find(&own).is_some() { own } else { format!("arg.{id}") });
        }
    });
    used.extend(egide::exit::Exit::ALL.map(|exit| format!("help.exit.{}", exit.code())));
    let texts: BTreeMap<String, String> = serde_json::from_str(include_str!("../texts/help.en.json")).unwrap();
    let idle: Vec<&String> = texts.keys().filter(|key| !used.contains(*key)).collect();
    assert!(idle.is_empty(), "{idle:?}");
}

/// Two arguments of one id are one to clap, which then reads the one as what the other is.
#[test]
fn no_command_takes_the_id_of_an_option_of_every_command() {
    let tree = localised(Lang::English);
    let everywhere: BTreeSet<String> =
        tree.get_arguments().filter(|known| known.is_global_set()).map(|known| known.get_id().to_string()).collect();
    assert!(everywhere.len() > 5);
    each(&tree, "help", &mut |path, command| {
        if path != "help" {
            let taken = command.get_arguments().find(|known| everywhere.contains(known.get_id().as_str()));
            assert!(taken.is_none_or(clap::Arg::is_global_set), "{path}: {:?}", taken.map(clap::Arg::get_id));
        }
    });
}

#[test]
fn the_tree_is_one_that_clap_accepts() {
    localised(Lang::English).debug_assert();
    localised(Lang::French).debug_assert();
}

#[test]
fn french_help_holds_nothing_of_claps_own() {
    let mut tree = localised(Lang::French);
    tree.build();
    each(&tree, "help", &mut |path, command| {
        let help = command.clone().render_help().to_string();
        for english in ["Usage:", "Commands:", "[default", "[possible", "[env", "Print "] {
            assert!(!help.contains(english), "`{path}` says `{english}`:\n{help}");
        }
        assert!(help.contains("Utilisation\u{a0}:"), "{help}");
    });
}

#[test]
fn every_exit_code_stands_in_the_help() {
    for lang in Lang::ALL {
        let help = localised(lang).render_help().to_string();
        for exit in egide::exit::Exit::ALL {
            let key = format!("help.exit.{}", exit.code());
            assert!(help.contains(&format!("{:>2}  {}", exit.code(), lang.find(&key).unwrap())), "{key}");
        }
    }
}

fn refused(line: &str, lang: Lang) -> String {
    let error = localised(lang).try_get_matches_from(line.split(' ')).unwrap_err();
    mistake(&error, lang)
}

#[test]
fn mistakes_are_told_in_french_with_what_would_have_been_right() {
    let told = refused("egide histroy", Lang::French);
    assert!(told.contains("`histroy`") || told.contains("histroy n’est pas une commande"), "{told}");
    assert!(told.contains("history"), "{told}");
    let told = refused("egide history --outcome maybe", Lang::French);
    assert!(told.contains("`maybe`") && told.contains("permit, deny"), "{told}");
    let told = refused("egide disclose", Lang::French);
    assert!(told.contains("il manque") && told.contains("--purpose"), "{told}");
    let told = refused("egide case show --opne 6f6c1d3c-9d0c-4f2e-8f6b-0d9a6f2b1c11 --reason audit", Lang::French);
    assert!(told.contains("--open"), "{told}");
    for told in [refused("egide", Lang::French), refused("egide account 1 2", Lang::French)] {
        assert!(!told.contains("error:") && told.contains("erreur\u{a0}: "), "{told}");
        assert!(told.contains("--help"), "{told}");
    }
}

#[test]
fn the_language_is_known_before_the_line_is_read() {
    let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
    let none = |_: &str| None;
    assert_eq!(lang_of(&words("egide histroy --lang fr"), none), Lang::French);
    assert_eq!(lang_of(&words("egide --lang=fr"), none), Lang::French);
    assert_eq!(lang_of(&words("egide -- --lang fr"), none), Lang::English);
    let french = |name: &str| (name == "LANG").then(|| "fr_CA.UTF-8".to_owned());
    assert_eq!(lang_of(&words("egide"), french), Lang::French);
    assert_eq!(lang_of(&words("egide --lang en"), french), Lang::English);
}
