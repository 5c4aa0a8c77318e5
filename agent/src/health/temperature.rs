//! The hottest sensor of the box.

use sysinfo::Components;

/// Thousandths of a degree Celsius; absent where there is no sensor.
pub fn hottest(components: &mut Components) -> Option<i64> {
    components.refresh(false);
    components
        .iter()
        .filter_map(sysinfo::Component::temperature)
        .filter(|t| t.is_finite() && (-60.0..200.0).contains(t))
        .map(|t| (f64::from(t) * 1000.0).round() as i64)
        .max()
}
