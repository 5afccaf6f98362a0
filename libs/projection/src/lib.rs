//! Read models in sled whose rows and cursor move together
