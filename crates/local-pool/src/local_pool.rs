//! A running pool, as a program that embeds it sees it.

use crate::config::{PoolConfig, TlsIdentity};
use crate::error::PoolError;
use crate::ledger::{self, Audit};
use crate::logs::StoredLine;
use crate::nodes::NodeView;
use crate::pool::{Follower, NewUpload, Pool, TaskWish};
use crate::tasks::{TaskState, TaskView};
use crate::users::{self, Balance, User};
use crate::vpn::Gateway;
use crate::{grpc, rest, wire};
use hivemind_domain::ids::TaskId;
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::resources::TrustLevel;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How long open calls may take to end when the pool does.
const GOODBYE: Duration = Duration::from_secs(3);

/// A task to be handed in from inside the process.
#[derive(Debug, Clone)]
pub struct TaskRequest {
    /// Name, 1 to 128 bytes of plain text.
    pub name: String,
    /// Image; absent means the worker's standard image.
    pub image: Option<String>,
    /// Command line; empty means the package's entry file.
    pub command: Vec<String>,
    /// Limits.
    pub limits: TaskLimits,
}

impl TaskRequest {
    /// A task with the default limits, image and command.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), image: None, command: Vec::new(), limits: TaskLimits::default() }
    }
}

/// A running pool. End it with [`LocalPool::shutdown`]; a dropped one ends too, without waiting for open calls.
#[derive(Debug)]
pub struct LocalPool {
    pool: Arc<Pool>,
    grpc_addr: SocketAddr,
    http_addr: SocketAddr,
    gateway: Option<Arc<Gateway>>,
    jobs: Vec<JoinHandle<()>>,
}

