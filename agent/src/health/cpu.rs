//! Processor load since the last sample.

use sysinfo::System;

/// Of all cores together, in thousandths.
pub fn permille(system: &mut System) -> u32 {
    system.refresh_cpu_usage();
    let percent = system.global_cpu_usage();
    if percent.is_finite() { (percent.clamp(0.0, 100.0) * 10.0).round() as u32 } else { 0 }
}
