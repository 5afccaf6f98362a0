//! Finding a caller's case, and taking back by telephone: what is proved, what is never told, and what is written.

use std::path::Path;
use std::time::{Duration, Instant};

use egide_crypto::digest::sha256;
use egide_eventlog::{Bucket, BucketConfig, Connection};
use egide_servicekit::clock;
use egide_testkit::{PATIENCE, fresh_id, wait_until, within};
use egide_wire::proto::egide::audit::v1::access_event::Payload as Access;
use egide_wire::proto::egide::audit::v1::{
    AccessEvent, AccessReason, AccessRecorded, AccessScope, SearchTerm, WithdrawalUnmatched,
};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::ledger::v1::*;
use prost::Message as _;
use tonic::{Code, Status};

use crate::house::*;

const PHRASE: &str = "Trois hérons bleus au lac";
const REASON: i32 = AccessReason::WorkingTheCase as i32;

/// Opens a case in which somebody is recorded with a name and a telephone number; case and person.
async fn caller_recorded(client: &mut Client, given: &str, family: &str, phone: &str) -> (String, String) {
    let (case, person) = (open_case(client).await, fresh_id());
    let identified = PersonIdentified {
        subject_id: person.clone(),
        roles: vec![PersonRole::Caller.into()],
        given_names: given.to_owned(),
        family_name: family.to_owned(),
        ..PersonIdentified::default()
    };
    let contact = ContactRecorded {
        subject_id: person.clone(),
        phones: vec![phone.to_owned()],
        safe_contact: Some(SafeContact { permission: ContactPermission::DoNotContact.into(), rules: Vec::new() }),
        ..ContactRecorded::default()
    };
    let events = [Payload::PersonIdentified(identified), Payload::ContactRecorded(contact)];
    acknowledged(client, events.map(|payload| new_event(&case, payload)).into()).await;
    (case, person)
}

async fn number_of(callers: &mut Callers, case: &str, person: &str) -> String {
    let request = AssignNumberRequest {
        command_id: fresh_id(),
        case_id: case.to_owned(),
        subject_id: person.to_owned(),
        reason: REASON,
    };
    callers.assign_number(request).await.unwrap().into_inner().number
}

fn choosing(case: &str, person: &str, phrase: &str) -> ChoosePhraseRequest {
    ChoosePhraseRequest {
        command_id: fresh_id(),
        case_id: case.to_owned(),
        subject_id: person.to_owned(),
        phrase: phrase.to_owned(),
        current_phrase: String::new(),
    }
}

fn recognising(number: &str, phrase: &str) -> RecogniseCallerRequest {
    RecogniseCallerRequest { number: number.to_owned(), phrase: phrase.to_owned(), reason: REASON }
}

fn finding(phone: &str, name: &str) -> FindCasesRequest {
    FindCasesRequest { phone: phone.to_owned(), name: name.to_owned(), reason: REASON }
}

fn by_number(number: &str, phrase: &str) -> WithdrawByCallerRequest {
    let (number, phrase) = (number.to_owned(), phrase.to_owned());
    WithdrawByCallerRequest { command_id: fresh_id(), number, phrase, reason: REASON, ..Default::default() }
}

fn by_terms(phone: &str, name: &str) -> WithdrawByCallerRequest {
    let (phone, name) = (phone.to_owned(), name.to_owned());
    WithdrawByCallerRequest { command_id: fresh_id(), phone, name, reason: REASON, ..Default::default() }
}

async fn recognised(callers: &mut Callers, number: &str, phrase: &str) -> Option<FoundCase> {
    match callers.recognise_caller(recognising(number, phrase)).await {
        Ok(answer) => answer.into_inner().found,
        Err(status) => {
            assert_eq!((status.code(), status.details().len()), (Code::NotFound, 0), "{status}");
            None
        }
    }
}

async fn candidates(callers: &mut Callers, phone: &str, name: &str) -> Vec<String> {
    let answer = callers.find_cases(finding(phone, name)).await.unwrap().into_inner();
    answer.candidates.into_iter().map(|found| found.case_id).collect()
}

