//! `egide directory liaison`: who may sign in at the portal for a unit. Invitations are vetted out of band: whoever invites has heard
//! from the agency, over a number it is known by, that this person is theirs, and hands the code over the same way.

use clap::Subcommand;
use egide_crypto::digest::sha256;
use egide_crypto::random::random_bytes;
use egide_servicekit::clock;
use egide_wire::proto::egide::directory::v1::{
    InviteLiaisonRequest, LiaisonEntry, LiaisonInvited, LiaisonRevocation, LiaisonRevoked, ListLiaisonsRequest,
    RevokeLiaisonRequest,
};
use prost_types::Timestamp;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::output::Output;
use crate::session::{Session, id_or_new};
use crate::times::minute;

/// Signs of a code: Crockford's base 32, in which none is taken for another.
const SIGNS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Signs of a code, five bits each: 130 bits that nobody guesses.
const CODE_SIGNS: usize = 26;
/// Signs between two dashes.
const GROUP: usize = 4;

/// `egide directory liaison …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Invite(Invite),
    Revoke(Revoke),
    List(List),
}

/// `egide directory liaison invite ORGANIZATION UNIT`.
#[derive(Clone, clap::Args)]
pub(crate) struct Invite {
    #[arg(value_name = "ORGANIZATION")]
    organization: Uuid,
    #[arg(id = "of_unit", value_name = "UNIT")]
    unit: Uuid,
    #[arg(value_name = "LIAISON")]
    liaison: Option<Uuid>,
    #[arg(long, value_name = "NAME", required = true)]
    account: String,
    #[arg(long, value_name = "TEXT", required = true)]
    sponsored_by: String,
    #[arg(long, value_name = "HOURS", default_value_t = 48, value_parser = clap::value_parser!(u32).range(1..=168))]
    code_hours: u32,
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=400))]
    account_days: u32,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// `egide directory liaison revoke ORGANIZATION UNIT LIAISON`.
#[derive(Clone, clap::Args)]
pub(crate) struct Revoke {
    #[arg(value_name = "ORGANIZATION")]
    organization: Uuid,
    #[arg(id = "of_unit", value_name = "UNIT")]
    unit: Uuid,
    #[arg(value_name = "LIAISON")]
    liaison: Uuid,
    #[arg(long, required = true, value_parser = value_of::<LiaisonRevocation>())]
    reason: LiaisonRevocation,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// `egide directory liaison list ORGANIZATION`.
#[derive(Clone, clap::Args)]
pub(crate) struct List {
    #[arg(value_name = "ORGANIZATION")]
    organization: Uuid,
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Invite(args) => invite(session, args).await,
        Command::Revoke(args) => revoke(session, args).await,
        Command::List(args) => list(session, args).await,
    }
}

/// A new code, as it is digested.
fn code() -> Result<Zeroizing<String>, Failure> {
    let bytes: Zeroizing<[u8; CODE_SIGNS]> = Zeroizing::new(
        random_bytes().map_err(|error| Failure::new(Exit::Unexpected, "fail.random").with("error", error))?,
    );
    // 256 is eight times 32: every sign is as likely as any other.
    let signs = bytes.iter().filter_map(|byte| SIGNS.get(usize::from(byte % 32))).map(|sign| char::from(*sign));
    Ok(Zeroizing::new(signs.collect()))
}

