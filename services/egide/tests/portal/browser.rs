//! A real browser, over WebDriver: it is told what to press, as somebody with a keyboard alone, and its pages are looked at by axe-core
//! and kept as pictures under `target/pages`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);
/// Keys as WebDriver names them.
const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";

/// Widths that pages are looked at: a phone and a desktop.
const WIDTHS: [(&str, u32); 2] = [("phone", 390), ("desktop", 1280)];

/// A chromedriver with one browser.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    axe: String,
    pages: PathBuf,
}

impl Browser {
    /// The browser of this machine; `None` where `ops/test` found that there is none to be had.
    pub(crate) fn start() -> Option<Self> {
        let axe = std::env::var("EGIDE_AXE").ok()?;
        let axe = std::fs::read_to_string(&axe).unwrap_or_else(|error| panic!("`{axe}`: {error}"));
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .expect("chromedriver was promised and is not there");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.ok()?;
            line.split_once("on port ")?.1.trim_end_matches('.').parse().ok().filter(|port| *port != 0)
        });
        let mut browser = Self { driver, port: port.expect("a port"), session: String::new(), axe, pages: pages() };
        let options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en"];
        let capabilities = json!({"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": {"args": options}}}});
        let made = browser.call("POST", "/session", &capabilities);
        browser.session = made["sessionId"].as_str().expect("a session").to_owned();
        Some(browser)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer).unwrap();
        let value: Value = serde_json::from_slice(&answer).unwrap();
        let value = value["value"].clone();
        assert!(value.get("error").is_none(), "{path}: {value}");
        value
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", &format!("/session/{}{path}", self.session), body)
    }

    fn devtools(&self, command: &str, params: Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": params}))
    }

    pub(crate) fn script(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    pub(crate) fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// An authenticator that verifies its user; its id.
    pub(crate) fn plug_in(&self) -> String {
        let made = self.post(
            "/webauthn/authenticator",
            &json!({"protocol": "ctap2", "transport": "usb", "hasResidentKey": true, "hasUserVerification": true,
                    "isUserConsenting": true, "isUserVerified": true}),
        );
        made.as_str().unwrap().to_owned()
    }

    /// Takes an authenticator away.
    pub(crate) fn unplug(&self, id: &str) {
        self.call("DELETE", &format!("/session/{}/webauthn/authenticator/{id}", self.session), &Value::Null);
    }

    pub(crate) fn keys(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})])
            .collect();
        self.post("/actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}));
    }

    /// What the page says.
    pub(crate) fn text(&self) -> String {
        self.script("return document.body ? document.body.innerText : ''").as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page says this.
    pub(crate) fn expect(&self, words: &str) {
        let begun = Instant::now();
        while !self.text().contains(words) {
            assert!(begun.elapsed() < PATIENCE, "the page never says {words:?}:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Goes with the tabulator to what is called so, and sees that the focus can be seen.
    pub(crate) fn tab_to(&self, name: &str) {
        for _ in 0..60 {
            self.keys(TAB);
            let at = self.script(
                "const at = document.activeElement; \
                 const label = at.labels && at.labels[0] ? at.labels[0].innerText : ''; \
                 return [(at.getAttribute('aria-label') || at.innerText || '') + label, getComputedStyle(at).outlineStyle]",
            );
            if at[0].as_str().is_some_and(|text| text.contains(name)) {
                assert_ne!(at[1], "none", "{name}: the focus is not seen");
                return;
            }
        }
        panic!("the tabulator never comes to {name:?}:\n{}", self.text());
    }

    /// Goes there and presses it.
    pub(crate) fn press(&self, name: &str) {
        self.tab_to(name);
        self.keys(ENTER);
    }

    /// Looks at the page at both widths, light and dark: no barrier, nothing to push sideways; and keeps pictures.
    pub(crate) fn look(&self, name: &str) {
        for (device, width) in WIDTHS {
            let size = json!({"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": device == "phone"});
            self.devtools("Emulation.setDeviceMetricsOverride", size);
            for scheme in ["light", "dark"] {
                // Colours that are on their way to others are nobody's to judge.
                let still = json!({"name": "prefers-reduced-motion", "value": "reduce"});
                let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}, still]});
                self.devtools("Emulation.setEmulatedMedia", media);
                self.look_for_barriers(name, device, scheme);
                let shot =
                    self.devtools("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true}));
                let picture = STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
                std::fs::write(self.pages.join(format!("{name}.{device}.{scheme}.png")), picture).unwrap();
            }
            let wide =
                self.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
            assert_eq!(wide, 0, "{name} on a {device} is too wide");
        }
        self.devtools("Emulation.clearDeviceMetricsOverride", json!({}));
        self.devtools("Emulation.setEmulatedMedia", json!({"features": []}));
    }

    fn look_for_barriers(&self, name: &str, device: &str, scheme: &str) {
        self.script(&format!("if (!window.axe) {{ {} }}", self.axe));
        let found = self.post(
            "/execute/async",
            &json!({"script": "const done = arguments[0]; \
                axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}) \
                .then((found) => done(found.violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.html).join(' | '))))",
                "args": []}),
        );
        assert_eq!(found, json!([]), "{name}, {device}, {scheme}");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its browser goes with it, if it still answers.
        if !self.session.is_empty()
            && let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port))
        {
            let head =
                format!("DELETE /session/{} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n", self.session);
            drop(stream.write_all(head.as_bytes()));
            drop(stream.set_read_timeout(Some(Duration::from_secs(5))));
            drop(stream.read(&mut [0; 16]));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// Where pictures are kept.
fn pages() -> PathBuf {
    let pages = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("pages");
    std::fs::create_dir_all(&pages).unwrap();
    pages
}
