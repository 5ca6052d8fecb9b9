//! NVIDIA GPUs through the driver's own library. A computer without a driver is an ordinary computer.

use crate::processes::Processes;
use hivemind_control::GpuUse;
use hivemind_domain::resources::GpuInfo;
use hivemind_domain::text::plain_line;
use hivemind_worker_core::port::GpuContainer;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use std::ffi::{OsStr, OsString};

/// As many as the protocol can name.
const MOST_GPUS: u32 = 64;
/// Processes of one GPU that are looked at.
const MOST_PROCESSES: usize = 512;

/// Where GPUs are looked for.
pub struct GpuSource {
    library: Vec<OsString>,
    state: State,
}

enum State {
    Driver {
        nvml: Box<Nvml>,
        known: Vec<GpuInfo>,
        /// Why GPUs are missing that the driver should have.
        trouble: String,
    },
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
            State::Driver { nvml, known, trouble } => (*known, *trouble) = list(nvml),
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
            State::Driver { known, trouble, .. } if known.is_empty() && trouble.is_empty() => {
                "NVIDIA driver without a usable GPU".into()
            }
            State::Driver { trouble, .. } => trouble.clone(),
            State::Absent(why) => why.clone(),
        }
    }

    pub(crate) fn sample(&self) -> Vec<GpuUse> {
        let State::Driver { nvml, known, .. } = &self.state else { return Vec::new() };
        known.iter().map(|info| read(nvml, info)).collect()
    }

    /// What containers do on GPUs; nothing without a driver, and on systems that do not tell whose a process is.
    pub(crate) fn containers(&self, processes: &dyn Processes) -> Option<Vec<GpuContainer>> {
        let State::Driver { nvml, known, .. } = &self.state else { return None };
        if !processes.can_tell() {
            return None;
        }
        let mut found = Vec::new();
        for info in known {
            let Ok(device) = nvml.device_by_uuid(info.uuid.as_str()) else { continue };
            found.extend(on_device(&device, &info.uuid, processes)?);
        }
        Some(found)
    }
}

fn open(library: &[OsString]) -> State {
    let mut why = "no NVIDIA driver".to_owned();
    for name in library {
        let tried: &OsStr = name;
        match Nvml::builder().lib_path(tried).init() {
            Ok(nvml) => {
                let (known, trouble) = list(&nvml);
                return State::Driver { nvml: Box::new(nvml), known, trouble };
            }
            Err(NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound) => {}
            Err(error) => why = said(&error),
        }
    }
    State::Absent(why)
}

/// What a failure means for the person whose computer it is.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library's list is long; the rest is told as it is")]
fn said(error: &NvmlError) -> String {
    match error {
        NvmlError::DriverNotLoaded => "NVIDIA driver installed but not loaded".to_owned(),
        NvmlError::NoPermission => "no permission to use the NVIDIA driver".to_owned(),
        NvmlError::LibRmVersionMismatch => {
            "the NVIDIA driver was updated and an older one still runs: restart the computer".to_owned()
        }
        NvmlError::GpuLost => "a GPU has fallen off the bus: restart the computer".to_owned(),
        NvmlError::ResetRequired => "a GPU has to be reset: restart the computer".to_owned(),
        other => plain_line(&format!("NVIDIA driver does not answer: {other}"), 200),
    }
}

/// Every GPU that can be read, and why others cannot.
fn list(nvml: &Nvml) -> (Vec<GpuInfo>, String) {
    let mut found: Vec<GpuInfo> = Vec::new();
    let mut trouble = String::new();
    let count = match nvml.device_count() {
        Ok(count) => count.min(MOST_GPUS),
        Err(error) => return (found, said(&error)),
    };
    for index in 0..count {
        // One that has fallen off the bus hides itself, not the others.
        let info = nvml.device_by_index(index).and_then(|device| {
            Ok(GpuInfo {
                uuid: plain_line(&device.uuid()?, 96),
                name: plain_line(&device.name()?, 128),
                memory_bytes: device.memory_info()?.total,
            })
        });
        match info {
            Ok(info) if found.iter().any(|known| known.uuid == info.uuid) => {
                tracing::warn!(index, uuid = info.uuid, "two GPUs have one identifier");
            }
            Ok(info) => found.push(info),
            Err(error) => {
                tracing::warn!(index, %error, "a GPU cannot be used");
                trouble = said(&error);
            }
        }
    }
    (found, trouble)
}

/// Use of one GPU by containers; `None` when the driver does not list processes.
fn on_device(device: &Device<'_>, uuid: &str, processes: &dyn Processes) -> Option<Vec<GpuContainer>> {
    let running = device.running_compute_processes().ok()?;
    if running.is_empty() {
        return Some(Vec::new());
    }
    // Busy shares of the last second or so, per process; not every GPU keeps them.
    let shares = device.process_utilization_stats(None).ok();
    let whole = device.utilization_rates().ok().map(|rates| (rates.gpu as f32).min(100.0));
    let mut found: Vec<GpuContainer> = Vec::new();
    let mut strangers = false;
    for process in running.iter().take(MOST_PROCESSES) {
        let Some(container) = processes.container_of(process.pid) else {
            strangers = true;
            continue;
        };
        let memory = if let UsedGpuMemory::Used(bytes) = process.used_gpu_memory { bytes } else { 0 };
        let percent = shares.as_ref().map(|shares| {
            let newest = shares.iter().filter(|share| share.pid == process.pid).max_by_key(|s| s.timestamp);
            newest.map_or(0.0, |share| (share.sm_util as f32).min(100.0))
        });
        match found.iter_mut().find(|known| known.container == container) {
            Some(known) => {
                known.memory_bytes = known.memory_bytes.saturating_add(memory);
                known.percent = known.percent.zip(percent).map(|(a, b)| (a + b).min(100.0));
            }
            None => {
                found.push(GpuContainer { container, uuid: uuid.to_owned(), memory_bytes: memory, percent })
            }
        }
    }
    // With nobody else on the GPU, what it does is what its one container does.
    if let ([only], false) = (found.as_mut_slice(), strangers) {
        only.percent = only.percent.or(whole);
    }
    Some(found)
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
