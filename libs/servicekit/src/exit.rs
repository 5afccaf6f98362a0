//! How a process ends: one code for each thing the caller can do about it, after BSD `sysexits.h`.

use std::process::ExitCode;

/// The code a process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// 0: done.
    Ok,
    /// 1: the answer is no, for instance a refusal of the gate or a signature that does not verify.
    No,
    /// 64: the command line is wrong.
    Usage,
    /// 65: the data given is wrong.
    Data,
    /// 66: a file to read is not there.
    NoInput,
    /// 69: a service cannot be reached, or the outcome is not known: try again.
    Unavailable,
    /// 70: a fault of the program's own.
    Software,
    /// 73: a file cannot be made.
    CannotCreate,
    /// 74: reading or writing failed.
    Io,
    /// 75: try again later: overload, or the record moved meanwhile.
    TryAgain,
    /// 76: the other side does not speak as agreed; the log does not verify.
    Protocol,
    /// 77: not permitted.
    NotPermitted,
    /// 78: the configuration is wrong.
    Config,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::No => 1,
            Self::Usage => 64,
            Self::Data => 65,
            Self::NoInput => 66,
            Self::Unavailable => 69,
            Self::Software => 70,
            Self::CannotCreate => 73,
            Self::Io => 74,
            Self::TryAgain => 75,
            Self::Protocol => 76,
            Self::NotPermitted => 77,
            Self::Config => 78,
        }
    }

    /// The code for a gRPC status that ends a client command.
    #[must_use]
    pub const fn of_status(code: tonic::Code) -> Self {
        match code {
            tonic::Code::Ok => Self::Ok,
            tonic::Code::InvalidArgument | tonic::Code::OutOfRange | tonic::Code::AlreadyExists => Self::Data,
            tonic::Code::NotFound | tonic::Code::FailedPrecondition => Self::No,
            tonic::Code::PermissionDenied | tonic::Code::Unauthenticated => Self::NotPermitted,
            tonic::Code::ResourceExhausted | tonic::Code::Aborted => Self::TryAgain,
            tonic::Code::Unavailable | tonic::Code::DeadlineExceeded | tonic::Code::Cancelled => Self::Unavailable,
            tonic::Code::Unimplemented | tonic::Code::DataLoss => Self::Protocol,
            tonic::Code::Internal | tonic::Code::Unknown => Self::Software,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
