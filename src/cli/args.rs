//! What may be typed.

use super::quantities::{parse_jobs, parse_platform, parse_size, parse_time};
use crate::model::Severity;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Finds leaked access tokens, and replaces them.
#[derive(Debug, Parser)]
#[command(name = "stanch", version, about, after_help = super::exit::HELP, max_term_width = 100)]
#[command(arg_required_else_help = true, propagate_version = false)]
pub struct Arguments {
    /// Flags of every command.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Colour,
    /// Log more: -v, -vv, -vvv (STANCH_LOG says it in detail)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// The form of the log on standard error
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORM")]
    pub log_format: LogForm,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogForm {
    /// Text.
    #[default]
    Text,
    /// JSON, an object a line.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look for tokens in files, standard input or git
    #[command(after_help = super::exit::HELP)]
    Scan(ScanArguments),
    /// Scan what a push or a pull request brings, as the continuous-integration service tells it
    #[command(after_help = super::exit::HELP)]
    Ci(CiArguments),
    /// What git calls before a commit or a push, and its installation
    #[command(subcommand)]
    Hook(HookCommand),
    /// The configuration of this repository
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The kinds of tokens that are known, and files of rules
    #[command(subcommand)]
    Rules(super::rules::args::RulesCommand),
    /// Write an exception with a reason and an end into .stanchignore
    Ignore(super::ignore::IgnoreArguments),
    /// Take another scanner's report in: the same findings in our words, with our fingerprints
    #[command(after_help = super::exit::HELP)]
    Import(ImportArguments),
    /// Replace a leaked token: mint, store, prove, revoke, prove dead
    #[cfg(feature = "rotate")]
    Rotate(super::acts::Rotate),
    /// A person leaves: replace every credential that this person held
    #[cfg(feature = "rotate")]
    Offboard(super::acts::Offboard),
    /// End tokens that interrupted cases left behind and that nobody uses
    #[cfg(feature = "rotate")]
    Sweep(super::acts::Sweep),
    /// Open and closed cases, and what a person may do about them
    #[cfg(feature = "rotate")]
    Case(super::acts::Case),
    /// The first value of a credential that the local store keeps
    #[cfg(feature = "rotate")]
    #[command(subcommand)]
    Store(super::acts::StoreVerb),
    /// The journal as evidence
    #[cfg(feature = "rotate")]
    Audit(super::acts::Audit),
    /// Where the journal lies: in a file, or on a server that several machines share
    #[cfg(feature = "rotate")]
    #[command(subcommand)]
    Journal(super::acts::JournalVerb),
    /// The keys that seal what is kept, and sign what others shall believe
    #[cfg(feature = "rotate")]
    #[command(subcommand)]
    Key(super::acts::KeyVerb),
    /// Whom the daemon tells
    #[cfg(feature = "rotate")]
    Notify(super::acts::Notify),
    /// Ask the daemon whether it lives, or is ready
    #[cfg(feature = "rotate")]
    Health(super::acts::Health),
    /// Watch, scan what changed, open cases and carry them, until it is told to stop
    #[cfg(feature = "rotate")]
    Daemon(super::acts::Configured),
    /// Have the running daemon read its configuration again
    #[cfg(feature = "rotate")]
    Reload(super::acts::Configured),
    /// Have the running daemon bring every case to a record, and end
    #[cfg(feature = "rotate")]
    Drain(super::acts::Configured),
    /// The whole loop in a scratch directory
    #[cfg(feature = "rotate")]
    Demo(super::acts::Demo),
    /// What git calls for a token while it fetches for us
    #[cfg(feature = "rotate")]
    #[command(hide = true)]
    GitCredential(super::credential::GitCredential),
}

/// Arguments of `stanch scan`.
#[derive(Debug, Args)]
pub struct ScanArguments {
    /// Files and directories, or - for standard input; with --range or --history a path in the repository [default: .]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Scan what the next commit would add or change
    #[arg(long, conflicts_with_all = ["paths", "range", "history"])]
    pub staged: bool,
    /// Scan what each commit of a range adds or changes, and its message
    #[arg(long, value_name = "A..B", conflicts_with = "history")]
    pub range: Option<String>,
    /// Scan every commit that any reference reaches
    #[arg(long)]
    pub history: bool,
    /// Look at all of a history anew, and ask about every secret anew, whatever an earlier run has learned
    #[arg(long)]
    pub no_cache: bool,
    /// A container image
    #[command(flatten)]
    pub image: ImageArguments,
    /// Where the report goes
    #[command(flatten)]
    pub report: ReportArguments,
    /// What the run comes to
    #[command(flatten)]
    pub verdict: VerdictArguments,
    /// What is read
    #[command(flatten)]
    pub reading: ReadingArguments,
    /// Whether providers are asked
    #[cfg(feature = "rotate")]
    #[command(flatten)]
    pub verify: super::verify::VerifyArguments,
}

/// Which container image.
#[derive(Debug, Args)]
pub struct ImageArguments {
    /// Scan a container image: one that is saved here, or one in a registry, such as ghcr.io/acme/shop:1.4
    #[arg(long, value_name = "IMAGE", conflicts_with_all = ["paths", "staged", "range", "history"])]
    pub image: Option<String>,
    /// Of an image in a registry, fetch what is for this platform alone, such as linux/arm64 (repeatable) [default: all]
    #[arg(long, value_name = "OS/ARCHITECTURE", requires = "image", value_parser = parse_platform)]
    pub platform: Vec<String>,
    /// Fetch no image that is larger, compressed
    #[arg(long, value_name = "SIZE", requires = "image", value_parser = parse_size, default_value = "20GB")]
    pub image_size: u64,
    /// Do nothing for which the network is needed
    #[arg(long, requires = "image")]
    #[cfg_attr(feature = "rotate", arg(conflicts_with = "verify"))]
    pub offline: bool,
}

/// Arguments of `stanch import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// The report, or - for standard input
    #[arg(value_name = "REPORT")]
    pub from_file: PathBuf,
    /// Whose it is: gitleaks, trufflehog, kingfisher, betterleaks, ggshield or sarif [default: seen from its keys]
    #[arg(long, value_name = "SCANNER")]
    pub from: Option<crate::import::Scanner>,
    /// The repository or directory that the report is about
    #[arg(long, value_name = "PATH", default_value = ".")]
    pub repo: PathBuf,
    /// Where the report goes
    #[command(flatten)]
    pub report: ReportArguments,
    /// What the run comes to
    #[command(flatten)]
    pub verdict: VerdictArguments,
    /// Leave the repository's own stanch.yaml and .stanchignore unread
    #[arg(long)]
    pub isolated: bool,
    /// Which kinds
    #[command(flatten)]
    pub kinds: KindsArguments,
}

