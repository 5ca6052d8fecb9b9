//! The running link.

use crate::carrier::Carrier;
use crate::state;
use crate::watch::FileWatch;
use crate::{problem, setup};
use async_trait::async_trait;
use hivemind_control::{ApiError, ErrorCode, LinkKind, LinkState, PrivateLinkView};
use hivemind_wireguard::{
    FileError, Host, IpNet, KeySource, LinkConfig, PeerConfig, TunnelConfig, read_file,
};
use hivemind_worker_core::port::{ByteStream, Dialer, LinkDesk, LinkTraffic, PrivateLink, Vault};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};
use tokio::net::lookup_host;
use tokio::sync::Notify;

/// Time for the first handshake: the protocol asks again after 5 s.
const HANDSHAKE: Duration = Duration::from_secs(8);
/// Age at which keys are no longer taken.
const STALE: Duration = Duration::from_secs(180);
/// Connections inside at once.
const CONNECTIONS: usize = 64;
/// Seconds by which clocks may differ before that is told as the reason.
const SKEW_S: i64 = 60;

/// Addresses and prefix lengths of this computer's own networks.
pub type Surroundings = Arc<dyn Fn() -> Vec<(IpAddr, u8)> + Send + Sync>;

/// Where `hivemind-netd` listens, when the tunnel is to be an interface of the system; without, it lives inside this
/// process. Asked at every start.
pub type Carriage = Arc<dyn Fn() -> Option<PathBuf> + Send + Sync>;

/// Where the configuration lies, and whom it is for.
#[derive(Debug, Clone)]
pub struct LinkConfigSource {
    /// `wg0.conf`.
    pub file: PathBuf,
    /// What is remembered beside it.
    pub state: PathBuf,
    /// The pool's address.
    pub pool: String,
}

/// What tells one version of a file from another.
type Stamp = Option<(SystemTime, u64)>;

#[derive(Default)]
struct Inner {
    running: Option<Carrier>,
    stamp: Stamp,
    /// What the tunnel was started by, or was to be.
    service: Option<PathBuf>,
    /// Whether the link was wanted at all; the file is watched from then on.
    used: bool,
}

/// The private link of this computer.
pub struct Link {
    own: Weak<Self>,
    source: LinkConfigSource,
    desk: Arc<dyn LinkDesk>,
    vault: Arc<dyn Vault>,
    surroundings: Surroundings,
    carriage: Carriage,
    /// Something but the file has changed.
    changed: Arc<Notify>,
    inner: tokio::sync::Mutex<Inner>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    view: PrivateLinkView,
    tunnel: Option<Carrier>,
}

