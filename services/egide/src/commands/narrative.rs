//! `egide narrative`: the review of what was told in words, so that it can leave de-identified and attested.

use std::ops::Range;
use std::str::FromStr;

use clap::Subcommand;
use egide_servicekit::identity::Role;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    Answer, NarrativeReviewRequested, NarrativeWithheld, NarrativeWithholdReason, UnmaskReason,
};
use egide_wire::proto::egide::disclosure::v1::{
    AttestNarrativeRequest, MarkReason, PutBack, ReviewEdits, ShowNarrativeRequest, ShowNarrativeResponse, TextPlace,
};
use egide_wire::proto::egide::triage::v1::ReviewKind;
use uuid::Uuid;

use super::append::{self, append, repeatable};
use super::disclose::hex;
use super::reviews;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::{parse, value_of};
use crate::session::{Session, id_or_new};

/// `egide narrative …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Request(Request),
    Queue(Queue),
    Show(Look),
    Attest(Attest),
    Withhold(Withhold),
}

/// `egide narrative request CASE NARRATIVE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Request {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "NARRATIVE")]
    narrative: Uuid,
    #[arg(long, value_name = "UNIT", required = true)]
    to: Uuid,
    #[arg(long, value_name = "REVIEW")]
    review_id: Option<Uuid>,
    #[command(flatten)]
    command: append::Command,
}

/// `egide narrative queue`.
#[derive(Clone, clap::Args)]
pub(crate) struct Queue {
    #[arg(long, default_value = "shift-queue", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
}

/// `egide narrative show CASE REVIEW`.
#[derive(Clone, clap::Args)]
pub(crate) struct Look {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "REVIEW")]
    review: Uuid,
    #[arg(long, value_name = "FROM-TO")]
    mask: Vec<Place>,
    #[arg(long, value_name = "FROM-TO:WHY")]
    put_back: Vec<Back>,
    #[arg(long, default_value = "shift-queue", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
}

/// `egide narrative attest CASE REVIEW`.
#[derive(Clone, clap::Args)]
pub(crate) struct Attest {
    #[command(flatten)]
    look: Look,
    #[arg(long, value_name = "NUMBER", required = true)]
    revision: u64,
    #[arg(long, value_name = "SHA256", required = true)]
    digest: Digest,
    #[arg(long, value_name = "ANSWER", required = true, value_parser = value_of::<Answer>())]
    could_tell: Answer,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// `egide narrative withhold CASE REVIEW`.
#[derive(Clone, clap::Args)]
pub(crate) struct Withhold {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "REVIEW")]
    review: Uuid,
    #[arg(long, required = true, value_parser = value_of::<NarrativeWithholdReason>())]
    because: NarrativeWithholdReason,
    #[command(flatten)]
    command: append::Command,
}

/// A place in a text: `12-20`, the end exclusive.
#[derive(Clone, Copy)]
pub(crate) struct Place(TextPlace);

/// A place that is put back, and why: `12-20:ordinary-word`.
#[derive(Clone, Copy)]
pub(crate) struct Back(PutBack);

/// A SHA-256 in hexadecimal digits.
#[derive(Clone)]
pub(crate) struct Digest(Vec<u8>);

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let numbers = text.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        match numbers {
            Some((start, end)) if start < end => Ok(Self(TextPlace { start, end })),
            Some(_) | None => Err("two numbers like `12-20`"),
        }
    }
}

impl FromStr for Back {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "a place and a reason like `12-20:ordinary-word`";
        let (place, why) = text.split_once(':').ok_or(EXPECTED)?;
        let Place(place) = place.parse().map_err(|_| EXPECTED)?;
        let reason = parse::<UnmaskReason>(why).ok_or(EXPECTED)?;
        Ok(Self(PutBack { place: Some(place), reason: reason.into() }))
    }
}

impl FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "64 hexadecimal digits";
        let byte = |pair: &[u8]| {
            let pair =
                std::str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
            pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        bytes.filter(|bytes| bytes.len() == 32 && text.len() == 64).map(Self).ok_or(EXPECTED)
    }
}

