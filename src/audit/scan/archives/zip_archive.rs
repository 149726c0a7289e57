//! ZIP archives that are held in memory (APPNOTE).

use super::super::super::layer::text;
use memchr::memmem;
use std::io::Cursor;
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

/// What begins an entry in the directory of a ZIP (APPNOTE 4.3.12).
pub(super) const ENTRY: &[u8] = b"PK\x01\x02";

/// A ZIP whose directory can be followed.
pub(super) struct Zip<'b> {
    archive: ZipArchive<Cursor<&'b [u8]>>,
    /// What programs see differently in it.
    pub(super) doubt: Option<String>,
}

/// A member of a ZIP.
pub(super) struct ZipMember<'z, 'b> {
    pub(super) name: String,
    /// Its bytes as the directory claims them.
    pub(super) size: u64,
    /// Its bytes as they are stored.
    pub(super) stored: u64,
    /// What is in it, or why that cannot be read.
    pub(super) content: Result<ZipFile<'z, Cursor<&'b [u8]>>, String>,
}

impl<'b> Zip<'b> {
    /// Reads the directory of a ZIP of at most so many members; or says why it is not opened.
    pub(super) fn open(bytes: &'b [u8], most: usize) -> Result<Self, String> {
        // Before anything is made of its directory: each of its entries has this mark.
        if memmem::find_iter(bytes, ENTRY).nth(most).is_some() {
            return Err(format!("it has more than {most} members"));
        }
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| reason(&error))?;
        if archive.has_overlapping_entries().map_err(|error| reason(&error))? {
            return Err("members of it share bytes, as in a bomb".to_owned());
        }
        // Doubled names, members that the directory leaves out.
        let doubt = archive.validate_header_consistency().err().map(|error| reason(&error));
        Ok(Self { archive, doubt })
    }

    pub(super) fn len(&self) -> usize {
        self.archive.len()
    }

    /// A member, unless it is an empty directory; or why it is none.
    pub(super) fn member(&mut self, number: usize) -> Result<Option<ZipMember<'_, 'b>>, String> {
        let raw = self.archive.by_index_raw(number).map_err(|error| reason(&error))?;
        if raw.is_dir() && raw.size() == 0 {
            return Ok(None);
        }
        let (name, size, stored) = (text(raw.name_raw()), raw.size(), raw.compressed_size());
        let is_encrypted = raw.encrypted();
        drop(raw);
        let content = if is_encrypted {
            Err("it is encrypted".to_owned())
        } else {
            self.archive.by_index(number).map_err(|error| reason(&error))
        };
        Ok(Some(ZipMember { name, size, stored, content }))
    }
}

fn reason(error: &ZipError) -> String {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) | ZipError::InvalidPassword => {
            "it is encrypted".to_owned()
        }
        other => format!("it is damaged, or of a kind that sealift does not open: {other}"),
    }
}
