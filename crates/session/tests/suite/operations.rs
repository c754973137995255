//! Operations with real keys: one shot and in parts, sizes, errors, and what ends them.
