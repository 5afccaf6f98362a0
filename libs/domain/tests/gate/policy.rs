//! The tables as shipped, and what is refused of others.

use crate::story::POLICY;
use egide_domain::policy::{PolicyFile, PolicyFiles, RegimeDuty, Wording, WordingLanguage};
use egide_domain::statute::Duty;
use egide_domain::vocabulary::{
    AgeBand, ConsentMethod, ExceptionKind, Jurisdiction, ObligationKind, Purpose, RecipientKind,
};
use egide_domain::{Ages, Policy, PolicyError, Set, Timestamp};
use serde_json::{Value, json};

/// The shipped tables, changed: policy, statutes, regimes.
pub(crate) fn changed(change: impl FnOnce([&mut Value; 3])) -> Result<Policy, PolicyError> {
    let mut files: Vec<_> = PolicyFiles::embedded().iter().collect();
    let read = |file: &PolicyFile| serde_json::from_str::<Value>(&file.text).unwrap();
    let mut tables = files.iter().map(read);
    let mut next = || tables.next().unwrap();
    let (mut policy, mut statutes, mut regimes) = (next(), next(), next());
    change([&mut policy, &mut statutes, &mut regimes]);
    for (file, table) in files.iter_mut().zip([policy, statutes, regimes]) {
        file.text = serde_json::to_string_pretty(&table).unwrap().into();
    }
    Policy::from_files(&PolicyFiles::collect(files)?)
}

#[track_caller]
fn refused_of(change: impl FnOnce([&mut Value; 3]), in_file: &str, at: &str) {
    match changed(change) {
        Err(PolicyError::Value { path, file, line, .. }) => {
            assert_eq!((&*file, &*path), (in_file, at));
            assert!(line > 1 || at.is_empty(), "`{at}` has a line of its own");
        }
        Err(other) => panic!("refused for another reason than `{at}`: {other}"),
        Ok(_) => panic!("must be refused at `{at}`"),
    }
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Value, &mut Value), at: &str) {
    let in_file = if at.starts_with("rows") { "statutes.json" } else { "policy.json" };
    refused_of(|[policy, statutes, _]| change(policy, statutes), in_file, at);
}

#[track_caller]
fn refused_regimes(change: impl FnOnce(&mut Value), at: &str) {
    refused_of(|[_, _, regimes]| change(regimes), "regimes.json", at);
}

#[test]
fn the_shipped_tables_are_valid_and_complete() {
    assert_eq!(&**POLICY.version(), "2026-11-22.2");
    assert_eq!(POLICY.statutes_version(), "2026-11-22");
    let places: Vec<_> = POLICY.statutes().iter().map(|row| row.jurisdiction).collect();
    assert_eq!(places.len(), 13);
    for place in Jurisdiction::ALL {
        assert_eq!(places.contains(place), *place != Jurisdiction::Abroad, "{place}");
    }
}

#[test]
fn rows_are_verified_only_where_their_source_was_seen_or_is_sure() {
    for row in POLICY.statutes() {
        let sure = row.confidence.starts_with("seen") || row.confidence == "secondary, high";
        assert_eq!(row.verified, sure, "{}", row.id);
    }
}

#[test]
fn ontario_makes_a_report_optional_at_16_and_17() {
    let row = POLICY.statutes().iter().find(|row| row.jurisdiction == Jurisdiction::On).unwrap();
    assert_eq!(row.duty(Some(Ages::of(AgeBand::Under16))), Duty::Mandatory);
    assert_eq!(row.duty(Some(Ages::of(AgeBand::From16To17))), Duty::Optional);
    assert_eq!(row.duty(Some(Ages::of(AgeBand::Minor))), Duty::None, "which of the two is not known");
    assert_eq!(row.duty(Some(Ages::of(AgeBand::Adult))), Duty::None);
    assert_eq!(row.duty(None), Duty::None);
}

