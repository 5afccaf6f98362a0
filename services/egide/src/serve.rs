//! `egide serve`.

/// `egide serve ROLE…`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "ROLE")]
    role: Vec<String>,
}

pub(crate) async fn run(_out: &mut crate::output::Output, _global: &crate::cli::Global, args: &Args) -> Result<crate::exit::Exit, crate::failure::Failure> {
    Ok(if args.role.is_empty() { crate::exit::Exit::Ok } else { crate::exit::Exit::Unexpected })
}
