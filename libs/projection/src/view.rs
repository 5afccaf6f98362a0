//! Reading a projection.

use std::ops::{Bound, RangeBounds};
use std::sync::RwLockReadGuard;

use egide_eventlog::Head;

use crate::rows::{row_key, rows_end};
use crate::store::{Store, StoreError};

/// What readers see at one moment: every row follows from the log up to [`View::head`], and nothing moves while the
/// view is held. Applying blocks waits for it, so it is held briefly; it cannot be held across an `await` of a spawned
/// task.
pub struct View<'a> {
    pub(crate) store: &'a Store,
    pub(crate) head: RwLockReadGuard<'a, Head>,
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("number", &self.head.number()).finish_non_exhaustive()
    }
}

/// The content of a row.
#[derive(Clone, PartialEq, Eq)]
pub struct Row(sled::IVec);

impl AsRef<[u8]> for Row {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl std::ops::Deref for Row {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Row({} bytes)", self.0.len())
    }
}

impl View<'_> {
    /// The head that every row follows from.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Position of the last event that is applied.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.head.last_position()
    }

    /// The row at `key`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Row>, StoreError> {
        Ok(self.store.tree().get(row_key(key))?.map(Row))
    }

    /// Rows whose keys lie in `range`, in the order of their keys, from either end. Keys are handed out without copying
    /// the rows' values twice; take as many as a page needs and drop the iterator.
    pub fn range<K: AsRef<[u8]>>(
        &self,
        range: impl RangeBounds<K>,
    ) -> impl DoubleEndedIterator<Item = Result<(Vec<u8>, Row), StoreError>> {
        let start = match range.start_bound() {
            Bound::Included(key) => Bound::Included(row_key(key.as_ref())),
            Bound::Excluded(key) => Bound::Excluded(row_key(key.as_ref())),
            Bound::Unbounded => Bound::Included(row_key(&[])),
        };
        let end = match range.end_bound() {
            Bound::Included(key) => Bound::Included(row_key(key.as_ref())),
            Bound::Excluded(key) => Bound::Excluded(row_key(key.as_ref())),
            Bound::Unbounded => Bound::Excluded(rows_end()),
        };
        let empty = is_empty(&start, &end);
        let rows = (!empty).then(|| self.store.tree().range::<Vec<u8>, _>((start, end)));
        rows.into_iter().flatten().map(outward)
    }

    /// Rows whose keys begin with `prefix`, in the order of their keys, from either end.
    pub fn prefix(&self, prefix: &[u8]) -> impl DoubleEndedIterator<Item = Result<(Vec<u8>, Row), StoreError>> {
        self.store.tree().scan_prefix(row_key(prefix)).map(outward)
    }
}

/// Whether a range holds no key; sled does not take an end before a start.
fn is_empty(start: &Bound<Vec<u8>>, end: &Bound<Vec<u8>>) -> bool {
    match (start, end) {
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Included(end) | Bound::Excluded(end)) => start >= end,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}

fn outward(row: sled::Result<(sled::IVec, sled::IVec)>) -> Result<(Vec<u8>, Row), StoreError> {
    let (key, value) = row?;
    Ok((key.get(1..).unwrap_or_default().to_vec(), Row(value)))
}
