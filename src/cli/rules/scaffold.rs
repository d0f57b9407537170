//! `stanch rules new`: a file for a kind of one's own, with made-up examples in parts, which passes the check as it is.

use super::super::exit::Code;
use super::super::failure::Failure;
use super::super::output::print;
use super::args::{Alphabet, NewArguments};
use crate::model::Severity;
use crate::rules::{Problem, check_file};
use sha2::{Digest as _, Sha256};
use std::io::{self, Write as _};
use std::path::Path;

/// The shortest prefix that a search can begin with.
const SHORTEST: usize = 3;
/// Characters of a token in one part of an example.
const PART: usize = 11;
/// So many made-up tokens are tried.
const TRIES: u32 = 40;
/// The longest token.
const LONGEST: usize = 400;

pub(super) fn run(arguments: &NewArguments) -> Result<Code, Failure> {
    let plan = Plan::of(arguments)?;
    let path = arguments.to.as_deref();
    let named = path.unwrap_or(Path::new("new.yaml"));
    let mut problems = Vec::new();
    let text = (0..TRIES).map(|seed| plan.file(seed)).find(|text| match check_file(named, text) {
        Ok(_) => true,
        Err(wrong) => {
            problems = wrong;
            false
        }
    });
    let Some(text) = text else { return Err(refused(&problems)) };
    let Some(path) = path else {
        print(|out| out.write_all(text.as_bytes()))?;
        return Ok(Code::Clean);
    };
    let written = std::fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => {
            let path = path.display();
            print(|out| {
                writeln!(
                    out,
                    "{path}: it passes `stanch rules check {path}`; now do what its lines with CHANGE say, and"
                )?;
                writeln!(out, "look for the kind: stanch scan --rules {path}")
            })?;
            Ok(Code::Clean)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let failure = Failure::new(Code::Usage, format!("{} is there already and is not replaced", path.display()));
            Err(failure.hint("name another file, or add the kind to that one by hand"))
        }
        Err(error) => Err(Failure::new(Code::Outside, format!("cannot write {}: {error}", path.display()))
            .hint("name a file in a directory that is there and may be written")),
    }
}

/// What was asked for makes no kind: the first thing that is wrong with it.
fn refused(problems: &[Problem]) -> Failure {
    let said = problems
        .first()
        .map_or("nothing fits it".to_owned(), |problem| format!("{}; {}", problem.message, problem.remedy));
    Failure::new(Code::Usage, format!("no kind can be made of this: {said}"))
        .hint("try a longer --prefix or --length; stanch rules new --help says what each is")
}

/// What the file is made of, checked.
struct Plan<'a> {
    arguments: &'a NewArguments,
    provider: &'a str,
    least: usize,
    most: usize,
}

impl<'a> Plan<'a> {
    fn of(arguments: &'a NewArguments) -> Result<Self, Failure> {
        let usage = |message: String, hint: &str| Err(Failure::new(Code::Usage, message).hint(hint));
        let word = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        let Some((provider, _)) = arguments.id.split_once('.').filter(|(provider, name)| word(provider) && word(name))
        else {
            let message = format!("'{}' is no name of a kind", arguments.id);
            return usage(message, "write provider.name with a-z, 0-9 and '-', such as acme.api-token");
        };
        let (least, most) = arguments.length.split_once('-').unwrap_or((&arguments.length, &arguments.length));
        let (Ok(least), Ok(most)) = (least.parse::<usize>(), most.parse::<usize>()) else {
            return usage(format!("--length '{}' is no length", arguments.length), "write 32, or 32-64");
        };
        if least < 8 || most < least || most > LONGEST {
            let message = format!("--length '{}' is out of range", arguments.length);
            return usage(message, "choose 8 to 400 characters, the smaller number first");
        }
        let prefix = arguments.prefix.as_deref().unwrap_or_default();
        if arguments.prefix.is_some()
            && (prefix.len() < SHORTEST || !prefix.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            let message = format!("--prefix '{prefix}' is too short, or holds what is no plain character");
            return usage(message, "name at least three characters; leave it out where tokens have none of their own");
        }
        if let Some(page) = arguments.page.as_deref().filter(|page| !page.starts_with("https://")) {
            return usage(format!("--page '{page}' is no address of a page"), "start it with https://");
        }
        if let Some(path) = arguments.who.as_deref().filter(|path| !path.starts_with('/')) {
            return usage(format!("--who '{path}' is no path"), "start it with /, such as /v1/me");
        }
        Ok(Self { arguments, provider, least, most })
    }