/// Everything withdrawn in a case: whose, and what the caller gave.
async fn withdrawals(house: &House, case: &str) -> Vec<(String, CallerGave)> {
    let mut found = Vec::new();
    for block in house.log().await {
        for (_, _, event) in block.events().filter(|(_, _, event)| event.stream_id == case) {
            let Some(Payload::ConsentWithdrawn(withdrawn)) = CaseEvent::decode(&*event.facts).unwrap().payload else {
                continue;
            };
            found.push((withdrawn.subject_id.clone(), withdrawn.caller_gave()));
        }
    }
    found
}

async fn access_events(house: &House) -> Vec<Access> {
    let blocks = house.log().await;
    let events = blocks.iter().flat_map(|block| block.events());
    let access = events.filter(|(_, _, event)| event.area() == Area::Access);
    access.map(|(_, _, event)| AccessEvent::decode(&*event.facts).unwrap().payload.unwrap()).collect()
}

async fn searches(house: &House) -> Vec<AccessRecorded> {
    let access = access_events(house).await.into_iter();
    access.filter_map(|event| if let Access::AccessRecorded(access) = event { Some(access) } else { None }).collect()
}

async fn unmatched(house: &House) -> Vec<WithdrawalUnmatched> {
    let access = access_events(house).await.into_iter();
    access.filter_map(|event| if let Access::WithdrawalUnmatched(event) = event { Some(event) } else { None }).collect()
}

async fn commits(house: &House) -> usize {
    house.log().await.iter().map(|block| block.commits().count()).sum()
}

/// Shreds a person, as a supervisor orders it.
async fn shred(house: &House, url: &str, case: &str, person: &str) {
    let shredded = KeyShredded {
        scope: ShredScope::Person.into(),
        subject_id: person.to_owned(),
        ground: ShredGround::RecordedInError.into(),
        ..KeyShredded::default()
    };
    acknowledged(&mut house.supervisor(url), vec![new_event(case, Payload::KeyShredded(shredded))]).await;
}

async fn find_bucket(house: &House) -> Bucket {
    let connection = Connection::open(&house.nats()).await.unwrap();
    Bucket::open_find(connection, &BucketConfig { create: false, replicas: 1 }).await.unwrap()
}

#[tokio::test]
async fn number_and_phrase_prove_who_calls_on_any_ledger_and_nothing_less_does() {
    let mut house = House::new().await;
    let (one, other) = (house.start("one", clock::now).await, house.start("two", clock::now).await);
    let mut desk = house.responder(&one);
    let (case, person) = caller_recorded(&mut desk, "Ana", "Cruz", "613-555-0100").await;
    let (mut here, mut there) = (house.on_the_phone(&one), house.on_the_phone(&other));
    let number = number_of(&mut here, &case, &person).await;
    assert_eq!(number.split(' ').map(str::len).collect::<Vec<_>>(), [4, 3, 3]);
    assert_eq!(number_of(&mut there, &case, &person).await, number, "a case has one number");
    assert!(recognised(&mut here, &number, PHRASE).await.is_none(), "no phrase was chosen yet");
    here.choose_phrase(choosing(&case, &person, PHRASE)).await.unwrap();
    let found = recognised(&mut there, &number.replace(' ', "-"), "TROIS HERONS BLEUS, AU LAC!").await.unwrap();
    assert_eq!((found.case_id.as_str(), found.subject_id.as_str()), (case.as_str(), person.as_str()));
    assert!(found.jurisdiction() == Jurisdiction::On && !found.closed && found.opened_month.len() == 7);
    assert!(recognised(&mut there, &number, "trois hérons blancs au lac").await.is_none());
    let other_case = open_case(&mut desk).await;
    let other_number = number_of(&mut here, &other_case, "").await;
    assert_ne!(other_number, number);
    assert!(recognised(&mut there, &other_number, PHRASE).await.is_none());
    let misheard = there.recognise_caller(recognising("1234 567 890", PHRASE)).await.unwrap_err();
    assert_eq!(fields(&misheard), ["number"]);
    house.world.stop().await;
}

