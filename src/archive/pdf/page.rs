//! Pages, and parts that are drawn as pages are.

use super::super::ArchiveError;
use super::super::outlet::{Halt, Outlet, Walk};
use super::font::Font;
use super::objects::{Found, Objects};
use super::text::Drawn;
use super::value::Value;
use memchr::memmem;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Resources are inherited from so far above.
const DEEPEST: usize = 32;

type Fonts = HashMap<Vec<u8>, Rc<Font>>;

/// What was read as pages, and the fonts on the way.
#[derive(Default)]
pub(super) struct Pages {
    read: HashSet<usize>,
    fonts: HashMap<u32, Rc<Font>>,
    tables: HashMap<usize, Rc<Fonts>>,
    pub(super) unread: Option<ArchiveError>,
}

impl Pages {
    /// True where the instructions of a page stand in the object at this place.
    pub(super) fn reads(&self, at: usize) -> bool {
        self.read.contains(&at)
    }

    /// Hands over the words of every page.
    pub(super) fn walk(&mut self, objects: &Objects<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
        let pages = objects.found.iter().filter(|found| found.value.name(b"Type") == Some(b"Page"));
        for (at, found) in pages.enumerate() {
            self.page(at + 1, found, objects, outlet)?;
        }
        Ok(())
    }

    fn page(&mut self, page: usize, found: &Found, objects: &Objects<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
        let mut instructions = Vec::new();
        let Some(contents) = found.value.get(b"Contents") else { return Ok(()) };
        // One stream, or a list of them, which may be an object of its own.
        let contents = match objects.resolve(contents) {
            list @ Value::List(_) => list,
            _ => contents,
        };
        for number in contents.members().iter().filter_map(Value::reference) {
            let Some(at) = objects.place_of(number) else { continue };
            self.read.insert(at);
            let Some(part) = objects.found.get(at) else { continue };
            if let Some((bytes, error)) = objects.content(part, outlet)? {
                instructions.extend_from_slice(&bytes);
                instructions.push(b'\n');
                self.unread = self.unread.take().or(error);
            }
        }
        self.draw(&format!("page {page}"), &instructions, resources(&found.value, objects), objects, outlet)
    }

    /// Hands over the words of a part that is drawn into pages, or of the look of a form's field.
    pub(super) fn part(
        &mut self,
        found: &Found,
        bytes: &[u8],
        objects: &Objects<'_>,
        outlet: &mut Outlet<'_, '_>,
    ) -> Walk {
        self.draw(&format!("object {}", found.number), bytes, resources(&found.value, objects), objects, outlet)
    }

    fn draw(
        &mut self,
        name: &str,
        bytes: &[u8],
        resources: Option<&Value>,
        objects: &Objects<'_>,
        outlet: &mut Outlet<'_, '_>,
    ) -> Walk {
        let fonts = match resources.and_then(|resources| objects.field(resources, b"Font")) {
            Some(table) => self.table(table, objects, outlet)?,
            None => Rc::default(),
        };
        let mut drawn = Drawn::default();
        drawn.follow(bytes, &fonts, outlet.largest());
        if drawn.cut {
            self.unread = self
                .unread
                .take()
                .or(Some(ArchiveError::unsupported("a page with more words than are held in memory")));
        }
        if drawn.unknown {
            let error = ArchiveError::unsupported("text in a font that does not say its letters");
            self.unread = self.unread.take().or(Some(error));
        }
        if drawn.text.is_empty() { Ok(()) } else { outlet.bytes(name, drawn.text.as_bytes()) }
    }

    /// Fonts by their names; a table is read once, however many pages share it.
    fn table(&mut self, table: &Value, objects: &Objects<'_>, outlet: &mut Outlet<'_, '_>) -> Result<Rc<Fonts>, Halt> {
        // The objects are not moved or changed while pages are read, so that the place of a value is its name.
        let place = std::ptr::from_ref(table).addr();
        if let Some(known) = self.tables.get(&place) {
            return Ok(Rc::clone(known));
        }
        let mut fonts = Fonts::new();
        if let Value::Table(fields) = table {
            for (name, font) in fields {
                fonts.insert(name.clone(), self.font(font, objects, outlet)?);
            }
        }
        let fonts = Rc::new(fonts);
        self.tables.insert(place, Rc::clone(&fonts));
        Ok(fonts)
    }

    /// A font is read once, however many pages use it.
    fn font(&mut self, font: &Value, objects: &Objects<'_>, outlet: &mut Outlet<'_, '_>) -> Result<Rc<Font>, Halt> {
        if let Some(known) = font.reference().and_then(|number| self.fonts.get(&number)) {
            return Ok(Rc::clone(known));
        }
        let read = Rc::new(Font::read(font, objects, outlet)?);
        if let Some(number) = font.reference() {
            self.fonts.insert(number, Rc::clone(&read));
        }
        Ok(read)
    }
}

/// True for what is drawn as pages are: parts of pages, and instructions that no page refers to any more.
pub(super) fn is_drawn(found: &Found, bytes: &[u8]) -> bool {
    let drawn = |operator: &[u8]| memmem::find(bytes, operator).is_some();
    found.value.name(b"Subtype") == Some(b"Form")
        || found.value.get(b"BBox").is_some()
        || found.value.get(b"Type").is_none() && drawn(b"BT") && drawn(b"ET") && (drawn(b"Tj") || drawn(b"TJ"))
}

/// Its own resources, or those of what it is a part of.
fn resources<'v>(value: &'v Value, objects: &'v Objects<'_>) -> Option<&'v Value> {
    let mut value = value;
    for _ in 0..DEEPEST {
        if let Some(resources) = objects.field(value, b"Resources") {
            return Some(resources);
        }
        value = objects.field(value, b"Parent")?;
    }
    None
}
