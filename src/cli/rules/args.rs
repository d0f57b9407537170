//! What may be typed behind `stanch rules`.

use super::super::args::{Gate, KindsArguments};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `stanch rules`.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// List the kinds
    List(ListArguments),
    /// Show one kind: what it looks like, what it opens, and what to do when it leaks
    Show {
        /// Its name
        id: String,
        /// The form
        #[arg(long, value_enum, default_value_t, value_name = "FORM")]
        format: Listing,
        /// Which kinds
        #[command(flatten)]
        kinds: KindsArguments,
    },
    /// Check files of rules, and say what each kind costs to look for
    Check {
        /// The files, or directories of files; without any, the built-in kinds, which the build has checked
        #[arg(value_name = "FILE_OR_DIR")]
        files: Vec<PathBuf>,
    },
    /// Send every call of files of rules to a provider on this machine, and compare with what the files say
    ///
    /// It answers with the samples in `replies`. Each request as it arrives is held against what the file says, and what is read
    /// of the answer against what the sample says. Only 127.0.0.1 is contacted, whatever hosts the files name; tokens and
    /// authorities are made up.
    Test {
        /// The files, or directories of files; without any, those of the built-in kinds
        #[arg(value_name = "FILE_OR_DIR")]
        files: Vec<PathBuf>,
    },
    /// Write a file for a kind of your own, which passes the check as it is
    New(NewArguments),
    /// Write the catalogue as Markdown: a page for every provider, and an index
    Docs(DocsArguments),
}

/// The form of what is told of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Listing {
    /// Text.
    #[default]
    Text,
    /// JSON.
    Json,
}

/// What can be done with the tokens of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Verb {
    /// Asked whether they work.
    Verify,
    /// Renewed.
    Mint,
    /// Ended.
    Revoke,
    /// Looked up for their use.
    Usage,
}

impl Verb {
    /// The word of the rule files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Mint => "mint",
            Self::Revoke => "revoke",
            Self::Usage => "usage",
        }
    }
}

/// The characters of a token behind its prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Alphabet {
    /// Letters and digits.
    #[default]
    Alnum,
    /// Small letters and digits.
    Lower,
    /// Capital letters and digits.
    Upper,
    /// Hexadecimal digits in small letters.
    Hex,
    /// Letters, digits, `-` and `_`.
    Base64url,
    /// Letters, digits, `+` and `/`.
    Base64,
}

/// Arguments of `stanch rules new`.
#[derive(Debug, Args)]
pub struct NewArguments {
    /// The name of the kind, such as acme.api-token
    #[arg(value_name = "PROVIDER.NAME")]
    pub id: String,
    /// Where to write it; without this, to standard output
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// What every token begins with; without this, tokens are told by the provider's name beside them
    #[arg(long, value_name = "TEXT")]
    pub prefix: Option<String>,
    /// How many characters follow the prefix: 32, or 32-64
    #[arg(long, default_value = "32", value_name = "N[-M]")]
    pub length: String,
    /// Which characters follow the prefix
    #[arg(long, value_enum, default_value_t)]
    pub alphabet: Alphabet,
    /// The provider's host, where tokens may be asked about
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// The path on that host which answers who a token belongs to, such as /v1/me
    #[arg(long, value_name = "PATH", requires = "host")]
    pub who: Option<String>,
    /// The page that documents the format
    #[arg(long, value_name = "URL")]
    pub page: Option<String>,
    /// How bad a leak is
    #[arg(long, value_enum, default_value = "high")]
    pub severity: Gate,
}

/// Arguments of `stanch rules docs`.
#[derive(Debug, Args)]
pub struct DocsArguments {
    /// The directory to write to; without it, the index alone goes to standard output
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Which kinds
    #[command(flatten)]
    pub kinds: KindsArguments,
}

/// Arguments of `stanch rules list`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// Only the kinds of this provider: the first part of their names
    #[arg(long, value_name = "PROVIDER")]
    pub provider: Option<String>,
    /// Only kinds with which this can be done; several: all of it
    #[arg(long, value_enum, value_name = "VERB")]
    pub verb: Vec<Verb>,
    /// The form
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub format: Listing,
    /// Which kinds
    #[command(flatten)]
    pub kinds: KindsArguments,
}
