//! What was told in words: what a reviewer is shown of it, and whether that is attested.

use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::Answer;
use egide_wire::proto::egide::disclosure::v1::disclosure_service_client::DisclosureServiceClient;
use egide_wire::proto::egide::disclosure::v1::{
    AttestNarrativeRequest, ReviewEdits, ShowNarrativeRequest, ShowNarrativeResponse, TextPlace,
};
use serde::Deserialize;
use tonic::Code;

use super::player::{Play, Player, Stop, listed};
use crate::endpoints::Service;
use crate::session::id_or_new;

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attest {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) review: String,
    #[serde(default)]
    pub(crate) mask: Vec<String>,
    #[serde(default)]
    pub(crate) could_tell: Option<String>,
    #[serde(default)]
    pub(crate) present: Vec<String>,
    #[serde(default)]
    pub(crate) absent: Vec<String>,
    #[serde(default)]
    pub(crate) refused: bool,
}

impl Player {
    pub(super) async fn attest(&self, play: &mut Play, attest: &Attest) -> Result<(), Stop> {
        let mut client = DisclosureServiceClient::new(self.as_speaker(Service::Disclosure, &attest.speaker)?);
        let look = ShowNarrativeRequest {
            case_id: play.symbols.id("case"),
            review_id: attest.review.clone(),
            edits: None,
            reason: i32::from(AccessReason::ShiftQueue),
        };
        let shown = match client.show_narrative(look.clone()).await {
            Ok(shown) => shown.into_inner(),
            Err(status) => return refused(play, attest, status),
        };
        let mask = attest.mask.iter().map(|piece| place(&shown, piece)).collect::<Result<_, _>>()?;
        let edits = Some(ReviewEdits { mask, put_back: Vec::new() });
        let look = ShowNarrativeRequest { edits: edits.clone(), ..look };
        let shown = client.show_narrative(look.clone()).await?.into_inner();
        play.words(&shown.text, &attest.present, &attest.absent);
        let answer = attest.could_tell.as_deref().unwrap_or("no");
        let request = AttestNarrativeRequest {
            command_id: id_or_new(None),
            case_id: look.case_id,
            review_id: look.review_id,
            edits,
            text_sha256: shown.text_sha256,
            case_revision: shown.case_revision,
            could_tell_who_said_it: listed::<Answer>(answer)?,
            reason: look.reason,
        };
        match client.attest_narrative(request).await {
            Ok(_) => play.checks.check(play.line, "attest", !attest.refused, "refused", "attested"),
            Err(status) => return refused(play, attest, status),
        }
        Ok(())
    }
}

fn refused(play: &mut Play, attest: &Attest, status: tonic::Status) -> Result<(), Stop> {
    if !matches!(status.code(), Code::PermissionDenied | Code::FailedPrecondition) {
        return Err(status.into());
    }
    play.checks.check(play.line, "attest", attest.refused, "attested", "refused");
    Ok(())
}

/// Where a piece of the narrative stands.
fn place(shown: &ShowNarrativeResponse, piece: &str) -> Result<TextPlace, Stop> {
    let (before, _) = shown.narrative.split_once(piece).ok_or_else(|| format!("the narrative has no `{piece}`"))?;
    let start = before.chars().count();
    let end = start.saturating_add(piece.chars().count());
    let number = |place: usize| u32::try_from(place).map_err(|_| "the narrative is too long".to_owned());
    Ok(TextPlace { start: number(start)?, end: number(end)? })
}
