//! NVIDIA GPUs through NVML. An absent driver is a stated fact, not an error.

use hivemind_control::GpuUse;
use hivemind_domain::resources::GpuInfo;
use hivemind_domain::text::plain_line;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use std::ffi::OsStr;

/// More GPUs than any computer we serve has.
const MOST: u32 = 64;

/// The driver, or why there is none.
pub struct GpuSource {
    nvml: Result<Nvml, String>,
}

impl GpuSource {
    /// Loads the driver's library from the system.
    #[must_use]
    pub fn system() -> Self {
        Self { nvml: Nvml::init().map_err(|e| reason(&e)) }
    }

    /// Loads a given library, such as a stub in a test.
    #[must_use]
    pub fn from_library(path: &OsStr) -> Self {
        Self { nvml: Nvml::builder().lib_path(path).init().map_err(|e| reason(&e)) }
    }

    /// What is known when no GPU is listed.
    #[must_use]
    pub fn note(&self) -> String {
        match &self.nvml {
            Err(reason) => reason.clone(),
            Ok(nvml) => match nvml.device_count() {
                Ok(0) => "the NVIDIA driver lists no GPU".into(),
                Ok(_) => String::new(),
                Err(error) => reason(&error),
            },
        }
    }

    /// What the GPUs are. One that cannot be named is left out, since it could not be granted either.
    #[must_use]
    pub fn list(&self) -> Vec<GpuInfo> {
        let info = |device: &Device<'_>| {
            Some(GpuInfo {
                uuid: plain_line(&device.uuid().ok()?, 96),
                name: plain_line(&device.name().unwrap_or_else(|_| "GPU".into()), 128),
                memory_bytes: device.memory_info().map(|m| m.total).unwrap_or(0),
            })
        };
        self.each(info)
    }

    /// How busy they are; what the driver does not tell is absent.
    #[must_use]
    pub fn sample(&self) -> Vec<GpuUse> {
        let reading = |device: &Device<'_>| {
            let memory = device.memory_info().ok();
            Some(GpuUse {
                uuid: plain_line(&device.uuid().ok()?, 96),
                name: plain_line(&device.name().unwrap_or_else(|_| "GPU".into()), 128),
                percent: device.utilization_rates().ok().map(|u| u.gpu.min(100) as f32),
                memory_used_bytes: memory.as_ref().map(|m| m.used),
                memory_total_bytes: memory.as_ref().map(|m| m.total),
                temperature_c: device.temperature(TemperatureSensor::Gpu).ok().map(|t| t as f32),
                power_w: device.power_usage().ok().map(|milliwatts| milliwatts as f32 / 1000.0),
            })
        };
        self.each(reading)
    }

    fn each<T>(&self, read: impl Fn(&Device<'_>) -> Option<T>) -> Vec<T> {
        let Ok(nvml) = &self.nvml else { return Vec::new() };
        let count = nvml.device_count().unwrap_or(0).min(MOST);
        (0..count).filter_map(|index| nvml.device_by_index(index).ok().as_ref().and_then(&read)).collect()
    }
}

fn reason(error: &NvmlError) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "a library's error with dozens of kinds")]
    match error {
        NvmlError::LibloadingError(_) | NvmlError::DriverNotLoaded => "no NVIDIA driver".into(),
        NvmlError::LibRmVersionMismatch => "the NVIDIA driver was updated: restart the computer".into(),
        NvmlError::NoPermission => "the NVIDIA driver may not be used by this user".into(),
        other => plain_line(&format!("the NVIDIA driver does not answer: {other}"), 200),
    }
}
