//! `NodeService`.

use super::Services;
use crate::clock;
use crate::error::PoolError;
use crate::live::NodeStatus;
use crate::nodes::Registration;
use crate::wire;
use hivemind_domain::text::plain_line;
use hivemind_proto::limits;
use hivemind_proto::v1::{self, node_service_server::NodeService};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl NodeService for Services {
    async fn register_node(
        &self,
        request: Request<v1::RegisterNodeRequest>,
    ) -> Result<Response<v1::RegisterNodeResponse>, Status> {
        let (session, asked) = self.open(request)?;
        if asked.protocol_version != limits::PROTOCOL_VERSION {
            return Err(PoolError::ProtocolUnsupported.into());
        }
        let registration = Registration {
            install: wire::install(asked.install_id)?,
            hostname: plain_line(&asked.hostname, limits::MAX_HOSTNAME_BYTES),
            worker_version: plain_line(&asked.worker_version, limits::MAX_VERSION_BYTES),
            capabilities: wire::capabilities(asked.capabilities.unwrap_or_default()),
        };
        let (node, trust) = self.0.register_node(session.user.id, registration).await?;
        let config = &self.0.config;
        Ok(Response::new(v1::RegisterNodeResponse {
            node_id: node.into(),
            trust_level: wire::trust(trust).into(),
            heartbeat_interval_ms: clock::ms_u32(config.heartbeat_interval),
            status_interval_ms: clock::ms_u32(config.status_interval),
            lease_ms: clock::ms_u32(config.lease),
            server_time_ms: clock::wall_ms(),
            protocol_version: limits::PROTOCOL_VERSION,
        }))
    }

    async fn heartbeat(
        &self,
        request: Request<v1::HeartbeatRequest>,
    ) -> Result<Response<v1::HeartbeatResponse>, Status> {
        let (session, beat) = self.open(request)?;
        let node = wire::node(beat.node_id)?;
        if beat.leaving {
            self.0.sign_off(session.user.id, node).await?;
            return Ok(Response::new(v1::HeartbeatResponse::default()));
        }
        let held = beat.held.into_iter().map(wire::key).collect::<Result<Vec<_>, _>>()?;
        let answer = self.0.heartbeat(session.user.id, node, held.clone()).await?;
        let lease = |(key, renewed)| v1::Lease {
            key: Some(wire::key_out(key)),
            state: if renewed { v1::LeaseState::Renewed } else { v1::LeaseState::Void }.into(),
        };
        let cancellation = |(key, by)| v1::Cancellation {
            key: Some(wire::key_out(key)),
            reason: wire::cancel_reason(by).into(),
        };
        let notices = self.0.config.notices.iter().take(limits::MAX_NOTICES);
        Ok(Response::new(v1::HeartbeatResponse {
            leases: held.into_iter().zip(answer.renewed).map(lease).collect(),
            cancellations: answer.cancellations.into_iter().map(cancellation).collect(),
            lease_ms: clock::ms_u32(self.0.config.lease),
            notices: notices.map(|text| plain_line(text, limits::MAX_NOTICE_BYTES)).collect(),
        }))
    }

    async fn report_node_status(
        &self,
        request: Request<v1::ReportNodeStatusRequest>,
    ) -> Result<Response<v1::ReportNodeStatusResponse>, Status> {
        let (session, report) = self.open(request)?;
        let node = wire::node(report.node_id)?;
        let usage = report.usage.unwrap_or_default();
        let mut tasks = Vec::with_capacity(report.tasks.len());
        for task in report.tasks {
            tasks.push((wire::needed_key(task.key)?, wire::usage(&task.usage.unwrap_or_default())));
        }
        let status = NodeStatus { usage, pause: report.pause_reason, alerts: report.alerts };
        let (charges, balance) = self.0.report_status(session.user.id, node, status, tasks).await?;
        let charge = |(key, charged_cpt)| v1::TaskCharge { key: Some(wire::key_out(key)), charged_cpt };
        Ok(Response::new(v1::ReportNodeStatusResponse {
            charges: charges.into_iter().map(charge).collect(),
            balance_cpt: balance.available,
            pending_cpt: balance.pending,
        }))
    }
}
