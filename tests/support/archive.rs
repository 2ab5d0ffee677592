//! A publisher's archive on the loopback interface: one ZIP a month, with an `ETag` for who asks again. It can be told
//! to misbehave, address by address.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Cursor, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What an address answers. One that is not set answers 404.
#[derive(Debug, Clone)]
pub(crate) enum Page {
    /// A file; who has the edition named by the tag already is told so instead.
    File { etag: String, body: Arc<Vec<u8>> },
    /// A web page that apologises, with status 200.
    Apology,
    /// A server error.
    Broken,
    /// A file that breaks off half way.
    Truncated { etag: String, body: Arc<Vec<u8>> },
}

/// One request and the status of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) if_none_match: Option<String>,
    pub(crate) status: u16,
}

#[derive(Debug, Default)]
struct State {
    pages: Mutex<HashMap<String, Page>>,
    asked: Mutex<Vec<Asked>>,
    stopped: AtomicBool,
}

/// The server. It listens from the moment it is made until it is dropped.
#[derive(Debug)]
pub(crate) struct Archive {
    address: SocketAddr,
    state: Arc<State>,
}

impl Archive {
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
                // The other side may go away at any time, which is no business of the publisher.
                thread::spawn(move || stream.and_then(|stream| answer(&stream, &shared)));
            }
        });
        Self { address, state }
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What a path answers from now on.
    pub(crate) fn set(&self, path: &str, page: Page) {
        lock(&self.state.pages).insert(path.to_owned(), page);
    }

    /// The requests since this was last called, in the order of their paths.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let mut asked = std::mem::take(&mut *lock(&self.state.asked));
        asked.sort_by(|a, b| a.path.cmp(&b.path));
        asked
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, so that it sees that it is to stop.
        drop(TcpStream::connect(self.address));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut stream: &TcpStream, state: &State) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut if_none_match = None;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("if-none-match")
        {
            if_none_match = Some(value.trim().to_owned());
        }
    }
    if path.is_empty() {
        return Ok(());
    }
    let page = lock(&state.pages).get(&path).cloned();
    let (status, headers, body): (u16, String, &[u8]) = match &page {
        None => (404, String::new(), b"no such file"),
        Some(Page::File { etag, .. }) if if_none_match.as_ref() == Some(etag) => {
            (304, format!("ETag: {etag}\r\n"), b"")
        }
        Some(Page::File { etag, body } | Page::Truncated { etag, body }) => {
            (200, format!("ETag: {etag}\r\nContent-Type: application/zip\r\n"), body)
        }
        Some(Page::Apology) => {
            (200, "Content-Type: text/html\r\n".to_owned(), b"<!DOCTYPE html><html><body>Sorry</body></html>")
        }
        Some(Page::Broken) => (500, String::new(), b"out of order"),
    };
    lock(&state.asked).push(Asked { path, if_none_match, status });
    let length = if status == 304 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    write!(stream, "HTTP/1.1 {status} As Set\r\n{headers}{length}Connection: close\r\n\r\n")?;
    let sent = if matches!(page, Some(Page::Truncated { .. })) { body.len() / 2 } else { body.len() };
    stream.write_all(body.get(..sent).unwrap_or_default())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    // Waits until the other side has everything: closing earlier could break the connection under it.
    let _ = reader.read_to_end(&mut Vec::new());
    Ok(())
}

/// A ZIP archive of these members.
pub(crate) fn zipped(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        writer.start_file(name.as_str(), options).expect("a member can be added");
        writer.write_all(bytes).expect("a member can be written");
    }
    writer.finish().expect("an archive in memory can be finished").into_inner()
}
