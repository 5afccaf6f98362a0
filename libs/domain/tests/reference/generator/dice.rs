//! Chance from a seed (splitmix64), and ids from small numbers so that they meet.

use egide_domain::event::Actor;
use egide_domain::ids::{
    AgreementId, ApprovalId, ConsentId, DecisionId, DeliveryId, ExceptionId, OrganizationId, ReferralId, SubjectId,
    TipId, UnitId, VerificationId,
};
use egide_domain::set::{Member, Set};
use egide_domain::vocabulary::Role;

pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n).expect("small")).expect("small")
    }

    /// Whether something of this many percent happens.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// One of them with this many percent, otherwise none.
    pub(crate) fn maybe<T: Copy>(&mut self, from: &[T], percent: usize) -> Option<T> {
        self.chance(percent).then(|| self.pick(from))
    }

    /// The usual value with this many percent, otherwise any of the others.
    pub(crate) fn mostly<T: Copy>(&mut self, usual: T, percent: usize, others: &[T]) -> T {
        if self.chance(percent) { usual } else { self.pick(others) }
    }

    /// Each value of a list with this many percent.
    pub(crate) fn some_of<T: Member>(&mut self, percent: usize) -> Set<T> {
        T::MEMBERS.iter().copied().filter(|_| self.chance(percent)).collect()
    }

    /// 1 to 4.
    pub(crate) fn small(&mut self) -> u8 {
        self.pick(&[1, 1, 2, 2, 3, 4])
    }

    /// An actor: mostly a person in this role.
    pub(crate) fn actor(&mut self, role: Role) -> Actor {
        let role = self.mostly(role, 92, &[Role::Responder, Role::Supervisor, Role::Reviewer, Role::Liaison]);
        let person = self.pick(&["ana", "ben", "cleo"]).to_owned();
        match self.below(25) {
            0 => Actor { service: "desk".to_owned(), person: None, role: None },
            1 => Actor { service: "desk".to_owned(), person: None, role: Some(role) },
            2 => Actor { service: "desk".to_owned(), person: Some(person), role: None },
            _ => Actor { service: "desk".to_owned(), person: Some(person), role: Some(role) },
        }
    }
}

macro_rules! made_of_a_number {
    ($($function:ident $id:ident)+) => {$(
        pub(crate) fn $function(number: u8) -> $id {
            $id([number; 16])
        }
    )+};
}

made_of_a_number! {
    subject SubjectId
    tip TipId
    consent ConsentId
    exception ExceptionId
    decision DecisionId
    referral ReferralId
    delivery DeliveryId
    unit UnitId
    organization OrganizationId
    agreement AgreementId
    approval ApprovalId
    verification VerificationId
}
