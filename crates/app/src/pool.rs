//! `hivemind-worker pool …`: be a pool, or use one as a requester.

use crate::cli::{Cli, PoolCommand, ServeOptions, SubmitOptions};
use crate::falls::Falls;
use crate::panics;
use crate::requester::Requester;
use crate::words::words;
use crate::{logging, output, process};
use anyhow::Context;
use hivemind_domain::ids::TaskId;
use hivemind_domain::text::plain_line;
use hivemind_local_pool::{LocalPool, PoolConfig, TlsIdentity, VpnConfig};
use hivemind_worker_core::port::SettingsStore;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

pub(crate) async fn run(cli: &Cli, command: &PoolCommand) -> anyhow::Result<ExitCode> {
    let answer = match command {
        PoolCommand::Serve(options) => return serve(cli, options).await,
        PoolCommand::Register(who) => Requester::register(who).await?,
        PoolCommand::Submit(options) => submit(options).await?,
        PoolCommand::Status(options) => {
            let path = format!("/api/tasks/{}{}", id(&options.task.id)?, waiting(options.wait));
            Requester::sign_in(&options.task.who).await?.get(&path).await?
        }
        PoolCommand::Logs(task) => {
            Requester::sign_in(&task.who).await?.get(&format!("/api/tasks/{}/logs", id(&task.id)?)).await?
        }
        PoolCommand::Stop(task) => Requester::sign_in(&task.who).await?.stop(&id(&task.id)?).await?,
        PoolCommand::Balance(who) => Requester::sign_in(who).await?.get("/api/balance").await?,
        PoolCommand::Nodes(who) => Requester::sign_in(who).await?.get("/api/nodes").await?,
        PoolCommand::Result(options) => {
            let id = id(&options.task.id)?;
            let out = options.out.clone().unwrap_or_else(|| PathBuf::from(format!("{id}.zip")));
            let size = Requester::sign_in(&options.task.who).await?.download(&id, &out).await?;
            json!({ "file": out.display().to_string(), "bytes": size })
        }
    };
    if cli.json {
        output::json(&answer)
    } else {
        print(&answer)
    }
    Ok(ExitCode::SUCCESS)
}

fn id(text: &str) -> anyhow::Result<String> {
    Ok(TaskId::new(text).with_context(|| words().task_id())?.into())
}

/// JSON as readable text: one `key: value` per line, lists as blocks.
fn print(value: &Value) {
    match value {
        Value::Array(items) => items.iter().for_each(print),
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::Array(items) => items.iter().for_each(print),
                    Value::Object(_) => print(value),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                        output::line(format!("{key}: {}", plain(value)));
                    }
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => output::line(plain(value)),
    }
}

fn plain(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    plain_line(&text, 16 * 1024)
}

async fn submit(options: &SubmitOptions) -> anyhow::Result<Value> {
    let requester = Requester::sign_in(&options.who).await?;
    let stem = options.file.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut fields = vec![
        ("task_name", options.name.clone().unwrap_or(stem)),
        ("cpu_cores", options.cpu_cores.clone()),
        ("memory_gb", options.memory_gb.clone()),
        ("gpu_required", "false".to_owned()),
    ];
    if let Some(seconds) = options.timeout_seconds {
        fields.push(("timeout_seconds", seconds.to_string()));
    }
    if let Some(count) = options.array {
        fields.push(("array", count.to_string()));
    }
    requester.submit(&options.file, &fields, &waiting(options.wait)).await
}

/// The question to wait for the end, as a part of the address.
fn waiting(seconds: Option<u32>) -> String {
    seconds.map(|seconds| format!("?wait={seconds}")).unwrap_or_default()
}

async fn serve(cli: &Cli, options: &ServeOptions) -> anyhow::Result<ExitCode> {
    let folder = process::folder(cli)?;
    logging::start(&process::settings(cli, &folder)?.current(), None)?;
    let data = options.pool_data.clone().unwrap_or_else(|| folder.data().join("pool"));
    let falls = Falls::load(&data);
    let mut ending = std::pin::pin!(process::asked_to_end());
    if !falls.wait(ending.as_mut()).await {
        return Ok(ExitCode::SUCCESS);
    }
    for address in [options.grpc, options.http] {
        if !address.ip().is_loopback() && !options.https {
            output::note(words().reachable_unencrypted(address));
        }
    }
    let mut config = PoolConfig::new(data.clone());
    config.grpc_addr = options.grpc;
    config.http_addr = options.http;
    let mut fingerprint = None;
    if options.https {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        names.extend([options.grpc, options.http].map(|address| address.ip().to_string()));
        names.dedup();
        let identity = TlsIdentity::kept_in(&config.data_dir.join("tls"), &names)?;
        fingerprint = Some(identity.fingerprint()?);
        (config.https, config.tls) = (Some(identity.clone()), Some(identity));
    }
    config.vpn = options.vpn.map(|udp| VpnConfig {
        required: options.vpn_required,
        public_endpoint: options.vpn_endpoint.clone(),
        ..VpnConfig::new(udp)
    });
    let pool = LocalPool::start(config).await?;
    panics::begin_anew(&data);
    let (grpc, http) = (pool.grpc_addr(), pool.http_addr());
    let page = format!("{}://{http}/", if options.https { "https" } else { "http" });
    if cli.json {
        output::json(&json!({
            "grpc": grpc.to_string(),
            "http": page,
            "udp": pool.udp_addr().map(|udp| udp.to_string()),
            "certificate_sha256": fingerprint,
        }));
    } else {
        output::line(words().pool_runs(&page, grpc));
        if let Some(udp) = pool.udp_addr() {
            output::line(words().private_links(udp));
        }
        if let Some(fingerprint) = fingerprint {
            output::line(words().believed_with(&fingerprint));
        }
    }
    ending.await;
    panics::end();
    pool.shutdown().await;
    Ok(ExitCode::SUCCESS)
}
