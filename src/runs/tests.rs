use super::sweep::Search;
use super::*;
use proptest::prelude::*;

/// Byte by byte, as slowly as can be.
fn plainly(bytes: &[u8], region: Range<usize>, least: usize) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = (at..bytes.len()).find(|end| !is_token_byte(bytes[*end])).unwrap_or(bytes.len());
        if end - at >= least.max(1) && region.contains(&at) {
            runs.push(Run { range: at..end, digit: bytes[at..end].iter().any(u8::is_ascii_digit) });
        }
        at = end.max(at + 1);
    }
    runs
}

/// What each implementation that this processor has finds, and where each says the next region starts.
fn found(bytes: &[u8], region: &Range<usize>, least: usize) -> Vec<(&'static str, Vec<Run>, usize)> {
    let mut all = Vec::new();
    let search = || Search::new(bytes, region.clone(), least);
    let mut runs = Vec::new();
    let next = scalar::find(search(), &mut |run| runs.push(run));
    all.push(("scalar", std::mem::take(&mut runs), next));
    #[cfg(target_arch = "x86_64")]
    {
        if avx512::is_here() {
            let next = avx512::find(search(), &mut |run| runs.push(run));
            all.push(("avx512", std::mem::take(&mut runs), next));
        }
        if x86::has_avx2() {
            let next = x86::find_with_avx2(search(), &mut |run| runs.push(run));
            all.push(("avx2", std::mem::take(&mut runs), next));
        }
        if x86::has_ssse3() {
            let next = x86::find_with_ssse3(search(), &mut |run| runs.push(run));
            all.push(("ssse3", std::mem::take(&mut runs), next));
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        let next = neon::find(search(), &mut |run| runs.push(run));
        all.push(("neon", std::mem::take(&mut runs), next));
    }
    let next = find_in(bytes, region.clone(), least, &mut |run| runs.push(run));
    all.push(("chosen", runs, next));
    all
}

#[test]
fn runs_are_maximal_and_long_enough() {
    let mut runs = Vec::new();
    find(b"ab abcd;abc=", 3, &mut |run| runs.push(run));
    assert_eq!(runs, [3..7, 8..12]);
}

#[test]
fn every_byte_is_sorted_alike_in_every_place() {
    for byte in 0..=u8::MAX {
        for place in 0..130 {
            let mut bytes = [b' '; 130];
            bytes[place] = byte;
            let wanted = plainly(&bytes, 0..130, 1);
            for (name, runs, _) in found(&bytes, &(0..130), 1) {
                assert_eq!(runs, wanted, "{name}: byte {byte} at {place}");
            }
        }
    }
}

#[test]
fn every_alignment_and_length_is_found_alike() {
    let bytes = [b"..;".as_slice(), &[b'a'; 300], b"7;"].concat();
    for start in 0..70 {
        for length in 0..=300_usize.min(bytes.len() - start) {
            let part = &bytes[start..start + length];
            for least in [1, 2, 16, 63, 64, 65, 200] {
                let wanted = plainly(part, 0..length, least);
                for (name, runs, _) in found(part, &(0..length), least) {
                    assert_eq!(runs, wanted, "{name}: {length} bytes from {start}, {least} at the least");
                }
            }
        }
    }
}

#[test]
fn a_run_is_followed_past_its_region_and_found_once() {
    let bytes = [b" ".as_slice(), &[b'x'; 500], b" ", &[b'1'; 90], b" "].concat();
    for (name, runs, next) in found(&bytes, &(0..70), 20) {
        assert_eq!((runs, next), (vec![Run { range: 1..501, digit: false }], 501), "{name}");
    }
    for (name, runs, next) in found(&bytes, &(70..400), 20) {
        assert_eq!((runs, next), (Vec::new(), 400), "{name}: it started before");
    }
    for (name, runs, _) in found(&bytes, &(501..502), 20) {
        assert_eq!(runs, [], "{name}: it starts after");
    }
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let stretch = prop_oneof![
        4 => (proptest::sample::select(b"a0Z_+/=.~-9".to_vec()), 1..90_usize).prop_map(|(byte, times)| vec![byte; times]),
        4 => (proptest::sample::select(b" ;\n\0\x7f\x80\xff@[`{:,".to_vec()), 1..9_usize).prop_map(|(byte, times)| vec![byte; times]),
        1 => proptest::collection::vec(any::<u8>(), 0..70),
    ];
    proptest::collection::vec(stretch, 0..12).prop_map(|stretches| stretches.concat())
}

proptest! {
    #[test]
    fn all_implementations_find_the_same(bytes in text(), least in 0..80_usize, cut in 0..300_usize) {
        let wanted = plainly(&bytes, 0..bytes.len(), least);
        for (name, runs, _) in found(&bytes, &(0..bytes.len()), least) {
            prop_assert_eq!(&runs, &wanted, "{}", name);
        }
        for region in [0..cut, cut..bytes.len()] {
            let wanted = plainly(&bytes, region.clone(), least);
            for (name, runs, _) in found(&bytes, &region, least) {
                prop_assert_eq!(&runs, &wanted, "{} in {:?}", name, region);
            }
        }
    }

    #[test]
    fn regions_put_together_find_what_the_whole_does(bytes in text(), least in 1..80_usize, step in 1..200_usize) {
        let mut runs = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            at = find_in(&bytes, at..at + step, least, &mut |run| runs.push(run));
        }
        prop_assert_eq!(runs, plainly(&bytes, 0..bytes.len(), least));
    }
}
