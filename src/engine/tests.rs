use super::scratch::Candidate;
use super::*;
use crate::rules::facts::sample::sample;
use crate::rules::{Progress, check_file};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::path::Path;

/// Kinds of every shape: a checked structure, a word near a value, a companion that is the secret, a long block, and a
/// generic one that loses to the others.
fn catalogue() -> Arc<Catalogue> {
    let text = r"
provider: acme
title: Acme
hosts: [api.acme.example]
kinds:
  - id: acme.token
    title: Token
    severity: high
    sources: [{ page: 'https://docs.acme.example/tokens', mark: D }]
    detect:
      literals: [acme_]
      pattern: '\bacme_(?<id>[0-9a-z]{4})_(?<secret>[0-9A-Za-z]{16})\b'
      examples: [['acme_ab12_', 'q8Xk2PzL0vR7tYw3']]
      counterexamples: ['acme_']
  - id: acme.keyword
    title: Keyword
    severity: medium
    confidence: medium
    sources: [{ page: 'https://docs.acme.example/tokens', mark: U }]
    detect:
      literals: [acmekey]
      pattern: '(?i)acmekey[^\n]{0,20}?\b(?<secret>[0-9a-z]{12})\b'
      window: 64
      require: [digit, lower]
      examples: [['ACMEKEY = ', 'q8xk2pzl0vr7']]
      counterexamples: ['acmekey = abcdefghijkl']
  - id: acme.pair
    title: Pair
    severity: critical
    sources: [{ page: 'https://docs.acme.example/tokens', mark: D }]
    detect:
      samples: kept
      literals: [PAIR]
      pattern: '\b(?<id>PAIR[A-Z0-9]{8})\b'
      companions: [{ name: secret, pattern: '\b(?<value>[0-9a-f]{24})\b', within: 60, required: true }]
      examples: [['PAIRAB12', 'CD34 : ', '0123456789abcdef', '01234567']]
      counterexamples: [['PAIRAB12', 'CD34']]
  - id: acme.block
    title: Block
    severity: critical
    sources: [{ page: 'https://docs.acme.example/tokens', mark: D }]
    detect:
      literals: ['-----BEGIN ACME']
      pattern: '-----BEGIN ACME-----[a-zA-Z0-9\n]{8,600}-----END ACME-----'
      window: 512
      examples: [['-----BEGIN ACME-----', 'q8Xk2PzL0vR7', '-----END ACME-----']]
      counterexamples: ['-----BEGIN ACME-----']
  - id: acme.generic
    title: Generic
    severity: low
    confidence: low
    sources: [{ page: 'https://docs.acme.example/tokens', mark: U }]
    detect:
      literals: [token]
      costly: it has no mark of its own
      pattern: '(?i)token[ =:]{1,3}(?<secret>[0-9A-Za-z_]{8,64})'
      entropy: 2.5
      examples: [['token = ', 'q8Xk2PzL0v']]
      counterexamples: ['token = abababababab']
";
    let kinds = check_file(Path::new("acme.yaml"), text).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
    Arc::new(Catalogue::new(kinds).expect("names are unique"))
}

fn engine() -> Engine {
    Engine::new(catalogue()).expect("an engine")
}

type Seen = (String, Span, Span, Vec<(String, Span)>);

fn seen(hit: Hit<'_>) -> Seen {
    (hit.kind.id.to_string(), hit.span, hit.whole, hit.companions)
}

fn scan(engine: &Engine, bytes: &[u8]) -> Vec<Seen> {
    let mut hits = Vec::new();
    engine.scan(bytes, &mut Scratch::new(), &mut |hit| hits.push(seen(hit)));
    hits
}

