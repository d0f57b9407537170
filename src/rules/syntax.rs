//! What is wrong with a text that is no YAML, in the words of one who writes rules: where it begins, and what to do.

use super::problem::Mistake;
use serde_yaml::{DefaultMessageFormatter, Error, MessageFormatter as _};

/// What the reader of YAML said, told so that it helps.
pub(super) fn explain(text: &str, error: &Error) -> Mistake {
    let error = error.without_snippet();
    let (line, column) = error.location().map_or((1, 1), |at| (at.line().max(1), at.column().max(1)));
    let said = DefaultMessageFormatter.format_message(error);
    let at = |line, column, message: &str, remedy: &str| Mistake {
        line,
        column,
        message: message.to_owned(),
        remedy: remedy.to_owned(),
    };
    if let Some(mistake) = of_content(text, error, line, column) {
        return mistake;
    }
    let current = text.lines().nth(index(line)).unwrap_or_default();
    if let Some((line, column)) = tab(text) {
        return at(line, column, "a tab stands where the line is indented", "indent by spaces, two a level");
    }
    if said.contains("quote") || said.contains("unexpected e") {
        if let Some((line, column)) = open_quote(text, line) {
            let remedy = "close it at the end of the value; in single quotes write `'` as `''`";
            return at(line, column, "a quote is opened here and not closed on its line", remedy);
        }
        if said.contains("trailing") {
            return at(line, column, "something stands behind the closing quote", QUOTE_ALL);
        }
    }
    let of_brackets = ["bracket", "illegal placement", "flow", "expected ','", "unexpected e", "only valid inside"];
    if of_brackets.iter().any(|part| said.contains(part))
        && let Some((line, column, bracket)) = open_bracket(text, line)
    {
        let close = if bracket == '[' { ']' } else { '}' };
        let message = format!("the `{bracket}` here is not closed");
        return at(line, column, &message, &format!("close it by `{close}` before the next key"));
    }
    if said.contains("mapping values are not allowed") {
        return colon(current, line, column);
    }
    if said.contains("simple key") {
        return no_colon(current, line);
    }
    let of_indentation = ["expected key", "'-' indicator", "indentation", "<document start>", "not allowed in this"];
    if of_indentation.iter().any(|part| said.contains(part)) {
        return indentation(text, line);
    }
    of_characters(&said, line, column)
}

/// A file of comments at most.
pub(super) fn nothing() -> Mistake {
    Mistake {
        line: 1,
        column: 1,
        message: "the file says nothing".to_owned(),
        remedy: "begin with `provider: …`; `stanch rules new` writes a file to begin with".to_owned(),
    }
}

const QUOTE_ALL: &str = "put the whole value in single quotes, and write a `'` inside it as `''`";

/// Mistakes that are no matter of signs and spaces.
fn of_content(text: &str, error: &Error, line: u64, column: u64) -> Option<Mistake> {
    let said = DefaultMessageFormatter.format_message(error);
    let (message, remedy) = match error {
        _ if said.contains("Documents") || said.contains("ultiple documents") => {
            let more = (line.saturating_sub(1).max(1), 1);
            let (line, column) = text
                .lines()
                .enumerate()
                .skip(1)
                .find(|(_, line)| line.starts_with("---"))
                .map_or(more, |(index, _)| (u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1), 1));
            return Some(Mistake {
                line,
                column,
                message: "a second document begins here".to_owned(),
                remedy: "remove `---`: a file is one provider with all its kinds".to_owned(),
            });
        }
        _ if said.contains("budget") || said.contains("lias") && said.contains("imit") => (
            "with all its `*names` filled in the file is too large".to_owned(),
            "repeat less by `&name` and `*name`: 100,000 values are the most",
        ),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            ("with all its `*names` filled in the file is too large".to_owned(), "repeat less by `&name` and `*name`")
        }
        _ if said.contains("recursion") => ("it is nested too deeply".to_owned(), "remove brackets"),
        _ if said.contains("anchor") && said.contains("unknown") => {
            let current = text.lines().nth(index(line)).unwrap_or_default();
            let name: String =
                rest(current, column).trim_start_matches('*').chars().take_while(|c| is_name(*c)).collect();
            let message = format!("nothing above is marked `&{}`", name.escape_debug());
            return Some(Mistake {
                line,
                column,
                message,
                remedy: "mark what it stands for with `&name`, above it, or write it out".to_owned(),
            });
        }
        _ if said.contains("tag") => {
            ("`!` begins a type, and there are none here".to_owned(), "remove it, or put the value in single quotes")
        }
        Error::Unexpected { .. }
            if rest(text.lines().nth(index(line)).unwrap_or_default(), column).starts_with('{') =>
        {
            ("a place in braces is read as keys and values".to_owned(), "put it in single quotes: `'{{secret}}'`")
        }
        Error::Unexpected { .. } => ("this cannot be a key".to_owned(), "write a word in front of the `:`"),
        _ => return None,
    };
    Some(Mistake { line, column, message, remedy: remedy.to_owned() })
}

fn of_characters(said: &str, line: u64, column: u64) -> Mistake {
    let (message, remedy) = if said.contains("escape") {
        (
            "`\\` begins an escape in double quotes, and this is none".to_owned(),
            "use single quotes, in which `\\` is itself",
        )
    } else if said.contains("\\u{") || said.contains("\\x") {
        ("a character that cannot be seen stands here".to_owned(), "remove it")
    } else if said.contains("unexpected character") {
        ("a value cannot begin with this character".to_owned(), "put the value in single quotes: `'…'`")
    } else if said.contains("followed by") || said.contains("whitespace") {
        ("a space is missing".to_owned(), "put a space behind `:` and `-`, and before `#`")
    } else {
        (format!("this is no YAML: {}", said.escape_debug()), "compare it with the small file in docs/kinds.md")
    };
    Mistake { line, column, message, remedy: remedy.to_owned() }
}