impl Look {
    fn edits(&self) -> ReviewEdits {
        ReviewEdits {
            mask: self.mask.iter().map(|place| place.0).collect(),
            put_back: self.put_back.iter().map(|back| back.0).collect(),
        }
    }
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Request(args) => {
            let review_id = id_or_new(args.review_id);
            let payload = Payload::NarrativeReviewRequested(NarrativeReviewRequested {
                review_id: review_id.clone(),
                narrative_id: id_or_new(Some(args.narrative)),
                unit_id: id_or_new(Some(args.to)),
            });
            let record = Some(("head.narrative_review", review_id.as_str()));
            append(session, &args.command, Role::Responder, args.case, payload, record).await
        }
        Command::Queue(args) => reviews::run(session, &reviews::Command::of(ReviewKind::Narrative, args.reason)).await,
        Command::Show(args) => show(session, args).await,
        Command::Attest(args) => attest(session, args).await,
        Command::Withhold(args) => {
            let payload = Payload::NarrativeWithheld(NarrativeWithheld {
                review_id: id_or_new(Some(args.review)),
                reason: args.because.into(),
            });
            append(session, &args.command, Role::Reviewer, args.case, payload, None).await
        }
    }
}

async fn show(session: &mut Session<'_>, args: &Look) -> Result<Exit, Failure> {
    let request = ShowNarrativeRequest {
        case_id: id_or_new(Some(args.case)),
        review_id: id_or_new(Some(args.review)),
        edits: Some(args.edits()),
        reason: args.reason.into(),
    };
    let mut client = session.disclosure(Role::Reviewer)?;
    let shown = session.out.waiting("say.waiting", client.show_narrative(request)).await?.into_inner();
    if session.out.is_json() {
        session.out.message(&shown)?;
    } else {
        tell(session, args, &shown)?;
    }
    Ok(Exit::Ok)
}

fn tell(session: &mut Session<'_>, args: &Look, shown: &ShowNarrativeResponse) -> Result<(), Failure> {
    let lang = session.out.lang;
    let out = &mut *session.out;
    out.line(lang.text("say.narrative_told"))?;
    out.line("")?;
    out.line(&shown.narrative)?;
    out.line("")?;
    out.line(lang.text("say.narrative_leaves"))?;
    out.line("")?;
    out.line(&shown.text)?;
    out.line("")?;
    for replacement in &shown.replacements {
        let at = written(replacement.told.as_ref());
        let of = if replacement.of_the_case { lang.text("word.of_the_case") } else { "" };
        let told = piece(&shown.narrative, replacement.told.as_ref());
        out.field("head.replaced", format!("{at}  {told}  ({}{of})", replacement.kind))?;
    }
    for mark in &shown.marks {
        let (at, why) = (written(mark.place.as_ref()), lang.word_of::<MarkReason>(mark.reason));
        out.field("head.marked", format!("{at}  {}  ({why})", piece(&shown.text, mark.place.as_ref())))?;
    }
    out.line("")?;
    let digest = hex(&shown.text_sha256);
    let next: [(&str, &dyn std::fmt::Display); 4] =
        [("case", &args.case), ("review", &args.review), ("revision", &shown.case_revision), ("digest", &digest)];
    out.line(lang.fill("say.narrative_next", &next))
}

fn written(place: Option<&TextPlace>) -> String {
    place.map(|place| format!("{}-{}", place.start, place.end)).unwrap_or_default()
}

fn piece(text: &str, place: Option<&TextPlace>) -> String {
    let range = place.and_then(|place| {
        Some(Range { start: usize::try_from(place.start).ok()?, end: usize::try_from(place.end).ok()? })
    });
    range.map(|range| text.chars().skip(range.start).take(range.len()).collect()).unwrap_or_default()
}

async fn attest(session: &mut Session<'_>, args: &Attest) -> Result<Exit, Failure> {
    let request = AttestNarrativeRequest {
        command_id: id_or_new(args.command_id),
        case_id: id_or_new(Some(args.look.case)),
        review_id: id_or_new(Some(args.look.review)),
        edits: Some(args.look.edits()),
        text_sha256: args.digest.0.clone(),
        case_revision: args.revision,
        could_tell_who_said_it: args.could_tell.into(),
        reason: args.look.reason.into(),
    };
    let client = session.disclosure(Role::Reviewer)?;
    let call = || {
        let mut client = client.clone();
        let request = request.clone();
        async move { client.attest_narrative(request).await }
    };
    let attested = session.until_known(call).await;
    let attested = repeatable(session, &request.command_id, attested)?;
    if session.out.is_json() {
        session.out.message(&attested)?;
    } else {
        session.out.line(session.out.lang.text("say.narrative_attested"))?;
        session.out.field("head.digest", hex(&attested.text_digest))?;
    }
    Ok(Exit::Ok)
}