/// What the same kinds find when every pattern searches everything.
fn scan_whole(engine: &Engine, bytes: &[u8]) -> Vec<Seen> {
    let kinds = engine.catalogue().kinds();
    let mut candidates = Vec::new();
    for (kind, rule) in kinds.iter().enumerate() {
        rule.detect.search(bytes, 0..bytes.len(), &mut Progress::default(), &mut |found| {
            candidates.push(Candidate { kind, found });
        });
    }
    let seen = |Candidate { kind, found }| -> Seen {
        let id = kinds[kind].id.to_string();
        (id, found.secret, found.whole, found.companions)
    };
    overlap::resolve(kinds, &engine.ranks, bytes, candidates).into_iter().map(seen).collect()
}

fn ids(hits: &[Seen]) -> Vec<&str> {
    hits.iter().map(|hit| hit.0.as_str()).collect()
}

const TOKEN: &str = concat!("acme_ab12_", "q8Xk2PzL0vR7tYw3");

#[test]
fn the_secret_and_its_companions_are_told_apart() {
    let text = format!("x = {TOKEN};");
    let hits = scan(&engine(), text.as_bytes());
    let (id, span, whole, companions) = hits.first().expect("a hit");
    assert_eq!(id, "acme.token");
    assert_eq!(*whole, Span { start: 4, end: 30 });
    assert_eq!(*span, Span { start: 14, end: 30 });
    assert_eq!(companions, &[("id".to_owned(), Span { start: 9, end: 13 })]);
}

#[test]
fn literals_are_found_in_any_case() {
    let text = concat!("AcMeKeY: ", "q8xk2pzl0vr7");
    assert_eq!(ids(&scan(&engine(), text.as_bytes())), ["acme.keyword"]);
}

#[test]
fn look_around_sees_past_the_window() {
    let engine = engine();
    assert_eq!(scan(&engine, format!("{TOKEN}x").as_bytes()), []);
    assert_eq!(scan(&engine, format!("x{TOKEN}").as_bytes()), []);
    let keyword = |rest: &str| format!("acmekey{}{rest}", " ".repeat(20));
    let edge = concat!("q8xk2p", "zl0vr7");
    assert_eq!(ids(&scan(&engine, keyword(edge).as_bytes())), ["acme.keyword"]);
    assert_eq!(scan(&engine, keyword(&format!("{edge}z")).as_bytes()), []);
}

#[test]
fn bytes_that_are_no_text_are_searched_too() {
    let mut bytes = vec![0xff, 0x00, 0xfe];
    bytes.extend(TOKEN.as_bytes());
    bytes.extend([0x80, 0x00]);
    assert_eq!(ids(&scan(&engine(), &bytes)), ["acme.token"]);
    assert_eq!(scan(&engine(), &[0x80; 100]), []);
    assert_eq!(scan(&engine(), b""), []);
}

#[test]
fn the_more_specific_kind_wins() {
    let text = format!("token = {TOKEN}");
    assert_eq!(ids(&scan(&engine(), text.as_bytes())), ["acme.token"]);
    let generic = concat!("token = ", "q8Xk2PzL0v");
    assert_eq!(ids(&scan(&engine(), generic.as_bytes())), ["acme.generic"]);
}

#[test]
fn a_companion_can_be_the_secret_and_belongs_to_one_match() {
    let (one, two) = (concat!("0123456789ab", "cdef01234567"), concat!("fedcba987654", "3210fedcba98"));
    let text = format!("PAIR{} {one}\nPAIR{} {two}\n", "AB12CD34", "EF56GH78");
    let hits = scan(&engine(), text.as_bytes());
    let secrets: Vec<&str> = hits.iter().map(|hit| text.get(hit.1.start..hit.1.end).expect("a span")).collect();
    assert_eq!(secrets, [one, two]);
    let names: Vec<&str> = hits.iter().flat_map(|hit| &hit.3).map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["id", "id"]);
    let before = format!("{one} PAIR{}\n{two} PAIR{}\n", "AB12CD34", "EF56GH78");
    let hits = scan(&engine(), before.as_bytes());
    let secrets: Vec<&str> = hits.iter().map(|hit| before.get(hit.1.start..hit.1.end).expect("a span")).collect();
    assert_eq!(secrets, [one, two]);
    let far = format!("PAIR{}{}{one}", "AB12CD34", " ".repeat(100));
    assert_eq!(scan(&engine(), far.as_bytes()), [], "the required companion is too far away");
}

