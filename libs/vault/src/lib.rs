//! Data keys of people, narratives and cases, wrapped under an epoch key
