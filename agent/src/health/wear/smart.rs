//! What `smartctl --json` says, for NVMe and ATA. Pure.

use farwatch_shared::wire::latest::DiskWear;
use serde_json::Value;

/// Attributes whose normalised value falls from 100 with the life of a solid-state disk; makers agree on none of them.
const LIFE_LEFT: [u64; 6] = [169, 173, 177, 202, 231, 233];
/// Sectors moved away, waiting to be, and lost.
const BAD_SECTORS: [u64; 3] = [5, 197, 198];

/// Adds what the answer knows. A disk that could not be opened answers nothing, and nothing is added.
pub fn add(answer: &Value, wear: &mut DiskWear) {
    let number = |path: &str| answer.pointer(path).and_then(Value::as_u64);
    if let Some(passed) = answer.pointer("/smart_status/passed").and_then(Value::as_bool) {
        wear.failing = Some(!passed);
    }
    let hours = number("/power_on_time/hours").or_else(|| number("/nvme_smart_health_information_log/power_on_hours"));
    wear.power_on_hours = hours.or(wear.power_on_hours);
    let used = number("/endurance_used/current_percent")
        .or_else(|| number("/nvme_smart_health_information_log/percentage_used"))
        .or_else(|| endurance(answer))
        .or_else(|| life_used(answer));
    wear.used_percent = used.and_then(|used| u32::try_from(used).ok()).or(wear.used_percent);
    let errors = number("/nvme_smart_health_information_log/media_errors").or_else(|| bad_sectors(answer));
    wear.media_errors = errors.or(wear.media_errors);
}

fn attributes(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.pointer("/ata_smart_attributes/table").and_then(Value::as_array).into_iter().flatten()
}

fn id(attribute: &Value) -> u64 {
    attribute["id"].as_u64().unwrap_or(0)
}

/// `Percentage Used Endurance Indicator` of the ATA statistics, page 7.
fn endurance(answer: &Value) -> Option<u64> {
    let pages = answer.pointer("/ata_device_statistics/pages")?.as_array()?;
    let rows = pages.iter().filter(|page| page["number"] == 7).flat_map(|page| page["table"].as_array()).flatten();
    rows.filter(|row| row["name"].as_str().is_some_and(|name| name.starts_with("Percentage Used Endurance")))
        .find_map(|row| row["value"].as_u64())
}

fn life_used(answer: &Value) -> Option<u64> {
    let left = attributes(answer).filter(|a| LIFE_LEFT.contains(&id(a))).filter_map(|a| a["value"].as_u64());
    left.filter(|left| (1..=100).contains(left)).min().map(|left| 100 - left)
}

fn bad_sectors(answer: &Value) -> Option<u64> {
    // The upper bytes of a raw value hold other counts with some makers.
    let raw = |a: &Value| a.pointer("/raw/value").and_then(Value::as_u64).map(|raw| raw & 0xffff_ffff);
    let counts: Vec<u64> = attributes(answer).filter(|a| BAD_SECTORS.contains(&id(a))).filter_map(raw).collect();
    (!counts.is_empty()).then(|| counts.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> DiskWear {
        let mut wear = DiskWear {
            disk: "x".into(),
            used_percent: None,
            media_errors: None,
            power_on_hours: None,
            failing: None,
            written: None,
        };
        add(&serde_json::from_str(answer).unwrap(), &mut wear);
        wear
    }

    // RET-07
    #[test]
    fn an_nvme_disk_tells_its_age() {
        let wear = read(
            r#"{"smart_status":{"passed":true,"nvme":{"value":0}},
                "nvme_smart_health_information_log":{"percentage_used":7,"media_errors":0,"power_on_hours":4711}}"#,
        );
        assert_eq!((wear.used_percent, wear.media_errors, wear.power_on_hours), (Some(7), Some(0), Some(4711)));
        assert_eq!(wear.failing, Some(false));
    }

    #[test]
    fn an_ata_disk_tells_its_bad_sectors_and_what_is_left_of_its_life() {
        let wear = read(
            r#"{"smart_status":{"passed":false},"power_on_time":{"hours":12},"ata_smart_attributes":{"table":[
                {"id":5,"value":100,"raw":{"value":3}},{"id":9,"value":99,"raw":{"value":12}},
                {"id":177,"value":81,"raw":{"value":300}},{"id":197,"value":100,"raw":{"value":2}}]}}"#,
        );
        assert_eq!((wear.used_percent, wear.media_errors, wear.failing), (Some(19), Some(5), Some(true)));
        let statistics = read(
            r#"{"ata_device_statistics":{"pages":[{"number":1,"table":[{"name":"x","value":1}]},
                {"number":7,"table":[{"name":"Percentage Used Endurance Indicator","value":41}]}]}}"#,
        );
        assert_eq!(statistics.used_percent, Some(41));
    }

    #[test]
    fn a_disk_that_may_not_be_asked_answers_nothing() {
        let wear =
            read(r#"{"smartctl":{"exit_status":2,"messages":[{"string":"Permission denied","severity":"error"}]}}"#);
        assert_eq!((wear.used_percent, wear.media_errors, wear.failing), (None, None, None));
    }
}
