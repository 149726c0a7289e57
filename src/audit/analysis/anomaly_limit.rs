//! Limits the number of anomalies that are listed for one layer.

use super::anomaly::{Anomaly, AnomalyKind};
use std::collections::BTreeMap;

/// Anomalies, secrets and gaps of one layer that are listed.
pub(super) const LISTED: usize = 10_000;

/// How many anomalies of each kind are listed, at most [`LISTED`] together. A policy forbids some kinds and not others, so
/// a kind of which there are few is listed whole, however many there are of another.
pub(super) fn shares(anomalies: &[Anomaly]) -> BTreeMap<AnomalyKind, usize> {
    let mut counts: BTreeMap<AnomalyKind, usize> = BTreeMap::new();
    for anomaly in anomalies {
        *counts.entry(anomaly.kind).or_default() += 1;
    }
    let mut rarest: Vec<_> = counts.into_iter().collect();
    rarest.sort_by_key(|(_, count)| *count);
    let (mut left, mut kinds) = (LISTED, rarest.len());
    let share = |(kind, count): (AnomalyKind, usize)| {
        let share = count.min(left / kinds.max(1));
        (left, kinds) = (left - share, kinds - 1);
        (kind, share)
    };
    rarest.into_iter().map(share).collect()
}

/// Keeps the first `most` anomalies of each kind, and counts the others.
pub(super) fn keep_first(
    anomalies: &mut Vec<Anomaly>,
    most: impl Fn(AnomalyKind) -> usize,
    dropped: &mut BTreeMap<AnomalyKind, u64>,
) {
    let mut seen: BTreeMap<AnomalyKind, usize> = BTreeMap::new();
    anomalies.retain(|anomaly| {
        let seen = seen.entry(anomaly.kind).or_default();
        *seen += 1;
        let is_kept = *seen <= most(anomaly.kind);
        if !is_kept {
            *dropped.entry(anomaly.kind).or_default() += 1;
        }
        is_kept
    });
    anomalies.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::{Anomaly, AnomalyKind, LISTED, keep_first, shares};
    use std::collections::BTreeMap;

    #[test]
    fn f_sec_11_a_flood_of_one_kind_leaves_the_others_whole() {
        let odd = |kind, number: usize| Anomaly::new(kind, &number.to_string(), "");
        let mut anomalies: Vec<_> =
            (0..30_000).map(|number| odd(AnomalyKind::WorldWritable, number)).collect();
        anomalies.extend((0..30_000).map(|number| odd(AnomalyKind::NameControl, number)));
        anomalies.push(odd(AnomalyKind::Device, 0));
        anomalies.extend((0..4_000).map(|number| odd(AnomalyKind::LinkOutside, number)));
        anomalies.sort();
        let (shares, mut dropped) = (shares(&anomalies), BTreeMap::new());
        keep_first(&mut anomalies, |kind| shares[&kind], &mut dropped);
        assert_eq!(anomalies.len(), LISTED);
        let kept = |kind| anomalies.iter().filter(|anomaly| anomaly.kind == kind).count();
        assert_eq!((kept(AnomalyKind::Device), kept(AnomalyKind::LinkOutside)), (1, 3_333));
        assert_eq!((kept(AnomalyKind::WorldWritable), kept(AnomalyKind::NameControl)), (3_333, 3_333));
        assert_eq!(dropped[&AnomalyKind::WorldWritable], 26_667);
        assert_eq!(dropped.values().sum::<u64>() + LISTED as u64, 64_001);
        assert!(!dropped.contains_key(&AnomalyKind::Device));
    }
}
