//! One token in many clothes.

mod apart;

use super::*;
use crate::model::{FingerprintKey, Sighting};
use crate::rules::builtin;
use crate::scan::Outcome;
use crate::source::{Blob, Source, SourceError, Visit};
use crate::suppress::Suppressions;
use Encoding::{
    Base32, Base64, CodePage, Entities, Escapes, Gzip, Hex, Joined, Percent, QuotedPrintable, Utf16, Utf32, Zlib, Zstd,
};
use data_encoding::{BASE32, BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use std::io::Write as _;

/// A source of one text.
#[derive(Debug)]
struct Text(String, Vec<u8>);

impl Source for Text {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        let _wanted = visit(Ok(Blob::new(Place::File { path: self.0.clone() }, &self.1))).is_continue();
        Ok(())
    }
}

pub(in crate::scan) fn scanner() -> Scanner {
    Scanner {
        engine: crate::engine::Engine::new(builtin()).unwrap(),
        key: FingerprintKey::of_repository(vec![7; 32]),
        suppressions: Suppressions::default(),
        keep_findings: true,
        most_expanded: None,
    }
}

pub(in crate::scan) fn scan(name: &str, bytes: &[u8]) -> Outcome {
    scanner().run(&Text(name.to_owned(), bytes.to_vec())).unwrap()
}

pub(in crate::scan) fn token() -> String {
    ["stanch", "_demo_", "oODIjcAnWsg", "zz0ANxKNlz0", "iJM259PSPxS", "WIzObl0"].concat()
}

/// What is found of the token: how it was encoded, and the bytes at its span.
fn the_one(name: &str, bytes: &[u8]) -> Option<(Vec<Encoding>, Span, Sighting)> {
    let mut outcome = scan("a.txt", bytes);
    assert!(outcome.sightings.len() <= 1, "{name}: found {} times", outcome.sightings.len());
    let sighting = outcome.sightings.pop()?;
    let finding = outcome.findings.pop().unwrap();
    #[expect(clippy::disallowed_methods, reason = "it must be the planted one")]
    let secret = finding.secret.expose();
    assert_eq!(secret, token().as_bytes(), "{name}");
    assert!(outcome.elsewhere.is_empty(), "{name}: in more than one place");
    assert!(!sighting.excerpt.as_str().contains(token().get(12..30).unwrap()), "{name}: shown");
    Some((sighting.decoded.clone(), sighting.span, sighting))
}

fn each(text: &str, form: impl Fn(u8) -> String) -> String {
    text.bytes().map(form).collect()
}

fn wrapped(text: &str, width: usize, before: &str, after: &str) -> String {
    let lines = text.as_bytes().chunks(width).map(|line| format!("{before}{}{after}", String::from_utf8_lossy(line)));
    lines.collect()
}

pub(in crate::scan) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Quoted-printable as mail programs write it: the sign escaped, lines broken softly at 76.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for byte in text.bytes() {
        let form = if byte == b'=' || !(b' '..=b'~').contains(&byte) {
            format!("={byte:02X}")
        } else {
            char::from(byte).to_string()
        };
        if width + form.len() > 75 {
            out.push_str("=\r\n");
            width = 0;
        }
        width += form.len();
        out.push_str(&form);
    }
    out
}

