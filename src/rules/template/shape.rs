//! How a token and its secret are written as one stored value, and read back.

use super::json::wipe;
use super::{Context, JsonTemplate, Template, TemplateError};
use crate::model::{Secret, TokenId};

/// The shape of a stored value: `{{secret}}`, `postgres://{{token}}:{{secret}}@db/shop`, or JSON such as
/// `{"user":"{{token}}","password":"{{secret}}"}`. JSON is compared by structure, so neither the order of the members
/// nor white space matters; other text is compared as it is, and values stand in it as they are (nothing is
/// percent-encoded). A value with other members than the shape's is refused, since writing it back would lose them.
///
/// Where the shape names `{{user}}`, the secret is a login, `user:password`: the user stands there, and the password where
/// the shape says `{{secret}}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    form: Form,
}

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Text(Template),
    Json(JsonTemplate),
}

impl Default for Shape {
    /// The secret alone.
    fn default() -> Self {
        Self { form: Form::Text(Template { parts: vec![super::Part::Name("secret".to_owned())] }) }
    }
}

impl Shape {
    /// Reads a shape.
    ///
    /// # Errors
    /// When it is not a template, does not hold the secret, names anything but token, user and secret, or cannot be
    /// read back.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let start = text.trim_start();
        let form = match serde_json::from_str(text) {
            Ok(document @ (serde_json::Value::Object(_) | serde_json::Value::Array(_))) => {
                Form::Json(JsonTemplate::parse(&document)?)
            }
            Ok(_) | Err(_) if start.starts_with('{') && !start.starts_with("{{") => {
                return Err(TemplateError::NotJson);
            }
            Ok(_) | Err(_) => Form::Text(Template::parse(text)?),
        };
        let shape = Self { form };
        let templates = shape.templates();
        if templates.iter().any(|template| template.touches()) {
            return Err(TemplateError::Ambiguous);
        }
        let mut names: Vec<&str> = templates.iter().flat_map(|template| template.names()).collect();
        names.sort_unstable();
        names.dedup();
        if let Some(foreign) = names.iter().find(|name| !matches!(**name, "token" | "user" | "secret")) {
            return Err(TemplateError::Foreign { name: (*foreign).to_owned() });
        }
        if !names.contains(&"secret") {
            return Err(TemplateError::NoSecret);
        }
        Ok(shape)
    }

    /// True when the stored value holds the handle beside the secret.
    #[must_use]
    pub fn holds_token(&self) -> bool {
        self.holds("token")
    }

    /// True when the secret is a login, whose user and password stand in the stored value each in its place.
    #[must_use]
    pub fn holds_user(&self) -> bool {
        self.holds("user")
    }

    fn holds(&self, wanted: &str) -> bool {
        self.templates().iter().any(|template| template.names().any(|name| name == wanted))
    }

    fn templates(&self) -> Vec<&Template> {
        match &self.form {
            Form::Text(template) => vec![template],
            Form::Json(template) => template.templates(),
        }
    }

    /// Writes the stored value, and makes sure that it can be read back.
    ///
    /// # Errors
    /// When the secret is not text where the shape needs text, is no login where it needs one, or holds what stands
    /// around it.
    pub fn render(&self, token: &TokenId, secret: &Secret) -> Result<Secret, TemplateError> {
        let handle = Secret::new(token.as_str().as_bytes().to_vec());
        let login = if self.holds_user() {
            let (user, password) = secret.user_and_password().ok_or(TemplateError::NoLogin)?;
            Some((Secret::new(user.into_bytes()), password))
        } else {
            None
        };
        let values = |name: &str| match (name, &login) {
            ("token", _) => Some(&handle),
            ("user", Some((user, _))) => Some(user),
            ("secret", Some((_, password))) => Some(password),
            ("secret", None) => Some(secret),
            _ => None,
        };
        let value = match &self.form {
            Form::Text(template) => template.render(Context::Text, &values)?,
            Form::Json(template) => template.render(&values)?,
        };
        let (read, back) = self.read(&value).map_err(|_| TemplateError::Ambiguous)?;
        if !back.same_as(secret) || read.is_some_and(|read| read != *token) {
            return Err(TemplateError::Ambiguous);
        }
        Ok(value)
    }

    /// Reads a stored value; the handle is absent where the shape does not hold it.
    ///
    /// # Errors
    /// When the value does not have this shape.
    pub fn read(&self, value: &Secret) -> Result<(Option<TokenId>, Secret), TemplateError> {
        #[expect(clippy::disallowed_methods, reason = "the value is taken apart into sealed parts")]
        let bytes = value.expose();
        match &self.form {
            Form::Text(template) => parts(&template.read(bytes).ok_or(TemplateError::Mismatch)?),
            Form::Json(template) => {
                let mut document = serde_json::from_slice(bytes).map_err(|_| TemplateError::Mismatch)?;
                let mut found = Vec::new();
                let read =
                    if template.read(&document, &mut found) { parts(&found) } else { Err(TemplateError::Mismatch) };
                wipe(&mut document);
                read
            }
        }
    }
}

