//! A network between a program and a server that can be cut in either direction.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What happens to bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Network {
    /// They pass.
    Up = 0,
    /// The connection breaks before the server reads what is sent.
    RequestsCut = 1,
    /// The server does what it is asked to, and the connection breaks before anybody hears of it.
    AnswersCut = 2,
}

/// A proxy on the loopback address. It ends with the process.
pub struct Proxy {
    port: u16,
    network: Arc<AtomicU8>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// Starts a proxy for a server on the loopback address.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let network = Arc::new(AtomicU8::new(Network::Up as u8));
        let open = Arc::new(Mutex::new(Vec::new()));
        let (of_proxy, all) = (Arc::clone(&network), Arc::clone(&open));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is away refuses, and so does its proxy.
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let ends = [(&client, &server), (&server, &client)];
                let cuts = [Network::RequestsCut, Network::AnswersCut];
                for ((from, to), cut) in ends.into_iter().zip(cuts) {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let network = Arc::clone(&of_proxy);
                    thread::spawn(move || pass(from, to, cut, &network));
                }
                let mut all = all.lock().unwrap();
                all.retain(|stream: &TcpStream| stream.peer_addr().is_ok());
                all.push(client);
            }
        });
        Self { port, network, open }
    }

    /// The port on the loopback address.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Changes what happens to bytes from now on.
    pub fn set(&self, network: Network) {
        self.network.store(network as u8, Ordering::SeqCst);
    }

    /// Breaks all connections.
    pub fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            // One that is closed already stays so.
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, cut: Network, network: &AtomicU8) {
    let mut buffer = [0; 16_384];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if network.load(Ordering::SeqCst) == cut as u8 || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}
