//! The wall between the processes: plan down, wake-ups up, over a Unix socket.
