//! The register of epochs: when each was first used, and which were retired. It stands in the keys' bucket, beside what
//! the epochs wrap: restored with an older bucket, it claims less than is true, never more.

use egide_crypto::wrap::Epoch;
use egide_domain::time::Timestamp;

/// First line: the layout that follows.
const VERSION: &str = "egide/epochs/v1";
/// Epochs in the register at most: what is retired and aged out makes room.
const EPOCHS_MAX: usize = 24;
/// Stands for "not" in the text.
const NONE: &str = "-";

/// One epoch in the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochRecord {
    /// The epoch.
    pub epoch: Epoch,
    /// When a ledger first wrapped under it.
    pub first_used: Timestamp,
    /// Whether its key ever lay on the store's own disk: then it counts as destroyed never, for whoever has the disk may
    /// have both.
    pub development: bool,
    /// When its key was destroyed, and until when the last backup reaches that may still hold it.
    pub retired: Option<Retired>,
}

/// That an epoch's key was destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retired {
    /// When.
    pub at: Timestamp,
    /// Until when a backup may still hold it, exclusive.
    pub backups_until: Timestamp,
}

impl EpochRecord {
    /// Whether nobody can unwrap anything under it any more.
    #[must_use]
    pub fn is_gone(&self, now: Timestamp) -> bool {
        !self.development && self.retired.is_some_and(|retired| retired.at <= now && retired.backups_until <= now)
    }

    fn line(&self) -> String {
        let (at, until) = match self.retired {
            Some(retired) => (retired.at.0.to_string(), retired.backups_until.0.to_string()),
            None => (NONE.to_owned(), NONE.to_owned()),
        };
        let kept = if self.development { "development" } else { "apart" };
        format!("{} {} {kept} {at} {until}", self.epoch, self.first_used.0)
    }

    fn read(line: &str) -> Option<Self> {
        let mut parts = line.split(' ');
        let (epoch, first_used, kept) = (parts.next()?, parts.next()?, parts.next()?);
        let retired = match (parts.next()?, parts.next()?) {
            (NONE, NONE) => None,
            (at, until) => {
                Some(Retired { at: Timestamp(at.parse().ok()?), backups_until: Timestamp(until.parse().ok()?) })
            }
        };
        let development = match kept {
            "development" => true,
            "apart" => false,
            _ => return None,
        };
        let whole = parts.next().is_none();
        whole.then_some(Self {
            epoch: epoch.parse().ok()?,
            first_used: Timestamp(first_used.parse().ok()?),
            development,
            retired,
        })
    }
}

/// All epochs that were ever used, in the order of their first use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Register {
    epochs: Vec<EpochRecord>,
}

/// The register does not allow it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// Its text is none.
    #[error("the register of epochs cannot be read; a newer egide wrote it, or it is damaged")]
    Form,
    /// The key of this epoch was said to be destroyed.
    #[error("epoch `{0}` is retired; a new key-encryption key takes a new epoch")]
    Retired(Epoch),
    /// No such epoch was ever used.
    #[error("epoch `{0}` was never used here")]
    Unknown(Epoch),
    /// Too many epochs are alive.
    #[error("the register holds `{EPOCHS_MAX}` epochs; retire the oldest")]
    Full,
}

impl Register {
    /// The epochs.
    #[must_use]
    pub fn epochs(&self) -> &[EpochRecord] {
        &self.epochs
    }

    /// Before when everything that was shredded is erased, exclusive: no key that was destroyed before it can be unwrapped
    /// from any backup any more. `None`: everything shredded so far.
    #[must_use]
    pub fn erased_before(&self, now: Timestamp) -> Option<Timestamp> {
        self.epochs.iter().filter(|record| !record.is_gone(now)).map(|record| record.first_used).min()
    }

    /// Notes that an epoch is in use; whether that was news.
    pub(crate) fn uses(&mut self, epoch: &Epoch, now: Timestamp, development: bool) -> Result<bool, RegisterError> {
        // What wrapped before there was a register may have done so for ever.
        let first_used = if self.epochs.is_empty() { Timestamp(0) } else { now };
        if let Some(known) = self.epochs.iter_mut().find(|record| record.epoch == *epoch) {
            if known.retired.is_some() {
                return Err(RegisterError::Retired(epoch.clone()));
            }
            let news = development && !known.development;
            known.development |= development;
            return Ok(news);
        }
        if self.epochs.len() >= EPOCHS_MAX {
            let gone = self.epochs.iter().position(|record| record.is_gone(now)).ok_or(RegisterError::Full)?;
            self.epochs.remove(gone);
        }
        self.epochs.push(EpochRecord { epoch: epoch.clone(), first_used, development, retired: None });
        Ok(true)
    }

