//! A face of the live network for measurements: `live_network NAME PASSWORD`.
//!
//! Listens on loopback with the network's own times and prints one JSON object: `page` (address for `master_url`), `key`
//! (for `nodepool_key`). Ends with its standard input.

#![expect(clippy::print_stdout, reason = "a command line program")]

use hivemind_local_pool::nodepool::{FaceTimes, NodePoolFace};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let (name, password) = (words.next().ok_or("no name")?, words.next().ok_or("no password")?);
    let face = NodePoolFace::start(FaceTimes::default()).await?;
    face.add_user(&name, &password);
    let page = format!("http://{}", face.http_addr());
    let key = face.public_key_pem().replace('\n', "\\n");
    println!("{}", serde_json::json!({ "page": page, "key": key }));
    let ended = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    tokio::task::spawn_blocking(ended).await??;
    Ok(())
}
