//! After a restore from a backup: the log goes on in a new incarnation, which the offline root has signed.

use egide_trust::{Lost, Restore};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use egide_crypto::random::random_bytes;

use crate::anchor::Contradiction;
use crate::connection::Connection;
use crate::follow::hash_of;
use crate::log::{INCARNATION, LogError, STREAM, wish_without_capacity};
use crate::mark::Mark;
use crate::stored::get_from_leader;
use crate::stream::Scope;

/// What became of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It goes on in the new incarnation.
    Now,
    /// It did already.
    Before,
}

#[derive(Deserialize)]
struct Updated {}

/// The record of a restore that keeps the log up to `end`, as a walk found it ([`crate::Verification::end`]): a new
/// incarnation, and what `marks` know to be lost. It counts once the root has signed it (`egide_trust::Draft::add_restore`).
///
/// # Errors
/// [`LogError::Random`].
pub fn plan_restore(end: &Mark, marks: &[Mark], reason: &str, now_ms: i64) -> Result<Restore, LogError> {
    let incarnation = uuid::Builder::from_random_bytes(random_bytes()?).into_uuid();
    let ahead = marks.iter().filter(|mark| mark.incarnation == end.incarnation && mark.block > end.block);
    let furthest = ahead.max_by_key(|mark| mark.block);
    let lost = Lost {
        last_block: furthest.map(|mark| mark.block),
        last_position: furthest.map(|mark| mark.next_position.saturating_sub(1)),
    };
    Ok(Restore {
        incarnation: incarnation.to_string(),
        ended: end.incarnation.clone(),
        after_block: end.block,
        block_hash: end.hash,
        next_position: end.next_position,
        lost,
        reason: reason.to_owned(),
        restored_at_ms: now_ms,
    })
}

/// Lets the stream go on in the incarnation of `restore`, over a connection of the administrative identity. The stream must
/// end at the block that the restore keeps; nothing but its metadata is changed. Done twice, it is done once.
///
/// # Errors
/// [`LogError`]; [`Contradiction`] when the stream is not the one that was restored.
pub async fn begin_incarnation(connection: &Connection, restore: &Restore) -> Result<Begun, LogError> {
    let wish = wish_without_capacity();
    let info = wish.info(connection).await?.ok_or(LogError::Missing)?;
    wish.compare(&info.config, Scope::WithoutCapacity)?;
    let found =
        info.metadata(INCARNATION).filter(|text| Uuid::try_parse(text).is_ok()).ok_or(LogError::NoIncarnation)?;
    if found == restore.incarnation {
        return Ok(Begun::Before);
    }
    if found != restore.ended {
        let (found, expected) = (found.to_owned(), restore.ended.clone());
        return Err(Contradiction::NotRestored { found, expected }.into());
    }
    let number = restore.after_block;
    let query = format!("{{\"seq\":{number}}}");
    let last = if number == 0 { None } else { get_from_leader(connection, STREAM, query).await? };
    let kept = last.is_none_or(|last| hash_of(&last.into_raw_block()) == Some(restore.block_hash));
    if info.state.last_seq != number || !kept {
        return Err(Contradiction::RestoredElsewhere { number }.into());
    }
    let mut config = info.config.clone();
    let metadata = config.get_mut("metadata").and_then(Value::as_object_mut).ok_or(LogError::NoIncarnation)?;
    metadata.insert(INCARNATION.to_owned(), Value::String(restore.incarnation.clone()));
    let body = Value::Object(config).to_string();
    let Updated {} = connection.api(&format!("STREAM.UPDATE.{STREAM}"), body).await?;
    tracing::warn!(after = number, incarnation = restore.incarnation, "the log goes on in a new incarnation");
    Ok(Begun::Now)
}
