//! A proxy between every two processes that talk.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use egide_testkit::{Fault, FaultProxy};

use crate::roles::Role;

/// Who talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// Everybody outside.
    Clients,
    /// A role.
    Role(Role),
    /// A `nats-server`, by its place.
    Nats(usize),
}

impl From<Role> for Party {
    fn from(role: Role) -> Self {
        Self::Role(role)
    }
}

/// All links of an installation, each from who connects to who listens.
#[derive(Debug, Default)]
pub struct Links(BTreeMap<(Party, Party), FaultProxy>);

impl Links {
    /// Puts a proxy between two parties; tells where it listens.
    pub(super) async fn add(&mut self, from: Party, to: Party, server: SocketAddr) -> SocketAddr {
        let proxy = FaultProxy::start(server).await;
        let address = proxy.address();
        self.0.insert((from, to), proxy);
        address
    }

    /// Every pair, in a fixed order.
    #[must_use]
    pub fn pairs(&self) -> Vec<(Party, Party)> {
        self.0.keys().copied().collect()
    }

    /// The proxy of one pair.
    ///
    /// # Panics
    /// When they do not talk.
    #[must_use]
    pub fn between(&self, from: impl Into<Party>, to: impl Into<Party>) -> &FaultProxy {
        let pair = (from.into(), to.into());
        self.0.get(&pair).unwrap_or_else(|| panic!("{pair:?} do not talk"))
    }

    /// The same fault on everything that goes to or comes from a party.
    pub fn around(&self, party: impl Into<Party>, fault: Fault) {
        let party = party.into();
        for (_, proxy) in self.0.iter().filter(|((from, to), _)| *from == party || *to == party) {
            proxy.set(fault);
        }
    }

    /// The same fault between a `nats-server` and all others, while clients still reach it.
    pub fn around_routes_of(&self, node: usize, fault: Fault) {
        let node = Party::Nats(node);
        let is_route = |(from, to): &(Party, Party)| {
            matches!((from, to), (Party::Nats(_), Party::Nats(_))) && (*from == node || *to == node)
        };
        self.0.iter().filter(|(pair, _)| is_route(pair)).for_each(|(_, proxy)| proxy.set(fault));
    }

    /// No fault anywhere from here on. What was held goes on its way; connections into which a hole was torn are cut, as
    /// nobody would get bytes of them in order any more.
    pub fn heal(&self) {
        for proxy in self.0.values() {
            let torn = matches!(proxy.fault(), Fault::SwallowReplies | Fault::SwallowSent);
            proxy.set(Fault::None);
            if torn {
                proxy.cut();
            }
        }
    }
}
