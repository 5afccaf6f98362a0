//! `egide deliver`: a referral told or handed over by staff.

use egide_servicekit::identity::Role;
use egide_wire::proto::egide::case::v1::DeliveryChannel;
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::disclosure::v1::DeliverReferralRequest;
use uuid::Uuid;

use super::append::repeatable;
use super::consent::numbers;
use super::referrals::show_line;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::session::{Session, id_or_new, words_given};

/// `egide deliver REFERRAL`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "REFERRAL")]
    referral: Uuid,
    #[arg(long, default_value = "voice", value_parser = value_of::<DeliveryChannel>())]
    channel: DeliveryChannel,
    #[arg(long, value_name = "TEXT", required = true)]
    received_by: String,
    #[arg(long, value_delimiter = ',', value_name = "CATEGORY", value_parser = value_of::<DataCategory>())]
    spoken: Vec<DataCategory>,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

pub(crate) async fn run(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    let request = DeliverReferralRequest {
        command_id: id_or_new(args.command_id),
        referral_id: id_or_new(Some(args.referral)),
        channel: i32::from(args.channel),
        received_by: words_given(&args.received_by)?,
        spoken: numbers(&args.spoken),
    };
    let client = session.disclosure(Role::Supervisor)?;
    let call = || {
        let mut client = client.clone();
        let request = request.clone();
        async move { client.deliver_referral(request).await }
    };
    let delivered = session.until_known(call).await;
    let response = repeatable(session, &request.command_id, delivered)?;
    if session.out.is_json() {
        session.out.message(&response)?;
        return Ok(Exit::Ok);
    }
    let lang = session.out.lang;
    let number = match response.callback_number.as_str() {
        "" => lang.text("say.no_callback"),
        number => number,
    };
    session.out.field("head.callback", number)?;
    session.out.note(lang.text("say.script_follows"))?;
    session.out.line("")?;
    for line in response.script.lines() {
        show_line(session.out, line)?;
    }
    Ok(Exit::Ok)
}
