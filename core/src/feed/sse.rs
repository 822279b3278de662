//! Server-sent events (WHATWG HTML, section 9.2), as far as the service sends them: `id`, `event`, `data`.
//!
//! Our own sixty lines: the crates for it bring their own reconnecting, and ours has versions to mind.

use reqwest::Response;

use crate::error::{Error, ErrorKind, Result};

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its name; `message` if it has none.
    pub name: String,
    /// Its data; several lines joined.
    pub data: String,
    /// The last id that the stream has given.
    pub id: Option<String>,
}

/// The events of a response.
pub struct Events {
    response: Response,
    decoder: Decoder,
}

impl Events {
    /// The events of `response`, each at most `limit` bytes.
    pub fn new(response: Response, limit: usize) -> Self {
        Self { response, decoder: Decoder { limit, ..Decoder::default() } }
    }

    /// The next event; `None` at the end of the stream.
    ///
    /// # Errors
    /// `Unavailable` or `Timeout` if the connection breaks or is silent too long, `InvalidResponse` for an event without end.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.decoder.take() {
                return Ok(Some(event));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.decoder.push(&chunk)?,
                Ok(None) => return Ok(None),
                Err(error) => {
                    let kind = if error.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Unavailable };
                    return Err(Error::new(kind, "the stream broke").caused_by(error));
                }
            }
        }
    }
}

/// Bytes into events.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Up to where `buffer` has been read.
    done: usize,
    /// Up to where it has been searched for a line's end, so that a long line is searched once.
    searched: usize,
    event: Event,
    has_data: bool,
    limit: usize,
}

impl Decoder {
    /// Takes more bytes.
    ///
    /// # Errors
    /// `InvalidResponse` if an event grows past the limit.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.drain(..self.done);
        self.searched -= self.done;
        self.done = 0;
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() + self.event.data.len() > self.limit.max(1 << 16) {
            return Err(Error::new(ErrorKind::InvalidResponse, format!("an event of the stream is longer than {} bytes", self.limit)));
        }
        Ok(())
    }

    /// The next whole event among the bytes taken so far.
    pub fn take(&mut self) -> Option<Event> {
        while let Some(length) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
            let end = self.searched + length;
            let line = String::from_utf8_lossy(&self.buffer[self.done..end]).trim_end_matches('\r').to_owned();
            self.done = end + 1;
            self.searched = self.done;
            if let Some(event) = self.line(&line) {
                return Some(event);
            }
        }
        self.searched = self.buffer.len();
        None
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let id = self.event.id.clone();
            let event = std::mem::replace(&mut self.event, Event { id, ..Event::default() });
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            "event" => value.clone_into(&mut self.event.name),
            "id" => self.event.id = Some(value.to_owned()),
            _ => {} // comments and what we do not use
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(chunks: &[&str]) -> Vec<Event> {
        let mut decoder = Decoder { limit: 1 << 20, ..Decoder::default() };
        let mut events = Vec::new();
        for chunk in chunks {
            decoder.push(chunk.as_bytes()).unwrap();
            events.extend(std::iter::from_fn(|| decoder.take()));
        }
        events
    }

    #[test]
    fn events_survive_any_cut() {
        let text = ": hello\n\nid: e-1\nevent: full\ndata: {\"a\":1}\n\nevent: ping\r\ndata: x\r\ndata: y\r\n\r\ndata\n\n";
        let whole = decode(&[text]);
        assert_eq!(whole.len(), 3);
        assert_eq!(whole[0], Event { name: "full".into(), data: "{\"a\":1}".into(), id: Some("e-1".into()) });
        assert_eq!(whole[1], Event { name: "ping".into(), data: "x\ny".into(), id: Some("e-1".into()) });
        for cut in 0..text.len() {
            assert_eq!(decode(&[&text[..cut], &text[cut..]]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut decoder = Decoder { limit: 1 << 16, ..Decoder::default() };
        let line = "x".repeat(1 << 15);
        let refused = (0..4).find_map(|_| decoder.push(line.as_bytes()).err());
        assert_eq!(refused.map(|error| error.kind()), Some(ErrorKind::InvalidResponse));
    }
}
