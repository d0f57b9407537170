//! A dependent that answers HTTP.
//!
//! Its status says whether it works, what it writes says on which version. The addresses are the operator's own and are
//! allowed as they are written, plain and private ones too.

use super::expect::Expectation;
use super::reload::Reload;
use super::{Dependent, DependentError, Expected};
use crate::egress::{Allowed, Egress, Request, Response, endpoint};
use crate::model::{Health, Secret};
use async_trait::async_trait;
use url::Url;

/// A request that the operator configured.
#[derive(Debug)]
pub struct Call {
    egress: Egress,
    allowed: Allowed,
    method: &'static str,
    url: String,
    headers: Vec<(String, Secret)>,
}

impl Call {
    /// Checks a request; sends nothing yet. `name` is the dependent's, for messages.
    ///
    /// # Errors
    /// The method or the address cannot be used.
    pub fn new(
        egress: Egress,
        name: &str,
        method: &str,
        url: &str,
        headers: Vec<(String, Secret)>,
    ) -> Result<Self, DependentError> {
        let settings = |problem: String| DependentError::Settings { name: name.to_owned(), problem };
        let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].into_iter().find(|known| *known == method);
        let method =
            known.ok_or_else(|| settings("the method is none of GET, HEAD, POST, PUT, PATCH, DELETE".to_owned()))?;
        let parsed = Url::parse(url).map_err(|_| settings("the url is not like https://host/path".to_owned()))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(settings("a user and a password do not stand in a url: use a header".to_owned()));
        }
        let origin = endpoint(&parsed.origin().ascii_serialization()).map_err(|error| settings(error.to_string()))?;
        Ok(Self { egress, allowed: Allowed::default().and(&origin), method, url: url.to_owned(), headers })
    }

    /// Sends it once. No answer, for whatever reason, is none; the reason is logged without what was sent.
    pub(super) async fn send(&self) -> Option<Response> {
        let request = Request {
            method: self.method,
            url: Secret::new(self.url.clone().into_bytes()),
            headers: self.headers.iter().map(|(name, value)| (name.clone(), value.duplicate())).collect(),
            body: None,
        };
        match self.egress.send(&self.allowed, request).await {
            Ok(reply) => Some(reply),
            Err(error) => {
                tracing::debug!(%error, "a dependent did not answer");
                None
            }
        }
    }
}

/// How to ask a dependent by HTTP.
#[derive(Debug)]
pub struct HttpSettings {
    /// Its name in the inventory.
    pub name: String,
    /// The request that asks.
    pub probe: Call,
    /// The statuses of a dependent that works, usually 200.
    pub status: Vec<u16>,
    /// What the answer must say.
    pub expect: Expectation,
    /// How to make the dependent read its store again.
    pub reload: Option<Reload>,
}

/// A dependent that answers HTTP.
#[derive(Debug)]
pub struct HttpDependent {
    settings: HttpSettings,
}

impl HttpDependent {
    /// A dependent with these settings; sends nothing yet.
    ///
    /// # Errors
    /// No status is a good one, or the expectation cannot be used.
    pub fn new(settings: HttpSettings) -> Result<Self, DependentError> {
        let problem = match settings.expect.problem() {
            None if settings.status.is_empty() => Some("no status is a good one: name at least 200".to_owned()),
            problem => problem,
        };
        match problem {
            Some(problem) => Err(DependentError::Settings { name: settings.name, problem }),
            None => Ok(Self { settings }),
        }
    }
}

#[async_trait]
impl Dependent for HttpDependent {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn reloads(&self) -> bool {
        self.settings.reload.is_some()
    }

