//! The unit's referrals: which there are, one of them, and what is done with it.

use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::response::Response;
use egide_web::shell::Problem;
use egide_web::text::Tongue;
use egide_wire::proto::egide::disclosure::v1::{
    AcknowledgeRecallRequest, AcknowledgeReferralRequest, FetchPackageRequest, FetchReferralRequest,
    ListReferralsRequest, Referral, ReferralSummary,
};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use tonic::Status;
use uuid::Uuid;

use crate::moment::{minute, now};
use crate::report;
use crate::router::{Asked, see};
use crate::site::{Liaison, Page, Site};

/// Referrals asked for at a time, and how many times: so many are shown.
const PAGE: u32 = 200;
/// From having a referral to having it as pages.
const PAGES_WITHIN: Duration = Duration::from_secs(30);
const PAGES_MAX: usize = 5;

struct Tag {
    key: &'static str,
    class: &'static str,
}

/// A referral as lists and its own page show it: nothing of its content.
struct Row {
    summary: ReferralSummary,
    id: String,
    number: String,
    released: String,
    digest: String,
    tags: Vec<Tag>,
    facts: Vec<(&'static str, String)>,
    first: Option<(String, String)>,
    later: Option<(String, String)>,
}

/// The beginning of an id, as people say it.
fn number(id: &str) -> String {
    id.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect::<String>().to_uppercase()
}

impl Row {
    /// Of `summary`, among all of the unit's.
    fn of(summary: &ReferralSummary, all: &[ReferralSummary]) -> Self {
        let adds_to = |other: &&ReferralSummary| other.supplementary_to == summary.referral_id;
        let later = all.iter().rev().find(adds_to).map(|other| (other.referral_id.clone(), number(&other.referral_id)));
        let first = Some(&summary.supplementary_to).filter(|id| !id.is_empty()).map(|id| (id.clone(), number(id)));
        let mut tags = vec![Self::status(summary, later.is_some())];
        if summary.urgent && summary.recalled_at.is_none() {
            tags.push(Tag { key: "status-urgent", class: " warn" });
        }
        let times = [
            ("one-released", &summary.released_at),
            ("one-opened", &summary.delivered_at),
            ("one-acknowledged", &summary.acknowledged_at),
            ("one-recalled", &summary.recalled_at),
            ("one-recall-confirmed", &summary.recall_acknowledged_at),
        ];
        let facts = times.into_iter().filter(|(_, at)| at.is_some()).map(|(key, at)| (key, minute(at.as_ref())));
        Self {
            id: summary.referral_id.clone(),
            number: number(&summary.referral_id),
            released: minute(summary.released_at.as_ref()),
            digest: summary.report_digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            tags,
            facts: facts.collect(),
            first,
            later,
            summary: summary.clone(),
        }
    }

    const fn status(summary: &ReferralSummary, is_superseded: bool) -> Tag {
        match summary {
            ReferralSummary { recall_acknowledged_at: Some(_), .. } => {
                Tag { key: "status-recall-confirmed", class: "" }
            }
            ReferralSummary { recalled_at: Some(_), .. } => Tag { key: "status-recalled", class: " warn" },
            _ if is_superseded => Tag { key: "status-superseded", class: "" },
            ReferralSummary { acknowledged_at: Some(_), .. } => Tag { key: "status-acknowledged", class: " good" },
            ReferralSummary { delivered_at: Some(_), .. } => Tag { key: "status-opened", class: "" },
            _ => Tag { key: "status-new", class: " good" },
        }
    }

    const fn is_recalled(&self) -> bool {
        self.summary.recalled_at.is_some()
    }

    const fn is_recall_confirmed(&self) -> bool {
        self.summary.recall_acknowledged_at.is_some()
    }

    const fn is_opened(&self) -> bool {
        self.summary.delivered_at.is_some()
    }

