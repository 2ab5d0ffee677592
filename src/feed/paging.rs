//! Records that an address gives a page at a time: the pages become one file, each on lines of its own.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::http::{Client, Fetched, HttpSettings, Patience, public, same_publisher};
use super::settings::{PagingConfig, PagingKind};
use crate::diagnose::chain;

/// Largest page, in bytes: it is read as a whole to find where the next one is.
const LARGEST_PAGE: u64 = 1 << 26;

/// One page, read as far as paging goes.
struct Page {
    body: Vec<u8>,
    json: Value,
    sha256: String,
    link: Option<String>,
}

/// What comes after a page.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// The page holds nothing, so it is not kept.
    Empty,
    /// It was the last one.
    End,
    Page(Url),
}

/// Fetches every page, beginning with that at `first`, into one new file in the folder `into`.
///
/// # Errors
/// In words: what fetching a page reports; a page that is not what the settings say, that comes a second time, or that
/// is one too many.
pub(super) async fn fetch(
    client: &Client,
    first: &Url,
    paging: &PagingConfig,
    into: &Path,
    settings: &HttpSettings,
    patience: &mut Patience,
) -> Result<Fetched, String> {
    let disk = |error: std::io::Error| format!("cannot write to {}: {error}", into.display());
    let mut file =
        tempfile::Builder::new().prefix("pages-").suffix(".part").tempfile_in(into).map_err(disk)?;
    let mut digest = Sha256::new();
    let mut settings = settings.clone();
    let allowed = settings.max_bytes;
    let (mut bytes, mut records) = (0_u64, 0_u64);
    let (mut asked, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut at = start(first, paging);
    for number in 1..=paging.max_pages {
        let shown = public(&at);
        if !asked.insert(at.to_string()) {
            return Err(format!("{shown}: page {number} is one that was asked for before"));
        }
        settings.max_bytes = allowed.saturating_sub(bytes).min(LARGEST_PAGE);
        let fetched =
            client.fetch(&at, None, into, &settings, patience).await.map_err(|error| chain(&error))?;
        let page = match fetched {
            Fetched::Delivered { path, link, .. } => read(&path, link).map_err(disk)?,
            absent @ Fetched::Absent { .. } if number == 1 => return Ok(absent),
            _ => return Err(format!("{shown}: page {number} is not there")),
        };
        let page = page.map_err(|why| format!("{shown}: page {number} is not JSON: {why}"))?;
        let next = next(&page, &at, paging, &mut records, u64::from(number))
            .map_err(|why| format!("{shown}: page {number}: {why}"))?;
        if next == Next::Empty && number > 1 {
            return finish(file, digest, bytes, into);
        }
        if !seen.insert(page.sha256) {
            return Err(format!("{shown}: page {number} is the same as one before"));
        }
        for part in [page.body.as_slice(), b"\n"] {
            digest.update(part);
            file.write_all(part).map_err(disk)?;
            bytes += part.len() as u64;
        }
        match next {
            Next::Page(next) => at = next,
            Next::Empty | Next::End => return finish(file, digest, bytes, into),
        }
    }
    Err(format!(
        "{}: more than {} pages; raise `max-pages` if that is meant",
        public(first),
        paging.max_pages
    ))
}

fn finish(file: tempfile::NamedTempFile, digest: Sha256, bytes: u64, into: &Path) -> Result<Fetched, String> {
    let disk = |error: std::io::Error| format!("cannot write to {}: {error}", into.display());
    file.as_file().sync_all().map_err(disk)?;
    Ok(Fetched::Delivered {
        path: file.into_temp_path(),
        bytes,
        sha256: hex::encode(digest.finalize()),
        etag: None,
        last_modified: None,
        content_type: None,
        link: None,
        length_stated: true,
    })
}

/// The page in a file; the inner error says why it is no JSON.
fn read(path: &Path, link: Option<String>) -> std::io::Result<Result<Page, String>> {
    let mut body = Vec::new();
    File::open(path)?.take(LARGEST_PAGE).read_to_end(&mut body)?;
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&body).trim_ascii();
    let json = match serde_json::from_slice(text) {
        Ok(json) => json,
        // Where it stopped, and not what stands there.
        Err(error) => {
            let why = match error.classify() {
                serde_json::error::Category::Eof => "it breaks off",
                _ => "it cannot be read",
            };
            return Ok(Err(format!("{why} at line {} column {}", error.line(), error.column())));
        }
    };
    let body = text.to_vec();
    let sha256 = hex::encode(Sha256::digest(&body));
    Ok(Ok(Page { body, json, sha256, link }))
}

/// The address of the first page.
fn start(first: &Url, paging: &PagingConfig) -> Url {
    let mut at = first.clone();
    if let (Some(parameter), Some(size)) = (&paging.size_parameter, paging.page_size) {
        set(&mut at, parameter, &size.to_string());
    }
    if let Some(parameter) = &paging.parameter {
        match paging.kind {
            PagingKind::PageNumber => set(&mut at, parameter, &paging.first.unwrap_or(1).to_string()),
            PagingKind::Offset => set(&mut at, parameter, &paging.first.unwrap_or(0).to_string()),
            PagingKind::Cursor | PagingKind::NextLink | PagingKind::LinkHeader => {}
        }
    }
    at
}