#[test]
fn a_row_is_in_force_from_its_day_to_before_its_last() {
    let policy = changed(|[_, statutes, _]| {
        statutes["rows"][0]["effective_from"] = json!("2026-01-01");
        statutes["rows"][0]["effective_until"] = json!("2026-02-01");
    })
    .unwrap();
    let row = &policy.statutes()[0];
    let day = |date| Timestamp::from_date(date).unwrap();
    assert!(!row.in_force(Timestamp(day("2026-01-01").0 - 1)));
    assert!(row.in_force(day("2026-01-01")));
    assert!(row.in_force(Timestamp(day("2026-02-01").0 - 1)));
    assert!(!row.in_force(day("2026-02-01")));
}

#[test]
fn what_is_in_no_row_is_not_allowed() {
    assert_eq!(POLICY.ceiling(Purpose::Investigation, RecipientKind::SupportService), None);
    assert_eq!(POLICY.ceiling(Purpose::SupportService, RecipientKind::InvestigatingAgency), None);
    assert_eq!(POLICY.statutory_agreement(RecipientKind::SupportService, Purpose::SupportService), None);
}

#[test]
fn a_table_that_breaks_a_promise_is_refused_with_its_path() {
    refused(|policy, _| policy["version"] = json!(""), "version");
    refused(|policy, _| policy["periods"]["decision_life_hours"] = json!(0), "periods.decision_life_hours");
    refused(|policy, _| policy["ceilings"][1] = policy["ceilings"][0].clone(), "ceilings[0]");
    refused(|policy, _| policy["anonymous"]["identity"] = json!("facts_only"), "anonymous");
    refused(|policy, _| policy["anonymous"]["situation"] = json!("whole"), "anonymous");
    refused(
        |policy, _| policy["report_consent"]["potential_victim"]["contact"] = json!("whole"),
        "report_consent.potential_victim",
    );
    let ceiling = "exceptions[0].recipients[0].ceiling";
    refused(
        |policy, _| policy["exceptions"][0]["recipients"][0]["ceiling"]["immigration"] = json!("facts_only"),
        ceiling,
    );
    refused(|policy, _| policy["exceptions"][1] = policy["exceptions"][0].clone(), "exceptions");
    refused(|policy, _| policy["exceptions"][0]["life_hours"] = json!(0), "exceptions[0].life_hours");
    refused(|policy, _| policy["exceptions"][0]["grounds"] = json!([]), "exceptions[0].grounds");
    refused(
        |policy, _| policy["exceptions"][2]["recipients"][0]["break_glass"] = json!(true),
        "exceptions[2].recipients[0].break_glass",
    );
    refused(
        |policy, _| policy["exceptions"][2]["instruments"][0]["instrument"] = json!("defence_subpoena"),
        "exceptions[2].instruments",
    );
    refused(
        |policy, _| policy["exceptions"][2]["instruments"][2]["recipients"] = json!(["court", "investigating_agency"]),
        "exceptions[2].instruments",
    );
    refused(
        |policy, _| policy["exceptions"][2]["instruments"][1] = policy["exceptions"][2]["instruments"][0].clone(),
        "exceptions[2].instruments",
    );
    refused(
        |policy, _| policy["exceptions"][0]["recipients"][1] = policy["exceptions"][0]["recipients"][0].clone(),
        "exceptions[0].recipients[0]",
    );
    refused(
        |policy, _| {
            let row = &mut policy["exceptions"][2]["recipients"][0];
            (row["recipient"], row["purpose"]) = (json!("investigating_agency"), json!("investigation"));
        },
        "exceptions[2].recipients[0].purpose",
    );
    refused(
        |policy, _| policy["statutory_agreements"][1] = policy["statutory_agreements"][0].clone(),
        "statutory_agreements[0]",
    );
    refused(
        |policy, _| policy["statute_recipients"]["ceiling"]["finances"] = json!("whole"),
        "statute_recipients.ceiling",
    );
    refused(|policy, _| policy["ceilings"][0]["ceiling"]["record_keeping"] = json!("whole"), "ceilings[0].ceiling");
    refused(|policy, _| policy["ceilings"][0]["ceiling"]["narrative"] = json!("generalised"), "ceilings[0].ceiling");
    refused(
        |policy, _| policy["statute_recipients"]["ceiling"]["narrative"] = json!("whole"),
        "statute_recipients.ceiling",
    );
    refused(
        |policy, _| policy["exceptions"][0]["recipients"][0]["ceiling"]["narrative"] = json!("whole"),
        "exceptions[0].recipients[0].ceiling",
    );
    refused(
        |policy, _| policy["report_consent"]["potential_victim"]["narrative"] = json!("whole"),
        "report_consent.potential_victim",
    );
    refused(
        |policy, _| policy["statutory_agreements"][0]["categories"] = json!(["narrative"]),
        "statutory_agreements[0].categories",
    );
    refused(|_, statutes| statutes["rows"][1]["id"] = statutes["rows"][0]["id"].clone(), "rows[0].id");
    refused(|_, statutes| statutes["rows"][0]["jurisdiction"] = json!("abroad"), "rows[0].jurisdiction");
    refused(|_, statutes| statutes["rows"][6]["verified"] = json!(true), "rows[6].verified");
    refused(|_, statutes| statutes["rows"][0]["source"] = json!(""), "rows[0].verified");
}

