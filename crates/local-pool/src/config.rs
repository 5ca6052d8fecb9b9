//! How a pool is set up.

use hivemind_domain::reward::Formula;
use hivemind_wireguard::{IpNet, Ipv4Net};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Certificate and key that the gRPC listener shows, as PEM text.
#[derive(Clone)]
pub struct TlsIdentity {
    /// Certificate chain.
    pub certificate_pem: String,
    /// Private key.
    pub key_pem: String,
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}

/// The pool's end of private links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VpnConfig {
    /// Where datagrams are taken; the usual port is 51820.
    pub udp_addr: SocketAddr,
    /// Addresses inside; the first is the pool's. At most a /16 is given away.
    pub network: IpNet,
    /// `host:port` told to workers; absent means the name under which they asked, and the bound port.
    pub public_endpoint: Option<String>,
    /// Whether workers are told that there is no other way to the pool.
    pub required: bool,
}

impl VpnConfig {
    /// 10.77.0.0/24 on a UDP address, and the ordinary way beside it.
    #[must_use]
    pub fn new(udp_addr: SocketAddr) -> Self {
        let network = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(10, 77, 0, 0), 24));
        Self { udp_addr, network, public_endpoint: None, required: false }
    }
}

/// Set-up of a pool. [`PoolConfig::new`] gives the documented defaults; change what differs.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// Folder for the database, packages, results and logs; made when absent. One pool per folder.
    pub data_dir: PathBuf,
    /// Where workers connect; port 0 takes any free one. Default 127.0.0.1:50051.
    pub grpc_addr: SocketAddr,
    /// Where requesters connect; port 0 takes any free one. Default 127.0.0.1:5000.
    pub http_addr: SocketAddr,
    /// TLS for the gRPC listener; plaintext without.
    pub tls: Option<TlsIdentity>,
    /// TLS for the HTTP listener; plaintext without.
    pub https: Option<TlsIdentity>,
    /// Private links; none without.
    pub vpn: Option<VpnConfig>,
    /// Address told to workers under `/.well-known/hivemind`; absent means the bound gRPC address.
    pub public_grpc_address: Option<String>,
    /// Host names beside `localhost`, `127.0.0.1`, `[::1]` and the bound address under which the HTTP listener
    /// answers.
    pub allowed_hosts: Vec<String>,
    /// Length of a lease: after this much silence a node is removed. Default 10 s.
    pub lease: Duration,
    /// After the pool's own restart nobody counts as silent for so much longer than a lease: workers that found it
    /// gone are on their way back, pausing up to 30 s between tries. Default 30 s.
    pub comeback: Duration,
    /// Wished pause between heartbeats. Default 1 s.
    pub heartbeat_interval: Duration,
    /// Wished pause between status reports. Default 30 s.
    pub status_interval: Duration,
    /// Life of a session token. Default 15 min.
    pub session_ttl: Duration,
    /// Life of a refresh token. Default 30 days.
    pub refresh_ttl: Duration,
    /// Reward formula of new tasks. Default `v2`.
    pub formula: Formula,
    /// CPT given at registration. Default 150.
    pub signup_cpt: u64,
    /// Largest package in bytes. Default 512 MiB.
    pub max_package_bytes: u64,
    /// Largest result in bytes; the disk granted to the task bounds it too. Default 64 GiB.
    pub max_result_bytes: u64,
    /// Bytes of log kept per attempt: the first and the last half. Default 10 MiB.
    pub max_log_bytes: u64,
    /// After so many attempts that were lost or handed back a task fails. Default 20.
    pub max_attempts: u32,
    /// Unfinished tasks one user may have. Default 1000.
    pub max_open_tasks: u32,
    /// Failed sign-ins per user name, and four times as many per address, in a minute. Default 10.
    pub sign_ins_per_minute: u32,
    /// Registrations per address in a minute. Default 20.
    pub registrations_per_minute: u32,
    /// Sentences shown to the people behind every worker; at most 8 of at most 256 bytes are sent.
    pub notices: Vec<String>,
}

impl PoolConfig {
    /// The defaults, with the data in `data_dir`.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            grpc_addr: SocketAddr::from(([127, 0, 0, 1], 50051)),
            http_addr: SocketAddr::from(([127, 0, 0, 1], 5000)),
            tls: None,
            https: None,
            vpn: None,
            public_grpc_address: None,
            allowed_hosts: Vec::new(),
            lease: Duration::from_secs(10),
            comeback: Duration::from_secs(30),
            heartbeat_interval: Duration::from_secs(1),
            status_interval: Duration::from_secs(30),
            session_ttl: Duration::from_secs(15 * 60),
            refresh_ttl: Duration::from_secs(30 * 86_400),
            formula: Formula::V2,
            signup_cpt: 150,
            max_package_bytes: 512 << 20,
            max_result_bytes: 64 << 30,
            max_log_bytes: 10 << 20,
            max_attempts: 20,
            max_open_tasks: 1000,
            sign_ins_per_minute: 10,
            registrations_per_minute: 20,
            notices: Vec::new(),
        }
    }

    /// The defaults on two free loopback ports, for tests and demonstrations.
    #[must_use]
    pub fn ephemeral(data_dir: impl Into<PathBuf>) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { grpc_addr: any, http_addr: any, ..Self::new(data_dir) }
    }
}