#[tokio::test]
async fn a_repeated_command_gets_the_first_result_and_a_phrase_is_replaced_by_proof_or_by_a_supervisor() {
    let (house, url) = House::with_ledger().await;
    let case = open_case(&mut house.responder(&url)).await;
    let mut callers = house.on_the_phone(&url);
    let assign = AssignNumberRequest {
        command_id: fresh_id(),
        case_id: case.clone(),
        subject_id: String::new(),
        reason: REASON,
    };
    let first = callers.assign_number(assign.clone()).await.unwrap().into_inner();
    let again = callers.assign_number(assign).await.unwrap().into_inner();
    assert!(!first.known_before && !again.known_before && first.number == again.number);
    let choose = choosing(&case, "", PHRASE);
    assert!(!callers.choose_phrase(choose.clone()).await.unwrap().into_inner().repeated_command);
    assert!(callers.choose_phrase(choose.clone()).await.unwrap().into_inner().repeated_command);
    let other = ChoosePhraseRequest { phrase: "something else entirely".into(), ..choose };
    assert_eq!(callers.choose_phrase(other).await.unwrap_err().code(), Code::AlreadyExists);
    let new = "seven little boats";
    assert_eq!(rules(&callers.choose_phrase(choosing(&case, "", new)).await.unwrap_err()), ["phrase_stands"]);
    let guessed = ChoosePhraseRequest { current_phrase: "a guess at it".into(), ..choosing(&case, "", new) };
    assert_eq!(rules(&callers.choose_phrase(guessed).await.unwrap_err()), ["phrase_stands"]);
    let proved = ChoosePhraseRequest { current_phrase: PHRASE.into(), ..choosing(&case, "", new) };
    callers.choose_phrase(proved).await.unwrap();
    assert!(recognised(&mut callers, &first.number, PHRASE).await.is_none());
    assert!(recognised(&mut callers, &first.number, new).await.is_some());
    let supervisor = house.world.identity().person("case-desk", "marc.gagnon", &["supervisor"], None);
    house.callers(&url, supervisor).choose_phrase(choosing(&case, "", "nine tall pine trees")).await.unwrap();
    assert!(recognised(&mut callers, &first.number, "Nine tall pine-trees").await.is_some());
    let missing = callers.choose_phrase(choosing(&fresh_id(), "", PHRASE)).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let short = callers.choose_phrase(choosing(&case, "", "ab 12 !!")).await.unwrap_err();
    assert_eq!(fields(&short), ["phrase"]);
    house.world.stop().await;
}

#[tokio::test]
async fn numbers_and_phrases_come_from_the_ledger_only() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let case = open_case(&mut desk).await;
    let number = Payload::NumberAssigned(NumberAssigned { number: "4829136057".into(), ..NumberAssigned::default() });
    let phrase = Payload::PhraseChosen(PhraseChosen { stretched: "x".into(), ..PhraseChosen::default() });
    for payload in [number, phrase] {
        let refused = append(&mut desk, &command(vec![new_event(&case, payload)])).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
    let said = ConsentWithdrawn { caller_gave: CallerGave::NumberAndPhrase.into(), ..ConsentWithdrawn::default() };
    let refused = append(&mut desk, &command(vec![new_event(&case, Payload::ConsentWithdrawn(said))])).await;
    assert_eq!(fields(&refused.unwrap_err()), ["events[0].case_event.consent_withdrawn.caller_gave"]);
    for (service, roles) in [("telephony-desk", &["compliance"][..]), ("disclosure", &["responder"][..])] {
        let mut callers = house.callers(&url, house.world.identity().person(service, "jo.chen", roles, None));
        let refused = callers.find_cases(finding("613 555 0100", "")).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{service}");
    }
    let mut alone = house.callers(&url, house.world.identity().service("telephony-desk"));
    assert_eq!(alone.find_cases(finding("613 555 0100", "")).await.unwrap_err().code(), Code::Unauthenticated);
    house.world.stop().await;
}

