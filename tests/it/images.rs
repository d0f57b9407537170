//! Container images: saved ones through the program, and what a registry may do, by one that misbehaves on order. How real
//! ones behave is in `real/images.rs`.

use crate::world::{World, token};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};
use std::io::Write as _;

fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar_of(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o600);
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

/// An image of two layers: what each holds, and the documents.
struct Image {
    blobs: Vec<(String, Vec<u8>)>,
    manifest: Vec<u8>,
}

impl Image {
    fn made(first: &str, second: &str, env: &str) -> Self {
        let layer = |name: &str, text: &str| gzip(&tar_of(&[(name.to_owned(), text.as_bytes().to_vec())]));
        let layers = [layer("etc/app.conf", first), layer("etc/.wh.app.conf", second)];
        let config = serde_json::json!({ "config": { "Env": [env] } }).to_string().into_bytes();
        let descriptor = |bytes: &[u8], media: &str| {
            serde_json::json!({ "mediaType": format!("application/vnd.oci.image.{media}"), "size": bytes.len(),
                "digest": format!("sha256:{}", sha256(bytes)) })
        };
        let manifest = serde_json::json!({ "schemaVersion": 2, "config": descriptor(&config, "config.v1+json"),
            "layers": layers.iter().map(|layer| descriptor(layer, "layer.v1.tar+gzip")).collect::<Vec<_>>() });
        let [one, two] = layers;
        let blobs = [config, one, two].map(|bytes| (sha256(&bytes), bytes)).to_vec();
        Self { blobs, manifest: manifest.to_string().into_bytes() }
    }

