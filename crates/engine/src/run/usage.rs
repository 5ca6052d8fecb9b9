//! Use of a container from the engine's statistics.

use bollard::models::ContainerStatsResponse;
use hivemind_domain::usage::UsageSample;

/// A reading, unless the engine has nothing to tell (before the start and after the end all is zero).
pub(super) fn sample(stats: &ContainerStatsResponse) -> Option<UsageSample> {
    let cpu_total_ns = stats.cpu_stats.as_ref()?.cpu_usage.as_ref()?.total_usage?;
    let memory = stats.memory_stats.as_ref();
    let memory_bytes = memory.and_then(|m| m.usage).unwrap_or(0);
    if cpu_total_ns == 0 && memory_bytes == 0 {
        return None;
    }
    // The page cache is not the task's: control groups v1 and v2 name what can be dropped differently.
    let cache = memory.and_then(|m| m.stats.as_ref()).map_or(0, |detail| {
        ["total_inactive_file", "inactive_file"].iter().find_map(|key| detail.get(*key)).copied().unwrap_or(0)
    });
    let disk = stats.blkio_stats.as_ref().and_then(|b| b.io_service_bytes_recursive.as_ref());
    let disk_bytes = disk.into_iter().flatten().fold(0_u64, |sum, entry| {
        let counts = entry
            .op
            .as_deref()
            .is_some_and(|op| op.eq_ignore_ascii_case("read") || op.eq_ignore_ascii_case("write"));
        sum.saturating_add(if counts { entry.value.unwrap_or(0) } else { 0 })
    });
    let networks = stats.networks.iter().flat_map(|networks| networks.values());
    let network_bytes = networks.fold(0_u64, |sum, network| {
        sum.saturating_add(network.rx_bytes.unwrap_or(0)).saturating_add(network.tx_bytes.unwrap_or(0))
    });
    Some(UsageSample {
        cpu_total_ns,
        memory_bytes: memory_bytes.saturating_sub(cache),
        gpu_percent: None,
        disk_bytes,
        network_bytes,
        disk_used_bytes: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<UsageSample> {
        sample(&serde_json::from_str(json).expect("as the engine writes it"))
    }

    #[test]
    fn control_groups_v1() {
        // Docker 20.10 on control groups v1, shortened.
        let reading = read(
            r#"{"read":"2026-11-21T05:00:00Z","pids_stats":{"current":2},
            "blkio_stats":{"io_service_bytes_recursive":[
              {"major":8,"minor":0,"op":"Read","value":4096},{"major":8,"minor":0,"op":"Write","value":1000},
              {"major":8,"minor":0,"op":"Sync","value":5096},{"major":8,"minor":0,"op":"Total","value":5096}]},
            "cpu_stats":{"cpu_usage":{"total_usage":123456789,"percpu_usage":[1,2],"usage_in_kernelmode":1,
              "usage_in_usermode":2},"system_cpu_usage":9,"online_cpus":2,"throttling_data":{}},
            "memory_stats":{"usage":10000000,"max_usage":12000000,"limit":2147483648,
              "stats":{"cache":3000000,"inactive_file":1,"total_inactive_file":2000000,"total_cache":3000000}}}"#,
        );
        let expected = UsageSample {
            cpu_total_ns: 123_456_789,
            memory_bytes: 8_000_000,
            gpu_percent: None,
            disk_bytes: 5096,
            network_bytes: 0,
            disk_used_bytes: None,
        };
        assert_eq!(reading, Some(expected));
    }

    #[test]
    fn control_groups_v2() {
        // Docker 24 on control groups v2, shortened.
        let reading = read(
            r#"{"read":"2026-11-21T05:00:00Z","pids_stats":{"current":2,"limit":100},
            "blkio_stats":{"io_service_bytes_recursive":[
              {"major":254,"minor":0,"op":"read","value":100},{"major":254,"minor":0,"op":"write","value":11}],
              "io_serviced_recursive":null},
            "cpu_stats":{"cpu_usage":{"total_usage":5000000000,"usage_in_kernelmode":1,"usage_in_usermode":2},
              "system_cpu_usage":9,"online_cpus":4},
            "memory_stats":{"usage":5000000,"limit":1000,"stats":{"anon":4000000,"file":900000,
              "inactive_file":500000}},
            "networks":{"eth0":{"rx_bytes":10,"tx_bytes":5},"eth1":{"rx_bytes":1,"tx_bytes":0}}}"#,
        );
        let reading = reading.expect("a reading");
        assert_eq!((reading.cpu_total_ns, reading.memory_bytes), (5_000_000_000, 4_500_000));
        assert_eq!((reading.disk_bytes, reading.network_bytes), (111, 16));
    }

    #[test]
    fn nothing_told_is_no_reading() {
        assert_eq!(read("{}"), None);
        assert_eq!(
            read(r#"{"cpu_stats":{"cpu_usage":{"total_usage":0}},"memory_stats":{},"blkio_stats":{}}"#),
            None
        );
    }

    #[test]
    fn a_cache_larger_than_the_use_is_no_underflow() {
        let json = r#"{"cpu_stats":{"cpu_usage":{"total_usage":1}},
            "memory_stats":{"usage":5,"stats":{"inactive_file":9}}}"#;
        assert_eq!(read(json).map(|r| r.memory_bytes), Some(0));
    }
}
