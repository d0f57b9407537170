//! Text of the sorts that scans meet, made up the same way every time, by which the cost of a kind is measured: prose,
//! sources, minified scripts, encoded bytes, lists of digests, logs and settings, as much of each.

use crate::runs;
use std::ops::Range;
use std::sync::OnceLock;

/// How much of each sort, in bytes.
const EACH: usize = 64 << 10;
/// The shortest run of token bytes that is kept in mind.
const SHORTEST_RUN: usize = 12;

/// The text, and where to look for what in it.
pub(super) struct Reference {
    pub(super) text: Vec<u8>,
    lower: Vec<u8>,
    /// Where the positions of each pair of bytes begin, in lower case; one more at the end.
    starts: Vec<u32>,
    positions: Vec<u32>,
    runs: Vec<Range<usize>>,
}

impl Reference {
    /// The one reference text.
    pub(super) fn shared() -> &'static Self {
        static SHARED: OnceLock<Reference> = OnceLock::new();
        SHARED.get_or_init(|| Self::new(generated()))
    }

    fn new(text: Vec<u8>) -> Self {
        let lower = text.to_ascii_lowercase();
        let pairs = || lower.iter().zip(lower.iter().skip(1)).map(|(one, other)| pair(*one, *other));
        let mut starts = vec![0_u32; (1 << 16) + 1];
        for pair in pairs() {
            if let Some(count) = starts.get_mut(pair + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut positions = vec![0_u32; lower.len()];
        for (at, pair) in (0_u32..).zip(pairs()) {
            if let Some(next) = next.get_mut(pair) {
                if let Some(place) = positions.get_mut(index(*next)) {
                    *place = at;
                }
                *next += 1;
            }
        }
        let mut runs = Vec::new();
        runs::find(&text, SHORTEST_RUN, &mut |run| runs.push(run));
        Self { text, lower, starts, positions, runs }
    }

    /// Where this literal of at least two bytes stands, in upper or lower case, in order.
    pub(super) fn find(&self, literal: &str) -> Vec<Range<usize>> {
        let literal = literal.to_ascii_lowercase().into_bytes();
        let (Some(one), Some(other)) = (literal.first(), literal.get(1)) else { return Vec::new() };
        let pair = pair(*one, *other);
        let bound = |pair: usize| self.starts.get(pair).map_or(0, |start| index(*start));
        let places = self.positions.get(bound(pair)..bound(pair + 1)).unwrap_or_default();
        let here = |at: &usize| self.lower.get(*at..).is_some_and(|rest| rest.starts_with(&literal));
        places.iter().map(|at| index(*at)).filter(here).map(|at| at..at + literal.len()).collect()
    }

    /// The long runs of token bytes that share a byte with this stretch, or touch it.
    pub(super) fn runs_at(&self, stretch: Range<usize>) -> impl Iterator<Item = &Range<usize>> {
        let first = self.runs.partition_point(|run| run.end < stretch.start);
        self.runs.iter().skip(first).take_while(move |run| run.start <= stretch.end)
    }
}

fn pair(one: u8, other: u8) -> usize {
    usize::from(one) << 8 | usize::from(other)
}

fn index(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// Words of ordinary text, the commonest first.
const WORDS: &str = "the of and to in is a that for it as with on be by this are from or an which at not can if have \
    will when all one has was use may more other they each only then its there than any new also into been should two \
    must no set see where used such same after between first value time file name data number list type code line user \
    server system default key string error function test version path call state change request result example case \
    field event option order page point message process object service client address public table group package source \
    access command current update support object format memory content record account project network release document \
    community open license security token secret password session connect database storage message queue worker cloud \
    linear square box stripe segment mail slack linear notion figma sentry branch commit merge github gitlab docker \
    cluster region deploy stream signal canvas monitor bucket portal vector filter render charge metric dialog beacon \
    harbor customer invoice payment order product shop price amount currency balance country company contact history \
    around because before change through under while without however although another different important possible \
    aws azure google cloudflare twilio heroku okta datadog vault redis mongodb mysql postgres npm pypi discord telegram \
    shopify jenkins travis mailchimp sendgrid intercom doppler netlify vercel databricks terraform atlassian bitbucket \
    following available several often never always perhaps together against within during already almost enough";

/// Parts of the names in sources.
const PARTS: &str = "get set is has add new make find read write open close parse format build load save init run start \
    stop next last first count size len index key value name path file line text data node item list map tree user id \
    type kind state event error result config option param arg context request response client server session token auth \
    secret password api url host port query body header status code buffer stream chunk block page cache store index \
    hash sign check valid test mock util time date start end min max sum total width height color style render update \
    remove insert delete create select where from into table column row field schema model view handler callback async \
    await promise future task job queue worker thread lock mutex channel message payload encode decode base64 hex utf8";

fn generated() -> Vec<u8> {
    let words: Vec<&str> = WORDS.split_ascii_whitespace().collect();
    let parts: Vec<&str> = PARTS.split_ascii_whitespace().collect();
    let mut press = Press { dice: 0x07ef_e4ce, words, parts, text: String::new() };
    let sorts: [fn(&mut Press); 7] = [
        Press::sentence,
        Press::statement,
        Press::minified,
        Press::encoded,
        Press::digests,
        Press::log_line,
        Press::setting,
    ];
    for (sort, end) in sorts.iter().zip((1..).map(|count| count * EACH)) {
        while press.text.len() < end {
            sort(&mut press);
        }
    }
    press.text.into_bytes()
}

const BASE_64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HEX: &str = "0123456789abcdef";

/// Writes text by the throw of dice.
struct Press {
    dice: u64,
    words: Vec<&'static str>,
    parts: Vec<&'static str>,
    text: String,
}

impl Press {
    fn below(&mut self, end: usize) -> usize {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap_or(0) % end.max(1)
    }

    /// One of these, as likely as the others.
    fn pick<T: Copy + Default>(&mut self, all: &[T]) -> T {
        let at = self.below(all.len());
        all.get(at).copied().unwrap_or_default()
    }

    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A word; the common ones come more often.
    fn word(&mut self) -> &'static str {
        let end = self.below(self.words.len()) + 1;
        let at = self.below(end);
        self.words.get(at).copied().unwrap_or_default()
    }

    fn letters(&mut self, alphabet: &str, count: usize) -> String {
        let alphabet = alphabet.as_bytes();
        (0..count).map(|_| char::from(self.pick(alphabet))).collect()
    }

    fn number(&mut self, end: usize) -> String {
        self.below(end).to_string()
    }

    /// `readChunk`, `read_chunk` or `READ_CHUNK`.
    fn name(&mut self) -> String {
        let parts = self.parts.clone();
        let mut parts: Vec<&str> = (0..self.below(3) + 1).map(|_| self.pick(&parts)).collect();
        if self.below(8) == 0 {
            parts.insert(0, self.word());
        }
        match self.below(5) {
            0 => parts.join("_").to_ascii_uppercase(),
            1 | 2 => parts.join("_"),
            _ => {
                let mut name = String::new();
                for part in parts {
                    let mut letters = part.chars();
                    let first = letters.next().into_iter();
                    if name.is_empty() {
                        name.extend(first);
                    } else {
                        name.extend(first.map(|letter| letter.to_ascii_uppercase()));
                    }
                    name.extend(letters);
                }
                name
            }
        }
    }

    fn uuid(&mut self) -> String {
        let lengths = [8, 4, 4, 4, 12];
        let parts: Vec<String> = lengths.iter().map(|length| self.letters(HEX, *length)).collect();
        parts.join("-")
    }

    fn sentence(&mut self) {
        for at in 0..self.below(18) + 5 {
            let word = self.word();
            self.put(if at > 0 { " " } else { "" });
            self.put(word);
            if self.below(12) == 0 {
                self.put(",");
            }
        }
        if self.below(15) == 0 {
            let link = format!(": https://www.{}.example/{}/{}.html", self.word(), self.word(), self.word());
            self.put(&link);
        }
        let end = self.pick(&[". ", ".\n", ".\n\n", ". "]);
        self.put(end);
    }

    fn statement(&mut self) {
        let (one, two, three) = (self.name(), self.name(), self.name());
        let (word, number) = (self.word(), self.number(5000));
        let line = match self.below(14) {
            0 => format!("    let {one} = {two}.{three}({number});"),
            1 => format!("    if ({one} != null && {two}.{three} > {number}) {{"),
            2 => format!("    // {word} {} {} {}", self.word(), self.word(), self.word()),
            3 => format!("import {{ {one}, {two} }} from \"{word}/{three}\";"),
            4 => format!("def {one}(self, {two}: str = \"{word}\", {three}: int = {number}) -> None:"),
            5 => format!("    self.{one} = os.environ.get(\"{}\", \"{word}\")", two.to_ascii_uppercase()),
            6 => format!("        return {one}({two}, &{three}[{number}..]).map_err(|error| error.to_string())?;"),
            7 => format!("    \"{one}\": \"{word} {}\",", self.word()),
            8 => format!("    headers = {{\"Authorization\": f\"Bearer {{{one}}}\", \"{two}\": {three}}}"),
            9 => format!("    <div class=\"{word}-{one}\" id='{two}'>{{{{ {three} }}}}</div>"),
            10 => format!("    assert_eq!({one}(\"{word}\"), Some({two}::{three}({number})));"),
            11 => format!("#define {} 0x{}", one.to_ascii_uppercase(), self.letters(HEX, 8)),
            12 => format!("    SELECT {one}, {two} FROM {three} WHERE {word} = '{number}';"),
            _ => "    }".to_owned(),
        };
        self.put(&line);
        self.put("\n");
    }

    fn minified(&mut self) {
        let short = "abcdefghijklmnopqrstuvwxyz";
        let (one, two, three) = (self.letters(short, 1), self.letters(short, 1), self.letters(short, 1));
        let (name, other, word) = (self.name(), self.name(), self.word());
        let piece = match self.below(8) {
            0 => format!("function {one}({two},{three}){{return {two}.{name}||{three}.{other}(\"{word}\")}}"),
            1 => format!("var {one}={two}({}),{three}={one}.{name};", self.number(9999)),
            2 => format!("{one}.exports={{{name}:\"{word}\",{other}:!0}};"),
            3 => format!("if({one}&&\"{name}\"in {two})throw new Error(\"{word} {} {other}\");", self.word()),
            4 => format!("{one}=>{{let {{{name}:{two},{other}:{three}}}={one};return {two}?{three}:null}},"),
            5 => format!(
                "{}:function({one},{two}){{\"use strict\";{three}.d({two},\"{name}\",(()=>{other}))}},",
                self.number(99_999)
            ),
            6 => format!(
                "{one}.{name}=\"{word}-{}\",{two}.push([{three}.id,'.{other}{{color:#{}}}']);",
                self.letters(HEX, 6),
                self.letters(HEX, 6)
            ),
            _ => format!("for(var {one}=0;{one}<{two}.length;{one}++){three}.{name}({two}[{one}]);"),
        };
        self.put(&piece);
        if self.below(150) == 0 {
            self.put("\n");
        }
    }

    fn encoded(&mut self) {
        let text = match self.below(12) {
            0 => format!("url(data:image/png;base64,{}==)\n", self.letters(BASE_64, 1200)),
            1 => format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", self.letters(BASE_64, 64)),
            _ => format!("{}\n", self.letters(BASE_64, 76)),
        };
        self.put(&text);
    }

    fn digests(&mut self) {
        let (name, major, minor) = (self.name(), self.number(9), self.number(30));
        let text = match self.below(6) {
            0 => format!(
                "[[package]]\nname = \"{name}\"\nversion = \"{major}.{minor}.1\"\nchecksum = \"{}\"\n\n",
                self.letters(HEX, 64)
            ),
            1 => format!("      \"integrity\": \"sha512-{}==\",\n", self.letters(BASE_64, 86)),
            2 => format!("    --hash=sha256:{} \\\n", self.letters(HEX, 64)),
            3 => format!("{}  {name}-{major}.{minor}.tar.gz\n", self.letters(HEX, 40)),
            4 => format!("example.com/{name}/{} v{major}.{minor}.0 h1:{}=\n", self.word(), self.letters(BASE_64, 43)),
            _ => format!(
                "    \"{}\": {{ \"key\": \"{}\", \"id\": {} }},\n",
                self.uuid(),
                self.letters(HEX, 32),
                self.number(99_999_999)
            ),
        };
        self.put(&text);
    }

    fn log_line(&mut self) {
        let time = format!(
            "2026-0{}-1{}T0{}:2{}:3{}.{}Z",
            self.number(9),
            self.number(9),
            self.number(9),
            self.number(9),
            self.number(9),
            self.number(999)
        );
        let (level, worker) = (self.pick(&["INFO", "DEBUG", "WARN", "ERROR"]), self.number(32));
        let (one, two, name) = (self.word(), self.word(), self.name());
        let rest = match self.below(6) {
            0 => format!("{one} {two} {name}={} duration={}ms status=200", self.uuid(), self.number(2000)),
            1 => format!(
                "GET /v1/{one}/{}/{name}?page={} HTTP/1.1 200 10.0.{}.7",
                self.number(99_999),
                self.number(40),
                self.number(255)
            ),
            2 => format!(
                "{{\"msg\":\"{one} {two}\",\"trace_id\":\"{}\",\"user\":\"u{}\"}}",
                self.letters(HEX, 32),
                self.number(99_999)
            ),
            3 => format!("    at com.{one}.{two}.{name}({name}.java:{})", self.number(900)),
            4 => format!(
                "session {} of user {} authenticated with token ****{}",
                self.letters(HEX, 24),
                self.number(9999),
                self.letters(HEX, 4)
            ),
            _ => format!("{one} {two} failed: {} {} (attempt {})", self.word(), self.word(), self.number(5)),
        };
        let line = format!("{time} {level} [worker-{worker}] {rest}\n");
        self.put(&line);
    }

    fn setting(&mut self) {
        let (name, word, number) = (self.name(), self.word(), self.number(9999));
        let upper = name.to_ascii_uppercase();
        let line = match self.below(12) {
            0 => format!("{upper}={word}\n"),
            1 => format!("{upper}_URL=https://{word}.internal:8443/{name}\n"),
            2 if self.below(40) == 0 => format!("DATABASE_URL=postgres://localhost:5432/{word}\n"),
            3 => format!("  password: ${{{upper}_PASSWORD}}\n"),
            4 => format!("  api_key: {{{{ {name} }}}}\n"),
            5 => format!("{name}:\n  image: registry.{word}.example/{name}:{number}\n  replicas: 3\n"),
            6 => format!(
                "resource \"aws_{name}\" \"{word}\" {{\n  arn = \"arn:aws:iam::{}:role/{word}\"\n}}\n",
                self.letters("0123456789", 12)
            ),
            7 => format!("export {upper}_TOKEN=\"$(cat /run/secrets/{name})\"\n"),
            8 => format!("    - uses: actions/{word}@{}\n", self.letters(HEX, 40)),
            9 => format!("<property name=\"{name}\" value=\"{word}\"/>\n"),
            10 => format!("[{word}]\n{name} = \"{number}\"\nsecret = changeme\n"),
            _ => format!("  {name}: '{word} {}' # {}\n", self.word(), self.word()),
        };
        self.put(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_always_the_same_and_of_all_sorts() {
        let reference = Reference::shared();
        assert_eq!(reference.text, generated());
        assert!(reference.text.len() >= 7 * EACH && reference.text.len() < 8 * EACH);
        assert!(reference.text.is_ascii());
        for held in ["import {", "function ", "data:image/png;base64,", "sha512-", "postgres://", " ERROR ", ". "] {
            assert!(!reference.find(held).is_empty(), "{held}");
        }
    }

    #[test]
    fn literals_are_found_as_a_plain_search_finds_them() {
        let reference = Reference::shared();
        for literal in ["Token", "://", "api_key", "-----BEGIN", "zzzzzzzz", "=\""] {
            let lower = literal.to_ascii_lowercase().into_bytes();
            let plain: Vec<usize> = reference
                .lower
                .windows(lower.len())
                .enumerate()
                .filter(|(_, part)| *part == lower)
                .map(|(at, _)| at)
                .collect();
            let found: Vec<usize> = reference.find(literal).into_iter().map(|at| at.start).collect();
            assert_eq!(found, plain, "{literal}");
        }
    }

    #[test]
    fn runs_near_a_stretch_are_found() {
        let reference = Reference::new(b"ab aaaaaaaaaaaaaaaa ; bbbbbbbbbbbbbbbbbbbb".to_vec());
        let at = |range| reference.runs_at(range).cloned().collect::<Vec<_>>();
        assert!(at(0..2).is_empty());
        assert_eq!(at(0..3), vec![3..19; 1]);
        assert_eq!(at(19..22), [3..19, 22..42]);
        assert_eq!(at(30..31), vec![22..42; 1]);
    }
}
