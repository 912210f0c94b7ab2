//! The binary: commands, configuration, wiring. Nothing else.
//!
//! **Owns** the command line ([`cli`]), the configuration ([`config`]), the one place where the crates are joined
//! ([`host`], [`wire`]) and the demo. **Refuses** logic: a decision belongs to the crate that owns its facts.

/// A line on standard output. Who reads it may have stopped (`| head`): that is no fault, and no reason to panic.
macro_rules! say {
    ($($text:tt)*) => {{ let _ = std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("{}\n", format_args!($($text)*))); }};
}
/// A line on standard error, as [`say`].
macro_rules! tell {
    ($($text:tt)*) => {{ let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{}\n", format_args!($($text)*))); }};
}
/// Text on standard output without an end of line, as [`say`].
macro_rules! ask {
    ($($text:tt)*) => {{ let _ = std::io::Write::write_fmt(&mut std::io::stdout(), format_args!($($text)*)); }};
}

mod cli;
mod commands;
mod config;
mod host;
mod logs;
mod wire;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Before anything is read: arguments, files and the environment may hold secrets.
    let core_files = host::no_core_file();
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            let usage = e.use_stderr();
            // The text goes to a terminal that may be closed already.
            let _ = e.print();
            return if usage { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    if let cli::Command::CompileComponent { memory, seconds } = cli.command {
        let code = sandbox::compile_in_this_process(memory, seconds);
        return ExitCode::from(u8::try_from(code).unwrap_or(2));
    }
    logs::start(match cli.command {
        cli::Command::Serve { .. } => "info",
        // Its overrides are the point of it, and shown in its own words.
        cli::Command::Demo { .. } => "error",
        // A command that sends nothing need not warn of overrides.
        _ => "warn,egress=error",
    });
    if let Err(e) = core_files {
        tracing::warn!(error = %e, "core files cannot be turned off; they would hold secrets");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            tell!("error: the runtime does not start: {e}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            tell!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}
