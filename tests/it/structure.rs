//! What a finding says of itself without anybody being asked: checksums, fields, keys, addresses, and what is no secret.

use crate::world::{Ran, World};
use serde_json::Value;

/// The findings of a file with this text.
fn found(text: &str) -> Vec<Value> {
    let world = World::bare();
    world.write("src/a.txt", text);
    findings(&world.stanch(&["scan", "src", "--format", "json"]))
}

fn findings(ran: &Ran) -> Vec<Value> {
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    report["findings"].as_array().unwrap().clone()
}

/// The only one.
fn one(text: &str) -> Value {
    let mut all = found(text);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// Kind, severity and the first remark.
fn weight(finding: &Value) -> (&str, &str, &str) {
    let text = |name: &str| finding[name].as_str().unwrap();
    (text("kind"), text("severity"), finding["remarks"].get(0).map_or("", |remark| remark.as_str().unwrap()))
}

fn base64url(text: &str) -> String {
    data_encoding::BASE64URL_NOPAD.encode(text.as_bytes())
}

fn jwt(header: &str, claims: &str) -> String {
    format!("{}.{}.{}", base64url(header), base64url(claims), "k3VpY2sgYnJvd24gZm94IGp1bXBzIG92ZXIgdGhlIGxhenk")
}

/// What another program prints.
fn run(world: &World, program: &str, arguments: &[&str]) -> String {
    world.run_ok(program, arguments).stdout
}

#[test]
fn a_wrong_checksum_is_doubted_aloud_and_stops_nothing() {
    let right = format!("gh{}{}", "p_El92ag472nMdDuzUuC9YX9", "lh41aKXl1Zo0hp");
    let wrong = right.replace("Zo0hp", "Zo0hq");
    let world = World::bare();
    world.write("src/a.txt", &wrong);
    let ran = world.stanch(&["scan", "src"]).expect(0).hides(&wrong);
    ran.says("no leaks, 1 doubtful").says("LOW  github.personal-token").says("its checksum does not fit");
    world.stanch(&["scan", "src", "--gate", "low"]).expect(1).says("1 doubtful");
    let finding = &findings(&world.stanch(&["scan", "src", "--format", "json"]).expect(0))[0];
    assert_eq!((&finding["confidence"], &finding["doubtful"]), (&"low".into(), &true.into()));
    for format in ["sarif", "gitlab", "github", "bitbucket-annotations"] {
        let world = World::bare();
        world.write("src/a.txt", &wrong);
        world.stanch(&["scan", "src", "--format", format]).says("its checksum does not fit").hides(&wrong);
    }
    assert_eq!(weight(&one(&right)), ("github.personal-token", "critical", ""));
}

#[test]
fn what_a_person_made_up_is_no_finding_at_all() {
    for body in [
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "xYzFakeTokenForTheTestsOfOurSite1234",
        "aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3",
    ] {
        assert_eq!(found(&format!("token = gh{}{body}\n", "p_")).len(), 0, "{body}");
    }
}

#[test]
fn providers_with_a_documented_checksum_are_held_to_it() {
    let samples = [
        (format!("gl{}{}", "sa_TRu0EAAmoVGaF2cmse5oAd", "d9wHm4Iodo_3eb2e274"), "grafana.service-account-token"),
        (format!("nb{}{}", "p_lkXj1JOXFAPx2oQ0v11gvCr", "CeYSLVo3TtJ7v"), "netbird.access-token"),
        (format!("S{}{}", "AAAGCST6UQDPPARMAOUO75YTDGKP", "WRVU5YEYSNZJGIK365225RHO5HOXQ"), "nats.nkey-seed"),
        (
            format!("AGE-{}{}", "SECRET-KEY-1R5X3LZDVEEUDLS2X4LVW3CUP", "UWA28ZSNL50N5YDAYHTSX0CYZU554EE9RM"),
            "age.secret-key",
        ),
        (format!("nsec1{}{}", "q8x2wv0er9g5tzl7k3m4n6hcdsp", "jua2qyw0zr9x8gf3tvd4s5jnkh6ce7m"), "nostr.private-key"),
    ];
    for (text, kind) in samples {
        let finding = one(&format!("key = {text}\n"));
        let (named, severity, remark) = weight(&finding);
        assert_eq!((named, severity), (kind, "low"), "{finding:#}");
        assert!(remark.contains("checksum"), "{finding:#}");
    }
}

#[test]
fn the_account_lies_in_the_key_id_and_an_id_alone_is_told_once() {
    let id = format!("AK{}", "IAY34FZKBOKMUTVV7A");
    let lone = one(&format!("user {id} did it\n"));
    assert_eq!(weight(&lone), ("aws.access-key-id", "low", ""));
    assert_eq!(lone["facts"]["account"], "609629065308");
    let secret = format!("ihKhhVkIr2yXxUPP32m1{}", "g5mz/OyE/RP+0lMSK4yu");
    let world = World::bare();
    world.write("src/a.txt", &id);
    world.stanch(&["scan", "src"]).expect(0).says("account 609629065308").says("below the gate");
    let pair = one(&format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n"));
    assert_eq!(weight(&pair), ("aws.access-key", "critical", ""));
    assert_eq!((&pair["facts"]["account"], &pair["facts"]["id"]), (&"609629065308".into(), &id.as_str().into()));
    assert_eq!(found(&format!("AK{}\n", "IAIOSFODNN7EXAMPLE")).len(), 0);
    // However many there are.
    let many: String = (0..3000).map(|at| format!("{id}\n{secret}\n# {at}\n{}\n", " ".repeat(20))).collect();
    assert_eq!(found(&many).len(), 1);
}

#[test]
fn tokens_say_who_issued_them_and_when_they_end() {
    let header = r#"{"alg":"RS256","typ":"JWT"}"#;
    let old = one(&jwt(header, r#"{"iss":"https://login.acme.dev","sub":"ann","exp":1500000000}"#));
    assert_eq!(weight(&old), ("jwt.signed-token", "low", "it ended on 2017-07-14"));
    assert_eq!(
        old["facts"],
        serde_json::json!({ "algorithm": "RS256", "issuer": "https://login.acme.dev", "ends": "2017-07-14T02:40:00Z" })
    );
    let young = one(&jwt(header, r#"{"iss":"https://login.acme.dev","sub":"ann","exp":32503680000}"#));
    assert_eq!(weight(&young), ("jwt.signed-token", "medium", ""));
    let open =
        one(&jwt(r#"{"alg":"none","typ":"JWT"}"#, r#"{"iss":"https://login.acme.dev","sub":"ann","role":"admin"}"#));
    assert!(weight(&open).2.contains("not signed"), "{open:#}");
    assert_eq!(found(&jwt(header, r#"{"sub":"1234567890","name":"John Doe","admin":true,"iat":1516239022}"#)).len(), 0);
    // A fact that is a secret itself is not shown.
    let token = crate::world::token(3);
    let world = World::bare();
    world.write("src/a.txt", jwt(header, &format!(r#"{{"iss":"{token}","sub":"ann"}}"#)));
    world.stanch(&["scan", "src", "--format", "json"]).hides(&token);
}

#[test]
fn keys_of_supabase_for_browsers_are_no_secrets_and_those_for_servers_are() {
    let key = |role: &str| {
        let claims = format!(
            r#"{{"iss":"supabase","ref":"qzkxwvutsrqponmlkjih","role":"{role}","iat":1700000000,"exp":32503680000}}"#
        );
        let token = jwt(r#"{"alg":"HS256","typ":"JWT"}"#, &claims);
        let end = token.rfind('.').unwrap();
        format!("{}.{}", &token[..end], "k3VpY2sgYnJvd24gZm94IGp1bXBzIG92ZXIgdGhlIGx")
    };
    assert_eq!(found(&format!("key={}\n", key("anon"))).len(), 0);
    let service = one(&format!("key={}\n", key("service_role")));
    assert_eq!(weight(&service), ("supabase.service-role-key", "critical", ""));
    assert_eq!(service["facts"]["ref"], "qzkxwvutsrqponmlkjih");
}

#[test]
fn keys_that_real_programs_made_are_read() {
    let world = World::bare();
    world.write("keys/.keep", "");
    let keygen = |name: &str, rest: &[&str]| {
        let mut all = vec!["-q", "-C", "a@b", "-f", name];
        all.extend(rest);
        world.run_ok("ssh-keygen", &all);
        let listed = run(&world, "ssh-keygen", &["-l", "-f", name]);
        listed.split(' ').nth(1).unwrap().to_owned()
    };
    let open = keygen("keys/open", &["-t", "ed25519", "-N", ""]);
    keygen("keys/sealed", &["-t", "ed25519", "-N", "correct horse"]);
    let rsa = keygen("keys/rsa", &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""]);
    let pkcs8 = keygen("keys/pkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", ""]);
    keygen("keys/ecdsa", &["-t", "ecdsa", "-b", "384", "-m", "PEM", "-N", ""]);
    keygen("keys/pem-sealed", &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "correct horse"]);
    keygen("keys/pkcs8-sealed", &["-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", "correct horse"]);
    let ran = world.stanch(&["scan", "keys", "--format", "json"]).expect(1);
    let all = findings(&ran);
    // Public halves lie beside each of them.
    assert_eq!(all.len(), 7, "{all:#?}");
    let told = |name: &str| {
        let path = format!("keys/{name}");
        let found = all.iter().find(|found| found["place"].to_string().contains(&format!("{path}\""))).unwrap();
        assert!(found.get("doubtful").is_none(), "{found:#}");
        (found["kind"].as_str().unwrap(), found["severity"].as_str().unwrap(), &found["facts"])
    };
    let (kind, severity, facts) = told("open");
    assert_eq!((kind, severity), ("pem.openssh-private-key", "critical"));
    assert_eq!((&facts["algorithm"], &facts["fingerprint"]), (&"ssh-ed25519".into(), &open.into()));
    for (name, print) in [("rsa", rsa), ("pkcs8", pkcs8)] {
        let (kind, severity, facts) = told(name);
        assert_eq!((kind, severity), ("pem.private-key", "critical"), "{name}");
        let wanted =
            serde_json::json!({ "algorithm": "RSA", "bits": "2048", "fingerprint": print, "passphrase": "no" });
        assert_eq!(facts, &wanted, "{name}");
    }
    assert_eq!(told("ecdsa").2, &serde_json::json!({ "algorithm": "EC", "curve": "P-384", "passphrase": "no" }));
    for name in ["sealed", "pem-sealed", "pkcs8-sealed"] {
        let (kind, severity, facts) = told(name);
        assert_eq!(
            (kind, severity, &facts["passphrase"]),
            ("pem.encrypted-private-key", "medium", &"yes".into()),
            "{name}"
        );
    }
}

#[test]
fn keys_are_read_out_of_source_code_and_bodies_that_are_none_are_doubted() {
    let world = World::bare();
    world.run_ok("ssh-keygen", &["-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f", "key"]);
    let key = std::fs::read_to_string(world.top().join("key")).unwrap();
    let lines = |each: &dyn Fn(&str) -> String| key.lines().map(each).collect::<Vec<String>>();
    let clothes = [
        lines(&|line| format!("    \"{line}\\n\" +")).join("\n"),
        lines(&|line| format!("+{line}")).join("\n"),
        lines(&|line| format!("# {line}")).join("\n"),
        format!("{{\"key\": \"{}\"}}", lines(&str::to_owned).join("\\n")),
        lines(&|line| format!("  '{line}',")).join("\r\n"),
        format!("KEY='{}'", lines(&str::to_owned).join("\\\\n")),
        format!("KEY={}", lines(&str::to_owned).join(" ")),
        format!("{{\"key\": \"{}\"}}", lines(&str::to_owned).join("\\n").replace('=', "\\u003d").replace('/', "\\/")),
        lines(&|line| format!(" * {line}")).join("\n"),
        lines(&|line| format!("> {line}")).join("\n"),
    ];
    for text in clothes {
        let finding = one(&text);
        assert_eq!(weight(&finding), ("pem.private-key", "critical", ""), "{text}");
        assert_eq!(finding["facts"]["bits"], "2048", "{text}");
    }
    let cut: Vec<&str> = key.lines().enumerate().filter(|(at, _)| *at != 5).map(|(_, line)| line).collect();
    let cut = one(&cut.join("\n"));
    assert_eq!((&cut["severity"], &cut["doubtful"]), (&"low".into(), &true.into()));
    assert!(weight(&cut).2.contains("is no key"), "{cut:#}");
}

#[test]
fn what_is_public_of_a_json_key_is_no_finding() {
    let part = |seed: &str| format!("Xq8k{seed}PzL0vR7tYw3Vn2c{}", "Rs5LpD3fM4xW9bTq7Zk_");
    let public = format!(r#"{{"kty":"EC","crv":"P-256","kid":"ci-1","x":"{}","y":"{}"}}"#, part("a"), part("b"));
    assert_eq!(found(&public).len(), 0);
    let private = one(&public.replace('}', &format!(r#","d":"{}"}}"#, part("c"))));
    assert_eq!(weight(&private), ("jwk.private-key", "critical", ""));
    assert_eq!(private["facts"], serde_json::json!({ "kty": "EC", "crv": "P-256", "kid": "ci-1" }));
}

#[test]
fn addresses_are_taken_apart() {
    let url =
        |user: &str, password: &str, host: &str| format!("DB=postgres{}{user}:{password}@{host}:5432/site\n", "://");
    let far = one(&url("app%2Ddb", "Vq7kz29mWx4tr", "db.acme.io"));
    assert_eq!(weight(&far), ("postgres.url", "critical", ""));
    let facts = serde_json::json!({ "user": "app-db", "host": "db.acme.io", "port": "5432", "database": "site" });
    assert_eq!(far["facts"], facts);
    assert_eq!(weight(&one(&url("app", "Vq7kz2", "localhost"))).1, "low");
    assert_eq!(weight(&one(&url("app", "Vq7kz2", "db.example.com"))).1, "low");
    assert_eq!(weight(&one(&url("app", "Vq7kz29mWx4tr", "127.0.0.1"))).1, "medium");
    for (user, password, host) in
        [("app_rw1", "app_rw1", "localhost"), ("user", "password", "db.acme.io"), ("u", "${PASSWORD}", "db")]
    {
        assert_eq!(found(&url(user, password, host)).len(), 0, "{user}:{password}@{host}");
    }
    // A user who is the password too is not told, for that would tell the password.
    let same = one(&url("q8Xk2PzL0vR7", "q8Xk2PzL0vR7", "db.acme.io"));
    assert_eq!(same["facts"].get("user"), None);
}

/// What providers print in their manuals, ship in their emulators or mean for browsers, in parts.
const PUBLISHED: [&[&str]; 33] = [
    &["ghp", "_16C7e42F292c6912E7710c", "838347Ae178B4a"],
    &["gho", "_16C7e42F292c6912E7710c", "838347Ae178B4a"],
    &["ghr", "_1B4a2e77838347a7E420ce178F2E7c6912E169", "246c34E1ccbF66C46812d16D5B1A9Dc86A1498"],
    &["aws_access_key_id=AK", "IAIOSFODNN7EXAMPLE\naws_secret_access_key=wJalrXUtnFEMI", "/K7MDENG/bPxRfiCYEXAMPLEKEY"],
    &["AK", "IAI44QH8DHBEXAMPLE je7MtGbClwBF", "/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"],
    &["AWS_ACCESS_KEY_ID=test\nAWS_SECRET_ACCESS_KEY=test"],
    &["AWS_ACCESS_KEY_ID=fakeMyKeyId\nAWS_SECRET_ACCESS_KEY=fakeSecretAccessKey"],
    &["MINIO_ROOT_USER=minioadmin\nMINIO_ROOT_PASSWORD=minioadmin"],
    &[
        "AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uS",
        "RZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    ],
    &[
        "AccountEndpoint=https://localhost:8081/;AccountKey=C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+",
        "4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==",
    ],
    &["FIREBASE_API_KEY=fake-api-key"],
    &["TURNSTILE_SECRET_KEY=1x000000000000000", "0000000000000000AA"],
    &["TURNSTILE_SECRET_KEY=2x000000000000000", "0000000000000000AA"],
    &["RECAPTCHA_SECRET_KEY=6LeIxAcTAAAAAGG-vFI1", "TnRWxMZNFuojJ4WifJWe"],
    &["RECAPTCHA_SITE_KEY=6LeIxAcTAAAAAJcZVRqy", "Hh71UMIEGNQ_MXjiZKhI"],
    &["HCAPTCHA_SECRET=0x00000000000000000000", "00000000000000000000"],
    &["STRIPE_SECRET=sk_te", "st_4eC39HqLyjWDarjtT1zdp7dc"],
    &["STRIPE_SECRET=sk_te", "st_BQokikJOvBiI2HlWgH4olfQ2"],
    &["STRIPE_PUBLISHABLE=pk_te", "st_TYooMQauvdEDq54NiTphI7jx"],
    &["STRIPE_PUBLISHABLE=pk_li", "ve_51HaGcTqXRk2PzL0vR7tYw3Vn2cRs5Lp"],
    &["https://hooks.slack.com/services/T00000000/B00000000", "/XXXXXXXXXXXXXXXXXXXXXXXX"],
    &["AI", "zaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe"],
    &["SG.ngeVfQFYQlKU0ufo8x5d1A", ".TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr"],
    &["token 110201543:", "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"],
    &["AGE-SECRET-KEY-184JMZMVQH3E6", "U0PSL869004Y3U2NYV7R30EU99CSEDNPH02YUVFSZW44VU"],
    &["seed SUACSSL3UAHUDXKFSN", "VUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"],
    &["HEROKU_API_KEY=01234567-89ab-", "cdef-0123-456789abcdef"],
    &["sb_publishable", "_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH"],
    &["DATABASE_URL=postgres", "://postgres:postgres@localhost:5432/app"],
    &["DATABASE_URL=postgres", "://user:pass@host:5432/db"],
    &["DATABASE_URL=postgresql", "://scott:tiger@localhost:5432/mydatabase"],
    &["AMQP_URL=amqp", "://guest:guest@rabbitmq:5672/"],
    &["MONGO=mongodb+srv", "://<username>:<password>@cluster0.abcde.mongodb.net/test"],
];

#[test]
fn what_providers_publish_is_no_finding() {
    let world = World::bare();
    for (number, parts) in PUBLISHED.iter().enumerate() {
        world.write(format!("src/{number}.txt"), parts.concat());
    }
    world.stanch(&["scan", "src", "--gate", "low"]).expect(0).says("stanch: no leaks ");
}

#[test]
fn people_look_for_words_and_numbers_of_their_own() {
    let world = World::bare();
    world.write("rules/own.yaml", include_str!("structure/own.yaml"));
    world.write(
        "src/a.txt",
        "The launch of Project Bluebird is near.\ncard 4242 4242 4242 4242, not 4242 4242 4242 4241\n",
    );
    world.write("src/b.txt", "IBAN GB82 WEST 1234 5698 7654 32, not GB83 WEST 1234 5698 7654 32\n");
    world.stanch(&["rules", "check", "rules"]).expect(0).says("3 kinds in 1 file");
    let ran = world.stanch(&["scan", "src", "--rules", "rules"]).expect(1);
    ran.says("own.project-name").says("own.card-number").says("own.account-number").says("3 leaks in 2 files");
}