#[test]
fn hits_come_in_order_and_each_secret_once() {
    let text = format!("{TOKEN} acmekey {} token={} {TOKEN}", concat!("q8xk2p", "zl0vr7"), concat!("q8Xk2P", "zL0v"));
    let hits = scan(&engine(), text.as_bytes());
    assert_eq!(ids(&hits), ["acme.token", "acme.keyword", "acme.generic", "acme.token"]);
    assert!(hits.windows(2).all(|pair| pair[0].1.end <= pair[1].1.start));
}

#[test]
fn debug_shows_no_bytes() {
    let mut shown = String::new();
    engine().scan(TOKEN.as_bytes(), &mut Scratch::new(), &mut |hit| shown = format!("{hit:?}"));
    assert!(shown.contains("acme.token") && shown.contains("16 bytes"), "{shown}");
    assert!(!shown.contains("q8Xk"), "{shown}");
}

#[test]
fn a_million_literals_cost_one_pass() {
    let engine = engine();
    let mut scratch = Scratch::new();
    let text = format!("{TOKEN}x acmekey q8xk2pzl0vr71 token PAIR -----BEGIN ACME ").repeat(25_000);
    let mut hits = 0;
    engine.scan(text.as_bytes(), &mut scratch, &mut |_| hits += 1);
    let kinds = u64::try_from(engine.catalogue().kinds().len()).expect("few");
    let bytes = u64::try_from(text.len()).expect("fits");
    assert!(scratch.searched() >= bytes, "literals with a run near them are everywhere");
    assert!(scratch.searched() <= kinds * bytes, "{} bytes searched of {bytes}", scratch.searched());
}

#[test]
fn far_literals_cost_their_surroundings_alone() {
    let engine = engine();
    let mut scratch = Scratch::new();
    let run = concat!("acme_ab12_", "q8Xk2PzL0vR7tYw3", "z");
    let gap = " ".repeat(100_000);
    let text = format!("{gap}{run}{gap}acme_{gap}{run}{gap}");
    engine.scan(text.as_bytes(), &mut scratch, &mut |_| {});
    assert_eq!(
        scratch.searched(),
        2 * 26,
        "a match starts with the literal and is 26 bytes long; a literal needs a run"
    );
}

#[test]
fn scratch_can_be_used_again_and_with_another_engine() {
    let (one, other) = (engine(), Engine::new(Arc::new(Catalogue::default())).expect("an engine"));
    let mut scratch = Scratch::new();
    for (engine, wanted) in [(&one, 1), (&other, 0), (&one, 1)] {
        let mut hits = 0;
        engine.scan(TOKEN.as_bytes(), &mut scratch, &mut |_| hits += 1);
        assert_eq!(hits, wanted);
    }
}

/// Pieces that make tokens, halves of tokens, and what looks like them.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let body = |class: &'static str| proptest::string::string_regex(class).expect("a pattern");
    let text = prop_oneof![
        4 => body("acme_[0-9a-z]{4}_[0-9A-Za-z]{15,17}"),
        3 => body("(acmekey|ACMEKEY)[ =:\"]{0,22}[0-9a-z]{11,13}"),
        3 => body("PAIR[A-Z0-9]{8}[ \n]{1,30}"),
        3 => body("[ \n:]{0,40}[0-9a-f]{24}"),
        2 => body("-----BEGIN ACME-----[a-zA-Z0-9\n]{6,650}(-----END ACME-----)?"),
        3 => body("(token|Token)[ =:]{1,3}[0-9A-Za-z_]{7,66}"),
        2 => body("(acme_|acmekey|token|PAIR|-----BEGIN ACME)"),
        3 => body("[ -~\n]{0,300}"),
        1 => body("[ \n;]{1,3}"),
    ];
    prop_oneof![
        12 => text.prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn windows_lose_and_invent_nothing(pieces in proptest::collection::vec(piece(), 0..30)) {
        let bytes = pieces.concat();
        let engine = engine();
        prop_assert_eq!(scan(&engine, &bytes), scan_whole(&engine, &bytes));
    }
}