/// Arguments of `stanch ci`.
#[derive(Debug, Args)]
pub struct CiArguments {
    /// Fetch the commits that are needed and not in the clone, with git
    #[arg(long)]
    pub fetch: bool,
    /// The form of the report on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: Form,
    /// Write a report to a file, as FORM=FILE (repeatable); without FORM it takes the place of standard output
    #[arg(long, value_name = "[FORM=]FILE")]
    pub output: Vec<String>,
    /// Fail on findings from this severity on [default: medium, or what the base's stanch.yaml says]
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub gate: Option<Gate>,
    /// Let findings pass: 1 and 10 become 0, nothing else does
    #[arg(long)]
    pub exit_zero: bool,
    /// Threads [default: one per processor]
    #[arg(short, long, value_name = "N", value_parser = parse_jobs)]
    pub jobs: Option<std::num::NonZeroUsize>,
    /// Read nothing that is larger, which is then incomplete, for instance 25MB
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "100MB")]
    pub max_size: u64,
    /// End after this time with what was found, which is then incomplete, for instance 30s, 5m or 500ms
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub timeout: Option<Duration>,
    /// Take no more than this out of one archive, document or image, for instance 50GB [default: 1 GiB and 16 times its size]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub max_expanded: Option<u64>,
    /// Which kinds
    #[command(flatten)]
    pub kinds: KindsArguments,
    /// Whether providers are asked
    #[cfg(feature = "rotate")]
    #[command(flatten)]
    pub verify: super::verify::VerifyArguments,
}

