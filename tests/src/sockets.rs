//! What the kernel holds for a program that has not read it yet.

use std::net::SocketAddr;

/// Bytes on their way over TCP from a server on this machine that no reader has taken: in the senders' queues and in the
/// readers'. Source of the format: Documentation/networking/proc_net_tcp.rst.
#[must_use]
pub fn unread(server: SocketAddr) -> u64 {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let queues = table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, remote) = (fields.next()?, fields.next()?);
        let (waiting, unread) = fields.nth(1)?.split_once(':')?;
        let port = |address: &str| u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok();
        let bytes = |hex: &str| u64::from_str_radix(hex, 16).unwrap_or(0);
        // The server's end counts what was not acknowledged, the reader's what was and is not read.
        match (port(local)? == server.port(), port(remote)? == server.port()) {
            (true, false) => Some(bytes(waiting)),
            (false, true) => Some(bytes(unread)),
            _ => None,
        }
    });
    queues.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn what_a_reader_has_not_taken_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let mut reader = TcpStream::connect(server).unwrap();
        let (mut sender, _) = listener.accept().unwrap();
        sender.write_all(&[7; 1000]).unwrap();
        // Sent over the loopback: it is in one of the two queues from the moment write returns.
        assert_eq!(unread(server), 1000);
        reader.read_exact(&mut [0; 600]).unwrap();
        assert_eq!(unread(server), 400);
    }
}
