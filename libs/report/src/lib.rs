//! The canonical report: forms, pseudonyms, labels, canonical JSON