#[tokio::test]
async fn a_case_is_found_by_telephone_and_name_on_any_ledger_and_the_search_is_recorded_before_the_answer() {
    let mut house = House::new().await;
    let (one, other) = (house.start("one", clock::now).await, house.start("two", clock::now).await);
    let mut desk = house.responder(&one);
    let (emilie, person) = caller_recorded(&mut desk, "Émilie", "Côté-Roy", "(613) 555-0111").await;
    let (same_phone, _) = caller_recorded(&mut desk, "Jean", "St-Pierre", "+1 613 555 0111").await;
    let suspect = fresh_id();
    acknowledged(&mut desk, vec![identified(&emilie, &suspect, PersonRole::Suspect, "Boss")]).await;
    let mut callers = house.on_the_phone(&other);
    assert_eq!(candidates(&mut callers, "", "emilie cote roy").await, std::slice::from_ref(&emilie));
    assert_eq!(candidates(&mut callers, "", "Saint Pierre, jean").await, std::slice::from_ref(&same_phone));
    assert_eq!(candidates(&mut callers, "16135550111", "roy émilie").await, std::slice::from_ref(&emilie));
    let mut both = vec![emilie.clone(), same_phone];
    both.sort();
    assert_eq!(candidates(&mut callers, "613.555.0111 poste 4", "").await, both);
    for (phone, name) in [("613 555 0199", ""), ("", "Émilie Tremblay"), ("613 555 0199", "Émilie Roy"), ("", "Boss")]
    {
        assert_eq!(candidates(&mut callers, phone, name).await, Vec::<String>::new(), "{phone} {name}");
    }
    let answer = callers.find_cases(finding("", "emilie roy")).await.unwrap().into_inner();
    let [found] = answer.candidates.as_slice() else { panic!("one candidate") };
    assert_eq!((found.subject_id.as_str(), found.matched.as_slice()), (person.as_str(), &[4][..]));
    let recorded = searches(&house).await;
    assert_eq!(recorded.len(), 9, "one for each search, found or not");
    assert!(recorded.iter().all(|access| {
        access.scope() == AccessScope::CallerSearch && access.reason == REASON && access.case_id.is_empty()
    }));
    assert_eq!(recorded[2].terms, [SearchTerm::Phone as i32, SearchTerm::Name as i32]);
    for (phone, name, field) in [("", "", "phone"), ("911", "", "phone"), ("", " - ", "name")] {
        assert_eq!(fields(&callers.find_cases(finding(phone, name)).await.unwrap_err()), [field]);
    }
    let unsaid = FindCasesRequest { reason: 0, ..finding("", "emilie roy") };
    assert_eq!(fields(&callers.find_cases(unsaid).await.unwrap_err()), ["reason"]);
    assert_eq!(searches(&house).await.len(), 9, "what was refused was not looked up");
    house.world.stop().await;
}

#[tokio::test]
async fn a_search_that_cannot_be_recorded_is_not_answered() {
    let (mut house, url) = House::with_ledger().await;
    caller_recorded(&mut house.responder(&url), "Ana", "Cruz", "613-555-0100").await;
    let mut callers = house.on_the_phone(&url);
    assert_eq!(candidates(&mut callers, "613-555-0100", "").await.len(), 1);
    house.world.nats_mut().kill().await;
    let mut request = tonic::Request::new(finding("613-555-0100", ""));
    request.set_timeout(Duration::from_secs(2));
    let refused = within("an answer", callers.find_cases(request)).await.unwrap_err();
    assert!(matches!(refused.code(), Code::Unavailable | Code::DeadlineExceeded), "{refused}");
    house.world.nats_mut().restart().await;
    house.world.stop().await;
}

#[tokio::test]
async fn an_entry_whose_event_was_never_committed_reveals_nothing() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let (case, person) = caller_recorded(&mut desk, "Ana", "Cruz", "613-555-0100").await;
    // Refused by the state of the case, after its entries were made durable.
    let mut refused = command(vec![new_event(
        &fresh_id(),
        Payload::PersonIdentified(PersonIdentified {
            subject_id: fresh_id(),
            roles: vec![PersonRole::Caller.into()],
            given_names: "Zoé".into(),
            family_name: "Gagnon".into(),
            ..PersonIdentified::default()
        }),
    )]);
    assert_eq!(rules(&append(&mut desk, &refused).await.unwrap_err()), ["case_unknown"]);
    refused.events[0].stream_id = case.clone();
    refused.expected.push(StreamExpectation { stream_id: case.clone(), revision: 99 });
    assert_eq!(append(&mut desk, &refused).await.unwrap_err().code(), Code::Aborted);
    // The same for somebody who is in the case, under another name.
    let Some(new_event::Payload::CaseEvent(event)) = &mut refused.events[0].payload else { panic!("a case event") };
    let Some(Payload::PersonIdentified(identified)) = &mut event.payload else { panic!("a person") };
    identified.subject_id.clone_from(&person);
    refused.command_id = fresh_id();
    assert_eq!(append(&mut desk, &refused).await.unwrap_err().code(), Code::Aborted);
    let bucket = find_bucket(&house).await;
    assert_eq!(bucket.list("*.*.*").await.unwrap().keys.len(), 5, "two that count, and three that do not");
    let mut callers = house.on_the_phone(&url);
    assert_eq!(candidates(&mut callers, "", "Zoé Gagnon").await, Vec::<String>::new());
    // Copied by somebody who can write the bucket: still believed only as far as the log bears it out.
    let keys = bucket.list(&format!("*.{case}.{person}")).await.unwrap().keys;
    let other = open_case(&mut desk).await;
    for key in keys {
        bucket.create_if_absent(&key.replace(&case, &other), "1".into()).await.unwrap();
    }
    assert_eq!(candidates(&mut callers, "", "ana cruz").await, [case]);
    house.world.stop().await;
}

