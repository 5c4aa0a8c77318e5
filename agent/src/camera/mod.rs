//! A camera in, encoded access units out, with RTP-exact times, on a bounded channel.

pub mod depay;
