//! The calls of workers.

use super::book::Book;
use super::lock;
use super::worker::Worker;
use hivemind_proto::nodepool as wire;
use hivemind_proto::nodepool::batch_runtime_service_server::BatchRuntimeService;
use hivemind_proto::nodepool::master_node_service_server::MasterNodeService;
use hivemind_proto::nodepool::node_manager_service_server::NodeManagerService;
use hivemind_proto::nodepool::user_service_server::UserService;
use std::sync::{Arc, Mutex, MutexGuard};
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

#[derive(Clone)]
pub(super) struct Calls {
    book: Arc<Mutex<Book>>,
}

/// Whether an id may be a worker's.
fn is_worker_id(id: &str) -> bool {
    !id.is_empty()
        && id != "."
        && !id.contains("..")
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn said(result: Result<(), &str>) -> Answer<wire::StatusResponse> {
    let (success, words) = result.map_or_else(|words| (false, words), |()| (true, "ok"));
    Ok(Response::new(wire::StatusResponse { success, status_message: words.to_owned() }))
}

fn signed(book: &Book, token: &str) -> Result<String, Status> {
    book.user(token).ok_or_else(|| Status::unauthenticated("Invalid token"))
}

/// The worker, when it is the caller's.
fn own<'a>(book: &'a mut Book, user: &str, worker: &str) -> Result<&'a mut Worker, &'static str> {
    if worker.is_empty() {
        return Err("worker_id is required");
    }
    let found = book.workers.get_mut(worker).ok_or("Worker not found")?;
    if found.owner == user || worker == user { Ok(found) } else { Err("Not authorized") }
}

impl Calls {
    pub(super) fn new(book: Arc<Mutex<Book>>) -> Self {
        Self { book }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }
}

#[tonic::async_trait]
impl UserService for Calls {
    async fn login(&self, request: Request<wire::LoginRequest>) -> Answer<wire::LoginResponse> {
        let wire::LoginRequest { username, password } = request.into_inner();
        let token = self.book().login(&username, &password);
        let words = if token.is_some() { "Login successful" } else { "Invalid credentials" };
        Ok(Response::new(wire::LoginResponse {
            success: token.is_some(),
            status_message: words.to_owned(),
            token: token.unwrap_or_default(),
        }))
    }

    async fn refresh_token(
        &self,
        request: Request<wire::RefreshTokenRequest>,
    ) -> Answer<wire::RefreshTokenResponse> {
        let token = self.book().renew(&request.into_inner().old_token);
        let words = if token.is_some() { "ok" } else { "Invalid token" };
        Ok(Response::new(wire::RefreshTokenResponse {
            success: token.is_some(),
            status_message: words.to_owned(),
            new_token: token.unwrap_or_default(),
        }))
    }

    async fn get_balance(
        &self,
        request: Request<wire::GetBalanceRequest>,
    ) -> Answer<wire::GetBalanceResponse> {
        let wire::GetBalanceRequest { username, token } = request.into_inner();
        let book = self.book();
        let user = signed(&book, &token)?;
        let own = username.is_empty() || username == user;
        Ok(Response::new(wire::GetBalanceResponse {
            success: own,
            status_message: if own { "ok" } else { "Not authorized" }.to_owned(),
            balance: if own { book.balance(&user) } else { 0 },
        }))
    }
}

#[tonic::async_trait]
impl NodeManagerService for Calls {
    async fn register_worker_node(
        &self,
        request: Request<wire::RegisterWorkerNodeRequest>,
    ) -> Answer<wire::StatusResponse> {
        let asked = request.into_inner();
        let mut book = self.book();
        let user = signed(&book, &asked.token)?;
        if asked.username != user {
            return said(Err("Not authorized"));
        }
        if asked.ip.len() > 45 {
            return said(Err("value too long for type character varying(45)"));
        }
        let id = if asked.worker_id.is_empty() { user.clone() } else { asked.worker_id };
        if !is_worker_id(&id) {
            return said(Err("invalid worker_id"));
        }
        let spec = asked.resources.unwrap_or_default();
        let good = spec.cpu_cores >= 0
            && spec.memory_mb >= 0
            && spec.storage_available_gb >= 0
            && spec.storage_available_gb <= spec.storage_total_gb;
        if !good {
            return said(Err("invalid resources"));
        }
        said(book.register(&user, &id, &asked.ip, spec))
    }

