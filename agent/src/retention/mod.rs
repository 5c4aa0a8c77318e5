//! Which footage goes, decided purely, removed safely.