    async fn reload(&self) -> Result<(), DependentError> {
        match &self.settings.reload {
            Some(reload) => reload.run(&self.settings.name).await,
            None => Ok(()),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the answer is compared here and goes nowhere")]
    async fn verify(&self, expected: &Expected) -> Result<Health, DependentError> {
        match self.settings.probe.send().await {
            None => Err(DependentError::Unreachable { name: self.settings.name.clone() }),
            Some(reply) if self.settings.status.contains(&reply.status) => {
                Ok(self.settings.expect.judge(reply.body.expose(), expected))
            }
            Some(_) => Ok(Health::Bad),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::Limits;
    use crate::model::{TokenId, Version};
    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::{get, post};
    use serde_json::{Value, json};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU16, Ordering};

    /// Serves on a free loopback port until the test ends.
    async fn serve(router: Router) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn egress() -> Egress {
        Egress::new(Limits::default()).unwrap()
    }

    fn call(method: &str, url: &str) -> Call {
        let headers = vec![("authorization".to_owned(), Secret::new(b"Bearer probe".to_vec()))];
        Call::new(egress(), "billing", method, url, headers).unwrap()
    }

    fn dependent(url: &str, fields: &[(&str, Value)], reload: Option<Reload>) -> HttpDependent {
        let fields = fields.iter().map(|(pointer, want)| ((*pointer).to_owned(), want.clone())).collect();
        let expect = Expectation { fields, contains: None };
        let probe = call("GET", url);
        let settings = HttpSettings { name: "billing".into(), probe, status: vec![200], expect, reload };
        HttpDependent::new(settings).unwrap()
    }

    fn expected(version: &str) -> Expected {
        Expected { version: Some(Version::new(version)), token: TokenId::new("key-1"), digest: None, user: None }
    }

    #[tokio::test]
    async fn an_answer_is_judged_by_its_status_and_what_it_says() {
        let healthy = |headers: HeaderMap| async move {
            let known = headers.get("authorization").is_some_and(|value| value == "Bearer probe");
            (if known { StatusCode::OK } else { StatusCode::UNAUTHORIZED }, r#"{"ok": true, "version": 3}"#)
        };
        let router = Router::new()
            .route("/health", get(healthy))
            .route("/broken", get(|| async { (StatusCode::SERVICE_UNAVAILABLE, r#"{"ok": true, "version": 3}"#) }))
            .route("/moved", get(|| async { axum::response::Redirect::temporary("/health") }));
        let server = serve(router).await;
        let ok = ("/ok", json!(true));
        let version = ("/version", json!("{{version}}"));
        let at = |path: &str, fields: &[(&str, Value)]| dependent(&format!("{server}{path}"), fields, None);
        let both = [ok.clone(), version.clone()];
        assert_eq!(at("/health?deep=1", &both).verify(&expected("3")).await.unwrap(), Health::Good);
        assert_eq!(at("/health", &both).verify(&expected("2")).await.unwrap(), Health::Stale);
        assert_eq!(at("/health", &[ok]).verify(&expected("3")).await.unwrap(), Health::Indistinct);
        assert_eq!(at("/broken", &both).verify(&expected("3")).await.unwrap(), Health::Bad);
        assert_eq!(
            at("/moved", &both).verify(&expected("3")).await.unwrap(),
            Health::Bad,
            "redirects are not followed"
        );
        assert_eq!(at("/none", &both).verify(&expected("3")).await.unwrap(), Health::Bad);
    }

    #[tokio::test]
    async fn a_dependent_that_is_not_there_is_unreachable() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let reload = Some(Reload::Http(call("POST", &address)));
        let dependent = dependent(&address, &[("/v", json!("{{version}}"))], reload);
        assert!(matches!(dependent.verify(&expected("1")).await, Err(DependentError::Unreachable { .. })));
        assert!(matches!(dependent.reload().await, Err(DependentError::Unreachable { .. })));
    }

    #[tokio::test]
    async fn a_reload_is_sent_once_and_its_status_counts() {
        let held = Arc::new(AtomicU16::new(1));
        let (read, turned) = (Arc::clone(&held), Arc::clone(&held));
        let router = Router::new()
            .route("/", get(move || async move { format!(r#"{{"version": "{}"}}"#, read.load(Ordering::SeqCst)) }))
            .route(
                "/reload",
                post(move || async move {
                    turned.fetch_add(1, Ordering::SeqCst);
                    StatusCode::ACCEPTED
                }),
            );
        let server = serve(router).await;
        let version = [("/version", json!("{{version}}"))];
        let reload = Some(Reload::Http(call("POST", &format!("{server}/reload"))));
        let billing = dependent(&server, &version, reload);
        assert!(billing.reloads());
        assert_eq!(billing.verify(&expected("2")).await.unwrap(), Health::Stale);
        billing.reload().await.unwrap();
        assert_eq!(billing.verify(&expected("2")).await.unwrap(), Health::Good);
        let refused = dependent(&server, &version, Some(Reload::Http(call("GET", &format!("{server}/reload")))));
        let error = refused.reload().await.unwrap_err();
        assert!(error.to_string().contains("405"), "{error}");
        let without = dependent(&server, &version, None);
        assert!(!without.reloads());
        without.reload().await.unwrap();
        assert_eq!(held.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn settings_that_cannot_be_used_are_refused() {
        let refused = |method: &str, url: &str| Call::new(egress(), "billing", method, url, Vec::new()).is_err();
        assert!(refused("GET", "nowhere"));
        assert!(refused("GET", "file:///etc/passwd"));
        assert!(refused("GET", "http://user:word@127.0.0.1/"));
        assert!(refused("get it", "http://127.0.0.1/"));
        assert!(!refused("GET", "http://127.0.0.1:1/a?b=c"));
        let settings = HttpSettings {
            name: "billing".into(),
            probe: call("GET", "http://127.0.0.1:1/"),
            status: Vec::new(),
            expect: Expectation::default(),
            reload: None,
        };
        assert!(HttpDependent::new(settings).is_err());
    }
}
