//! Limits the connections of each peer.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Connections of one peer: a quarter of all. Whole sites behind one proxy or one translated address stay below it.
const EACH: usize = 128;

/// Who is connected how often.
#[derive(Clone, Default)]
pub(super) struct Peers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection that counts until it is dropped.
pub(super) struct Ticket {
    peers: Peers,
    peer: IpAddr,
}

impl Peers {
    /// A place for a connection from there, unless the peer has enough.
    pub(super) fn enter(&self, from: IpAddr) -> Option<Ticket> {
        let peer = peer(from);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(peer).or_default();
        if *count >= EACH {
            return None;
        }
        *count += 1;
        Some(Ticket { peers: self.clone(), peer })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut all = self.peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = all.get_mut(&self.peer).map(|count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == Some(0) {
            all.remove(&self.peer);
        }
    }
}

/// An address as one peer: a machine has all of an IPv6 network of 64 bits.
fn peer(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::{EACH, Peers};

    #[test]
    fn f_sec_17_a_peer_does_not_take_every_connection() {
        let peers = Peers::default();
        let from = |address: &str| peers.enter(address.parse().unwrap());
        let mut held: Vec<_> = (0..EACH).map(|_| from("10.0.0.1").unwrap()).collect();
        assert!(from("10.0.0.1").is_none() && from("::ffff:10.0.0.1").is_none());
        assert!(from("10.0.0.2").is_some());
        held.pop();
        assert!(from("10.0.0.1").is_some());
        let _network: Vec<_> = (0..EACH).map(|at| from(&format!("2001:db8::{at:x}")).unwrap()).collect();
        assert!(from("2001:db8::ffff:1").is_none() && from("2001:db8:0:1::1").is_some());
        drop(held);
        assert_eq!(peers.0.lock().unwrap().len(), 1, "who is gone is forgotten");
    }
}
