//! Which of the removed things are added ones under another name.
//!
//! Two things are one that was renamed when they have the same shape and no other pair
//! fits better. A shape that many things have (a plain string, an operation without
//! bodies) is not enough: then the names must be alike, too.

/// How alike two names are: 0 for nothing in common, 1 for the same words.
pub fn likeness(old: &str, new: &str) -> f32 {
    let words = |name: &str| -> Vec<String> {
        let words = name.split(|c: char| !c.is_ascii_alphanumeric());
        let words = words.filter(|word| !word.is_empty());
        words.map(str::to_ascii_lowercase).collect()
    };
    let (a, b) = (words(old), words(new));
    if a.concat() == b.concat() {
        return 1.0;
    }
    let common = a.iter().filter(|word| b.contains(word)).count();
    let by_words = common as f32 / a.len().max(b.len()).max(1) as f32;
    let (a, b) = (a.concat(), b.concat());
    by_words.max(similar::TextDiff::from_chars(a.as_str(), b.as_str()).ratio() - 0.1)
}

/// The smallest [`likeness`] of the names of two things with a common shape.
const ALIKE: f32 = 0.5;

/// Pairs removed with added things. `same` says whether two have the same shape and, if
/// so, whether it is a telling one; `name` is what they are called.
pub fn pairs<T: Copy>(
    removed: &[T],
    added: &[T],
    name: impl Fn(T) -> String,
    same: impl Fn(T, T) -> Option<Telling>,
) -> Vec<(T, T)> {
    let mut candidates = Vec::new();
    for (i, old) in removed.iter().enumerate() {
        for (j, new) in added.iter().enumerate() {
            let Some(telling) = same(*old, *new) else {
                continue;
            };
            let alike = likeness(&name(*old), &name(*new));
            if telling == Telling::Yes || alike >= ALIKE {
                candidates.push((alike, i, j));
            }
        }
    }
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (mut olds, mut news, mut found) = (vec![], vec![], vec![]);
    for (_, i, j) in candidates {
        if !olds.contains(&i) && !news.contains(&j) {
            olds.push(i);
            news.push(j);
            found.push((removed[i], added[j]));
        }
    }
    found
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

    #[test]
    fn names_that_share_words_or_most_letters_are_alike() {
        for (old, new) in [
            ("hostname", "host_name"),
            ("external_ip", "external_ip_address"),
            ("last_callback_at", "last_seen_at"),
            ("edrVersion", "edr_version"),
            ("colour", "color"),
        ] {
            assert!(
                likeness(old, new) >= ALIKE,
                "{old} {new}: {}",
                likeness(old, new)
            );
        }
        for (old, new) in [("os", "serial_number"), ("arch", "tags"), ("name", "email")] {
            assert!(
                likeness(old, new) < ALIKE,
                "{old} {new}: {}",
                likeness(old, new)
            );
        }
    }

    #[test]
    fn the_most_alike_are_paired_and_each_only_once() {
        let removed = ["host_name", "domain"];
        let added = ["domain_name", "hostname", "colour"];
        let found = pairs(&removed, &added, str::to_owned, |_, _| Some(Telling::No));
        assert_eq!(
            found,
            [("host_name", "hostname"), ("domain", "domain_name")]
        );
    }

    #[test]
    fn a_telling_shape_is_enough() {
        let found = pairs(&["abc"], &["xyz"], str::to_owned, |_, _| Some(Telling::Yes));
        assert_eq!(found, [("abc", "xyz")]);
        assert_eq!(
            pairs(&["abc"], &["xyz"], str::to_owned, |_, _| Some(Telling::No)),
            []
        );
        assert_eq!(pairs(&["abc"], &["abc"], str::to_owned, |_, _| None), []);
    }
}
