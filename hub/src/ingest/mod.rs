//! Bytes from agents become events or are rejected; dedupe; route.