/// The handle and the secret among what the places held; a name that stands twice must hold the same twice.
fn parts(found: &[(&str, &[u8])]) -> Result<(Option<TokenId>, Secret), TemplateError> {
    let one = |wanted: &str| {
        let mut held = found.iter().filter(|(name, _)| *name == wanted).map(|(_, bytes)| *bytes);
        let first = held.next();
        if held.all(|next| Some(next) == first) { Ok(first) } else { Err(TemplateError::Mismatch) }
    };
    let secret = one("secret")?.ok_or(TemplateError::Mismatch)?;
    let text = |name| match one(name)?.map(std::str::from_utf8) {
        Some(text) => text.map(Some).map_err(|_| TemplateError::Mismatch),
        None => Ok(None),
    };
    let (token, secret) = (text("token")?.map(TokenId::new), Secret::new(secret.to_vec()));
    match text("user")? {
        Some(user) if user.is_empty() || user.contains(':') || secret.is_empty() => Err(TemplateError::Mismatch),
        Some(user) => Ok((token, Secret::login(user, &secret))),
        None => Ok((token, secret)),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests look at what was rendered")]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    #[test]
    fn what_is_written_is_read_back() {
        let token = TokenId::new("app_b");
        for shape in [
            "{{secret}}",
            "postgres://{{token}}:{{secret}}@db/shop",
            r#"{"user":"{{token}}","password":"{{secret}}"}"#,
            r#"{"a":[1,null,"x"],"url":"https://{{token}}:{{secret}}@h/","again":{"p":"{{secret}}"}}"#,
        ] {
            let shape = Shape::parse(shape).unwrap();
            for value in ["plain", "with \"quotes\" and \\ and \u{e9}", "a:b@c"] {
                let stored = shape.render(&token, &secret(value)).unwrap();
                let (read, back) = shape.read(&stored).unwrap();
                assert!(back.same_as(&secret(value)), "{shape:?} {value}");
                assert_eq!(read.is_some(), shape.holds_token());
                assert!(read.is_none_or(|read| read == token));
            }
        }
    }

    #[test]
    fn a_login_stands_in_two_places_and_is_read_as_one_secret() {
        let token = TokenId::new("database/creds/shop/x1");
        let login = secret("v-token-shop:A1a-b:c");
        for shape in [
            r#"{"lease":"{{token}}","username":"{{user}}","password":"{{secret}}"}"#,
            "{{token}} postgres://{{user}}:{{secret}}@db/shop",
        ] {
            let shape = Shape::parse(shape).unwrap();
            let stored = shape.render(&token, &login).unwrap();
            let text = std::str::from_utf8(stored.expose()).unwrap();
            assert!(text.contains("v-token-shop") && text.contains("A1a-b:c"), "{text}");
            let (read, back) = shape.read(&stored).unwrap();
            assert!(back.same_as(&login) && read == Some(token.clone()), "{shape:?}");
            assert_eq!(shape.render(&token, &secret("no-login")).unwrap_err(), TemplateError::NoLogin);
        }
        let shape = Shape::parse(r#"{"u":"{{user}}","p":"{{secret}}"}"#).unwrap();
        for bad in [r#"{"u":"","p":"x"}"#, r#"{"u":"a:b","p":"x"}"#, r#"{"u":"a","p":""}"#] {
            assert_eq!(shape.read(&secret(bad)).unwrap_err(), TemplateError::Mismatch, "{bad}");
        }
    }

    #[test]
    fn json_is_read_by_structure_and_other_members_are_refused() {
        let shape = Shape::parse(r#"{"user":"{{token}}","password":"{{secret}}"}"#).unwrap();
        let (token, value) = shape.read(&secret("{ \"password\": \"p\\u0041\",\n \"user\":\"u\" }")).unwrap();
        assert_eq!(token, Some(TokenId::new("u")));
        assert_eq!(value.expose(), b"pA");
        for bad in [r#"{"user":"u"}"#, r#"{"user":"u","password":"p","host":"h"}"#, "x", r#"{"user":1,"password":"p"}"#]
        {
            assert_eq!(shape.read(&secret(bad)).unwrap_err(), TemplateError::Mismatch, "{bad}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_must_hold_the_same() {
        let shape = Shape::parse("{{secret}} {{secret}}").unwrap();
        assert_eq!(shape.read(&secret("a b")).unwrap_err(), TemplateError::Mismatch);
        assert_eq!(shape.read(&secret("a a")).unwrap().1.expose(), b"a");
    }

    #[test]
    fn a_value_that_cannot_be_read_back_is_not_written() {
        let shape = Shape::parse("{{token}}:{{secret}}").unwrap();
        assert_eq!(shape.render(&TokenId::new("a:b"), &secret("c")).unwrap_err(), TemplateError::Ambiguous);
        let shape = Shape::parse(r#"{"p":"{{secret}}"}"#).unwrap();
        let bytes = Secret::new(vec![0xff]);
        assert!(matches!(shape.render(&TokenId::new("a"), &bytes), Err(TemplateError::NotText { .. })));
    }

    #[test]
    fn shapes_that_store_nothing_or_cannot_be_read_are_refused() {
        assert_eq!(Shape::parse("{{token}}"), Err(TemplateError::NoSecret));
        assert_eq!(Shape::parse("{{token}}{{secret}}"), Err(TemplateError::Ambiguous));
        assert_eq!(Shape::parse("{{secret}}{{host}}x").unwrap_err(), TemplateError::Ambiguous);
        assert!(matches!(Shape::parse("{{secret}}-{{host}}"), Err(TemplateError::Foreign { .. })));
        assert_eq!(Shape::parse(r#"{"p": {{secret}} }"#), Err(TemplateError::NotJson));
    }
}
