//! Byte strings as terms: the model knows where each came from and how long it is, never what it is.
//!
//! Terms are interned, so that equal terms are equal numbers. What the terms do not see are the equations of the block
//! modes (one block of CBC is one of ECB under another input); the ways are chosen so that none of them matters.

use super::Refused;
use crate::call::{Known, Name};
use crate::way::{BLOCK_LEN, Way};

/// A byte string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Term(usize);

/// Where a byte string came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Everyone knows it.
    Known(Known),
    /// The token's random generator made it.
    Fresh(Name),
    /// The private key that the attacker made outside.
    Attackers,
    /// A term sealed under another; with the name of the call if the token made an IV for it.
    Sealed(Way, Term, Term, Option<Name>),
    /// Bytes opened under a term that did not seal them so: noise, but always the same.
    Noise(Way, Term, Term),
    /// The front of a longer term.
    Front(Term),
    /// A term filled up with zeros to whole blocks.
    Filled(Term),
    /// HKDF of a base, perhaps with another as the salt.
    Derived(Term, Option<Term>),
}

/// Every term of a sequence, with its length in bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms(Vec<(Source, usize)>);

/// What comes of opening bytes.
pub(crate) enum Opened {
    /// These bytes.
    Bytes(Term),
    /// No sealed bytes have this length.
    Length,
    /// They were not sealed so.
    Invalid,
    /// A padding that may happen to look right: nobody can say.
    Doubtful,
}

impl Terms {
    /// The term of that source, `len` bytes long.
    pub(crate) fn intern(&mut self, source: Source, len: usize) -> Term {
        let present = self.0.iter().position(|known| *known == (source, len));
        Term(present.unwrap_or_else(|| {
            self.0.push((source, len));
            self.0.len() - 1
        }))
    }

    /// How many bytes it has.
    pub(crate) fn len(&self, term: Term) -> usize {
        self.0.get(term.0).map_or(0, |(_, len)| *len)
    }

    /// Where it came from.
    pub(crate) fn source(&self, term: Term) -> Option<Source> {
        self.0.get(term.0).map(|(source, _)| *source)
    }

    /// `content` sealed under `under`.
    ///
    /// # Errors
    /// When the way does not take content of this length.
    pub(crate) fn seal(
        &mut self,
        way: Way,
        under: Term,
        content: Term,
        made_iv: Option<Name>,
    ) -> Result<Term, Refused> {
        let len = way.sealed_len(self.len(content)).ok_or(Refused::Length)?;
        Ok(self.intern(Source::Sealed(way, under, content, made_iv), len))
    }

    /// What comes of opening `bytes` with `under`.
    pub(crate) fn open(&mut self, way: Way, under: Term, bytes: Term) -> Opened {
        let Some(most) = way.opened_len(self.len(bytes)) else { return Opened::Length };
        match self.source(bytes) {
            Some(Source::Sealed(sealed, by, content, _)) if by == under && way.opens(sealed) => Opened::Bytes(content),
            _ if way == Way::CbcPad => Opened::Doubtful,
            _ if way.authenticates() => Opened::Invalid,
            _ => Opened::Bytes(self.intern(Source::Noise(way, under, bytes), most)),
        }
    }

    /// `term` filled up with zeros to whole blocks.
    pub(crate) fn fill(&mut self, term: Term) -> Term {
        let len = self.len(term);
        if len.is_multiple_of(BLOCK_LEN) {
            return term;
        }
        self.intern(Source::Filled(term), len.next_multiple_of(BLOCK_LEN))
    }

    /// `term` without the zeros that it was filled up with.
    pub(crate) fn unfilled(&self, term: Term) -> Term {
        match self.source(term) {
            Some(Source::Filled(whole)) => whole,
            _ => term,
        }
    }

    /// The first `len` bytes of `term`, or `term` itself when it has no more.
    pub(crate) fn cut(&mut self, term: Term, len: usize) -> Term {
        match self.source(term) {
            Some(Source::Filled(whole)) if self.len(whole) == len => whole,
            _ if self.len(term) > len => self.intern(Source::Front(term), len),
            _ => term,
        }
    }
}
