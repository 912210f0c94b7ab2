//! Extism beside us: compiles the plug-in once, then answers each line `N` on its standard input with the times of N
//! calls, each on a fresh plug-in, in nanoseconds. Its parent alternates these rounds with our own.

use std::io::{BufRead as _, Write as _};
use std::time::Instant;

use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};

fn main() -> Result<(), extism::Error> {
    let mut args = std::env::args().skip(1);
    let (Some(wasm), Some(input)) = (args.next(), args.next()) else {
        return Err(extism::Error::msg("usage: bench-extism PLUGIN.wasm INPUT"));
    };
    // No WASI: the plug-in needs none, and it would only cost.
    let builder = PluginBuilder::new(Manifest::new([Wasm::file(wasm)])).with_wasi(false);
    let compiled = CompiledPlugin::new(builder)?;
    let answer: String = Plugin::new_from_compiled(&compiled)?.call("invoke", input.as_str())?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{answer}")?;
    for line in std::io::stdin().lock().lines() {
        let calls: usize = line?.trim().parse()?;
        let mut times = Vec::with_capacity(calls);
        for _ in 0..calls.min(100_000) {
            let began = Instant::now();
            let mut plugin = Plugin::new_from_compiled(&compiled)?;
            let answer: String = plugin.call("invoke", input.as_str())?;
            drop(plugin);
            times.push(began.elapsed().as_nanos().to_string());
            if answer.is_empty() {
                return Err(extism::Error::msg("the plug-in answered nothing"));
            }
        }
        writeln!(out, "{}", times.join(" "))?;
        out.flush()?;
    }
    Ok(())
}