/// What comes after the page with this number; `records` counts those that were received.
fn next(
    page: &Page,
    at: &Url,
    paging: &PagingConfig,
    records: &mut u64,
    number: u64,
) -> Result<Next, String> {
    let found = page.json.pointer(&paging.records).and_then(Value::as_array);
    let counted = matches!(paging.kind, PagingKind::PageNumber | PagingKind::Offset);
    let count = match found {
        Some(found) => found.len() as u64,
        None if counted => {
            return Err(format!("there is no list of records at `{}`", paging.records));
        }
        None => 1,
    };
    *records += count;
    if counted && count == 0 {
        return Ok(Next::Empty);
    }
    let parameter = paging.parameter.as_deref().unwrap_or_default();
    let mut to = at.clone();
    match paging.kind {
        PagingKind::PageNumber => {
            set(&mut to, parameter, &(paging.first.unwrap_or(1) + number).to_string());
        }
        PagingKind::Offset => set(&mut to, parameter, &(paging.first.unwrap_or(0) + *records).to_string()),
        PagingKind::Cursor => match told(page, paging)? {
            Some(cursor) => set(&mut to, parameter, &cursor),
            None => return Ok(Next::End),
        },
        PagingKind::NextLink => match told(page, paging)? {
            Some(link) => to = follow(at, &link)?,
            None => return Ok(Next::End),
        },
        PagingKind::LinkHeader => match page.link.as_deref().and_then(next_link) {
            Some(link) => to = follow(at, link)?,
            None => return Ok(Next::End),
        },
    }
    Ok(Next::Page(to))
}

/// What a page says of the next one: a text or a number; nothing, null, false or an empty text where it is the last.
fn told(page: &Page, paging: &PagingConfig) -> Result<Option<String>, String> {
    let pointer = paging.next.as_deref().unwrap_or_default();
    match page.json.pointer(pointer) {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(format!("what stands at `{pointer}` is neither text nor number")),
    }
}

/// A link to the next page, which must be the same publisher's: what proves who we are is sent along.
fn follow(at: &Url, link: &str) -> Result<Url, String> {
    let next = at.join(link).map_err(|_| "the link to the next page is no address".to_owned())?;
    if same_publisher(at, &next) {
        Ok(next)
    } else {
        Err(format!("the next page is at another host, {}", public(&next)))
    }
}

/// The address with `rel="next"` in a `Link` header. Source: RFC 8288, section 3.
fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (address, after) = after.split_once('>')?;
        let end = after.find('<').unwrap_or(after.len());
        let parameters = after.get(..end)?;
        let is_next =
            parameters.split([';', ',']).filter_map(|one| one.split_once('=')).any(|(name, value)| {
                let relations = value.trim().trim_matches('"');
                name.trim().eq_ignore_ascii_case("rel")
                    && relations
                        .split_ascii_whitespace()
                        .any(|relation| relation.eq_ignore_ascii_case("next"))
            });
        if is_next {
            return Some(address.trim());
        }
        rest = after.get(end..)?;
    }
}

/// Gives a query parameter this value, in place of any that it has.
pub(super) fn set(url: &mut Url, parameter: &str, value: &str) {
    let others: Vec<(String, String)> =
        url.query_pairs().filter(|(name, _)| name != parameter).map(|(n, v)| (n.into(), v.into())).collect();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair(parameter, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_among_others() {
        for (header, found) in [
            (r#"<https://a.uk/?page=2>; rel="next""#, Some("https://a.uk/?page=2")),
            (r#"</p?a=1,2>; rel=prev, </p?a=3;4>; title="x"; rel="last next""#, Some("/p?a=3;4")),
            (r#"<a>; rel="nextish", <b>; rel="prev""#, None),
            (r#"<a; rel="next""#, None),
            ("", None),
        ] {
            assert_eq!(next_link(header), found, "{header}");
        }
    }

    #[test]
    fn a_link_to_another_host_is_refused() {
        let at = Url::parse("https://a.uk/x/1?key=1").unwrap();
        assert_eq!(follow(&at, "2?key=1").unwrap().as_str(), "https://a.uk/x/2?key=1");
        assert_eq!(
            follow(&at, "https://b.uk/2").unwrap_err(),
            "the next page is at another host, https://b.uk/2"
        );
        assert!(follow(&at, "http://a.uk/2").is_err());
        assert!(follow(&at, "https://[").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_link_header_is_read_or_passed_over(header in r#"([<>;,="a-z ]|rel="next")*|.*"#) {
            let _ = next_link(&header);
            let _ = follow(&Url::parse("https://a.uk/").unwrap(), &header);
        }
    }
}
