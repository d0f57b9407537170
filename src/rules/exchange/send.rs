//! What is sent: a checked request with places in it.

use crate::model::Secret;
use crate::rules::template::{Context, JsonTemplate, Template, TemplateError, Values};
use data_encoding::BASE64;

/// A request, ready to leave. Any part of it may hold a secret, so all of it is sealed.
#[derive(Debug)]
pub struct Request {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The whole URL.
    pub url: Secret,
    /// Names in lower case, and values.
    pub headers: Vec<(String, Secret)>,
    /// The body.
    pub body: Option<Secret>,
}

/// A checked request template.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    pub(super) method: &'static str,
    /// True when the URL begins with the configured base; `url` is what follows it.
    pub(super) base: bool,
    pub(super) url: Template,
    pub(super) authorization: Option<Authorization>,
    pub(super) headers: Vec<(String, Template)>,
    pub(super) body: Body,
}

#[derive(Clone, Debug)]
pub(super) enum Authorization {
    Bearer(Template),
    Basic(Template),
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    None,
    Json(JsonTemplate),
    Form(Vec<(String, Template)>),
}

impl Sending {
    pub(super) fn needs_base(&self) -> bool {
        self.base
    }

    /// The host that it goes to; none where that is the configured base.
    pub(super) fn host(&self) -> Option<&str> {
        let behind = self.url.prefix().strip_prefix("https://").filter(|_| !self.base)?;
        behind.split(['/', '?']).next()
    }

    /// All names that must be known.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let authorization = self.authorization.iter().map(|authorization| match authorization {
            Authorization::Bearer(template) | Authorization::Basic(template) => template,
        });
        let body = match &self.body {
            Body::None => Vec::new(),
            Body::Json(document) => document.templates(),
            Body::Form(fields) => fields.iter().map(|(_, value)| value).collect(),
        };
        let whole = match &self.body {
            Body::Json(document) => document.whole(),
            Body::None | Body::Form(_) => Vec::new(),
        };
        std::iter::once(&self.url)
            .chain(authorization)
            .chain(self.headers.iter().map(|(_, value)| value))
            .chain(body)
            .flat_map(Template::names)
            .chain(self.base.then_some("base"))
            .chain(whole)
    }

    /// These values stand in a JSON body as they stood in the reply that they were taken from: a list stays a list.
    pub(super) fn keep_whole(&mut self, names: &[String]) {
        if let Body::Json(document) = &mut self.body {
            document.keep_whole(names);
        }
    }

    pub(super) fn render(&self, values: Values<'_, '_>) -> Result<Request, TemplateError> {
        let mut headers = Vec::with_capacity(self.headers.len() + 2);
        match &self.authorization {
            Some(Authorization::Bearer(token)) => {
                let token = token.render(Context::Text, values)?;
                headers.push(("authorization".to_owned(), join(&[b"Bearer ", exposed(&token)])));
            }
            Some(Authorization::Basic(pair)) => {
                let pair = pair.render(Context::Text, values)?;
                let mut encoded = vec![0; BASE64.encode_len(pair.len())];
                BASE64.encode_mut(exposed(&pair), &mut encoded);
                let encoded = Secret::new(encoded);
                headers.push(("authorization".to_owned(), join(&[b"Basic ", exposed(&encoded)])));
            }
            None => {}
        }
        for (name, value) in &self.headers {
            headers.push((name.clone(), value.render(Context::Text, values)?));
        }
        let (body, sort) = match &self.body {
            Body::None => (None, None),
            Body::Json(document) => (Some(document.render(values)?), Some("application/json")),
            Body::Form(fields) => (Some(form(fields, values)?), Some("application/x-www-form-urlencoded")),
        };
        // A call may name a type of its own.
        let named = headers.iter().any(|(name, _)| name == "content-type");
        if let Some(sort) = sort.filter(|_| !named) {
            headers.push(("content-type".to_owned(), Secret::new(sort.as_bytes().to_vec())));
        }
        Ok(Request { method: self.method, url: self.url(values)?, headers, body })
    }

    fn url(&self, values: Values<'_, '_>) -> Result<Secret, TemplateError> {
        let behind = self.url.render(Context::Url, values)?;
        if !self.base {
            return Ok(behind);
        }
        let base = values("base").ok_or_else(|| TemplateError::Missing { name: "base".to_owned() })?;
        let base = exposed(base);
        Ok(join(&[base.strip_suffix(b"/").unwrap_or(base), exposed(&behind)]))
    }
}

fn form(fields: &[(String, Template)], values: Values<'_, '_>) -> Result<Secret, TemplateError> {
    let mut parts = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        parts.push((name, value.render(Context::Form, values)?));
    }
    let mut pieces: Vec<&[u8]> = Vec::with_capacity(parts.len() * 4);
    for (at, (name, value)) in parts.iter().enumerate() {
        if at > 0 {
            pieces.push(b"&");
        }
        pieces.extend_from_slice(&[name.as_bytes(), b"=", exposed(value)]);
    }
    Ok(join(&pieces))
}

/// One sealed value from several pieces; the room is taken at once.
fn join(pieces: &[&[u8]]) -> Secret {
    Secret::new(pieces.concat())
}

#[expect(clippy::disallowed_methods, reason = "the bytes go from one sealed value into another")]
fn exposed(secret: &Secret) -> &[u8] {
    secret.expose()
}