/// Its name, the bytes before, the encoded bytes, the bytes after, and what must be said of it.
type Form = (&'static str, Vec<u8>, Vec<u8>, Vec<u8>, Vec<Encoding>);

fn forms() -> Vec<Form> {
    let token = token();
    let t = token.as_str();
    let long = format!("# settings of the shop\nuser=shop\nkey={t}\nurl=https://shop.invalid/api\nmode=production\n");
    let (head, tail) = t.split_at(20);
    let (a, rest) = t.split_at(17);
    let (b, c) = rest.split_at(14);
    let mut all = Vec::new();
    let mut add = |name, before: &str, encoded: &dyn AsRef<[u8]>, after: &str, encodings: &[Encoding]| {
        let row = (
            name,
            before.as_bytes().to_vec(),
            encoded.as_ref().to_vec(),
            after.as_bytes().to_vec(),
            encodings.to_vec(),
        );
        all.push(row);
    };
    add("plain", "key = '", &t, "'\n", &[]);
    add("base64", "key: ", &BASE64.encode(t.as_bytes()), "\n", &[Base64]);
    add("base64 unpadded", "key: \"", &BASE64_NOPAD.encode(t.as_bytes()), "\",\n", &[Base64]);
    add(
        "base64 url",
        "https://a.invalid/?k=",
        &BASE64URL_NOPAD.encode(format!("??>>{t}").as_bytes()),
        "&b=1",
        &[Base64],
    );
    add("base64 after a name", "key=", &BASE64.encode(t.as_bytes()), "\n", &[Base64]);
    add("base64 of a file", "data: ", &BASE64.encode(long.as_bytes()), "\n", &[Base64]);
    add(
        "base64 wrapped",
        "data: |\n",
        &wrapped(&BASE64.encode(long.as_bytes()), 64, "  ", "\n"),
        "next: 1\n",
        &[Base64],
    );
    add(
        "base64 wrapped crlf",
        "Content\r\n\r\n",
        &wrapped(&BASE64.encode(long.as_bytes()), 76, "", "\r\n"),
        "--end\r\n",
        &[Base64],
    );
    add(
        "base64 quoted mail",
        "> hello\n",
        &wrapped(&BASE64.encode(long.as_bytes()), 60, "> ", "\n"),
        "> bye\n",
        &[Base64],
    );
    add(
        "base64 armoured",
        "-----BEGIN THING-----\n",
        &wrapped(&BASE64.encode(long.as_bytes()), 64, "", "\n"),
        "-----END THING-----\n",
        &[Base64],
    );
    add(
        "base64 in strings",
        "x = (\n",
        &wrapped(&BASE64.encode(long.as_bytes()), 60, "  \"", "\"\n"),
        ")\n",
        &[Joined, Base64],
    );
    add(
        "base64 with line ends escaped",
        "{\"k\":\"",
        &wrapped(&BASE64.encode(long.as_bytes()), 64, "", "\\n"),
        "\"}",
        &[Escapes, Base64],
    );
    add("data url", "src=\"data:text/plain;base64,", &BASE64.encode(t.as_bytes()), "\"", &[Base64]);
    add("basic", "Authorization: Basic ", &BASE64.encode(format!("shop:{t}").as_bytes()), "\r\n", &[Base64]);
    add("base64 of base64", "k=", &BASE64.encode(BASE64.encode(t.as_bytes()).as_bytes()), "\n", &[Base64, Base64]);
    add("base64 of utf-16", "powershell -e ", &BASE64.encode(&wide(&format!("$k='{t}'"))), "\n", &[Base64, Utf16]);
    add("gzip in base64", "k: ", &BASE64.encode(&gzip(long.as_bytes())), "\n", &[Base64, Gzip]);
    add("zlib in base64", "k: ", &BASE64.encode(&zlib(long.as_bytes())), "\n", &[Base64, Zlib]);
    add("deflate in base64", "k: ", &BASE64.encode(&deflate(long.as_bytes())), "\n", &[Base64, Zlib]);
    add("zstd in base64", "k: ", &BASE64.encode(&zstd(long.as_bytes())), "\n", &[Base64, Zstd]);
    add("gzip in hex", "k: ", &HEXLOWER.encode(&gzip(long.as_bytes())), "\n", &[Hex, Gzip]);
    add("base32", "k: ", &BASE32.encode(t.as_bytes()), "\n", &[Base32]);
    add("base32 wrapped", "k:\n", &wrapped(&BASE32.encode(long.as_bytes()), 76, "", "\n"), "\n", &[Base32]);
    add("hex wrapped", "k:\n", &wrapped(&HEXLOWER.encode(&gzip(long.as_bytes())), 60, "", "\n"), "\n", &[Hex, Gzip]);
    for lead in ["grüße für sie: ", "これは設定です\n", "Привет, коллеги, вот ключ: "] {
        add("base64 of other scripts", "k=", &BASE64.encode(format!("{lead}{t}").as_bytes()), "\n", &[Base64]);
    }
    add("hex", "k: ", &HEXLOWER.encode(t.as_bytes()), "\n", &[Hex]);
    let other = HEXLOWER.encode(&[b'x'; 80].map(|x| x + 1)[..t.len()]);
    add("hex below another", &format!("{other}\n"), &HEXLOWER.encode(t.as_bytes()), "\n", &[Hex]);
    add("hex in capitals", "k=0x", &HEXUPPER.encode(t.as_bytes()), ";", &[Hex]);
    add("bytea", "'\\x", &HEXLOWER.encode(t.as_bytes()), "'", &[Hex]);
    add("hex with colons", "k: ", &each(t, |b| format!("{b:02x}:")).trim_end_matches(':'), "\n", &[Hex]);
    add("hex with blanks", "k: ", &each(t, |b| format!("{b:02X} ")).trim_end(), "\n", &[Hex]);
    add("bytes in hex", "k = {", &each(t, |b| format!("0x{b:02x}, ")).trim_end_matches(", "), "};", &[Hex]);
    add(
        "bytes in hex, in lines",
        "k = {\n",
        &wrapped(&each(t, |b| format!("0x{b:02x},")), 60, "    ", "\n").trim().trim_end_matches(','),
        "\n};",
        &[Hex],
    );
    add("bytes in decimals", "k = [", &each(t, |b| format!("{b}, ")).trim_end_matches(", "), "];", &[Hex]);
    add("chr", "$k = ", &each(t, |b| format!("chr({b}).")).trim_end_matches('.'), ";", &[Hex]);
    add("Chr", "k = ", &each(t, |b| format!("Chr({b}) & ")).trim_end_matches(" & "), "\n", &[Hex]);
    add("from char code", "String.fromCharCode(", &each(t, |b| format!("{b},")).trim_end_matches(','), ")", &[Hex]);
    add("percent", "https://a.invalid/?k=", &t.replace('_', "%5F"), "&x=1", &[Percent]);
    add("percent throughout", "k=", &each(t, |b| format!("%{b:02x}")), "&x=1", &[Percent]);
    add("percent twice", "k=", &each(t, |b| format!("%25{b:02x}")), "&x=1", &[Percent, Percent]);
    add("percent before", "q=a%3D", &t, "%26x", &[Percent]);
    add("unicode escapes", "k = \"", &each(t, |b| format!("\\u{b:04x}")), "\"", &[Escapes]);
    add("an accent before", "k = \"caf\\u00e9", &t, "\"", &[Escapes]);
    add("registry", "\"k\"=hex:", &each(t, |b| format!("{b:02x},")).trim_end_matches(','), "\r\n", &[Hex]);
    add(
        "registry, wide",
        "\"k\"=hex(1):",
        &each(t, |b| format!("{b:02x},00,")).trim_end_matches(','),
        "\r\n",
        &[Hex, Utf16],
    );
    add("braced escapes", "k = \"", &each(t, |b| format!("\\u{{{b:x}}}")), "\"", &[Escapes]);
    add("one escape", "k = \"", &t.replacen('_', "\\u005f", 1), "\"", &[Escapes]);
    add("hex escapes", "k = \"", &each(t, |b| format!("\\x{b:02X}")), "\"", &[Escapes]);
    add("octal escapes", "k = \"", &each(t, |b| format!("\\{b:03o}")), "\"", &[Escapes]);
    add("a line end before", "k = \"first\\n", &t, "\\n\"", &[Escapes]);
    add(
        "json in json",
        "{\"a\":\"{\\\"k\\\":\\\"",
        &each(t, |b| format!("\\\\u{b:04x}")),
        "\\\"}\"}",
        &[Escapes, Escapes],
    );
    add("entities", "<k>", &each(t, |b| format!("&#{b};")), "</k>", &[Entities]);
    add("hex entities", "<k>", &each(t, |b| format!("&#x{b:X};")), "</k>", &[Entities]);
    add("named entities", "<k>", &t.replace('_', "&lowbar;"), "</k>", &[Entities]);
    add(
        "quoted-printable",
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
        &quoted(&format!("{} key{} {t}", "the new key is, as you wished ".repeat(2), "=")),
        "\r\n",
        &[QuotedPrintable],
    );
    let head_of_mail = "Content-Transfer-Encoding: Quoted-Printable\r\n\r\n";
    add("quoted-printable, cut early", head_of_mail, &format!("{head}=\r\n{tail}"), "\r\n", &[QuotedPrintable]);
    add("quoted-printable signs", "", &format!("mail: key=3D{t}"), "\n", &[QuotedPrintable]);
    add("plus", "k = \"", &format!("{head}\" + \"{tail}"), "\";", &[Joined]);
    add("plus over lines", "k = \"", &format!("{a}\" +\n    \"{b}\"\n    + \"{c}"), "\";", &[Joined]);
    add("side by side", "k = ('", &format!("{a}'\n     '{b}' '{c}"), "')", &[Joined]);
    add("with comments", "k = (\"", &format!("{a}\"  // first\n  \"{b}\" /* second */\n \"{c}"), "\")", &[Joined]);
    add("dots", "$k = '", &format!("{a}' . '{b}'.'{c}"), "';", &[Joined]);
    add("two dots", "k = \"", &format!("{a}\" .. \"{b}\" .. \"{c}"), "\"", &[Joined]);
    add("ampersand", "k = \"", &format!("{a}\" & \"{b}\" & _\n  \"{c}"), "\"", &[Joined]);
    add("bars", "SELECT '", &format!("{a}' || '{b}' || '{c}"), "';", &[Joined]);
    add("shell quotes", "K='", &format!("{head}'\"{tail}"), "\"\n", &[Joined]);
    add("backslash at the end", "export K=", &format!("{head}\\\n{tail}"), "\n", &[Joined]);
    add("backslash and indent", "key = ", &format!("{a}\\\n    {b}\\\n    {c}"), "\n", &[Joined]);
    add("string over lines", "k = \"", &format!("{head}\\\n{tail}"), "\"\n", &[Joined]);
    add("join", "k = [\"", &format!("{a}\", \"{b}\", \"{c}"), "\"].join('')", &[Joined]);
    add("join before", "k = ''.join(['", &format!("{a}', '{b}', '{c}"), "'])", &[Joined]);
    add("join of a list", "k = join(\"\", [\"", &format!("{a}\", \"{b}\", \"{c}"), "\"])", &[Joined]);
    add("join in a template", "{\"Fn::Join\": [\"\", [\"", &format!("{a}\", \"{b}\", \"{c}"), "\"]]}", &[Joined]);
    add("pasted", "k <- paste0(\"", &format!("{a}\", \"{b}\", \"{c}"), "\")", &[Joined]);
    add("pasted by paste", "k <- paste(\"", &format!("{a}\", \"{b}\", \"{c}"), "\", sep = \"\")", &[Joined]);
    add("by a format", "k := fmt.Sprintf(\"%s%s%s\", \"", &format!("{a}\", \"{b}\", \"{c}"), "\")", &[Joined]);
    add("by Python's format", "k = \"{}{}{}\".format(\"", &format!("{a}\", \"{b}\", \"{c}"), "\")", &[Joined]);
    add("by a percent sign", "k = '%s%s%s' % ('", &format!("{a}', '{b}', '{c}"), "')", &[Joined]);
    add("sections", "<k><![CDATA[", &format!("{a}]]><![CDATA[{b}{c}"), "]]></k>", &[Joined]);
    add("batch", "set K=", &format!("{a}^\r\n{b}{c}"), "\r\n", &[Joined]);
    let fold = "description: what was agreed about it on that day, ";
    add("fold", &format!("dn: cn=x\n{fold}"), &format!("{head}\n {tail}"), "\ncn: x\n", &[Joined]);
    add("wrap", &format!("dear all\n{fold}"), &format!("{head}\r\n{tail}"), " and more\r\n", &[Joined]);
    add("append", "k.append(\"", &format!("{a}\").append(\"{b}\").append(\"{c}"), "\");", &[Joined]);
    add("concat", "SELECT CONCAT(\"", &format!("{a}\", \"{b}\", \"{c}"), "\")", &[Joined]);
    add(
        "characters",
        "k = {'",
        &each(t, |b| format!("{}', '", char::from(b))).trim_end_matches("', '"),
        "'};",
        &[Joined],
    );
    add("no width", "k: ", &format!("{head}\u{200b}{tail}"), "\n", &[Joined]);
    add("soft hyphen", "k: ", &format!("{head}\u{ad}{tail}"), "\n", &[Joined]);
    add("colours", "k: \u{1b}[31m", &t, "\u{1b}[0m\n", &[Joined]);
    add("colours in JSON", "{\"log\":\"k: \\u001b[1;31m", &t, "\\u001b[0m\"}\n", &[Joined]);
    add("colours in JSON in JSON", "{\"log\":\"{\\\"k\\\": \\\\u001b[31m", &t, "\\\\u001b[0m\"}\n", &[Joined]);
    add("colours in a script", "echo -e \"k: \\033[1m\\033[31m", &t, "\\033[0m\"\n", &[Joined]);
    add("colours in syslog", "k: #033[31m", &t, "#033[0m\n", &[Joined]);
    add("colours in a typescript", "k: ^[[m", &t, "^[[0m\n", &[Joined]);
    add(
        "wide inside",
        "MZ\u{1}\u{2}\0\0\0\0",
        &[vec![1, 0, 7, 0], wide(t), vec![0, 0, 9]].concat(),
        "\u{1}\u{2}",
        &[Utf16],
    );
    add("shift jis", "\u{0}", &[b"\x83\x41".as_slice(), t.as_bytes()].concat(), "\n", &[CodePage]);
    add(
        "base64 in a percent-encoded url",
        "u=",
        &BASE64.encode(format!("{t}??").as_bytes()).replace('=', "%3D").replace('/', "%2F"),
        "&v",
        &[Base64],
    );
    all
}

#[test]
fn one_token_in_all_clothes_is_found_where_it_stands() {
    let mut lost = Vec::new();
    for (name, before, encoded, after, encodings) in forms() {
        let text = [before.as_slice(), &encoded, &after].concat();
        // Also deep in a text, at every alignment.
        for shift in [0, 1, 2, 3, 5_000] {
            let lead = "x = 1 # a line\n".repeat(400);
            let lead = lead.as_bytes().get(..shift).unwrap();
            let text = [lead, &text, b"\nand more text after it\n"].concat();
            match the_one(name, &text) {
                Some((found, span, _)) if found == encodings => {
                    let start = lead.len() + before.len();
                    let inside = span.start >= start && span.end <= start + encoded.len() + 1;
                    if !inside || span.end <= span.start {
                        lost.push(format!("{name} (at {shift}): at {span:?}, and not in {start}+{}", encoded.len()));
                    }
                }
                Some((found, ..)) => lost.push(format!("{name} (at {shift}): as {found:?}")),
                None => lost.push(format!("{name} (at {shift}): not found")),
            }
        }
    }
    assert!(lost.is_empty(), "{} lost:\n{}", lost.len(), lost.join("\n"));
}

#[test]
fn whole_texts_in_other_character_sets_are_found() {
    let text = format!("# caf\u{e9}\nkey = {}\n", token());
    let units: Vec<u16> = text.encode_utf16().collect();
    let chars: Vec<u32> = text.chars().map(u32::from).collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    let little32: Vec<u8> = chars.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big32: Vec<u8> = chars.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    for (mark, bytes, encoding) in [
        (&b"\xff\xfe"[..], &little, Utf16),
        (b"\xfe\xff", &big, Utf16),
        (b"", &little, Utf16),
        (b"", &big, Utf16),
        (b"\xff\xfe\0\0", &little32, Utf32),
        (b"\0\0\xfe\xff", &big32, Utf32),
        (b"", &little32, Utf32),
        (b"", &big32, Utf32),
    ] {
        let (decoded, _, sighting) = the_one("wide", &[mark, bytes].concat()).unwrap();
        assert_eq!((decoded, sighting.at.line, sighting.at.column), (vec![encoding], 2, 7));
    }
}

#[test]
fn ordinary_text_hides_nothing() {
    let top = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = Vec::new();
    for name in ["Cargo.lock", "docs/architecture.md", "CHANGELOG.md", "src/decode/base64.rs", "src/rules/check.rs"] {
        text.extend(std::fs::read(top.join(name)).unwrap());
    }
    // Digests, identifiers and numbers, in all the forms that look like an encoding.
    let mut state = 7_u64;
    for _ in 0..4_000 {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()
        };
        let noise = [next(), next(), next(), next(), next()].concat();
        let quoted: Vec<String> = noise.iter().map(u8::to_string).collect();
        text.extend(
            format!(
                "\"sha512-{}\",\n\"{}\" + \"{}\"\n[{}]\n",
                BASE64.encode(&noise),
                HEXLOWER.encode(&noise),
                BASE32.encode(&noise),
                quoted.join(", ")
            )
            .bytes(),
        );
    }
    let outcome = scan("a.txt", &text);
    assert!(outcome.coverage.is_complete(), "{:?}", outcome.coverage.gaps);
    let decoded: Vec<_> = outcome.sightings.iter().filter(|found| !found.decoded.is_empty()).collect();
    assert!(decoded.is_empty(), "{decoded:?}");
}

