//! `stanch rules test`.

use super::super::exit::Code;
use super::super::failure::Failure;
use std::path::PathBuf;

#[cfg(not(feature = "rotate"))]
pub(super) fn run(_paths: &[PathBuf]) -> Result<Code, Failure> {
    let what = "calls are not sent by this build of stanch, not even to this machine: it has the finding wing alone";
    let failure = Failure::new(Code::Usage, what);
    Err(failure.hint("stanch rules check FILE tries the tables on the samples; nothing was tested"))
}

#[cfg(feature = "rotate")]
pub(super) fn run(paths: &[PathBuf]) -> Result<Code, Failure> {
    use super::super::{interruption, output::print, signals};
    use super::{counted, known_beside};
    use crate::rules::{Problem, builtin, builtin_files};
    use crate::wiring::kinds::{KindsError, read};
    use crate::wiring::replaying::{Replayed, replayed};
    use std::sync::Arc;

    let (files, catalogue) = if paths.is_empty() {
        (builtin_files(), builtin())
    } else {
        let files = read(paths)?;
        let catalogue = Arc::new(known_beside(&files)?);
        (files, catalogue)
    };
    let runtime = signals::runtime()?;
    let replaying = move || runtime.block_on(replayed(&files, &catalogue));
    let all = interruption::unless_stopped(replaying)?.map_err(|error| Failure::of(Code::Outside, &error))?;
    let line = |name: &str, [kinds, calls, samples]: [usize; 3], wrong: usize| {
        let said = match (samples, wrong) {
            (0, 0) => "nothing was sent".to_owned(),
            (_, 0) => "as the file says".to_owned(),
            (_, wrong) => counted(wrong, "difference"),
        };
        let (kinds, calls) = (counted(kinds, "kind"), counted(calls, "call"));
        format!("{name}: {kinds}, {calls}, {} replayed: {said}", counted(samples, "sample"))
    };
    let counts = |of: &Replayed| [of.kinds, of.calls, of.samples];
    print(|out| {
        for one in &all {
            writeln!(out, "{}", line(&one.file, counts(one), one.wrong.len()))?;
            for Problem { line, message, remedy, .. } in &one.unshown {
                writeln!(out, "  line {line}: {message}; {remedy}")?;
            }
        }
        if all.len() > 1 {
            let add = |sum: [usize; 3], one: &Replayed| {
                let mut both = sum.into_iter().zip(counts(one)).map(|(sum, more)| sum + more);
                [(); 3].map(|()| both.next().unwrap_or_default())
            };
            let wrong = all.iter().map(|one| one.wrong.len()).sum();
            let name = counted(all.len(), "file");
            writeln!(out, "{}", line(&name, all.iter().fold([0; 3], add), wrong))?;
        }
        Ok(())
    })?;
    let problems: Vec<Problem> = all.into_iter().flat_map(|one| one.wrong).collect();
    if problems.is_empty() { Ok(Code::Clean) } else { Err(KindsError::Wrong { problems }.into()) }
}
