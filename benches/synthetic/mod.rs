//! Kinds that nobody issues, in the shapes that real ones have: so that speed is measured with as many rules as a grown
//! catalogue holds. The same count gives the same files.

use std::fmt::Write as _;

/// Files of rules with `count` kinds in all, one file a provider: its name, and its text.
pub(crate) fn files(count: usize) -> Vec<(String, String)> {
    let mut dice = Dice(0x5eed);
    let mut files = Vec::new();
    let mut left = count;
    for index in 0_usize.. {
        if left == 0 {
            break;
        }
        let kinds = (1 + dice.below(4)).min(left);
        left -= kinds;
        let name = name_of(index);
        files.push((format!("{name}.yaml"), file(&name, kinds, &mut dice)));
    }
    files
}

fn file(name: &str, kinds: usize, dice: &mut Dice) -> String {
    let mut text = format!("provider: {name}\ntitle: {name}\nhosts: [api.{name}.example]\nkinds:\n");
    for index in 0..kinds {
        let shape = Shape::of(name, index, dice);
        let id = format!("{name}.{}-{index}", shape.word);
        let parts: Vec<String> = shape.example.iter().map(|part| format!("'{part}'")).collect();
        let _infallible = write!(
            text,
            "  - id: {id}
    title: {name} {word} {index}
    severity: {severity}
    confidence: {confidence}
    sources:
      - {{ page: 'https://docs.{name}.example/tokens', mark: U, note: 'made up for measuring' }}
    detect:
      literals: ['{literal}']
      pattern: '{pattern}'
{more}      examples:
        - [{parts}]
        - ['KEY=', {parts}]
      counterexamples:
        - '{literal}'
        - '{literal}: none'
",
            word = shape.word,
            severity = ["critical", "high", "medium"][dice.below(3)],
            confidence = shape.confidence,
            literal = shape.literal,
            pattern = shape.pattern,
            more = shape.more,
            parts = parts.join(", "),
        );
        if dice.below(3) == 0 {
            let _infallible = write!(
                text,
                "    verify:
      send: {{ method: GET, url: 'https://api.{name}.example/v1/me', bearer: '{{{{secret}}}}' }}
      page: 'https://docs.{name}.example/me'
      mark: U
      live: {{ status: [200] }}
      dead: {{ status: [401] }}
    replies:
      - {{ of: verify, status: 200, body: '{{}}', means: live }}
      - {{ of: verify, status: 401, body: '', means: dead }}
      - {{ of: verify, status: 503, body: '', means: unknown }}
"
            );
        }
    }
    text
}

const BASE_62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE_64_URL: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";
const HEX: &str = "0123456789abcdef";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Alphabets of bodies, as a class and letter by letter.
const ALPHABETS: [(&str, &str); 4] =
    [("[A-Za-z0-9]", BASE_62), ("[0-9a-f]", HEX), (r"[A-Za-z0-9_\-]", BASE_64_URL), ("[A-Z2-7]", UPPER)];

/// What one kind looks like.
struct Shape {
    word: &'static str,
    confidence: &'static str,
    literal: String,
    pattern: String,
    /// Further keys of `detect`.
    more: String,
    example: Vec<String>,
}

impl Shape {
    /// In a hundred kinds: about 45 prefixes, 10 of two parts, 25 words near a value, 10 assignments, 3 webhooks, 3 URIs,
    /// 3 pairs and a private key.
    fn of(name: &str, index: usize, dice: &mut Dice) -> Self {
        match dice.below(100) {
            0..45 => Self::prefix(name, index, dice),
            45..55 => Self::two_parts(name, index, dice),
            55..80 => Self::keyword(name, index, dice),
            80..90 => Self::assignment(name, index, dice),
            90..93 => Self::webhook(name, index, dice),
            93..96 => Self::uri(name, dice),
            96..99 => Self::pair(name, index, dice),
            _ => Self::private_key(name, index, dice),
        }
    }

