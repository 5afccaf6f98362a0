//! `egide authority`: by what authority somebody speaks for another person, and what a young person wishes (`egide wishes`).

use std::path::PathBuf;

use clap::Subcommand;
use egide_servicekit::identity::Role;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    Answer, Authority, AuthorityRevoked, AuthorityVerified, WishesRecorded, YoungWish,
};
use prost_types::Timestamp;
use uuid::Uuid;

use super::append::{self, append};
use super::consent::digest_of;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::session::{Session, id_or_new, words_if_given};

/// `egide authority …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Verify(Verify),
    Revoke(Revoke),
}

/// `egide authority verify CASE PERSON REPRESENTATIVE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Verify {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "PERSON")]
    person: Uuid,
    #[arg(value_name = "REPRESENTATIVE")]
    representative: Uuid,
    #[arg(long, required = true, value_parser = value_of::<Authority>())]
    authority: Authority,
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse)]
    until: Option<Timestamp>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    document: Option<PathBuf>,
    #[arg(long, value_name = "VERIFICATION")]
    verification_id: Option<Uuid>,
    #[command(flatten)]
    command: append::Command,
}

/// `egide authority revoke CASE VERIFICATION`.
#[derive(Clone, clap::Args)]
pub(crate) struct Revoke {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "VERIFICATION")]
    verification: Uuid,
    #[command(flatten)]
    command: append::Command,
}

/// `egide wishes …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Wishes {
    Record(Record),
}

/// `egide wishes record CASE PERSON EXCEPTION`.
#[derive(Clone, clap::Args)]
pub(crate) struct Record {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "PERSON")]
    person: Uuid,
    #[arg(value_name = "EXCEPTION")]
    exception: Uuid,
    #[arg(long, required = true, value_parser = value_of::<YoungWish>())]
    wish: YoungWish,
    #[arg(long, value_name = "ANSWER", required = true, value_parser = value_of::<Answer>())]
    followed: Answer,
    #[arg(long, value_name = "TEXT", required = true)]
    why: String,
    #[command(flatten)]
    command: append::Command,
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Verify(args) => {
            let verification_id = id_or_new(args.verification_id);
            let payload = Payload::AuthorityVerified(AuthorityVerified {
                verification_id: verification_id.clone(),
                subject_id: id_or_new(Some(args.person)),
                representative_subject_id: id_or_new(Some(args.representative)),
                authority: args.authority.into(),
                expires_at: args.until,
                document_digest: args.document.as_deref().map(digest_of).transpose()?.unwrap_or_default(),
            });
            let record = Some(("head.verification", verification_id.as_str()));
            append(session, &args.command, Role::Supervisor, args.case, payload, record).await
        }
        Command::Revoke(args) => {
            let verification_id = id_or_new(Some(args.verification));
            let payload = Payload::AuthorityRevoked(AuthorityRevoked { verification_id });
            append(session, &args.command, Role::Supervisor, args.case, payload, None).await
        }
    }
}

pub(crate) async fn wishes(session: &mut Session<'_>, command: &Wishes) -> Result<Exit, Failure> {
    let Wishes::Record(args) = command;
    let payload = Payload::WishesRecorded(WishesRecorded {
        subject_id: id_or_new(Some(args.person)),
        exception_id: id_or_new(Some(args.exception)),
        wish: args.wish.into(),
        followed: args.followed.into(),
        why: words_if_given(Some(&args.why))?,
    });
    append(session, &args.command, Role::Supervisor, args.case, payload, None).await
}
