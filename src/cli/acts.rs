//! The arguments of the commands that act on cases. No secret is ever an argument.

use crate::config::policy::Span;
use clap::{Args, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Where the operator's file is.
#[derive(Args, Debug)]
pub struct Configured {
    /// The operator's file [default: $STANCH_CONFIG, then ~/.config/stanch/config.yaml, then /etc/stanch/stanch.yaml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The only place that a secret may be given in.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Stdin {
    /// Standard input.
    #[value(name = "-")]
    Stdin,
}

/// Replaces a leaked token: mint, store, prove, revoke, prove dead.
#[derive(Args, Debug)]
#[command(
    after_help = "Without --yes the case is opened and waits for approval of its plan; nothing is changed before that.\n\
    Exit codes: 0 rotated, 20 waits for a person, 21 rolled back, 22 held, 23 revoked but a dependent fails."
)]
pub struct Rotate {
    /// A fingerprint as scan prints it, or the beginning of one
    #[arg(value_name = "FINGERPRINT", conflicts_with = "credential")]
    pub fingerprint: Option<String>,
    /// A credential of the operator's file: rotates what its first store holds now
    #[arg(long, value_name = "NAME")]
    pub credential: Option<String>,
    /// Takes the leaked value from standard input instead
    #[arg(long, value_name = "-", requires = "credential")]
    pub secret: Option<Stdin>,
    /// Another scanner's report to look for the fingerprint in, as stanch import reads it
    #[arg(long, value_name = "FILE", requires = "fingerprint")]
    pub report: Option<PathBuf>,
    /// Where to look for the fingerprint: files first, then the whole history
    #[arg(long, value_name = "PATH", default_value = ".")]
    pub repo: PathBuf,
    /// Prints the exact effects and does nothing
    #[arg(long, conflicts_with = "rehearse")]
    pub plan: bool,
    /// Runs the same loop on memory adapters; nothing outside is touched
    #[arg(long)]
    pub rehearse: bool,
    /// Approves the plan beforehand
    #[arg(long)]
    pub yes: bool,
    /// Disables or revokes the old token first: an outage instead of abuse
    #[arg(long)]
    pub emergency: bool,
    /// Where the operator's file is
    #[command(flatten)]
    pub config: Configured,
}

/// Replaces what a person held who leaves: each credential whose `held_by` names that person, one after the other.
#[derive(Args, Debug)]
#[command(after_help = "The exit code is the worst of those that stanch rotate would give.")]
pub struct Offboard {
    /// Who leaves, as 'held_by' in the operator's file names that person
    #[arg(value_name = "PERSON")]
    pub person: String,
    /// Prints the exact effects and does nothing
    #[arg(long)]
    pub plan: bool,
    /// Approves the plans beforehand
    #[arg(long, conflicts_with = "plan")]
    pub yes: bool,
    /// Where the operator's file is
    #[command(flatten)]
    pub config: Configured,
}

/// Looks for tokens that carry a label of this installation and are nobody's, and ends them.
#[derive(Args, Debug)]
#[command(
    after_help = "A stray is disabled first, where its provider can, and ended after a quarantine. Without a daemon this\n\
    process waits for that; Ctrl-C stops the waiting, and stanch case resume goes on. What another installation made is\n\
    told and left alone."
)]
pub struct Sweep {
    /// One credential of the operator's file [default: all]
    #[arg(long, value_name = "NAME")]
    pub credential: Option<String>,
    /// Tells what there is and does nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How long strays are disabled before they are ended [default: what the operator's file says, else 1d]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub quarantine: Option<Span>,
    /// Approves their end beforehand
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Where the operator's file is
    #[command(flatten)]
    pub config: Configured,
}

/// Whose word it is, and how that is known; only where the operator's file names people.
#[derive(Args, Debug, Default)]
pub struct Signing {
    /// Who says it [default: whose key or account it is]
    #[arg(long = "as", value_name = "NAME")]
    pub who: Option<String>,
    /// The SSH key that signs it: a private key, or a public one whose private half an agent holds
    #[arg(long, value_name = "FILE", conflicts_with_all = ["print", "signature"])]
    pub key: Option<PathBuf>,
    /// Prints the statement to be signed elsewhere, and does nothing
    #[arg(long, conflicts_with = "signature")]
    pub print: bool,
    /// The signature of the statement that --print wrote, made by ssh-keygen -Y sign -n stanch
    #[arg(long, value_name = "FILE")]
    pub signature: Option<PathBuf>,
    /// The statement that was signed [default: the signature's name without .sig]
    #[arg(long, value_name = "FILE", requires = "signature")]
    pub statement: Option<PathBuf>,
    /// How long it holds, at most 1d [default: 15m]
    #[arg(long, value_name = "SPAN", value_parser = parse_span, conflicts_with = "signature")]
    pub valid: Option<Span>,
    /// The last record that you saw of the case, as case show prints it: the word is refused if it does not mean any more
    /// what it meant then [default: the last there is]
    #[arg(long, value_name = "RECORD")]
    pub seen: Option<u64>,
}

