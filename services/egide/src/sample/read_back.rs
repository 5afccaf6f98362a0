//! History and account, as compliance sees them. They follow the log, so the question is asked again until the answer is as
//! expected or time is up.

use std::time::Duration;

use egide_servicekit::channel::Authenticated;
use egide_wire::proto::egide::audit::v1::audit_service_client::AuditServiceClient;
use egide_wire::proto::egide::audit::v1::{
    AccessReason, AccountEntry, AccountForPersonRequest, Disclosure, DisclosureFilter, ListDisclosuresRequest,
};
use egide_wire::proto::egide::case::v1::{BasisKind, Outcome, Purpose};
use egide_wire::proto::egide::classification::v1::DataCategory;
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};

use super::checks::{Checks, short, sorted};
use super::format::{Account, ExpectAccount, ExpectEntry, ExpectHistory, History};
use super::player::{Play, Player, Stop, listed};
use crate::endpoints::Service;

/// Longest wait for a projection that follows the log.
const WITHIN: Duration = Duration::from_secs(10);
/// Between two questions; doubled each time.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// Entries asked for at a time.
const PAGE: u32 = 200;

impl Player {
    pub(super) async fn history(&self, play: &mut Play, history: &History) -> Result<(), Stop> {
        let client = AuditServiceClient::new(self.as_speaker(Service::Audit, &history.speaker)?);
        let filter = filter(play, history)?;
        let line = play.line;
        let ask = || async {
            let disclosures = disclosures(client.clone(), filter.clone()).await?;
            let mut checks = Checks::default();
            check_history(&mut checks, line, &history.expect, &disclosures);
            Ok(checks)
        };
        until_as_expected(play, ask).await
    }

    pub(super) async fn account(&self, play: &mut Play, account: &Account) -> Result<(), Stop> {
        let client = AuditServiceClient::new(self.as_speaker(Service::Audit, &account.speaker)?);
        let case_id = account.case.clone().unwrap_or_else(|| play.symbols.id("case"));
        let line = play.line;
        let ask = || async {
            let entries = entries(client.clone(), &case_id, &account.person).await?;
            let mut checks = Checks::default();
            check_account(&mut checks, line, &account.expect, &entries);
            Ok(checks)
        };
        until_as_expected(play, ask).await
    }
}

/// Asks until nothing differs, then counts the checks; when time is up, the last differences stand.
pub(super) async fn until_as_expected<F>(play: &mut Play, mut ask: impl FnMut() -> F) -> Result<(), Stop>
where
    F: Future<Output = Result<Checks, Status>>,
{
    let deadline = Instant::now() + WITHIN;
    let mut pause = PAUSE_FIRST;
    loop {
        let checks = match ask().await {
            Ok(checks) => checks,
            // The projection may not know the case yet.
            Err(status) if status.code() == Code::NotFound && Instant::now() < deadline => {
                sleep(pause).await;
                continue;
            }
            Err(status) => return Err(status.into()),
        };
        if checks.differences.is_empty() || Instant::now() >= deadline {
            play.checks.count += checks.count;
            play.checks.differences.extend(checks.differences);
            return Ok(());
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(PAUSE_MAX);
    }
}

fn filter(play: &Play, history: &History) -> Result<DisclosureFilter, String> {
    let filter = &history.filter;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    Ok(DisclosureFilter {
        case_id: filter.case.clone().unwrap_or_else(|| play.symbols.id("case")),
        unit_id: text(&filter.unit),
        organization_id: text(&filter.organization),
        actor: text(&filter.actor),
        basis: filter.basis.as_deref().map(listed::<BasisKind>).transpose()?.unwrap_or_default(),
        outcome: filter.outcome.as_deref().map(listed::<Outcome>).transpose()?.unwrap_or_default(),
        subject_id: text(&filter.person),
        from: None,
        until: None,
        ..DisclosureFilter::default()
    })
}

async fn disclosures(
    mut client: AuditServiceClient<Authenticated>,
    filter: DisclosureFilter,
) -> Result<Vec<Disclosure>, Status> {
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListDisclosuresRequest {
            filter: Some(filter.clone()),
            page_size: PAGE,
            page_token,
            reason: i32::from(AccessReason::Audit),
        };
        let page = client.list_disclosures(request).await?.into_inner();
        found.extend(page.disclosures);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(found);
        }
    }
}

