//! What the machine is, without its name, and what processes on it take.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path.pop();
    path
}

/// `2 cores, NAME OF THE CPU, 23 GiB, Linux 6.1.0`
pub(crate) fn describe() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let (cpu, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let cpu = cpu.lines().find(|l| l.starts_with("model name")).and_then(|l| l.split(": ").nth(1));
    let kib = memory.lines().next().and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok());
    // The release alone: the rest of it may name a build machine.
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel: String = kernel.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    format!(
        "{cores} cores, {}, {} GiB of memory, Linux {}",
        cpu.unwrap_or("CPU unknown").trim(),
        kib.unwrap_or(0) / (1024 * 1024),
        kernel.trim_end_matches('.')
    )
}

/// Processes that ran or waited to run, over the last minute: what else the machine did.
pub(crate) fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|t| t.parse().ok()).unwrap_or(f64::NAN)
}

/// Resident memory of a process in MiB; `pid` may be `self`.
pub(crate) fn resident_mib(pid: &str) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let kib =
        text.lines().find_map(|l| l.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kib.with_context(|| format!("{path} has no VmRSS: memory is measured on Linux only"))? / 1024.0)
}
