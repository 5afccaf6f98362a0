//! `TransparencyService`. What tells about cases is recorded as a look before it is answered.

use std::sync::Arc;

use egide_eventlog::EventLog;
use egide_projection::{ModelError, Projection, View};
use egide_servicekit::identity::{Caller, Onward};
use egide_tlog::proof;
use egide_tlog::tile::{OfTiles, Tile};
use egide_wire::proto::egide::audit::v1::transparency_service_server::TransparencyService;
use egide_wire::proto::egide::audit::v1::{
    AccessReason, AccessScope, GetCheckpointRequest, GetCheckpointResponse, GetProofRequest, GetProofResponse,
    GetTileRequest, GetTileResponse, Leaf, LeafOpening, ListLeavesRequest, ListLeavesResponse,
};
use egide_wire::proto::egide::ledger::v1::{Block, SignedBlock};
use egide_wire::refusal::{Violation, invalid};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::keeper::Signed;
use super::{Shown, pages};
use crate::leaf;
use crate::looks::{Look, Looks};
use crate::model::History;
use crate::model::leaves::{self, LeafRow, Tree};
use crate::query::filter;

/// Leaves read on one view, and told together at most.
const LEAVES_AT_ONCE: u64 = 256;
/// Most bytes of an answer with leaves before the next one begins; one leaf more fits the largest message.
const ANSWER_BYTES: usize = 1_024 * 1_024;
/// Answers ahead of their reader.
const ANSWERS_AHEAD: usize = 4;

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct Transparency {
    history: Projection<History>,
    looks: Looks,
    log: EventLog,
    shown: Shown,
}

impl Transparency {
    pub(crate) const fn new(history: Projection<History>, looks: Looks, log: EventLog, shown: Shown) -> Self {
        Self { history, looks, log, shown }
    }

    fn signed(&self) -> Result<Arc<Signed>, Status> {
        self.shown.signed.borrow().clone().ok_or_else(|| Status::unavailable("no checkpoint was signed yet; try again"))
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&View<'_>) -> Result<T, ModelError> + Send + 'static,
    ) -> Result<T, Status> {
        let history = self.history.clone();
        let answer = tokio::task::spawn_blocking(move || question(&history.view())).await;
        answer.map_err(|_| unreadable())?.map_err(|error| {
            tracing::error!(reason = %error, "the tree cannot be read");
            unreadable()
        })
    }

    async fn look<T>(&self, request: &Request<T>, reason: AccessReason) -> Result<(), Status> {
        let look = Look { scope: AccessScope::History, reason, case_id: None, subject_id: None, unit_id: None };
        self.looks.record(&Onward::of(request), look).await
    }

    /// What opens a leaf, read from the log itself, where nobody can have changed it since: the leaf commits to every byte.
    async fn open(&self, index: u64, row: LeafRow, last: &mut Option<(u64, Block)>) -> Result<Leaf, Status> {
        if last.as_ref().is_none_or(|(number, _)| *number != row.block) {
            *last = Some((row.block, self.block(row.block).await?));
        }
        let opening = last.as_ref().and_then(|(_, block)| opening_in(block, row.position));
        let opening = opening.filter(|opening| leaf::of(opening) == row.leaf).ok_or_else(|| {
            tracing::error!(index, position = row.position, "the log does not hold what a leaf was made of");
            Status::data_loss(format!(
                "leaf {index}: the log does not hold at position {} what it was made of",
                row.position
            ))
        })?;
        Ok(Leaf { index, leaf: row.leaf.to_vec(), opening: Some(opening) })
    }

    async fn block(&self, number: u64) -> Result<Block, Status> {
        let raw = self.log.read(number).await.map_err(|error| {
            tracing::warn!(reason = %error, "the log does not answer");
            Status::unavailable("the log does not answer; try again")
        })?;
        let signed = raw.and_then(|raw| SignedBlock::decode(raw.bytes).ok());
        let block = signed.and_then(|signed| Block::decode(signed.block.as_slice()).ok());
        block.ok_or_else(|| Status::data_loss(format!("the log does not hold block {number}")))
    }

    /// Leaves from `from` to `until`, exclusive, as many as fit one answer.
    async fn some(&self, from: u64, until: u64) -> Result<Vec<Leaf>, Status> {
        let end = until.min(from.saturating_add(LEAVES_AT_ONCE));
        let rows = self.ask(move |view| {
            (from..end).map(|index| Ok((index, leaves::leaf_at(view, index)?))).collect::<Result<Vec<_>, ModelError>>()
        });
        let (mut told, mut bytes, mut block) = (Vec::new(), 0_usize, None);
        for (index, row) in rows.await? {
            let leaf = self.open(index, row, &mut block).await?;
            bytes = bytes.saturating_add(leaf.encoded_len());
            told.push(leaf);
            if bytes > ANSWER_BYTES {
                break;
            }
        }
        Ok(told)
    }

