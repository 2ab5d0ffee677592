//! A publisher's archive: one ZIP a month, with an `ETag` for who asks again. It can be told to misbehave, address by
//! address.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::io::{Cursor, Write as _};
use std::sync::Arc;

use crate::partner::{Answer, FakePartner};

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

impl Page {
    fn answer(self) -> Answer {
        match self {
            Self::File { etag, body } => Answer::file(&etag, "application/zip", body.as_slice()),
            Self::Apology => Answer::with(
                200,
                &["Content-Type: text/html"],
                "<!DOCTYPE html><html><body>Sorry</body></html>",
            ),
            Self::Broken => Answer::with(500, &[], "out of order"),
            Self::Truncated { etag, body } => {
                let head = format!(
                    "HTTP/1.1 200 As Scripted\r\nETag: {etag}\r\nContent-Type: application/zip\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                Answer::raw(head).then(body.get(..body.len() / 2).unwrap_or_default())
            }
        }
    }
}

/// One request and the status of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) if_none_match: Option<String>,
    pub(crate) status: u16,
}

/// The publisher's server. It listens from the moment it is made until it is dropped.
#[derive(Debug)]
pub(crate) struct Archive(FakePartner);

impl Archive {
    pub(crate) fn start() -> Self {
        Self(FakePartner::start())
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        self.0.url(path).to_string()
    }

    /// What a path answers from now on.
    pub(crate) fn set(&self, path: &str, page: Page) {
        self.0.set(path, page.answer());
    }

    /// The requests since this was last called, in the order of their paths.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let asked = self.0.take_requests();
        let one = asked.iter().map(|request| Asked {
            path: request.path().to_owned(),
            if_none_match: request.header("if-none-match").map(str::to_owned),
            status: request.status(),
        });
        one.collect()
    }
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
