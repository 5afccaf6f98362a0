//! The program apart that sets pages: found by path, started without environment, fed on standard input, bounded.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::exit::Exit;
use crate::failure::Failure;

/// Its name beside `egide`.
const PROGRAM: &str = "egide-typeset";
/// From starting it to its last byte. It takes half a second unoptimised; a machine under load may be a slow one.
const WITHIN: Duration = Duration::from_secs(30);
/// Bytes of a PDF that are taken. A referral of 64 pages, which is the most it sets, has two million.
const PDF_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Bytes of what it says of itself.
const SAID_BYTES_MAX: u64 = 512;

/// A program that is there.
#[derive(Debug, Clone)]
pub(crate) struct Typesetter {
    program: PathBuf,
}

impl Typesetter {
    /// The program at `named`, else the one beside this program. Nothing is searched on `PATH`: it is handed what people told.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn find(named: Option<&Path>) -> Result<Self, Failure> {
        let beside = || std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(PROGRAM)));
        let place = named.map(Path::to_path_buf).or_else(beside).unwrap_or_else(|| PathBuf::from(PROGRAM));
        let missing = || Failure::new(Exit::Unreadable, "fail.no_typeset").with("path", place.display());
        // It is started in another folder.
        let program = std::fs::canonicalize(&place).map_err(|_| missing())?;
        if program.is_file() { Ok(Self { program }) } else { Err(missing()) }
    }

    /// Sets a document.
    ///
    /// # Errors
    /// When the program does not run, refuses the document, takes too long or answers with something else than a PDF.
    pub(crate) async fn pdf(&self, document: &[u8]) -> Result<Vec<u8>, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::Unexpected, "fail.typeset").with("path", self.program.display()).with("error", error)
        };
        let mut child = self.start().map_err(|error| failed(&error))?;
        let ended = timeout(WITHIN, converse(&mut child, document)).await;
        // Whatever came of it, nothing goes on behind our back.
        drop(child.kill().await);
        match ended {
            Ok(Ok(pdf)) => Ok(pdf),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(failed(&format!("not done within {} s", WITHIN.as_secs()))),
        }
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

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
enum Unset {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("it answered with more than {PDF_BYTES_MAX} bytes")]
    TooLarge,
    #[error("it answered with something else than a pdf")]
    OtherAnswer,
    #[error("{0}")]
    Said(String),
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
        let pdf = echo.pdf(b"told").await.unwrap();
        assert_eq!(String::from_utf8(pdf).unwrap(), "%PDF-told|/");
    }

    #[tokio::test]
    async fn an_answer_that_is_no_pdf_or_comes_with_a_refusal_is_none() {
        let _alone = ONE_AT_A_TIME.lock().await;
        let directory = tempfile::tempdir().unwrap();
        for (script, why) in [
            ("echo hello", "something else than a pdf"),
            ("printf %%PDF-1; echo 'not today' >&2; exit 3", "not today (exit status: 3)"),
            ("printf %%PDF-1; kill -9 $$", "signal: 9"),
            ("printf %%PDF-1; /usr/bin/head -c 17000000 /dev/zero", "more than 16777216 bytes"),
        ] {
            let failure = program(directory.path(), script).pdf(b"told").await.unwrap_err();
            assert!(failure.to_string().contains(why), "{failure}");
            assert!(!failure.to_string().contains("told"), "{failure}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_end_is_ended() {
        let _alone = ONE_AT_A_TIME.lock().await;
        let directory = tempfile::tempdir().unwrap();
        let failure = program(directory.path(), "exec /bin/sleep 600").pdf(b"told").await.unwrap_err();
        assert!(failure.to_string().contains("not done within 30 s"), "{failure}");
    }

    #[test]
    fn one_that_is_not_there_is_said_with_what_to_do() {
        let failure = Typesetter::find(Some(Path::new("/nowhere/egide-typeset"))).unwrap_err();
        assert_eq!(failure.exit(), Exit::Unreadable);
        assert!(failure.to_string().contains("./ops/typeset"), "{failure}");
    }
}
