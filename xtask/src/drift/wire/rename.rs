//! Which of the removed things are added ones under another name.
//!
//! Two things are one that was renamed when they have the same shape and no other pair
//! fits better. A shape that many things have (a plain string, an operation without
//! bodies) is not enough: then the names must be alike, too.

use std::cell::Cell;
use std::collections::BTreeSet;

/// How alike two names are: 0 for nothing in common, 1 for the same words.
pub fn likeness(base: &str, new: &str) -> f32 {
    let words = |name: &str| -> Vec<String> {
        let words = name.split(|c: char| !c.is_ascii_alphanumeric());
        let words = words.filter(|word| !word.is_empty());
        words.map(str::to_ascii_lowercase).collect()
    };
    let (a, b) = (words(base), words(new));
    if a.concat() == b.concat() {
        return 1.0;
    }
    let common = a.iter().filter(|word| b.contains(word)).count();
    let by_words = common as f32 / a.len().max(b.len()).max(1) as f32;
    let (a, b) = (a.concat(), b.concat());
    let by_letters = 2.0 * in_common(a.as_bytes(), b.as_bytes()) as f32;
    by_words.max(by_letters / (a.len() + b.len()).max(1) as f32 - 0.1)
}

/// The most letters that two words have in common in the same order. `similar` has it, too,
/// but is slow unless it is optimised, and then takes longer to build than all of drift's
/// comparisons take.
fn in_common(a: &[u8], b: &[u8]) -> usize {
    // Of the letters of `a` so far, with the first so many of `b`.
    let mut most = vec![0; b.len() + 1];
    for x in a {
        let mut before = 0;
        for (index, y) in b.iter().enumerate() {
            let with_both = if x == y { before + 1 } else { 0 };
            before = most[index + 1];
            most[index + 1] = before.max(most[index]).max(with_both);
        }
    }
    most[b.len()]
}

/// The smallest [`likeness`] of the names of two things with a common shape.
const ALIKE: f32 = 0.5;

/// How much work is left for finding what only has a new name. Everything that was removed
/// is compared with everything that was added, which can take for ever.
#[derive(Debug)]
pub struct Effort(Cell<u64>);

/// A hundred times what a new release of the vendor's needs; about a second.
const EFFORT: u64 = 1_000_000;

impl Default for Effort {
    fn default() -> Self {
        Self(Cell::new(EFFORT))
    }
}

impl Effort {
    /// Takes the steps from what is left: `false` where there are not as many.
    pub fn spend(&self, steps: usize) -> bool {
        let left = self.0.get().saturating_sub(steps as u64);
        self.0.set(left);
        left > 0
    }

    pub fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}

/// Takes out of both lists the things that are pairs. `same` says whether two have the same
/// shape and, if so, whether it is a telling one; `name` is what they are called.
///
/// Finds none once the effort is spent.
pub fn take_pairs<T: Clone>(
    effort: &Effort,
    removed: &mut Vec<T>,
    added: &mut Vec<T>,
    name: impl Fn(&T) -> String,
    same: impl Fn(&T, &T) -> Option<Telling>,
) -> Vec<(T, T)> {
    let mut candidates = Vec::new();
    for (i, base) in removed.iter().enumerate() {
        for (j, new) in added.iter().enumerate() {
            if !effort.spend(1) {
                return Vec::new();
            }
            let Some(telling) = same(base, new) else {
                continue;
            };
            let (base, new) = (name(base), name(new));
            if !effort.spend(10 + base.len() * new.len() / 32) {
                return Vec::new();
            }
            let alike = likeness(&base, &new);
            if telling == Telling::Yes || alike >= ALIKE {
                candidates.push((alike, i, j));
            }
        }
    }
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (mut base_taken, mut new_taken) = (BTreeSet::new(), BTreeSet::new());
    let mut found = Vec::new();
    for (_, i, j) in candidates {
        if !base_taken.contains(&i) && !new_taken.contains(&j) {
            base_taken.insert(i);
            new_taken.insert(j);
            found.push((removed[i].clone(), added[j].clone()));
        }
    }
    leave_out(removed, &base_taken);
    leave_out(added, &new_taken);
    found
}

fn leave_out<T>(items: &mut Vec<T>, taken: &BTreeSet<usize>) {
    let mut index = 0..;
    items.retain(|_| index.next().is_none_or(|index| !taken.contains(&index)));
}

/// Whether a shape tells a thing from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Few things have it.
    Yes,
    /// Many things have it.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(
        removed: &mut Vec<&'static str>,
        added: &mut Vec<&'static str>,
        telling: Option<Telling>,
    ) -> Vec<(&'static str, &'static str)> {
        let effort = Effort::default();
        take_pairs(
            &effort,
            removed,
            added,
            |name| (*name).to_owned(),
            |_, _| telling,
        )
    }

    #[test]
    fn names_that_share_words_or_most_letters_are_alike() {
        for (base, new) in [
            ("hostname", "host_name"),
            ("external_ip", "external_ip_address"),
            ("last_callback_at", "last_seen_at"),
            ("edrVersion", "edr_version"),
            ("colour", "color"),
        ] {
            assert!(
                likeness(base, new) >= ALIKE,
                "{base} {new}: {}",
                likeness(base, new)
            );
        }
        for (base, new) in [("os", "serial_number"), ("arch", "tags"), ("name", "email")] {
            assert!(
                likeness(base, new) < ALIKE,
                "{base} {new}: {}",
                likeness(base, new)
            );
        }
    }

    #[test]
    fn the_most_alike_are_paired_and_each_only_once() {
        let mut removed = vec!["host_name", "domain", "os"];
        let mut added = vec!["domain_name", "hostname", "colour"];
        let found = pairs(&mut removed, &mut added, Some(Telling::No));
        assert_eq!(
            found,
            [("host_name", "hostname"), ("domain", "domain_name")]
        );
        assert_eq!((removed, added), (vec!["os"], vec!["colour"]));
    }

    #[test]
    fn a_telling_shape_is_enough() {
        let found = |telling| pairs(&mut vec!["abc"], &mut vec!["xyz"], telling);
        assert_eq!(found(Some(Telling::Yes)), [("abc", "xyz")]);
        assert_eq!(found(Some(Telling::No)), []);
        assert_eq!(pairs(&mut vec!["abc"], &mut vec!["abc"], None), []);
    }
}
