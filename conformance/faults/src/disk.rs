//! A model of a disk under a journal-less reading of POSIX: what is certain after a power cut, and what may or may not be there.
//!
//! * fsync or fdatasync of a file makes certain what was written to that file, its length included.
//! * fsync of a directory makes certain the names in it. Nothing else does: not the fsync of the file (though ext4, XFS and Btrfs
//!   promise as much for new files), nor of another directory.
//! * Everything else is *pending*: after a cut each pending change has happened or has not, whatever became of those before it.
//!   That is harsher than any file system; what survives it survives all.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::frame::Kind;
use crate::place::Files;
use crate::trace::Frame;

/// The disk between two calls.
pub(crate) struct Disk {
    root: PathBuf,
    /// By the inode's number, which may be given again: what has it now.
    nodes: HashMap<u64, usize>,
    /// By node.
    contents: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    pending: Vec<Pending>,
    changes: usize,
}

/// A file or directory, as far as it is certain.
#[derive(Clone)]
enum Content {
    Directory(PathBuf),
    File(Arc<Vec<u8>>),
}

/// A change that is not certain.
struct Pending {
    number: usize,
    change: Change,
}

enum Change {
    Name(PathBuf, usize),
    Forget(PathBuf),
    Rename(PathBuf, PathBuf, usize),
    Write(usize, usize, Vec<u8>),
    Truncate(usize, usize),
}

/// Which pending changes have happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Choice {
    /// Their numbers, rising.
    pub(crate) kept: Vec<usize>,
    /// How many bytes of the last of them have; `None` for all.
    pub(crate) torn: Option<usize>,
}

/// What a frame did to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Did {
    /// A change is pending that was not before.
    Change,
    /// Changes became certain.
    Sync,
    /// Nothing.
    Nothing,
}

impl Disk {
    /// An empty disk; the watched directory `root` has that inode.
    pub(crate) fn new(root: PathBuf, node: u64) -> Self {
        let contents = vec![Content::Directory(PathBuf::new())];
        Self {
            root,
            nodes: HashMap::from([(node, 0)]),
            contents,
            names: BTreeMap::new(),
            pending: Vec::new(),
            changes: 0,
        }
    }

    /// Does what the frame says. `lying` disks sync no file.
    pub(crate) fn apply(&mut self, frame: &Frame, lying: bool) -> Result<Did, String> {
        let change = match frame.kind {
            Kind::Sync => return self.sync(frame, lying),
            Kind::Create => {
                Change::Name(self.below(&frame.text())?, self.new_node(frame.node, Content::File(Arc::default())))
            }
            Kind::Mkdir => {
                let path = self.below(&frame.text())?;
                let node = self.new_node(frame.node, Content::Directory(path.clone()));
                Change::Name(path, node)
            }
            Kind::Write => Change::Write(self.node(frame)?, frame.value as usize, frame.bytes.clone()),
            Kind::Truncate => Change::Truncate(self.node(frame)?, frame.value as usize),
            Kind::Unlink => Change::Forget(self.below(&frame.text())?),
            Kind::Rename => {
                let text = frame.text();
                let (old, new) = text.split_once('\0').ok_or("A rename without two names.")?;
                Change::Rename(self.below(old)?, self.below(new)?, self.node(frame)?)
            }
            Kind::Mark | Kind::Called | Kind::Injected => return Ok(Did::Nothing),
        };
        self.pending.push(Pending { number: self.changes, change });
        self.changes += 1;
        Ok(Did::Change)
    }

    /// The numbers of the pending changes, rising.
    pub(crate) fn pending(&self) -> Vec<usize> {
        self.pending.iter().map(|pending| pending.number).collect()
    }

    /// For each pending change, what it is about: a file, or a directory.
    pub(crate) fn about(&self) -> Vec<usize> {
        let about = |pending: &Pending| match &pending.change {
            Change::Write(node, ..) | Change::Truncate(node, _) => *node,
            Change::Name(path, _) | Change::Forget(path) | Change::Rename(path, ..) => self.parent(path),
        };
        self.pending.iter().map(about).collect()
    }

    /// Where the newest pending change may be torn: at each sector's edge if there are few, and at an odd byte.
    pub(crate) fn tears(&self) -> Vec<usize> {
        let Some(Pending { change: Change::Write(_, start, bytes), .. }) = self.pending.last() else {
            return Vec::new();
        };
        let edges = (start / 512 + 1..).map(|sector| sector * 512 - start).take_while(|length| *length < bytes.len());
        let mut tears: Vec<_> = edges.collect();
        if tears.len() > 3 {
            tears = [0, tears.len() / 2, tears.len() - 1].into_iter().filter_map(|at| tears.get(at).copied()).collect();
        }
        tears.extend(
            [(bytes.len() / 2) | 1, bytes.len().saturating_sub(1)]
                .into_iter()
                .filter(|odd| (1..bytes.len()).contains(odd)),
        );
        tears
    }

