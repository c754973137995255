//! Looking for damage: everything in a slot, row by row, against the tree and its seals. For `claviger doctor`. What can
//! be told without opening the slot is in [`crate::slot_files`].

use claviger_crypto::seal::SealKey;
use claviger_rules::UserId;

use crate::act::ActId;
use crate::header::Header;
use crate::log::{self, Parts};
use crate::object::{self, Author, ObjectId};
use crate::record::{self, Frame, Place, TokenId};
use crate::storage::Table;
use crate::store::Store;
use crate::tree::Seen;
use crate::{Error, Result};

/// Something in a slot that is not what it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The object's record was edited, moved, deleted or put back.
    Object(ObjectId),
    /// The user's; 0 is what unknown names are tried against.
    User(UserId),
    /// That of an act that waits for approvals.
    Act(ActId),
    /// A part of the index: some objects are not found by their names.
    Index,
    /// A page of the tree. All rows of the table from the first number to the last are refused, those that were deleted
    /// among them.
    Page(Table, u64, u64),
    /// The list of what each change changed has a gap, or a row that does not open.
    Log,
    /// The engine cannot read the table to its end.
    Torn(Table),
    /// The header, the counters or the tree's root: the whole token.
    Token(Error),
    /// Rows that nobody knows of, in all tables. They are passed over.
    Unknown(u64),
}

/// What a look at a slot found.
#[derive(Debug, Default)]
pub struct Examined {
    /// How many records were looked at.
    pub records: u64,
    /// How many of them are sealed under a key that there is not: private ones for want of a login, all where the header
    /// does not open. They were compared with the tree alone.
    pub closed: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl Store {
    /// Looks at every record of the slot. Private ones are compared with the tree alone, unless `author` has keys: the tree
    /// does not notice when the middle of a record was changed, its seal does.
    ///
    /// # Errors
    /// Those of the engine. Damage is no error: it is what is looked for.
    pub fn examine(&self, author: Option<Author<'_>>) -> Result<Examined> {
        let mut look = Look {
            device: &self.device,
            author,
            token: None,
            unknown: 0,
            log: None,
            from_birth: false,
            examined: Examined::default(),
        };
        match self.storage.survey(&mut |seen| look.at(seen)) {
            Ok(generation) => look.end(generation),
            Err(error @ (Error::Damaged | Error::RolledBack | Error::NewerFormat)) => look.find(Finding::Token(error)),
            Err(error) => return Err(error),
        }
        Ok(look.examined)
    }
}

/// A look under way.
struct Look<'a> {
    device: &'a SealKey,
    author: Option<Author<'a>>,
    /// Known once the header was read, which comes first.
    token: Option<TokenId>,
    unknown: u64,
    /// The oldest row of the log and the newest so far.
    log: Option<(u64, u64)>,
    /// Whether the oldest is the one that a token begins with.
    from_birth: bool,
    examined: Examined,
}

impl Look<'_> {
    fn at(&mut self, seen: Seen<'_>) -> Result<()> {
        match seen {
            Seen::Row(Table::Log, key, record) => self.log_row(key, record),
            Seen::Row(table, key, record) => self.row(table, key, record)?,
            Seen::Page(table, (first, last)) => self.find(Finding::Page(table, first, last)),
            Seen::Torn(table) => self.find(Finding::Torn(table)),
            Seen::Unknown(rows) => self.unknown += rows,
        }
        Ok(())
    }

    /// The same is not said twice in a row.
    fn find(&mut self, finding: Finding) {
        if self.examined.findings.last() != Some(&finding) {
            self.examined.findings.push(finding);
        }
    }

    fn row(&mut self, table: Table, key: &[u8], record: &[u8]) -> Result<()> {
        self.examined.records += 1;
        if table == Table::Meta && key == Header::KEY {
            match record::open_value::<Header>(self.device, &Header::PLACE, record) {
                Ok(header) => self.token = Some(header.token),
                Err(error) => self.find(Finding::Token(error)),
            }
            return Ok(());
        }
        if record.is_empty() {
            self.find(named(table, key)?);
            return Ok(());
        }
        match self.opens(table, key, record) {
            Some(true) => {}
            Some(false) => self.find(named(table, key)?),
            None => self.examined.closed += 1,
        }
        Ok(())
    }

    /// Whether the record opens; `None` when the key for it is not known.
    fn opens(&self, table: Table, key: &[u8], record: &[u8]) -> Option<bool> {
        let token = self.token?;
        let is_private = Frame::parse(record).is_ok_and(|(frame, _)| frame.is_private());
        let keys = self.author.and_then(Author::keys).filter(|keys| keys.token == token);
        let sealer = if is_private { &keys?.seal } else { self.device };
        Some(record::open(sealer, &Place { token, table, key }, record).is_ok())
    }

    /// The rows follow each other without a gap.
    fn log_row(&mut self, key: &[u8], record: &[u8]) {
        self.examined.records += 1;
        let Some(token) = self.token else { return };
        let Some(number) = Table::Log.address(key) else {
            self.unknown += 1;
            return;
        };
        let parts = record::open_value::<Parts>(self.device, &Place { token, table: Table::Log, key }, record);
        let follows = self.log.is_none_or(|(_, last)| last.checked_add(1) == Some(number));
        if !follows || parts.is_err() {
            self.find(Finding::Log);
        }
        if self.log.is_none() {
            self.from_birth = parts.is_ok_and(|parts| parts.header && parts.users);
        }
        self.log = Some((self.log.map_or(number, |(oldest, _)| oldest), number));
    }

    /// The log ends with this state, and begins with the token or as far back as rows are kept.
    fn end(&mut self, generation: u64) {
        let reaches = |(oldest, newest): (u64, u64)| {
            newest == generation && (self.from_birth || generation.saturating_sub(oldest) >= log::KEPT - 1)
        };
        if self.token.is_some() && !self.log.is_some_and(reaches) {
            self.find(Finding::Log);
        }
        if self.unknown > 0 {
            self.find(Finding::Unknown(self.unknown));
        }
    }
}

fn named(table: Table, key: &[u8]) -> Result<Finding> {
    let number = table.address(key).ok_or(Error::Damaged)?;
    Ok(match table {
        Table::Objects => Finding::Object(object::id_of(key)?),
        Table::Users => Finding::User(UserId(u32::try_from(number).map_err(|_| Error::Damaged)?)),
        Table::Acts => Finding::Act(ActId(number)),
        Table::PublicIndex | Table::PrivateIndex => Finding::Index,
        Table::Meta | Table::Log | Table::Tree => Finding::Token(Error::Damaged),
    })
}