    fn prefix(name: &str, index: usize, dice: &mut Dice) -> Self {
        let marker = ["live", "test", "pat", "sk", "key"][dice.below(5)];
        let literal = format!("{name}{index}{marker}_");
        let (class, alphabet) = ALPHABETS[dice.below(4)];
        let length = [20, 24, 32, 36, 40, 48, 64][dice.below(7)];
        Self {
            word: "token",
            confidence: "high",
            pattern: format!(r"\b{literal}{class}{{{length}}}\b"),
            more: format!("      prefix: '{literal}'\n      entropy: 2.5\n"),
            example: parts(&literal, &dice.body(alphabet, length), ""),
            literal,
        }
    }

    fn two_parts(name: &str, index: usize, dice: &mut Dice) -> Self {
        let literal = format!("{name}{index}-");
        let (class, alphabet) = ALPHABETS[dice.below(2)];
        let length = [24, 32, 40][dice.below(3)];
        Self {
            word: "app-token",
            confidence: "high",
            pattern: format!(r"\b{literal}(?<id>[0-9]{{10,13}})-[a-z]{{1,8}}-{class}{{{length}}}\b"),
            more: "      entropy: 2.5\n".to_owned(),
            example: parts(
                &literal,
                &format!("{}-web-{}", dice.body("0123456789", 12), dice.body(alphabet, length)),
                "",
            ),
            literal,
        }
    }

    fn keyword(provider: &str, index: usize, dice: &mut Dice) -> Self {
        // The kinds of a provider have names of their own.
        let name = if index == 0 { provider.to_owned() } else { format!("{provider}{index}") };
        let (class, alphabet) = ALPHABETS[dice.below(2)];
        let length = [20, 32, 40, 64][dice.below(4)];
        let between =
            r#"[ _.\-]{0,2}(?:api|access|auth|client|secret)?[ _.\-]{0,2}(?:key|token|secret|password)["\x27]?"#;
        Self {
            word: "key",
            confidence: "medium",
            literal: name.clone(),
            pattern: format!(
                r#"(?i)\b{name}{between}\s{{0,3}}(?:=>|:=|[=:,])\s{{0,3}}["\x27]?(?<secret>{class}{{{length}}})\b"#
            ),
            more: "      window: 160\n      entropy: 3\n      require: [digit]\n".to_owned(),
            example: parts(&format!("{name}_api_key = \""), &dice.body(alphabet, length), "\""),
        }
    }

    fn assignment(name: &str, index: usize, dice: &mut Dice) -> Self {
        let variable =
            format!("{}_{}{index}", name.to_ascii_uppercase(), ["API_KEY", "TOKEN", "SECRET"][dice.below(3)]);
        let (class, alphabet) = ALPHABETS[dice.below(2)];
        let least = [20, 32][dice.below(2)];
        Self {
            word: "variable",
            confidence: "medium",
            pattern: format!(
                r#"\b{variable}["\x27]?\s{{0,3}}[=:]\s{{0,3}}["\x27]?(?<secret>{class}{{{least},{}}})\b"#,
                least + 16
            ),
            more: "      entropy: 3\n".to_owned(),
            example: parts(&format!("{variable}="), &dice.body(alphabet, least + 4), ""),
            literal: variable,
        }
    }

    fn webhook(name: &str, index: usize, dice: &mut Dice) -> Self {
        let literal = format!("hooks.{name}.example/");
        let path = format!("services{index}/{}/{}", dice.body(UPPER, 9), dice.body(BASE_62, 24));
        Self {
            word: "webhook",
            confidence: "high",
            pattern: format!(
                r"https://hooks\.{name}\.example/services{index}/(?<team>[A-Z0-9]{{8,12}})/(?<secret>[A-Za-z0-9]{{24}})\b"
            ),
            more: String::new(),
            example: parts(&format!("https://{literal}"), &path, ""),
            literal,
        }
    }

    fn uri(name: &str, dice: &mut Dice) -> Self {
        let literal = format!("{name}://");
        Self {
            word: "uri",
            confidence: "medium",
            pattern: format!(
                r"\b{name}://(?<user>[^\s:@/]{{1,64}}):(?<secret>[^\s:@/]{{8,64}})@(?<host>[a-z0-9.\-]{{3,100}})"
            ),
            more: String::new(),
            example: parts(&format!("{literal}app:"), &dice.body(BASE_62, 18), "@db.internal"),
            literal,
        }
    }

