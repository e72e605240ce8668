//! The listeners: all bound before anything is served.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use salvo::server::ServerHandle;
use tokio::task::JoinHandle;

use super::banner::Addresses;
use super::open::Opened;
use crate::advice::Advised;
use crate::cli::Role;
use crate::config::settings::{Listen, Settings};
use crate::http::serve::{Bound, bind};
use crate::http::tls::Https;
use crate::http::{private_router, refusals, router, status};

/// Bound addresses.
pub(super) struct Listeners {
    public: Option<Bound>,
    private: Option<Bound>,
    https: Option<Secure>,
}

/// The address of HTTPS, served together with the public listener.
struct Secure {
    address: SocketAddr,
    https: Https,
}

impl Listeners {
    /// Binds what a process of `role` serves. A worker has only the private listener.
    pub(super) async fn bind(
        settings: &Settings,
        role: Role,
        https: Option<Https>,
    ) -> anyhow::Result<Self> {
        let server = &settings.server;
        let (mut public, mut secure) = (None, None);
        if role != Role::Worker {
            let plain = bound("server.listen", server.listen).await?;
            public = Some(match (&server.tls, https) {
                (Some(tls), Some(https)) => {
                    let other = bound("server.tls.listen", tls.listen).await?;
                    let address = other.address();
                    let both = plain.and_https(other, &https);
                    secure = Some(Secure { address, https });
                    both
                }
                _ => plain,
            });
        }
        let private = match server.metrics_listen {
            Listen::On(address) => Some(bound("server.metrics_listen", address).await?),
            Listen::Off => None,
        };
        Ok(Self { public, private, https: secure })
    }

    /// Serves on them.
    pub(super) fn serve(self, opened: &Opened) -> anyhow::Result<Serving> {
        let state = &opened.state;
        if state.settings.privacy.min_cell > 1 {
            let (state, tasks) = (Arc::clone(state), opened.tasks.clone());
            opened.tasks.spawn(status::keep_closed_hour(state, tasks));
        }
        if self.public.is_some() {
            opened.tasks.spawn(refusals::keep(Arc::clone(state), opened.tasks.clone()));
        }
        let public =
            self.public.map(|bound| Listener::start(bound, router(state, opened.source()), opened));
        let private =
            self.private.map(|bound| Listener::start(bound, private_router(state), opened));
        let mut https = None;
        if let Some(Secure { address, https: served }) = self.https {
            https = Some(address);
            let (clock, metrics) = (Arc::clone(&state.clock), Arc::clone(&state.metrics));
            opened.tasks.spawn(served.keep(clock, metrics, opened.tasks.clone()));
        }
        Ok(Serving { public: public.transpose()?, private: private.transpose()?, https })
    }
}

async fn bound(setting: &str, address: SocketAddr) -> anyhow::Result<Bound> {
    bind(address).await.map_err(|error| refused(&error, setting, address).into())
}

/// Why an address cannot be listened on, and what to do about it.
fn refused(error: &std::io::Error, setting: &str, address: SocketAddr) -> Advised {
    let flag = setting.replace("server.", "--").replace(['.', '_'], "-");
    let other = format!("choose another address with {setting} or {flag}");
    let port = address.port();
    let (why, help) = match error.kind() {
        ErrorKind::AddrInUse => (
            "another process has this port".to_owned(),
            format!("`ss -ltnp 'sport = :{port}'` shows which: stop it, or {other}"),
        ),
        ErrorKind::PermissionDenied => (
            "this user may not open a port that low".to_owned(),
            format!(
                "{other}, with a port from 1024 on, behind a proxy; or give the program the right: \
                 AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit"
            ),
        ),
        ErrorKind::AddrNotAvailable => (
            "this machine does not have this address".to_owned(),
            format!("`ip -brief address` shows those that it has, and 0.0.0.0 means all: {other}"),
        ),
        _ => (error.to_string(), other),
    };
    Advised::new(format!("cannot listen on {address} ({setting}): {why}"), help)
}

/// A listener that serves.
struct Listener {
    address: SocketAddr,
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
}

impl Listener {
    fn start(bound: Bound, router: salvo::Router, opened: &Opened) -> anyhow::Result<Self> {
        let address = bound.address();
        let (handle, serving) = bound.serve(router, &opened.state)?;
        let task = opened.tasks.spawn(serving);
        Ok(Self { address, handle, task })
    }

    /// Takes no new connections, answers what is in flight, and ends; after `grace` it ends anyway.
    async fn stop(mut self, grace: Duration) {
        self.handle.stop_graceful(grace);
        let Ok(ended) = tokio::time::timeout(grace, &mut self.task).await else {
            self.handle.stop_forceful();
            self.task.abort();
            return;
        };
        if let Ok(Err(error)) = ended {
            tracing::warn!(%error, "a listener did not end well");
        }
    }
}

/// The listeners of a running process.
pub(super) struct Serving {
    public: Option<Listener>,
    private: Option<Listener>,
    /// Where the public listener speaks HTTPS beside HTTP.
    https: Option<SocketAddr>,
}

impl Serving {
    pub(super) const fn is_public(&self) -> bool {
        self.public.is_some()
    }

    /// The real addresses.
    pub(super) fn addresses(&self) -> Addresses {
        let address = |listener: &Option<Listener>| listener.as_ref().map(|it| it.address);
        Addresses {
            public: address(&self.public),
            https: self.https,
            private: address(&self.private),
        }
    }

    /// Ends the public listener.
    pub(super) async fn stop_public(&mut self, grace: Duration) {
        if let Some(listener) = self.public.take() {
            listener.stop(grace).await;
        }
    }

    /// Ends the private listener, last of all: it shows how the rest ends.
    pub(super) async fn stop_private(&mut self, grace: Duration) {
        if let Some(listener) = self.private.take() {
            listener.stop(grace).await;
        }
    }
}
