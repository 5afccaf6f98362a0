//! `ops/compose/compose.yaml` against the program: every command line in it is one that `egide` takes.
#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::Path;

use egide::help::localised;
use egide::text::Lang;

const COMPOSE: &str = include_str!("../../../ops/compose/compose.yaml");

/// The services of the file with their lines. Commands stand on one line each, as JSON.
fn services() -> BTreeMap<&'static str, Vec<&'static str>> {
    let (_, below) = COMPOSE.split_once("\nservices:\n").expect("services");
    let (below, _) = below.split_once("\nnetworks:\n").expect("networks");
    let mut services: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut current = "";
    for line in below.lines().filter(|line| !line.trim().is_empty()) {
        match line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')) {
            Some(name) => current = name.trim_end_matches(':'),
            None => services.entry(current).or_default().push(line.trim()),
        }
    }
    services
}

fn command(lines: &[&str]) -> Vec<String> {
    let line = lines.iter().find_map(|line| line.strip_prefix("command: ")).expect("a command");
    serde_json::from_str(line).expect("a command is a JSON array")
}

#[test]
fn every_role_stands_there_twice_and_every_command_line_is_taken() {
    let services = services();
    for role in ["ledger", "directory", "disclosure", "audit", "triage"] {
        for instance in [1, 2] {
            let name = format!("{role}-{instance}");
            let lines = services.get(name.as_str()).expect("an instance");
            let words = [vec!["egide".to_owned()], command(lines)].concat();
            assert_eq!(words.get(2).map(String::as_str), Some(role));
            localised(Lang::English).try_get_matches_from(&words).expect("a command line that egide takes");
            assert!(lines.contains(&format!("- \"{name}:/data\"").as_str()), "{name} has a place of its own for state");
            assert!(lines.contains(&format!("aliases: [{role}]").as_str()), "{name} stands behind the role's name");
            let seeds: Vec<_> = lines.iter().filter(|line| line.contains(".seed:")).collect();
            assert_eq!(seeds.len(), 1, "{name} holds one seed");
            assert!(seeds.iter().all(|line| line.contains(&format!("/{role}.seed:"))), "{name} holds its own");
            let wraps = lines.iter().any(|line| line.starts_with("EGIDE_KEY_ENCRYPTION_KEY"));
            assert_eq!(wraps, role == "ledger", "{name} and the key that wraps keys");
        }
    }
    let lines = services.get("notifier-1").expect("a notifier");
    let words = [vec!["egide".to_owned()], command(lines)].concat();
    localised(Lang::English).try_get_matches_from(&words).expect("a command line that egide takes");
    assert!(!lines.iter().any(|line| line.contains(".seed:") || *line == "log: {}"), "the notifier has no way to nats");
    for server in ["nats-1", "nats-2", "nats-3"] {
        assert_eq!(command(services.get(server).expect("a server")), ["-c", "/etc/nats/server.conf"]);
    }
    assert_eq!(services.len(), 14, "nobody else is there");
}

#[test]
fn no_secret_stands_in_the_file() {
    for line in COMPOSE.lines().filter(|line| line.contains("_KEY: ")) {
        let named = line.contains("EGIDE_TLS_KEY") || line.contains(":?");
        assert!(named, "a secret comes from the environment: {line}");
    }
    assert!(!COMPOSE.contains("administrator") && !COMPOSE.contains("system.seed"), "no role holds those");
    assert!(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../ops/compose/README.md")).exists());
}
