//! Access units become segments; rotate, gap and clock decisions are pure.
