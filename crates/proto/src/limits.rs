//! The bounds stated in the comments of the proto files. Bytes where nothing else is said.

/// Protocol version spoken by this crate.
pub const PROTOCOL_VERSION: u32 = 1;

/// Largest message either side decodes: the largest legal one with room for its framing.
pub const MAX_MESSAGE_BYTES: usize = 512 * 1024;
/// Largest piece of a package or a result.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// Any identifier.
pub const MAX_ID_BYTES: usize = 64;
/// User name.
pub const MAX_USERNAME_BYTES: usize = 64;
/// Password.
pub const MAX_PASSWORD_BYTES: usize = 256;
/// Session or refresh token.
pub const MAX_TOKEN_BYTES: usize = 256;
/// Computer's name.
pub const MAX_HOSTNAME_BYTES: usize = 128;
/// Worker's version.
pub const MAX_VERSION_BYTES: usize = 64;
/// Processor, GPU or engine name.
pub const MAX_DEVICE_NAME_BYTES: usize = 128;
/// GPU identifier.
pub const MAX_GPU_ID_BYTES: usize = 96;
/// A single word such as an operating system or a pause reason.
pub const MAX_WORD_BYTES: usize = 64;
/// GPUs in one computer.
pub const MAX_GPUS: usize = 64;
/// Logical processors.
pub const MAX_CPU_CORES: u32 = 4096;
/// Attempts one node may hold.
pub const MAX_HELD: usize = 256;
/// Notices in a heartbeat's answer.
pub const MAX_NOTICES: usize = 8;
/// Alerts in a status report.
pub const MAX_ALERTS: usize = 16;
/// Sub-tasks of one array.
pub const MAX_ARRAY: u32 = 1000;
/// One notice.
pub const MAX_NOTICE_BYTES: usize = 256;

/// A task's name.
pub const MAX_TASK_NAME_BYTES: usize = 128;
/// Image reference or digest.
pub const MAX_IMAGE_BYTES: usize = 256;
/// Parts of a command line.
pub const MAX_COMMAND_PARTS: usize = 64;
/// One part of a command line.
pub const MAX_COMMAND_PART_BYTES: usize = 4096;
/// A whole command line.
pub const MAX_COMMAND_BYTES: usize = 16_384;
/// Hosts a task may wish for.
pub const MAX_NETWORK_HOSTS: usize = 32;
/// One host name.
pub const MAX_HOST_BYTES: usize = 253;
/// Sentence beside a state, a verdict or a hand-back.
pub const MAX_SENTENCE_BYTES: usize = 1024;
/// Sentence beside a progress.
pub const MAX_PROGRESS_BYTES: usize = 256;

/// Lines in one log chunk.
pub const MAX_LOG_LINES: usize = 512;
/// One log line.
pub const MAX_LOG_LINE_BYTES: usize = 16_384;
/// Text of one log chunk.
pub const MAX_LOG_CHUNK_BYTES: usize = 256 * 1024;

/// Rows in one answer of `ListEarnings`.
pub const MAX_EARNINGS: u32 = 200;
/// Longest wait of `AssignTask`, in milliseconds.
pub const MAX_ASSIGN_WAIT_MS: u32 = 25_000;

/// Sentence of an error.
pub const MAX_ERROR_MESSAGE_BYTES: usize = 512;
/// Field name in an error.
pub const MAX_ERROR_FIELD_BYTES: usize = 64;
