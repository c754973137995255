//! Looking for damage: everything in a slot, row by row, against the tree and its seals. For `claviger doctor`.

use claviger_rules::UserId;

use crate::act::ActId;
use crate::header::Header;
use crate::object::{self, Author, ObjectId};
use crate::record::{self, Frame, Place};
use crate::storage::{self, Scan, Storage as _, Table, View};
use crate::store::Store;
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
    /// The header or the counters: the whole token.
    Token(Error),
    /// Rows that nobody knows of, in some table. They are passed over.
    Unknown(u64),
}

/// What a look at a slot found.
#[derive(Debug, Default)]
pub struct Examined {
    /// How many records were looked at.
    pub records: u64,
    /// How many of them are private, and were not opened for want of a login.
    pub closed: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl Store {
    /// Looks at every record of the slot. Private ones are compared with the tree alone, unless `author` has keys.
    ///
    /// # Errors
    /// Those of the engine. Damage is no error: it is what is looked for.
    pub fn examine(&self, author: Option<Author<'_>>) -> Result<Examined> {
        let mut examined = Examined::default();
        let looked = storage::read(&self.storage, |view| self.look(view, author, &mut examined));
        match looked {
            Ok(()) => examined.findings.extend(self.unknown()?),
            Err(error @ (Error::Damaged | Error::RolledBack | Error::NewerFormat)) => {
                examined.findings.push(Finding::Token(error));
            }
            Err(error) => return Err(error),
        }
        Ok(examined)
    }

    fn look(&self, view: &dyn View, author: Option<Author<'_>>, examined: &mut Examined) -> Result<()> {
        let Some(header) = Header::find(view, &self.device)? else { return Ok(()) };
        let seal = author.and_then(Author::keys).filter(|keys| keys.token == header.token).map(|keys| &keys.seal);
        for table in Table::ALL.iter().copied().filter(|table| table.is_in_tree()) {
            view.scan(table, &[], &mut |key, record| {
                examined.records += 1;
                let is_header = table == Table::Meta && key == Header::KEY;
                let place = if is_header { Header::PLACE } else { Place { token: header.token, table, key } };
                let sealer = match Frame::parse(record) {
                    Ok((frame, _)) if frame.is_private() => seal,
                    _ => Some(&*self.device),
                };
                match sealer {
                    Some(sealer) if record::open(sealer, &place, record).is_err() => {
                        examined.findings.push(finding(table, key)?);
                    }
                    Some(_) => {}
                    None => examined.closed += 1,
                }
                Ok(Scan::More)
            })?;
        }
        Ok(())
    }

    /// Rows that the engine has and the tree does not know.
    fn unknown(&self) -> Result<Option<Finding>> {
        let count = |storage: &dyn storage::Storage| {
            storage::read(storage, |view| {
                let mut rows = 0_u64;
                for table in Table::ALL.iter().filter(|table| table.is_in_tree()) {
                    view.scan(*table, &[], &mut |_, _| {
                        rows += 1;
                        Ok(Scan::More)
                    })?;
                }
                Ok((view.generation(), rows))
            })
        };
        // Both counts of one state: somebody may write in between.
        for _ in 0..8 {
            let ((before, all), (after, known)) = (count(self.storage.below())?, count(&self.storage)?);
            if before == after && before == self.storage.generation()? {
                return Ok(all.checked_sub(known).filter(|more| *more != 0).map(Finding::Unknown));
            }
        }
        Ok(None)
    }
}

fn finding(table: Table, key: &[u8]) -> Result<Finding> {
    let number = table.address(key).ok_or(Error::Damaged)?;
    Ok(match table {
        Table::Objects => Finding::Object(object::id_of(key)?),
        Table::Users => Finding::User(UserId(u32::try_from(number).map_err(|_| Error::Damaged)?)),
        Table::Acts => Finding::Act(ActId(number)),
        Table::PublicIndex | Table::PrivateIndex => Finding::Index,
        Table::Meta | Table::Log | Table::Tree => Finding::Token(Error::Damaged),
    })
}
