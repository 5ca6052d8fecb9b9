//! NVIDIA GPUs through the driver's own library. A computer without a driver is an ordinary computer.

use hivemind_control::GpuUse;
use hivemind_domain::resources::GpuInfo;
use hivemind_domain::text::plain_line;
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::error::NvmlError;
use std::ffi::{OsStr, OsString};

/// As many as the protocol can name.
const MOST_GPUS: u32 = 64;

/// Where GPUs are looked for.
pub struct GpuSource {
    library: Vec<OsString>,
    state: State,
}

enum State {
    Driver { nvml: Box<Nvml>, known: Vec<GpuInfo> },
    Absent(String),
}

impl GpuSource {
    /// Looks for the driver where the system keeps it.
    #[must_use]
    pub fn system() -> Self {
        // The plain name comes only with development packages on Linux.
        let names: &[&str] =
            if cfg!(windows) { &["nvml.dll"] } else { &["libnvidia-ml.so.1", "libnvidia-ml.so"] };
        Self::first_of(names.iter().map(OsString::from).collect())
    }

    /// Takes the library at this path for the driver's.
    #[must_use]
    pub fn from_library(path: &OsStr) -> Self {
        Self::first_of(vec![path.to_owned()])
    }

    /// No GPU, because the owner wants it so.
    #[must_use]
    pub fn left_out() -> Self {
        Self { library: Vec::new(), state: State::Absent("GPUs are left out by the setting cpu_only".into()) }
    }

    fn first_of(library: Vec<OsString>) -> Self {
        let state = open(&library);
        Self { library, state }
    }

    /// Looks again where there was no driver: it may have been installed or loaded since.
    pub(crate) fn look_again(&mut self) {
        match &mut self.state {
            State::Absent(_) if self.library.is_empty() => {}
            State::Absent(_) => self.state = open(&self.library),
            State::Driver { nvml, known } => *known = list(nvml).unwrap_or_default(),
        }
    }

    pub(crate) fn known(&self) -> &[GpuInfo] {
        match &self.state {
            State::Driver { known, .. } => known,
            State::Absent(_) => &[],
        }
    }

    /// Why none is listed; empty when some are.
    pub(crate) fn note(&self) -> String {
        match &self.state {
            State::Driver { known, .. } if known.is_empty() => "NVIDIA driver without a usable GPU".into(),
            State::Driver { .. } => String::new(),
            State::Absent(why) => why.clone(),
        }
    }

    pub(crate) fn sample(&self) -> Vec<GpuUse> {
        let State::Driver { nvml, known } = &self.state else { return Vec::new() };
        known.iter().map(|info| read(nvml, info)).collect()
    }
}

fn open(library: &[OsString]) -> State {
    let mut why = "no NVIDIA driver".to_owned();
    for name in library {
        let tried: &OsStr = name;
        match Nvml::builder().lib_path(tried).init() {
            Ok(nvml) => {
                let known = list(&nvml).unwrap_or_else(|error| {
                    tracing::warn!(%error, "the NVIDIA driver lists no GPUs");
                    Vec::new()
                });
                return State::Driver { nvml: Box::new(nvml), known };
            }
            Err(NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound) => {}
            Err(NvmlError::DriverNotLoaded) => why = "NVIDIA driver installed but not loaded".into(),
            Err(error) => why = plain_line(&format!("NVIDIA driver does not answer: {error}"), 200),
        }
    }
    State::Absent(why)
}

fn list(nvml: &Nvml) -> Result<Vec<GpuInfo>, NvmlError> {
    let mut found = Vec::new();
    for index in 0..nvml.device_count()?.min(MOST_GPUS) {
        // One that has fallen off the bus hides itself, not the others.
        let info = nvml.device_by_index(index).and_then(|device| {
            Ok(GpuInfo {
                uuid: plain_line(&device.uuid()?, 96),
                name: plain_line(&device.name()?, 128),
                memory_bytes: device.memory_info()?.total,
            })
        });
        match info {
            Ok(info) => found.push(info),
            Err(error) => tracing::warn!(index, %error, "a GPU cannot be used"),
        }
    }
    Ok(found)
}

/// What the driver does not tell is absent.
fn read(nvml: &Nvml, info: &GpuInfo) -> GpuUse {
    let mut gpu = GpuUse { uuid: info.uuid.clone(), name: info.name.clone(), ..GpuUse::default() };
    // By identifier: the order of indexes may change when one is lost.
    let Ok(device) = nvml.device_by_uuid(info.uuid.as_str()) else { return gpu };
    gpu.percent = device.utilization_rates().ok().map(|u| (u.gpu as f32).min(100.0));
    if let Ok(memory) = device.memory_info() {
        gpu.memory_used_bytes = Some(memory.used.min(memory.total));
        gpu.memory_total_bytes = Some(memory.total);
    }
    gpu.temperature_c = device.temperature(TemperatureSensor::Gpu).ok().map(|t| t as f32);
    gpu.power_w = device.power_usage().ok().map(|milliwatts| milliwatts as f32 / 1000.0);
    gpu
}
