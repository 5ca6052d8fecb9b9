//! What the stack does with connections, between two of them.

use super::*;
use crate::keys::PrivateKey;

fn stack(address: &str) -> Stack {
    let config = TunnelConfig {
        private_key: PrivateKey::generate().unwrap(),
        addresses: vec![address.parse().unwrap()],
        mtu: 1220,
        bind: SocketAddr::from(([127, 0, 0, 1], 0)),
        connections: 6,
    };
    Stack::new(&config, 7)
}

/// What one has to say to the other.
fn tell(from: &mut Stack, to: &mut Stack) {
    from.turn(now());
    from.device.outgoing.drain(|packet| to.device.incoming.push(packet));
    to.turn(now());
}

/// Everything that both have to say to each other.
fn talk(one: &mut Stack, other: &mut Stack) {
    for _ in 0..6 {
        tell(one, other);
        tell(other, one);
    }
}

fn is_whole(stack: &Stack) -> bool {
    stack.room.is_whole() && stack.paces.is_empty() && stack.ports.is_empty() && stack.count == 0
}

#[test]
fn whatever_becomes_of_connections_their_room_comes_back() {
    let (mut worker, mut pool) = (stack("10.8.0.2/24"), stack("10.8.0.1/24"));
    let there = |port| SocketAddr::from(([10, 8, 0, 1], port));
    pool.listen(80).unwrap();
    // One that is used, one that is dropped before the answer, one that is refused, and one to nowhere.
    let used = worker.open(there(80)).unwrap();
    let dropped = worker.open(there(80)).unwrap();
    let refused = worker.open(there(9)).unwrap();
    assert!(worker.open(SocketAddr::from(([0, 0, 0, 0], 80))).is_err());
    tell(&mut worker, &mut pool);
    // The other end has begun to answer, and is told that nobody waits for it.
    worker.release(dropped, now());
    talk(&mut worker, &mut pool);
    let (taken, _) = pool.take(80).unwrap();
    let room = worker.room(used, now());
    assert!(room > 0 && worker.write(used, &vec![7; room]).unwrap() == room);
    assert_eq!(worker.room(used, now()), 0);
    talk(&mut worker, &mut pool);
    assert!(pool.socket(taken).can_recv() && !worker.room.is_whole());
    // Nobody reads the rest, here, and the port is given up.
    pool.release(taken, now());
    pool.unlisten(80, now());
    worker.release(refused, now());
    talk(&mut worker, &mut pool);
    assert_eq!(worker.socket(used).state(), tcp::State::Closed, "told at once");
    worker.release(used, now());
    talk(&mut worker, &mut pool);
    assert!(is_whole(&worker) && is_whole(&pool), "{} and {} are left", worker.count, pool.count);
}

#[test]
fn who_is_gone_is_waited_for_as_long_as_something_still_arrives() {
    let (mut worker, mut pool) = (stack("10.8.0.2/24"), stack("10.8.0.1/24"));
    pool.listen(80).unwrap();
    let used = worker.open(SocketAddr::from(([10, 8, 0, 1], 80))).unwrap();
    talk(&mut worker, &mut pool);
    worker.write(used, &[7; 100_000]).unwrap();
    let begun = now();
    worker.release(used, begun);
    worker.turn(begun);
    let mut time = begun;
    // A little arrives every 20 s.
    for _ in 0..4 {
        time += Duration::from_secs(20);
        worker.device.outgoing.drain(|packet| pool.device.incoming.push(packet));
        pool.turn(time);
        pool.device.outgoing.drain(|packet| worker.device.incoming.push(packet));
        worker.turn(time);
        assert_ne!(worker.socket(used).state(), tcp::State::Closed, "after {:?}", time - begun);
    }
    // Then nothing more does.
    for seconds in [10, 21] {
        worker.device.outgoing.clear();
        worker.turn(time + Duration::from_secs(seconds));
    }
    worker.device.outgoing.clear();
    worker.turn(time + Duration::from_secs(32));
    assert!(is_whole(&worker), "{} left", worker.count);
}
