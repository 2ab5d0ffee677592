//! A partner who misbehaves: an HTTP/1.1 server on the loopback interface that answers byte for byte as
//! scripted.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use url::Url;

/// One thing done on a connection after a request was read.
#[derive(Debug, Clone)]
enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    /// The same bytes again and again, with a pause between, until the other side has enough.
    Forever(Vec<u8>, Duration),
    /// Breaks the connection (RST) instead of closing it.
    Reset,
}

/// One answer. The connection stays open after it if it says where it ends, and is closed otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: u16,
    /// The entity tag of what is sent: who has it already is told so instead.
    held: Option<String>,
    steps: Vec<Step>,
    keeps_open: bool,
}

impl Answer {
    /// A well-behaved answer with an honest `Content-Length`. `headers` are whole lines, such as `ETag: "1"`.
    pub(crate) fn with(status: u16, headers: &[&str], body: impl AsRef<[u8]>) -> Self {
        let mut bytes = format!("HTTP/1.1 {status} As Scripted\r\n").into_bytes();
        for header in headers {
            bytes.extend_from_slice(format!("{header}\r\n").as_bytes());
        }
        let body = body.as_ref();
        if status == 204 || status == 304 {
            bytes.extend_from_slice(b"\r\n");
        } else {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
            bytes.extend_from_slice(body);
        }
        Self { status, held: None, steps: vec![Step::Send(bytes)], keeps_open: true }
    }

    /// A file with an entity tag. Who asks for another edition only is answered 304.
    pub(crate) fn file(etag: &str, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        let headers = [format!("ETag: {etag}"), format!("Content-Type: {content_type}")];
        Self { held: Some(etag.to_owned()), ..Self::with(200, &[&headers[0], &headers[1]], body) }
    }

    /// These bytes and nothing else, then the end of the connection.
    pub(crate) fn raw(bytes: impl AsRef<[u8]>) -> Self {
        let steps = vec![Step::Send(bytes.as_ref().to_vec())];
        Self { status: 200, held: None, steps, keeps_open: false }
    }

    pub(crate) fn then(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Send(bytes.as_ref().to_vec()))
    }

    pub(crate) fn then_pause(self, pause: Duration) -> Self {
        self.step(Step::Pause(pause))
    }

    pub(crate) fn then_forever(self, bytes: impl AsRef<[u8]>, every: Duration) -> Self {
        self.step(Step::Forever(bytes.as_ref().to_vec(), every))
    }

    pub(crate) fn then_reset(self) -> Self {
        self.step(Step::Reset)
    }

    fn step(mut self, step: Step) -> Self {
        self.keeps_open = false;
        self.steps.push(step);
        self
    }

    fn resets(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Reset))
    }
}

/// What was asked for: the first line and all headers, as sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    head: String,
    /// Status of the answer as scripted.
    status: u16,
}

