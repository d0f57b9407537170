//! Documents: words that are cut into pieces come out whole.

use super::samples::{self, TEXT};
use super::{ROOM, opened, opened_deep, opened_within, written};
use crate::archive::{ArchiveError, Format, Input, sniff};

fn word(body: &str) -> Vec<u8> {
    let space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
    format!("<?xml version=\"1.0\"?>\n<w:document xmlns:w=\"{space}\"><w:body>{body}</w:body></w:document>")
        .into_bytes()
}

#[test]
fn runs_of_a_paragraph_are_joined_and_paragraphs_are_not() {
    let run = |text: &str| {
        format!("<w:r><w:rPr><w:b/><w:t>no text</w:t></w:rPr><w:t>{text}</w:t></w:r><w:proofErr w:type=\"x\"/>")
    };
    let body = format!("<w:p>{}{}{}</w:p>\n  <w:p>{}</w:p>", run("one"), run("two"), run("&#51;&amp;"), run("next"));
    let opened = opened("document.xml", &word(&body)).whole();
    assert_eq!(opened.text("(text)"), "onetwo3&\nnext\n");
}

#[test]
fn what_was_deleted_and_what_fields_are_told_stands_beside_the_text() {
    let body = "<w:p><w:del><w:r><w:delText>old</w:delText></w:r><w:r><w:delText>er</w:delText></w:r></w:del>\
        <w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:r><w:instrText>HYPERLINK \"x\"</w:instrText></w:r></w:p>";
    let opened = opened("document.xml", &word(body)).whole();
    assert_eq!(opened.text("(text)"), "new\n");
    assert_eq!(opened.text("(deleted text and fields)"), "olderHYPERLINK \"x\"\n");
}

#[test]
fn cells_of_a_row_stand_on_one_line_and_shared_texts_on_their_own() {
    let sheet = "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData><row><c t=\"inlineStr\">\
        <is><t>key</t></is></c><c><f>A1</f><v>42</v></c></row><row><c><v>7</v></c></row></sheetData></worksheet>";
    assert_eq!(opened("sheet1.xml", sheet.as_bytes()).whole().text("(text)"), "key,\tA1\t42\n7\n");
    let shared = "<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><si><r><t>sec</t></r><r><t>ond</t></r></si>\
        <si><t>third</t></si></sst>";
    assert_eq!(opened("sharedStrings.xml", shared.as_bytes()).whole().text("(text)"), "second\nthird\n");
}

#[test]
fn a_name_and_the_value_beside_it_stand_on_one_line() {
    let texts = b"<sst><si><t>api</t><t>_key</t></si><si/><si><r><t>a value &amp; more</t></r></si></sst>";
    let sheet = b"<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><row><c t=\"s\"><v>0</v></c><c t=\"s\">\
        <v>1</v></c><c t=\"s\"><v>2</v></c><c><v>7</v></c></row><row><c t=\"s\"><v>0</v></c></row><row><c t=\"s\"><v>99</v></c></row></worksheet>";
    let parts: [(&str, &[u8]); 2] = [("xl/worksheets/sheet1.xml", sheet), ("xl/sharedStrings.xml", texts)];
    let opened = opened("a.xlsx", &samples::zip(&parts)).whole();
    assert_eq!(opened.text("xl/worksheets/sheet1.xml (rows)"), "api_key,\ta value & more,\t7\n");
    let content = "<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\"><table:table-row><table:table-cell>\
        <text:p>api_key</text:p></table:table-cell><table:table-cell/><table:table-cell><text:p>a</text:p><text:p>value</text:p></table:table-cell>\
        </table:table-row><table:table-row><table:table-cell><text:p>next</text:p></table:table-cell></table:table-row></office:document-content>";
    assert_eq!(super::opened("content.xml", content.as_bytes()).whole().text("(text)"), "api_key,\ta value\nnext\n");
    let cell = |text: &str| format!("<w:tc><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>");
    let table =
        format!("<w:tbl><w:tr>{}{}</w:tr></w:tbl><w:p><w:r><w:t>after</w:t></w:r></w:p>", cell("name"), cell("value"));
    assert_eq!(super::opened("document.xml", &word(&table)).whole().text("(text)"), "name,\tvalue\nafter\n");
}

#[test]
fn open_documents_and_properties_are_read_the_same_way() {
    let content = "<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\"><text:p>one\
        <text:span>two</text:span><text:s/>three</text:p><text:h>head</text:h></office:document-content>";
    assert_eq!(opened("content.xml", content.as_bytes()).whole().text("(text)"), "onetwo three\nhead\n");
    let custom = "<Properties xmlns=\"http://schemas.openxmlformats.org/officeDocument/2006/custom-properties\"><property name=\"a\">\
        <vt:lpwstr>first</vt:lpwstr></property><property><vt:lpwstr>second</vt:lpwstr></property></Properties>";
    assert_eq!(opened("custom.xml", custom.as_bytes()).whole().text("(text)"), "first\nsecond\n");
}

