//! Organisations, listed from servers on loopback that check who asks.

use super::*;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What a server was asked: the path with its query, and the whole head in lower case.
type Asked = (String, String);

/// Answers every request with what `reply` makes of it and of the server's own address.
async fn server(
    reply: impl Fn(&str, &Asked) -> (u16, String, String) + Send + 'static,
) -> (String, Arc<Mutex<Vec<Asked>>>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (own, log) = (base.clone(), Arc::new(Mutex::new(Vec::new())));
    let asked = Arc::clone(&log);
    let task = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut head, mut chunk) = (Vec::new(), [0; 4096]);
            while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                let read = stream.read(&mut chunk).await.unwrap();
                head.extend_from_slice(&chunk[..read]);
            }
            let head = String::from_utf8(head).unwrap();
            let one = (head.split(' ').nth(1).unwrap().to_owned(), head.to_lowercase());
            let (status, headers, body) = reply(&own, &one);
            asked.lock().unwrap().push(one);
            let text = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
            drop(stream.write_all(text.as_bytes()).await);
        }
    });
    (base, log, task)
}

fn organisation(forge: Forge, base: &str) -> Organisation {
    Organisation {
        whose: "acme-source".to_owned(),
        forge,
        name: "acme".to_owned(),
        base: Some(base.to_owned()),
        user: None,
        token: Some(Arc::new(Secret::new(b"sesame-street".to_vec()))),
        exclude: Vec::new(),
    }
}

fn names(remotes: &[Remote]) -> Vec<&str> {
    remotes.iter().map(Remote::name).collect()
}

fn hub(base: &str, name: &str) -> String {
    format!(
        r#"{{"full_name":"acme/{name}","clone_url":"{base}/acme/{name}.git","archived":true,"fork":true,"size":0}}"#
    )
}

#[tokio::test]
async fn github_is_read_page_by_page_with_its_own_header() {
    let (base, log, server) = server(|base, (path, head)| {
        if !head.contains("authorization: bearer sesame-street\r\n") {
            return (401, String::new(), "{}".to_owned());
        }
        if path.contains("page=2") {
            return (200, format!("link: <{base}/x>; rel=\"first\"\r\n"), format!("[{}]", hub(base, "c")));
        }
        let link =
            format!("link: <{base}/api/v3/organizations/7/repos?page=2>; rel=\"next\", <{base}/y>; rel=\"last\"\r\n");
        (200, link, format!("[{},{}]", hub(base, "b"), hub(base, "a")))
    })
    .await;
    let found = organisation(Forge::Github, &base).repositories().await.unwrap();
    assert_eq!(names(&found), ["acme/a", "acme/b", "acme/c"]);
    assert_eq!(found[0].url(), format!("{base}/acme/a.git"));
    let asked = log.lock().unwrap().clone();
    assert_eq!(asked[0].0, "/api/v3/orgs/acme/repos?type=all&sort=created&direction=asc&per_page=100");
    assert_eq!(asked[1].0, "/api/v3/organizations/7/repos?page=2");
    let excluding = Organisation {
        exclude: vec!["B".to_owned(), "acme/c".to_owned(), "nothing".to_owned()],
        ..organisation(Forge::Github, &format!("{base}/api/v3"))
    };
    assert_eq!(names(&excluding.repositories().await.unwrap()), ["acme/a"]);
    let refused = Organisation { token: None, ..organisation(Forge::Github, &base) }.repositories().await.unwrap_err();
    assert!(matches!(refused, FetchError::Refused { .. }), "{refused}");
    assert!(refused.to_string().contains("'acme-source'") && !refused.to_string().contains("sesame"));
    server.abort();
}

#[tokio::test]
async fn a_full_page_without_a_link_is_not_taken_for_the_last() {
    let (base, log, server) = server(|base, (path, _)| {
        let first = !path.contains("&page=");
        let page: Vec<String> = (0..if first { 100 } else { 3 }).map(|n| hub(base, &format!("{first}{n}"))).collect();
        (200, String::new(), format!("[{}]", page.join(",")))
    })
    .await;
    assert_eq!(organisation(Forge::Github, &base).repositories().await.unwrap().len(), 103);
    assert!(log.lock().unwrap()[1].0.ends_with("per_page=100&page=2"));
    server.abort();
}