fn check_history(checks: &mut Checks, line: usize, expected: &ExpectHistory, found: &[Disclosure]) {
    if let Some(count) = expected.count {
        checks.check(line, "count", count == found.len(), count, found.len());
    }
    let shown = found.iter().map(|one| one.disclosure_id.as_str()).collect::<Vec<_>>().join(", ");
    for decision in &expected.decisions {
        let there = found.iter().any(|one| one.disclosure_id == *decision && one.decided.is_some());
        checks.check(line, "decisions", there, decision, &shown);
    }
    for outside in &expected.outside {
        let there = found.iter().any(|one| one.disclosure_id == *outside && one.outside.is_some());
        checks.check(line, "outside", there, outside, &shown);
    }
    for (decision, kinds) in &expected.steps {
        let steps = found.iter().find(|one| one.disclosure_id == *decision).map(|one| &one.steps);
        let actual = steps.into_iter().flatten().map(|step| step.kind.as_str()).collect::<Vec<_>>().join(", ");
        checks.same(line, "steps", &kinds.join(", "), &actual);
    }
    for (decision, keys) in &expected.encrypted_to {
        let steps = found.iter().find(|one| one.disclosure_id == *decision).map(|one| &one.steps);
        let mut actual: Vec<_> = steps.into_iter().flatten().flat_map(|step| step.encrypted_to.clone()).collect();
        let mut keys = keys.clone();
        keys.sort_unstable();
        actual.sort_unstable();
        checks.same(line, "encrypted_to", &keys.join(", "), &actual.join(", "));
    }
}

async fn entries(
    mut client: AuditServiceClient<Authenticated>,
    case_id: &str,
    subject_id: &str,
) -> Result<Vec<AccountEntry>, Status> {
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = AccountForPersonRequest {
            case_id: case_id.to_owned(),
            subject_id: subject_id.to_owned(),
            reason: i32::from(AccessReason::PersonAsked),
            page_size: PAGE,
            page_token,
        };
        let page = client.account_for_person(request).await?.into_inner();
        found.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(found);
        }
    }
}

fn check_account(checks: &mut Checks, line: usize, expected: &ExpectAccount, found: &[AccountEntry]) {
    if let Some(count) = expected.count {
        checks.check(line, "count", count == found.len(), count, found.len());
    }
    let shown = found.iter().map(entry_shown).collect::<Vec<_>>().join("; ");
    for entry in &expected.entries {
        checks.check(line, "entries", found.iter().any(|one| fits(entry, one)), expected_shown(entry), &shown);
    }
}

fn categories(entry: &AccountEntry) -> Vec<String> {
    sorted(entry.mask.iter().map(|mask| short::<DataCategory>(mask.category)))
}

fn fits(expected: &ExpectEntry, entry: &AccountEntry) -> bool {
    let purpose = short::<Purpose>(entry.purpose);
    expected.unit.as_ref().is_none_or(|unit| *unit == entry.unit_id)
        && expected.purpose.as_ref().is_none_or(|wanted| wanted.to_ascii_lowercase() == purpose)
        && expected.categories.as_ref().is_none_or(|wanted| sorted(wanted.iter().cloned()) == categories(entry))
        && expected.delivered.is_none_or(|delivered| delivered == entry.delivered_at.is_some())
        && expected.outside.is_none_or(|outside| outside == entry.outside_system)
        && expected.recalled.is_none_or(|recalled| recalled == entry.recalled)
}

fn entry_shown(entry: &AccountEntry) -> String {
    format!(
        "{} {} [{}] delivered={} outside={} recalled={}",
        entry.unit_id,
        short::<Purpose>(entry.purpose),
        categories(entry).join(", "),
        entry.delivered_at.is_some(),
        entry.outside_system,
        entry.recalled
    )
}

fn expected_shown(entry: &ExpectEntry) -> String {
    let mut words: Vec<String> = [&entry.unit, &entry.purpose].into_iter().flatten().cloned().collect();
    words.extend(entry.categories.as_ref().map(|categories| format!("[{}]", categories.join(", "))));
    let flags = [("delivered", entry.delivered), ("outside", entry.outside), ("recalled", entry.recalled)];
    words.extend(flags.into_iter().filter_map(|(name, flag)| flag.map(|flag| format!("{name}={flag}"))));
    words.join(" ")
}