#[test]
fn hours_minors_and_approvals_keep_their_bounds() {
    refused(|policy, _| policy["daytime"]["from"] = json!(7), "daytime");
    refused(|policy, _| policy["evening"] = json!({"from": 21, "until": 25}), "evening");
    refused(|policy, _| policy["evening"] = json!({"from": 22, "until": 22}), "evening");
    let minors = "mature_minors[0]";
    refused(
        |policy, _| policy["mature_minors"][0]["purposes"] = json!(["investigation"]),
        &format!("{minors}.purposes"),
    );
    refused(|policy, _| policy["mature_minors"][0]["from_age"] = json!(11), &format!("{minors}.from_age"));
    refused(|policy, _| policy["mature_minors"][0]["from_age"] = json!(18), &format!("{minors}.from_age"));
    refused(|policy, _| policy["mature_minors"][0]["recipients"] = json!(["court"]), &format!("{minors}.recipients"));
    refused(|policy, _| policy["mature_minors"][0]["jurisdictions"] = json!([]), &format!("{minors}.jurisdictions"));
    refused(
        |policy, _| policy["mature_minors"][0]["standing"]["source"] = json!(""),
        "mature_minors[0].standing.verified",
    );
    refused(|policy, _| policy["mature_minors"][0]["id"] = json!(""), "mature_minors[0].id");
    refused(
        |policy, _| policy["mature_minors"][1]["id"] = policy["mature_minors"][0]["id"].clone(),
        "mature_minors[0].id",
    );
    refused(
        |policy, _| {
            let standing = &mut policy["mature_minors"][0]["standing"];
            (standing["effective_from"], standing["effective_until"]) = (json!("2026-11-22"), json!("2026-11-22"));
        },
        "mature_minors[0].standing.effective_until",
    );
    refused(|policy, _| policy["approvals"][0]["id"] = json!(""), "approvals[0].id");
    refused(|policy, _| policy["approvals"][1]["id"] = policy["approvals"][0]["id"].clone(), "approvals[0].id");
    refused(|policy, _| policy["approvals"][0]["id"] = json!("consent-condition"), "approvals[0].id");
    refused(|policy, _| policy["approvals"][1]["bases"] = json!([]), "approvals[1].bases");
    refused(|policy, _| policy["approvals"][0]["roles"] = json!(["responder"]), "approvals[0].roles");
    refused(|policy, _| policy["approvals"][0]["life_hours"] = json!(0), "approvals[0].life_hours");
    refused(|policy, _| policy["approvals"][0]["categories"] = json!(["record_keeping"]), "approvals[0].categories");
    refused(|policy, _| policy["approval_on_condition"]["roles"] = json!([]), "approval_on_condition.roles");
    refused(|policy, _| policy["exceptions"][2]["responder_alone"] = json!(true), "exceptions[2].responder_alone");
    refused(|policy, _| policy["periods"]["age_assessment_hours"] = json!(0), "periods.age_assessment_hours");
}

