//! The command line. `--config` and `--json` are taken before or after a subcommand.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Runs integration connectors that nobody has to trust.
#[derive(Debug, Parser)]
#[command(name = "jackfield", version, disable_version_flag = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The configuration file (default: ./jackfield.toml, if it is there)
    #[arg(long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole line at work: host, fake providers, four connectors, five events
    Demo {
        /// Exit when the events are through, non-zero if a step did not happen
        #[arg(long)]
        once: bool,
    },
    /// Run the host
    Serve {
        /// Where the API listens (default 127.0.0.1:8080)
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<String>,
        /// sqlite:///absolute/path.db
        #[arg(long, value_name = "URL")]
        database: Option<String>,
    },
    /// Compile a connector into a component
    Build {
        /// The connector's folder
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// Install what the build needs where it is missing
        #[arg(long)]
        install_toolchain: bool,
    },
    /// Put a connector into the store, after you have seen what it asks for
    Install {
        /// A folder, which is built first, or a .wasm file
        path: PathBuf,
        /// Consent to what it asks for
        #[arg(long)]
        yes: bool,
        /// Install what the build needs where it is missing
        #[arg(long)]
        install_toolchain: bool,
    },
    /// Take a connector out of the store
    Uninstall {
        /// The connector's id
        connector: String,
    },
    /// Show what a connector is and may reach
    Inspect {
        /// An installed connector's id, a folder or a .wasm file
        connector: String,
    },
    /// List the installed connectors
    List,
    /// Lift the quarantine of a connector, of its version and of its connections
    Release {
        /// The connector's id
        connector: String,
    },
    /// Organizations
    Org {
        #[command(subcommand)]
        command: OrgCommand,
    },
    /// API keys
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Print the version
    Version,
    #[command(hide = true, name = "compile-component")]
    CompileComponent { memory: u64, seconds: u64 },
}

#[derive(Debug, Subcommand)]
pub enum OrgCommand {
    /// Make an organization
    Create {
        /// What people call it
        name: String,
    },
    /// List the organizations
    List,
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make an API key; it is shown once
    Create {
        /// The organization's id
        #[arg(long)]
        org: String,
        /// Only this scope (may be given several times); without it, every scope
        #[arg(long)]
        scope: Vec<String>,
    },
}
