//! `egide pdf FILE`, and the pages of `egide referrals fetch --pdf`: made here, of a report whose digest and signature held.

use std::path::{Path, PathBuf};
use std::time::Duration;

use egide_parcel::CheckedReport;
use egide_report::{Document, Layout};
use egide_servicekit::typesetter::Typesetter;
use egide_trust::PublishedKeys;
use egide_wire::proto::egide::disclosure::v1::Referral;
use serde_json::json;

use crate::cli::Global;
use crate::endpoints::verification_keys_path;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::new_file::{free, write};
use crate::output::Output;
use crate::trust_file::root_path;
use crate::typesetter;
use crate::verify::{read_keys, read_referral, verify};

/// From starting the program to its last byte. It takes half a second unoptimised; a machine under load may be a slow one.
const SET_WITHIN: Duration = Duration::from_secs(30);

/// `egide pdf FILE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: PathBuf,
    #[arg(long)]
    fax: bool,
    #[command(flatten)]
    with: With,
}

/// What a report is checked with and set by.
#[derive(Clone, clap::Args)]
pub(crate) struct With {
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    keys: Option<PathBuf>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root: Option<PathBuf>,
    #[arg(long, value_name = "PATH", env = "EGIDE_TYPESET", value_hint = clap::ValueHint::FilePath)]
    typeset: Option<PathBuf>,
}

pub(crate) async fn run(out: &mut Output, global: &Global, args: &Args) -> Result<Exit, Failure> {
    let pages = PdfPages::ready(global, &args.with, &args.output)?;
    let layout = if args.fax { Layout::Fax } else { Layout::Page };
    let verified = pages.make(&read_referral(&args.file)?, layout).await?;
    if out.is_json() {
        out.json(&json!({
            "pdf": args.output,
            "referral_id": verified.report.referral_id(),
            "digest": verified.digest.to_string(),
        }))?;
    } else {
        out.line(out.lang.fill("say.pdf", &[("path", &args.output.display())]))?;
    }
    Ok(Exit::Ok)
}

/// All that pages need, there before anything is asked of a service: a fetch is a delivery, and is recorded.
pub(crate) struct PdfPages {
    keys: PublishedKeys,
    typesetter: Typesetter,
    output: PathBuf,
}

impl PdfPages {
    /// # Errors
    /// When the keys cannot be read, the typesetter is not there, or a file stands in the place of the pages.
    pub(crate) fn ready(global: &Global, with: &With, output: &Path) -> Result<Self, Failure> {
        let keys = with.keys.clone().unwrap_or_else(|| verification_keys_path(&global.data()));
        let typesetter = typesetter::find(with.typeset.as_deref())?;
        free(output)?;
        let keys = read_keys(&keys, with.root.as_deref(), &root_path(&global.data()))?;
        Ok(Self { keys, typesetter, output: output.to_path_buf() })
    }

    /// Checks a referral, sets its pages and writes them, readable by their owner alone.
    ///
    /// # Errors
    /// When a check does not hold, or the pages cannot be set or written.
    pub(crate) async fn make(&self, referral: &Referral, layout: Layout) -> Result<CheckedReport, Failure> {
        let verified = verify(referral, &self.keys)?;
        let unreadable = || Failure::new(Exit::Unreadable, "fail.report");
        let document = Document::of(&verified.report, verified.digest.as_bytes(), layout).map_err(|_| unreadable())?;
        let document = document.to_json().map_err(|_| unreadable())?;
        let pdf = self.typesetter.pdf(&document, SET_WITHIN).await.map_err(|error| {
            let path = self.typesetter.program().display();
            Failure::new(Exit::Unexpected, "fail.typeset").with("path", path).with("error", error)
        })?;
        write(&self.output, &pdf)?;
        Ok(verified)
    }
}
