//! `egide completions SHELL`.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::Lang;

/// `egide completions SHELL`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "SHELL")]
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: &Args, lang: Lang) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::help::localised(lang), "egide", &mut script);
    std::io::Write::write_all(&mut std::io::stdout(), &script)?;
    Ok(Exit::Ok)
}
