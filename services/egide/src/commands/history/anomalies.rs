//! `egide history anomalies`: what stands out, by rules that are data.

use egide_wire::proto::egide::audit::v1::{AccessReason, Anomaly, ListAnomaliesRequest};
use prost_types::Timestamp;

use crate::commands::disclose::hex;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::output::Output;
use crate::session::Session;
use crate::text::Lang;
use crate::times::minute;

/// `egide history anomalies`.
#[derive(Clone, clap::Args)]
pub(super) struct Args {
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse, allow_hyphen_values = true)]
    until: Option<Timestamp>,
    #[arg(long, default_value = "audit", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
}

pub(super) async fn run(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    let mut client = session.history()?;
    let request = ListAnomaliesRequest { until: args.until, reason: i32::from(args.reason) };
    let found = session.out.waiting("say.waiting", client.list_anomalies(request)).await?.into_inner();
    let out = &mut *session.out;
    if out.is_json() {
        out.message(&found)?;
        return Ok(Exit::Ok);
    }
    found.anomalies.iter().try_for_each(|anomaly| show(out, anomaly))?;
    if found.anomalies.is_empty() {
        out.line(out.lang.text("say.no_anomalies"))?;
    }
    if !found.complete {
        out.note(out.lang.text("say.anomalies_cut"))?;
    }
    out.note(out.lang.fill("say.anomaly_rules", &[("digest", &hex(&found.rules_digest))]))?;
    Ok(Exit::Ok)
}

fn show(out: &mut Output, anomaly: &Anomaly) -> Result<(), Failure> {
    let title = match out.lang {
        Lang::English => &anomaly.title_en,
        Lang::French => &anomaly.title_fr,
    };
    out.wrapped("", 0, title)?;
    out.field("head.rule", &anomaly.rule)?;
    let (figure, compared) = (anomaly.figure, anomaly.compared_with);
    out.field("head.figure", out.lang.fill("say.figure", &[("figure", &figure), ("compared", &compared)]))?;
    out.field("head.period", format!("{} – {}", minute(anomaly.from.as_ref()), minute(anomaly.until.as_ref())))?;
    for (name, value) in
        [("head.who", &anomaly.person), ("head.case", &anomaly.case_id), ("head.recipient", &anomaly.unit_id)]
    {
        if !value.is_empty() {
            out.field(name, value)?;
        }
    }
    out.field("head.look_at", where_to_look(anomaly))?;
    out.line("")
}

/// The command that lists what it comes from.
fn where_to_look(anomaly: &Anomaly) -> String {
    let mut words = vec!["egide history".to_owned()];
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            words.push(format!("{name} {value}"));
        }
    };
    let times = |time: Option<&Timestamp>| time.map(ToString::to_string).unwrap_or_default();
    if let Some(looks) = &anomaly.looks {
        add("looks", "--all");
        add("--by", &looks.person);
        add("--from", &times(looks.from.as_ref()));
        add("--until", &times(looks.until.as_ref()));
    }
    if let Some(filter) = &anomaly.disclosures {
        add("--actor", &filter.actor);
        add("--case", &filter.case_id);
        add("--to", &filter.unit_id);
        add("--basis", if filter.basis == 0 { "" } else { "exception" });
        add("--outcome", if filter.outcome == 0 { "" } else { "deny" });
        add("--from", &times(filter.from.as_ref()));
        add("--until", &times(filter.until.as_ref()));
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use egide_wire::proto::egide::audit::v1::{DisclosureFilter, LookFilter};

    use super::*;

    #[test]
    fn an_anomaly_says_where_to_look() {
        let looks = LookFilter { person: "sam.lavoie".to_owned(), ..LookFilter::default() };
        let of_looks = Anomaly { looks: Some(looks), ..Anomaly::default() };
        assert_eq!(where_to_look(&of_looks), "egide history looks --all --by sam.lavoie");
        let from = Some(Timestamp { seconds: 0, nanos: 0 });
        let filter = DisclosureFilter { actor: "sam.lavoie".to_owned(), basis: 3, from, ..DisclosureFilter::default() };
        let of_disclosures = Anomaly { disclosures: Some(filter), ..Anomaly::default() };
        let expected = "egide history --actor sam.lavoie --basis exception --from 1970-01-01T00:00:00Z";
        assert_eq!(where_to_look(&of_disclosures), expected);
    }
}