/// The program's own rules over texts full of their literals: windows agree with whole searches, and the rule files
/// hold no token that a scan would see.
#[test]
fn embedded_rules_agree_with_whole_searches() {
    let engine = Engine::new(crate::rules::builtin()).expect("an engine");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        let text = std::fs::read(&path).expect("a rule file");
        let hits = scan(&engine, &text);
        assert_eq!(hits, scan_whole(&engine, &text), "{}", path.display());
        assert_eq!(hits, [], "{}", path.display());
        // With the quotes and commas between parts taken out, the samples are whole.
        let joined: Vec<u8> = text.split(|byte| b"', []".contains(byte)).flatten().copied().collect();
        assert_eq!(scan(&engine, &joined), scan_whole(&engine, &joined), "{}", path.display());
    }
}

/// In parts of any size, with another text scanned between each two of them.
#[test]
fn a_scan_in_parts_finds_what_one_at_once_does() {
    let engine = engine();
    let line =
        format!("{TOKEN} acmekey {} PAIR{} {}\n", concat!("q8xk2p", "zl0vr7"), "AB12CD34", "0123456789abcdef01234567");
    let mut scratch = Scratch::new();
    for text in [line.repeat(2000), line.replace(['\n', ' '], ".").repeat(2000), line.clone(), String::new()] {
        for step in [1000, 64 << 10, 100_000, usize::MAX] {
            let mut inner = scratch.part();
            let (mut hits, mut others) = (Vec::new(), 0);
            let mut parts = engine.in_parts(text.as_bytes(), &mut scratch);
            let mut end = 0_usize;
            while end < text.len() {
                end = end.saturating_add(step);
                parts.advance(end, &mut |hit| hits.push(seen(hit)));
                engine.scan(TOKEN.as_bytes(), &mut inner, &mut |_| others += 1);
            }
            parts.finish(&mut |hit| hits.push(seen(hit)));
            assert_eq!(hits, scan(&engine, text.as_bytes()), "{step} bytes at once");
            assert_eq!(others, text.len().div_ceil(step), "one between each two");
            let kinds = 0..engine.catalogue().kinds().len();
            let spent = |of: &Scratch| kinds.clone().map(|kind| of.spent(kind)).sum::<u64>();
            let both = spent(&scratch) + spent(&inner);
            scratch.rejoin(inner);
            assert_eq!(spent(&scratch), both, "what was spent in between counts too");
        }
    }
}

/// The hits of a scan of all that touch one of the regions.
fn touching(hits: Vec<Seen>, regions: &[Range<usize>]) -> Vec<Seen> {
    let touches = |(_, span, whole, companions): &Seen| {
        let companions = companions.iter().map(|(_, span)| *span);
        [*span, *whole]
            .into_iter()
            .chain(companions)
            .any(|span| regions.iter().any(|region| region.start <= span.end && span.start <= region.end))
    };
    hits.into_iter().filter(touches).collect()
}

fn scan_in(engine: &Engine, bytes: &[u8], regions: &[Range<usize>]) -> Vec<Seen> {
    let mut hits = Vec::new();
    engine.scan_in(bytes, regions, &mut Scratch::new(), &mut |hit| hits.push(seen(hit)));
    hits
}