#[tokio::test]
async fn gitlab_groups_have_groups() {
    let (base, log, server) = server(|base, (_, head)| {
        let known = head.contains("private-token: sesame-street\r\n");
        let body = format!(
            r#"[{{"path_with_namespace":"acme/team/shop","http_url_to_repo":"{base}/lab/acme/team/shop.git"}}]"#
        );
        (if known { 200 } else { 401 }, String::new(), body)
    })
    .await;
    let mut group = organisation(Forge::Gitlab, &format!("{base}/lab"));
    group.name = "acme/team".to_owned();
    let found = group.repositories().await.unwrap();
    assert_eq!(names(&found), ["acme/team/shop"]);
    let asked = log.lock().unwrap()[0].0.clone();
    assert!(asked.starts_with("/lab/api/v4/groups/acme%2Fteam/projects?include_subgroups=true&"), "{asked}");
    group.exclude = vec!["shop".to_owned()];
    assert!(group.repositories().await.unwrap().is_empty());
    server.abort();
}

#[tokio::test]
async fn bitbucket_names_its_next_page_in_the_page() {
    let (base, log, server) = server(|base, (path, _)| {
        let next = if path.contains("page=2") { String::new() } else { format!(r#""next":"{base}/2.0/repositories/acme?page=2","#) };
        let name = if next.is_empty() { "b" } else { "a" };
        let at = base.replace("//", "//kim@");
        let links = format!(r#""links":{{"clone":[{{"name":"ssh","href":"git@x:y"}},{{"name":"https","href":"{at}/acme/{name}.git"}}]}}"#);
        (200, String::new(), format!(r#"{{{next}"values":[{{"full_name":"acme/{name}",{links}}}]}}"#))
    })
    .await;
    let found = organisation(Forge::Bitbucket, &base).repositories().await.unwrap();
    assert_eq!(names(&found), ["acme/a", "acme/b"]);
    assert_eq!((found[0].url(), found[0].user()), (format!("{base}/acme/a.git").as_str(), "x-token-auth"));
    assert!(log.lock().unwrap()[0].1.contains("authorization: bearer sesame-street\r\n"));
    let account = Organisation { user: Some("kim@acme.example".into()), ..organisation(Forge::Bitbucket, &base) };
    assert_eq!(account.repositories().await.unwrap()[0].user(), "x-bitbucket-api-token-auth");
    let pair = data_encoding::BASE64.encode(b"kim@acme.example:sesame-street").to_lowercase();
    assert!(log.lock().unwrap()[2].1.contains(&format!("authorization: basic {pair}\r\n")));
    server.abort();
}

#[tokio::test]
async fn gitea_is_counted_until_a_page_is_empty() {
    let (base, log, server) = server(|base, (path, head)| {
        let known = head.contains("authorization: token sesame-street\r\n");
        let page: usize = path.rsplit('=').next().unwrap().parse().unwrap();
        // An instance may give less at once than it is asked for.
        let body = if page < 4 { format!("[{}]", hub(base, &format!("r{page}"))) } else { "[]".to_owned() };
        (if known { 200 } else { 401 }, String::new(), body)
    })
    .await;
    let found = organisation(Forge::Gitea, &base).repositories().await.unwrap();
    assert_eq!(names(&found), ["acme/r1", "acme/r2", "acme/r3"]);
    assert_eq!(log.lock().unwrap()[0].0, "/api/v1/orgs/acme/repos?limit=50&page=1");
    let homeless = Organisation { base: None, ..organisation(Forge::Gitea, &base) };
    assert!(matches!(homeless.repositories().await, Err(FetchError::Address { .. })));
    server.abort();
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_an_error() {
    let elsewhere = "http://127.0.0.1:1";
    let cases: Vec<(u16, String, String, &str)> = vec![
        (
            200,
            format!("link: <{elsewhere}/?page=2>; rel=next\r\n"),
            "[]".into(),
            "its next page lies at http://127.0.0.1:1",
        ),
        (200, "link: <?page=1>; rel=\"next\"\r\n".into(), "[]".into(), "round in a circle"),
        (200, String::new(), "{}".into(), "no list of repositories"),
        (200, String::new(), "[{".into(), "no list of repositories"),
        (200, String::new(), r#"[{"full_name":"acme/a"}]"#.into(), "no name or no address"),
        (200, String::new(), format!("[{}]", hub(elsewhere, "a")), "acme/a lies at http://127.0.0.1:1"),
        (200, String::new(), r#"[{"full_name":"acme/a","clone_url":"file:///etc"}]"#.into(), "acme/a lies at null"),
        (301, "location: /x\r\n".into(), String::new(), "it moved"),
        (500, String::new(), String::new(), "status 500"),
        (404, String::new(), String::new(), "knows no acme"),
        (403, String::new(), String::new(), "refused the list of acme"),
        (429, "retry-after: 7\r\n".into(), String::new(), "try again in 7 s"),
        (429, String::new(), String::new(), "try again in 60 s"),
        (503, "retry-after: 9\r\n".into(), String::new(), "try again in 9 s"),
        (
            403,
            "date: Tue, 14 Nov 2023 22:13:20 GMT\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1700000030\r\n"
                .into(),
            String::new(),
            "try again in 30 s",
        ),
    ];
    for (status, headers, body, words) in cases {
        let (base, _log, server) = server(move |_, _| (status, headers.clone(), body.clone())).await;
        let error = organisation(Forge::Github, &base).repositories().await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains(words) && !said.contains("sesame"), "{status} {words}: {said}");
        assert_eq!(error.wait().is_some(), words.starts_with("try again"), "{said}");
        server.abort();
    }
}

#[tokio::test]
async fn a_list_without_end_ends() {
    let (base, log, server) = server(|base, (path, _)| {
        let page: u64 = path.rsplit('=').next().unwrap().parse().unwrap_or(0);
        (200, format!("link: <{base}/api/v3/x?page={}>; rel=\"next\"\r\n", page + 1), "[]".to_owned())
    })
    .await;
    let error = organisation(Forge::Github, &base).repositories().await.unwrap_err();
    assert!(error.to_string().contains("more than 2000 pages"), "{error}");
    assert!(log.lock().unwrap().len() <= MOST_PAGES + 1);
    server.abort();
}

#[test]
fn a_forge_is_asked_where_it_answers() {
    let at = |forge, base: Option<&str>| {
        let organisation = Organisation { base: base.map(str::to_owned), ..organisation(forge, "") };
        organisation.addresses().map(|at| (at.api.to_string(), at.web.to_string()))
    };
    for (forge, base, api, web) in [
        (Forge::Github, None, "https://api.github.com/", "https://github.com/"),
        (
            Forge::Github,
            Some("https://git.acme.example"),
            "https://git.acme.example/api/v3",
            "https://git.acme.example/",
        ),
        (
            Forge::Github,
            Some("https://git.acme.example/api/v3/"),
            "https://git.acme.example/api/v3",
            "https://git.acme.example/",
        ),
        (Forge::Github, Some("https://acme.ghe.com"), "https://api.acme.ghe.com/", "https://acme.ghe.com/"),
        (Forge::Gitlab, None, "https://gitlab.com/api/v4", "https://gitlab.com/"),
        (Forge::Bitbucket, None, "https://api.bitbucket.org/2.0", "https://bitbucket.org/"),
        (Forge::Gitea, Some("https://x.example/git"), "https://x.example/git/api/v1", "https://x.example/git"),
    ] {
        assert_eq!(at(forge, base).unwrap(), (api.to_owned(), web.to_owned()), "{base:?}");
    }
    for base in ["git.acme.example", "https://kim:x@git.acme.example", "ftp://x", ""] {
        assert!(matches!(at(Forge::Github, Some(base)), Err(FetchError::Address { .. })), "{base}");
    }
}

#[test]
fn names_of_organisations_stay_in_their_place() {
    let first = |name: &str| {
        let organisation = Organisation { name: name.to_owned(), ..organisation(Forge::Github, "https://x.example") };
        organisation.addresses().and_then(|at| organisation.first(&at)).map(|url| url.path().to_owned())
    };
    assert_eq!(first("a/../../b?c#d").unwrap(), "/api/v3/orgs/a%2F..%2F..%2Fb%3Fc%23d/repos");
    for wrong in ["", ".", "..", "a\nb"] {
        assert!(first(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn links_are_read_with_commas_in_them() {
    assert_eq!(
        next_of(r#"<https://x/?a=1,2>; rel="prev", <https://x/?b=3,4>; title="a"; rel="last next""#).as_deref(),
        Some("https://x/?b=3,4")
    );
    assert_eq!(next_of("<https://x/2>; rel=next").as_deref(), Some("https://x/2"));
    for none in ["", "<", "<x>", "<x>; rel=\"nextish\"", "x; rel=next", "<x; rel=next"] {
        assert_eq!(next_of(none), None, "{none}");
    }
}
