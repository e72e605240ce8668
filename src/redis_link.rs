//! The way to a Redis server, to Valkey, or to a cluster of either: one connection that many share,
//! made anew in the background when it breaks, and refused when the server cannot be trusted with
//! data. Separate from queue and shared state, because both go this way.
//!
//! While there is no connection, everybody is told so at once: nobody waits for a server that is
//! away, and what was never sent is known not to have been done.

mod address;
mod probe;
mod script;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, Pipeline, RedisError, RedisFuture, RedisResult, Value,
};
use stages::ports::Cause;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use self::address::{Address, AddressError};
pub use self::probe::{Demands, ProbeError};
pub use self::script::{Script, unknown_script};

use crate::shutdown::Tasks;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Longest wait for an answer. A busy disk under `appendfsync always` may well take a second.
const RESPONSE: Duration = Duration::from_secs(5);
/// How often a connection is asked whether it works.
const LOOK: Duration = Duration::from_secs(1);
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(2);
/// How long a start waits for a server that cannot be reached yet.
const START: Duration = Duration::from_secs(10);

/// Why there is no way to a server.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// `queue.url` names something else.
    #[error(
        "queue.url {0}: write it as redis://host:6379, with a user and a password as \
         redis://user:password@host:6379/0, and as rediss:// for TLS"
    )]
    Url(AddressError),
    /// A certificate or key cannot be read.
    #[error("cannot read {}, which {parameter} of queue.url names", .path.display())]
    File {
        /// The parameter that names it.
        parameter: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A certificate or key is none.
    #[error("the certificates that queue.url names cannot be used")]
    Certificates(#[source] RedisError),
    /// Nobody answers.
    #[error("cannot reach the Redis server at {address} (queue.url)")]
    Unreachable {
        /// Host and port.
        address: String,
        /// Why.
        source: RedisError,
    },
    /// The server answers, but must not be used.
    #[error("the Redis server at {address} (queue.url) cannot be used")]
    Unfit {
        /// Host and port.
        address: String,
        /// Why.
        source: ProbeError,
    },
}

/// There is no connection at the moment; nothing was sent.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no connection to Redis: {0}")]
pub struct Down(Arc<str>);

/// A connection to one server or to a cluster. Clones share it.
#[derive(Clone)]
pub enum Wire {
    /// To one server.
    One(MultiplexedConnection),
    /// To the nodes of a cluster.
    Many(ClusterConnection),
}

/// A connection that works, as far as anybody knows.
#[derive(Clone)]
pub struct Live {
    /// The connection.
    pub wire: Wire,
    /// Every connection has another one.
    pub number: u64,
    /// The start of the server at the other end. Empty in a cluster, where nodes come and go behind
    /// the connection: scripts then ask for it.
    pub run: Arc<str>,
    /// Whether writes must be followed by WAITAOF to be on disk.
    pub wait_aof: bool,
}

#[derive(Clone)]
enum State {
    Up(Live),
    Down(Down),
}

/// The way to a server.
pub struct RedisLink {
    server: Address,
    demands: Demands,
    state: watch::Sender<State>,
    connections: AtomicU64,
    ended: CancellationToken,
}

impl RedisLink {
    /// Connects, and keeps connecting until [`RedisLink::close`].
    ///
    /// With `patient: false` an unreachable server is an error after ten seconds; otherwise it is
    /// waited for in the background.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub async fn open(
        url: &str,
        demands: Demands,
        patient: bool,
        tasks: &Tasks,
    ) -> Result<Arc<Self>, LinkError> {
        let server = Address::parse(url).map_err(LinkError::Url)?;
        let down = State::Down(Down("not connected yet".into()));
        let (state, _) = watch::channel(down);
        let link = Self {
            server,
            demands,
            state,
            connections: AtomicU64::new(0),
            ended: CancellationToken::new(),
        };
        match tokio::time::timeout(START, link.first(patient)).await {
            Ok(Ok(live)) => drop(link.state.send_replace(State::Up(live))),
            Ok(Err(error @ LinkError::Unreachable { .. })) if patient => link.set_down(&error),
            Ok(Err(error)) => return Err(error),
            // The last attempt hangs; its own time-out is shorter, so there was one before.
            Err(_) if patient => {}
            Err(_) => {
                let source = RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
                return Err(LinkError::Unreachable { address: link.address(), source });
            }
        }
        let link = Arc::new(link);
        tasks.spawn(Arc::clone(&link).keep());
        Ok(link)
    }

    /// The connection, if there is one.
    ///
    /// # Errors
    /// When there is none.
    pub fn live(&self) -> Result<Live, Down> {
        match &*self.state.borrow() {
            State::Up(live) => Ok(live.clone()),
            State::Down(down) => Err(down.clone()),
        }
    }

    /// Waits until there is a connection.
    pub async fn up(&self) {
        // The sender lives as long as this.
        self.state.subscribe().wait_for(|state| matches!(state, State::Up(_))).await.ok();
    }

    /// Reports that a connection broke, or that nobody knows what it still carries.
    pub fn broken(&self, number: u64, error: &RedisError) {
        self.state.send_if_modified(|state| {
            let current = matches!(state, State::Up(live) if live.number == number);
            if current {
                tracing::warn!(%error, "the connection to Redis broke");
                *state = State::Down(Down(error.to_string().into()));
            }
            current
        });
    }

    /// Reports a failure, if it is one of the connection.
    pub fn heed(&self, number: u64, error: &RedisError) {
        if error.is_io_error() || error.is_unrecoverable_error() {
            self.broken(number, error);
        }
    }

    /// A connection of the caller's own, for commands that block for up to `longest`.
    ///
    /// # Errors
    /// When none can be made.
    pub async fn own(&self, longest: Duration) -> RedisResult<Wire> {
        let gone = |error: Cause| {
            RedisError::from(std::io::Error::new(std::io::ErrorKind::NotConnected, error))
        };
        let live = self.live().map_err(|down| gone(down.into()))?;
        let timeout = longest + RESPONSE;
        match live.wire {
            Wire::One(_) => {
                let client = self.client().map_err(|error| gone(error.into()))?;
                single(&client, timeout).await
            }
            Wire::Many(_) => self.cluster(timeout).await.map_err(|error| gone(error.into()))?,
        }
    }

    /// Ends the upkeep; the connection closes when its last user drops it.
    pub fn close(&self) {
        self.ended.cancel();
        self.state.send_replace(State::Down(Down("closed".into())));
    }

    /// Host and port; never the password.
    pub fn address(&self) -> String {
        self.server.info.addr().to_string()
    }

    async fn first(&self, patient: bool) -> Result<Live, LinkError> {
        let mut delays = delays();
        let deadline = tokio::time::Instant::now() + START;
        loop {
            match self.connect().await {
                Err(LinkError::Unreachable { source, .. })
                    if !patient && tokio::time::Instant::now() + LONGEST_DELAY < deadline =>
                {
                    tracing::warn!(error = %source, address = self.address(), "waiting for Redis");
                    tokio::time::sleep(delays.next().unwrap_or(LONGEST_DELAY)).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Connects whenever there is no connection.
    async fn keep(self: Arc<Self>) {
        let mut states = self.state.subscribe();
        let mut delays = delays();
        loop {
            let down = states.wait_for(|state| matches!(state, State::Down(_)));
            tokio::select! {
                _ = down => {}
                () = self.look() => {}
                () = self.ended.cancelled() => return,
            }
            let connected = tokio::select! {
                connected = self.connect() => connected,
                () = self.ended.cancelled() => return,
            };
            match connected {
                Ok(live) => {
                    tracing::info!(address = self.address(), "connected to Redis");
                    self.state.send_replace(State::Up(live));
                    delays = self::delays();
                    continue;
                }
                Err(error) => self.set_down(&error),
            }
            tokio::select! {
                () = tokio::time::sleep(delays.next().unwrap_or(LONGEST_DELAY)) => {}
                () = self.ended.cancelled() => return,
            }
        }
    }

    /// Asks now and then whether the connection works. Else the first to find out that it does not
    /// would be an append, of which nobody knows then whether it was done.
    async fn look(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let Ok(mut live) = self.live() else { return };
            if let Err(error) = redis::cmd("PING").query_async::<Value>(&mut live.wire).await {
                self.heed(live.number, &error);
            }
        }
    }

    fn set_down(&self, error: &LinkError) {
        let text = crate::worker::error_chain(error);
        let same = matches!(&*self.state.borrow(), State::Down(Down(before)) if **before == *text);
        if !same {
            tracing::warn!(error = text, "Redis is away");
            self.state.send_replace(State::Down(Down(text.into())));
        }
    }

    async fn connect(&self) -> Result<Live, LinkError> {
        let unfit = |source| LinkError::Unfit { address: self.address(), source };
        let unreachable = |source| match ProbeError::refused(source) {
            Ok(refused) => unfit(refused),
            Err(source) => LinkError::Unreachable { address: self.address(), source },
        };
        let client = self.client()?;
        let mut wire = single(&client, RESPONSE).await.map_err(unreachable)?;
        let mut report = probe::ask(&mut wire).await.map_err(unreachable)?;
        if report.in_cluster() {
            wire = self.cluster(RESPONSE).await?.map_err(unreachable)?;
            report = probe::ask(&mut wire).await.map_err(unreachable)?;
        }
        let wait_aof = report.judge(self.demands).map_err(unfit)?;
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        Ok(Live { wire, number, run: report.run().into(), wait_aof })
    }

    fn client(&self) -> Result<Client, LinkError> {
        let info = self.server.info.clone();
        let client = match self.server.certificates()? {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        };
        client.map_err(LinkError::Certificates)
    }

    async fn cluster(&self, response: Duration) -> Result<RedisResult<Wire>, LinkError> {
        let builder = ClusterClient::builder([self.server.info.clone()])
            .connection_timeout(CONNECT)
            .response_timeout(response);
        let builder = match self.server.certificates()? {
            Some(certificates) => builder.certs(certificates),
            None => builder,
        };
        let client = builder.build().map_err(LinkError::Certificates)?;
        Ok(client.get_async_connection().await.map(Wire::Many))
    }
}

async fn single(client: &Client, response: Duration) -> RedisResult<Wire> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(response));
    client.get_multiplexed_async_connection_with_config(&config).await.map(Wire::One)
}

/// Delays between attempts to connect: doubling, with jitter, without end.
fn delays() -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_DELAY)
        .with_max_delay(LONGEST_DELAY)
        .with_jitter()
        .without_max_times()
        .build()
}

impl ConnectionLike for Wire {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(wire) => wire.req_packed_command(cmd),
            Self::Many(wire) => wire.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(wire) => wire.req_packed_commands(pipeline, offset, count),
            Self::Many(wire) => wire.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(wire) => wire.get_db(),
            Self::Many(wire) => wire.get_db(),
        }
    }
}