/// Regions in order that do not meet; some are empty, which is where something was cut out.
fn regions(marks: &[prop::sample::Index], length: usize) -> Vec<Range<usize>> {
    let mut marks: Vec<usize> = marks.iter().map(|mark| mark.index(length + 1)).collect();
    marks.sort_unstable();
    marks.chunks_exact(2).map(|pair| pair[0]..pair[1].min(pair[0] + 40)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_touches_a_region_is_found_by_looking_around_it(
        pieces in proptest::collection::vec(piece(), 0..30),
        marks in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let bytes = pieces.concat();
        let engine = engine();
        let regions = regions(&marks, bytes.len());
        prop_assert_eq!(scan_in(&engine, &bytes, &regions), touching(scan(&engine, &bytes), &regions));
    }
}

/// Texts that hold tokens of embedded kinds, made from their patterns, with random neighbours.
fn planted(seed: [u8; 32]) -> Vec<u8> {
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut choose = |most: usize| usize::try_from(random.next_u64() % (most as u64 + 1)).expect("it fits");
    let kinds = crate::rules::builtin();
    let noise = b"abcXYZ019 _-=./+~:;\"'\n\t{}()<>@\\\x00\xff$,";
    let mut text = Vec::new();
    for _ in 0..=choose(6) {
        (0..choose(60)).for_each(|_| text.push(noise[choose(noise.len() - 1)]));
        let kind = &kinds.kinds()[choose(kinds.kinds().len() - 1)];
        let token = sample(kind.detect.pattern(), &mut choose);
        let neighbour = [b" ".as_slice(), b"\n", b"\"", b"x", b"=", b"-", b""][choose(6)];
        text.extend([neighbour, &token, neighbour].concat());
        if choose(3) == 0 {
            let others = kinds.kinds()[choose(kinds.kinds().len() - 1)].detect.literals();
            text.extend_from_slice(others[choose(others.len() - 1)].as_bytes());
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn tokens_of_embedded_kinds_are_found_as_by_whole_searches(
        seed in any::<[u8; 32]>(),
        marks in proptest::collection::vec(any::<prop::sample::Index>(), 2..6),
    ) {
        let text = planted(seed);
        let engine = Engine::new(crate::rules::builtin()).expect("an engine");
        let all = scan(&engine, &text);
        prop_assert_eq!(&all, &scan_whole(&engine, &text));
        let regions = regions(&marks, text.len());
        prop_assert_eq!(scan_in(&engine, &text, &regions), touching(all, &regions));
    }
}

/// What is found is handed over before the end, and nothing is found twice or lost where that happens.
#[test]
fn long_texts_are_handed_over_as_the_pass_goes_on() {
    let engine = engine();
    let line =
        format!("{TOKEN} acmekey {} PAIR{} {}\n", concat!("q8xk2p", "zl0vr7"), "AB12CD34", "0123456789abcdef01234567");
    for (text, hits) in [(line.repeat(4000), 12_000), (line.replace(['\n', ' '], ".").repeat(4000), 4_000)] {
        let mut seen = 0;
        let mut last = 0;
        let mut scratch = Scratch::new();
        engine.scan(text.as_bytes(), &mut scratch, &mut |hit| {
            assert!(last <= hit.span.start, "hits come in order");
            (seen, last) = (seen + 1, hit.span.end);
        });
        assert_eq!(seen, scan_whole(&engine, text.as_bytes()).len());
        assert!(seen >= hits, "{seen} hits");
        assert!(scratch.candidates.capacity() < seen, "not all of them were kept");
    }
}

/// What was remembered of one text must not count in the next: the literals of a kind in runs that come to nothing, then
/// tokens.
#[test]
fn a_scan_leaves_nothing_behind_for_the_next() {
    let engine = Engine::new(crate::rules::builtin()).expect("an engine");
    let texts: Vec<_> = (0..40).map(|seed| planted([seed; 32])).map(|text| (scan(&engine, &text), text)).collect();
    let mut used = Scratch::new();
    for kind in engine.catalogue().kinds() {
        let literal = kind.detect.literals().first().expect("a literal");
        let in_vain = format!("{literal}{}\n", "aB3dE5gH7jK9".repeat(6)).repeat(40);
        for (expected, text) in &texts {
            engine.scan(in_vain.as_bytes(), &mut used, &mut |_| {});
            let mut hits = Vec::new();
            engine.scan(text, &mut used, &mut |hit| hits.push(seen(hit)));
            assert_eq!(&hits, expected, "after {} in vain", kind.id);
        }
    }
}
