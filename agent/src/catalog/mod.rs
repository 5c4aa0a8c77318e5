//! What footage exists; rebuilt from the vault whenever it is lost.