#[test]
fn what_only_looks_like_an_encoding_needs_a_sure_kind() {
    let part = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    let (header, claims) = (br#"{"alg":"HS256","typ":"JWT"}"#, br#"{"sub":"ycrkwzhng04z","exp":1760000000}"#);
    let signature: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(151).wrapping_add(43)).collect();
    // A kind of medium confidence.
    let signed = [part(header), part(claims), part(&signature)].join(".");
    let found = |text: &str| scan("a.txt", text.as_bytes()).sightings.len();
    assert_eq!(found(&format!("k = {signed}\n")), 1);
    assert_eq!(found(&format!("k%3D{}%26", signed.replace('.', "%2E"))), 1, "the text says that it is encoded");
    assert_eq!(found(&format!("k: {}\n", BASE64.encode(format!("k = {signed}\n").as_bytes()))), 1, "all of it is text");
    assert_eq!(found(&format!("k: {}\n", HEXLOWER.encode(signed.as_bytes()))), 1, "all of it is text");
    let noisy = [b"\x05\xff".as_slice(), signed.as_bytes(), b"\x05"].concat();
    assert_eq!(found(&format!("k: {}\n", HEXLOWER.encode(&noisy))), 0);
    let (one, two) = signed.split_at(40);
    assert_eq!(found(&format!("k = '{one}' + '{two}'\n")), 1, "the operator says that it is one string");
    assert_eq!(found(&format!("k = ['{one}', '{two}'].join('')\n")), 0);
}

