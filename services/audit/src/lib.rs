//! History of disclosures, accounting per person, every look recorded