    const fn is_acknowledged(&self) -> bool {
        self.summary.acknowledged_at.is_some()
    }
}

#[derive(Template)]
#[template(path = "referrals.html")]
struct ListPage<'p> {
    t: Tongue<'p>,
    unit: &'p str,
    rows: Vec<Row>,
    more: bool,
}

#[derive(Template)]
#[template(path = "referral.html")]
struct OnePage<'p> {
    t: Tongue<'p>,
    here: &'p str,
    token: &'p str,
    commands: (String, String, String, String, String),
    row: Row,
    acknowledged_now: bool,
    has_pdf: bool,
    has_keys: bool,
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage<'p> {
    t: Tongue<'p>,
    here: &'p str,
    number: &'p str,
    time: &'p str,
    token: &'p str,
    command: String,
    document: Option<report::Shown>,
}

fn command() -> String {
    Uuid::new_v4().to_string()
}

/// All of the unit's, the oldest first, and whether there are more.
async fn all(site: &Site, liaison: &Liaison) -> Result<(Vec<ReferralSummary>, bool), Status> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let request = ListReferralsRequest { page_size: PAGE, page_token };
        let page = site.referrals_of(liaison)?.list_referrals(request).await?.into_inner();
        found.extend(page.referrals);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok((found, false));
        }
    }
    Ok((found, true))
}

/// The unit's name in the page's language.
pub(crate) fn unit_name(t: Tongue<'_>, unit: Option<&egide_wire::proto::egide::directory::v1::UnitEntry>) -> String {
    let record = unit.and_then(|unit| unit.unit.as_ref());
    let (first, second) = match (t.lang(), record) {
        (_, None) => return String::new(),
        (egide_web::text::Lang::En, Some(record)) => (&record.name_en, &record.name_fr),
        (egide_web::text::Lang::Fr, Some(record)) => (&record.name_fr, &record.name_en),
    };
    if first.is_empty() { second.clone() } else { first.clone() }
}

/// The list.
pub(crate) async fn list(site: &Site, asked: &Asked, liaison: &Liaison) -> Response {
    let found = async { Ok((site.own_unit(liaison).await?, all(site, liaison).await?)) };
    let (unit, (summaries, more)) = match found.await {
        Ok(found) => found,
        Err(status) => return site.refused(asked.lang, liaison, &status),
    };
    let t = site.tongue(asked.lang);
    let rows = summaries.iter().rev().map(|summary| Row::of(summary, &summaries)).collect();
    let unit = unit_name(t, unit.unit.as_ref());
    let content = ListPage { t, unit: &unit, rows, more }.render().unwrap_or_default();
    let title = t.s("menu-referrals");
    site.page(
        asked.lang,
        Some(liaison),
        &Page { status: StatusCode::OK, title, content, path: "/referrals", has_script: false },
    )
}

/// An id in the one spelling that is looked up.
fn id_of(text: &str) -> Option<String> {
    text.parse::<Uuid>().ok().map(|id| id.to_string()).filter(|id| id == text)
}

/// One referral, without its content.
pub(crate) async fn show(site: &Site, asked: &Asked, liaison: &Liaison, id: &str) -> Response {
    let found = async { Ok((site.own_unit(liaison).await?, all(site, liaison).await?)) };
    let (unit, (summaries, _)) = match found.await {
        Ok(found) => found,
        Err(status) => return site.refused(asked.lang, liaison, &status),
    };
    let Some(summary) = summaries.iter().find(|summary| summary.referral_id == id) else {
        return site.problem(asked.lang, Some(liaison), Problem::NotFound);
    };
    let t = site.tongue(asked.lang);
    let keys = unit.unit.map(|unit| unit.encryption_keys).unwrap_or_default();
    let row = Row::of(summary, &summaries);
    let title = t.with("one-title", "number", &row.number);
    let content = OnePage {
        t,
        here: &format!("/{}/referrals/{id}", asked.lang.code()),
        token: &site.tokens.of(&liaison.secret),
        commands: (command(), command(), command(), command(), command()),
        acknowledged_now: asked.query == "done=acknowledged" && row.is_acknowledged(),
        row,
        has_pdf: site.typeset.is_some(),
        has_keys: keys.iter().any(|key| key.removed_at.is_none()),
    };
    let content = content.render().unwrap_or_default();
    let path = format!("/referrals/{id}");
    site.page(
        asked.lang,
        Some(liaison),
        &Page { status: StatusCode::OK, title, content, path: &path, has_script: false },
    )
}

