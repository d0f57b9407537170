//! Parts of patterns that have a name: what stands between a provider's name and a token that has no marker of its own,
//! and what people write where a password goes. A file of rules writes the name in double braces; a cure for one such
//! place then helps every kind.

use serde::de::{self, Deserialize, Deserializer};

/// Names and what they stand for; a part is written with parts below it.
const PARTS: [(&str, &str); 12] = [
    (
        "its-token",
        concat!(
            r"(?:(?:{{near}}(?i:token|{{a-key}}|\bkey|secret|authorization)|(?i:[_.\- ]?key)){{more}}{{is}}",
            r"|{{its-call}})",
        ),
    ),
    (
        "its-key",
        r"(?:(?:{{near}}(?i:token|{{a-key}}|\bkey|authorization)|(?i:[_.\- ]?key)){{more}}{{is}}|{{its-call}})",
    ),
    ("its-secret", r"{{near}}(?i:secret){{more}}{{is}}"),
    // The rest of the name of a client, and its first or second argument, in quotes.
    (
        "its-call",
        concat!(
            r"(?i:[_.]?(?:rest|server|async|api|http|web|ai|sdk|service|search|client|connect|init|initialize|configure|create",
            r"|setup|login|auth|authenticate|get_?instance)){0,3}[\x22\x27]?\)?(?i:\.connect)?\([ \t\r\n]{0,20}",
            r"(?:[\x22\x27\x60][^\x22\x27\x60\r\n]{1,64}[\x22\x27\x60],[ \t\r\n]{0,20})?[\x22\x27\x60]",
        ),
    ),
    // The rest of a name, a call or a key with its value begun; or the end of a host, and a path.
    (
        "near",
        concat!(
            r#"(?:[\w.\- :({"\x27\r\n]{0,40}?"#,
            r#"|[\w-]{0,12}\.[a-z]{2,6}(?::[0-9]{2,5})?/[\w.\-:/?&=,\\({"\x27\r\n ]{0,100}?)"#,
        ),
    ),
    (
        "a-key",
        concat!(
            r"(?:api|secret|private|access|auth|master|admin|server|service|rest|personal|account|user|team|project",
            r"|license|signing|integration|management|ingest|write|prod|live|dev|test|my|v[0-9])[ _.-]?key",
        ),
    ),
    (
        "more",
        concat!(
            r"(?i:(?:[_-]?(?:(?:access|api|auth|secret|private)?[_-]?(?:key|token|secret|pass(?:word)?)",
            r"|value|prod|production|live|dev|test|staging|sandbox|main|default|primary|old|new|string|env|auth|base64",
            r"|eu|us|v?[0-9]{1,2})|[_-][a-z]){0,2}s?)",
        ),
    ),
    // Quotes and brackets that end the name, also with the backslashes of a quoted text; a sign; quotes before the value; and
    // the scheme of an `Authorization` header.
    (
        "is",
        concat!(
            r"[\\\x22\x27\])\x60]{0,3}",
            r"(?:[ \t]{0,3}(?:=>|:=|={1,2}|:[ \t]{0,3}&?(?i:str|string)[ \t]{0,3}=|:|,|\(|\|{1,2}|\?\?|>|\bto\b|\bis\b|\bor\b)",
            r"|[ \t]{1,3}[\\\x22\x27\x60]|[ \t]{1,3}string[ \t]{0,3}=|[ \t\r\n]{1,40}value[ \t]{0,3}[=:])",
            r"[ \t]{0,3}[\\\x22\x27\x60]{0,4}(?i:(?:bearer|token|basic|key|api-?key|bot) )?",
        ),
    ),
    // Words that stand in samples, settings and sources where a password goes, and seldom in one.
    (
        "sample-word",
        concat!(
            r"(?i:p[a@4][s$5]{2}|w0rd|pwd|secret|token|test|1234|abcd|qwert|example|sample|foo|bar|user|admin|root",
            r"|dummy|change|your|word|key|null|none|true|false|default|invalid|wrong|login|auth|guest|demo|hello",
            r"|fake|mock|xxx|temp|letme|hunter|value|string|utf|sha[0-9]|md5|aes|rsa|http|old|new|\.\.|//|\*\*\*)",
        ),
    ),
    // The name of a variable, a constant, a class, a file or a host; a number; and a name with the end that people give one.
    (
        "a-name",
        concat!(
            r"(?:^[A-Z0-9_.\-]+$|^[0-9.:,+TZ\-]+$|^[a-z]{2,}(?:[A-Z_.\-]?[A-Z]{0,4}[a-z]{2,}[0-9]{0,2})+$",
            r"|^[a-z]+(?:[_.\-][a-z0-9]+)+$|^[A-Za-z]+[0-9]{0,2}$|123!?$)",
        ),
    ),
    // Percents, and the start of what a template fills in.
    ("filled-in", r"(?:%[0-9A-Fa-f]{2}|^[%$@:#{\[]|[$#]\{)"),
    // `my_password`, `Secret123!`, `supersecret`: the whole of it.
    (
        "said-password",
        concat!(
            r"(?i:^(?:my|your|the|some|super|top|db|user|test|root|admin|smtp|mail|ftp|ldap|amqp|mongodb|mysql|postgres",
            r"|redis)?[_\-.]?(?:pass|passwd|password|passwort|secret|pwd|auth(?:_?key)?)[_\-.]?",
            r"(?:word|here|[0-9]{1,4})?!?$)",
        ),
    ),
];