/// Everything that is told by an answer: its bytes, its trailers, how often something was written, and its time.
async fn told(house: &House, callers: &mut Callers, request: WithdrawByCallerRequest) -> (String, usize, Duration) {
    let before = commits(house).await;
    let began = Instant::now();
    let answer = callers.withdraw_by_caller(request).await;
    let took = began.elapsed();
    let answer = answer.unwrap();
    let mut metadata = answer.metadata().clone();
    metadata.remove("date");
    let bytes = answer.into_inner().encode_to_vec();
    (format!("{bytes:?} {metadata:?}"), commits(house).await - before, took)
}

#[tokio::test]
async fn a_withdrawal_tells_nothing_about_whether_a_case_exists() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let (case, person) = caller_recorded(&mut desk, "Ana", "Cruz", "613-555-0100").await;
    let (gone, erased) = caller_recorded(&mut desk, "Ivy", "Singh", "613-555-0122").await;
    let mut callers = house.on_the_phone(&url);
    let number = number_of(&mut callers, &case, &person).await;
    callers.choose_phrase(choosing(&case, &person, PHRASE)).await.unwrap();
    let gone_number = number_of(&mut callers, &gone, &erased).await;
    callers.choose_phrase(choosing(&gone, &erased, PHRASE)).await.unwrap();
    shred(&house, &url, &gone, &erased).await;
    // The one with a right check digit, and nobody's.
    let nobodys = (0..10).map(|check| format!("5724 000 00{check}"));
    let mut free = None;
    for number in nobodys {
        if callers.recognise_caller(recognising(&number, PHRASE)).await.unwrap_err().code() == Code::NotFound {
            free = Some(number);
        }
    }
    let free = free.unwrap();
    let requests = [
        ("number and phrase", by_number(&number, PHRASE)),
        ("number alone", by_number(&number, "")),
        ("another phrase", by_number(&number, "something else entirely")),
        ("nobody's number", by_number(&free, PHRASE)),
        ("erased", by_number(&gone_number, PHRASE)),
        ("telephone number", by_terms("613-555-0100", "")),
        ("nobody's telephone number", by_terms("613-555-0199", "")),
        ("erased person's telephone number", by_terms("613-555-0122", "")),
        ("name", by_terms("", "ana cruz")),
        ("nobody's name", by_terms("", "nobody knows")),
        ("somebody's telephone number, nobody's name", by_terms("613-555-0100", "nobody knows")),
    ];
    let mut answers = Vec::new();
    for (what, request) in requests {
        let (answer, commits, took) = told(&house, &mut callers, request).await;
        assert!(took >= Duration::from_millis(400), "{what}: {took:?}");
        assert!(took < Duration::from_millis(800), "{what}: {took:?}");
        answers.push((what, answer, commits));
    }
    let (_, first, commits) = answers[0].clone();
    assert_eq!(commits, 2, "the search, and what came of it");
    for (what, answer, appended) in &answers {
        assert_eq!((answer, *appended), (&first, commits), "{what}");
    }
    let gave: Vec<_> = withdrawals(&house, &case)
        .await
        .into_iter()
        .map(|(whose, gave)| {
            assert_eq!(whose, person);
            gave
        })
        .collect();
    assert_eq!(
        gave,
        [
            CallerGave::NumberAndPhrase,
            CallerGave::Number,
            CallerGave::NumberAndOtherPhrase,
            CallerGave::Phone,
            CallerGave::Name,
            CallerGave::PhoneAndName,
        ]
    );
    assert_eq!(withdrawals(&house, &gone).await, []);
    assert_eq!(unmatched(&house).await.len(), 5, "for a supervisor to look at");
    house.world.stop().await;
}

