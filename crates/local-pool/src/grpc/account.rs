//! `AccountService`.

use super::{Services, peer};
use crate::clock;
use crate::sessions::Tokens;
use crate::tasks::EarningState;
use crate::wire;
use hivemind_proto::bounds::Bounded;
use hivemind_proto::v1::{self, account_service_server::AccountService};
use tonic::{Request, Response, Status};

fn session(tokens: Tokens) -> v1::Session {
    v1::Session {
        session_token: tokens.session,
        session_expires_ms: tokens.session_expires_ms,
        refresh_token: tokens.refresh,
        refresh_expires_ms: tokens.refresh_expires_ms,
        server_time_ms: clock::wall_ms(),
        username: tokens.user.username,
    }
}

#[tonic::async_trait]
impl AccountService for Services {
    async fn login(&self, request: Request<v1::LoginRequest>) -> Result<Response<v1::LoginResponse>, Status> {
        let peer = peer(&request);
        let login = request.into_inner();
        login.check()?;
        let tokens = self.0.login(login.username, login.password, login.install_id, peer).await?;
        Ok(Response::new(v1::LoginResponse { session: Some(session(tokens)) }))
    }

    async fn refresh(
        &self,
        request: Request<v1::RefreshRequest>,
    ) -> Result<Response<v1::RefreshResponse>, Status> {
        let refresh = request.into_inner();
        refresh.check()?;
        let tokens = self.0.refresh(&refresh.refresh_token, refresh.install_id).await?;
        Ok(Response::new(v1::RefreshResponse { session: Some(session(tokens)) }))
    }

    async fn logout(
        &self,
        request: Request<v1::LogoutRequest>,
    ) -> Result<Response<v1::LogoutResponse>, Status> {
        let (session, _) = self.open(request)?;
        self.0.logout(session).await?;
        Ok(Response::new(v1::LogoutResponse {}))
    }

    async fn get_balance(
        &self,
        request: Request<v1::GetBalanceRequest>,
    ) -> Result<Response<v1::GetBalanceResponse>, Status> {
        let (session, _) = self.open(request)?;
        let balance = self.0.balance(session.user.id).await?;
        Ok(Response::new(v1::GetBalanceResponse {
            balance_cpt: balance.available,
            pending_cpt: balance.pending,
        }))
    }

    async fn list_earnings(
        &self,
        request: Request<v1::ListEarningsRequest>,
    ) -> Result<Response<v1::ListEarningsResponse>, Status> {
        let (session, wish) = self.open(request)?;
        let limit = if wish.limit == 0 { 50 } else { wish.limit };
        let earnings = self.0.earnings(session.user.id, wish.before_ms, limit).await?;
        let earnings = earnings.into_iter().map(|earning| v1::Earning {
            key: Some(wire::key_out(earning.key)),
            task_name: earning.task_name,
            state: match earning.state {
                EarningState::Estimated => v1::EarningState::Estimated,
                EarningState::Credited => v1::EarningState::Credited,
                EarningState::Settled => v1::EarningState::Settled,
                EarningState::Refunded => v1::EarningState::Refunded,
            }
            .into(),
            cpt: earning.cpt,
            updated_ms: earning.updated_ms,
        });
        Ok(Response::new(v1::ListEarningsResponse { earnings: earnings.collect() }))
    }
}
