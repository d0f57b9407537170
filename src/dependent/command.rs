//! A dependent that a program on this machine asks: no shell, an environment of our choosing, a limit on time and
//! output.
//!
//! Nothing secret goes to the program: its arguments and variables are as configured, and what is expected of the
//! answer is compared here.

use super::expect::Expectation;
use super::reload::Reload;
use super::{Dependent, DependentError, Expected};
use crate::egress::Group;
use crate::model::Health;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

/// What of a program's output is looked at.
const OUTPUT: u64 = 64 * 1024;
/// What a program gets of our environment.
const HANDED_ON: [&str; 2] = ["PATH", "LANG"];

/// A program and how to run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The program, then its arguments; no shell looks at them.
    pub arguments: Vec<String>,
    /// Its environment, besides PATH and LANG.
    pub variables: BTreeMap<String, String>,
    /// Where it runs; none: where this program does.
    pub directory: Option<PathBuf>,
    /// How long it may take; after that it is ended with all it has started.
    pub within: Duration,
}

/// How to ask a dependent by a program.
#[derive(Debug)]
pub struct CommandSettings {
    /// Its name in the inventory.
    pub name: String,
    /// The program that asks.
    pub probe: Program,
    /// The exit code of a dependent that works, usually 0.
    pub code: i32,
    /// What the program's output must say.
    pub expect: Expectation,
    /// How to make the dependent read its store again.
    pub reload: Option<Reload>,
}

/// A dependent that a program asks.
#[derive(Debug)]
pub struct CommandDependent {
    settings: CommandSettings,
}

impl CommandDependent {
    /// A dependent with these settings; runs nothing yet.
    ///
    /// # Errors
    /// There is no program, or the expectation cannot be used.
    pub fn new(settings: CommandSettings) -> Result<Self, DependentError> {
        let problem = settings.probe.problem().map(str::to_owned).or_else(|| settings.expect.problem());
        match problem {
            Some(problem) => Err(DependentError::Settings { name: settings.name, problem }),
            None => Ok(Self { settings }),
        }
    }
}

#[async_trait]
impl Dependent for CommandDependent {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn reloads(&self) -> bool {
        self.settings.reload.is_some()
    }

    async fn reload(&self) -> Result<(), DependentError> {
        match &self.settings.reload {
            Some(reload) => reload.run(&self.settings.name).await,
            None => Ok(()),
        }
    }

    async fn verify(&self, expected: &Expected) -> Result<Health, DependentError> {
        let name = || self.settings.name.clone();
        let ran = self.settings.probe.run(true).await;
        let (status, output) = match ran.map_err(|source| DependentError::Local { name: name(), source })? {
            Ran::Ended(status, output) => (status, output),
            Ran::TooLong => return Err(DependentError::Unreachable { name: name() }),
        };
        if status.code() != Some(self.settings.code) {
            return Ok(Health::Bad);
        }
        Ok(self.settings.expect.judge(&output, expected))
    }
}

/// How a program ended.
pub(super) enum Ran {
    /// By itself, with the beginning of its output.
    Ended(ExitStatus, Vec<u8>),
    /// By us, because its time was over.
    TooLong,
}

impl Program {
    /// What is wrong with it, with its remedy.
    pub(super) fn problem(&self) -> Option<&'static str> {
        match self.arguments.first() {
            Some(program) if !program.is_empty() => None,
            _ => Some("no program is named: give a list that begins with one"),
        }
    }

    /// Runs it. Its output is read to its end only when `listening`: a program that leaves a service behind may leave
    /// its output open too.
    pub(super) async fn run(&self, listening: bool) -> io::Result<Ran> {
        let (program, arguments) = self.arguments.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().stdin(Stdio::null()).stderr(Stdio::null());
        command.envs(HANDED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(&self.variables).process_group(0).kill_on_drop(true);
        command.stdout(if listening { Stdio::piped() } else { Stdio::null() });
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        let mut child = command.spawn()?;
        let group = Group::of(&child);
        let Ok(ended) = tokio::time::timeout(self.within, outcome(&mut child)).await else {
            drop(group);
            child.wait().await?;
            return Ok(Ran::TooLong);
        };
        group.release();
        ended.map(|(status, output)| Ran::Ended(status, output))
    }
}

async fn outcome(child: &mut Child) -> io::Result<(ExitStatus, Vec<u8>)> {
    let stdout = child.stdout.take();
    let listen = async {
        match stdout {
            Some(stdout) => beginning(stdout).await,
            None => Ok(Vec::new()),
        }
    };
    let (output, status) = tokio::try_join!(listen, child.wait())?;
    Ok((status, output))
}

/// The beginning of an output; the rest is read and dropped, so that the writer is not held up.
async fn beginning(mut from: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    (&mut from).take(OUTPUT).read_to_end(&mut kept).await?;
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    Ok(kept)
}

