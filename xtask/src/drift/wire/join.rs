//! What two lists have in common, and what only one of them has.

use std::collections::{BTreeMap, VecDeque};

/// Each in the order of its list.
pub struct Joined<K, T> {
    pub common: Vec<(K, T, T)>,
    pub removed: Vec<(K, T)>,
    pub added: Vec<(K, T)>,
}

/// Joins by key; of several with one key the first goes with the first.
pub fn join<K: Ord + Clone, T>(
    base: impl IntoIterator<Item = (K, T)>,
    new: impl IntoIterator<Item = (K, T)>,
) -> Joined<K, T> {
    let mut places: BTreeMap<K, VecDeque<usize>> = BTreeMap::new();
    let mut left = Vec::new();
    for (index, (key, item)) in new.into_iter().enumerate() {
        places.entry(key.clone()).or_default().push_back(index);
        left.push(Some((key, item)));
    }
    let (mut common, mut removed) = (Vec::new(), Vec::new());
    for (key, base) in base {
        let place = places.get_mut(&key).and_then(VecDeque::pop_front);
        match place.and_then(|place| left[place].take()) {
            Some((_, new)) => common.push((key, base, new)),
            None => removed.push((key, base)),
        }
    }
    Joined {
        common,
        removed,
        added: left.into_iter().flatten().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_are_joined_one_by_one() {
        let joined = join([("a", 1), ("b", 2), ("a", 3)], [("c", 4), ("a", 5)]);
        assert_eq!(joined.common, [("a", 1, 5)]);
        assert_eq!(joined.removed, [("b", 2), ("a", 3)]);
        assert_eq!(joined.added, [("c", 4)]);
    }
}