#[test]
fn a_stop_ends_it_in_the_middle() {
    let text = each(&token(), |byte| format!("\\u{byte:04x}"));
    let stop = crate::scan::Stop::default();
    let scanner = scanner();
    let place = Place::Stdin;
    let bytes = text.as_bytes();
    stop.ask(crate::scan::Cut::OutOfTime);
    let chunks = std::sync::OnceLock::new();
    let run = Run { stop: &stop, chunks: &chunks };
    let seen = scanner.unfold(&Blob::new(place.clone(), bytes), &place, &run, &mut Scratch::default());
    assert!(seen.leaks.is_empty(), "what is decoded is not looked at any more");
}

#[test]
fn a_name_before_a_value_counts_where_all_that_was_encoded_is_text() {
    let hex = ["5f0c3f3f", "d1b0a5e2", "99c47a60", "8e1d2b37"].concat();
    let text = format!("# settings of the shop\nservice: shop\nDD_API_KEY={hex}\nend=1\n");
    let bytes = text.as_bytes();
    let all = [
        ("plain", text.clone()),
        ("base64", BASE64.encode(bytes)),
        ("hex", HEXLOWER.encode(bytes)),
        ("base32", BASE32.encode(bytes)),
        ("base32 wrapped", wrapped(&BASE32.encode(bytes), 76, "", "\n")),
        ("coloured", text.replace('=', "=\u{1b}[1m\u{1b}[33m").replace("\nend", "\u{1b}[0m\nend")),
        ("gzip in base64", BASE64.encode(&gzip(bytes))),
        ("gzip in hex", wrapped(&HEXLOWER.encode(&gzip(bytes)), 60, "", "\n")),
    ];
    for (name, text) in all {
        let kinds: Vec<String> =
            scan("a.txt", text.as_bytes()).sightings.iter().map(|seen| seen.kind.as_str().to_owned()).collect();
        assert_eq!(kinds, ["datadog.api-key"], "{name}");
    }
}