#[test]
fn entities_that_a_document_defines_are_never_expanded() {
    let mut bomb = "<!DOCTYPE x [<!ENTITY a0 \"aaaaaaaaaaaaaaaaaaaa\">".to_owned();
    for at in 1..60 {
        bomb.push_str(&format!("<!ENTITY a{at} \"&a{0};&a{0};&a{0};&a{0};\">", at - 1));
    }
    bomb.push_str("]><w:p xmlns:w=\"http://schemas.openxmlformats.org/x\"><w:t>&a59;</w:t></w:p>");
    let opened = opened_within(Format::OfficePart, "document.xml", Input::Bytes(bomb.as_bytes()), ROOM).whole();
    assert_eq!(opened.text("(text)"), "&a59;\n");
    let deep = format!("<w:p xmlns:w=\"http://schemas.openxmlformats.org/x\">{}text", "<w:rPr>".repeat(500_000));
    let opened = opened_within(Format::OfficePart, "x", Input::Bytes(deep.as_bytes()), ROOM);
    assert!(opened.members.is_empty() && opened.end.is_err());
}

#[test]
fn a_document_in_its_zip_comes_out_with_what_is_embedded_in_it() {
    let sheet = samples::zip(&[(
        "xl/sharedStrings.xml",
        b"<sst xmlns=\"http://schemas.openxmlformats.org/s\"><si><r><t>in</t></r><r><t>ner</t></r></si></sst>",
    )]);
    let body = word("<w:p><w:r><w:t>out</w:t></w:r><w:r><w:t>er</w:t></w:r></w:p>");
    let document = samples::zip(&[("word/document.xml", &body), ("word/embeddings/sheet.xlsx", &sheet)]);
    let (all, gaps) = opened_deep("a.docx", &document, &mut ROOM.clone(), 6);
    let all = String::from_utf8_lossy(&all).into_owned();
    assert!(all.contains("outer") && all.contains("inner"));
    assert_eq!(gaps, 0);
}

#[test]
fn a_notebook_gives_its_cells_with_their_lines_joined() {
    let book = serde_json::json!({"cells": [
        {"cell_type": "code", "source": ["a = (\n", "  'text'", ")"], "outputs": [{"text": ["out", "put\n"]}, {"data": {"image/png": "aGVsbG8="}}]},
        {"cell_type": "markdown", "source": "# head"},
    ]});
    let opened = opened("a.ipynb", book.to_string().as_bytes()).whole();
    assert!(opened.text("cell 1").contains("a = (\n  'text')\n"));
    assert!(opened.text("cell 1").contains("output\n"));
    assert!(opened.text("cell 1").contains("aGVsbG8=\n"));
    assert!(opened.text("cell 2").contains("# head\n"));
    assert!(matches!(super::opened("a.ipynb", b"{\"cells\": [").end, Err(ArchiveError::Damaged { .. })));
    let deep = format!("{{\"cells\":{}", "[".repeat(100_000));
    assert!(matches!(super::opened("a.ipynb", deep.as_bytes()).end, Err(ArchiveError::Damaged { .. })));
}

#[test]
fn a_class_gives_its_constants() {
    let opened = opened("K.class", &written::java_class()).whole();
    let lines: Vec<&str> = opened.text("(constants)").lines().collect();
    assert!(lines.contains(&"a constant of text"), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("joined \u{1} after")));
    // A universal binary begins with the same bytes.
    assert_eq!(sniff(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2, 1, 0, 0, 7], "program"), None);
}

#[test]
fn compiled_python_gives_its_constants() {
    let opened = opened("module.cpython-311.pyc", &written::python_code()).whole();
    assert!(!opened.text("(constants)").contains('\0'), "code among the texts makes them seem binary");
    assert!(opened.names().contains(&"(code and bytes)"));
    let lines: Vec<&[u8]> = opened.members[0].1.split(|byte| *byte == b'\n').collect();
    for text in [
        "the words of a module",
        "a constant of text",
        "a constant of bytes",
        "a default",
        "text of a class",
        "in a set",
    ] {
        assert!(lines.contains(&text.as_bytes()), "{text}");
    }
    // A list that says it has four billion members.
    let lying = [&written::python_code()[..16], &[b'[', 0xff, 0xff, 0xff, 0xff, b'z', 2, b'h', b'i']].concat();
    let opened = super::opened("a.pyc", &lying);
    assert_eq!(opened.text("(constants)"), "hi\n");
    assert!(matches!(opened.end, Err(ArchiveError::Damaged { .. })));
}