/// Opens, downloads or acknowledges one. The form names the command, so that sending it twice is doing it once.
pub(crate) async fn act(site: &Site, asked: &Asked, liaison: &Liaison, id: &str, action: &str) -> Response {
    let Some(referral_id) = id_of(id) else { return site.problem(asked.lang, Some(liaison), Problem::NotFound) };
    let Some(command_id) = id_of(asked.form.get("command")) else {
        return site.problem(asked.lang, Some(liaison), Problem::Request);
    };
    let done = match action {
        "open" => open(site, asked, liaison, referral_id, command_id).await,
        "json" => json(site, liaison, referral_id, command_id).await,
        "pdf" => pdf(site, asked, liaison, referral_id, command_id).await,
        "package" => package(site, liaison, referral_id, command_id).await,
        "acknowledge" => acknowledge(site, asked, liaison, referral_id, command_id).await,
        "recall" => acknowledge_recall(site, asked, liaison, referral_id, command_id).await,
        _ => return site.problem(asked.lang, Some(liaison), Problem::NotFound),
    };
    done.unwrap_or_else(|status| site.refused(asked.lang, liaison, &status))
}

async fn fetch(site: &Site, liaison: &Liaison, referral_id: String, command_id: String) -> Result<Referral, Status> {
    let request = FetchReferralRequest { command_id, referral_id };
    let answer = site.referrals_of(liaison)?.fetch_referral(request).await?.into_inner();
    answer.referral.ok_or_else(|| Status::internal("the disclosure service delivered nothing"))
}

async fn open(
    site: &Site,
    asked: &Asked,
    liaison: &Liaison,
    referral_id: String,
    command_id: String,
) -> Result<Response, Status> {
    let path = format!("/referrals/{referral_id}");
    let referral = fetch(site, liaison, referral_id.clone(), command_id).await?;
    let t = site.tongue(asked.lang);
    let number = number(&referral_id);
    let content = ReportPage {
        t,
        here: &format!("/{}{path}", asked.lang.code()),
        number: &number,
        time: &now(),
        token: &site.tokens.of(&liaison.secret),
        command: command(),
        document: report::shown(&referral.report),
    };
    let (content, title) = (content.render().unwrap_or_default(), t.with("one-title", "number", &number));
    let page = Page { status: StatusCode::OK, title, content, path: &path, has_script: false };
    Ok(site.page(asked.lang, Some(liaison), &page))
}

/// A file to keep. Its name tells the referral's number and nothing else.
fn file(kind: &'static str, name: &str, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(disposition) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    response
}

/// The signed file: what `egide verify` reads.
async fn json(site: &Site, liaison: &Liaison, referral_id: String, command_id: String) -> Result<Response, Status> {
    let name = format!("referral-{referral_id}.json");
    let referral = fetch(site, liaison, referral_id, command_id).await?;
    Ok(file("application/json", &name, signed_file(&referral)?))
}

async fn pdf(
    site: &Site,
    asked: &Asked,
    liaison: &Liaison,
    referral_id: String,
    command_id: String,
) -> Result<Response, Status> {
    let Some(typesetter) = &site.typeset else {
        return Ok(site.problem(asked.lang, Some(liaison), Problem::NotFound));
    };
    let name = format!("referral-{referral_id}.pdf");
    let referral = fetch(site, liaison, referral_id, command_id).await?;
    let unset = || Status::internal("a document was not set");
    let document = report::document(&referral.report).ok_or_else(unset)?;
    let pages = typesetter.pdf(&document, PAGES_WITHIN).await.map_err(|error| {
        tracing::warn!(kind = error.kind(), "a referral was not set as pages");
        unset()
    })?;
    Ok(file("application/pdf", &name, pages))
}