/// A pattern with what its names stand for.
pub(super) fn written_out<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    known(String::deserialize(from)?)
}

/// The same for a list of patterns.
pub(super) fn all_written_out<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Vec::deserialize(from)?.into_iter().map(known).collect()
}

fn known<E: de::Error>(pattern: String) -> Result<String, E> {
    let pattern = expanded(pattern);
    match pattern.split_once("{{") {
        None => Ok(pattern),
        Some((_, rest)) => {
            let name = rest.split_once("}}").map_or(rest, |(name, _)| name);
            let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
            let message =
                format!("no part of a pattern is named {}: they are {}", name.escape_debug(), names.join(", "));
            Err(E::custom(message))
        }
    }
}

fn expanded(pattern: String) -> String {
    PARTS.iter().fold(pattern, |pattern, (name, text)| pattern.replace(&format!("{{{{{name}}}}}"), text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::pattern::Pattern;

    fn found(pattern: &str, text: &str) -> bool {
        let pattern = Pattern::new(expanded(pattern.to_owned()));
        pattern.compiled().expect("compiles").find(text.as_bytes(), 0..text.len()).is_some()
    }

    #[test]
    fn an_assignment_is_known_in_every_language() {
        let pattern = r"(?i:acme[_-]?key){{is}}(?<secret>[0-9a-f]{8})\b";
        let assigned = [
            "ACME_KEY=@",
            "acme_key: @",
            r#""acmeKey": "@""#,
            r#"{\"acme_key\": \"@\"}"#,
            "acme_key => '@'",
            "acmeKey := `@`",
            "acme_key == \"@\"",
            "acme_key: str = \"@\"",
            "const acmeKey: string = '@';",
            "const ACME_KEY: &str = \"@\";",
            "const acmeKey string = \"@\"",
            "setAcmeKey(\"@\")",
            "env['ACME_KEY'] = '@'",
            "getenv('ACME_KEY', '@')",
            "process.env.ACME_KEY || '@'",
            "process.env.ACME_KEY ?? '@'",
            r#"os.environ.get("ACME_KEY") or "@""#,
            r#"{:acme-key "@"}"#,
            "<acme_key>@</acme_key>",
            r#"<add key="AcmeKey" value="@"/>"#,
            "- name: ACME_KEY\n  value: \"@\"",
            "the acmekey is @",
            "acme_key: Bearer @",
        ]
        .map(|text| text.replace('@', "0a1b2c3d"));
        for text in assigned {
            assert!(found(pattern, &text), "{text}");
        }
        for text in ["acme_key 0a1b2c3d", "acme_key-0a1b2c3d", "acme_keys0a1b2c3d", "acme_key\n0a1b2c3d"] {
            assert!(!found(pattern, text), "{text}");
        }
    }

    #[test]
    fn a_token_belongs_to_the_name_before_it() {
        let with = |part: &str| format!(r"(?i:\bacme){{{{{part}}}}}(?<secret>[0-9a-f]{{8}})\b");
        let token = [
            "ACME_API_TOKEN_PROD=@",
            "acme.secret: @",
            "acme: { key: '@' }",
            "curl https://api.acme.io/v1 -H 'Authorization: Bearer @'",
        ];
        for text in token.map(|text| text.replace('@', "0a1b2c3d")) {
            assert!(found(&with("its-token"), &text), "{text}");
        }
        assert!(found(&with("its-key"), "acmeApiKey('0a1b2c3d')"));
        let called = [
            "new Acme('@')",
            "acme.Client(\"@\")",
            "acme.RestClient('ID7', '@')",
            "AcmeAPI(\n    '@'\n)",
            "require('acme')('ID7', '@')",
            "require('acme').connect('ID7', '@')",
        ];
        for text in called.map(|text| text.replace('@', "0a1b2c3d")) {
            assert!(found(&with("its-token"), &text) && found(&with("its-key"), &text), "{text}");
        }
        for text in ["acmeChecksum('@')", "acme.Client(@)", "acme '@'"].map(|text| text.replace('@', "0a1b2c3d")) {
            assert!(!found(&with("its-token"), &text), "{text}");
        }
        assert!(!found(&with("its-key"), "ACME_SECRET=0a1b2c3d"));
        assert!(found(&with("its-secret"), "ACME_CLIENT_SECRET=0a1b2c3d"));
        assert!(!found(&with("its-secret"), "ACME_CLIENT_ID=0a1b2c3d"));
    }

    #[test]
    fn what_stands_in_the_place_of_a_password_is_known() {
        for (part, these, not_these) in [
            (
                "{{said-password}}",
                &["password", "MyPass1", "secret123!", "SuperSecret", "redis_auth", "your-password-here"][..],
                &["password-of-7Kz", "secretly", "kz8wQz3", "passport77"][..],
            ),
            ("{{sample-word}}", &["P@ssw0rd9", "changeMe77", "x1234y"], &["kT9wQz3LmV7x", "Sommer2019!"]),
            (
                "{{a-name}}",
                &["DB_HOST_2", "10.0.0.1:80", "someName2", "file_of_2", "Winter7", "Qx7zk123!"],
                &["kT9wQz3LmV7x", "Sommer2019!"],
            ),
            ("{{filled-in}}", &["%s1", "${DB_2}", "a%40b", "@env2", "x#{y}"], &["kT9wQz3LmV7x", "5%of9$"]),
        ] {
            assert!(these.iter().all(|text| found(part, text)), "{part}");
            assert!(!not_these.iter().any(|text| found(part, text)), "{part}");
        }
    }

    #[test]
    fn a_name_that_is_none_is_told() {
        let read = |text: &str| {
            let typed = serde::de::value::StrDeserializer::<de::value::Error>::new(text);
            written_out(typed).map_err(|error| error.to_string())
        };
        assert!(read(r"acme{{is}}[0-9]{8}").is_ok_and(|text| !text.contains("{{")));
        let wrong = read(r"acme{{its-tokens}}[0-9]{8}").expect_err("refused");
        assert!(wrong.contains("its-tokens") && wrong.contains("its-secret"), "{wrong}");
        let list = |texts: [&'static str; 2]| {
            all_written_out(serde::de::value::SeqDeserializer::<_, de::value::Error>::new(texts.into_iter())).is_ok()
        };
        assert!(list(["^x+$", "{{said-password}}"]) && !list(["^x+$", "{{password}}"]));
    }
}