#[test]
fn a_property_list_gives_its_texts_and_data() {
    let opened = opened("a.plist", &written::property_list()).whole();
    let lines: Vec<&str> = opened.text("(texts)").lines().collect();
    assert!(lines.contains(&"a plain text") && lines.contains(&"ein Schlüssel") && lines.contains(&"two"), "{lines:?}");
    assert_eq!(opened.names().len(), 2, "packed data is a member of its own");
    let mut lying = written::property_list();
    let at = lying.len() - 24;
    lying[at..at + 8].copy_from_slice(&[0xff; 8]);
    assert!(matches!(super::opened("a.plist", &lying).end, Err(ArchiveError::Damaged { .. })));
}

#[test]
fn documents_in_archives_are_read_to_the_end_of_the_nesting() {
    let jar = samples::zip(&[("K.class", &written::java_class())]);
    let package = samples::gzip(&samples::tar(&[
        ("lib/k.jar", &jar),
        ("db/data.db", &written::sqlite()),
        ("t.txt", TEXT.as_bytes()),
    ]));
    let (all, gaps) = opened_deep("a.tgz", &package, &mut ROOM.clone(), 8);
    let all = String::from_utf8_lossy(&all).into_owned();
    assert!(all.contains("a constant of text\n") && all.contains("packed in a value"));
    assert_eq!(gaps, 0);
}

#[test]
fn texts_that_name_such_documents_further_on_are_none() {
    let space = "xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\"";
    for text in [
        format!("<?php\n$head = '<office:document-content {space}>';\n"),
        format!("<template>\n<p>{space}<br></template>\n"),
        "<html xmlns:m=\"http://schemas.microsoft.com/office/2004/12/omml\">\n<body><br>text\n".to_owned(),
        format!("a text: <a {space}>"),
    ] {
        assert_eq!(sniff(text.as_bytes(), "a.php"), None, "{text}");
    }
    let text = format!("\u{feff}<?xml version=\"1.0\"?>\n<!-- 1 < 2 -->\n<office:document-content {space}>");
    assert_eq!(sniff(text.as_bytes(), "a"), Some(Format::OfficePart));
}

#[test]
fn the_texts_of_a_compiled_module_are_its_lines() {
    let opened = opened("leak.beam", &written::beam()).whole();
    let literals: Vec<&str> = opened.text("(LitT)").lines().collect();
    for text in [
        "glass-kettle-of-the-seventh-floor-behind-the-window-of-a-long-binary-literal",
        "charlist of a compiled module",
        "password",
        "db.example.org",
    ] {
        assert!(literals.contains(&text), "{text} is not in {literals:?}");
    }
    assert!(opened.names().contains(&"(Dbgi)"), "{:?}", opened.names());
}

#[test]
fn a_module_with_terms_nobody_knows_is_read_as_far_as_it_goes() {
    let term = [&[131, 104, 2, 109, 0, 0, 0, 5][..], b"first", &[200], b"whatever this may be"].concat();
    let table = [&1_u32.to_be_bytes()[..], &(term.len() as u32).to_be_bytes(), &term].concat();
    let chunk = |size: u32, body: &[u8]| {
        let body = [&size.to_be_bytes()[..], body].concat();
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        [&b"FOR1\0\0\0\0BEAMLitT"[..], &(body.len() as u32).to_be_bytes(), &body, &padding].concat()
    };
    // Since OTP 28 what is 0 long was not compressed.
    for bytes in [chunk(0, &table), chunk(table.len() as u32, &samples::zlib(&table, 6))] {
        let opened = opened("a.beam", &bytes).whole();
        assert!(opened.holds("first\n") && opened.holds("whatever this may be"), "{:?}", opened.members);
    }
    let bomb = super::opened_within(
        Format::BeamCode,
        "a.beam",
        Input::Bytes(&chunk(u32::MAX, &samples::zlib(&vec![0; 64 << 20], 9))),
        crate::archive::Budget { bytes: 1 << 20, ..ROOM },
    );
    assert!(matches!(bomb.end, Err(ArchiveError::OverBudget)), "{:?}", bomb.end);
    let short = opened("a.beam", &chunk(table.len() as u32 + 1, &samples::zlib(&table, 6)));
    assert!(short.holds("first") && matches!(short.end, Err(ArchiveError::Damaged { .. })), "{:?}", short.end);
}
