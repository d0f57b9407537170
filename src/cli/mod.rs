//! The command line: the only part of the program that prints and exits.

#[cfg(feature = "rotate")]
pub mod acts;
pub mod args;
#[cfg(feature = "rotate")]
mod audit;
#[cfg(feature = "rotate")]
mod case;
mod ci;
mod config;
#[cfg(feature = "rotate")]
pub mod credential;
#[cfg(feature = "rotate")]
mod daemon;
#[cfg(feature = "rotate")]
mod demo;
mod discretion;
#[cfg(feature = "rotate")]
mod dump;
pub mod exit;
pub mod failure;
#[cfg(feature = "rotate")]
mod find;
#[cfg(feature = "rotate")]
mod follow;
#[cfg(feature = "rotate")]
mod health;
mod hook;
pub mod ignore;
mod image;
mod import;
mod interruption;
#[cfg(feature = "rotate")]
mod journal;
#[cfg(feature = "rotate")]
mod key;
#[cfg(feature = "rotate")]
mod listing;
#[cfg(feature = "rotate")]
mod mending;
#[cfg(feature = "rotate")]
mod notify;
#[cfg(feature = "rotate")]
mod offboard;
mod output;
#[cfg(feature = "rotate")]
mod person;
mod progress;
mod quantities;
#[cfg(feature = "rotate")]
mod rotate;
mod rules;
mod scan;
#[cfg(feature = "rotate")]
mod screen;
#[cfg(feature = "rotate")]
mod signals;
#[cfg(feature = "rotate")]
mod signing;
mod stats;
#[cfg(feature = "rotate")]
mod store;
#[cfg(feature = "rotate")]
mod sweep;
#[cfg(feature = "rotate")]
pub mod verify;

use crate::clock::SystemClock;
use crate::telemetry::{self, LogFormat, Logging};
use args::{Arguments, Command, LogForm};
use clap::Parser as _;
use exit::Code;
use failure::Failure;
use std::process::ExitCode;

/// Reads the arguments, does what they say, and returns the code of [`exit`].
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { Code::Usage } else { Code::Clean };
            if error.use_stderr() {
                discretion::print(&error);
            } else {
                // With its output closed there is nobody to tell.
                let _printed = error.print().is_ok();
            }
            return code.into();
        }
    };
    match run(&arguments) {
        Ok(code) => code.into(),
        Err(failure) => {
            failure.print();
            failure.code.into()
        }
    }
}

fn run(arguments: &Arguments) -> Result<Code, Failure> {
    #[cfg(feature = "rotate")]
    let is_service = matches!(arguments.command, Command::Daemon(_));
    #[cfg(not(feature = "rotate"))]
    let is_service = false;
    start_log(&arguments.common, is_service)?;
    #[cfg(feature = "rotate")]
    dump::forbid();
    let clock = SystemClock::new();
    let common = &arguments.common;
    match &arguments.command {
        Command::Scan(arguments) => scan::run(arguments, common, &clock),
        Command::Ci(arguments) => ci::run(arguments, common, &clock),
        Command::Hook(command) => hook::run(command, common, &clock),
        Command::Config(command) => config::run(command),
        Command::Rules(command) => rules::run(command),
        Command::Ignore(arguments) => ignore::run(arguments, &clock),
        Command::Import(arguments) => import::run(arguments, common, &clock),
        #[cfg(feature = "rotate")]
        Command::Offboard(arguments) => offboard::run(arguments, common.verbose > 0),
        #[cfg(feature = "rotate")]
        Command::Sweep(arguments) => sweep::run(arguments, common.verbose > 0),
        #[cfg(feature = "rotate")]
        Command::Rotate(arguments) => rotate::run(arguments, common.verbose > 0),
        #[cfg(feature = "rotate")]
        Command::Case(arguments) => case::run(arguments, common.verbose > 0),
        #[cfg(feature = "rotate")]
        Command::Store(verb) => store::run(verb),
        #[cfg(feature = "rotate")]
        Command::Audit(arguments) => audit::run(arguments),
        #[cfg(feature = "rotate")]
        Command::Journal(verb) => journal::run(verb),
        #[cfg(feature = "rotate")]
        Command::Key(verb) => key::run(verb),
        #[cfg(feature = "rotate")]
        Command::Notify(arguments) => notify::run(arguments),
        #[cfg(feature = "rotate")]
        Command::Health(arguments) => health::run(arguments),
        #[cfg(feature = "rotate")]
        Command::Daemon(arguments) => daemon::run(arguments),
        #[cfg(feature = "rotate")]
        Command::Reload(arguments) => daemon::reload(arguments),
        #[cfg(feature = "rotate")]
        Command::Drain(arguments) => daemon::drain(arguments),
        #[cfg(feature = "rotate")]
        Command::Demo(arguments) => demo::run(arguments, common),
        #[cfg(feature = "rotate")]
        Command::GitCredential(arguments) => credential::run(arguments),
    }
}

/// A service has nobody who looks on: it says what it does without being asked.
fn start_log(common: &args::Common, is_service: bool) -> Result<(), Failure> {
    let format = match common.log_format {
        LogForm::Text => LogFormat::Text,
        LogForm::Json => LogFormat::Json,
    };
    let directives = std::env::var("STANCH_LOG").ok();
    telemetry::start(&Logging { format, verbose: common.verbose.saturating_add(u8::from(is_service)), directives })
        .map_err(|error| {
            Failure::of(Code::Usage, &error).hint("for instance STANCH_LOG=info or STANCH_LOG=stanch=debug")
        })
}