#[test]
fn a_regime_is_named_only_with_a_row_and_a_row_counts_only_with_a_source() {
    refused_regimes(|regimes| regimes["rows"][0]["id"] = json!(""), "rows[0].id");
    refused_regimes(|regimes| regimes["rows"][1]["id"] = regimes["rows"][0]["id"].clone(), "rows[0].id");
    refused_regimes(|regimes| drop(regimes["rows"].as_array_mut().unwrap().remove(0)), "named");
    refused_regimes(|regimes| regimes["rows"][0]["jurisdictions"] = json!(["on"]), "rows[0].jurisdictions");
    refused_regimes(|regimes| regimes["rows"][1]["jurisdictions"] = json!([]), "rows[1].jurisdictions");
    refused_regimes(|regimes| regimes["rows"][1]["exceptions"] = json!([]), "rows[1].exceptions");
    refused_regimes(|regimes| regimes["rows"][1]["standing"]["source"] = json!(""), "rows[1].standing.verified");
}

#[test]
fn regimes_oblige_where_they_are_named_verified_and_in_force() {
    let now = Timestamp::from_date("2026-11-22").unwrap();
    let danger = |policy: &Policy, place| policy.regime_duties(ExceptionKind::ImminentDanger, Set::only(place), now);
    let inform = Set::only(RegimeDuty::InformPerson);
    let both = inform.union(Set::only(RegimeDuty::EnterInRegister));
    assert_eq!(danger(&POLICY, Jurisdiction::Qc), both);
    assert_eq!(danger(&POLICY, Jurisdiction::Bc), inform, "by the federal act; the unverified row adds nothing");
    let unknown = POLICY.regime_duties(ExceptionKind::ImminentDanger, Set::EMPTY, now);
    assert_eq!(unknown, inform);
    for kind in [ExceptionKind::Minor, ExceptionKind::LegalRequirement] {
        assert!(POLICY.regime_duties(kind, Set::all(), now).is_empty(), "{kind}");
    }
    let unnamed = changed(|[_, _, regimes]| regimes["named"] = json!(["qc_p39_1", "bc_pipa"])).unwrap();
    assert_eq!(danger(&unnamed, Jurisdiction::Qc), Set::only(RegimeDuty::EnterInRegister));
    assert!(danger(&unnamed, Jurisdiction::Bc).is_empty(), "nobody verified that row");
    let ended = changed(|[_, _, regimes]| {
        regimes["rows"][0]["standing"]["effective_until"] = json!("2026-11-22");
    })
    .unwrap();
    assert!(danger(&ended, Jurisdiction::On).is_empty(), "its end is exclusive");
}

#[test]
fn a_young_person_consents_alone_where_a_row_covers_every_place_and_the_certain_age() {
    let now = Timestamp::from_date("2026-11-22").unwrap();
    let support = RecipientKind::SupportService;
    let covers = |policy: &Policy, purpose, recipient, places: &[Jurisdiction], age| {
        policy.mature_minor(purpose, recipient, places.iter().copied().collect(), age, now).is_some()
    };
    let both = [Jurisdiction::On, Jurisdiction::Qc];
    assert!(covers(&POLICY, Purpose::SupportService, support, &both, 16));
    assert!(!covers(&POLICY, Purpose::SupportService, support, &both, 15));
    assert!(!covers(&POLICY, Purpose::SupportService, support, &[], 17), "nowhere known");
    assert!(!covers(&POLICY, Purpose::SupportService, support, &[Jurisdiction::Abroad], 17));
    assert!(!covers(&POLICY, Purpose::SupportService, RecipientKind::ForeignHotline, &both, 17));
    assert!(!covers(&POLICY, Purpose::Investigation, RecipientKind::InvestigatingAgency, &both, 17));
    assert!(!covers(&POLICY, Purpose::SupportService, support, &[Jurisdiction::Qc], 14), "nobody verified that row");
    let verified = changed(|[policy, _, _]| policy["mature_minors"][1]["standing"]["verified"] = json!(true)).unwrap();
    assert!(covers(&verified, Purpose::SupportService, support, &[Jurisdiction::Qc], 14));
    assert!(!covers(&verified, Purpose::SupportService, support, &both, 14), "one row covers all places, or none does");
}