    /// As an OCI layout: names and bytes.
    fn layout(&self) -> Vec<(String, Vec<u8>)> {
        let hex = sha256(&self.manifest);
        let index = serde_json::json!({ "schemaVersion": 2, "manifests": [{ "size": self.manifest.len(),
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": format!("sha256:{hex}") }]});
        let mut parts: Vec<_> = vec![
            ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            ("index.json".to_owned(), index.to_string().into_bytes()),
            (format!("blobs/sha256/{hex}"), self.manifest.clone()),
        ];
        parts.extend(self.blobs.iter().map(|(hex, bytes)| (format!("blobs/sha256/{hex}"), bytes.clone())));
        parts
    }
}

fn with_tokens() -> Image {
    Image::made(&format!("KEY={}\n", token(601)), "", &format!("DEPLOY={}", token(602)))
}

#[test]
fn a_saved_image_is_met_on_the_way_as_a_file_and_as_a_directory() {
    let world = World::bare();
    let image = with_tokens();
    world.write("saved/app.tar", tar_of(&image.layout()));
    let found = world.stanch(&["scan", ".", "--format", "lines"]).expect(1).hides(&token(601)).hides(&token(602));
    assert_eq!(found.stdout.lines().count(), 2, "{}", found.stdout);
    let found = found.says("saved/app.tar!layer 1 of 2 (sha256:").says("), deleted in layer 2!etc/app.conf:1:5");
    let found = found.says("saved/app.tar!configuration (sha256:");
    for (name, bytes) in image.layout() {
        world.write(format!("plain/{name}"), bytes);
    }
    world.write("plain/notes/left.env", format!("KEY={}\n", token(603)));
    std::fs::remove_dir_all(world.top().join("saved")).unwrap();
    let folder = world.stanch(&["scan", ".", "--format", "lines"]).expect(1).says("plain!notes/left.env:1:5");
    let shown = found.stdout.replace("saved/app.tar", "plain");
    assert!(shown.lines().all(|line| folder.stdout.contains(line)), "{}\n{shown}", folder.stdout);
    world.stanch(&["scan", "--image", "plain", "--format", "lines"]).expect(1).says("plain!layer 1 of 2");
    // Excluded as a whole.
    world.stanch(&["scan", ".", "--exclude", "plain"]).expect(0).says("no leaks");
}

#[test]
fn a_repository_that_was_copied_into_an_image_is_read_with_its_history() {
    let world = World::new();
    world.commit("conf/app.env", format!("KEY={}\n", token(604)), "with");
    world.commit("conf/app.env", "KEY=\n", "without");
    world.git(&["gc", "--quiet", "--prune=now"]);
    let mut members = Vec::new();
    for file in std::fs::read_dir(world.top().join(".git/objects/pack")).unwrap() {
        let path = file.unwrap().path();
        let name = format!("app/.git/objects/pack/{}", path.file_name().unwrap().to_str().unwrap());
        members.push((name, std::fs::read(path).unwrap()));
    }
    world.write("layer.tar", tar_of(&members));
    let found = world.stanch(&["scan", "layer.tar", "--format", "lines"]).expect(1).hides(&token(604));
    let found = found.says("layer.tar!app/.git/objects/pack/pack-").says(".pack!blob ").says("/conf/app.env:1:5");
    assert_eq!(found.stdout.lines().count(), 1, "{}", found.stdout);
    world.git(&["bundle", "create", "-q", "all.bundle", "--all"]);
    world.stanch(&["scan", "all.bundle", "--format", "lines"]).expect(1).says("all.bundle!blob ").says("app.env:1:5");
}

#[test]
fn what_an_image_lacks_is_a_gap() {
    let world = World::bare();
    let image = with_tokens();
    let mut parts = image.layout();
    let last = parts.pop().unwrap();
    world.write("cut.tar", tar_of(&parts));
    let ran = world.stanch(&["scan", "cut.tar"]).expect(1).says("layer 2 of 2 (sha256:").says("it is not here");
    ran.says("INCOMPLETE").says("etc/app.conf");
    parts.push((last.0, b"something else".to_vec()));
    world.write("bent.tar", tar_of(&parts));
    world.stanch(&["scan", "bent.tar"]).expect(1).says("INCOMPLETE").says("its content is not what its digest says");
    world.write("clean.tar", tar_of(&Image::made("nothing", "", "A=1").layout()[..5]));
    world.stanch(&["scan", "clean.tar"]).expect(3).says("it is not here");
    world.stanch(&["scan", "--image", "./nowhere.tar"]).expect(2).says("does not exist");
}

#[test]
fn what_needs_the_network_says_so() {
    let world = World::bare();
    let ran = world.stanch(&["scan", "--image", "docker.io/shop/app:v1", "--offline"]).expect(3);
    ran.says("skopeo copy").says("nothing was scanned");
    world.stanch(&["scan", "--offline"]).expect(2).says("--image");
    world.stanch(&["scan", "--image", "a", "--platform", "arm"]).expect(2).says("OS/ARCHITECTURE");
    #[cfg(not(feature = "rotate"))]
    world.stanch(&["scan", "--image", "docker.io/shop/app:v1"]).expect(3).says("fetches nothing").says("skopeo copy");
}

#[cfg(feature = "rotate")]
mod afar {
    use super::{Image, sha256, with_tokens};
    use crate::world::http::{Answer, Asked, Reply, Server};
    use crate::world::{Ran, World, token};
    use std::sync::{Arc, Mutex};

    const USER: &str = "keeper";

    fn password() -> String {
        ["hunter", "-of-", "snarks"].concat()
    }

    /// What a registry was asked, and with what.
    type Log = Arc<Mutex<Vec<(String, Option<String>)>>>;

    /// A registry that answers as `special` says, and where that says nothing as it should.
    struct Registry {
        server: Server,
        log: Log,
    }

    impl Registry {
        fn start(image: Image, special: impl Fn(&Asked, usize) -> Option<Answer> + Send + Sync + 'static) -> Self {
            let log = Log::default();
            let kept = Arc::clone(&log);
            let server = Server::start(move |asked| {
                let authorization = asked.headers.iter().find(|(name, _)| name == "authorization");
                let shown = authorization.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
                let before = {
                    let mut log = kept.lock().unwrap();
                    let before = log.iter().filter(|(path, _)| *path == asked.path).count();
                    log.push((asked.path.clone(), shown));
                    before
                };
                special(&asked, before).unwrap_or_else(|| answer(&image, &asked.path))
            });
            Self { server, log }
        }

        fn name(&self) -> String {
            format!("{}/shop/app:v1", self.server.address)
        }

        fn scan(&self, world: &World) -> Ran {
            world.stanch(&["scan", "--format", "lines", "--image", &self.name()])
        }

        /// What was shown to whom asked for a path that begins so.
        fn shown(&self, before: &str) -> Vec<Option<String>> {
            let log = self.log.lock().unwrap();
            log.iter().filter(|(path, _)| path.starts_with(before)).map(|(_, shown)| shown.clone()).collect()
        }
    }

    fn answer(image: &Image, path: &str) -> Answer {
        let found = match path.strip_prefix("/v2/shop/app/") {
            _ if path == "/v2/" => Some(Vec::new()),
            Some("manifests/v1") => Some(image.manifest.clone()),
            Some(blob) => {
                let hex = blob.trim_start_matches("blobs/sha256:");
                image.blobs.iter().find(|(name, _)| name == hex).map(|(_, bytes)| bytes.clone())
            }
            None => None,
        };
        Answer::Reply(found.map_or_else(|| Reply::of(404, ""), |body| Reply::of(200, body)))
    }

    fn logged_in(registry: &str) -> World {
        let world = World::bare();
        let auth = data_encoding::BASE64.encode(format!("{USER}:{}", password()).as_bytes());
        let file = serde_json::json!({ "auths": { registry: { "auth": auth } } });
        std::fs::create_dir_all(world.outside(".docker")).unwrap();
        std::fs::write(world.outside(".docker/config.json"), file.to_string()).unwrap();
        world
    }

    fn with_header(mut reply: Reply, name: &str, value: String) -> Answer {
        reply.headers.push((name.to_owned(), value));
        Answer::Reply(reply)
    }

    fn bearer(asked: &Asked) -> bool {
        asked.bearer() == Some(b"given-token")
    }

    #[test]
    fn tokens_are_asked_for_and_renewed_and_a_login_is_shown_to_the_issuer_alone() {
        let image = with_tokens();
        let registry = Registry::start(image, |asked, before| match asked.path.as_str() {
            path if path.starts_with("/token?") => {
                assert!(
                    path.contains("service=shop") && path.contains("scope=repository%3Ashop%2Fapp%3Apull"),
                    "{path}"
                );
                Some(Answer::Reply(Reply::of(200, r#"{"token":"given-token"}"#)))
            }
            "/v2/" => None,
            // A token that ran out in the middle.
            path if path.contains("/blobs/") && before == 0 || !bearer(asked) => {
                let host = asked.headers.iter().find(|(name, _)| name == "host").unwrap();
                let realm =
                    format!("Bearer realm=\"http://{}/token\",service=\"shop\"", String::from_utf8_lossy(&host.1));
                Some(with_header(Reply::of(401, ""), "WWW-Authenticate", realm))
            }
            _ => None,
        });
        let world = logged_in(&registry.server.address.to_string());
        let ran = registry.scan(&world).expect(1).hides(&token(601)).hides(&password());
        assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
        let pair = data_encoding::BASE64.encode(format!("{USER}:{}", password()).as_bytes());
        assert!(registry.shown("/token").iter().all(|shown| *shown == Some(format!("Basic {pair}"))));
        assert!(registry.shown("/v2").iter().flatten().all(|shown| shown == "Bearer given-token"));
    }

    #[test]
    fn nothing_goes_along_when_a_blob_lies_elsewhere() {
        // Another origin on this machine is another host: it is not gone to, for it may be anything.
        let image = with_tokens();
        let store = Registry::start(with_tokens(), |_, _| None);
        let elsewhere = store.server.address;
        let registry = Registry::start(image, move |asked, _| {
            let there = format!("http://{elsewhere}{}", asked.path);
            asked.path.contains("/blobs/").then(|| with_header(Reply::of(307, ""), "Location", there))
        });
        let world = logged_in(&registry.server.address.to_string());
        let ran = registry.scan(&world).expect(3);
        ran.says("is not among the allowed hosts").says("skopeo copy").hides(&password());
        assert!(store.log.lock().unwrap().is_empty());
        // Within the registry one is sent on and on, but not without end.
        let image = with_tokens();
        let registry = Registry::start(image, |asked, _| {
            let there = asked.path.replace("/v2/moved/", "/v2/");
            let (from, to) =
                if there == asked.path { (asked.path.replacen("/v2/", "/v2/moved/", 1), false) } else { (there, true) };
            (asked.path.contains("/blobs/") && !to)
                .then(|| with_header(Reply::of(302, ""), "Location", from))
                .or_else(|| to.then(|| answer(&with_tokens(), &asked.path.replace("/v2/moved/", "/v2/"))))
        });
        let ran = registry.scan(&World::bare()).expect(1);
        assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
        let registry = Registry::start(with_tokens(), |asked, _| {
            asked.path.contains("/blobs/").then(|| with_header(Reply::of(302, ""), "Location", asked.path.clone()))
        });
        registry.scan(&World::bare()).expect(3).says("it sends us on and on");
    }

    #[test]
    fn what_passes_is_waited_for_and_what_does_not_is_named() {
        let registry = Registry::start(with_tokens(), |asked, before| match (asked.path.as_str(), before) {
            ("/v2/", _) | (_, 2..) => None,
            (_, 0) => Some(with_header(Reply::of(429, ""), "Retry-After", "0".to_owned())),
            (path, _) if path.contains("manifests") => Some(Answer::Reply(Reply::of(503, ""))),
            _ => Some(Answer::Nothing),
        });
        let ran = registry.scan(&World::bare()).expect(1);
        assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
        for (reply, said) in [
            (with_header(Reply::of(429, ""), "Retry-After", "900".to_owned()), "try again in 900 s"),
            (Answer::Reply(Reply::of(403, "")), "refused manifest v1 of shop/app"),
            (Answer::Reply(Reply::of(404, "")), "knows no manifest v1 of shop/app"),
            (Answer::Reply(Reply::of(200, "no manifest")), "it is no manifest"),
            (Answer::Reply(Reply::of(200, r#"{"schemaVersion":1}"#)), "first kind of manifest"),
            (Answer::Reply(Reply::of(418, "")), "it answered with status 418"),
        ] {
            let reply = Mutex::new(Some(reply));
            let registry = Registry::start(with_tokens(), move |asked, _| {
                asked.path.contains("/manifests/").then(|| reply.lock().unwrap().take().unwrap_or(Answer::Nothing))
            });
            registry.scan(&World::bare()).expect(3).says(said).says("nothing was scanned");
        }
    }

    #[test]
    fn a_blob_that_is_cut_bent_or_too_long_is_a_gap() {
        let image = with_tokens();
        let (hex, layer) = image.blobs[1].clone();
        let mut bent = layer.clone();
        let middle = bent.len() / 2;
        bent[middle] ^= 1;
        for (body, said) in [
            (layer[..middle].to_vec(), format!("it ended after {middle} of {} bytes", layer.len())),
            (bent, "its content is not what its digest says".to_owned()),
            ([layer.clone(), vec![0]].concat(), "it is longer than the".to_owned()),
        ] {
            let hex = hex.clone();
            let special =
                move |asked: &Asked, _| asked.path.ends_with(&hex).then(|| Answer::Reply(Reply::of(200, body.clone())));
            let registry = Registry::start(with_tokens(), special);
            let ran = registry.scan(&World::bare()).expect(1).says("incomplete:");
            ran.says(&said).says("configuration (sha256:").hides(&token(602));
        }
        // What a digest names is what must come.
        let registry = Registry::start(with_tokens(), |asked, _| {
            asked.path.contains("/manifests/sha256:").then(|| Answer::Reply(Reply::of(200, with_tokens().manifest)))
        });
        let name = format!("{}/shop/app@sha256:{}", registry.server.address, sha256(b"another"));
        World::bare().stanch(&["scan", "--image", &name]).expect(3).says("its content is not what its digest says");
    }
}