impl LocalPool {
    /// Opens the data folder, takes up where the last run ended, and listens.
    ///
    /// # Errors
    /// The folder is in use or cannot be read, a port is taken, or the certificate is unusable.
    pub async fn start(config: PoolConfig) -> Result<Self, PoolError> {
        let server = grpc::prepare(config.tls.as_ref())?;
        let https = config.https.as_ref().map(TlsIdentity::acceptor).transpose()?;
        let grpc = listen(config.grpc_addr).await?;
        let http = listen(config.http_addr).await?;
        let (grpc_addr, http_addr) = (grpc.local_addr()?, http.local_addr()?);
        let vpn = config.vpn.clone();
        let pool = Pool::open(config).await?;
        let gateway = match vpn {
            Some(vpn) => Some(Gateway::start(&pool, vpn).await?),
            None => None,
        };
        let serving = |name: &'static str, work: BoxedServe| {
            tokio::spawn(async move {
                if let Err(error) = work.await {
                    tracing::error!(%error, name, "a listener of the pool ended");
                }
            })
        };
        let mut jobs = vec![
            serving("grpc", Box::pin(grpc::serve(pool.clone(), server, grpc))),
            serving("http", Box::pin(rest::serve(pool.clone(), http, grpc_addr, gateway.clone(), https))),
            tokio::spawn(pool.clone().dispatch()),
            tokio::spawn(pool.clone().sweep()),
        ];
        if let Some(gateway) = &gateway {
            jobs.push(serving(
                "private links",
                Box::pin(grpc::serve_inside(pool.clone(), gateway.listener()?)),
            ));
        }
        tracing::info!(%grpc_addr, %http_addr, "pool listens");
        Ok(Self { pool, grpc_addr, http_addr, gateway, jobs })
    }

    /// Where workers connect.
    #[must_use]
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc_addr
    }

    /// Where requesters connect.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Where the datagrams of private links are taken; `None` without them.
    #[must_use]
    pub fn udp_addr(&self) -> Option<SocketAddr> {
        self.gateway.as_ref().map(|gateway| gateway.udp_addr())
    }

    /// Ends open calls, closes the database, and returns when everything is on disk.
    pub async fn shutdown(mut self) {
        self.pool.closing.cancel();
        for mut job in std::mem::take(&mut self.jobs) {
            if tokio::time::timeout(GOODBYE, &mut job).await.is_err() {
                job.abort();
                let _ = job.await;
            }
        }
        if let Some(gateway) = &self.gateway {
            gateway.close();
        }
        self.pool.db.close().await;
    }

    /// Registers a user with the sign-up CPT.
    ///
    /// # Errors
    /// Name or password break their bounds, or the name is taken.
    pub async fn create_user(&self, username: &str, password: &str) -> Result<User, PoolError> {
        self.pool.create_user(username.to_owned(), password.to_owned()).await
    }

    /// A user by name, case ignored.
    ///
    /// # Errors
    /// [`PoolError::UserUnknown`].
    pub async fn user(&self, username: &str) -> Result<User, PoolError> {
        let name = username.to_owned();
        let found = self.pool.db.call(move |t| users::by_name(t, &name)).await?;
        found.map(|(user, _)| user).ok_or(PoolError::UserUnknown)
    }

    /// Hands a task in for a user; `package` is the zip. It is streamed to disk.
    ///
    /// # Errors
    /// A field breaks its bounds, the package is too large or no zip, or the user cannot pay anything.
    pub async fn submit(
        &self,
        owner: &User,
        request: TaskRequest,
        package: impl AsyncRead + Unpin,
    ) -> Result<String, PoolError> {
        self.hand_in(owner, request, None, package).await
    }

    /// Hands a task of `count` sub-tasks in; each finds its index and the count in its environment.
    ///
    /// # Errors
    /// As [`Self::submit`]; `count` is not 1 to 1000.
    pub async fn submit_array(
        &self,
        owner: &User,
        request: TaskRequest,
        count: u32,
        package: impl AsyncRead + Unpin,
    ) -> Result<String, PoolError> {
        self.hand_in(owner, request, Some(count), package).await
    }

    async fn hand_in(
        &self,
        owner: &User,
        request: TaskRequest,
        array: Option<u32>,
        mut package: impl AsyncRead + Unpin,
    ) -> Result<String, PoolError> {
        let mut receiving = self.pool.files.incoming(self.pool.config.max_package_bytes).await?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = package.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            if let Err(refused) = receiving.write(&buffer[..read]).await {
                receiving.discard().await;
                return Err(refused);
            }
        }
        let package = receiving.complete().await?;
        let TaskRequest { name, image, command, limits } = request;
        let wish = TaskWish { name, image, command, limits, array };
        Ok(self.pool.submit(NewUpload { owner: owner.id, wish, package }).await?.into())
    }

    /// A task, whoever's it is.
    ///
    /// # Errors
    /// [`PoolError::TaskUnknown`].
    pub async fn task(&self, id: &str) -> Result<TaskView, PoolError> {
        self.pool.task(known(id)?, None).await
    }

    /// A user's tasks, newest first, at most 1000.
    ///
    /// # Errors
    /// The database failed.
    pub async fn tasks(&self, owner: &User) -> Result<Vec<TaskView>, PoolError> {
        self.pool.tasks(owner.id, 1000).await
    }

    /// Waits until `done` says yes to the task, and gives it as it was then; `None` when `limit` passed first.
    ///
    /// # Errors
    /// [`PoolError::TaskUnknown`], or the pool ends.
    pub async fn wait_for(
        &self,
        id: &str,
        limit: Duration,
        mut done: impl FnMut(&TaskView) -> bool,
    ) -> Result<Option<TaskView>, PoolError> {
        let task = known(id)?;
        let waiting = async {
            let mut changes = self.pool.pulses.watch(&task);
            loop {
                changes.borrow_and_update();
                let view = self.pool.task(task.clone(), None).await?;
                if done(&view) {
                    return Ok(view);
                }
                if changes.changed().await.is_err() {
                    return Err(PoolError::Closing);
                }
            }
        };
        tokio::time::timeout(limit, waiting).await.ok().transpose()
    }

    /// Waits until the task has ended; `None` when `limit` passed first.
    ///
    /// # Errors
    /// As [`Self::wait_for`].
    pub async fn wait_for_end(&self, id: &str, limit: Duration) -> Result<Option<TaskView>, PoolError> {
        self.wait_for(id, limit, |task| TaskState::is_final(task.state)).await
    }

    /// Cancels a task for its requester.
    ///
    /// # Errors
    /// [`PoolError::TaskUnknown`] when it is not this user's.
    pub async fn cancel(&self, owner: &User, id: &str) -> Result<(), PoolError> {
        self.pool.cancel(known(id)?, owner.id).await
    }

    /// The log of a task's latest attempt as it is now.
    ///
    /// # Errors
    /// [`PoolError::TaskUnknown`], or the disk failed.
    pub async fn log(&self, id: &str) -> Result<Vec<StoredLine>, PoolError> {
        let task = known(id)?;
        self.pool.task(task.clone(), None).await?;
        let mut follower = Follower::new(self.pool.clone(), task, false);
        let mut lines = Vec::new();
        while let Some(more) = follower.next().await? {
            lines.extend(more);
        }
        Ok(lines)
    }

    /// Copies a task's outputs, one zip, to a new file at `target`; says their SHA-256.
    ///
    /// # Errors
    /// [`PoolError::NoResult`], or the disk failed.
    pub async fn save_result(&self, id: &str, target: &Path) -> Result<String, PoolError> {
        let (mut from, sha256, _) = self.pool.result_file(known(id)?, None).await?;
        let mut to = tokio::fs::File::create_new(target).await?;
        tokio::io::copy(&mut from, &mut to).await?;
        to.sync_all().await?;
        Ok(sha256)
    }

    /// A user's balance.
    ///
    /// # Errors
    /// The database failed.
    pub async fn balance(&self, user: &User) -> Result<Balance, PoolError> {
        self.pool.balance(user.id).await
    }

    /// Gives CPT from one user to another.
    ///
    /// # Errors
    /// [`PoolError::InsufficientFunds`] or [`PoolError::UserUnknown`].
    pub async fn transfer(&self, from: &User, to: &str, amount: u64) -> Result<(), PoolError> {
        self.pool.transfer(from.id, to.to_owned(), amount).await
    }

    /// Adds all accounts and postings up.
    ///
    /// # Errors
    /// The database failed.
    pub async fn audit(&self) -> Result<Audit, PoolError> {
        self.pool.db.call(ledger::audit).await
    }

    /// Every node, as the pool's owner sees it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn nodes(&self) -> Result<Vec<NodeView>, PoolError> {
        self.pool.list_nodes(None).await
    }

    /// Sets how far a node is trusted.
    ///
    /// # Errors
    /// [`PoolError::NodeUnknown`].
    pub async fn set_trust(&self, node_id: &str, trust: TrustLevel) -> Result<(), PoolError> {
        self.pool.set_trust(wire::node(node_id.to_owned())?, trust).await
    }
}

impl Drop for LocalPool {
    fn drop(&mut self) {
        self.pool.closing.cancel();
    }
}

type BoxedServe = std::pin::Pin<Box<dyn Future<Output = Result<(), PoolError>> + Send>>;

async fn listen(addr: SocketAddr) -> Result<TcpListener, PoolError> {
    TcpListener::bind(addr).await.map_err(|source| PoolError::Listen { addr, source })
}

fn known(id: &str) -> Result<TaskId, PoolError> {
    TaskId::new(id).map_err(|_| PoolError::TaskUnknown)
}
