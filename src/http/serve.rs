//! Listening: an address becomes a server with limits, and a handle to stop it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use salvo::conn::rustls::RustlsAcceptor;
use salvo::conn::tcp::TcpAcceptor;
use salvo::conn::{Acceptor, JoinedAcceptor};
use salvo::fuse::FuseConfig;
use salvo::server::ServerHandle;
use salvo::{Router, Server, Service};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::cors::Cors;
use super::middleware::Observe;
use super::state::State;
use super::tls::{Current, Https};

/// Most connections at once, HTTP and HTTPS together; the rest waits in the backlog. Below the usual limit of 1024 open
/// files, so that queue and store can always open theirs.
const CONNECTIONS: usize = 900;
/// Time for a request's head, and for the TLS handshake before the first.
const HEAD: Duration = Duration::from_secs(10);
/// Most bytes of a request's head.
const HEAD_BYTES: usize = 32 * 1_024;
/// Most requests of one HTTP/2 connection at once.
const STREAMS: u32 = 8;

/// A bound address that nobody is served on yet.
pub struct Bound {
    address: SocketAddr,
    listener: TcpListener,
    https: Option<(TcpListener, Current)>,
}

/// A running server's task.
pub type Serving = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// Binds an address. With port 0 the system chooses one, see [`Bound::address`].
///
/// # Errors
/// When the address cannot be bound.
pub async fn bind(address: SocketAddr) -> io::Result<Bound> {
    let listener = TcpListener::bind(address).await?;
    Ok(Bound { address: listener.local_addr()?, listener, https: None })
}

impl Bound {
    /// The real address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds HTTPS on another address: the same routes, and the same limit on connections.
    #[must_use]
    pub fn and_https(self, other: Self, https: &Https) -> Self {
        Self { https: Some((other.listener, https.current())), ..self }
    }

    /// Serves a router, with the layers that every request passes. The future ends when the handle
    /// was asked to stop and the requests in flight are answered.
    ///
    /// # Errors
    /// When the listener cannot be taken over.
    pub fn serve(self, router: Router, state: &Arc<State>) -> io::Result<(ServerHandle, Serving)> {
        let plain = TcpAcceptor::try_from(self.listener)?;
        let Some((listener, current)) = self.https else { return Ok(on(plain, router, state)) };
        // The token would stop a task of salvo's that rereads certificates; ours does it.
        let secure = RustlsAcceptor::new(
            TcpAcceptor::try_from(listener)?,
            current,
            CancellationToken::new(),
        );
        Ok(on(JoinedAcceptor::new(plain, secure), router, state))
    }
}

fn on<A>(acceptor: A, router: Router, state: &Arc<State>) -> (ServerHandle, Serving)
where
    A: Acceptor + Send + 'static,
{
    let mut server = Server::new(acceptor).fuse_config(limits()).max_connections(CONNECTIONS);
    server.http1_mut().max_buf_size(HEAD_BYTES);
    server
        .http2_mut()
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX));
    let service =
        Service::new(router).hoop(Observe(Arc::clone(state))).hoop(Cors(Arc::clone(state)));
    (server.handle(), Box::pin(server.try_serve(service)))
}

fn limits() -> FuseConfig {
    FuseConfig::strict()
        .with_tls_handshake_timeout(HEAD)
        .with_http1_header_timeout(HEAD)
        // Whoever reads a body gives all of it a time; a second timer for each pause costs more than
        // reading a small one.
        .with_request_body_timeout(None)
}
