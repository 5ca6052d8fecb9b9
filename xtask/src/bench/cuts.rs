//! P15: what is sent again when the link is cut in the middle of a large upload.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::http::{Request, Server};
use super::measurement::{Bench, Measured};
use super::stand::package;
use super::statistics::Random;

const MEBIBYTES: u64 = 1024;
const CUTS: u64 = 100;
/// A connection that has sent this much is uploading.
const UPLOADING: u64 = 256 * 1024;
/// The next cut comes after at most this much more: on average all cuts fit into the upload.
const FARTHEST: usize = 18 << 20;

/// A link that can be cut: what the worker sends is counted.
#[derive(Debug, Default)]
struct Link {
    armed: AtomicBool,
    cuts: AtomicU64,
    /// Bytes of the worker on connections that uploaded.
    sent: AtomicU64,
}

/// Bytes sent again per cut, in MiB.
pub fn resent(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let mut stand = bench.stand()?;
    let pool = Server::pool(stand.url())?;
    let mut page = pool.json(&Request::new("GET", "/.well-known/hivemind"))?;
    let real = page["grpc_addr"].as_str().context("the pool names no address for workers")?.to_owned();
    let link = Arc::new(Link::default());
    let front = cuttable(&link, real.trim_start_matches("http://").to_owned(), bench.seed)?;
    page["grpc_addr"] = Value::from(format!("http://{front}"));
    let told = format!("http://{}/", well_known(page.to_string())?);
    stand.set_pool(&told);
    stand.start_worker(false, &[])?;
    stand.sign_in()?;
    let script = format!(
        "mkdir -p \"$HIVEMIND_OUTPUT\"\ndd if=/dev/urandom of=\"$HIVEMIND_OUTPUT/large\" bs=1048576 count={MEBIBYTES} 2>/dev/null\n"
    );
    link.armed.store(true, SeqCst);
    let wishes = [("cpu_cores", "1"), ("memory_gb", "1"), ("disk_gb", "2")];
    let id = stand.submit_with(&package(&script)?, &wishes)?;
    let view = stand.finished_within(&id, Duration::from_secs(580), || Ok(()))?;
    let size = view["result"]["size_bytes"].as_u64().context("no result")?;
    let (cuts, sent) = (link.cuts.load(SeqCst), link.sent.load(SeqCst));
    if cuts < CUTS / 2 {
        bail!("the link was cut {cuts} times only");
    }
    if sent < size {
        bail!("{sent} bytes were seen on the link for a result of {size}");
    }
    Ok(vec![Measured {
        value: (sent - size) as f64 / cuts as f64 / (1 << 20) as f64,
        note: format!(
            "mean of {cuts} cuts at random offsets; {sent} bytes sent for a result of {size}, hashes equal"
        ),
    }])
}

fn cuttable(link: &Arc<Link>, to: String, seed: u64) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let link = Arc::clone(link);
    let random = Arc::new(Mutex::new(Random::new(seed)));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(&to) else { continue };
            let (Ok(back), Ok(answers)) = (client.try_clone(), server.try_clone()) else { continue };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let until = random.lock().unwrap_or_else(PoisonError::into_inner).below(FARTHEST) as u64;
            let link = Arc::clone(&link);
            std::thread::spawn(move || upstream(client, server, &link, UPLOADING + until));
            std::thread::spawn(move || {
                let (mut from, mut into) = (answers, back);
                let _ = std::io::copy(&mut from, &mut into);
                let _ = into.shutdown(Shutdown::Both);
            });
        }
    });
    Ok(address)
}

/// Passes what the worker sends; cuts both ways when `until` bytes went by.
fn upstream(mut from: TcpStream, mut to: TcpStream, link: &Link, until: u64) {
    let mut buffer = vec![0_u8; 64 * 1024];
    let (mut passed, mut counted) = (0, 0);
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 {
            break;
        }
        passed += read as u64;
        if passed >= UPLOADING {
            link.sent.fetch_add(passed - counted, SeqCst);
            counted = passed;
        }
        if link.armed.load(SeqCst) && passed >= until && link.cuts.load(SeqCst) < CUTS {
            link.cuts.fetch_add(1, SeqCst);
            break;
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Serves one page, whatever is asked.
fn well_known(page: String) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                page.len()
            );
        }
    });
    Ok(address)
}