    /// What makes one image differ from another: the names, and what has happened to each file that has one. Files that are
    /// hints or are made anew do not count.
    pub(crate) fn identity(&self, choice: &Choice) -> u64 {
        let names = self.names_under(choice);
        let mut hasher = DefaultHasher::new();
        for (path, node) in names.iter().filter(|(path, _)| !is_hint(path)) {
            (path, node, Arc::as_ptr(&self.certain(*node))).hash(&mut hasher);
            for pending in self.kept(choice).filter(|pending| pending.node() == Some(*node)) {
                (pending.number, self.torn(pending, choice)).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// The files of an image.
    pub(crate) fn image(&self, choice: &Choice) -> Files {
        let mut files = Files::new();
        for (path, node) in self.names_under(choice) {
            let bytes = match self.contents.get(node) {
                Some(Content::File(_)) => Some(self.bytes(node, choice)),
                _ => None,
            };
            files.insert(path, bytes);
        }
        files
    }

    fn bytes(&self, node: usize, choice: &Choice) -> Vec<u8> {
        let mut bytes = self.certain(node).as_ref().clone();
        for pending in self.kept(choice) {
            pending.change.apply_to(node, &mut bytes, self.torn(pending, choice));
        }
        bytes
    }

    /// The names that lead to something: whose directories have names, too.
    fn names_under(&self, choice: &Choice) -> BTreeMap<PathBuf, usize> {
        let mut names = self.names.clone();
        for pending in self.kept(choice) {
            pending.change.name_in(&mut names);
        }
        let all = names.clone();
        names.retain(|path, _| path.ancestors().skip(1).all(|above| above == Path::new("") || all.contains_key(above)));
        names
    }

    fn kept<'a>(&'a self, choice: &'a Choice) -> impl Iterator<Item = &'a Pending> {
        self.pending.iter().filter(|pending| choice.kept.binary_search(&pending.number).is_ok())
    }

    fn torn(&self, pending: &Pending, choice: &Choice) -> Option<usize> {
        choice.torn.filter(|_| choice.kept.last() == Some(&pending.number))
    }

    fn sync(&mut self, frame: &Frame, lying: bool) -> Result<Did, String> {
        let node = self.node(frame)?;
        let directory = match self.contents.get(node) {
            Some(Content::Directory(path)) => Some(path.clone()),
            _ if lying => return Ok(Did::Nothing),
            _ => None,
        };
        let is_synced = |pending: &Pending| match &directory {
            None => pending.node() == Some(node),
            Some(directory) => pending.change.path().is_some_and(|path| path.parent() == Some(directory)),
        };
        let (synced, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pending).into_iter().partition(is_synced);
        self.pending = left;
        if synced.is_empty() {
            return Ok(Did::Nothing);
        }
        let mut bytes = self.certain(node).as_ref().clone();
        for Pending { change, .. } in &synced {
            change.name_in(&mut self.names);
            change.apply_to(node, &mut bytes, None);
        }
        if let Some(Content::File(certain)) = self.contents.get_mut(node) {
            *certain = Arc::new(bytes);
        }
        Ok(Did::Sync)
    }

    fn certain(&self, node: usize) -> Arc<Vec<u8>> {
        match self.contents.get(node) {
            Some(Content::File(bytes)) => Arc::clone(bytes),
            _ => Arc::default(),
        }
    }

    fn parent(&self, path: &Path) -> usize {
        let is_parent = |content: &Content| matches!(content, Content::Directory(directory) if Some(directory.as_path()) == path.parent());
        self.contents.iter().position(is_parent).unwrap_or(0)
    }

    fn new_node(&mut self, inode: u64, content: Content) -> usize {
        self.contents.push(content);
        self.nodes.insert(inode, self.contents.len() - 1);
        self.contents.len() - 1
    }

    fn node(&self, frame: &Frame) -> Result<usize, String> {
        let unknown = || format!("The trace has {:?} of a file that nobody made.", frame.kind);
        self.nodes.get(&frame.node).copied().ok_or_else(unknown)
    }

    fn below(&self, path: &str) -> Result<PathBuf, String> {
        let below = Path::new(path).strip_prefix(&self.root);
        below
            .map(Path::to_owned)
            .map_err(|_| format!("The trace names {path}, which is not below the watched directory."))
    }
}

impl Pending {
    /// The file whose bytes it changes.
    fn node(&self) -> Option<usize> {
        match self.change {
            Change::Write(node, ..) | Change::Truncate(node, _) => Some(node),
            _ => None,
        }
    }
}

impl Change {
    /// The name it changes.
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Name(path, _) | Self::Forget(path) | Self::Rename(_, path, _) => Some(path),
            Self::Write(..) | Self::Truncate(..) => None,
        }
    }

    fn name_in(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Name(path, node) => names.insert(path.clone(), *node),
            Self::Forget(path) => names.remove(path),
            Self::Rename(old, new, node) => {
                names.remove(old);
                names.insert(new.clone(), *node)
            }
            Self::Write(..) | Self::Truncate(..) => None,
        };
    }

    fn apply_to(&self, node: usize, bytes: &mut Vec<u8>, torn: Option<usize>) {
        match self {
            Self::Truncate(of, length) if *of == node => bytes.resize(*length, 0),
            Self::Write(of, start, new) if *of == node => {
                let new = new.get(..torn.unwrap_or(new.len())).unwrap_or(new);
                bytes.resize(bytes.len().max(start + new.len()), 0);
                if let Some(place) = bytes.get_mut(*start..start + new.len()) {
                    place.copy_from_slice(new);
                }
            }
            _ => {}
        }
    }
}

/// `store.db-shm` is rebuilt by SQLite when the first process opens the database, `generation` is a hint (docs/FORMAT.md), and
/// both are written through memory mappings, which the shim does not see.
pub(crate) fn is_hint(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "store.db-shm" || name == "generation")
}
