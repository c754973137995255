//! The numbers a caller holds: slots, sessions, objects. Not what stands behind them.

/// A slot. Configured, never derived from a serial number and never renumbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub u64);

/// A session of this application. Never 0 (CK_INVALID_HANDLE), never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionHandle(pub u64);

/// An object as this application sees it. Never 0 (CK_INVALID_HANDLE), never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectHandle(pub u64);
