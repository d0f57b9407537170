//! Checkpoints: who keeps one elsewhere can show later that everything up to it is still there, unchanged. They have the
//! form of the C2SP text `tlog-checkpoint`, so that tools and witnesses of others read and sign them too.

use super::tree::Root;
use crate::seal::{Note, NoteError, NoteKey, Signer};

/// The records up to one moment, in one hash, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which journal.
    pub origin: String,
    /// How many records there were.
    pub size: u64,
    /// What stands for them.
    pub root: Root,
    note: Note,
    text: String,
}

impl Checkpoint {
    /// Signs what stands for the first `size` records.
    pub(super) fn sign(signer: &Signer, size: u64, root: Root) -> Result<Self, NoteError> {
        Self::parse(&signer.sign(&format!("{}\n{size}\n{root}\n", signer.key().name())))
    }

    /// Reads one; who signed it is what [`Checkpoint::verify`] says.
    ///
    /// # Errors
    /// [`NoteError::Form`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let form = |problem| NoteError::Form { problem };
        let note = Note::parse(text)?;
        let mut lines = note.text.trim_end_matches('\n').split('\n');
        let origin = lines.next().filter(|line| !line.is_empty()).ok_or_else(|| form("it names no journal"))?;
        let size = lines
            .next()
            .and_then(|line| line.parse::<u64>().ok().filter(|size| size.to_string() == line))
            .ok_or_else(|| form("its second line is no number of records"))?;
        let root = lines.next().and_then(Root::parse).ok_or_else(|| form("its third line is no root"))?;
        if lines.any(str::is_empty) || note.text.ends_with("\n\n") {
            return Err(form("it is longer than a checkpoint"));
        }
        Ok(Self { origin: origin.to_owned(), size, root, text: text.to_owned(), note: note.clone() })
    }

    /// The signed note, as it is kept elsewhere.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// That one of these keys signed it.
    ///
    /// # Errors
    /// [`NoteError::Stranger`] and [`NoteError::Forged`].
    pub fn verify<'k>(&self, keys: &'k [NoteKey]) -> Result<&'k NoteKey, NoteError> {
        self.note.verify(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::*;

    #[test]
    fn it_has_the_form_of_the_book_and_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::load_or_create(&folder.path().join("key"), Some("example.com/log")).unwrap();
        let made = Checkpoint::sign(&signer, 7, Tree::default().root()).unwrap();
        let begin = "example.com/log\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\u{2014} example.com/log ";
        assert!(made.text().starts_with(begin) && made.text().ends_with("=\n"), "{}", made.text());
        let read = Checkpoint::parse(made.text()).unwrap();
        assert_eq!(read, made);
        read.verify(std::slice::from_ref(signer.key())).unwrap();
        let more = signer.sign("example.com/log\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nmore\n");
        assert_eq!(Checkpoint::parse(&more).unwrap().size, 7, "lines of others may follow");
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::load_or_create(&folder.path().join("key"), None).unwrap();
        let root = Tree::default().root().to_string();
        for text in [
            "o\n".to_owned(),
            format!("\n7\n{root}\n"),
            format!("o\n07\n{root}\n"),
            format!("o\n-7\n{root}\n"),
            format!("o\n+7\n{root}\n"),
            format!("o\n7\n{}\n", root.trim_end_matches('=')),
            format!("o\n7\n{root}\n\n"),
            format!("o\n7\n{root}\n\nx\n"),
        ] {
            assert!(Checkpoint::parse(&signer.sign(&text)).is_err(), "{text:?}");
        }
    }
}
