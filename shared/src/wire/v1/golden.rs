//! Bytes once sent must decode for ever: each message has a golden file that is never changed, only added to.

use serde::{Serialize, de::DeserializeOwned};

use super::*;

fn reads_back<T: Serialize + DeserializeOwned>(name: &str, golden: &str) {
    let value: T = serde_json::from_str(golden).unwrap_or_else(|e| panic!("{name}: {e}"));
    let again = serde_json::to_value(&value).unwrap();
    let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
    // Fields added later have defaults, so today's writing may say more than the golden bytes, never less or other.
    assert_contains(name, &golden, &again);
}

fn assert_contains(at: &str, golden: &serde_json::Value, now: &serde_json::Value) {
    match (golden, now) {
        (serde_json::Value::Object(g), serde_json::Value::Object(n)) => {
            for (key, value) in g {
                assert_contains(&format!("{at}.{key}"), value, n.get(key).unwrap_or(&serde_json::Value::Null));
            }
        }
        _ => assert_eq!(golden, now, "{at}"),
    }
}

macro_rules! golden {
    ($($test:ident: $type:ty, $file:literal;)*) => {$(
        #[test]
        fn $test() {
            reads_back::<$type>($file, include_str!(concat!("../golden/v1/", $file)));
        }
    )*};
}

golden! {
    presence_of_v1_decodes: Presence, "presence.json";
    health_of_v1_decodes: HealthSample, "health.json";
    desired_of_v1_decodes: Desired, "desired.json";
    cameras_part_of_v1_decodes: CamerasPart, "cameras.json";
    order_of_v1_decodes: Order, "order.json";
    facts_of_v1_decode: FactBatch, "facts.json";
    result_of_v1_decodes: OrderResult, "result.json";
    received_of_v1_decodes: Received, "received.json";
    reported_of_v1_decodes: Reported, "reported.json";
}