    /// The file, with examples made up from this seed.
    fn file(&self, seed: u32) -> String {
        let Self { arguments, provider, least, most } = self;
        let (class, repeat) =
            (class(arguments.alphabet), if least == most { format!("{least}") } else { format!("{least},{most}") });
        let title = title(provider);
        let page = arguments.page.clone().unwrap_or_else(|| format!("https://docs.{provider}.example/tokens"));
        let mut lines = vec![
            format!("# Tokens of {title}. What each key means: docs/kinds.md. Try the file without a network:"),
            "#   stanch rules check FILE        and then: stanch scan --rules FILE".to_owned(),
            format!("provider: {provider}"),
            format!("title: {title}  # CHANGE if the provider writes its name otherwise"),
        ];
        lines.push(match &arguments.host {
            Some(host) => {
                format!("hosts: [{host}]  # the only hosts that a secret of these kinds is ever sent to")
            }
            None => "hosts: []  # the only hosts that a secret of these kinds is ever sent to".to_owned(),
        });
        lines.push("kinds:".to_owned());
        lines.push(format!("  - id: {}", arguments.id));
        lines.push(format!("    title: {title} token  # CHANGE to what the provider calls it"));
        lines.push(
            "    # CHANGE: in a sentence, what whoever holds it can do, and the page that says so; or remove it."
                .to_owned(),
        );
        lines.push(format!(
            "    opens: {{ says: Calls the API of {title} with the rights of its owner., page: '{}', mark: U }}",
            page.replace('\'', "''")
        ));
        lines.push(format!("    severity: {}  # critical, high, medium or low", Severity::from(arguments.severity)));
        if arguments.prefix.is_none() {
            lines.push("    confidence: medium  # nothing in the token itself says whose it is".to_owned());
        }
        lines.push(
            "    # Where each fact is from. D: documented there, P: seen in practice, U: unconfirmed.".to_owned(),
        );
        let (mark, change) =
            if arguments.page.is_some() { ("D", "") } else { ("U", "    # CHANGE: the page, and then the mark") };
        lines.push(format!("    sources: [{{ page: '{}', mark: {mark} }}]{change}", page.replace('\'', "''")));
        lines.push("    detect:".to_owned());
        match &arguments.prefix {
            Some(prefix) => self.by_prefix(prefix, &class, &repeat, &mut lines),
            None => self.by_name(&class, &repeat, &mut lines),
        }
        self.samples(seed, &mut lines);
        self.call(&page, &mut lines);
        lines.join("\n") + "\n"
    }

    fn by_prefix(&self, prefix: &str, class: &str, repeat: &str, lines: &mut Vec<String>) {
        let quoted = quoted(prefix);
        let start =
            if prefix.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_') { r"\b" } else { "" };
        lines.push("      # Every match holds one of these; they are looked for first.".to_owned());
        lines.push(format!("      literals: [{quoted}]"));
        lines.push("      # The whole token, in single quotes, with an upper bound; what is in the group `secret` is the secret.".to_owned());
        let pattern = format!("{start}(?<secret>{}[{class}]{{{repeat}}})(?:[^{class}]|$)", escaped(prefix));
        lines.push(format!("      pattern: '{}'", pattern.replace('\'', "''")));
        lines.push("      # The public start, which reports show.".to_owned());
        lines.push(format!("      prefix: {quoted}"));
        self.filters(lines);
    }

    fn by_name(&self, class: &str, repeat: &str, lines: &mut Vec<String>) {
        let provider = self.provider;
        let name: String = provider.split('-').map(escaped).collect::<Vec<_>>().join("[-_ ]?");
        lines.push(
            "      # Every match holds the provider's name; it is looked for first. CHANGE: other ways to write it."
                .to_owned(),
        );
        let words: Vec<String> = match provider.split_once('-') {
            Some(_) => ["-", "_", " ", ""].map(|between| quoted(&provider.replace('-', between))).to_vec(),
            None => vec![quoted(provider)],
        };
        lines.push(format!("      literals: [{}]", words.join(", ")));
        lines.push(
            "      # The name, a word such as token, an assignment, and the secret in the group `secret`.".to_owned(),
        );
        let pattern = format!(
            r#"(?i:{name})[\w.\- ]{{0,30}}?(?i:token|key|secret|auth)\w{{0,12}}["\x27\])]{{0,2}}[ \t]{{0,3}}(?:=>|:=|={{1,2}}|:|,|\()[ \t]{{0,3}}["\x27\x60]{{0,3}}(?<secret>[{class}]{{{repeat}}})(?:[^{class}]|$)"#
        );
        lines.push(format!("      pattern: '{}'", pattern.replace('\'', "''")));
        self.filters(lines);
    }

    fn filters(&self, lines: &mut Vec<String>) {
        let bits = if self.arguments.alphabet == Alphabet::Hex || self.least < 20 { "2.5" } else { "3.2" };
        lines.push(
            "      # The least entropy of the secret in bits per byte, so that words and zeros are none.".to_owned(),
        );
        lines.push(format!("      entropy: {bits}"));
    }

