//! Interfaces, addresses and routes.

use crate::system::{Judged, System};
use crate::wire::Handle;
use futures_util::TryStreamExt;
use hivemind_netd_protocol::{INTERFACE, Kind, Refused, State};
use ipnet::IpNet;
use rtnetlink::packet_route::link::{AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use rtnetlink::{LinkUnspec, RouteMessageBuilder};
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// This computer's network.
pub struct LinuxNetwork {
    handle: rtnetlink::Handle,
}

/// An interface that goes with its last descriptor, or when it is deleted.
pub struct Interface {
    device: SyncDevice,
    index: u32,
}

impl LinuxNetwork {
    /// Opens the way to the kernel.
    ///
    /// # Errors
    /// There is no netlink.
    pub fn open() -> io::Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        Ok(Self { handle })
    }

    /// Refuses what would take traffic that this computer already sends elsewhere.
    async fn apart(&self, wanted: &Judged) -> Result<(), Refused> {
        let ours: Vec<IpNet> =
            wanted.config.peer.allowed_ips.iter().chain(&wanted.config.addresses).map(IpNet::trunc).collect();
        let questions =
            [RouteMessageBuilder::<Ipv4Addr>::new().build(), RouteMessageBuilder::<Ipv6Addr>::new().build()];
        for question in questions {
            let mut routes = self.handle.route().get(question).execute();
            while let Some(route) = routes.try_next().await.map_err(|error| refused(&error))? {
                let Some(there) = destination(&route) else { continue };
                let hit = ours.iter().find(|net| net.contains(&there) || there.contains(*net));
                if let Some(wanted) = hit {
                    return Err(Refused::Overlap { wanted: *wanted, there });
                }
            }
        }
        Ok(())
    }

    /// The interface's number, when there is one of that name.
    async fn index(&self) -> Result<Option<u32>, Refused> {
        let mut links = self.handle.link().get().match_name(INTERFACE.to_owned()).execute();
        match links.try_next().await {
            Ok(found) => Ok(found.map(|link| link.header.index)),
            Err(error) if number(&error) == Some(rustix::io::Errno::NODEV.raw_os_error()) => Ok(None),
            Err(error) => Err(refused(&error)),
        }
    }

    async fn set_up(&self, index: u32, wanted: &Judged) -> Result<(), rtnetlink::Error> {
        let config = &wanted.config;
        // Before it is up, or the kernel gives it an address and a route of its own.
        let quiet = LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(
            In6AddrGenMode::None,
        )])]);
        let link = LinkUnspec::new_with_index(index).mtu(config.mtu.into());
        let with = self.handle.link().set(link.append_extra_attribute(quiet).build()).execute().await;
        if with.is_err() {
            // A system without IPv6 knows no such thing.
            let link = LinkUnspec::new_with_index(index).mtu(config.mtu.into());
            self.handle.link().set(link.build()).execute().await?;
        }
        for net in &config.addresses {
            // Alone: a prefix would bring a route with it that nobody asked for.
            let whole = if net.addr().is_ipv4() { 32 } else { 128 };
            self.handle.address().add(index, net.addr(), whole).execute().await?;
        }
        self.handle.link().set(LinkUnspec::new_with_index(index).up().build()).execute().await?;
        for net in &config.peer.allowed_ips {
            let from =
                config.addresses.iter().map(IpNet::addr).find(|ip| ip.is_ipv4() == net.addr().is_ipv4());
            let route = RouteMessageBuilder::<IpAddr>::new().output_interface(index);
            let route = route.destination_prefix(net.network(), net.prefix_len());
            let route = match (route, from) {
                (Ok(route), Some(from)) => route.pref_source(from),
                (route, _) => route,
            };
            let route = route.map_err(|error| rtnetlink::Error::InvalidNla(error.to_string()))?;
            self.handle.route().add(route.build()).execute().await?;
        }
        Ok(())
    }
}

impl System for LinuxNetwork {
    type Link = Interface;

    fn kind(&self) -> Kind {
        Kind::Packets
    }

    fn up(&mut self, wanted: &Judged) -> impl Future<Output = Result<Interface, Refused>> + Send {
        let wanted = wanted.clone();
        async move {
            if self.index().await?.is_some() {
                return Err(Refused::Taken);
            }
            self.apart(&wanted).await?;
            let device = DeviceBuilder::new()
                .name(INTERFACE)
                .layer(Layer::L3)
                // Neither up nor down yet, nor asked for anything else: the unit's rules leave no other socket than
                // netlink's.
                .inherit_enable_state()
                .with(|builder| {
                    builder.packet_information(false);
                })
                .build_sync()
                .map_err(|error| {
                    tracing::warn!(%error, "there is no interface");
                    system(error.raw_os_error())
                })?;
            // The client reads it beside other things.
            device.set_nonblocking(true).map_err(|error| system(error.raw_os_error()))?;
            let index = self.index().await?.ok_or(Refused::System(0))?;
            let interface = Interface { device, index };
            if let Err(error) = self.set_up(index, &wanted).await {
                tracing::warn!(%error, "the interface cannot be set up");
                self.down(interface).await;
                return Err(refused(&error));
            }
            Ok(interface)
        }
    }

    fn down(&mut self, link: Interface) -> impl Future<Output = ()> + Send {
        let handle = self.handle.clone();
        async move {
            // The client may still hold a descriptor: the interface does not wait for it.
            if let Err(error) = handle.link().del(link.index).execute().await {
                tracing::warn!(%error, "the interface is not deleted");
            }
            drop(link);
        }
    }

    fn handle(&self, link: &Interface) -> io::Result<Option<Handle>> {
        link.device.as_fd().try_clone_to_owned().map(Some)
    }

    fn state(&self, _: &Interface) -> State {
        State { up: true, handshake_s: None, received: 0, sent: 0 }
    }
}

/// Where a route leads to, when that is not everywhere.
#[expect(clippy::wildcard_enum_match_arm, reason = "one of the many attributes of a route is looked for")]
fn destination(route: &RouteMessage) -> Option<IpNet> {
    let bits = route.header.destination_prefix_length;
    let told = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(ip)) => Some(IpAddr::from(*ip)),
        RouteAttribute::Destination(RouteAddress::Inet6(ip)) => Some(IpAddr::from(*ip)),
        _ => None,
    });
    // Multicast and the like are no traffic of private networks; a default route is what everything else has.
    let plain = matches!(
        route.header.kind,
        RouteType::Unicast
            | RouteType::Local
            | RouteType::BlackHole
            | RouteType::Unreachable
            | RouteType::Prohibit
            | RouteType::Throw
    );
    told.filter(|_| bits > 0 && plain).and_then(|ip| IpNet::new(ip, bits).ok())
}

fn number(error: &rtnetlink::Error) -> Option<i32> {
    let rtnetlink::Error::NetlinkError(message) = error else { return None };
    message.code.map(|code| code.get().abs())
}

fn refused(error: &rtnetlink::Error) -> Refused {
    system(number(error))
}

fn system(number: Option<i32>) -> Refused {
    use rustix::io::Errno;
    let denied = [Errno::PERM.raw_os_error(), Errno::ACCESS.raw_os_error()];
    match number {
        Some(number) if denied.contains(&number) => Refused::Permission,
        Some(number) => Refused::System(number),
        None => Refused::System(0),
    }
}
