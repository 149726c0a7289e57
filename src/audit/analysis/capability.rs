//! Capabilities of files (capabilities(7), `struct vfs_ns_cap_data` of linux/capability.h).

use serde::{Serialize, Serializer};
use std::fmt;

/// The names of capabilities, by number.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// What a program may do that others may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Capabilities {
    permitted: u64,
    inheritable: u64,
    is_effective: bool,
}

impl Capabilities {
    /// Reads the extended attribute `security.capability`.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut words = bytes.chunks_exact(4).map(|word| match word {
            [a, b, c, d] => u32::from_le_bytes([*a, *b, *c, *d]),
            _ => 0,
        });
        let wrong = "its capabilities cannot be read";
        let mut next = || words.next().ok_or(wrong);
        let magic = next()?;
        let (low, low_inheritable) = (next()?, next()?);
        let (high, high_inheritable) = match (magic >> 24, bytes.len()) {
            (1, 12) => (0, 0),
            (2, 20) | (3, 24) => (next()?, next()?),
            _ => return Err(wrong),
        };
        let both = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        Ok(Self {
            permitted: both(low, high),
            inheritable: both(low_inheritable, high_inheritable),
            is_effective: magic & 1 == 1,
        })
    }
}

impl fmt::Display for Capabilities {
    /// As `getcap` of libcap writes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |set: u64| {
            let name =
                |at: u32| NAMES.get(at as usize).map_or_else(|| at.to_string(), |name| format!("cap_{name}"));
            let names: Vec<_> = (0..64).filter(|at| set >> at & 1 == 1).map(name).collect();
            names.join(",")
        };
        let effective = if self.is_effective { "e" } else { "" };
        let mut parts = Vec::new();
        for (set, flags) in [
            (self.permitted & self.inheritable, "ip"),
            (self.permitted & !self.inheritable, "p"),
            (self.inheritable & !self.permitted, "i"),
        ] {
            if set != 0 {
                parts.push(format!("{}={effective}{flags}", list(set)));
            }
        }
        f.write_str(&parts.join(" "))
    }
}

impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
