//! Passwords: Argon2id, at least twelve characters, none by default.
//!
//! Belongs here: hashing and checking, off the async threads and a few at a time (19 MiB each). Does not: names, tries.

use std::sync::{Arc, OnceLock};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use farwatch_shared::secret::Secret;
use tokio::sync::Semaphore;

/// Fewest characters.
pub const SHORTEST: usize = 12;
/// Most bytes: a longer one only costs time.
pub const LONGEST: usize = 256;
/// Hashed at the same time; further ones wait.
const AT_ONCE: usize = 2;

/// Why a password cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("a password has at least {SHORTEST} characters, this one has {found}")]
    TooShort { found: usize },
    #[error("a password has at most {LONGEST} bytes")]
    TooLong,
    #[error("the password is the name")]
    SameAsName,
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// Hashes and checks.
#[derive(Clone)]
pub struct Passwords {
    turn: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// Whether a password may be chosen.
///
/// # Errors
/// Says what is wrong with it.
pub fn acceptable(password: &Secret, name: &str) -> Result<(), PasswordError> {
    let found = password.expose().chars().count();
    if found < SHORTEST {
        return Err(PasswordError::TooShort { found });
    }
    if password.expose().len() > LONGEST {
        return Err(PasswordError::TooLong);
    }
    if password.expose().trim().eq_ignore_ascii_case(name.trim()) {
        return Err(PasswordError::SameAsName);
    }
    Ok(())
}

impl Passwords {
    /// The PHC text to store.
    ///
    /// # Errors
    /// When the system has no randomness or memory.
    pub async fn hash(&self, password: Secret) -> Result<String, PasswordError> {
        self.aside(move || hash_now(password.expose())).await?
    }

    /// Whether the password is the stored one. `stored` is `None` for a name nobody has: that takes as long and fails, so
    /// that the time tells nothing.
    ///
    /// # Errors
    /// When the work could not be done at all.
    pub async fn matches(&self, password: Secret, stored: Option<String>) -> Result<bool, PasswordError> {
        self.aside(move || {
            if password.expose().len() > LONGEST {
                return false;
            }
            let known = stored.is_some();
            let phc = stored.unwrap_or_else(nobodys);
            known & verify_now(password.expose(), &phc)
        })
        .await
    }

    async fn aside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
        let failed = |e: &dyn std::fmt::Display| PasswordError::Hash(e.to_string());
        let _turn = self.turn.acquire().await.map_err(|e| failed(&e))?;
        tokio::task::spawn_blocking(work).await.map_err(|e| failed(&e))
    }
}

fn hash_now(password: &str) -> Result<String, PasswordError> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|e| PasswordError::Hash(e.to_string()))
}

fn verify_now(password: &str, phc: &str) -> bool {
    PasswordHash::new(phc).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// A hash no password has been set to, with our own parameters.
fn nobodys() -> String {
    static NOBODYS: OnceLock<String> = OnceLock::new();
    NOBODYS.get_or_init(|| hash_now("a password nobody has").unwrap_or_default()).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let passwords = Passwords::default();
        let phc = passwords.hash(Secret::new("correct horse battery")).await.unwrap();
        assert!(phc.starts_with("$argon2id$"), "{phc}");
        assert!(passwords.matches(Secret::new("correct horse battery"), Some(phc.clone())).await.unwrap());
        assert!(!passwords.matches(Secret::new("correct horse batterz"), Some(phc)).await.unwrap());
        assert!(!passwords.matches(Secret::new("a password nobody has"), None).await.unwrap());
        assert!(!passwords.matches(Secret::new("x"), Some("not a phc text".into())).await.unwrap());
    }

    #[test]
    fn a_short_or_obvious_password_is_refused_with_its_length() {
        let refused = acceptable(&Secret::new("elevenchars"), "ada").unwrap_err();
        assert_eq!(refused.to_string(), "a password has at least 12 characters, this one has 11");
        assert!(matches!(acceptable(&Secret::new("Administrator"), "administrator"), Err(PasswordError::SameAsName)));
        assert!(acceptable(&Secret::new("十二个字符的密码也是可以的"), "ada").is_ok());
        assert!(matches!(acceptable(&Secret::new("x".repeat(300)), "ada"), Err(PasswordError::TooLong)));
    }
}