    fn pair(name: &str, index: usize, dice: &mut Dice) -> Self {
        let literal = format!("{}{index}K", name.to_ascii_uppercase());
        let body = format!("{} secret={}", dice.body(UPPER, 16), dice.body(BASE_62, 40));
        Self {
            word: "pair",
            confidence: "high",
            pattern: format!(r"\b(?<id>{literal}[A-Z2-7]{{16}})\b"),
            more: "      entropy: 3.5
      require: [digit, upper, lower]
      companions:
        - { name: secret, pattern: '[=: ](?<value>[A-Za-z0-9]{40})\\b', within: 200, required: true }
"
            .to_owned(),
            example: parts(&literal, &body, ""),
            literal,
        }
    }

    fn private_key(name: &str, index: usize, dice: &mut Dice) -> Self {
        let title = format!("{}{index} PRIVATE KEY-----", name.to_ascii_uppercase());
        let literal = format!("-----BEGIN {title}");
        Self {
            word: "private-key",
            confidence: "high",
            pattern: format!(r"-----BEGIN {title}[A-Za-z0-9+/=\r\n]{{64,4096}}-----END {title}"),
            more: "      window: 4608\n".to_owned(),
            example: parts(&literal, &dice.body(BASE_62, 128), &format!("-----END {title}")),
            literal,
        }
    }
}

/// A sample in parts, so that it stands whole in no file.
fn parts(before: &str, body: &str, after: &str) -> Vec<String> {
    let (one, other) = before.split_at(before.len() / 2);
    let mut parts = vec![one.to_owned(), other.to_owned()];
    parts.extend(body.as_bytes().chunks(11).map(|part| String::from_utf8_lossy(part).into_owned()));
    parts.push(after.to_owned());
    parts
}

/// Words of ordinary text, which providers are named after as well.
const WORDS: [&str; 24] = [
    "harbor", "beacon", "signal", "canvas", "ledger", "meadow", "quartz", "pillar", "segment", "branch", "lantern",
    "monitor", "deploy", "summit", "metric", "bucket", "dialog", "portal", "vector", "compass", "orbit", "render",
    "gadget", "charge",
];

/// Every twelfth provider is named after a word that ordinary text is full of, the others by syllables of their own.
fn name_of(index: usize) -> String {
    if index % 12 == 11
        && let Some(word) = WORDS.get(index / 12)
    {
        return (*word).to_owned();
    }
    const STARTS: [&str; 16] =
        ["ba", "cor", "dex", "fil", "gra", "hex", "jun", "kel", "lum", "mox", "nor", "pry", "quo", "rav", "syn", "tal"];
    const ENDS: [&str; 16] = [
        "bit", "cast", "dine", "fy", "gram", "hub", "ify", "jet", "kit", "lio", "mesh", "nex", "ora", "pay", "rix",
        "sys",
    ];
    let (middle, rest) = (index % 16, index / 16);
    format!("{}{}{}", STARTS[rest % 16], STARTS[middle], ENDS[(middle * 7 + rest / 16 + rest) % 16])
}

/// The same numbers every time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or(0) % end
    }

    /// A body of this length with a digit, a capital and a small letter in it, as far as the alphabet has them.
    fn body(&mut self, alphabet: &str, length: usize) -> String {
        let letters = alphabet.as_bytes();
        let mut body: Vec<u8> = (0..length).map(|_| letters[self.below(letters.len())]).collect();
        for (at, sort) in [u8::is_ascii_digit, u8::is_ascii_uppercase, u8::is_ascii_lowercase].iter().enumerate() {
            let sorted: Vec<u8> = letters.iter().copied().filter(sort).collect();
            if !sorted.is_empty() {
                body[at + 2] = sorted[self.below(sorted.len())];
            }
        }
        // A word ends with a letter or a digit.
        while !body[length - 1].is_ascii_alphanumeric() {
            body[length - 1] = letters[self.below(letters.len())];
        }
        String::from_utf8_lossy(&body).into_owned()
    }
}
