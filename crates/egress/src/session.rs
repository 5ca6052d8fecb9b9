//! The connections of one container.

use crate::address::{forbidden, near};
use crate::body::BodyEnd;
use crate::head::{self, Request, Wish};
use crate::proxy::{Outside, ProxyLimits};
use crate::pump::{Meter, Pump, Stop, Way};
use crate::refusal::Refusal;
use async_trait::async_trait;
use hivemind_domain::hosts::{Host, HostRule};
use hivemind_domain::ids::TaskKey;
use hivemind_worker_core::port::{ByteStream, EgressSession, NetworkGrant, Traffic};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

/// Sentences kept until they are asked for.
const MAX_TOLD: usize = 20;
/// Addresses tried of one name.
const MAX_TRIED: usize = 4;
/// Answers of a name service that are looked at; more refuse the name.
const MAX_ANSWERS: usize = 64;

pub(crate) struct Session {
    key: TaskKey,
    hosts: Vec<HostRule>,
    outside: Arc<Outside>,
    limits: ProxyLimits,
    meter: Meter,
    slots: Semaphore,
    told: Mutex<BTreeSet<String>>,
}

impl Session {
    pub(crate) fn new(
        key: TaskKey,
        grant: &NetworkGrant,
        outside: Arc<Outside>,
        limits: ProxyLimits,
    ) -> Self {
        Self {
            key,
            hosts: grant.hosts.clone(),
            outside,
            limits,
            meter: Meter::new(grant.max_bytes),
            slots: Semaphore::new(limits.connections),
            told: Mutex::default(),
        }
    }

    fn note(&self, refusal: &Refusal) {
        self.meter.refused();
        tracing::info!(task_id = %self.key, %refusal, "refused a connection of a task");
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MAX_TOLD {
            told.insert(hivemind_domain::text::plain_line(&refusal.to_string(), 300));
        }
    }

    async fn handle(&self, stream: &mut Box<dyn ByteStream>) -> Result<(), Refusal> {
        let Ok(_slot) = self.slots.try_acquire() else {
            return Err(Refusal::Connections(self.limits.connections));
        };
        let Some((request, rest)) = self.read_head(stream).await? else { return Ok(()) };
        let upstream = self.reach(&request).await?;
        match self.carry(stream, upstream, request.wish, rest).await {
            Err(Stop::UsedUp) => {
                // Bytes have flowed: an answer now would be taken for the server's.
                self.note(&Refusal::Traffic(self.meter.max_bytes()));
                Ok(())
            }
            Err(Stop::Refused(refusal)) => {
                self.note(&refusal);
                Ok(())
            }
            Ok(()) | Err(Stop::Idle | Stop::Broken) => Ok(()),
        }
    }

    /// The request, and what came after its head; nothing when the task hung up first.
    async fn read_head(
        &self,
        stream: &mut Box<dyn ByteStream>,
    ) -> Result<Option<(Request, Vec<u8>)>, Refusal> {
        let mut bytes = Vec::new();
        let reading = async {
            let mut piece = [0; 2048];
            loop {
                if let Some(end) = head::end_of_head(&bytes)? {
                    return Ok(Some(end));
                }
                match stream.read(&mut piece).await {
                    Ok(0) | Err(_) => return Ok(None),
                    Ok(read) => bytes.extend_from_slice(piece.get(..read).unwrap_or_default()),
                }
            }
        };
        let end = tokio::time::timeout(self.limits.head_within, reading).await;
        let Some(end) = end.map_err(|_| Refusal::Request("the head did not come in time"))?? else {
            return Ok(None);
        };
        let rest = bytes.split_off(end);
        Ok(Some((head::parse(&bytes)?, rest)))
    }

