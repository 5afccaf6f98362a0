//! The rows a model writes while it applies blocks.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::store::{AFTER_ROWS, ROW, Store, StoreError};

/// Rows as they are with everything applied so far, this block included. What is written here becomes visible to
/// readers together with the cursor, or not at all.
pub struct Rows<'a> {
    store: &'a Store,
    /// Keys with the first byte of rows; removed rows are kept as none.
    changed: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

/// A key and what stands there.
pub type KeyAndRow = (Vec<u8>, Vec<u8>);

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("changed", &self.changed.len()).finish_non_exhaustive()
    }
}

impl<'a> Rows<'a> {
    pub(crate) fn new(store: &'a Store) -> Self {
        Self { store, changed: BTreeMap::new() }
    }

    pub(crate) fn into_changes(self) -> impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)> {
        self.changed.into_iter()
    }

    /// The row at `key`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let key = row_key(key);
        match self.changed.get(&key) {
            Some(changed) => Ok(changed.clone()),
            None => Ok(self.store.tree().get(key)?.map(|value| value.to_vec())),
        }
    }

    /// Writes the row at `key`.
    pub fn insert(&mut self, key: &[u8], value: impl Into<Vec<u8>>) {
        self.changed.insert(row_key(key), Some(value.into()));
    }

    /// Removes the row at `key`, if there is one.
    pub fn remove(&mut self, key: &[u8]) {
        self.changed.insert(row_key(key), None);
    }

    /// All rows whose key begins with `prefix`, in the order of their keys. Few are meant: they are collected.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn prefix(&self, prefix: &[u8]) -> Result<Vec<KeyAndRow>, StoreError> {
        let start = row_key(prefix);
        let mut found = BTreeMap::new();
        for row in self.store.tree().scan_prefix(&start) {
            let (key, value) = row?;
            found.insert(key.to_vec(), Some(value.to_vec()));
        }
        let changed = self.changed.range::<[u8], _>((Bound::Included(start.as_slice()), Bound::Unbounded));
        for (key, value) in changed.take_while(|(key, _)| key.starts_with(&start)) {
            found.insert(key.clone(), value.clone());
        }
        let rows = found.into_iter().filter_map(|(key, value)| Some((key.get(1..)?.to_vec(), value?)));
        Ok(rows.collect())
    }
}

/// The stored key of a row.
pub(crate) fn row_key(key: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(key.len() + 1);
    stored.push(ROW);
    stored.extend_from_slice(key);
    stored
}

/// The stored key before which all rows stand.
pub(crate) fn rows_end() -> Vec<u8> {
    vec![AFTER_ROWS]
}
