//! The server to compare with: salvo, reading the body and saying hello.

use salvo::prelude::*;

#[handler]
async fn hello(req: &mut Request) -> &'static str {
    drop(req.payload_with_max_size(1 << 20).await);
    "hello"
}

/// Serves until the process is ended; prints the address it listens on.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let acceptor = TcpListener::new("127.0.0.1:0").bind().await;
        println!("{}", acceptor.local_addr().unwrap());
        let router = Router::with_path("v1/events").post(hello);
        Server::new(acceptor).serve(router).await;
    });
}