    async fn report_status(
        &self,
        request: Request<wire::RunningStatusRequest>,
    ) -> Answer<wire::StatusResponse> {
        let asked = request.into_inner();
        let mut book = self.book();
        let user = signed(&book, &asked.token)?;
        let worker = if asked.worker_id.is_empty() { asked.username } else { asked.worker_id };
        if let Err(words) = own(&mut book, &user, &worker) {
            return said(Err(words));
        }
        book.status(&worker, &asked.status, asked.usage.unwrap_or_default());
        said(Ok(()))
    }

    async fn task_output_upload(
        &self,
        request: Request<wire::TaskOutputUploadRequest>,
    ) -> Answer<wire::StatusResponse> {
        let asked = request.into_inner();
        let mut book = self.book();
        let user = signed(&book, &asked.token)?;
        if let Err(words) = own(&mut book, &user, &asked.worker_id) {
            return said(Err(words));
        }
        said(book.output(&asked.worker_id, &asked.task_id, asked.output))
    }

    async fn remove_worker(
        &self,
        request: Request<wire::RemoveWorkerRequest>,
    ) -> Answer<wire::StatusResponse> {
        let asked = request.into_inner();
        let mut book = self.book();
        let user = signed(&book, &asked.token)?;
        if let Err(words) = own(&mut book, &user, &asked.worker_id) {
            return said(Err(words));
        }
        book.workers.remove(&asked.worker_id);
        said(Ok(()))
    }

    async fn task_result_upload(
        &self,
        request: Request<wire::TaskResultUploadRequest>,
    ) -> Answer<wire::StatusResponse> {
        let asked = request.into_inner();
        let mut book = self.book();
        let user = signed(&book, &asked.token)?;
        if let Err(words) = own(&mut book, &user, &asked.worker_id) {
            return said(Err(words));
        }
        said(book.result(&asked.worker_id, &asked.task_id, asked.result_torrent))
    }

    async fn task_usage(&self, request: Request<wire::TaskUsageRequest>) -> Answer<wire::StatusResponse> {
        let asked = request.into_inner();
        let mut book = self.book();
        let user = signed(&book, &asked.token)?;
        if let Err(words) = own(&mut book, &user, &asked.worker_id) {
            return said(Err(words));
        }
        let usage = asked.usage.unwrap_or_default();
        let finite = [usage.cpu_percent, usage.memory_percent, usage.gpu_percent, usage.vram_percent];
        if !finite.iter().all(|value| value.is_finite()) {
            return said(Err("usage must be finite"));
        }
        said(book.used(&asked.worker_id, &asked.task_id))
    }
}

#[tonic::async_trait]
impl MasterNodeService for Calls {
    async fn get_provider_worker_settings(
        &self,
        request: Request<wire::GetProviderWorkerSettingsRequest>,
    ) -> Answer<wire::ProviderWorkerSettingsResponse> {
        let asked = request.into_inner();
        let mut book = self.book();
        let user = signed(&book, &asked.token)?;
        let found = own(&mut book, &user, &asked.worker_id).map(|worker| worker.settings);
        Ok(Response::new(settings(asked.worker_id, found)))
    }

    async fn update_provider_worker_settings(
        &self,
        request: Request<wire::UpdateProviderWorkerSettingsRequest>,
    ) -> Answer<wire::ProviderWorkerSettingsResponse> {
        let asked = request.into_inner();
        let mut book = self.book();
        let user = signed(&book, &asked.token)?;
        let wanted = asked.settings.unwrap_or_default();
        let found = own(&mut book, &user, &asked.worker_id).map(|worker| {
            worker.view.enabled = wanted.enabled;
            worker.settings = wanted;
            wanted
        });
        Ok(Response::new(settings(asked.worker_id, found)))
    }

