//! A browser as far as HTTP goes: cookies, forms, and whatever a browser would never send.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use egide_testkit::Authenticator;

const PATIENCE: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn read(whole: &[u8]) -> Self {
        let end = whole.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8(whole[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { status, headers, body: whole[end + 4..].to_vec() }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a page is text")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The value of the first hidden field of this name within the form that goes to `action`.
    pub(crate) fn field(&self, action: &str, name: &str) -> String {
        let text = self.text();
        let from = text.find(&format!("action=\"{action}\"")).unwrap_or_else(|| panic!("no form to {action}: {text}"));
        let form = &text[from..from + text[from..].find("</form>").unwrap()];
        let mark = format!("name=\"{name}\" value=\"");
        let start = form.find(&mark).unwrap_or_else(|| panic!("no field {name}: {form}")) + mark.len();
        form[start..start + form[start..].find('"').unwrap()].to_owned()
    }

    /// What a device is asked for.
    pub(crate) fn asked(&self) -> String {
        let text = self.text();
        let start = text.find("data-asked=\"").unwrap_or_else(|| panic!("nothing is asked: {text}")) + 12;
        text[start..start + text[start..].find('"').unwrap()].replace("&#34;", "\"").replace("&#38;", "&")
    }
}

/// Somebody at a browser.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    origin: String,
    from: Ipv4Addr,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Visitor {
    pub(crate) fn at(origin: &str) -> Self {
        Self { origin: origin.to_owned(), from: Ipv4Addr::LOCALHOST, cookies: BTreeMap::new() }
    }

    /// The same from another address of this machine.
    pub(crate) fn from(&self, from: Ipv4Addr) -> Self {
        Self { from, cookies: BTreeMap::new(), ..self.clone() }
    }

    pub(crate) fn host(&self) -> &str {
        self.origin.split_once("://").unwrap().1
    }

    pub(crate) fn connect(&self) -> std::io::Result<TcpStream> {
        let port = self.host().split_once(':').unwrap().1.parse().unwrap();
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stream = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((self.from, 0)))?;
            socket.connect(to).await?.into_std()
        })?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// Sends exactly these bytes; what comes back until the other side closes. Nothing, where it closes without an answer.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let Ok(mut stream) = self.connect() else { return Vec::new() };
        // What is refused early need not be read to its end.
        drop(stream.write_all(bytes));
        let mut whole = Vec::new();
        drop(stream.read_to_end(&mut whole));
        whole
    }

    fn send(&mut self, head: &str, more: &[(&str, &str)], body: &str) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut text = format!("{head} HTTP/1.1\r\nconnection: close\r\n");
        if !more.iter().any(|(name, _)| *name == "host") {
            text += &format!("host: {}\r\n", self.host());
        }
        if !cookies.is_empty() {
            text += &format!("cookie: {}\r\n", cookies.join("; "));
        }
        for (name, value) in more {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("content-length: {}\r\n\r\n{body}", body.len());
        let whole = self.raw(text.as_bytes());
        assert!(!whole.is_empty(), "no answer to {head}");
        let answer = Answer::read(&whole);
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            match value.is_empty() {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), &[], "")
    }

    pub(crate) fn get_with(&mut self, path: &str, more: &[(&str, &str)]) -> Answer {
        self.send(&format!("GET {path}"), more, "")
    }

    /// A form, as a browser sends it from a page of the site.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = self.origin.clone();
        self.post_with(path, &[("origin", &origin), ("sec-fetch-site", "same-origin")], fields)
    }

    pub(crate) fn post_with(&mut self, path: &str, more: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        self.send(&format!("POST {path}"), &[more, &kind[..]].concat(), &body.join("&"))
    }

    /// Sends the form of a page that goes to `action`, with its own token and command.
    pub(crate) fn press(&mut self, page: &Answer, action: &str) -> Answer {
        let (token, command) = (page.field(action, "token"), page.field(action, "command"));
        self.post(action, &[("token", &token), ("command", &command)])
    }

    /// Registers a device under a code; the page that follows.
    pub(crate) fn register(&mut self, code: &str, device: &mut Authenticator) -> Answer {
        let page = self.get("/en/invitation");
        let token = page.field("/en/invitation", "token");
        let page = self.post("/en/invitation", &[("token", &token), ("code", code)]);
        if page.status != 200 {
            return page;
        }
        self.answer_registration(&page, &device.register(&page.asked()))
    }

    /// Sends what a device answered to a page that asks for a new passkey.
    pub(crate) fn answer_registration(&mut self, page: &Answer, answer: &str) -> Answer {
        let action = "/en/invitation/passkey";
        let fields = ["token", "ceremony", "code"].map(|name| (name, page.field(action, name)));
        let mut all: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.push(("answer", answer));
        self.post(action, &all)
    }

    /// Signs in with a device; what came of it.
    pub(crate) fn sign_in(&mut self, device: &mut Authenticator) -> Answer {
        let page = self.get("/en/sign-in");
        let answer = device.sign_in(&page.asked());
        self.answer_sign_in(&page, &answer)
    }

    pub(crate) fn answer_sign_in(&mut self, page: &Answer, answer: &str) -> Answer {
        let action = "/en/sign-in";
        let fields = ["token", "ceremony", "next"].map(|name| (name, page.field(action, name)));
        let mut all: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.push(("answer", answer));
        self.post(action, &all)
    }
}

/// As forms write it.
fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    text.as_bytes()
        .iter()
        .map(|byte| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
