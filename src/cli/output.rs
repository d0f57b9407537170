//! Where reports go. A file is made before anything is scanned, so that a report that cannot be written is known at
//! once, and takes its name only when it is whole.

use super::args::{Colour, Form};
use super::exit::Code;
use super::failure::Failure;
use crate::report::{Format, Report, Style};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

/// All places one report is written to.
#[derive(Debug)]
pub(super) struct Outputs {
    stdout: Option<Format>,
    files: Vec<(Format, ReportFile)>,
}

impl Outputs {
    /// Reads `[FORM=]FILE` arguments and makes the files.
    ///
    /// # Errors
    /// When a file cannot be made.
    pub(super) fn new(format: Format, arguments: &[String]) -> Result<Self, Failure> {
        let (mut stdout, mut files) = (Some(format), Vec::new());
        for argument in arguments {
            let formed = argument.split_once('=').and_then(|(form, path)| Some((form_of(form)?, path)));
            let (format, path) = formed.unwrap_or_else(|| {
                stdout = None;
                (format, argument.as_str())
            });
            if path.is_empty() {
                return Err(Failure::new(Code::Usage, format!("--output '{argument}' names no file"))
                    .hint("for instance --output sarif=report.sarif"));
            }
            files.push((format, ReportFile::create(Path::new(path))?));
        }
        Ok(Self { stdout, files })
    }

    /// Writes the report everywhere.
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub(super) fn write(self, report: &Report<'_>, style: Style) -> Result<(), Failure> {
        for (format, file) in self.files {
            // A file is for machines and other days: it has no colour and all characters.
            file.write(report, format, Style { colour: false, unicode: true })?;
        }
        let Some(format) = self.stdout else { return Ok(()) };
        print(|out| report.write(format, style, out))
    }
}

fn form_of(word: &str) -> Option<Format> {
    <Form as clap::ValueEnum>::from_str(word, false).ok().map(Format::from)
}

impl From<Form> for Format {
    fn from(form: Form) -> Self {
        match form {
            Form::Text => Self::Text,
            Form::Lines => Self::Lines,
            Form::Json => Self::Json,
            Form::Sarif => Self::Sarif,
            Form::Gitlab => Self::Gitlab,
            Form::Junit => Self::Junit,
            Form::Github => Self::Github,
            Form::Summary => Self::Summary,
            Form::BitbucketReport => Self::BitbucketReport,
            Form::BitbucketAnnotations => Self::BitbucketAnnotations,
        }
    }
}

/// Writes to standard output. A reader that went away has read what it wanted.
///
/// # Errors
/// When it cannot be written.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(Code::Outside, format!("cannot write to standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

#[derive(Debug)]
struct ReportFile {
    path: PathBuf,
    /// The name until it is whole; none for what is no plain file.
    draft: Option<PathBuf>,
    file: Option<File>,
}

impl ReportFile {
    fn create(path: &Path) -> Result<Self, Failure> {
        let special = path.metadata().is_ok_and(|metadata| !metadata.is_file());
        let draft = (!special).then(|| {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".{}.part", std::process::id()));
            PathBuf::from(name)
        });
        let made = match &draft {
            Some(draft) => File::create_new(draft),
            None => File::options().write(true).open(path),
        };
        let file = made.map_err(|error| unwritable(path, &error))?;
        Ok(Self { path: path.to_owned(), draft, file: Some(file) })
    }

    fn write(mut self, report: &Report<'_>, format: Format, style: Style) -> Result<(), Failure> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let mut out = BufWriter::new(file);
        report
            .write(format, style, &mut out)
            .and_then(|()| out.flush())
            .and_then(|()| match &self.draft {
                Some(draft) => std::fs::rename(draft, &self.path),
                None => Ok(()),
            })
            .map_err(|error| unwritable(&self.path, &error))?;
        self.draft = None;
        Ok(())
    }
}

impl Drop for ReportFile {
    fn drop(&mut self) {
        // Best effort: what is left has a name that says what it is.
        let _removed = self.draft.as_ref().is_none_or(|draft| std::fs::remove_file(draft).is_ok());
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Code::Outside, format!("cannot write the report to {}: {error}", path.display()))
        .hint("give --output a file in a directory that is there and may be written")
}

/// How text is drawn on standard output.
#[must_use]
pub(super) fn style_of(colour: Colour) -> Style {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let colour = match colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto if set("NO_COLOR") => false,
        Colour::Auto => forced || (io::stdout().is_terminal() && !dumb),
    };
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
    let unicode = locale.is_some_and(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    Style { colour, unicode }
}
