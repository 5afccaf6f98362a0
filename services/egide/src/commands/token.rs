//! `egide token`: tokens of the development issuer.

use std::sync::Arc;

use clap::ValueEnum;
use egide_servicekit::identity::{DevIssuer, Person, Role, ServiceName};
use serde_json::json;

use crate::acting::Acting;
use crate::cli::Global;
use crate::endpoints::Endpoints;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// `egide token service|person`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "KIND", value_enum)]
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Service,
    Person,
}

pub(crate) fn run(out: &mut Output, global: &Global, args: &Args) -> Result<Exit, Failure> {
    let data = global.data();
    if Endpoints::read(&data)?.is_none() {
        return Err(Failure::new(Exit::NotAllowed, "fail.no_issuer").with("data", data.display()));
    }
    let refused = |error: egide_servicekit::identity::IssuerError| {
        Failure::new(Exit::NotAllowed, "fail.issuer").with("error", error)
    };
    let issuer = Arc::new(DevIssuer::open(&data).map_err(refused)?);
    let token = match args.kind {
        Kind::Service => service(&issuer, &global.service).map_err(refused)?,
        Kind::Person => {
            let acting = global.acting.clone().or_else(|| Acting::in_role(Role::Responder));
            let acting = acting.ok_or_else(|| Failure::new(Exit::Usage, "fail.nobody"))?;
            out.note(out.lang.fill("say.token_of", &[("acting", &acting.shown())]))?;
            person(&issuer, &acting.person(global.unit)?).map_err(refused)?
        }
    };
    if out.is_json() {
        out.json(&json!({ "token": token }))?
    } else {
        out.line(token)?
    }
    Ok(Exit::Ok)
}

fn service(issuer: &DevIssuer, name: &ServiceName) -> Result<String, egide_servicekit::identity::IssuerError> {
    issuer.service_token(name)
}

fn person(issuer: &DevIssuer, person: &Person) -> Result<String, egide_servicekit::identity::IssuerError> {
    Ok(issuer.person_token(person)?.as_str().to_owned())
}
