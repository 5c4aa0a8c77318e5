//! The MQTT broker crate ends here behind one trait: mTLS listener, certificate to agent, topic access.
