//! Digest authentication with MD5, the one scheme nearly every camera speaks (RFC 2069 and RFC 7616).
//!
//! Belongs here: the challenge and the check. Does not: which requests need it (`session`).

use md5::{Digest, Md5};

const REALM: &str = "farwatch test camera";

/// Who may look.
pub struct Credentials {
    pub user: String,
    pub password: String,
    /// Whether the challenge offers `qop="auth"`. Answers are taken with and without.
    pub qop: bool,
}

impl Credentials {
    /// The value of `WWW-Authenticate`.
    pub fn challenge(&self, nonce: &str) -> String {
        let qop = if self.qop { ", qop=\"auth\"" } else { "" };
        format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\"{qop}, algorithm=MD5")
    }

    /// Whether an `Authorization` value answers the challenge made with `nonce` for this method.
    pub fn admit(&self, authorization: &str, method: &str, nonce: &str) -> bool {
        let Some(fields) = authorization.trim().strip_prefix("Digest ") else { return false };
        let field = |name| field(fields, name).unwrap_or_default();
        if field("username") != self.user || field("realm") != REALM || field("nonce") != nonce {
            return false;
        }
        let who = md5_hex(&format!("{}:{REALM}:{}", self.user, self.password));
        let what = md5_hex(&format!("{method}:{}", field("uri")));
        let expected = match field("qop") {
            "" => md5_hex(&format!("{who}:{nonce}:{what}")),
            "auth" => md5_hex(&format!("{who}:{nonce}:{}:{}:auth:{what}", field("nc"), field("cnonce"))),
            _ => return false,
        };
        field("response").eq_ignore_ascii_case(&expected)
    }
}

/// One `name=value` or `name="value"` of a list; the name matches whole, not as the end of another.
fn field<'a>(fields: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = fields;
    while let Some((found, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if found.trim_matches([' ', ',']).eq_ignore_ascii_case(name) {
            return Some(value.trim());
        }
        rest = next;
    }
    None
}

fn md5_hex(text: &str) -> String {
    hex::encode(Md5::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials { user: "viewer".into(), password: "a word".into(), qop: true }
    }

    fn answer(password: &str, qop: Option<&str>) -> String {
        let who = md5_hex(&format!("viewer:{REALM}:{password}"));
        let what = md5_hex("PLAY:rtsp://h/cam0");
        let (response, extra) = match qop {
            None => (md5_hex(&format!("{who}:n1:{what}")), String::new()),
            Some(qop) => (
                md5_hex(&format!("{who}:n1:00000001:c7:{qop}:{what}")),
                format!(", cnonce=\"c7\", nc=00000001, qop={qop}"),
            ),
        };
        format!(
            "Digest username=\"viewer\", realm=\"{REALM}\", nonce=\"n1\", uri=\"rtsp://h/cam0\"{extra}, response=\"{response}\""
        )
    }

    #[test]
    fn the_right_password_is_admitted_with_and_without_qop() {
        assert!(credentials().admit(&answer("a word", None), "PLAY", "n1"));
        assert!(credentials().admit(&answer("a word", Some("auth")), "PLAY", "n1"));
    }

    #[test]
    fn a_wrong_password_method_nonce_or_scheme_is_not() {
        assert!(!credentials().admit(&answer("another", None), "PLAY", "n1"));
        assert!(!credentials().admit(&answer("a word", None), "DESCRIBE", "n1"));
        assert!(!credentials().admit(&answer("a word", None), "PLAY", "n2"));
        assert!(!credentials().admit(&answer("a word", Some("auth-int")), "PLAY", "n1"));
        assert!(!credentials().admit("Basic dmlld2VyOmEgd29yZA==", "PLAY", "n1"));
        assert!(!credentials().admit("Digest nonce=\"n1", "PLAY", "n1"));
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let fields = "cnonce=\"a,b=c\", nonce=\"d\", nc=01, qop=auth";
        assert_eq!(field(fields, "nonce"), Some("d"));
        assert_eq!(field(fields, "cnonce"), Some("a,b=c"));
        assert_eq!(field(fields, "nc"), Some("01"));
        assert_eq!(field(fields, "qop"), Some("auth"));
        assert_eq!(field(fields, "uri"), None);
    }
}
