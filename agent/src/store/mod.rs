//! sled ends here, only for what can be rebuilt.
