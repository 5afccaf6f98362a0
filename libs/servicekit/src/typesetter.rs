//! The program apart that sets pages, `egide-typeset`: found by path, started without environment, fed on standard input, bounded
//! in time, in what it answers, and in how many run at a time. Handed what people told, so nothing it says goes into a log.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::telemetry::metrics::pages_counted;

/// Its name beside the program that starts it.
pub const PROGRAM: &str = "egide-typeset";
/// How many run at a time: each takes a processor for half a second and 60 MB. Others wait, within their time.
const PARALLEL_MAX: usize = 4;
/// Bytes of a PDF that are taken. A referral of 64 pages, which is the most it sets, has two million.
const PDF_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Bytes of what it says of itself.
const SAID_BYTES_MAX: u64 = 512;

/// A program that is there.
#[derive(Debug)]
pub struct Typesetter {
    program: PathBuf,
    places: Semaphore,
}

/// There is no such program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the program that sets pages is not there: `{}`; build it once with ./ops/typeset, or name another", .place.display())]
pub struct Missing {
    /// Where it was looked for.
    pub place: PathBuf,
}

/// Why there are no pages.
#[derive(Debug, thiserror::Error)]
pub enum Unset {
    /// It cannot be started, or stopped answering.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It answered with too much.
    #[error("it answered with more than {PDF_BYTES_MAX} bytes")]
    TooLarge,
    /// It answered with something that is no PDF.
    #[error("it answered with something else than a pdf")]
    OtherAnswer,
    /// It refused; its first line, which repeats nothing of the document if the program is ours. Not for a log.
    #[error("{0}")]
    Said(String),
    /// It did not come to its end, or to a place among those that run.
    #[error("not done within {} s", .0.as_secs_f32())]
    Late(Duration),
}

impl Unset {
    /// What happened, in a word of ours: for logs and metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Io(_) => "not_run",
            Self::TooLarge | Self::OtherAnswer => "no_pdf",
            Self::Said(_) => "refused",
            Self::Late(_) => "late",
        }
    }
}

