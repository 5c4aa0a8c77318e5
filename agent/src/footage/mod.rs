//! Answers pull orders: which fragments, or which refusal; uploads them, resumable.