#[tokio::test]
async fn a_withdrawal_reaches_every_case_of_whoever_calls_once() {
    let mut house = House::new().await;
    let (one, other) = (house.start("one", clock::now).await, house.start("two", clock::now).await);
    let mut desk = house.responder(&one);
    let mut cases = Vec::new();
    for _ in 0..3 {
        cases.push(caller_recorded(&mut desk, "Ana", "Cruz", "613-555-0100").await);
    }
    let (unrelated, _) = caller_recorded(&mut desk, "Ana", "Silva", "613-555-0101").await;
    let mut callers = house.on_the_phone(&other);
    let request = by_terms("613 555 0100", "Ana Cruz");
    for _ in 0..3 {
        callers.withdraw_by_caller(request.clone()).await.unwrap();
    }
    for (case, person) in &cases {
        assert_eq!(withdrawals(&house, case).await, [(person.clone(), CallerGave::PhoneAndName)], "once");
    }
    assert_eq!((withdrawals(&house, &unrelated).await, unmatched(&house).await.len()), (vec![], 0));
    // A nameless caller's number speaks for everybody in the case.
    let (nameless, _) = caller_recorded(&mut desk, "Luc", "Roy", "613-555-0105").await;
    let number = number_of(&mut callers, &nameless, "").await;
    callers.withdraw_by_caller(by_number(&number, "")).await.unwrap();
    assert_eq!(withdrawals(&house, &nameless).await, [(String::new(), CallerGave::Number)]);
    for wrong in [by_terms("", ""), WithdrawByCallerRequest { phone: "613-555-0100".into(), ..by_number(&number, "") }]
    {
        assert_eq!(fields(&callers.withdraw_by_caller(wrong).await.unwrap_err()), ["number"]);
    }
    house.world.stop().await;
}

#[tokio::test]
async fn a_phrase_is_tried_so_often_and_no_more_on_all_ledgers_together_and_the_lock_tells_nothing() {
    let mut house = House::new().await;
    let (one, other) = (house.start("one", clock::now).await, house.start("two", clock::now).await);
    let case = open_case(&mut house.responder(&one)).await;
    let (mut here, mut there) = (house.on_the_phone(&one), house.on_the_phone(&other));
    let number = number_of(&mut here, &case, "").await;
    // Choosing is an attempt too: a phrase that stands there could be guessed by it.
    here.choose_phrase(choosing(&case, "", PHRASE)).await.unwrap();
    let wrong = async |callers: &mut Callers| -> Status {
        callers.recognise_caller(recognising(&number, "a guess at it")).await.unwrap_err()
    };
    let mut refusals = Vec::new();
    for round in 0..8 {
        refusals.push(wrong(if round % 2 == 0 { &mut here } else { &mut there }).await);
    }
    assert!(recognised(&mut there, &number, PHRASE).await.is_some(), "the tenth");
    refusals.push(wrong(&mut here).await);
    let locked = there.recognise_caller(recognising(&number, PHRASE)).await.unwrap_err();
    for refusal in &refusals {
        assert_eq!((refusal.code(), refusal.message()), (locked.code(), locked.message()));
    }
    // Taking back goes on: it never needed the phrase.
    here.withdraw_by_caller(by_number(&number, PHRASE)).await.unwrap();
    assert_eq!(withdrawals(&house, &case).await, [(String::new(), CallerGave::NumberAndOtherPhrase)]);
    house.world.stop().await;
}

/// Whether a file under `path` holds `needle`.
fn stands_in(path: &Path, needle: &str) -> bool {
    std::fs::read_dir(path).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return stands_in(&path, needle);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    })
}