/// Where a report goes.
#[derive(Clone, Debug, Args)]
pub struct ReportArguments {
    /// The form of the report on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: Form,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Write a report to a file, as FORM=FILE (repeatable); without FORM it takes the place of standard output
    #[arg(long, value_name = "[FORM=]FILE")]
    pub output: Vec<String>,
}

impl ReportArguments {
    /// The form on standard output.
    #[must_use]
    pub fn form(&self) -> Form {
        if self.json { Form::Json } else { self.format }
    }
}

/// What the run comes to.
#[derive(Clone, Debug, Args)]
pub struct VerdictArguments {
    /// Fail on findings from this severity on [default: medium]
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub gate: Option<Gate>,
    /// Count what is left out on purpose as incomplete
    #[arg(long)]
    pub strict: bool,
    /// Let findings pass: 1 and 10 become 0, nothing else does
    #[arg(long)]
    pub exit_zero: bool,
}

/// What is read.
#[derive(Clone, Debug, Args)]
pub struct ReadingArguments {
    /// Threads [default: one per processor]
    #[arg(short, long, value_name = "N", value_parser = parse_jobs)]
    pub jobs: Option<std::num::NonZeroUsize>,
    /// Read nothing that is larger, which is then incomplete, for instance 25MB
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "100MB")]
    pub max_size: u64,
    /// Take no more than this out of one archive, document or image, for instance 50GB [default: 1 GiB and 16 times its size]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub max_expanded: Option<u64>,
    /// Leave out paths, as in .gitignore (repeatable)
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Leave the repository's own stanch.yaml and .stanchignore unread
    #[arg(long)]
    pub isolated: bool,
    /// End after this time with what was found, which is then incomplete, for instance 30s, 5m or 500ms
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub timeout: Option<Duration>,
    /// Say on standard error what the run took
    #[arg(long)]
    pub stats: bool,
    /// Which kinds
    #[command(flatten)]
    pub kinds: KindsArguments,
}

/// Which kinds are looked for.
#[derive(Clone, Debug, Args)]
pub struct KindsArguments {
    /// Look for the kinds of this file of rules too, or of those in this directory (repeatable)
    #[arg(long, value_name = "FILE_OR_DIR")]
    pub rules: Vec<PathBuf>,
}

/// A form of report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people.
    #[default]
    Text,
    /// One line a finding.
    Lines,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// GitLab's secret-detection report.
    Gitlab,
    /// JUnit's XML.
    Junit,
    /// Commands by which GitHub Actions annotates lines.
    Github,
    /// Markdown, as for the summary of a job.
    Summary,
    /// The report of Bitbucket's Code Insights.
    BitbucketReport,
    /// The annotations of Bitbucket's Code Insights.
    BitbucketAnnotations,
}

/// A severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Gate {
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl From<Gate> for Severity {
    fn from(gate: Gate) -> Self {
        match gate {
            Gate::Low => Self::Low,
            Gate::Medium => Self::Medium,
            Gate::High => Self::High,
            Gate::Critical => Self::Critical,
        }
    }
}

/// What an operator sets for the hooks of a server.
const RECEIVING: &str = "\
Settings (git config, in the bare repository):
  stanch.receiveTimeLimit  seconds for the whole run; then the push is rejected [default: 4]
  stanch.breakGlass        who may pass with git push -o stanch.skip=REASON (repeatable) [default: nobody]";

