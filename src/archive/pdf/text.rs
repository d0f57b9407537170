//! The words that a page's instructions draw. Where a piece of text follows another on the same line, whether a space
//! stands between them is for the eye to see: such a line is handed over both ways.

use super::font::Font;
use super::value::{Reader, Value};
use std::collections::HashMap;
use std::rc::Rc;

/// More operands than any operator takes.
const MOST_OPERANDS: usize = 4096;
/// So far, in thousandths of the letters' size, letters are moved apart for a space.
const SPACE: f64 = 180.0;
/// Lines nearer to each other than this are one.
const SAME_LINE: f64 = 0.5;

/// What was drawn.
#[derive(Default)]
pub(super) struct Drawn {
    pub(super) text: String,
    /// True if codes came by that nothing gives a meaning.
    pub(super) unknown: bool,
    /// True if it was more than may be held.
    pub(super) cut: bool,
    joined: String,
    spaced: String,
    fresh: bool,
    line: f64,
    shown: Option<f64>,
}

impl Drawn {
    /// Follows the instructions.
    pub(super) fn follow(&mut self, bytes: &[u8], fonts: &HashMap<Vec<u8>, Rc<Font>>, most: u64) {
        let mut reader = Reader::new(bytes, 0);
        let mut operands: Vec<Value> = Vec::new();
        let plain = Font::default();
        let mut font = &plain;
        while let Some(value) = reader.value() {
            let Value::Word(operator) = value else {
                if operands.len() < MOST_OPERANDS {
                    operands.push(value);
                }
                continue;
            };
            match operator.as_slice() {
                b"Tf" => {
                    if let [.., Value::Name(name), _] = operands.as_slice() {
                        font = fonts.get(name).map_or(&plain, |font| &**font);
                    }
                }
                b"ID" => skip_picture(&mut reader),
                operator => self.operator(operator, &operands, font),
            }
            operands.clear();
            if (self.text.len() + self.joined.len()) as u64 > most {
                self.cut = true;
                break;
            }
        }
        self.end_line();
    }

    fn operator(&mut self, operator: &[u8], operands: &[Value], font: &Font) {
        match (operator, operands) {
            (b"BT", _) => {
                self.line = 0.0;
                self.fresh = true;
            }
            (b"Td" | b"TD", [.., Value::Number(_), Value::Number(down)]) => {
                self.line += down;
                self.fresh = true;
            }
            (b"Tm", [.., Value::Number(_), Value::Number(line)]) => {
                self.line = *line;
                self.fresh = true;
            }
            (b"T*", _) => self.end_line(),
            (b"Tj", [.., Value::Text(codes)]) => self.show(codes, font),
            (b"'" | b"\"", [.., Value::Text(codes)]) => {
                self.end_line();
                self.show(codes, font);
            }
            (b"TJ", [.., Value::List(parts)]) => {
                for part in parts {
                    match part {
                        Value::Text(codes) => self.show(codes, font),
                        Value::Number(back) if *back < -SPACE => self.space(),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn space(&mut self) {
        self.joined.push(' ');
        self.spaced.push(' ');
    }

    fn show(&mut self, codes: &[u8], font: &Font) {
        if self.shown.is_some_and(|shown| (shown - self.line).abs() > SAME_LINE) {
            self.end_line();
        }
        if self.fresh && !self.joined.is_empty() {
            self.spaced.push(' ');
        }
        self.fresh = false;
        self.shown = Some(self.line);
        let before = self.joined.len();
        self.unknown |= !font.show(codes, &mut self.joined);
        if let Some(added) = self.joined.get(before..) {
            self.spaced.push_str(added);
        }
    }

    fn end_line(&mut self) {
        if !self.joined.is_empty() {
            self.text.push_str(&self.joined);
            self.text.push('\n');
            if self.spaced != self.joined {
                self.text.push_str(&self.spaced);
                self.text.push('\n');
            }
        }
        self.joined.clear();
        self.spaced.clear();
        self.shown = None;
    }
}

/// A picture among the instructions, up to its end.
fn skip_picture(reader: &mut Reader<'_>) {
    let rest = reader.rest();
    let end = memchr::memmem::find_iter(rest, b"EI").find(|at| {
        let before = at.checked_sub(1).and_then(|at| rest.get(at));
        let after = rest.get(at + 2);
        before.is_none_or(u8::is_ascii_whitespace) && after.is_none_or(u8::is_ascii_whitespace)
    });
    reader.at += end.map_or(rest.len(), |end| end + 2);
}