    /// Notes that an epoch's key was destroyed. Of two dates for the end of its backups the later counts.
    pub(crate) fn retires(&mut self, epoch: &Epoch, retired: Retired) -> Result<(), RegisterError> {
        let known = self.epochs.iter_mut().find(|record| record.epoch == *epoch);
        let known = known.ok_or_else(|| RegisterError::Unknown(epoch.clone()))?;
        known.retired = Some(match known.retired {
            Some(before) => Retired { at: before.at, backups_until: before.backups_until.max(retired.backups_until) },
            None => retired,
        });
        Ok(())
    }

    pub(crate) fn to_text(&self) -> String {
        let lines = self.epochs.iter().map(EpochRecord::line);
        std::iter::once(VERSION.to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, RegisterError> {
        let text = std::str::from_utf8(bytes).map_err(|_| RegisterError::Form)?;
        let mut lines = text.lines();
        if lines.next() != Some(VERSION) {
            return Err(RegisterError::Form);
        }
        let epochs = lines.map(EpochRecord::read).collect::<Option<Vec<_>>>().ok_or(RegisterError::Form)?;
        Ok(Self { epochs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(name: &str) -> Epoch {
        name.parse().unwrap()
    }

    fn retired(at: i64, until: i64) -> Retired {
        Retired { at: Timestamp(at), backups_until: Timestamp(until) }
    }

    fn used(names: &[(&str, i64)]) -> Register {
        let mut register = Register::default();
        for (name, at) in names {
            register.uses(&epoch(name), Timestamp(*at), false).unwrap();
        }
        register
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut register = used(&[("a", 5), ("b", 7)]);
        register.uses(&epoch("c"), Timestamp(9), true).unwrap();
        register.retires(&epoch("a"), retired(10, 20)).unwrap();
        assert_eq!(Register::parse(register.to_text().as_bytes()), Ok(register));
        for text in ["", "egide/epochs/v2", "egide/epochs/v1\na", "egide/epochs/v1\na 1 here - -"] {
            assert_eq!(Register::parse(text.as_bytes()), Err(RegisterError::Form), "{text}");
        }
    }

    #[test]
    fn what_was_shredded_is_erased_when_every_epoch_it_may_have_been_wrapped_in_is_gone_from_backups_too() {
        let mut register = used(&[("a", 5), ("b", 100)]);
        assert_eq!(register.erased_before(Timestamp(150)), Some(Timestamp(0)));
        register.retires(&epoch("a"), retired(150, 200)).unwrap();
        assert_eq!(register.erased_before(Timestamp(199)), Some(Timestamp(0)));
        assert_eq!(register.erased_before(Timestamp(200)), Some(Timestamp(100)));
        register.retires(&epoch("b"), retired(300, 300)).unwrap();
        assert_eq!(register.erased_before(Timestamp(300)), None);
        register.retires(&epoch("a"), retired(150, 400)).unwrap();
        assert_eq!(register.erased_before(Timestamp(300)), Some(Timestamp(0)), "the later date counts");
    }

    #[test]
    fn a_key_that_lay_on_the_stores_own_disk_is_never_gone() {
        let mut register = used(&[("a", 5)]);
        register.uses(&epoch("a"), Timestamp(6), true).unwrap();
        register.uses(&epoch("a"), Timestamp(7), false).unwrap();
        register.uses(&epoch("b"), Timestamp(8), false).unwrap();
        register.retires(&epoch("a"), retired(10, 10)).unwrap();
        assert_eq!(register.erased_before(Timestamp(1_000)), Some(Timestamp(0)));
    }

    #[test]
    fn a_retired_epoch_is_not_used_again_and_an_unknown_one_not_retired() {
        let mut register = used(&[("a", 5)]);
        register.retires(&epoch("a"), retired(10, 10)).unwrap();
        assert_eq!(register.uses(&epoch("a"), Timestamp(11), false), Err(RegisterError::Retired(epoch("a"))));
        assert_eq!(register.retires(&epoch("z"), retired(1, 1)), Err(RegisterError::Unknown(epoch("z"))));
    }

    #[test]
    fn the_register_is_bounded_and_fits_into_an_entry() {
        let mut register = Register::default();
        let name = |number: usize| epoch(&format!("{number:064}"));
        for number in 0..EPOCHS_MAX {
            register.uses(&name(number), Timestamp(i64::MAX), true).unwrap();
            register.retires(&name(number), retired(i64::MAX, i64::MAX)).unwrap();
        }
        assert!(register.to_text().len() <= 4_096, "{}", register.to_text().len());
        assert_eq!(register.uses(&name(99), Timestamp(0), false), Err(RegisterError::Full));
        let mut register = used(&[("a", 5)]);
        register.retires(&epoch("a"), retired(6, 6)).unwrap();
        for number in 0..EPOCHS_MAX {
            register.uses(&name(number), Timestamp(7), false).unwrap();
        }
        assert_eq!(register.epochs().len(), EPOCHS_MAX);
    }
}