/// `stanch hook`.
#[derive(Debug, Subcommand)]
pub enum HookCommand {
    /// Scan what is staged and stop the commit if it holds a token
    PreCommit,
    /// Scan the message of a commit and stop the commit if it holds a token
    CommitMsg {
        /// Where git has put the message
        file: PathBuf,
    },
    /// Scan every commit that a push brings and stop the push if one holds a token
    PrePush {
        /// The remote
        remote: Option<OsString>,
        /// Its address
        url: Option<OsString>,
    },
    /// Scan what a repository is about to receive and reject the push if it holds a token
    #[command(after_help = RECEIVING)]
    PreReceive,
    /// The same for one reference
    Update {
        /// The reference
        reference: OsString,
        /// Where it is now
        old: String,
        /// Where it is to be
        new: String,
    },
    /// What pre-commit and prek call, which hand over less than git does
    #[command(hide = true)]
    Framework {
        /// The hook
        #[arg(value_enum)]
        hook: HookName,
        /// Where the message is, if the framework says it
        file: Option<PathBuf>,
    },
    /// Put the hooks into this repository
    Install(HookInstallArguments),
    /// Take the hooks out of this repository, and put back what was there before
    Uninstall(HookUninstallArguments),
    /// Say of each hook whether git calls us, by which way, and what is amiss [exit code 1 if one is off or amiss]
    Status(HookStatusArguments),
    /// Try the installed hooks with a made-up token in a scratch repository [exit code 4 if one lets it pass]
    Doctor,
}

/// Arguments of `stanch hook install`.
#[derive(Debug, Args)]
pub struct HookInstallArguments {
    /// By whom git is told to call us [default: the framework that has this repository's hooks, else git]
    #[arg(long, value_enum, value_name = "FORM")]
    pub via: Option<Via>,
    /// Which hooks [default: pre-commit,commit-msg,pre-push; with --server pre-receive]
    #[arg(long, value_enum, value_name = "HOOK", value_delimiter = ',')]
    pub hook: Vec<HookName>,
    /// The hook of a repository that is pushed to
    #[arg(long, conflicts_with = "via")]
    pub server: bool,
    /// For all repositories of this user
    #[arg(long, conflicts_with = "server")]
    pub global: bool,
}

/// Arguments of `stanch hook uninstall`.
#[derive(Debug, Args)]
pub struct HookUninstallArguments {
    /// Only what was put in this way [default: all]
    #[arg(long, value_enum, value_name = "FORM")]
    pub via: Option<Via>,
    /// Only these hooks [default: all]
    #[arg(long, value_enum, value_name = "HOOK", value_delimiter = ',')]
    pub hook: Vec<HookName>,
    /// What was put in for all repositories of this user
    #[arg(long)]
    pub global: bool,
}

/// Arguments of `stanch hook status`.
#[derive(Debug, Args)]
pub struct HookStatusArguments {
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// By whom git is told to call us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Via {
    /// A script in the directory of hooks.
    Git,
    /// Git's configuration (git 2.54 and later).
    Config,
    /// The pre-commit framework.
    PreCommit,
    /// prek.
    Prek,
    /// Lefthook.
    Lefthook,
    /// Husky.
    Husky,
}

impl From<Via> for crate::hooks::Form {
    fn from(via: Via) -> Self {
        match via {
            Via::Git => Self::Git,
            Via::Config => Self::Config,
            Via::PreCommit => Self::PreCommit,
            Via::Prek => Self::Prek,
            Via::Lefthook => Self::Lefthook,
            Via::Husky => Self::Husky,
        }
    }
}

/// A hook of git.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HookName {
    /// Before a commit.
    PreCommit,
    /// With the message of a commit.
    CommitMsg,
    /// Before a push.
    PrePush,
    /// On a server, once for a push.
    PreReceive,
    /// On a server, once for a reference.
    Update,
}

impl From<HookName> for crate::hooks::Hook {
    fn from(name: HookName) -> Self {
        match name {
            HookName::PreCommit => Self::PreCommit,
            HookName::CommitMsg => Self::CommitMsg,
            HookName::PrePush => Self::PrePush,
            HookName::PreReceive => Self::PreReceive,
            HookName::Update => Self::Update,
        }
    }
}

/// `stanch config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write stanch.yaml with a fresh salt to the top of the repository
    New,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_commands_fit_together() {
        Arguments::command().debug_assert();
    }
}