async fn package(site: &Site, liaison: &Liaison, referral_id: String, command_id: String) -> Result<Response, Status> {
    let name = format!("referral-{referral_id}.age");
    let request = FetchPackageRequest { command_id, referral_id };
    let answer = site.referrals_of(liaison)?.fetch_package(request).await?.into_inner();
    let package = answer.package.ok_or_else(|| Status::internal("the disclosure service delivered nothing"))?;
    Ok(file("application/octet-stream", &name, package.content))
}

async fn acknowledge(
    site: &Site,
    asked: &Asked,
    liaison: &Liaison,
    referral_id: String,
    command_id: String,
) -> Result<Response, Status> {
    let here = format!("/{}/referrals/{referral_id}?done=acknowledged", asked.lang.code());
    let request = AcknowledgeReferralRequest { command_id, referral_id };
    site.referrals_of(liaison)?.acknowledge_referral(request).await?;
    Ok(see(&here))
}

async fn acknowledge_recall(
    site: &Site,
    asked: &Asked,
    liaison: &Liaison,
    referral_id: String,
    command_id: String,
) -> Result<Response, Status> {
    let here = format!("/{}/referrals/{referral_id}", asked.lang.code());
    let request = AcknowledgeRecallRequest { command_id, referral_id };
    site.referrals_of(liaison)?.acknowledge_recall(request).await?;
    Ok(see(&here))
}

/// The referral as `egide verify` reads it: protobuf's JSON of `Referral`, its bytes in base64.
fn signed_file(referral: &Referral) -> Result<Vec<u8>, Status> {
    let text = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    let file = serde_json::json!({
        "referralId": referral.referral_id,
        "report": text(&referral.report),
        "reportDigest": text(&referral.report_digest),
        "keyId": referral.key_id,
        "signature": text(&referral.signature),
    });
    serde_json::to_vec_pretty(&file).map_err(|_| Status::internal("a referral could not be written"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_types::Timestamp;

    fn summary(id: &str) -> ReferralSummary {
        ReferralSummary { referral_id: id.to_owned(), ..ReferralSummary::default() }
    }

    #[test]
    fn what_was_recalled_outranks_everything_else_that_is_said_of_it() {
        let at = Some(Timestamp { seconds: 1_790_000_000, nanos: 0 });
        let mut one = summary("018f3a5e-0000-7000-8000-0000000000aa");
        let key = |one: &ReferralSummary, all: &[ReferralSummary]| Row::of(one, all).tags[0].key;
        assert_eq!(key(&one, &[]), "status-new");
        one.delivered_at = at;
        assert_eq!(key(&one, &[]), "status-opened");
        one.acknowledged_at = at;
        assert_eq!(key(&one, &[]), "status-acknowledged");
        let newer = ReferralSummary { supplementary_to: one.referral_id.clone(), ..summary("b") };
        assert_eq!(key(&one, &[one.clone(), newer.clone()]), "status-superseded");
        assert_eq!(Row::of(&newer, &[one.clone(), newer.clone()]).first.unwrap().1, "000000AA");
        one.recalled_at = at;
        assert_eq!(key(&one, &[one.clone(), newer]), "status-recalled");
        one.recall_acknowledged_at = at;
        assert_eq!(key(&one, &[]), "status-recall-confirmed");
    }

    #[test]
    fn an_id_has_one_spelling() {
        assert!(id_of("018f3a5e-0000-7000-8000-0000000000aa").is_some());
        for other in ["018F3A5E-0000-7000-8000-0000000000AA", "..", "", "018f3a5e000070008000-0000000000aa", "x\r\ny"] {
            assert_eq!(id_of(other), None, "{other}");
        }
    }
}
