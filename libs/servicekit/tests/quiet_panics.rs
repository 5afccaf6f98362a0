//! A test of its own process, because the hook of panics is one for all threads.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_panic_is_logged_with_its_place_and_without_its_message() {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    egide_servicekit::telemetry::quiet_panics();
    let caught = tracing::subscriber::with_default(subscriber, || {
        std::panic::catch_unwind(|| {
            let nobody: Result<(), String> =
                "marker-7731".parse::<u8>().map(drop).map_err(|_| "marker-7731".to_owned());
            nobody.unwrap();
        })
    });
    assert!(caught.is_err());
    let logged = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("quiet_panics.rs"), "{logged}");
    assert!(!logged.contains("marker"), "{logged}");
}
