//! The pool itself: what both listeners call.

mod accounts;
mod arrays;
mod following;
mod nodes;
mod reports;
mod results;
mod waiting;
mod work;

pub(crate) use following::Follower;
pub(crate) use reports::ReportStream;
pub(crate) use results::{Begun, ResultStatus};
pub(crate) use work::{NewUpload, TaskWish};

use crate::clock;
use crate::config::PoolConfig;
use crate::database::Database;
use crate::error::PoolError;
use crate::files::Files;
use crate::guarded::Guarded;
use crate::live::Live;
use crate::password::Passwords;
use crate::pulse::Pulses;
use crate::rate::RateLimit;
use crate::sessions::SessionCache;
use crate::takeover::Takeovers;
use hivemind_domain::ids::TaskId;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// All state of a pool.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) config: PoolConfig,
    pub(crate) db: Database,
    pub(crate) files: Files,
    pub(crate) live: Guarded<Live>,
    pub(crate) sessions: SessionCache,
    pub(crate) passwords: Passwords,
    pub(crate) sign_ins: Guarded<RateLimit>,
    pub(crate) registrations: Guarded<RateLimit>,
    pub(crate) pulses: Pulses,
    pub(crate) takeovers: Takeovers,
    /// Tasks of many whose results are being put together.
    gathering: Guarded<HashSet<TaskId>>,
    /// Work or a node that wants some has come.
    pub(crate) wake: Notify,
    /// The pool is ending.
    pub(crate) closing: CancellationToken,
}

impl Pool {
    /// Opens the data folder and takes up where the last run ended.
    pub(crate) async fn open(config: PoolConfig) -> Result<Arc<Self>, PoolError> {
        std::fs::create_dir_all(&config.data_dir)?;
        let db = Database::open(&config.data_dir.join("pool.db"))?;
        let files = Files::open(&config.data_dir)?;
        let now_ms = clock::wall_ms();
        let (sessions, nodes, held, queue, to_gather) = db
            .call(move |t| {
                Ok((
                    SessionCache::load(t, now_ms)?,
                    crate::nodes::active(t)?,
                    crate::tasks::held(t)?,
                    crate::tasks::queued(t)?,
                    crate::tasks::all_to_gather(t)?,
                ))
            })
            .await?;
        tracing::info!(nodes = nodes.len(), held = held.len(), queued = queue.len(), "pool opened");
        let pool = Arc::new(Self {
            live: Guarded::new(Live::restored(nodes, held, queue, clock::mono() + config.comeback)),
            config,
            db,
            files,
            sessions,
            passwords: Passwords::new()?,
            sign_ins: Guarded::default(),
            registrations: Guarded::default(),
            pulses: Pulses::default(),
            takeovers: Takeovers::default(),
            gathering: Guarded::default(),
            wake: Notify::new(),
            closing: CancellationToken::new(),
        });
        for whole in to_gather {
            pool.gather(whole);
        }
        Ok(pool)
    }
}

/// Runs `work` to its end even when the caller goes away half-way: database and memory must not part.
pub(crate) async fn unbroken<T: Send + 'static>(
    work: impl Future<Output = Result<T, PoolError>> + Send + 'static,
) -> Result<T, PoolError> {
    tokio::spawn(work)
        .await
        .map_err(|e| PoolError::Internal(format!("a task of the pool ended badly: {e}")))?
}

/// Runs file work that would block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PoolError> + Send + 'static,
) -> Result<T, PoolError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| PoolError::Internal(format!("file work ended badly: {e}")))?
}
