//! `stanch rules docs`: the catalogue as Markdown, a page a provider, and the index of all.

use super::super::exit::Code;
use super::super::failure::Failure;
use super::super::output::print;
use super::args::DocsArguments;
use super::counted;
use super::list::sums;
use super::page::{Page, plain};
use crate::config::read_small;
use crate::rules::{COUNTED, Catalogue, Kind, Means, Tally};
use crate::wiring::kinds::gather;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The first line of every page: what has another is not ours to replace.
const MADE: &str = "<!-- made by `stanch rules docs`: change the rule files instead -->";

pub(super) fn run(arguments: &DocsArguments) -> Result<Code, Failure> {
    let catalogue = gather(&arguments.kinds.rules)?;
    let Some(folder) = arguments.folder.as_deref() else {
        print(|out| out.write_all(index(&catalogue, false).as_bytes()))?;
        return Ok(Code::Clean);
    };
    let cannot = |path: &Path, error: &io::Error| {
        Failure::new(Code::Outside, format!("cannot write {}: {error}", path.display()))
            .hint("name a directory that may be written; other files in it are left alone")
    };
    std::fs::create_dir_all(folder).map_err(|error| cannot(folder, &error))?;
    let providers = by_provider(&catalogue);
    let mut pages = vec![("index".to_owned(), index(&catalogue, true))];
    pages.extend(providers.iter().map(|(provider, kinds)| (file_of(provider), page(kinds))));
    for (name, text) in &pages {
        let path = folder.join(format!("{name}.md"));
        if path.symlink_metadata().is_ok() && !read_small(&path).is_ok_and(|text| text.starts_with(MADE)) {
            let failure =
                Failure::new(Code::Usage, format!("{} is there already and was not made here", path.display()));
            return Err(failure.hint("name another directory, or move that file away"));
        }
        std::fs::write(&path, text).map_err(|error| cannot(&path, &error))?;
    }
    let (pages, kinds) = (providers.len(), catalogue.kinds().len());
    print(|out| writeln!(out, "{} and an index for {}", counted(pages, "page"), counted(kinds, "kind")))?;
    Ok(Code::Clean)
}

fn by_provider(catalogue: &Catalogue) -> BTreeMap<&str, Vec<&Kind>> {
    let mut providers: BTreeMap<&str, Vec<&Kind>> = BTreeMap::new();
    for kind in catalogue.kinds() {
        providers.entry(kind.provider()).or_default().push(kind);
    }
    providers
}

/// The name of a provider's page; the index has its own.
fn file_of(provider: &str) -> String {
    if provider == "index" { "index_".to_owned() } else { provider.to_owned() }
}

/// One table of all providers, and what is known of how many of their kinds; with links to their pages or without.
pub(super) fn index(catalogue: &Catalogue, linked: bool) -> String {
    let mut text = format!("{MADE}\n# The catalogue\n\n");
    for line in sums(&catalogue.tally()) {
        text.push_str(&format!("- {}\n", line.trim_start()));
    }
    text.push_str(
        "\nOf each provider: how many kinds there are, and how many of them can be asked whether they work, renewed, ended,\n\
         and looked up for their use. What a person does step by step is counted behind a `+`. `stanch rules show KIND` shows\n\
         the page of a kind.\n\n| provider | kinds | verify | mint | revoke | usage |\n| --- | --: | --: | --: | --: | --: |\n",
    );
    for (provider, kinds) in by_provider(catalogue) {
        let tally = Tally::of(kinds.iter().copied());
        let title = kinds.first().map_or(provider, |kind| kind.provider_title());
        let name = if linked { format!("[{}]({}.md)", plain(title), file_of(provider)) } else { plain(title) };
        let cells: Vec<String> = COUNTED.into_iter().map(|act| cell(&tally, act)).collect();
        text.push_str(&format!("| {name} | {} | {} |\n", kinds.len(), cells.join(" | ")));
    }
    text
}

fn cell(tally: &Tally, act: &str) -> String {
    let hand = tally.by(act, Means::Hand);
    match (tally.all(act) - hand, hand) {
        (0, 0) => String::new(),
        (program, 0) => program.to_string(),
        (0, hand) => format!("+{hand}"),
        (program, hand) => format!("{program}+{hand}"),
    }
}

fn page(kinds: &[&Kind]) -> String {
    let title = kinds.first().map_or("", |kind| kind.provider_title());
    let sections: Vec<String> = kinds.iter().map(|kind| Page::of(kind).markdown()).collect();
    format!("{MADE}\n# {}\n\n[All providers](index.md)\n\n{}", plain(title), sections.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::builtin;

    #[test]
    fn the_index_in_the_repository_is_what_the_rules_say() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/catalogue.md");
        let kept = std::fs::read_to_string(path).expect("docs/catalogue.md");
        assert!(
            kept == index(&builtin(), false),
            "docs/catalogue.md is stale: cargo run --no-default-features -- rules docs > docs/catalogue.md"
        );
    }

    #[test]
    fn there_is_a_page_for_every_provider() {
        let catalogue = builtin();
        let providers = by_provider(&catalogue);
        let index = index(&catalogue, true);
        for (provider, kinds) in &providers {
            assert!(index.contains(&format!("]({provider}.md) |")), "{provider}");
            let page = page(kinds);
            assert!(page.starts_with(MADE) && page.matches("\n## ").count() == kinds.len(), "{provider}");
            for part in ["What it looks like", "What it opens", "What to do when it leaks", "Sources"] {
                assert_eq!(page.matches(&format!("\n**{part}**\n")).count(), kinds.len(), "{provider}: {part}");
            }
            for kind in kinds {
                assert!(page.contains(&format!("`{}`", kind.id)), "{}", kind.id);
            }
        }
    }
}
