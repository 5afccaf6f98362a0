//! How a command ends, for programs that call it. Listed in `egide --help`.

use std::process::ExitCode;

/// The ways a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Ok,
    /// 1: something we did not foresee.
    Unexpected,
    /// 2: the command line or the input is not as it should be.
    Usage,
    /// 3: the gate refused the disclosure.
    Refused,
    /// 4: there is no such thing.
    NotFound,
    /// 5: not allowed, or not known who asks.
    NotAllowed,
    /// 6: somebody else was faster, or the command id is taken: look and try again.
    Conflict,
    /// 7: a service cannot be reached or the outcome is not known: repeat with the same command id.
    Unavailable,
    /// 8: digest or signature do not hold.
    NotVerified,
    /// 9: the state of the case or recipient does not admit it.
    NotNow,
    /// 10: a file cannot be read as what it should be.
    Unreadable,
    /// 11: the sample did not come out as expected.
    Differs,
    /// 12: the key that signed was revoked.
    Revoked,
}

impl Exit {
    /// All ways, in the order of their codes.
    pub const ALL: [Self; 13] = [
        Self::Ok,
        Self::Unexpected,
        Self::Usage,
        Self::Refused,
        Self::NotFound,
        Self::NotAllowed,
        Self::Conflict,
        Self::Unavailable,
        Self::NotVerified,
        Self::NotNow,
        Self::Unreadable,
        Self::Differs,
        Self::Revoked,
    ];

    /// The exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::NotFound => 4,
            Self::NotAllowed => 5,
            Self::Conflict => 6,
            Self::Unavailable => 7,
            Self::NotVerified => 8,
            Self::NotNow => 9,
            Self::Unreadable => 10,
            Self::Differs => 11,
            Self::Revoked => 12,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
