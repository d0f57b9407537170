//! Syslog as RFC 5424 has it, with structured data: a datagram each, or octet-counted over TCP (RFC 6587).

use super::wire::{Protocol, Wire};
use super::{AlertError, Notice, Sink, clipped, level};
use async_trait::async_trait;

/// Facility `authpriv`: it is about credentials.
const FACILITY: u8 = 10;
/// The most characters of a message; receivers cut at 8 KiB, some at 2.
const LONGEST: usize = 1500;
/// What our structured data is called. There is no enterprise number of our own; 32473 is the one kept free for examples.
const DATA: &str = "stanch@32473";

/// A log host.
#[derive(Debug)]
pub struct Syslog {
    name: String,
    wire: Wire,
    host: String,
}

impl Syslog {
    /// The log host at `udp://host:port` or `tcp://host:port`. `host` is the name of this machine.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn new(name: &str, address: &str, host: &str) -> Result<Self, AlertError> {
        Ok(Self { name: name.to_owned(), wire: Wire::new(name, address)?, host: host.to_owned() })
    }
}

#[async_trait]
impl Sink for Syslog {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), AlertError> {
        let line = line(notice, &self.host);
        match self.wire.protocol {
            Protocol::Udp => self.wire.datagrams(&[line.into_bytes()]).await,
            Protocol::Tcp => self.wire.stream(format!("{} {line}", line.len()).as_bytes()).await,
        }
    }
}

fn line(notice: &Notice, host: &str) -> String {
    let priority = FACILITY * 8 + level(notice.urgency);
    let mut data = format!("[{DATA}");
    let case = notice.case.as_ref().map(|case| case.as_str());
    let kind = notice.kind.as_ref().map(|kind| kind.as_str());
    for (name, value) in [
        ("case", case),
        ("moment", Some(notice.moment.word())),
        ("urgency", Some(notice.urgency.word())),
        ("kind", kind),
        ("credential", notice.credential.as_deref()),
        ("key", Some(&notice.key)),
        ("link", notice.link.as_deref()),
    ] {
        if let Some(value) = value {
            data.push_str(&format!(" {name}=\"{}\"", parameter(value)));
        }
    }
    data.push(']');
    // A log line is a line.
    let text = clipped(&notice.text.replace(|c: char| c.is_control(), " "), LONGEST);
    let mark = if text.is_ascii() { "" } else { "\u{feff}" };
    let (host, process) = (header(host, 255), std::process::id());
    format!("<{priority}>1 {} {host} stanch {process} {} {data} {mark}{text}", notice.at, notice.moment.word())
}

/// A word of the header: printable ASCII without spaces.
fn header(text: &str, most: usize) -> String {
    let word: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

/// A value of structured data: three signs are escaped.
fn parameter(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clipped(text, 300).chars() {
        match c {
            '"' | '\\' | ']' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::words;
    use crate::model::{RotationId, Timestamp};

    #[test]
    fn a_line_is_one_line_and_its_data_cannot_be_broken_out_of() {
        let mut notice = words::test("logs", Timestamp(1_700_000_000_000));
        notice.case = Some(RotationId::new("C-0001"));
        notice.credential = Some("a\"] [evil@1 x=\"\\".to_owned());
        notice.text = "one\r\n<34>1 forged é".to_owned();
        let line = line(&notice, "a host\n");
        let (head, rest) = line.split_once(" [stanch@32473 ").unwrap();
        assert_eq!(head, format!("<86>1 2023-11-14T22:13:20Z ahost stanch {} test", std::process::id()));
        assert!(rest.contains(r#" credential="a\"\] [evil@1 x=\"\\" "#), "{rest}");
        assert!(rest.ends_with("] \u{feff}one  <34>1 forged é") && !line.contains('\n'), "{line}");
    }
}
