//! Redaction of an opened case by the mask of a permit