    fn samples(&self, seed: u32, lines: &mut Vec<String>) {
        let prefix = self.arguments.prefix.as_deref().unwrap_or_default();
        let variable = self.provider.replace('-', "_");
        let text = |before: &str, number: u32, length: usize, after: &str| {
            let mut parts = Vec::new();
            let first = format!("{before}{}", prefix.get(..prefix.len() / 2).unwrap_or_default());
            parts.push(first);
            parts.push(prefix.get(prefix.len() / 2..).unwrap_or_default().to_owned());
            let body: Vec<char> = self.body(seed, number, length).chars().collect();
            parts.extend(body.chunks(PART).map(|chunk| chunk.iter().collect()));
            parts.push(after.to_owned());
            parts.retain(|part| !part.is_empty());
            let parts: Vec<String> = parts.iter().map(|part| quoted_always(part)).collect();
            format!("        - [{}]", parts.join(", "))
        };
        lines.push("      # Texts as they stand in real files. CHANGE: keep the tokens made up, and in parts, so that no whole one".to_owned());
        lines.push("      # stands here.".to_owned());
        lines.push("      examples:".to_owned());
        lines.push(text(&format!("{}_TOKEN=", variable.to_uppercase()), 1, self.least, ""));
        lines.push(text(&format!("\"{variable}_token\": \""), 2, self.most, "\""));
        lines.push("      # What looks alike and is none: the manual's placeholder, one character too few.".to_owned());
        lines.push("      counterexamples:".to_owned());
        lines.push(format!(
            "        - {}",
            quoted_always(&format!("{}_TOKEN={prefix}your_token_here", variable.to_uppercase()))
        ));
        lines.push(text(&format!("{}_TOKEN=", variable.to_uppercase()), 3, self.least - 1, ""));
    }

    /// Made-up characters, the same for the same name.
    fn body(&self, seed: u32, number: u32, length: usize) -> String {
        let letters = letters(self.arguments.alphabet);
        let mut body = String::new();
        let mut block = 0_u32;
        while body.len() < length {
            let digest = Sha256::digest(format!("{} {seed} {number} {block}", self.arguments.id));
            let chosen = digest.iter().filter_map(|byte| letters.get(usize::from(*byte) % letters.len().max(1)));
            body.extend(chosen.take(length - body.len()).map(|byte| char::from(*byte)));
            block += 1;
        }
        body
    }

    fn call(&self, page: &str, lines: &mut Vec<String>) {
        let asked = self.arguments.host.as_deref().zip(self.arguments.who.as_deref());
        lines.push("    # How the provider is asked whether a token works: a call that reads and changes nothing, and what its".to_owned());
        lines.push(
            "    # replies mean. A reply in no table is unknown. Replies that pin the tables stand below.".to_owned(),
        );
        let comment = if asked.is_some() { "    " } else { "    # " };
        let (host, path) = asked.unwrap_or(("api.acme.example", "/v1/me"));
        if asked.is_none() {
            lines.push("    # For instance, once the host is in `hosts`:".to_owned());
        }
        let url = format!("https://{host}{path}").replace('\'', "''");
        for line in [
            "verify:".to_owned(),
            format!("  send: {{ method: GET, url: '{url}', bearer: '{{{{secret}}}}' }}"),
            format!("  page: '{}'  # CHANGE: the page that shows this call", page.replace('\'', "''")),
            "  mark: U  # D once you have read it there, M once you have tried it".to_owned(),
            "  live: { status: [200] }  # CHANGE: add `body: { /pointer: value }` if 200 is not enough".to_owned(),
            "  restricted: { status: [403], limit: scope }".to_owned(),
            "  # dead: { status: [401] }  # CHANGE: only where a page says that 401 is for good".to_owned(),
            "replies:".to_owned(),
            "  - { of: verify, status: 200, body: '{}', means: live }".to_owned(),
            "  - { of: verify, status: 403, body: '', means: restricted }".to_owned(),
            "  - { of: verify, status: 503, body: '', means: unknown }".to_owned(),
        ] {
            lines.push(format!("{comment}{line}"));
        }
        lines.push(
            "    # Who makes a new one and ends the old one: by calls (`send`), or by a person. CHANGE and uncomment:"
                .to_owned(),
        );
        lines.push("    # revoke:".to_owned());
        lines.push(
            "    #   by_hand: { page: 'https://…', steps: [Open Settings and API keys, Select Delete] }".to_owned(),
        );
    }
}

