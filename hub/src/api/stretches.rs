//! Sets of time: sorted, disjoint spans. Pure.

use farwatch_shared::time::{Span, WallMs};

/// All of it, each instant once.
pub(super) fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut out: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match out.last_mut() {
            Some(last) if span.start_ms <= last.end_ms => last.end_ms = last.end_ms.max(span.end_ms),
            _ => out.push(span),
        }
    }
    out
}

/// What both sets share.
pub(super) fn both(a: &[Span], b: &[Span]) -> Vec<Span> {
    let (mut out, mut i, mut j) = (Vec::new(), 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        out.extend(x.intersect(y));
        if x.end_ms < y.end_ms { i += 1 } else { j += 1 }
    }
    out
}

/// What is in the first set and not in the second.
pub(super) fn without(a: &[Span], b: &[Span]) -> Vec<Span> {
    let mut out = Vec::new();
    let mut from = 0;
    for span in a {
        while b.get(from).is_some_and(|cut| cut.end_ms <= span.start_ms) {
            from += 1;
        }
        let mut start = span.start_ms;
        for cut in b[from..].iter().take_while(|cut| cut.start_ms < span.end_ms) {
            out.extend(Span::new(start, cut.start_ms));
            start = start.max(cut.end_ms);
        }
        out.extend(Span::new(start, span.end_ms));
    }
    out
}

/// Milliseconds in all.
pub(super) fn total(spans: &[Span]) -> u64 {
    spans.iter().map(|span| u64::try_from(span.len_ms()).unwrap_or(0)).sum()
}

/// Cut to a range.
pub(super) fn within(spans: &[Span], range: Span) -> Vec<Span> {
    spans.iter().filter_map(|span| span.intersect(&range)).collect()
}

/// The time left of `at`, and that from it on.
pub(super) fn split(span: Span, at: WallMs) -> (Option<Span>, Option<Span>) {
    (Span::new(span.start_ms, span.end_ms.min(at)), Span::new(span.start_ms.max(at), span.end_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(spans: &[(i64, i64)]) -> Vec<Span> {
        spans.iter().map(|(start, end)| Span::new(WallMs(*start), WallMs(*end)).unwrap()).collect()
    }

    proptest::proptest! {
        #[test]
        fn sets_of_time_agree_with_sets_of_milliseconds(
            a in proptest::collection::vec((0i64..60, 1i64..9), 0..8),
            b in proptest::collection::vec((0i64..60, 1i64..9), 0..8),
        ) {
            let of = |parts: &[(i64, i64)]| union(parts.iter().flat_map(|(s, l)| set(&[(*s, s + l)])).collect());
            let (a, b) = (of(&a), of(&b));
            let has = |spans: &[Span], at: i64| spans.iter().any(|s| s.contains(WallMs(at)));
            let (shared, rest) = (both(&a, &b), without(&a, &b));
            for at in 0..80 {
                proptest::prop_assert_eq!(has(&shared, at), has(&a, at) && has(&b, at));
                proptest::prop_assert_eq!(has(&rest, at), has(&a, at) && !has(&b, at));
            }
            proptest::prop_assert_eq!(total(&shared) + total(&rest), total(&a));
        }
    }

    #[test]
    fn a_span_is_split_at_an_instant_within_or_beside_it() {
        let span = set(&[(10, 20)])[0];
        assert_eq!(split(span, WallMs(15)), (Some(set(&[(10, 15)])[0]), Some(set(&[(15, 20)])[0])));
        assert_eq!(split(span, WallMs(10)), (None, Some(span)));
        assert_eq!(split(span, WallMs(20)), (Some(span), None));
        assert_eq!(within(&set(&[(0, 5), (8, 30)]), span), set(&[(10, 20)]));
    }
}