impl Request {
    /// Path and query.
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// The value of a header, whatever the case of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

#[derive(Debug, Default)]
struct State {
    /// Answers by path; the last one of a path is given for ever. Without any: 404.
    answers: Mutex<HashMap<String, VecDeque<Answer>>>,
    requests: Mutex<Vec<Request>>,
    connections: Mutex<u32>,
    stopped: AtomicBool,
}

/// The server. It listens from the moment it is made until it is dropped.
#[derive(Debug)]
pub(crate) struct FakePartner {
    address: SocketAddr,
    state: Arc<State>,
}

impl FakePartner {
    /// A partner who answers 404 to everything, until told otherwise by [`FakePartner::and`].
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback interface is there");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&shared);
                *lock(&shared.connections) += 1;
                // The other side may go away at any time, which is no business of the partner.
                thread::spawn(move || stream.and_then(|stream| serve(stream, &shared)));
            }
        });
        Self { address, state }
    }

    /// A partner who has one file.
    pub(crate) fn answering(path: &str, status: u16, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        let content_type = format!("Content-Type: {content_type}");
        Self::start().and(path, [Answer::with(status, &[&content_type], body)])
    }

    /// Scripts the answers for a path, in order; the last one is given from then on.
    pub(crate) fn and(self, path: &str, answers: impl IntoIterator<Item = Answer>) -> Self {
        lock(&self.state.answers).insert(path.to_owned(), answers.into_iter().collect());
        self
    }

    /// What a path answers from now on.
    pub(crate) fn set(&self, path: &str, answer: Answer) {
        lock(&self.state.answers).insert(path.to_owned(), VecDeque::from([answer]));
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).expect("paths in tests are well-formed")
    }

    /// `127.0.0.1` and the port.
    pub(crate) fn place(&self) -> String {
        self.address.to_string()
    }

    /// All requests so far, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.state.requests).clone()
    }

    /// The requests since this was last called, in the order of their paths.
    pub(crate) fn take_requests(&self) -> Vec<Request> {
        let mut taken = std::mem::take(&mut *lock(&self.state.requests));
        taken.sort_by(|a, b| a.path().cmp(b.path()));
        taken
    }

    /// Connections that were opened so far, with or without a request.
    pub(crate) fn connections(&self) -> u32 {
        *lock(&self.state.connections)
    }
}

impl Drop for FakePartner {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, so that it sees that it is to stop.
        drop(TcpStream::connect(self.address));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers the requests of one connection.
fn serve(mut stream: TcpStream, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    while let Some(head) = peek_head(&stream)? {
        let mut request = Request { head: String::from_utf8_lossy(&head).into_owned(), status: 0 };
        let path = request.path().split('?').next().unwrap_or_default().to_owned();
        let answer = {
            let mut answers = lock(&state.answers);
            match answers.get_mut(&path) {
                Some(queue) if queue.len() > 1 => queue.pop_front(),
                Some(queue) => queue.front().cloned(),
                None => None,
            }
        };
        let mut answer = answer.unwrap_or_else(|| Answer::with(404, &[], "no such file"));
        if let Some(etag) = answer.held.take().filter(|etag| request.header("if-none-match") == Some(etag)) {
            answer = Answer::with(304, &[&format!("ETag: {etag}")], "");
        }
        request.status = answer.status;
        lock(&state.requests).push(request);
        // Closing with unread bytes breaks the connection, so one byte of the request is left where a reset
        // is due.
        let read = if answer.resets() { head.len() - 1 } else { head.len() };
        stream.read_exact(&mut vec![0; read])?;
        for step in &answer.steps {
            act(&mut stream, step, state)?;
        }
        if !answer.keeps_open {
            break;
        }
    }
    Ok(())
}

fn act(stream: &mut TcpStream, step: &Step, state: &State) -> io::Result<()> {
    match step {
        Step::Send(bytes) => stream.write_all(bytes),
        Step::Pause(pause) => {
            doze(*pause, state);
            Ok(())
        }
        Step::Forever(bytes, every) => {
            while !state.stopped.load(Ordering::SeqCst) {
                stream.write_all(bytes)?;
                doze(*every, state);
            }
            Ok(())
        }
        Step::Reset => Ok(()),
    }
}

/// Sleeps, but not beyond the end of the test.
fn doze(pause: Duration, state: &State) {
    let until = Instant::now() + pause;
    while !state.stopped.load(Ordering::SeqCst) {
        let rest = until.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            break;
        }
        thread::sleep(rest.min(Duration::from_millis(20)));
    }
}

/// The head of the next request, left unread; `None` when the other side is done.
fn peek_head(stream: &TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = stream.peek(&mut buffer)?;
        if let Some(end) = buffer[..length].windows(4).position(|window| window == b"\r\n\r\n") {
            return Ok(Some(buffer[..end + 4].to_vec()));
        }
        if length == 0 || length == buffer.len() {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(1));
    }
}
