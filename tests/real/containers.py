"""Documents as the real libraries write them, each with one token in it; what must come of each is printed."""

import bz2
import gzip
import io
import json
import lzma
import plistlib
import sqlite3
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import nbformat
import pikepdf
import xlwt
from docx import Document
from fpdf import FPDF
from msoffcrypto.format.ooxml import OOXMLFile
from odf.opendocument import OpenDocumentText
from odf.text import P, Span
from openpyxl import Workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment
from pptx import Presentation
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen import canvas
import py7zr

token, samples = sys.argv[1], Path(sys.argv[2])
start, middle, end = token[:10], token[10:20], token[20:]


def expect(name, what="found"):
    print(f"{name}\t{what}")


def word():
    document = Document()
    paragraph = document.add_paragraph("the key is ")
    paragraph.add_run(start)
    paragraph.add_run(middle).bold = True
    paragraph.add_run(end).italic = True
    document.add_paragraph("nothing else")
    document.save(samples / "runs.docx")
    expect("runs.docx")
    document = Document()
    document.core_properties.comments = f"key {token}"
    document.save(samples / "properties.docx")
    expect("properties.docx")


def sheets():
    book = Workbook()
    book.active.append(["key", CellRichText(start, TextBlock(InlineFont(b=True), middle), end)])
    book.save(samples / "rich.xlsx")
    expect("rich.xlsx")
    book = Workbook()
    book.active["A1"] = "x"
    book.active["A1"].comment = Comment(f"key {token}", "me")
    book.save(samples / "comment.xlsx")
    expect("comment.xlsx")


def neighbours():
    book = Workbook()
    book.active.append(["name", "value"])
    book.active.append(["cloudflare_api_token", token[8:] + "Zx9-q_7Tw2Lm4Rk8"[: 40 - len(token[8:])]])
    book.save(samples / "neighbours.xlsx")
    expect("neighbours.xlsx", "beside its name")


def old_office():
    book = xlwt.Workbook()
    sheet = book.add_sheet("pay")
    for row in range(40):
        sheet.write(row, 0, f"filler {row}")
    sheet.write(3, 1, token)
    book.save(str(samples / "old.xls"))
    expect("old.xls")
    # Beyond Latin-1, so that it is written in two bytes a letter.
    book = xlwt.Workbook()
    book.add_sheet("pay").write(0, 0, f"\u20ac {token}")
    book.save(str(samples / "wide.xls"))
    expect("wide.xls")
    plain = io.BytesIO()
    document = Document()
    document.add_paragraph(token)
    document.save(plain)
    plain.seek(0)
    with open(samples / "locked.docx", "wb") as locked:
        OOXMLFile(plain).encrypt("secret", locked)
    expect("locked.docx", "encrypted")


def pictures():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
    text = f"key = {token}".encode()
    for name, kind, data in (
        ("plain.png", b"tEXt", b"Comment\0" + text),
        ("packed.png", b"zTXt", b"Comment\0\0" + zlib.compress(text)),
        ("wide.png", b"iTXt", b"Comment\0\1\0en\0Comment\0" + zlib.compress(text)),
    ):
        (samples / name).write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(kind, data) + body)
        expect(name)


def slides():
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    paragraph = slide.placeholders[1].text_frame.paragraphs[0]
    for part in (start, middle, end):
        paragraph.add_run().text = part
    presentation.save(samples / "runs.pptx")
    expect("runs.pptx")


def open_document():
    document = OpenDocumentText()
    paragraph = P(text=start)
    paragraph.addElement(Span(text=middle))
    paragraph.addText(end)
    document.text.addElement(paragraph)
    document.save(samples / "spans.odt")
    expect("spans.odt")