    /// A connection to a checked address of the host that is asked for.
    async fn reach(&self, request: &Request) -> Result<Box<dyn ByteStream>, Refusal> {
        let Request { host, port, .. } = request;
        if !self.hosts.iter().any(|rule| rule.allows(host, *port)) {
            return Err(Refusal::NotAllowed { host: host.to_string(), port: *port });
        }
        if self.meter.is_used_up() {
            return Err(Refusal::Traffic(self.meter.max_bytes()));
        }
        let addresses = self.resolve(host).await?;
        // All before any: a name with one forbidden answer is not trusted with its others.
        let refused = |what| Refusal::Address { host: host.to_string(), what };
        if let Some(what) = addresses.iter().copied().find_map(forbidden) {
            return Err(refused(what));
        }
        let connector = &self.outside.connector;
        for address in addresses.into_iter().take(MAX_TRIED) {
            let to = SocketAddr::new(address, *port);
            // No way there, such as IPv6 on a network without it.
            let Ok(source) = connector.source(to) else { continue };
            if let Some(what) = near(address, source) {
                return Err(refused(what));
            }
            let opened = tokio::time::timeout(self.limits.connect_within, connector.connect(to)).await;
            if let Ok(Ok(upstream)) = opened {
                return Ok(upstream);
            }
        }
        Err(Refusal::Unreachable { host: host.to_string(), port: *port })
    }

    async fn resolve(&self, host: &Host) -> Result<Vec<IpAddr>, Refusal> {
        let name = match host {
            Host::Address(address) => return Ok(vec![*address]),
            Host::Name(name) => name,
        };
        let unresolved = || Refusal::Unresolved { host: name.clone() };
        let answer =
            tokio::time::timeout(self.limits.resolve_within, self.outside.resolver.resolve(name)).await;
        let mut addresses = answer.map_err(|_| unresolved())?.map_err(|_| unresolved())?;
        let mut seen = BTreeSet::new();
        addresses.retain(|address| seen.insert(*address));
        if addresses.is_empty() || addresses.len() > MAX_ANSWERS {
            return Err(unresolved());
        }
        Ok(addresses)
    }

    async fn carry(
        &self,
        stream: &mut Box<dyn ByteStream>,
        upstream: Box<dyn ByteStream>,
        wish: Wish,
        rest: Vec<u8>,
    ) -> Result<(), Stop> {
        let pump = Pump::new(&self.meter, &self.outside.moved, self.limits.idle);
        let (mut from_task, mut to_task) = tokio::io::split(stream);
        let (mut from_there, mut to_there) = tokio::io::split(upstream);
        match wish {
            Wish::Tunnel => {
                to_task.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
                let out = pump.run(Way::Out, &mut from_task, &mut to_there, rest, None);
                let back = pump.run(Way::In, &mut from_there, &mut to_task, Vec::new(), None);
                tokio::try_join!(out, back)?;
                Ok(())
            }
            Wish::Forward { head, body } => {
                let out = async {
                    pump.write(Way::Out, &mut to_there, &head).await?;
                    pump.run(Way::Out, &mut from_task, &mut to_there, rest, Some(BodyEnd::new(body))).await
                };
                let back = pump.run(Way::In, &mut from_there, &mut to_task, Vec::new(), None);
                tokio::pin!(out, back);
                // The answer decides the end: a server may answer before it has read everything.
                tokio::select! {
                    sent = &mut out => { sent?; back.await }
                    answered = &mut back => answered,
                }
            }
        }
    }
}

#[async_trait]
impl EgressSession for Session {
    async fn serve(&self, mut stream: Box<dyn ByteStream>) {
        if let Err(refusal) = self.handle(&mut stream).await {
            self.note(&refusal);
            let answering = async {
                let _ = stream.write_all(refusal.answer().as_bytes()).await;
                let _ = stream.shutdown().await;
            };
            let _ = tokio::time::timeout(self.limits.head_within, answering).await;
        }
    }

    fn traffic(&self) -> Traffic {
        self.meter.traffic()
    }

    fn take_refusals(&self) -> Vec<String> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *told).into_iter().collect()
    }
}
