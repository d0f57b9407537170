//! Notebooks: JSON in which each cell's source is a list of lines.

use super::ArchiveError;
use super::outlet::{Outlet, Walk};
use serde_json::Value;

/// Hands over each cell with its source and its outputs, put together.
pub(super) fn walk(bytes: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
    let book: Value = serde_json::from_slice(bytes).map_err(|_| ArchiveError::damaged("its JSON is damaged"))?;
    // Until 2015 the cells stood in worksheets.
    let sheets = book.get("worksheets").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let sheets = sheets.iter().chain([&book]).filter_map(|sheet| sheet.get("cells")?.as_array());
    for (at, cell) in sheets.flatten().enumerate() {
        let mut text = String::new();
        gather(cell, &mut text);
        outlet.bytes(&format!("cell {}", at + 1), text.as_bytes())?;
    }
    Ok(())
}

/// A list of texts is one text; every other text is a line. The depth is bounded by the parser.
fn gather(value: &Value, text: &mut String) {
    match value {
        Value::String(line) => push_line(line, text),
        Value::Array(parts) if !parts.is_empty() && parts.iter().all(Value::is_string) => {
            let joined: String = parts.iter().filter_map(Value::as_str).collect();
            push_line(&joined, text);
        }
        Value::Array(values) => values.iter().for_each(|value| gather(value, text)),
        Value::Object(fields) => fields.values().for_each(|value| gather(value, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn push_line(line: &str, text: &mut String) {
    text.push_str(line);
    if !line.ends_with('\n') {
        text.push('\n');
    }
}
