//! Writes files of made-up rules, to measure with: `cargo run --example synthetic_rules -- DIRECTORY [COUNT]`.

#[path = "../benches/synthetic/mod.rs"]
#[allow(clippy::indexing_slicing, clippy::string_slice, reason = "tables of its own, and names in ASCII")]
mod synthetic;

use std::error::Error;
use std::path::{Path, PathBuf};

/// With those that are built in, more than 900.
const COUNT: usize = 800;

#[allow(clippy::print_stdout, reason = "it says what it did")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name the directory to write to")?);
    let count = arguments.next().map_or(Ok(COUNT), |text| text.parse())?;
    let files = synthetic::files(count);
    std::fs::create_dir_all(&folder)?;
    for (name, text) in &files {
        std::fs::write(folder.join(name), text)?;
    }
    let sized: Vec<(PathBuf, String)> = files.into_iter().map(|(name, text)| (Path::new(&name).into(), text)).collect();
    match stanch::rules::check_files(&stanch::rules::builtin(), &sized) {
        Ok(catalogue) => {
            println!("{count} kinds in {} files; {} with the built-in", sized.len(), catalogue.kinds().len())
        }
        Err(problems) => return Err(problems.iter().map(|one| format!("{one}\n")).collect::<String>().into()),
    }
    Ok(())
}