impl Typesetter {
    /// The program at `named`, else the one beside this program. Nothing is searched on `PATH`: it is handed what people told.
    ///
    /// # Errors
    /// [`Missing`]
    pub fn find(named: Option<&Path>) -> Result<Self, Missing> {
        let beside = || std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(PROGRAM)));
        let place = named.map(Path::to_path_buf).or_else(beside).unwrap_or_else(|| PathBuf::from(PROGRAM));
        // It is started in another folder.
        match std::fs::canonicalize(&place) {
            Ok(program) if program.is_file() => Ok(Self { program, places: Semaphore::new(PARALLEL_MAX) }),
            Ok(_) | Err(_) => Err(Missing { place }),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Sets a document, `within` which waiting for others counts. What came of it is counted, without content.
    ///
    /// # Errors
    /// [`Unset`]: the program does not run, refuses the document, takes too long or answers with something else than a PDF.
    pub async fn pdf(&self, document: &[u8], within: Duration) -> Result<Vec<u8>, Unset> {
        // Whatever becomes of it, and whoever stops waiting: nothing goes on behind our back.
        let set = timeout(within, self.set(document)).await.unwrap_or(Err(Unset::Late(within)));
        pages_counted(set.as_ref().map_or_else(Unset::kind, |_| "made"));
        set
    }

    async fn set(&self, document: &[u8]) -> Result<Vec<u8>, Unset> {
        let _place = self.places.acquire().await.map_err(std::io::Error::other)?;
        let mut child = self.start()?;
        let ended = converse(&mut child, document).await;
        // One that was ended by us is waited for, so that none is left behind as a zombie.
        drop(child.kill().await);
        ended
    }

    fn start(&self) -> std::io::Result<Child> {
        Command::new(&self.program)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

async fn converse(child: &mut Child, document: &[u8]) -> Result<Vec<u8>, Unset> {
    let closed = || std::io::Error::other("its standard streams are not there");
    let mut stdin = child.stdin.take().ok_or_else(closed)?;
    let stdout = child.stdout.take().ok_or_else(closed)?;
    let stderr = child.stderr.take().ok_or_else(closed)?;
    let feed = async move {
        // What it refuses it need not read to the end; its exit code tells.
        drop(stdin.write_all(document).await);
        drop(stdin);
        Ok(())
    };
    let (mut pdf, mut said) = (Vec::new(), Vec::new());
    let (mut stdout, mut stderr) = (stdout.take(PDF_BYTES_MAX.saturating_add(1)), stderr.take(SAID_BYTES_MAX));
    let read = async {
        let taken = stdout.read_to_end(&mut pdf).await?;
        // Said at once: whoever writes on without end never closes the other stream.
        if u64::try_from(taken).unwrap_or(u64::MAX) > PDF_BYTES_MAX { Err(Unset::TooLarge) } else { Ok(()) }
    };
    let hear = async { Ok(stderr.read_to_end(&mut said).await.map(drop)?) };
    tokio::try_join!(feed, read, hear)?;
    let status = child.wait().await?;
    if !status.success() {
        let said = String::from_utf8_lossy(&said);
        let line = said.lines().next().unwrap_or_default().replace(char::is_control, " ");
        return Err(Unset::Said(format!("{line} ({status})")));
    }
    if pdf.starts_with(b"%PDF-") { Ok(pdf) } else { Err(Unset::OtherAnswer) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A file cannot be run while a process that another test just started still has it open to write: one at a time.
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    const WITHIN: Duration = Duration::from_secs(30);

    /// A program that stands in the place of the other.
    fn program(directory: &Path, script: &str) -> Typesetter {
        let path = directory.join(PROGRAM);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        Typesetter::find(Some(&path)).unwrap()
    }

    #[tokio::test]
    async fn it_is_fed_and_its_answer_taken_without_an_environment() {
        let _alone = ONE_AT_A_TIME.lock().await;
        let directory = tempfile::tempdir().unwrap();
        let echo = program(directory.path(), "printf '%%PDF-'; /bin/cat; printf \"$HOME|$(pwd)\"");
        let pdf = echo.pdf(b"told", WITHIN).await.unwrap();
        assert_eq!(String::from_utf8(pdf).unwrap(), "%PDF-told|/");
    }

    #[tokio::test]
    async fn an_answer_that_is_no_pdf_or_comes_with_a_refusal_is_none() {
        let _alone = ONE_AT_A_TIME.lock().await;
        let directory = tempfile::tempdir().unwrap();
        for (script, why, kind) in [
            ("echo hello", "something else than a pdf", "no_pdf"),
            ("printf %%PDF-1; echo 'not today' >&2; exit 3", "not today (exit status: 3)", "refused"),
            ("printf %%PDF-1; kill -9 $$", "signal: 9", "refused"),
            ("printf %%PDF-1; /usr/bin/head -c 17000000 /dev/zero", "more than 16777216 bytes", "no_pdf"),
        ] {
            let unset = program(directory.path(), script).pdf(b"told", WITHIN).await.unwrap_err();
            assert!(unset.to_string().contains(why), "{unset}");
            assert!(!unset.to_string().contains("told"), "{unset}");
            assert_eq!(unset.kind(), kind);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_end_is_ended() {
        let _alone = ONE_AT_A_TIME.lock().await;
        let directory = tempfile::tempdir().unwrap();
        let unset = program(directory.path(), "exec /bin/sleep 600").pdf(b"told", WITHIN).await.unwrap_err();
        assert_eq!(unset.kind(), "late");
        assert!(unset.to_string().contains("not done within 30 s"), "{unset}");
    }

    #[tokio::test]
    async fn so_many_run_at_a_time_and_waiting_for_them_counts() {
        let _alone = ONE_AT_A_TIME.lock().await;
        let directory = tempfile::tempdir().unwrap();
        let typesetter = program(directory.path(), "printf %%PDF-1");
        let places = u32::try_from(PARALLEL_MAX).unwrap();
        let all = typesetter.places.acquire_many(places).await.unwrap();
        let unset = typesetter.pdf(b"told", Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(unset.kind(), "late");
        drop(all);
        assert!(typesetter.pdf(b"told", WITHIN).await.is_ok());
    }

    #[test]
    fn one_that_is_not_there_is_said_with_what_to_do() {
        let missing = Typesetter::find(Some(Path::new("/nowhere/egide-typeset"))).unwrap_err();
        assert!(
            missing.to_string().contains("./ops/typeset") && missing.to_string().contains("/nowhere/"),
            "{missing}"
        );
    }
}