def pdfs():
    page = canvas.Canvas(str(samples / "plain.pdf"))
    page.drawString(72, 720, f"key {token}")
    page.save()
    expect("plain.pdf")
    page = canvas.Canvas(str(samples / "packed.pdf"), pageCompression=1)
    text = page.beginText(72, 720)
    text.textOut(start)
    text.textOut(middle)
    text.textOut(end)
    page.drawText(text)
    page.save()
    expect("packed.pdf")
    font = next(Path(sys.modules["reportlab"].__file__).parent.rglob("Vera.ttf"))
    pdfmetrics.registerFont(TTFont("Vera", font))
    page = canvas.Canvas(str(samples / "cut-font.pdf"))
    page.setFont("Vera", 12)
    page.drawString(72, 720, f"key {token}")
    page.save()
    expect("cut-font.pdf")
    page = FPDF()
    page.add_page()
    page.add_font("Vera", fname=font)
    page.set_font("Vera", size=9)
    page.cell(text=f"key {token}")
    page.output(samples / "wide-font.pdf")
    expect("wide-font.pdf")
    with pikepdf.open(samples / "wide-font.pdf") as pdf:
        pdf.save(samples / "object-streams.pdf", object_stream_mode=pikepdf.ObjectStreamMode.generate)
        expect("object-streams.pdf")
        pdf.save(samples / "encrypted.pdf", encryption=pikepdf.Encryption(owner="a", user="b"))
        expect("encrypted.pdf", "encrypted")
    with pikepdf.open(samples / "plain.pdf") as pdf:
        del pdf.pages[0].Contents
        pdf.attachments["conf.txt"] = f"key = {token}".encode()
        pdf.save(samples / "attachment.pdf")
        expect("attachment.pdf")
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.docinfo["/Keywords"] = f"Schl\u00fcssel {token}"
        pdf.save(samples / "metadata.pdf")
        expect("metadata.pdf")


def databases():
    for name, settings, value in (
        ("plain.db", (), f"key {token}"),
        ("wide.db", ("encoding = 'UTF-16le'",), f"key {token}"),
        ("big-endian.db", ("encoding = 'UTF-16be'", "page_size = 1024"), f"key {token}"),
        # The token lies across the end of a page.
        ("overflow.db", ("page_size = 512",), "x" * 480 + " " + token + " " + "y" * 3000),
        ("vacuum.db", ("auto_vacuum = full", "page_size = 65536"), f"key {token}"),
    ):
        connection = sqlite3.connect(samples / name)
        for setting in settings:
            connection.execute(f"pragma {setting}")
        connection.execute("create table settings(name text, value text)")
        connection.executemany("insert into settings values(?, ?)", [(f"n{n}", "filler" * n) for n in range(50)])
        # Right before the token stands another value that ends in a letter.
        connection.execute("insert into settings values(?, ?)", ("payment", value))
        connection.commit()
        connection.close()
        expect(name)
    connection = sqlite3.connect(samples / "deleted.db")
    connection.execute("pragma secure_delete = off")
    connection.execute("create table settings(value text)")
    connection.execute("insert into settings values(?)", (f"the key {token} .",))
    connection.execute("insert into settings values('after')")
    connection.commit()
    connection.execute("delete from settings where value like 'the key%'")
    connection.commit()
    connection.close()
    expect("deleted.db")


def others():
    book = nbformat.v4.new_notebook()
    book.cells.append(nbformat.v4.new_code_cell(f"import os\nkey = '{token}'\n"))
    nbformat.write(book, samples / "book.ipynb")
    expect("book.ipynb")
    (samples / "wide.plist").write_bytes(plistlib.dumps({"k\u00e4y": f"\u00fc {token}"}, fmt=plistlib.FMT_BINARY))
    expect("wide.plist")
    with zipfile.ZipFile(samples / "lzma-by-python.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("conf", f"key = {token}")
    expect("lzma-by-python.zip")
    nested = f"key = {token}\n".encode()
    for number in range(2):
        path = samples / f"layer{number}"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inner.xz", lzma.compress(bz2.compress(gzip.compress(nested))))
        nested = path.read_bytes()
        path.unlink()
    (samples / "nested.zip").write_bytes(nested)
    expect("nested.zip")
    with py7zr.SevenZipFile(samples / "by-python.7z", "w") as archive:
        archive.writestr(json.dumps({"key": token}), "conf.json")
    expect("by-python.7z")


for kind in (word, sheets, neighbours, old_office, pictures, slides, open_document, pdfs, databases, others):
    kind()