/// The code in groups, to be read out and typed.
fn grouped(code: &str) -> String {
    let signs: Vec<char> = code.chars().collect();
    signs.chunks(GROUP).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

fn in_seconds(seconds: u32) -> Option<Timestamp> {
    Some(Timestamp { seconds: clock::now_s().saturating_add(i64::from(seconds)), nanos: 0 })
}

async fn invite(session: &mut Session<'_>, args: &Invite) -> Result<Exit, Failure> {
    let code = code()?;
    let liaison_id = id_or_new(args.liaison);
    let invitation = LiaisonInvited {
        organization_id: id_or_new(Some(args.organization)),
        unit_id: id_or_new(Some(args.unit)),
        liaison_id: liaison_id.clone(),
        account: args.account.clone(),
        code_digest: sha256(code.as_bytes()).as_bytes().to_vec(),
        code_expires_at: in_seconds(args.code_hours.saturating_mul(3_600)),
        account_expires_at: in_seconds(args.account_days.saturating_mul(24 * 3_600)),
        sponsored_by: args.sponsored_by.clone(),
    };
    let until = minute(invitation.code_expires_at.as_ref());
    let request = InviteLiaisonRequest { command_id: id_or_new(args.command_id), invitation: Some(invitation) };
    let client = session.liaisons()?;
    let call = || {
        let (mut client, request) = (client.clone(), request.clone());
        async move { client.invite_liaison(request).await }
    };
    session.until_known(call).await?;
    let out = &mut *session.out;
    if out.is_json() {
        out.json(&serde_json::json!({ "liaisonId": liaison_id, "code": grouped(&code), "codeExpiresAt": until }))?;
        return Ok(Exit::Ok);
    }
    out.field("head.liaison", &liaison_id)?;
    out.field("head.account", &args.account)?;
    out.field("head.code", grouped(&code))?;
    out.field("head.code_until", until)?;
    out.note(out.lang.text("say.liaison_code"))?;
    Ok(Exit::Ok)
}

async fn revoke(session: &mut Session<'_>, args: &Revoke) -> Result<Exit, Failure> {
    let revocation = LiaisonRevoked {
        organization_id: id_or_new(Some(args.organization)),
        unit_id: id_or_new(Some(args.unit)),
        liaison_id: id_or_new(Some(args.liaison)),
        reason: args.reason.into(),
    };
    let liaison_id = revocation.liaison_id.clone();
    let request = RevokeLiaisonRequest { command_id: id_or_new(args.command_id), revocation: Some(revocation) };
    let client = session.liaisons()?;
    let call = || {
        let (mut client, request) = (client.clone(), request.clone());
        async move { client.revoke_liaison(request).await }
    };
    let response = session.until_known(call).await?;
    if session.out.is_json() {
        session.out.message(&response)?;
        return Ok(Exit::Ok);
    }
    session.out.field("head.liaison", &liaison_id)?;
    session.out.note(session.out.lang.text("say.liaison_revoked"))?;
    Ok(Exit::Ok)
}

async fn list(session: &mut Session<'_>, args: &List) -> Result<Exit, Failure> {
    let mut client = session.liaisons()?;
    let request = ListLiaisonsRequest { organization_id: id_or_new(Some(args.organization)) };
    let found = session.out.waiting("say.waiting", client.list_liaisons(request)).await?.into_inner().liaisons;
    if session.out.is_json() {
        found.iter().try_for_each(|entry| session.out.message(entry))?;
    } else if found.is_empty() {
        session.out.line(session.out.lang.text("say.no_liaisons"))?;
    } else {
        found.iter().try_for_each(|entry| show(session.out, entry))?;
    }
    Ok(Exit::Ok)
}

fn show(out: &mut Output, entry: &LiaisonEntry) -> Result<(), Failure> {
    let Some(invitation) = &entry.invitation else { return Ok(()) };
    let used = entry.passkeys.iter().filter_map(|passkey| passkey.used_at.as_ref()).max_by_key(|at| at.seconds);
    let (until, used) = (minute(invitation.account_expires_at.as_ref()), minute(used));
    let (revoked, passkeys) = (minute(entry.revoked_at.as_ref()), entry.passkeys.len());
    let places: [(&str, &dyn std::fmt::Display); 6] = [
        ("account", &invitation.account),
        ("unit", &invitation.unit_id),
        ("passkeys", &passkeys),
        ("until", &until),
        ("used", &used),
        ("revoked", &revoked),
    ];
    let text = if entry.revoked_at.is_some() { "say.liaison_ended" } else { "say.liaison" };
    let first = format!("{}  ", invitation.liaison_id);
    let text = out.lang.fill(text, &places);
    out.wrapped(&first, first.len(), &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_130_bits_and_is_another_every_time() {
        let (one, other) = (code().unwrap(), code().unwrap());
        assert_ne!(*one, *other);
        assert_eq!(one.len(), CODE_SIGNS);
        assert!(one.bytes().all(|sign| SIGNS.contains(&sign)));
        assert_eq!(grouped("K7QX2M4T9FHNK7QX2M4T9FHNAB"), "K7QX-2M4T-9FHN-K7QX-2M4T-9FHN-AB");
    }
}
