//! What the operating system knows of this process. Read from `/proc`; absent elsewhere.

use std::fs;

const BYTES_PER_KIB: u64 = 1_024;

/// Resident memory of this process, in bytes.
pub fn resident_bytes() -> Option<u64> {
    kib_line(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// Memory of the machine, in bytes.
pub fn machine_bytes() -> Option<u64> {
    kib_line(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")
}

/// Reads a line such as `VmRSS:      1234 kB`.
fn kib_line(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number = line.trim().strip_suffix("kB")?.trim();
    number.parse::<u64>().ok()?.checked_mul(BYTES_PER_KIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_kib_are_read_as_bytes() {
        let text = "VmPeak:\t  900 kB\nVmRSS:\t    12 kB\nThreads:\t4\n";
        for (name, want) in [
            ("VmRSS:", Some(12 * 1_024)),
            ("VmPeak:", Some(921_600)),
            ("Threads:", None),
            ("No:", None),
        ] {
            assert_eq!(kib_line(text, name), want, "{name}");
        }
    }
}
