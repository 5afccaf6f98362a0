//! The log's read interface for everybody: `/checkpoint` and `/tile/…` as C2SP tlog-tiles has them. It shows what the published
//! checkpoint covers and nothing beyond, so that nobody sees between two publications whether anything happened.

use bytes::Bytes;
use egide_projection::{ModelError, Projection};
use egide_servicekit::plain::{self, Answer, Asked};
use egide_servicekit::shutdown::Shutdown;
use egide_tlog::checkpoint::Checkpoint;
use egide_tlog::tile::{self, Hashes as _, Resource, Tile};
use http::{Method, StatusCode};
use tokio::net::TcpListener;

use super::Shown;
use crate::model::History;
use crate::model::leaves::{Tree, leaf_at};

/// A tile never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const OCTETS: &str = "application/octet-stream";

pub(super) async fn serve(listener: TcpListener, history: Projection<History>, shown: Shown, shutdown: Shutdown) {
    let handler = move |asked: Asked| {
        let (history, shown) = (history.clone(), shown.clone());
        async move { answer(&asked, history, &shown).await }
    };
    // Nothing is read but the head of a request.
    plain::serve(listener, 0, handler, shutdown).await;
}

async fn answer(asked: &Asked, history: Projection<History>, shown: &Shown) -> Answer {
    let not_found = || Answer::text(StatusCode::NOT_FOUND, "not found\n");
    if asked.method != Method::GET {
        return Answer::text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
    }
    let published = shown.published.borrow().clone();
    let resource = asked.path.strip_prefix('/').and_then(Resource::read);
    let (Some(resource), Some(note)) = (resource, published) else { return not_found() };
    let Ok(checkpoint) = note.text().parse::<Checkpoint>() else { return not_found() };
    let (Resource::Tile(tile) | Resource::Entries(tile)) = resource else {
        return Answer::text(StatusCode::OK, note.to_string());
    };
    if !tile.is_in(checkpoint.size) {
        return not_found();
    }
    let entries = matches!(resource, Resource::Entries(_));
    let read =
        tokio::task::spawn_blocking(
            move || {
                if entries { entries_of(&history, tile) } else { hashes_of(&history, tile) }
            },
        );
    match read.await {
        Ok(Ok(body)) => {
            Answer { status: StatusCode::OK, content_type: OCTETS, cache: FOR_EVER, body: Bytes::from(body) }
        }
        // Rows that are being built again do not reach so far yet.
        Ok(Err(_)) | Err(_) => Answer::text(StatusCode::SERVICE_UNAVAILABLE, "try again\n"),
    }
}

/// The hashes of a tile.
pub(super) fn hashes_of(history: &Projection<History>, tile: Tile) -> Result<Vec<u8>, ModelError> {
    let hashes = Tree(&history.view()).hashes(tile.level(), tile.first(), tile.width())?;
    Ok(tile::write_hashes(&hashes))
}

fn entries_of(history: &Projection<History>, tile: Tile) -> Result<Vec<u8>, ModelError> {
    let view = history.view();
    let indices = (0..u64::from(tile.width())).map(|beyond| tile.first().saturating_add(beyond));
    let leaves = indices.map(|index| leaf_at(&view, index).map(|row| row.leaf)).collect::<Result<Vec<_>, _>>()?;
    tile::write_entries(leaves.iter().map(|leaf| &leaf[..])).ok_or(ModelError::Row)
}