fn title(provider: &str) -> String {
    let words = provider.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The inside of a class of characters.
fn class(alphabet: Alphabet) -> String {
    match alphabet {
        Alphabet::Alnum => "0-9A-Za-z",
        Alphabet::Lower => "0-9a-z",
        Alphabet::Upper => "0-9A-Z",
        Alphabet::Hex => "0-9a-f",
        Alphabet::Base64url => r"0-9A-Za-z_\-",
        Alphabet::Base64 => "0-9A-Za-z+/",
    }
    .to_owned()
}

fn letters(alphabet: Alphabet) -> Vec<u8> {
    let all = (b'!'..=b'~').filter(|byte| match alphabet {
        Alphabet::Alnum => byte.is_ascii_alphanumeric(),
        Alphabet::Lower => byte.is_ascii_digit() || byte.is_ascii_lowercase(),
        Alphabet::Upper => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
        Alphabet::Hex => byte.is_ascii_digit() || (b'a'..=b'f').contains(byte),
        Alphabet::Base64url => byte.is_ascii_alphanumeric() || b"-_".contains(byte),
        Alphabet::Base64 => byte.is_ascii_alphanumeric() || b"+/".contains(byte),
    });
    all.collect()
}

/// A text that a pattern takes to the letter.
fn escaped(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-:".contains(letter);
    text.chars().map(|letter| if plain(letter) { letter.to_string() } else { format!(r"\{letter}") }).collect()
}

/// A text as a value of YAML, in quotes where it needs them.
fn quoted(text: &str) -> String {
    let plain = text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if plain { text.to_owned() } else { quoted_always(text) }
}

fn quoted_always(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Gate;
    use crate::rules::Told;

    fn asked(id: &str) -> NewArguments {
        NewArguments {
            id: id.to_owned(),
            to: None,
            prefix: None,
            length: "32".to_owned(),
            alphabet: Alphabet::Alnum,
            host: None,
            who: None,
            page: None,
            severity: Gate::High,
        }
    }

    /// The kind that the file describes, with as many seeds as the command tries.
    fn made(arguments: &NewArguments) -> crate::rules::Kind {
        let plan = Plan::of(arguments).expect("a plan");
        let text = (0..TRIES).map(|seed| plan.file(seed)).find(|text| check_file(Path::new("a.yaml"), text).is_ok());
        let Some(text) = text else {
            let text = plan.file(0);
            panic!("{:#?}\n{text}", check_file(Path::new("a.yaml"), &text).err());
        };
        assert!(text.lines().all(|line| line.len() < 400), "{text}");
        check_file(Path::new("a.yaml"), &text).expect("a kind").remove(0)
    }

    #[test]
    fn every_file_passes_as_it_is() {
        for alphabet in <Alphabet as clap::ValueEnum>::value_variants() {
            for length in ["8", "20", "32", "32-64", "100-400"] {
                for prefix in [None, Some("acme_"), Some("sk-acme-"), Some("AC."), Some("$it's+"), Some("12a")] {
                    let prefix = prefix.map(str::to_owned);
                    let arguments = NewArguments {
                        alphabet: *alphabet,
                        length: length.to_owned(),
                        prefix,
                        ..asked("acme.api-token")
                    };
                    let window_is_enough = arguments.length != "100-400";
                    if window_is_enough {
                        let kind = made(&arguments);
                        let own = arguments.prefix.is_some();
                        assert_eq!(kind.detect.mark() == Told::Own, own, "{arguments:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_host_and_a_path_make_a_call() {
        let (host, who) = (Some("api.acme.example".to_owned()), Some("/v1/me".to_owned()));
        let kind = made(&NewArguments { host, who, ..asked("acme-cloud.key") });
        assert_eq!(kind.hosts(), ["api.acme.example"]);
        assert!(kind.means_of("verify").is_some());
        assert!(made(&asked("acme-cloud.key")).means_of("verify").is_none());
    }

    #[test]
    fn what_makes_no_kind_is_refused_with_a_hint() {
        let wrong = |change: &dyn Fn(&mut NewArguments)| {
            let mut arguments = asked("acme.api-token");
            change(&mut arguments);
            let failure = Plan::of(&arguments).err().expect("refused");
            assert!(!failure.hints.is_empty());
            failure.message
        };
        assert!(wrong(&|asked| asked.id = "acme".to_owned()).contains("'acme' is no name"));
        assert!(wrong(&|asked| asked.id = "Acme.x".to_owned()).contains("'Acme.x' is no name"));
        assert!(wrong(&|asked| asked.length = "many".to_owned()).contains("--length 'many'"));
        assert!(wrong(&|asked| asked.length = "64-32".to_owned()).contains("out of range"));
        assert!(wrong(&|asked| asked.prefix = Some("a".to_owned())).contains("--prefix 'a'"));
        assert!(wrong(&|asked| asked.page = Some("the manual".to_owned())).contains("--page 'the manual'"));
    }
}
