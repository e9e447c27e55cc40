//! A browser without a window, told what to do over its debugging pipe: JSON messages with a zero byte after each, on
//! descriptors 3 and 4.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::process;

/// Names under which a browser of this family is found.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// How long an answer may take; processors may be emulated or busy.
const ANSWER: Duration = Duration::from_mins(2);

/// A running browser with one page.
pub struct Browser {
    child: Child,
    orders: ChildStdin,
    messages: Receiver<Value>,
    session: String,
    next: u64,
    /// What the page complained of: errors, console messages, refused loads.
    complaints: Vec<String>,
}

impl Browser {
    /// The browser on this host, if there is one.
    #[must_use]
    pub fn find() -> Option<std::path::PathBuf> {
        NAMES.into_iter().find_map(process::find)
    }

    /// Starts `program` with its profile in `dir`.
    ///
    /// # Errors
    /// Fails when it cannot be started or does not answer.
    pub fn start(program: &Path, dir: &Path) -> Result<Self> {
        // The shell puts the pipes where the browser looks for them.
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>"$0""#])
            .arg(dir.join("browser.stderr"))
            .arg(program)
            .args([
                "--headless=new",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args(["--disable-dev-shm-usage", "--disable-background-networking", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", dir.join("profile").display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let orders = child.stdin.take().context("no pipe to the browser")?;
        let answers = child.stdout.take().context("no pipe from the browser")?;
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            for message in BufReader::new(answers).split(0) {
                let Ok(message) = message else { return };
                let Ok(message) = serde_json::from_slice(&message) else { return };
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser =
            Self { child, orders, messages, session: String::new(), next: 0, complaints: Vec::new() };
        let targets = browser.order("Target.getTargets", &json!({}))?;
        let pages = at(&targets, "/targetInfos").as_array().context("no targets")?;
        let page = pages.iter().find(|target| at(target, "/type") == "page").context("no page")?;
        let attach = json!({ "targetId": at(page, "/targetId"), "flatten": true });
        let attached = browser.order("Target.attachToTarget", &attach)?;
        at(&attached, "/sessionId").as_str().context("no session")?.clone_into(&mut browser.session);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.order(&format!("{domain}.enable"), &json!({}))?;
        }
        Ok(browser)
    }

    /// Opens a local file in a window of this width and waits until it is loaded. Complaints begin anew.
    ///
    /// # Errors
    /// Fails when it cannot be loaded.
    pub fn open(&mut self, file: &Path, width: u32, dark: bool) -> Result<()> {
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 700 });
        self.order("Emulation.setDeviceMetricsOverride", &metrics)?;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.order("Emulation.setEmulatedMedia", &media)?;
        self.complaints.clear();
        let answer = self.order("Page.navigate", &json!({ "url": format!("file://{}", file.display()) }))?;
        if let Some(error) = answer.get("errorText").and_then(Value::as_str) {
            bail!("{}: {error}", file.display());
        }
        let loaded = "new Promise(done => document.readyState === 'complete' ? done(true) : \
                      addEventListener('load', () => done(true)))";
        self.value(loaded).map(drop)
    }

    /// The value of a script of our own in the page; the page's policy does not hold for it.
    ///
    /// # Errors
    /// Fails when the script does.
    pub fn value(&mut self, script: &str) -> Result<Value> {
        let arguments = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let answer = self.order("Runtime.evaluate", &arguments)?;
        if let Some(exception) = answer.get("exceptionDetails") {
            bail!("{script}: {exception}");
        }
        Ok(at(&answer, "/result/value").clone())
    }

    /// A picture of the whole page, PNG as base64.
    ///
    /// # Errors
    /// Fails when it cannot be taken.
    pub fn picture(&mut self) -> Result<String> {
        let answer = self.order("Page.captureScreenshot", &json!({ "captureBeyondViewport": true }))?;
        Ok(at(&answer, "/data").as_str().context("no picture")?.to_owned())
    }

    /// What the page complained of since it was opened.
    #[must_use]
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    fn order(&mut self, method: &str, parameters: &Value) -> Result<Value> {
        self.next += 1;
        let session = (!self.session.is_empty()).then(|| json!({ "sessionId": self.session }));
        let mut message = json!({ "id": self.next, "method": method, "params": parameters });
        if let (Some(message), Some(Value::Object(session))) = (message.as_object_mut(), session) {
            message.extend(session);
        }
        self.orders
            .write_all(format!("{message}\0").as_bytes())
            .with_context(|| format!("the browser does not take {method}"))?;
        let until = Instant::now() + ANSWER;
        loop {
            let message = match self.messages.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => bail!("the browser does not answer {method}"),
                Err(RecvTimeoutError::Disconnected) => bail!("the browser ended at {method}"),
            };
            if at(&message, "/id") == self.next {
                if let Some(error) = message.get("error") {
                    bail!("{method}: {error}");
                }
                return Ok(at(&message, "/result").clone());
            }
            self.listen(&message);
        }
    }

    fn listen(&mut self, message: &Value) {
        let bad = match at(message, "/method").as_str().unwrap_or_default() {
            "Runtime.exceptionThrown"
            | "Runtime.consoleAPICalled"
            | "Log.entryAdded"
            | "Page.javascriptDialogOpening" => true,
            // Anything but the page itself.
            "Network.requestWillBeSent" => at(message, "/params/type") != "Document",
            _ => false,
        };
        if bad {
            self.complaints.push(message.to_string());
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What stands at a place of a message; null where nothing does.
fn at<'v>(message: &'v Value, pointer: &str) -> &'v Value {
    message.pointer(pointer).unwrap_or(&Value::Null)
}