fn index(line: u64) -> usize {
    usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX)
}

/// A line from a column on.
fn rest(line: &str, column: u64) -> String {
    line.chars().skip(index(column)).collect()
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '-'
}

/// The first line that is indented by a tab.
fn tab(text: &str) -> Option<(u64, u64)> {
    numbered(text).find_map(|(number, line)| {
        let indent: String = line.chars().take_while(|letter| letter.is_whitespace()).collect();
        let at = indent.chars().position(|letter| letter == '\t')?;
        (indent.len() < line.len()).then(|| (number, u64::try_from(at).unwrap_or(0) + 1))
    })
}

fn numbered(text: &str) -> impl Iterator<Item = (u64, &str)> {
    (1..).zip(text.lines())
}

/// What of a line is open at its end.
#[derive(Default)]
struct Open {
    quote: Option<(u64, char)>,
    brackets: Vec<(u64, u64, char)>,
}

impl Open {
    /// Follows one line. A quote or a bracket counts where a value can begin.
    fn follow(&mut self, number: u64, line: &str) {
        self.quote = None;
        let mut before = ' ';
        for (column, letter) in (1..).zip(line.chars()) {
            match (self.quote, letter) {
                (Some((_, '"')), _) if before == '\\' => {
                    before = ' ';
                    continue;
                }
                (Some((_, quote)), _) if letter == quote => self.quote = None,
                (Some(_), _) => {}
                (None, '#') if before.is_whitespace() => return,
                (None, '\'' | '"') if before.is_whitespace() || "[{,('\"".contains(before) => {
                    self.quote = Some((column, letter));
                }
                (None, '[' | '{') if before.is_whitespace() || "[{,".contains(before) => {
                    self.brackets.push((number, column, letter));
                }
                (None, ']' | '}') => drop(self.brackets.pop()),
                _ => {}
            }
            before = letter;
        }
    }
}

/// The first line, to this one, at whose end a quote is open.
fn open_quote(text: &str, last: u64) -> Option<(u64, u64)> {
    numbered(text).take_while(|(number, _)| *number <= last).find_map(|(number, line)| {
        let mut open = Open::default();
        open.follow(number, line);
        open.quote.map(|(column, _)| (number, column))
    })
}

/// The innermost bracket that is open where this line begins.
fn open_bracket(text: &str, last: u64) -> Option<(u64, u64, char)> {
    let mut open = Open::default();
    for (number, line) in numbered(text) {
        if number > last {
            break;
        }
        if number == last && !open.brackets.is_empty() {
            break;
        }
        open.follow(number, line);
    }
    open.brackets.last().copied()
}

/// `title: Acme: tokens`, or a key that is indented too far.
fn colon(current: &str, line: u64, column: u64) -> Mistake {
    let of_value = current.matches(": ").count() > 1 || (current.contains(": ") && current.trim_end().ends_with(':'));
    let (message, remedy) = if of_value {
        ("a text with `: ` in it is read as a key and its value", "put the whole text in single quotes: `'…'`")
    } else {
        (
            "a key stands where none can be: the line above is a whole value already",
            "indent it as the keys beside it; what goes on over several lines stands in single quotes",
        )
    };
    Mistake { line, column, message: message.to_owned(), remedy: remedy.to_owned() }
}

/// `severity high`, or `severity:high`.
fn no_colon(current: &str, line: u64) -> Mistake {
    let start = current.chars().take_while(|letter| letter.is_whitespace() || *letter == '-').count();
    let word: String = current.chars().skip(start).take_while(|letter| is_name(*letter)).collect();
    let behind = current.chars().nth(start + word.chars().count());
    let column = u64::try_from(start).unwrap_or(0) + 1;
    let (message, remedy) = if behind == Some(':') {
        (format!("there is no space behind `{word}:`"), format!("write `{word}: …`"))
    } else {
        (format!("there is no `:` behind `{word}`"), format!("write `{word}: …`, or `- …` for an entry of a list"))
    };
    Mistake { line, column, message, remedy }
}

/// A line that belongs to nothing above it.
fn indentation(text: &str, line: u64) -> Mistake {
    let indent = |line: &str| line.chars().take_while(|letter| *letter == ' ').count();
    let filled = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let current = text.lines().nth(index(line)).unwrap_or_default();
    let own = indent(current);
    let mut levels: Vec<usize> = Vec::new();
    for above in text.lines().take(index(line)).filter(filled) {
        let level = indent(above);
        levels.retain(|open| *open < level);
        levels.push(level);
        // The keys of an entry stand behind its `- `.
        let mut inner = above.trim_start();
        let mut at = level;
        while let Some(rest) = inner.strip_prefix("- ") {
            at += 2 + indent(rest);
            inner = rest.trim_start();
            levels.push(at);
        }
    }
    let fitting = levels.contains(&own);
    let nearest = levels.iter().copied().min_by_key(|level| (level.abs_diff(own), usize::MAX - level));
    let message = if fitting {
        "this line does not fit to those above it".to_owned()
    } else {
        format!("this line is indented by {own} spaces, and no line above it that it could belong to is")
    };
    let remedy = match nearest {
        Some(nearest) if !fitting => format!("indent it by {nearest}, as the keys beside it"),
        _ => "write `key: value`, or `- value` for an entry of a list, as beside it".to_owned(),
    };
    Mistake { line, column: u64::try_from(own).unwrap_or(0) + 1, message, remedy }
}
