//! One file per command.

mod build;
mod demo;
mod install;
mod org;
mod progress;
mod release;
mod serve;
mod show;
mod standing;

use anyhow::Result;

use crate::cli::{Cli, Command};
use crate::config::{Config, Flags};

/// Runs the command that was given.
pub(crate) async fn run(cli: Cli) -> Result<()> {
    let json = cli.global.json;
    let flags = Flags { config: cli.global.config, ..Flags::default() };
    match cli.command {
        Command::Version => {
            show::version(json);
            Ok(())
        }
        Command::Build { folder, install_toolchain } => build::run(&folder, install_toolchain, json).await,
        Command::Inspect { connector } => show::inspect(&flags, &connector, json).await,
        Command::Demo { once } => demo::run(once, json).await,
        Command::Serve { listen, database } => serve::run(&load(&Flags { listen, database, ..flags })?).await,
        Command::Install { path, yes, install_toolchain } => {
            install::run(&load(&flags)?, &path, yes, install_toolchain, json).await
        }
        Command::Uninstall { connector } => install::uninstall(&load(&flags)?, &connector, json).await,
        Command::List => show::list(&load(&flags)?, json).await,
        Command::Release { connector } => release::run(&load(&flags)?, &connector, json).await,
        Command::Org { command } => org::run(&load(&flags)?, command, json).await,
        Command::Key { command } => org::key(&load(&flags)?, command, json).await,
        Command::CompileComponent { .. } => Ok(()),
    }
}

/// The configuration, for commands that need one.
pub(crate) fn load(flags: &Flags) -> Result<Config> {
    Ok(Config::load(
        flags,
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))),
    )?)
}
