//! Signed tokens: who issued one, how it is signed, when it ends.

use super::{Reading, fields};
use crate::model::{Severity, Timestamp};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// What no calendar of ours goes beyond: the year 9999.
const LAST: i64 = 253_402_300_799;

pub(super) fn read(secret: &[u8], public: &[Cow<'static, str>], to: &mut Reading) -> Option<()> {
    let mut parts = fields::opening(secret).unwrap_or(secret).split(|byte| *byte == b'.');
    let (header, claims) = (parts.next().and_then(fields::object), parts.next().and_then(fields::object));
    let (Some(header), Some(claims)) = (header, claims) else {
        to.doubt("its header or its claims cannot be read: cut, or made up");
        return Some(());
    };
    if is_sample(&claims) || is_publishable(&claims) {
        return None;
    }
    tell("algorithm", header.get("alg"), to);
    tell("issuer", claims.get("iss"), to);
    fields::tell(&claims, public, to);
    if header.get("alg").and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case("none")) {
        to.lower(Severity::Low, "it is not signed (alg none): anybody can write one like it");
    }
    if let Some(ends) = claims.get("exp").and_then(seconds) {
        let at = Timestamp(u64::try_from(ends).ok()?.checked_mul(1000)?);
        to.tell("ends", at.to_string().as_bytes());
        to.ends = Some(ends);
    }
    Some(())
}

fn seconds(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "what is out of range is left out below")]
    let whole = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64));
    whole.filter(|seconds| (1..=LAST).contains(seconds))
}

fn tell(name: &str, value: Option<&Value>, to: &mut Reading) {
    if let Some(text) = value.and_then(Value::as_str) {
        to.tell(name, text.as_bytes());
    }
}

/// The claims that jwt.io, RFC 7519 and the local stack of Supabase show.
fn is_sample(claims: &Map<String, Value>) -> bool {
    let is = |name: &str, text: &str| claims.get(name).and_then(Value::as_str) == Some(text);
    let jwt_io =
        is("sub", "1234567890") && (is("name", "John Doe") || claims.get("iat") == Some(&1_516_239_022.into()));
    jwt_io || (is("iss", "joe") && claims.contains_key("http://example.com/is_root")) || is("iss", "supabase-demo")
}

/// Keys of Supabase for browsers, which row-level security holds in.
fn is_publishable(claims: &Map<String, Value>) -> bool {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    text("role") == "anon" && text("iss").starts_with("supabase")
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64URL_NOPAD;

    fn token(header: &str, claims: &str) -> String {
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        format!("{}.{}.{}", part(header), part(claims), "c2lnbmVk".repeat(4))
    }

    fn reading(token: &str) -> Option<Reading> {
        let mut to = Reading::default();
        read(token.as_bytes(), &["aud".into()], &mut to).map(|()| to)
    }

    const HEADER: &str = r#"{"alg":"RS256","typ":"JWT","kid":"1"}"#;

    #[test]
    fn header_and_claims_are_told() {
        let claims = r#"{"iss":"https://login.acme.dev","exp":1760000000,"sub":"ann","aud":"api"}"#;
        let read = reading(&token(HEADER, claims)).unwrap();
        let facts: Vec<_> = read.facts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let wanted = ["algorithm=RS256", "aud=api", "ends=2025-10-09T08:53:20Z", "issuer=https://login.acme.dev"];
        assert_eq!(facts, wanted);
        assert_eq!((read.ends, read.doubtful, read.remarks.len()), (Some(1_760_000_000), false, 0));
        assert_eq!(read.severity(Severity::Medium), Severity::Medium);
    }

    #[test]
    fn what_is_not_signed_weighs_little() {
        let read = reading(&token(r#"{"alg":"none"}"#, r#"{"iss":"a"}"#)).unwrap();
        assert_eq!(read.severity(Severity::Critical), Severity::Low);
        assert!(read.remarks[0].contains("alg none") && !read.doubtful);
    }

    #[test]
    fn samples_and_publishable_keys_are_nothing() {
        let nothing = [
            r#"{"sub":"1234567890","name":"John Doe","admin":true}"#,
            r#"{"sub":"1234567890","iat":1516239022}"#,
            r#"{"iss":"joe","exp":1300819380,"http://example.com/is_root":true}"#,
            r#"{"iss":"supabase-demo","role":"service_role","exp":1983812996}"#,
            r#"{"iss":"supabase","ref":"abcdefghijklmnopqrst","role":"anon","exp":1983812996}"#,
        ];
        for claims in nothing {
            assert!(reading(&token(HEADER, claims)).is_none(), "{claims}");
        }
        let service = r#"{"iss":"supabase","ref":"abcdefghijklmnopqrst","role":"service_role"}"#;
        assert!(reading(&token(HEADER, service)).is_some());
        assert!(reading(&token(HEADER, r#"{"iss":"acme","role":"anon"}"#)).is_some());
    }

    #[test]
    fn what_cannot_be_read_is_doubtful() {
        let good = token(HEADER, "{}");
        for text in [
            good.replacen('.', "AA.", 1).replacen("eyJ", "eyK", 1),
            good.replace(".e30.", ".e3."),
            "eyJ.eyJ.x".to_owned(),
        ] {
            assert!(reading(&text).unwrap().doubtful, "{text}");
        }
        for exp in ["-1", "\"soon\"", "1e300", "9999999999999999", "0", "null"] {
            let read = reading(&token(HEADER, &format!(r#"{{"exp":{exp}}}"#))).unwrap();
            assert_eq!((read.ends, read.facts.contains_key("ends")), (None, false), "{exp}");
        }
    }
}