    async fn get_worker_trust_profile(
        &self,
        request: Request<wire::GetWorkerTrustProfileRequest>,
    ) -> Answer<wire::GetWorkerTrustProfileResponse> {
        let asked = request.into_inner();
        let mut book = self.book();
        let user = signed(&book, &asked.token)?;
        let found = own(&mut book, &user, &asked.worker_id).map(|worker| wire::WorkerTrust {
            worker_id: worker.view.id.clone(),
            successful_tasks: worker.view.successful,
            failed_tasks: worker.view.failed,
            score: worker.view.score,
            banned: worker.view.banned,
        });
        Ok(Response::new(match found {
            Ok(trust) => wire::GetWorkerTrustProfileResponse {
                success: true,
                status_message: "ok".to_owned(),
                trust: Some(trust),
            },
            Err(words) => wire::GetWorkerTrustProfileResponse {
                success: false,
                status_message: words.to_owned(),
                trust: None,
            },
        }))
    }

    async fn get_provider_earnings(
        &self,
        request: Request<wire::GetProviderEarningsRequest>,
    ) -> Answer<wire::GetProviderEarningsResponse> {
        let asked = request.into_inner();
        let book = self.book();
        let user = signed(&book, &asked.token)?;
        let mut entries = book.earnings(&user);
        let total_earned_cpt = entries.iter().map(|entry| entry.amount_cpt).sum();
        entries.truncate(usize::try_from(asked.limit.clamp(1, 100)).unwrap_or(1));
        Ok(Response::new(wire::GetProviderEarningsResponse {
            success: true,
            status_message: "ok".to_owned(),
            total_earned_cpt,
            currency: "CPT".to_owned(),
            entries,
        }))
    }
}

fn settings(
    worker_id: String,
    found: Result<wire::ProviderWorkerSettings, &str>,
) -> wire::ProviderWorkerSettingsResponse {
    let (success, message) = found.as_ref().map_or_else(|words| (false, *words), |_| (true, "ok"));
    wire::ProviderWorkerSettingsResponse {
        success,
        message: message.to_owned(),
        worker_id,
        settings: found.ok(),
    }
}

#[tonic::async_trait]
impl BatchRuntimeService for Calls {
    async fn pull_batch(&self, request: Request<wire::PullBatchRequest>) -> Answer<wire::PullBatchResponse> {
        let asked = request.into_inner();
        let mut book = self.book();
        let user = signed(&book, &asked.token)?;
        own(&mut book, &user, &asked.worker_id).map_err(Status::permission_denied)?;
        let most = usize::try_from(asked.max_inflight_batches.max(1)).unwrap_or(1);
        let given = book.pull(&asked.worker_id, most);
        let tasks = given.into_iter().map(|(task_id, task)| wire::TaskLease {
            task_id,
            execution_package: Some(wire::ExecutionPackage {
                runtime_version: String::new(),
                task_code_ref: task.reference,
            }),
            resource_limits: Some(task.needs),
            deadline_unix: 0,
            priority: 0,
        });
        Ok(Response::new(wire::PullBatchResponse {
            success: true,
            status_message: "ok".to_owned(),
            batch_id: uuid::Uuid::new_v4().to_string(),
            tasks: tasks.collect(),
        }))
    }

    async fn complete_batch(
        &self,
        request: Request<wire::CompleteBatchRequest>,
    ) -> Answer<wire::StatusResponse> {
        let asked = request.into_inner();
        let mut book = self.book();
        let user = signed(&book, &asked.token)?;
        own(&mut book, &user, &asked.worker_id).map_err(Status::permission_denied)?;
        // One by one: an error leaves the rest undone.
        for task in asked.tasks {
            book.complete(&asked.worker_id, &task.task_id, &task.status, task.metrics)
                .map_err(|words| Status::internal(format!("no rows returned by a query: {words}")))?;
        }
        said(Ok(()))
    }
}