impl Signing {
    /// Anything of it was asked for.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.print
            || self.valid.is_some()
            || [&self.key, &self.signature, &self.statement].iter().any(|path| path.is_some())
            || self.who.is_some()
    }
}

fn parse_span(text: &str) -> Result<Span, String> {
    Span::try_from(text.to_owned())
}

/// Open and closed cases, and what a person may do about them.
#[derive(Args, Debug)]
pub struct Case {
    /// What to do with it
    #[command(subcommand)]
    pub verb: CaseVerb,
    /// The operator's file
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

/// What to do with a case.
#[derive(Debug, Subcommand)]
pub enum CaseVerb {
    /// All cases
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Only what is still exposed: open cases whose old token is not dead, and those that were given up; oldest first
        #[arg(long)]
        exposed: bool,
    },
    /// The timeline of a case, what is live now, and what can be done
    Show {
        /// The case, for instance C-0142
        id: String,
        /// The journal's records, one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Approves the plan (or the revoke) that a case waits for, and carries it on
    Approve {
        /// The case
        id: String,
        /// The digest that is approved, as the plan shows it
        #[arg(long, value_name = "DIGEST")]
        plan: Option<String>,
        /// Whose word it is
        #[command(flatten)]
        signing: Signing,
    },
    /// Hands over a token that you made in the provider's console, and carries the case on
    Provide {
        /// The case
        id: String,
        /// Where the token is read from: standard input, and nowhere else
        #[arg(long, value_name = "-")]
        secret: Stdin,
        /// Its public handle, where the provider takes both: a site id, a key id
        #[arg(long, value_name = "HANDLE")]
        token: Option<String>,
        /// Who hands it over [default: whose key or account it is]
        #[arg(long = "as", value_name = "NAME")]
        who: Option<String>,
        /// The SSH key that signs it, where the operator's file names people
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// The last record that you saw of the case
        #[arg(long, value_name = "RECORD")]
        seen: Option<u64>,
    },
    /// Prints what happens in a case until it is over; Ctrl-C stops the looking alone
    Watch {
        /// The case
        id: String,
    },
    /// Refuses the plan (or the revoke) that a case waits for: goes back, the old token stays in use
    Deny {
        /// The case
        id: String,
        /// Why; kept in the journal
        #[arg(long)]
        reason: String,
        /// Whose word it is
        #[command(flatten)]
        signing: Signing,
    },
    /// Goes on after an interruption, or from where it was held
    Resume {
        /// The case
        id: String,
        /// Why; kept in the journal
        #[arg(long, default_value = "")]
        reason: String,
        /// Whose word it is
        #[command(flatten)]
        signing: Signing,
    },
    /// Goes back: the new token dies, the old one stays in use
    Abort {
        /// The case
        id: String,
        /// Why; kept in the journal
        #[arg(long, default_value = "")]
        reason: String,
        /// Whose word it is
        #[command(flatten)]
        signing: Signing,
    },
    /// Stops before the next effect; resume goes on
    Pause {
        /// The case
        id: String,
        /// Why; kept in the journal
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Gives a held case up; the leak stays open, and on the list
    Abandon {
        /// The case
        id: String,
        /// Why; kept in the journal
        #[arg(long)]
        reason: String,
        /// Whose word it is
        #[command(flatten)]
        signing: Signing,
    },
    /// Revokes the old token now; dependents that still use it will fail
    RevokeNow {
        /// The case
        id: String,
        /// Why; kept in the journal
        #[arg(long, default_value = "")]
        reason: String,
        /// Whose word it is
        #[command(flatten)]
        signing: Signing,
    },
}

/// The sealed local store.
#[derive(Debug, Subcommand)]
pub enum StoreVerb {
    /// Puts the first value of a credential into its local stores; replaces nothing
    Fill {
        /// The credential of the operator's file
        #[arg(value_name = "CREDENTIAL")]
        credential: String,
        /// Takes the value from standard input
        #[arg(long, value_name = "-")]
        secret: Stdin,
        /// Its public handle, where the stored value holds it: a key id, a role, a user
        #[arg(long, value_name = "HANDLE")]
        token: Option<String>,
        /// Where the operator's file is
        #[command(flatten)]
        config: Configured,
    },
}

/// The journal as evidence.
#[derive(Args, Debug)]
pub struct Audit {
    /// What to do with it
    #[command(subcommand)]
    pub verb: AuditVerb,
}

/// What to do with the journal.
#[derive(Debug, Subcommand)]
pub enum AuditVerb {
    /// Checks the chain of a copied journal, of an export, or of a journal on a server; changes nothing
    Verify {
        /// The copy, the export, or the server: postgres://USER@HOST:PORT/DATABASE
        #[arg(value_name = "FILE")]
        journal: OsString,
        /// A signed checkpoint, or the folder of all of them: everything up to it must be there as it was
        #[arg(long, value_name = "PATH")]
        checkpoint: Option<PathBuf>,
        /// Whose checkpoints are believed, NAME+HASH+KEY as stanch key list shows it
        #[arg(long, value_name = "VERIFIER-KEY", requires = "checkpoint")]
        key: Vec<String>,
        /// The file that holds the password of the server's user
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Verifies the signatures of approvals and orders too, against the people of this operator's file
        #[arg(long, value_name = "FILE")]
        people: Option<PathBuf>,
    },
    /// Signs what the journal holds now, and prints it: kept elsewhere, it shows later what was changed or cut
    Checkpoint {
        /// The folder it is added to, with an index of all records [default: that of the operator's file, if it names one]
        #[arg(long, value_name = "FOLDER")]
        to: Option<PathBuf>,
        /// Where the operator's file is
        #[command(flatten)]
        config: Configured,
    },
    /// Writes the records as lines of JSON, without anything sealed
    Export {
        /// One case alone
        #[arg(long, value_name = "C-ID")]
        case: Option<String>,
        /// A file that does not exist yet [default: standard output]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Where the operator's file is
        #[command(flatten)]
        config: Configured,
    },
}

/// Where the journal lies.
#[derive(Debug, Subcommand)]
pub enum JournalVerb {
    /// Moves the journal from its file to a PostgreSQL server, whole or not at all, and verifies its chain on both ends
    Migrate {
        /// The server, without a password: postgres://USER@HOST:PORT/DATABASE, with ?sslmode=disable on loopback alone
        #[arg(long, value_name = "ADDRESS")]
        to: String,
        /// The file that holds the password of the server's user
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Where the operator's file is
        #[command(flatten)]
        config: Configured,
    },
}

/// The keys of this installation.
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// Shows the envelope keys with what is sealed under each, and the key that signs checkpoints
    List {
        /// Where the operator's file is
        #[command(flatten)]
        config: Configured,
    },
    /// Makes a new envelope key and puts everything under it; interrupted, it goes on when it is given again
    Rotate {
        /// Where the operator's file is
        #[command(flatten)]
        config: Configured,
    },
    /// Removes an envelope key that nothing is sealed under any more
    Forget {
        /// Its id, as list shows it
        #[arg(value_name = "ID")]
        id: String,
        /// Its file is gone for good: gives up what is sealed under it
        #[arg(long)]
        lost: bool,
        /// Where the operator's file is
        #[command(flatten)]
        config: Configured,
    },
}

/// Whom the daemon tells.
#[derive(Args, Debug)]
pub struct Notify {
    /// What to do
    #[command(subcommand)]
    pub verb: NotifyVerb,
}

/// What to do with those who are told.
#[derive(Debug, Subcommand)]
pub enum NotifyVerb {
    /// Sends a message that says it is a test, and tells whether it was taken
    Test {
        /// Its name under 'alerts' in the operator's file
        sink: String,
        /// Where the operator's file is
        #[command(flatten)]
        config: Configured,
    },
}

/// Asks the daemon whether it lives: for HEALTHCHECK and for scripts. Exit 0: yes; 4: no.
#[derive(Args, Debug)]
pub struct Health {
    /// Asks whether it is ready instead: journal, key, stores
    #[arg(long)]
    pub ready: bool,
    /// Where it listens, instead of what the operator's file says
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = parse_address)]
    pub address: Option<std::net::SocketAddr>,
    /// Where the operator's file is
    #[command(flatten)]
    pub config: Configured,
}

fn parse_address(text: &str) -> Result<std::net::SocketAddr, String> {
    text.parse().map_err(|_| "write a number address and a port, for instance 127.0.0.1:8481".to_owned())
}

/// The whole loop in a scratch directory: issuer, service and repository are real, and local.
#[derive(Args, Debug)]
pub struct Demo {
    /// The scratch directory; it must not exist [default: a new one among the temporary files]
    #[arg(long, value_name = "PATH")]
    pub directory: Option<PathBuf>,
}
