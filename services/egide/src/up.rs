//! `egide up`.

/// `egide up`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    sample: bool,
}

pub(crate) async fn run(_out: &mut crate::output::Output, _global: &crate::cli::Global, args: &Args) -> Result<crate::exit::Exit, crate::failure::Failure> {
    Ok(if args.sample { crate::exit::Exit::Ok } else { crate::exit::Exit::Unexpected })
}