#[tokio::test]
async fn what_a_restored_bucket_brings_back_is_dropped_again_and_believed_by_nobody() {
    let (mut house, url) = House::with_ledger().await;
    let (case, person) = caller_recorded(&mut house.responder(&url), "Ivy", "Singh", "613-555-0122").await;
    let (other, somebody) = caller_recorded(&mut house.responder(&url), "Ana", "Cruz", "613-555-0100").await;
    let mut callers = house.on_the_phone(&url);
    for (case, person) in [(&case, &person), (&other, &somebody)] {
        number_of(&mut callers, case, person).await;
    }
    let bucket = find_bucket(&house).await;
    let listed = async || {
        let keys = bucket.list_from(0).await.unwrap().keys;
        keys.into_iter().filter(|key| !key.starts_with("number.")).collect::<Vec<_>>()
    };
    let (gone, kept): (Vec<_>, Vec<_>) = listed().await.into_iter().partition(|key| key.contains(&case));
    assert_eq!((gone.len(), kept.len()), (3, 3), "by name, by telephone and by number");
    shred(&house, &url, &case, &person).await;
    wait_until("the entries to be dropped", PATIENCE, async || listed().await == kept).await;
    for entry in &gone {
        bucket.create_if_absent(entry, "1".into()).await.unwrap();
    }
    assert_eq!(candidates(&mut callers, "", "ivy singh").await, Vec::<String>::new());
    house.stop_ledger().await;
    for entry in &gone {
        bucket.create_if_absent(entry, "1".into()).await.unwrap();
    }
    house.start("ledger", clock::now).await;
    assert_eq!(listed().await, kept, "at the start, before anything is served");
    house.world.stop().await;
}

#[tokio::test]
async fn what_is_erased_is_dropped_from_the_index_and_from_the_disk() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let (case, person) = caller_recorded(&mut desk, "Ivy", "Singh", "613-555-0122").await;
    let (kept, _) = caller_recorded(&mut desk, "Ana", "Cruz", "613-555-0100").await;
    let number = number_of(&mut house.on_the_phone(&url), &case, &person).await;
    let bucket = find_bucket(&house).await;
    let entries = bucket.list(&format!("*.{case}.{person}")).await.unwrap().keys;
    assert_eq!(entries.len(), 2);
    let blind = entries[0].split('.').next().unwrap().to_owned();
    for unkeyed in ["16135550122", "ivy singh", "613-555-0122"] {
        let unkeyed = sha256(unkeyed.as_bytes()).to_string();
        assert!(entries.iter().all(|entry| !entry.contains(&unkeyed)));
    }
    assert!(stands_in(&house.world.nats().files(), &blind));
    shred(&house, &url, &case, &person).await;
    let mut callers = house.on_the_phone(&url);
    assert_eq!(candidates(&mut callers, "613 555 0122", "").await, Vec::<String>::new());
    assert!(recognised(&mut callers, &number, PHRASE).await.is_none());
    wait_until("the entries to be dropped", PATIENCE, async || {
        let listed = async |pattern: String| bucket.list(&pattern).await.unwrap().keys;
        listed(format!("*.{case}.{person}")).await.is_empty()
            && listed(format!("*.{case}.{person}.number")).await.is_empty()
    })
    .await;
    assert_eq!(candidates(&mut callers, "", "ana cruz").await, [kept]);
    assert!(!stands_in(&house.world.nats().files(), &blind), "overwritten where it was stored");
    house.world.stop().await;
}

#[tokio::test]
async fn a_key_that_is_missing_without_a_shred_frees_no_phrase_and_drops_nobody_from_the_index() {
    let (mut house, url) = House::with_ledger().await;
    let (case, person) = caller_recorded(&mut house.responder(&url), "Ivy", "Singh", "613-555-0122").await;
    house.on_the_phone(&url).choose_phrase(choosing(&case, &person, PHRASE)).await.unwrap();
    assert!(house.bucket().await.delete(&format!("subject.{case}.{person}")).await.unwrap());
    // Another ledger, which has not held the key.
    let url = house.start("another", clock::now).await;
    let mut callers = house.on_the_phone(&url);
    let replaced = callers.choose_phrase(choosing(&case, &person, "seven little boats")).await;
    assert_eq!(rules(&replaced.unwrap_err()), ["phrase_stands"]);
    assert_eq!(candidates(&mut callers, "", "ivy singh").await, Vec::<String>::new());
    assert_eq!(find_bucket(&house).await.list("*.*.*").await.unwrap().keys.len(), 2);
    house.world.stop().await;
}
