//! `/healthz`, `/readyz` and `/metrics`.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::DaemonState;
use super::bounded::Bounded;

/// Visitors at one time. Scrapers and probes are a handful.
const PLACES: usize = 256;

/// Longest visit, from connecting to the last byte of the page. Shorter than the time that a clean stop may take.
const LONGEST_VISIT: Duration = Duration::from_secs(5);

/// Why the pages cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// The address is taken, not ours, or no address.
    #[error("pages cannot be served at `{listen}`: expected a free address and port such as 127.0.0.1:8464")]
    Listen {
        /// As it was written.
        listen: String,
        /// What the system reports.
        source: io::Error,
    },
}

/// Takes the address at which the pages will be served.
///
/// # Errors
/// When it cannot be had.
pub async fn bind(listen: &str) -> Result<TcpListener, PagesError> {
    let refused = |source| PagesError::Listen { listen: listen.to_owned(), source };
    let listener = TcpListener::bind(listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    if !address.ip().is_loopback() {
        warn!(serve.address = %address, "the daemon's pages at {address} can be read from other hosts");
    }
    info!(serve.address = %address, "pages are served at http://{address}");
    Ok(listener)
}

/// Serves the pages until `stop` is cancelled.
///
/// # Errors
/// When the listener fails as a whole.
pub async fn serve_pages(
    listener: TcpListener,
    state: Arc<DaemonState>,
    stop: CancellationToken,
) -> io::Result<()> {
    serve_bounded(Bounded::new(listener, PLACES, LONGEST_VISIT), state, stop).await
}

async fn serve_bounded(
    listener: Bounded,
    state: Arc<DaemonState>,
    stop: CancellationToken,
) -> io::Result<()> {
    let pages = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .layer(map_response(one_page_a_visit))
        .with_state(state);
    axum::serve(listener, pages).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn healthz(State(state): State<Arc<DaemonState>>) -> Response {
    answer(state.health(), "ok\n")
}

async fn readyz(State(state): State<Arc<DaemonState>>) -> Response {
    answer(state.readiness(), "ready\n")
}

async fn metrics(State(state): State<Arc<DaemonState>>) -> Response {
    match state.metrics() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            error!("metrics cannot be written: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn answer(state: Result<(), String>, good: &'static str) -> Response {
    match state {
        Ok(()) => good.into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n").into_response(),
    }
}

/// A visit ends with its page, so that none is cut off by its time limit between two pages.
async fn one_page_a_visit(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Instant;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::task::JoinHandle;

    use super::super::HEARTBEAT_LIMIT;
    use super::*;

    struct Pages {
        address: SocketAddr,
        stop: CancellationToken,
        served: JoinHandle<io::Result<()>>,
    }

    async fn pages(places: usize, longest: Duration) -> Pages {
        let listener = bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let state = Arc::new(DaemonState::new(HEARTBEAT_LIMIT).unwrap());
        let bounded = Bounded::new(listener, places, longest);
        let served = tokio::spawn(serve_bounded(bounded, state, stop.clone()));
        Pages { address, stop, served }
    }

    /// Everything that is answered until the connection is closed.
    async fn send(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Whether the other side closes within ten seconds.
    async fn is_closed(stream: &mut TcpStream) -> bool {
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut [0; 1024])).await;
        matches!(read, Ok(Ok(0) | Err(_)))
    }

    const HEALTHZ: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

    #[tokio::test]
    async fn two_hundred_idle_visitors_do_not_keep_the_page_from_anybody() {
        let pages = pages(PLACES, Duration::from_mins(1)).await;
        let mut idle = Vec::new();
        for _ in 0..200 {
            idle.push(TcpStream::connect(pages.address).await.unwrap());
        }
        let asked = Instant::now();
        let answer = send(pages.address, HEALTHZ).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("ok\n"), "{answer}");
        assert!(asked.elapsed() < Duration::from_secs(1));

        pages.stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), pages.served).await.unwrap().unwrap().unwrap();
    }

    #[tokio::test]
    async fn idle_and_slow_visitors_are_shown_out() {
        let pages = pages(PLACES, Duration::from_millis(300)).await;
        let mut silent = TcpStream::connect(pages.address).await.unwrap();
        let mut slow = TcpStream::connect(pages.address).await.unwrap();
        slow.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
        let dribble = async {
            for _ in 0..200 {
                if slow.write_all(b"a: b\r\n").await.is_err() {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            false
        };
        assert!(dribble.await, "a visitor who keeps sending headers is shown out too");
        assert!(is_closed(&mut silent).await);
        assert!(send(pages.address, HEALTHZ).await.contains("200 OK"));
    }

    #[tokio::test]
    async fn a_visitor_without_a_place_is_turned_away_and_places_become_free() {
        let pages = pages(2, Duration::from_millis(300)).await;
        let mut first = TcpStream::connect(pages.address).await.unwrap();
        let _second = TcpStream::connect(pages.address).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(send(pages.address, HEALTHZ).await, "");
        assert!(is_closed(&mut first).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(send(pages.address, HEALTHZ).await.contains("200 OK"));
    }

    #[tokio::test]
    async fn malformed_requests_are_refused_and_the_next_is_answered() {
        let pages = pages(PLACES, LONGEST_VISIT).await;
        let long = [b"GET /".as_slice(), &vec![b'a'; 1 << 20], b" HTTP/1.1\r\n\r\n"].concat();
        let many = "h: 1\r\n".repeat(5000);
        let many = format!("GET /healthz HTTP/1.1\r\n{many}\r\n");
        for request in [b"\0\0\0\0\r\n\r\n".as_slice(), b"hello\r\n\r\n", &long, many.as_bytes()] {
            let answer = send(pages.address, request).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        }
        let status = async |request: &[u8]| {
            send(pages.address, request).await.chars().skip(9).take(3).collect::<String>()
        };
        assert_eq!(status(b"GET /../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n").await, "404");
        assert_eq!(
            status(b"POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999999\r\n\r\n").await,
            "405"
        );
        assert_eq!(status(HEALTHZ).await, "200");
    }

    #[tokio::test]
    async fn an_address_that_cannot_be_had_is_named() {
        let taken = bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let _holder = bind(&taken.to_string()).await.unwrap();
        for listen in [taken.to_string(), "8464".to_owned(), "127.0.0.1:99999".to_owned()] {
            let error = bind(&listen).await.unwrap_err().to_string();
            assert!(error.starts_with(&format!("pages cannot be served at `{listen}`")), "{error}");
        }
    }
}