/// The exit code or the signal, for messages.
pub(super) fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no exit code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TokenId;
    use serde_json::json;

    fn program(script: &str) -> Program {
        Program {
            arguments: ["sh", "-c", script].map(str::to_owned).to_vec(),
            variables: BTreeMap::new(),
            directory: None,
            within: Duration::from_secs(20),
        }
    }

    fn dependent(probe: Program, reload: Option<Reload>) -> CommandDependent {
        let expect = Expectation { fields: [("/key".to_owned(), json!("{{token}}"))].into(), contains: None };
        CommandDependent::new(CommandSettings { name: "billing".into(), probe, code: 0, expect, reload }).unwrap()
    }

    async fn ask(probe: Program) -> Result<Health, DependentError> {
        let expected = Expected { version: None, token: TokenId::new("key-1"), digest: None, user: None };
        dependent(probe, None).verify(&expected).await
    }

    #[tokio::test]
    async fn the_exit_code_and_the_output_are_judged() {
        assert_eq!(ask(program(r#"echo '{"key": "key-1"}'"#)).await.unwrap(), Health::Good);
        assert_eq!(ask(program(r#"echo '{"key": "key-0"}'"#)).await.unwrap(), Health::Stale);
        assert_eq!(ask(program(r#"echo '{}'"#)).await.unwrap(), Health::Indistinct);
        assert_eq!(ask(program(r#"echo '{"key": "key-1"}'; exit 3"#)).await.unwrap(), Health::Bad);
        assert_eq!(ask(program("kill -9 $$")).await.unwrap(), Health::Bad);
    }

    #[tokio::test]
    async fn the_environment_is_what_was_configured() {
        let script = r#"[ "$(env | grep -v -e '^PATH=' -e '^LANG=' -e '^PWD=' -e '^SHLVL=' -e '^_=' -e '^OLDPWD=')" = ROLE=reader ] && echo '{"key":"key-1"}'"#;
        let variables = [("ROLE".to_owned(), "reader".to_owned())].into();
        assert_eq!(ask(Program { variables, ..program(script) }).await.unwrap(), Health::Good);
    }

    #[tokio::test]
    async fn a_program_that_takes_too_long_ends_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("child");
        let script = format!("sleep 600 & echo $! > {}; wait", note.display());
        let slow = Program { within: Duration::from_millis(1500), ..program(&script) };
        assert!(matches!(ask(slow).await, Err(DependentError::Unreachable { .. })));
        let child: i32 = std::fs::read_to_string(&note).unwrap().trim().parse().unwrap();
        let stat = format!("/proc/{child}/stat");
        // It is gone, or a zombie that nobody has waited for.
        let gone = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
        for _ in 0..500 {
            if gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the child of an ended program is still there");
    }

    #[tokio::test]
    async fn long_output_is_cut_and_does_not_hold_the_program_up() {
        let expect = Expectation { fields: BTreeMap::new(), contains: Some("{{token}}".into()) };
        let probe = program("echo key-1; head -c 1000000 /dev/zero");
        let settings = CommandSettings { name: "billing".into(), probe, code: 0, expect, reload: None };
        let expected = Expected { version: None, token: TokenId::new("key-1"), digest: None, user: None };
        assert_eq!(CommandDependent::new(settings).unwrap().verify(&expected).await.unwrap(), Health::Good);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_told_apart_from_a_dependent_that_is_not_well() {
        let missing = Program { arguments: vec!["/nowhere/program".into()], ..program("") };
        assert!(matches!(ask(missing).await, Err(DependentError::Local { .. })));
        let none = Program { arguments: Vec::new(), ..program("") };
        let settings = CommandSettings {
            name: "billing".into(),
            probe: none,
            code: 0,
            expect: Expectation::default(),
            reload: None,
        };
        assert!(matches!(CommandDependent::new(settings), Err(DependentError::Settings { .. })));
    }

    #[tokio::test]
    async fn reloading_returns_when_the_program_ends_though_its_service_lives_on() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("service");
        let script = format!("sleep 300 & echo $! > {}", note.display());
        let reload = Reload::Command(program(&script));
        let dependent = dependent(program("true"), Some(reload));
        assert!(dependent.reloads());
        dependent.reload().await.unwrap();
        let service: i32 = std::fs::read_to_string(&note).unwrap().trim().parse().unwrap();
        let service = rustix::process::Pid::from_raw(service).unwrap();
        rustix::process::kill_process(service, rustix::process::Signal::KILL).expect("the service lives on");
        let failing = Reload::Command(program("exit 7"));
        let error = CommandDependent { settings: CommandSettings { reload: Some(failing), ..dependent.settings } }
            .reload()
            .await
            .unwrap_err();
        assert!(error.to_string().contains("exit code 7"), "{error}");
    }
}
