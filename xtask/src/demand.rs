//! The Debian packages each kind of work demands.

/// One kind of work and what it demands of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Group {
    /// Compiling the workspace and the window
    Build,
    /// A private Docker engine, and images made from packages
    Engine,
    /// The window and the browser, driven by tests
    E2e,
    /// Type-checking and linking for Windows, running that under Wine, and its installer
    Windows,
    /// Judging the units of systemd that are installed
    Units,
    /// Making packages for Linux, and testing an AppImage
    Packages,
    /// Trying packages for Linux
    Trial,
}

impl Group {
    /// All groups, in the order they are installed.
    pub const ALL: [Self; 6] =
        [Self::Build, Self::Engine, Self::E2e, Self::Windows, Self::Units, Self::Packages];

    /// Debian package names.
    pub fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Build => &[
                "ca-certificates",
                "gcc",
                "libc6-dev",
                "libwebkit2gtk-4.1-dev",
                "nodejs",
                "npm",
                "pkg-config",
            ],
            Self::Engine => &["busybox-static", "docker.io", "iproute2", "iptables", "procps"],
            Self::E2e => &[
                "chromium",
                "chromium-driver",
                "dbus",
                "faketime",
                "fonts-noto-cjk",
                "fonts-noto-core",
                "gnome-keyring",
                "libglib2.0-bin",
                "openbox",
                "python3-dbusmock",
                "python3-gi",
                "webkit2gtk-driver",
                "xauth",
                "xvfb",
            ],
            Self::Windows => &[
                "binutils-mingw-w64-x86-64",
                "cargo-web",
                "g++-mingw-w64-x86-64",
                "gcc-mingw-w64-x86-64",
                "mingw-w64-x86-64-dev",
                "msitools",
                "rust-web-src",
                "rustc-web",
                "wine64",
                "wixl",
            ],
            Self::Units => &["systemd"],
            Self::Packages => &["dpkg", "squashfs-tools", "zsync"],
            Self::Trial => &["debootstrap", "fuse3", "libfuse2", "systemd-container"],
        }
    }

    /// What it is for, in a word or two.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Build => "building",
            Self::Engine => "the test engine",
            Self::E2e => "tests of window and browser",
            Self::Windows => "the check for Windows, its tests under Wine and its installer",
            Self::Units => "judging the units of systemd",
            Self::Packages => "packages for Linux",
            Self::Trial => "trying packages for Linux",
        }
    }
}