impl Link {
    /// A link that is not up yet. Its file is watched while it is in use.
    #[must_use]
    pub fn new(
        source: LinkConfigSource,
        desk: Arc<dyn LinkDesk>,
        vault: Arc<dyn Vault>,
        surroundings: Surroundings,
        carriage: Carriage,
    ) -> Arc<Self> {
        let kind = kind(carriage().as_ref());
        let file = source.file.display().to_string();
        let view = PrivateLinkView { file, kind, ..PrivateLinkView::default() };
        Arc::new_cyclic(|own| Self {
            own: Weak::clone(own),
            source,
            desk,
            vault,
            surroundings,
            carriage,
            changed: Arc::default(),
            inner: tokio::sync::Mutex::default(),
            seen: Mutex::new(Seen { view, tunnel: None }),
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, change: impl FnOnce(&mut PrivateLinkView)) {
        change(&mut self.seen().view);
    }

    fn stand(&self, state: LinkState) {
        self.show(|view| view.state = state);
    }

    fn stamp(&self) -> Stamp {
        let meta = std::fs::metadata(&self.source.file).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    }

    async fn stop(&self, inner: &mut Inner) {
        inner.running = None;
        let gone = self.seen().tunnel.take();
        if let Some(tunnel) = gone {
            tunnel.close().await;
        }
    }

    /// Up, whatever that takes. Tells the view how it went.
    async fn bring_up(&self, inner: &mut Inner, offered: bool) -> Result<(), ApiError> {
        if !std::mem::replace(&mut inner.used, true) {
            begin_watch(Weak::clone(&self.own), self.source.file.clone(), Arc::clone(&self.changed));
        }
        if self.still_up(inner).await {
            self.show(|view| (view.state, view.problem) = (LinkState::Up, None));
            return Ok(());
        }
        self.stop(inner).await;
        // As it is before it is read: what is written from now on is another one.
        inner.stamp = self.stamp();
        inner.service = (self.carriage)();
        self.show(|view| view.kind = kind(inner.service.as_ref()));
        let done = self.begin(inner, offered).await;
        match &done {
            Ok(()) => self.show(|view| (view.state, view.problem) = (LinkState::Up, None)),
            Err(problem) => {
                tracing::warn!(%problem, "the private link is down");
                self.stop(inner).await;
                self.show(|view| (view.state, view.problem) = (LinkState::Down, Some(problem.clone())));
            }
        }
        done
    }

    /// Whether the file and the owner's choice are those that it was last started with.
    fn is_as_begun(&self, inner: &Inner) -> bool {
        inner.stamp == self.stamp() && inner.service == (self.carriage)()
    }

    /// Whether the running tunnel answers. The network may have changed, or the pool: a new handshake shows it.
    async fn still_up(&self, inner: &Inner) -> bool {
        let Some(running) = inner.running.as_ref().filter(|_| self.is_as_begun(inner)) else {
            return false;
        };
        running.answers(HANDSHAKE).await
    }

    async fn begin(&self, inner: &mut Inner, offered: bool) -> Result<(), ApiError> {
        let made = || state::load(&self.source.state, &self.source.pool);
        let config = match self.read()? {
            Some(config) => config,
            None if offered => self.make_as_begun(inner).await?,
            None => {
                return Err(ApiError::new(
                    ErrorCode::LinkFailed,
                    format!("the private link has no file: {}", self.source.file.display()),
                ));
            }
        };
        let Err(problem) = self.start(inner, &config).await else { return Ok(()) };
        // What we made ourselves we may also make anew, when the pool has another key or has forgotten us.
        let ours = made().is_some_and(|made| made.is_of(&config));
        let silent = problem.code == ErrorCode::LinkNoHandshake;
        if !silent || !self.is_outdated(&config, ours).await? {
            return Err(problem);
        }
        tracing::info!("the pool's end of the private link has changed: it is set up anew");
        let config = self.make_as_begun(inner).await?;
        self.start(inner, &config).await
    }

    /// Why there is no handshake, as far as the pool tells. `true` when a new configuration would help.
    async fn is_outdated(&self, config: &LinkConfig, ours: bool) -> Result<bool, ApiError> {
        let Ok(offer) = self.desk.offer().await else { return Ok(false) };
        if let Some(skew) = offer.clock_skew_s.filter(|skew| skew.abs() > SKEW_S) {
            return Err(problem::clock(skew));
        }
        let endpoint = config.peer.endpoint.to_string();
        let other_key = offer.public_key != config.peer.public_key.to_string();
        if !ours {
            return if other_key { Err(problem::other_key(&endpoint)) } else { Ok(false) };
        }
        if other_key || offer.endpoint != endpoint {
            return Ok(true);
        }
        // The same question again is answered with the same address as long as the pool knows us.
        let public = config.private_key.public().to_string();
        let token = state::load(&self.source.state, &self.source.pool).and_then(|made| made.token);
        match self.desk.join(&public, token.as_deref()).await {
            Ok(member) => Ok(member.token.is_some()),
            Err(error) if error.code == ErrorCode::LinkAddressTaken => Err(error),
            Err(_) => Ok(false),
        }
    }

    fn read(&self) -> Result<Option<LinkConfig>, ApiError> {
        let kept = read_file(&self.source.file).map_err(|e| problem::file(&e, &self.source.file))?;
        let exposed = kept.as_ref().is_some_and(|kept| kept.exposed);
        let here = |config: &LinkConfig| matches!(config.private_key, KeySource::Here(_));
        let in_file = kept.as_ref().is_some_and(|kept| here(&kept.config));
        if exposed && in_file {
            tracing::warn!(file = %self.source.file.display(), "other users can read the key of the private link");
        }
        self.show(|view| (view.file_exposed, view.key_in_file) = (exposed && in_file, in_file));
        Ok(kept.map(|kept| kept.config))
    }

    async fn make_as_begun(&self, inner: &mut Inner) -> Result<LinkConfig, ApiError> {
        let made = self.make().await;
        inner.stamp = self.stamp();
        made
    }

    async fn make(&self) -> Result<LinkConfig, ApiError> {
        self.stand(LinkState::Requesting);
        let config = setup::make(&self.source, self.desk.as_ref(), self.vault.as_ref()).await?;
        self.read()?;
        Ok(config)
    }

    /// Starts with another file, when there is one; without, the link stays as it was, and so does what is said of it.
    async fn start_anew(&self, inner: &mut Inner, written: Result<(), ApiError>) -> Result<(), ApiError> {
        if let Err(problem) = written {
            let up = inner.running.is_some();
            self.show(|view| {
                view.state = if up { LinkState::Up } else { LinkState::Down };
                if !up {
                    view.problem.get_or_insert_with(|| problem.clone());
                }
            });
            return Err(problem);
        }
        self.stop(inner).await;
        self.bring_up(inner, false).await
    }

    /// Step 5: starts and verifies.
    async fn start(&self, inner: &mut Inner, config: &LinkConfig) -> Result<(), ApiError> {
        self.stand(LinkState::Configuring);
        let networks = (self.surroundings)();
        let networks: Vec<IpNet> =
            networks.into_iter().filter_map(|(ip, bits)| IpNet::new(ip, bits).ok()).collect();
        let refused = |refusal| problem::file(&FileError::Refused(refusal), &self.source.file);
        config.apart_from(&networks).map_err(refused)?;
        let lost = || {
            let text = "the keyring no longer has the key of the private link: renew it";
            ApiError::new(ErrorCode::LinkFailed, text)
        };
        let key = setup::key(&self.source, config, self.vault.as_ref()).await?.ok_or_else(lost)?;
        let endpoint = self.find(config).await?;
        let any: IpAddr =
            if endpoint.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let settings = TunnelConfig {
            private_key: key,
            addresses: config.addresses.clone(),
            mtu: config.mtu,
            bind: SocketAddr::new(any, config.listen_port),
            connections: CONNECTIONS,
        };
        let peer = PeerConfig {
            public_key: config.peer.public_key,
            preshared: config.peer.preshared.clone(),
            endpoint: Some(endpoint),
            allowed_ips: config.peer.allowed_ips.clone(),
            keepalive: config.peer.keepalive,
        };
        let address = config.addresses.first().map(|net| net.addr().to_string()).unwrap_or_default();
        let (shown, mtu) = (config.peer.endpoint.to_string(), config.mtu);
        self.show(|view| {
            (view.address, view.endpoint, view.mtu) = (address.clone(), shown.clone(), mtu);
        });
        let tunnel = match &inner.service {
            None => Carrier::inside(settings, peer).await?,
            Some(service) => Carrier::of_the_system(service, settings, peer).await?,
        };
        if !tunnel.session(HANDSHAKE).await {
            tunnel.close().await;
            return Err(problem::silent(&shown));
        }
        tracing::info!(%address, %endpoint, "the private link is up");
        self.seen().tunnel = Some(tunnel.clone());
        inner.running = Some(tunnel);
        Ok(())
    }

    /// The endpoint's address; a name is looked up and judged as an address in the file is.
    async fn find(&self, config: &LinkConfig) -> Result<SocketAddr, ApiError> {
        let endpoint = &config.peer.endpoint;
        let name = match &endpoint.host {
            Host::Ip(ip) => return Ok(SocketAddr::new(*ip, endpoint.port)),
            Host::Name(name) => name,
        };
        let found = lookup_host((name.as_str(), endpoint.port)).await.ok().and_then(|mut all| all.next());
        let found = found.ok_or_else(|| problem::silent(&endpoint.to_string()))?;
        let refused = |refusal| problem::file(&FileError::Refused(refusal), &self.source.file);
        config.endpoint_at(found.ip()).map_err(refused)?;
        Ok(found)
    }

    /// Step 6: the file is another than the one that the link was started with, or the owner chose anew.
    async fn look(&self) {
        let mut inner = self.inner.lock().await;
        if self.is_as_begun(&inner) {
            return;
        }
        tracing::info!(file = %self.source.file.display(), "the private link's file or choice has changed");
        let _ = self.bring_up(&mut inner, false).await;
    }
}

fn kind(service: Option<&PathBuf>) -> LinkKind {
    if service.is_some() { LinkKind::System } else { LinkKind::Process }
}

fn begin_watch(link: Weak<Link>, file: PathBuf, changed: Arc<Notify>) {
    tokio::spawn(async move {
        let mut changes = FileWatch::of(&file);
        while let Some(link) = link.upgrade() {
            link.look().await;
            drop(link);
            tokio::select! {
                () = changes.next() => {}
                () = changed.notified() => {}
            }
        }
    });
}

#[async_trait]
impl Dialer for Link {
    fn covers(&self, ip: IpAddr) -> bool {
        read_file(&self.source.file).ok().flatten().is_some_and(|kept| kept.config.covers(ip))
    }

    async fn ready(&self, offered: bool) -> Result<(), ApiError> {
        let mut inner = self.inner.lock().await;
        self.bring_up(&mut inner, offered).await
    }

    async fn dial(&self, to: SocketAddr) -> std::io::Result<Box<dyn ByteStream>> {
        let tunnel = self.seen().tunnel.clone();
        let tunnel = tunnel.ok_or(std::io::ErrorKind::NotConnected)?;
        tunnel.dial(to).await
    }
}

#[async_trait]
impl PrivateLink for Link {
    fn view(&self) -> PrivateLinkView {
        let mut view = self.seen().view.clone();
        let age = self.traffic().handshake_age;
        if view.state == LinkState::Up && age.is_none_or(|age| age > STALE) {
            view.state = LinkState::Stale;
        }
        view
    }

    fn traffic(&self) -> LinkTraffic {
        let tunnel = self.seen().tunnel.clone();
        let peer = tunnel.and_then(|tunnel| tunnel.peer());
        peer.map(|peer| LinkTraffic {
            handshake_age: peer.handshake_age,
            received: peer.received,
            sent: peer.sent,
        })
        .unwrap_or_default()
    }

    fn reconsider(&self) {
        self.changed.notify_one();
    }

    async fn renew(&self) -> Result<(), ApiError> {
        let mut inner = self.inner.lock().await;
        let made = self.make().await;
        self.start_anew(&mut inner, made.map(drop)).await
    }

    async fn narrow(&self) -> Result<(), ApiError> {
        let mut inner = self.inner.lock().await;
        let taken = setup::narrow(&self.source.file);
        self.start_anew(&mut inner, taken).await
    }
}
