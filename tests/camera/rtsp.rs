//! RTSP 1.0 as text: requests out of a byte stream, answers into one.
//!
//! Belongs here: framing and headers, with bounds. Does not: what a request means (`session`), who may ask (`digest`).

/// The most a request's head may be, and the most that may wait unparsed.
const MOST_HEAD: usize = 16 * 1024;
const MOST_WAITING: usize = 256 * 1024;

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Malformed {
    #[error("a request head of more than {MOST_HEAD} bytes")]
    Head,
    #[error("a content-length that is no number or more than {MOST_WAITING}")]
    Length,
    #[error("more than {MOST_WAITING} bytes waiting")]
    Waiting,
}

/// One request, its body skipped: no request the camera answers needs one.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub url: String,
    headers: Vec<(String, String)>,
}

impl Request {
    fn parse(head: &str) -> Self {
        let mut lines = head.lines();
        let mut first = lines.next().unwrap_or_default().split(' ');
        let (method, url) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        Self { method: method.to_owned(), url: url.to_owned(), headers }
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The URL's path without query, split at slashes: the mount, and a track's control.
    pub fn path(&self) -> (&str, &str) {
        let after_scheme = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let path = after_scheme.split_once('/').map_or("", |(_, path)| path);
        let path = path.split('?').next().unwrap_or_default();
        let (mount, control) = path.split_once('/').unwrap_or((path, ""));
        (mount, control.trim_end_matches('/'))
    }

    /// The URL up to and with the mount and a closing slash, for `Content-Base`.
    pub fn base(&self) -> String {
        let (mount, _) = self.path();
        let host = self.url.split('/').take(3).collect::<Vec<_>>().join("/");
        format!("{host}/{mount}/")
    }

    /// The channel of `Transport: …interleaved=N-M`, `None` for any transport the camera does not speak.
    pub fn interleaved(&self) -> Option<u8> {
        let transport = self.header("transport")?;
        let (_, channels) = transport.split_once("interleaved=")?;
        let digits = channels.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok().filter(|&channel| channel < u8::MAX)
    }
}

/// Bytes of one connection waiting to become requests.
#[derive(Default)]
pub struct Reader {
    waiting: Vec<u8>,
}

impl Reader {
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        if self.waiting.len() + bytes.len() > MOST_WAITING {
            return Err(Malformed::Waiting);
        }
        self.waiting.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole request; interleaved packets (the receiver's RTCP) are passed over.
    pub fn next(&mut self) -> Result<Option<Request>, Malformed> {
        loop {
            match self.waiting[..] {
                [b'$', _, high, low, ..] => {
                    let end = 4 + usize::from(u16::from_be_bytes([high, low]));
                    if self.waiting.len() < end {
                        return Ok(None);
                    }
                    self.waiting.drain(..end);
                }
                [b'$', ..] | [] => return Ok(None),
                _ => return self.request(),
            }
        }
    }

    fn request(&mut self) -> Result<Option<Request>, Malformed> {
        let Some(end) = self.waiting.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            return if self.waiting.len() > MOST_HEAD { Err(Malformed::Head) } else { Ok(None) };
        };
        if end > MOST_HEAD {
            return Err(Malformed::Head);
        }
        let request = Request::parse(&String::from_utf8_lossy(&self.waiting[..end]));
        let body = match request.header("content-length") {
            None => 0,
            Some(text) => text.parse().ok().filter(|&n| n <= MOST_WAITING).ok_or(Malformed::Length)?,
        };
        if self.waiting.len() < end + 4 + body {
            return Ok(None);
        }
        self.waiting.drain(..end + 4 + body);
        Ok(Some(request))
    }
}

/// An answer being put together.
pub struct Answer {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// Whether the connection ends after it.
    pub closes: bool,
}

impl Answer {
    pub fn ok() -> Self {
        Self::of("200 OK")
    }

    /// With a status line's code and phrase.
    pub fn of(status: &'static str) -> Self {
        Self { status, headers: Vec::new(), body: String::new(), closes: false }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn body(mut self, body: String) -> Self {
        self.body = body;
        self
    }

    pub fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// The bytes, with the request's CSeq.
    pub fn bytes(&self, request: &Request) -> Vec<u8> {
        let mut text = format!("RTSP/1.0 {}\r\n", self.status);
        if let Some(sequence) = request.header("cseq") {
            text += &format!("CSeq: {sequence}\r\n");
        }
        text += "Server: farwatch-test-camera\r\n";
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !self.body.is_empty() {
            text += &format!("Content-Length: {}\r\n", self.body.len());
        }
        text += "\r\n";
        text += &self.body;
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: &mut Reader, bytes: &[u8]) -> Option<Request> {
        reader.push(bytes).expect("within bounds");
        reader.next().expect("well formed")
    }

    #[test]
    fn a_request_arrives_in_any_number_of_pieces_and_after_interleaved_packets() {
        let bytes = b"$\x01\x00\x02ab$\x01\x00\x00SETUP rtsp://h:554/cam0/trackID=1?x=1 RTSP/1.0\r\nCSeq: 3\r\n\
            TRANSPORT: RTP/AVP/TCP;unicast;interleaved=2-3\r\nContent-Length: 2\r\n\r\nhi";
        for cut in 0..bytes.len() {
            let mut reader = Reader::default();
            assert_eq!(read(&mut reader, &bytes[..cut]), None, "cut at {cut}");
            let request = read(&mut reader, &bytes[cut..]).expect("a whole request");
            assert_eq!(request.method, "SETUP");
            assert_eq!(request.path(), ("cam0", "trackID=1"));
            assert_eq!(request.base(), "rtsp://h:554/cam0/");
            assert_eq!(request.interleaved(), Some(2));
            assert_eq!(request.header("cseq"), Some("3"));
        }
    }

    #[test]
    fn udp_is_no_transport_here() {
        let mut reader = Reader::default();
        let request =
            read(&mut reader, b"SETUP rtsp://h/a RTSP/1.0\r\nTransport: RTP/AVP;unicast;client_port=5-6\r\n\r\n");
        assert_eq!(request.and_then(|request| request.interleaved()), None);
    }

    #[test]
    fn endless_heads_and_absurd_lengths_are_refused() {
        let mut reader = Reader::default();
        reader.push(&[b'x'; MOST_HEAD + 1]).expect("within bounds");
        assert_eq!(reader.next(), Err(Malformed::Head));
        assert_eq!(reader.push(&[0; MOST_WAITING]), Err(Malformed::Waiting));
        let mut reader = Reader::default();
        reader.push(b"OPTIONS * RTSP/1.0\r\nContent-Length: 999999999\r\n\r\n").expect("within bounds");
        assert_eq!(reader.next(), Err(Malformed::Length));
    }

    #[test]
    fn an_answer_carries_the_requests_cseq() {
        let request = Request::parse("OPTIONS * RTSP/1.0\r\nCSeq: 9");
        let bytes = Answer::ok().header("Public", "PLAY").body("x".into()).bytes(&request);
        let text = String::from_utf8(bytes).expect("text");
        assert!(text.starts_with("RTSP/1.0 200 OK\r\nCSeq: 9\r\n"), "{text}");
        assert!(text.ends_with("Public: PLAY\r\nContent-Length: 1\r\n\r\nx"), "{text}");
    }
}