#[test]
fn a_row_counts_from_its_first_day_to_before_its_last() {
    let day = |date: &str| Timestamp::from_date(date).unwrap();
    let dated = changed(|[policy, _, _]| {
        let standing = &mut policy["mature_minors"][0]["standing"];
        (standing["effective_from"], standing["effective_until"]) = (json!("2026-03-01"), json!("2026-09-01"));
    })
    .unwrap();
    let covers = |now: Timestamp| {
        let on = Set::only(Jurisdiction::On);
        dated.mature_minor(Purpose::SupportService, RecipientKind::SupportService, on, 16, now).is_some()
    };
    let (first, last) = (day("2026-03-01"), day("2026-09-01"));
    assert!(!covers(Timestamp(first.0 - 1)) && covers(first));
    assert!(covers(Timestamp(last.0 - 1)) && !covers(last) && !covers(Timestamp(last.0 + 1)));
}

#[test]
fn the_shipped_approvals_are_those_the_hotline_proposes() {
    let of = |kind, purpose| -> Vec<&str> {
        POLICY.approvals().iter().filter(|row| row.concerns(kind, purpose)).map(|row| &*row.id).collect()
    };
    assert_eq!(of(RecipientKind::ForeignHotline, Purpose::SupportService), ["foreign-hotline"]);
    let investigation = of(RecipientKind::InvestigatingAgency, Purpose::Investigation);
    assert_eq!(investigation, ["status-or-health-to-investigators"]);
    assert!(of(RecipientKind::InvestigatingAgency, Purpose::EmergencyResponse).is_empty(), "nothing waits then");
    let kinds = [ExceptionKind::Minor, ExceptionKind::ImminentDanger, ExceptionKind::LegalRequirement];
    let alone = kinds.map(|kind| POLICY.exception(kind).unwrap().responder_alone);
    assert_eq!(alone, [true, true, false]);
}

#[test]
fn every_duty_with_a_clock_has_its_period() {
    for kind in ObligationKind::ALL {
        let without = matches!(kind, ObligationKind::AnswerInstrument | ObligationKind::SafeContact);
        assert_eq!(POLICY.periods().of(*kind).is_none(), without, "{kind}");
    }
}

#[test]
fn an_unknown_field_or_value_is_refused_with_its_line() {
    let error = changed(|[policy, _, _]| policy["override"] = json!(true)).unwrap_err();
    assert!(error.to_string().starts_with("`policy.json` line "), "{error}");
    assert!(!error.to_string().contains(" at line "), "{error}");
    let error = changed(|[_, statutes, _]| statutes["rows"][0]["recipients"] = json!(["everybody"])).unwrap_err();
    assert!(matches!(&error, PolicyError::Form { file, line, .. } if file == "statutes.json" && *line > 5), "{error}");
    let error = changed(|[_, _, regimes]| regimes["rows"][0]["standing"]["sure"] = json!(1)).unwrap_err();
    assert!(error.to_string().contains("unknown field `sure`"), "{error}");
}

