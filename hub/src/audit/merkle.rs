//! The RFC 6962 tree over the journal, grown leaf by leaf.
//!
//! Belongs here: hashes of leaves and nodes, the frontier (right-most complete subtrees), root, checkpoint text.
//! Does not: tables, tasks. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use farwatch_shared::digest::Digest;
use farwatch_shared::keys::{SignKey, VerifyKey};
use farwatch_shared::time::WallMs;

/// Hash of a leaf: SHA-256(0x00 || leaf).
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    Digest::of_parts(&[&[0], leaf])
}

/// Hash of an inner node: SHA-256(0x01 || left || right).
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of_parts(&[&[1], &left.0, &right.0])
}

/// A tree of which only what is needed to go on is kept: one complete subtree per set bit of the size, largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    size: u64,
    frontier: Vec<Digest>,
}

impl Tree {
    /// Goes on where a checkpoint ended; `None` when the frontier does not fit the size.
    #[must_use]
    pub fn resume(size: u64, frontier: Vec<Digest>) -> Option<Self> {
        (usize::try_from(size.count_ones()).ok()? == frontier.len()).then_some(Self { size, frontier })
    }

    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    #[must_use]
    pub fn frontier(&self) -> &[Digest] {
        &self.frontier
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Digest) {
        let mut node = leaf;
        // Each trailing one of the size is a complete subtree as large as the new one: they join.
        let mut joins = self.size.trailing_ones();
        while joins > 0 {
            let Some(left) = self.frontier.pop() else { break };
            node = node_hash(&left, &node);
            joins -= 1;
        }
        self.frontier.push(node);
        self.size += 1;
    }

    /// The Merkle tree hash; of an empty tree, SHA-256 of nothing.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut right_to_left = self.frontier.iter().rev();
        let Some(last) = right_to_left.next() else { return Digest::of(b"") };
        right_to_left.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// A signed checkpoint, as C2SP tlog-checkpoint writes it, with one extension line `at <ms>`.
#[must_use]
pub fn checkpoint(origin: &str, size: u64, root: &Digest, at: WallMs, key: &SignKey) -> String {
    let body = format!("{origin}\n{size}\n{}\nat {}\n", STANDARD.encode(root.0), at.0);
    let mut signature = key_hash(origin, &key.public()).to_vec();
    signature.extend_from_slice(&key.sign(body.as_bytes()));
    format!("{body}\n\u{2014} {origin} {}\n", STANDARD.encode(signature))
}

/// First four bytes of SHA-256(name || 0x0A || 0x01 || public key), as C2SP signed-note defines for Ed25519.
fn key_hash(name: &str, key: &VerifyKey) -> [u8; 4] {
    let spki = key.spki_der();
    let raw = &spki[spki.len().saturating_sub(32)..];
    let digest = Digest::of_parts(&[name.as_bytes(), b"\n", &[1], raw]);
    [digest.0[0], digest.0[1], digest.0[2], digest.0[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962 2.1, straight from the definition.
    fn slow(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::of(b""),
            [one] => *one,
            many => {
                let mut k = 1;
                while k * 2 < many.len() {
                    k *= 2;
                }
                node_hash(&slow(&many[..k]), &slow(&many[k..]))
            }
        }
    }

    #[test]
    fn a_tree_grown_leaf_by_leaf_has_the_root_the_rfc_defines() {
        let leaves: Vec<Digest> = (0..130u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let mut tree = Tree::default();
        assert_eq!(tree.root(), slow(&[]));
        for n in 0..leaves.len() {
            tree.push(leaves[n]);
            assert_eq!(tree.root(), slow(&leaves[..=n]), "size {}", n + 1);
            assert_eq!(Tree::resume(tree.size(), tree.frontier().to_vec()), Some(tree.clone()));
        }
        // RFC 6962 test vector: the hash of the empty leaf.
        assert_eq!(leaf_hash(b"").hex(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }

    #[test]
    fn a_checkpoint_is_a_signed_note() {
        let key = SignKey::generate().unwrap();
        let note = checkpoint("hub.example/farwatch", 7, &Digest::of(b"x"), WallMs(5), &key);
        let (body, signature) = note.split_once("\n\n").unwrap();
        let encoded = signature.trim_end().rsplit(' ').next().unwrap();
        let bytes = STANDARD.decode(encoded).unwrap();
        assert!(key.public().verifies(format!("{body}\n").as_bytes(), &bytes[4..]));
        assert!(body.starts_with("hub.example/farwatch\n7\n"));
    }
}