    async fn tell(self, mut from: u64, until: u64, answers: mpsc::Sender<Result<ListLeavesResponse, Status>>) {
        while from < until {
            let some = self.some(from, until).await;
            let told = some.as_ref().map_or(0, Vec::len);
            let failed = some.is_err();
            if answers.send(some.map(|leaves| ListLeavesResponse { leaves })).await.is_err() || failed || told == 0 {
                return;
            }
            from = from.saturating_add(u64::try_from(told).unwrap_or(u64::MAX));
        }
    }
}

fn unreadable() -> Status {
    Status::internal("the tree cannot be read; rebuild it")
}

fn opening_in(block: &Block, position: u64) -> Option<LeafOpening> {
    let mut at = block.first_position;
    for commit in &block.commits {
        for event in &commit.events {
            if at == position {
                return Some(leaf::opening(block.recorded_at, position, commit, event));
            }
            at = at.saturating_add(1);
        }
    }
    None
}

fn no_such() -> Status {
    Status::not_found("no leaf was made of an event at this position")
}

#[tonic::async_trait]
impl TransparencyService for Transparency {
    async fn get_checkpoint(
        &self,
        request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        Caller::of(&request)?.person()?;
        let signed = self.signed()?.note.to_string();
        let published = self.shown.published.borrow().as_ref().map(ToString::to_string).unwrap_or_default();
        Ok(Response::new(GetCheckpointResponse { signed, published, key: self.shown.key.to_string() }))
    }

    async fn get_tile(&self, request: Request<GetTileRequest>) -> Result<Response<GetTileResponse>, Status> {
        Caller::of(&request)?.person()?;
        let GetTileRequest { level, index, width } = *request.get_ref();
        let numbers = u8::try_from(level).ok().zip(u16::try_from(width).ok());
        let tile = numbers.and_then(|(level, width)| Tile::new(level, index, width));
        let tile = tile.ok_or_else(|| invalid(vec![Violation::new("level", "no tree has such a tile")]))?;
        if !tile.is_in(self.signed()?.size) {
            return Err(Status::not_found("the newest checkpoint does not cover this tile"));
        }
        let hashes = {
            let history = self.history.clone();
            let read = tokio::task::spawn_blocking(move || pages::hashes_of(&history, tile)).await;
            read.map_err(|_| unreadable())?.map_err(|_| unreadable())?
        };
        Ok(Response::new(GetTileResponse { hashes }))
    }

    type ListLeavesStream = ReceiverStream<Result<ListLeavesResponse, Status>>;

    async fn list_leaves(
        &self,
        request: Request<ListLeavesRequest>,
    ) -> Result<Response<Self::ListLeavesStream>, Status> {
        Caller::of(&request)?.person()?;
        let ListLeavesRequest { from, until, reason } = *request.get_ref();
        let reason = filter::reason(reason).map_err(|violation| invalid(vec![violation]))?;
        let size = self.signed()?.size;
        let until = if until == 0 { size } else { until };
        if from >= until || until > size {
            let told = "from must be below until, and until at most what the newest checkpoint covers";
            return Err(invalid(vec![Violation::new("from", told)]));
        }
        self.look(&request, reason).await?;
        let (answers, stream) = mpsc::channel(ANSWERS_AHEAD);
        tokio::spawn(self.clone().tell(from, until, answers));
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn get_proof(&self, request: Request<GetProofRequest>) -> Result<Response<GetProofResponse>, Status> {
        Caller::of(&request)?.person()?;
        let GetProofRequest { position, reason } = *request.get_ref();
        let reason = filter::reason(reason).map_err(|violation| invalid(vec![violation]))?;
        self.look(&request, reason).await?;
        let signed = self.signed()?;
        let size = signed.size;
        let found = self.ask(move |view| {
            let Some(index) = leaves::index_of(view, position)? else { return Ok(None) };
            let proof = proof::inclusion(&OfTiles(&Tree(view)), index, size)?;
            Ok(Some((index, leaves::leaf_at(view, index)?, proof)))
        });
        let (index, row, proof) = found.await?.ok_or_else(no_such)?;
        // Its checkpoint follows within a moment.
        let proof = proof.ok_or_else(|| Status::unavailable("no checkpoint covers this event yet; try again"))?;
        let leaf = self.open(index, row, &mut None).await?;
        Ok(Response::new(GetProofResponse {
            leaf: Some(leaf),
            hashes: proof.iter().map(|hash| hash.as_bytes().to_vec()).collect(),
            checkpoint: signed.note.to_string(),
        }))
    }
}