#[test]
fn what_belongs_to_a_secret_may_be_encoded_alone() {
    let (id, secret) = (["AK", "IA", "LAFLDM6RLXY", "WVNAY"].concat(), "ihKhhVkIr2y/XxUPP32m1g5mz/OyE0RP+0lMSK4y");
    let plain = format!("{{\"AccessKeyId\":\"{id}\",\n  \"SecretAccessKey\":\"{secret}\"}}");
    let query = format!("?id={id}&secret={}&more=1", secret.replace('/', "%2F").replace('+', "%2B"));
    for text in [plain.clone(), plain.replace('/', "\\/"), plain.replace('/', "\\u002f"), query] {
        let outcome = scan("a.json", text.as_bytes());
        let kinds: Vec<_> = outcome.sightings.iter().map(|found| found.kind.as_str()).collect();
        assert_eq!(kinds, ["aws.access-key"], "{text}");
    }
}

#[test]
fn a_key_whose_first_signs_alone_were_worth_nothing_is_decoded_whole() {
    let numbers = numbers(99).map(|number| char::from(b"ABCDabcdefghijklmnopqrstuvwxyz0123456789+/"[number % 42]));
    let body: Vec<char> = numbers.take(640).collect();
    let lines: Vec<String> = body.chunks(64).map(|line| line.iter().collect()).collect();
    let key = ["-----BEG", "IN RSA PRIVATE KEY-----\n", &lines.join("\n"), "\n-----END", " RSA PRIVATE KEY-----\n"];
    let escape = |text: &str, space: &str| {
        let text = text.replace('%', "%25").replace('+', "%2B").replace('/', "%2F").replace('\n', "%0A");
        text.replace(' ', space)
    };
    let outcome = scan("a", format!("key={}&x=1", escape(&key.concat(), "%20")).as_bytes());
    assert_eq!(outcome.sightings.len(), 1);
    let prefixed = |prefix: &str| key.concat().lines().map(|line| format!("{prefix}{line}\n")).collect::<String>();
    for prefix in ["# ", "// ", " * ", "> ", "+", ""] {
        assert_eq!(scan("a", prefixed(prefix).as_bytes()).sightings.len(), 1, "{prefix}");
    }
}

/// Numbers without a pattern, the same in each run.
fn numbers(seed: u64) -> impl Iterator<Item = usize> {
    let mut state = seed | 1;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    })
}
