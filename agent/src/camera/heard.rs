//! What retina puts right in a camera's signalling it tells only its log: this listens, so that it is counted.
//!
//! Belongs here: the process's `log` logger, which names what retina says while a session is polled and passes
//! everything else on to `tracing`. Does not: `rtsp`, which does the polling. The phrases are those of the retina that
//! is pinned in `Cargo.lock`; the tests of `sources` hold them to it.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;

use log::{Level, LevelFilter, Log, Metadata, Record};

/// What was heard while one session was polled.
#[derive(Debug, Default)]
pub(super) struct Heard {
    defects: Vec<&'static str>,
    /// The id the camera gave the session first.
    session: Option<String>,
    /// Sequence numbers promised by the answer to PLAY, by stream.
    pub(super) promised: Vec<(usize, u16)>,
}

thread_local! {
    static HEARD: RefCell<Option<Heard>> = const { RefCell::new(None) };
}

/// Defects retina names by how it begins to speak of them.
const PHRASES: [(&str, &str); 10] = [
    ("repaired schemeless", "content_base_without_scheme"),
    ("Ignoring nonconforming ssrc", "ssrc_unreadable"),
    ("Unparseable rtptime", "rtptime_unreadable"),
    ("RTP-Info contains unknown stream", "rtp_info_of_unknown_stream"),
    ("ignoring invalid fmtp", "fmtp_unreadable"),
    ("Ignoring unparseable stream", "media_unreadable"),
    ("Ignoring data on unassigned RTSP", "data_on_unknown_channel"),
    ("Ignoring trailing data in SPS", "sps_with_trailing_data"),
    ("ignoring interleaved data message", "data_before_play"),
    ("skipping pkt with invalid payload type", "foreign_payload_type"),
];

impl Heard {
    /// The defects named since the last call.
    pub(super) fn take(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.defects)
    }

    /// True when it is something that is counted or has been looked into.
    fn hear(&mut self, text: &str) -> bool {
        if let Some((_, name)) = PHRASES.iter().find(|(phrase, _)| text.starts_with(phrase)) {
            self.defects.push(name);
            return true;
        }
        if text.starts_with("DESCRIBE response") && text.contains("no content type") {
            self.defects.push("content_type_missing");
            return true;
        }
        if text.starts_with("keepalive failed") {
            self.defects.push("keepalive_refused");
            return true;
        }
        if let Some(rest) = text.strip_prefix("ignoring PLAY seq=") {
            let mut numbers = rest.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
            let seq = numbers.next().and_then(|n| n.parse().ok());
            if let (Some(seq), Some(stream)) = (seq, numbers.next().and_then(|n| n.parse().ok())) {
                self.promised.push((stream, seq));
            }
            return true;
        }
        if text.starts_with("SETUP response") {
            self.hear_setup(text);
            return true;
        }
        false
    }

    /// Looks through the headers as retina prints them: a name and a value in quotes.
    fn hear_setup(&mut self, text: &str) {
        let value = |name: &str| {
            let after = text.split_once(&format!("{name}\""))?.1;
            let mut quoted = after.splitn(3, '"');
            quoted.next();
            quoted.next().map(str::to_owned)
        };
        if value("Transport").is_some_and(|v| v.contains("ssrc= ") || v.contains("ssrc=\\t")) {
            self.defects.push("ssrc_with_blanks");
        }
        let Some(session) = value("Session") else { return };
        let id = session.split(';').next().unwrap_or_default().to_owned();
        match &self.session {
            Some(first) if *first != id => self.defects.push("session_id_changed"),
            Some(_) => {}
            None => self.session = Some(id),
        }
    }
}

/// Polls a part of retina and keeps what it says meanwhile.
pub(super) async fn while_polling<F: Future>(heard: &mut Heard, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let outside = HEARD.replace(Some(std::mem::take(heard)));
        let polled = future.as_mut().poll(context);
        *heard = HEARD.replace(outside).unwrap_or_default();
        polled
    })
    .await
}

struct Ear;

impl Log for Ear {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        about.level() <= Level::Info || about.target().starts_with("retina")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        if record.target().starts_with("retina") {
            let text = record.args().to_string();
            if HEARD.with_borrow_mut(|heard| heard.as_mut().is_some_and(|heard| heard.hear(&text))) {
                return;
            }
        }
        let from = record.target();
        match record.level() {
            Level::Error => tracing::error!(from, "{}", record.args()),
            Level::Warn => tracing::warn!(from, "{}", record.args()),
            Level::Info => tracing::info!(from, "{}", record.args()),
            Level::Debug | Level::Trace => {}
        }
    }

    fn flush(&self) {}
}

/// Makes this the logger of the process, before any other is. Without it defects of the signalling are repaired all the
/// same and only not counted.
pub fn listen() {
    if log::set_logger(&Ear).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(said: &[&str]) -> Vec<&'static str> {
        let mut heard = Heard::default();
        for text in said {
            heard.hear(text);
        }
        heard.take()
    }

    #[test]
    fn a_second_session_id_and_a_blank_before_the_ssrc_are_named() {
        let setup = |id: &str, ssrc: &str| {
            format!(
                "SETUP response: Response {{\n headers: {{\n \"Session\": \"{id};timeout=60\",\n \"Transport\": \
                 \"RTP/AVP/TCP;unicast;interleaved=0-1;ssrc={ssrc}\",\n }}\n}}"
            )
        };
        assert_eq!(heard(&[&setup("A1", "00C0FFEE"), &setup("A1", "00C0FFEE")]), Vec::<&str>::new());
        assert_eq!(
            heard(&[&setup("A1", " 0C0FFEE"), &setup("A2", "00C0FFEE")]),
            ["ssrc_with_blanks", "session_id_changed"]
        );
    }

    #[test]
    fn a_promised_sequence_number_is_kept_and_other_talk_passed_on() {
        let mut heard = Heard::default();
        assert!(heard.hear("ignoring PLAY seq=1 on stream 2 due to policy Ignore"));
        assert_eq!(heard.promised, [(2, 1)]);
        assert!(!heard.hear("Server closed RTSP connection"));
    }
}
