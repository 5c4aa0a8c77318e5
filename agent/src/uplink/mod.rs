//! rumqttc ends here.