#[test]
fn a_wrong_value_is_told_with_file_line_and_column() {
    let shipped = PolicyFiles::embedded();
    let files = shipped.iter().map(|file| match &*file.name {
        "policy.json" => {
            PolicyFile { text: file.text.replace("\"life_hours\": 24,", "\"life_hours\": 0,").into(), ..file }
        }
        _ => file,
    });
    let error = Policy::from_files(&PolicyFiles::collect(files).unwrap()).unwrap_err();
    let lines = shipped.iter().next().unwrap().text.lines().position(|line| line.contains("\"life_hours\": 24,"));
    let expected = format!(
        "`policy.json` line {}, column 21: `exceptions[1].life_hours`: must be longer than nothing",
        lines.unwrap() + 1
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn files_are_put_together_whole_or_not_at_all() {
    let all: Vec<_> = PolicyFiles::embedded().iter().collect();
    assert_eq!(PolicyFiles::collect(all.iter().rev().cloned()).unwrap(), PolicyFiles::embedded());
    let why = |files: Vec<PolicyFile>| PolicyFiles::collect(files).unwrap_err().to_string();
    assert_eq!(why(all[1..].to_vec()), "`policy.json`: is missing");
    assert_eq!(why([&all[..], &all[3..4]].concat()), "`wordings/chat-en-3.md`: stands twice");
    assert_eq!(why([&all[..], &all[1..2]].concat()), "`statutes.json`: stands twice");
    let other = PolicyFile { name: "notes.txt".into(), text: "".into() };
    assert_eq!(why([&all[..], &[other]].concat()), "`notes.txt`: is no file of a policy");
}

#[test]
fn every_wording_exists_in_both_languages_and_is_read_as_it_is_named() {
    for method in ConsentMethod::ALL {
        for language in WordingLanguage::ALL {
            let name = format!("{method}-{language}/3");
            let wording = POLICY.wording(&name).unwrap_or_else(|| panic!("no wording `{name}`"));
            assert_eq!((wording.method, wording.language, wording.number), (*method, *language, 3));
            assert_eq!(Wording::file_name(&name), format!("wordings/{method}-{language}-3.md"));
        }
    }
    assert_eq!(POLICY.wording("spoken-en/2"), None);
    for name in
        ["sung-en-1.md", "spoken-de-1.md", "spoken-en-01.md", "spoken-en.md", "spoken-en-1.txt", "spoken-en-0.md"]
    {
        let file = PolicyFile { name: format!("wordings/{name}").into(), text: "text".into() };
        let files = PolicyFiles::collect(PolicyFiles::embedded().iter().chain([file])).unwrap();
        assert!(matches!(Policy::from_files(&files), Err(PolicyError::File { .. })), "{name}");
    }
}

#[test]
fn a_wording_has_a_bound() {
    let read = |bytes: usize| {
        let file = PolicyFile { name: "wordings/spoken-en-7.md".into(), text: "x".repeat(bytes).into() };
        let files = PolicyFiles::collect(PolicyFiles::embedded().iter().chain([file])).unwrap();
        Policy::from_files(&files).is_ok()
    };
    assert!(read(8_192));
    assert!(!read(8_193));
    assert!(!read(0));
}

/// What is digested is every text, and name and text of each wording, in this order.
#[test]
fn a_policys_digest_is_of_all_its_texts() {
    let files = PolicyFiles::embedded();
    let all: Vec<PolicyFile> = files.iter().collect();
    let (tables, wordings) = all.split_at(3);
    let mut expected: Vec<&[u8]> = tables.iter().map(|file| file.text.as_bytes()).collect();
    expected.extend(wordings.iter().flat_map(|file| [file.name.as_bytes(), file.text.as_bytes()]));
    assert_eq!(files.digest_parts(), expected);
    assert!(expected.len() > 3);
}

#[test]
fn all_rows_can_be_looked_at() {
    let json = |name: &str| -> Value {
        let files = PolicyFiles::embedded();
        let file = files.iter().find(|file| &*file.name == name).unwrap();
        serde_json::from_str(&file.text).unwrap()
    };
    let rows = |table: &Value, name: &str| table[name].as_array().unwrap().len();
    assert_eq!(POLICY.ceilings().len(), rows(&json("policy.json"), "ceilings"));
    assert_eq!(POLICY.regime_rows().len(), rows(&json("regimes.json"), "rows"));
    let wordings = PolicyFiles::embedded().iter().filter(|file| file.name.starts_with("wordings/")).count();
    assert_eq!(POLICY.wordings().len(), wordings);
}

/// A frightened person understands it when it is read out: short sentences, none of the words of this trade.
#[test]
fn wordings_are_plain() {
    for wording in POLICY.wordings() {
        let words = |sentence: &str| sentence.split_whitespace().count();
        for sentence in wording.text.split(['.', '?', ':', ';', '☐', '\n']) {
            assert!(words(sentence) <= 36, "{}: `{sentence}`", wording.name);
        }
        let text = wording.text.to_lowercase();
        for word in ["disclos", "pursuant", "consent", "data", "divulg", "consentement", "données", "mandat"] {
            assert!(!text.contains(word), "{}: `{word}`", wording.name);
        }
    }
}

/// The list of files in the source is the folder's.
#[test]
fn every_file_of_the_folder_is_embedded() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ops/policy");
    let names = |folder: std::path::PathBuf, before: &str| -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        files.map(|entry| format!("{before}{}", entry.file_name().to_str().unwrap())).collect()
    };
    let mut found = names(folder.clone(), "");
    found.extend(names(folder.join("wordings"), "wordings/"));
    let mut embedded: Vec<_> = PolicyFiles::embedded().iter().map(|file| file.name.to_string()).collect();
    found.sort();
    embedded.sort();
    assert_eq!(embedded, found);
}
