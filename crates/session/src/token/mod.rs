//! A token.

/// A token.
pub struct Token;
